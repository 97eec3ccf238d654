"""Aliases of registered models: `candidate`, `champion`, `previous`, and who may move them when."""

from collections.abc import Iterator
from contextlib import contextmanager

import mlflow
from mlflow.entities.model_registry import RegisteredModel
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import RESOURCE_DOES_NOT_EXIST, ErrorCode

from pipelines.registry.claim import claimed
from pipelines.runtime import runs
from pipelines.runtime.errors import UserError
from pipelines.runtime.tracking.answers import explained

# The newest that was registered; what people use; what was champion before.
CANDIDATE, CHAMPION, PREVIOUS = "candidate", "champion", "previous"
MOST_MODELS = 1000  # in one answer, as many as MLflow gives


class Overtaken(UserError):
    """Somebody else has moved `champion` meanwhile."""


def registered_names() -> list[str]:
    """Names of all registered models.

    Raises:
        UserError: the registry refuses, fails or does not answer.
    """
    try:
        models = mlflow.MlflowClient().search_registered_models(max_results=MOST_MODELS)
    except MlflowException as error:
        raise UserError(f"{runs.tracking_uri()} does not say which models it has: {_reason(error)}") from None
    return sorted(model.name for model in models)


def model_of(name: str) -> RegisteredModel | None:
    """A registered model; None if the registry itself says that there is none of that name.

    Raises:
        UserError: the registry does not say so: it refuses, fails or does not answer.
    """
    try:
        return mlflow.MlflowClient().get_registered_model(name)
    except MlflowException as error:
        if error.error_code == ErrorCode.Name(RESOURCE_DOES_NOT_EXIST):
            return None
        raise UserError(
            f"{runs.tracking_uri()} does not say what it has of {name}: nothing was promoted; {_reason(error)}"
        ) from None


def alias_version(name: str, alias: str) -> str | None:
    """The version that an alias points to; None if the registry itself says that there is no such alias or model.

    Raises:
        UserError: the registry does not say so: it refuses, fails or does not answer.
    """
    model = model_of(name)
    number = None if model is None else model.aliases.get(alias)
    return None if number is None else str(number)


def usable_alias(name: str) -> str:
    """`champion`, or `candidate` if the registry says that nothing is champion yet but something is registered."""
    champion, candidate = (alias_version(name, alias) for alias in (CHAMPION, CANDIDATE))
    return CANDIDATE if champion is None and candidate is not None else CHAMPION


def names_with(*aliases: str) -> list[str]:
    """Names of the registered models that have one of the aliases."""
    return [name for name in registered_names() if any(alias_version(name, alias) for alias in aliases)]


def offer(name: str, version: str) -> None:
    """Point `candidate` at a version."""
    with _writing(name):
        mlflow.MlflowClient().set_registered_model_alias(name, CANDIDATE, version)


def promote(name: str, version: str) -> str | None:
    """Point `champion` at a version, whatever it points to; that one becomes `previous` and is returned.

    Raises:
        UserError: the registry fails, or its answer afterwards is another one.
    """
    with _alone(name):
        old = alias_version(name, CHAMPION)
        _move(name, version, old)
        return old


def promote_over(name: str, version: str, old: str | None) -> None:
    """Point `champion` at a version if it still points to `old` (None: to nothing), which becomes `previous`.

    Raises:
        Overtaken: it points to another version.
        UserError: the registry fails.
    """
    _check_still(name, version, old)  # who is late need not wait for the others
    with _alone(name):
        _check_still(name, version, old)
        _move(name, version, old)


def roll_back(name: str) -> tuple[str, str]:
    """Exchange `champion` and `previous`; returns the new champion's version and the old one's.

    Raises:
        UserError: nothing was champion before.
    """
    with _alone(name):
        old, new = alias_version(name, CHAMPION), alias_version(name, PREVIOUS)
        if old is None or new is None:
            raise UserError(f"{name} has no version with the alias {PREVIOUS}: there is nothing to return to")
        _move(name, new, old)
        return new, old


def _move(name: str, version: str, old: str | None) -> None:
    """Set both aliases and read back what came of it."""
    client = mlflow.MlflowClient()
    with _writing(name):
        if old is not None and old != version:
            client.set_registered_model_alias(name, PREVIOUS, old)
        client.set_registered_model_alias(name, CHAMPION, version)
    _check_still(name, version, version)  # MLflow's own pages, for one, ask for no lock


def _check_still(name: str, version: str, expected: str | None) -> None:
    """Raise Overtaken, with the winner, if another version than expected is champion."""
    now = alias_version(name, CHAMPION)
    if now != expected:
        winner = f"{now} has become champion of {name}" if now else f"{name} has lost its champion"
        raise Overtaken(f"{winner} meanwhile: {version} was not promoted; run the same command again")


@contextmanager
def _alone(name: str) -> Iterator[None]:
    """Nobody else moves this model's aliases meanwhile: a file lock beside sqlite, a claim on a server."""
    uri = runs.tracking_uri()
    if runs.database_of(uri) is not None:
        with runs.alone(uri):
            yield
    else:
        with _writing(name), claimed(name):
            yield


@contextmanager
def _writing(name: str) -> Iterator[None]:
    """One line for a registry that does not take what is written."""
    try:
        yield
    except MlflowException as error:
        raise UserError(
            f"{runs.tracking_uri()} did not take an alias of {name}: `gfm-ra models list` shows what it has; "
            f"{_reason(error)}"
        ) from None


def _reason(error: MlflowException) -> str:
    return explained(error, runs.tracking_uri())
