"""The one place that speaks to MLflow: runs with live metrics, and the model registry."""

import fcntl
import http.client
import os
import subprocess
import time
import urllib.error
import urllib.request
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import mlflow
import numpy as np
from mlflow.artifacts import download_artifacts
from mlflow.entities import Metric, Param
from mlflow.exceptions import MlflowException
from mlflow.models import ModelSignature
from mlflow.types import DataType, ParamSchema, ParamSpec, Schema, TensorSpec

from components.shards import sha256_of
from pipelines.errors import UserError

EXPERIMENT = "gfm-ra"
FOLDER_TAG = "folder"  # where a stage ran: its DAG
LOCAL_URI = "sqlite:///mlflow.db"
ANSWER_WITHIN_S = 5.0
MOST_MODELS = 1000  # in one answer, as many as MLflow gives


def tracking_uri() -> str:
    """MLFLOW_TRACKING_URI if set, else a sqlite database in the current folder."""
    return os.environ.get("MLFLOW_TRACKING_URI") or LOCAL_URI


def connect(create: bool = True) -> None:
    """Point MLflow at the tracking URI, after making sure that something answers there.

    `create`: make a database or experiment that is not there yet; who only reads does not.

    Raises:
        UserError: nothing answers, nothing is there to read, or the address cannot be used.
    """
    uri = tracking_uri()
    if not create and uri.startswith("sqlite:///") and not Path(uri.removeprefix("sqlite:///")).is_file():
        raise UserError(
            f"there is no registry at {uri}, seen from {Path.cwd()}: `make repro` makes it, or go to its folder or set "
            "MLFLOW_TRACKING_URI"
        )
    remedy = "start it with `mlflow server`, mend MLFLOW_TRACKING_URI, or unset it to use sqlite:///mlflow.db"
    if uri.startswith(("http://", "https://")):
        try:
            urllib.request.urlopen(f"{uri.rstrip('/')}/health", timeout=ANSWER_WITHIN_S).close()
        except (urllib.error.URLError, http.client.HTTPException, OSError) as error:
            reason = getattr(error, "reason", error)
            raise UserError(f"no MLflow server answers at {uri} ({reason}): {remedy}") from None
    mlflow.set_tracking_uri(uri)
    try:
        if create:
            with _alone(uri):
                _tables(uri)
                _experiment(uri)
    # MLflow, SQLAlchemy, a missing driver or the file system: each has exceptions of its own.
    except Exception as error:
        raise UserError(f"MLflow cannot use {uri} ({' '.join(str(error).split())[:200]}): {remedy}") from None


@contextmanager
def _alone(uri: str) -> Iterator[None]:
    """Nobody else meanwhile: two processes that both make the tables of a new database spoil it for each other."""
    if not uri.startswith("sqlite:///"):
        yield
        return
    with Path(f"{uri.removeprefix('sqlite:///')}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _tables(uri: str) -> None:
    """Make a new database beside its place: one that is left half made by kill -9 could be neither used nor mended."""
    database = Path(uri.removeprefix("sqlite:///"))
    if not uri.startswith("sqlite:///") or database.exists():
        return
    for left in database.parent.glob(f"{database.name}.new-*"):
        left.unlink()
    # A name of its own, since MLflow remembers by name which databases have their tables.
    fresh = database.with_name(f"{database.name}.new-{time.time_ns()}")
    mlflow.MlflowClient(tracking_uri=f"sqlite:///{fresh}").search_experiments()
    os.replace(fresh, database)


def _experiment(uri: str) -> None:
    if mlflow.get_experiment_by_name(EXPERIMENT) is None:
        # A server chooses its own artifact store; a local database keeps artifacts beside it.
        database = Path(uri.removeprefix("sqlite:///")) if uri.startswith("sqlite") else None
        location = None if database is None else (database.absolute().parent / "mlartifacts").as_uri()
        mlflow.create_experiment(EXPERIMENT, artifact_location=location)
    mlflow.set_experiment(EXPERIMENT)


class Run:
    """One MLflow run; metrics may come from any thread of this process."""

    def __init__(self, run_id: str) -> None:
        self.run_id = run_id
        self._client = mlflow.MlflowClient()

    def metrics(self, values: Mapping[str, float], step: int = 0) -> None:
        """Log metrics of one step in one call."""
        stamp = int(time.time() * 1000)
        entities = [Metric(name, float(value), stamp, step) for name, value in values.items()]
        self._client.log_batch(self.run_id, metrics=entities)

    def tags(self, values: Mapping[str, str]) -> None:
        """Set tags."""
        for name, value in values.items():
            self._client.set_tag(self.run_id, name, value)

    def artifact(self, path: Path) -> None:
        """Upload a file."""
        self._client.log_artifact(self.run_id, str(path))


@contextmanager
def run(
    name: str, parameters: Mapping[str, Any], parent: str | None = None, failed: bool = False
) -> Iterator[Run]:
    """A run that ends as FINISHED, or as FAILED if the block raises or `failed` says so; call `connect` first."""
    tags = {"git_commit": git_commit(), FOLDER_TAG: str(Path.cwd())} | (
        {"mlflow.parentRunId": parent} if parent else {}
    )
    client = mlflow.MlflowClient()
    experiment = mlflow.get_experiment_by_name(EXPERIMENT)
    assert experiment is not None
    record = client.create_run(experiment.experiment_id, run_name=name, tags=tags)
    flat = [Param(key, str(value)[:500]) for key, value in flatten(parameters).items()]
    for start in range(0, len(flat), 100):  # as many as MLflow takes at a time
        client.log_batch(record.info.run_id, params=flat[start : start + 100])
    status = "FAILED"
    try:
        yield Run(record.info.run_id)
        status = "FAILED" if failed else "FINISHED"
    finally:
        client.set_terminated(record.info.run_id, status)


def flatten(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested mappings to one level with dotted keys."""
    flat: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(value, Mapping):
            flat |= flatten(value, f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = value
    return flat


def git_commit() -> str:
    """The commit that is checked out, or "unknown" outside a git checkout."""
    answer = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=False)
    return answer.stdout.strip() if answer.returncode == 0 else "unknown"


def newest_runs() -> dict[str, tuple[str, float]]:
    """By stage the newest run in this folder that finished: when it began (ISO 8601, UTC) and how many seconds it took.

    Other DAGs' stages of the same names run in folders of their own.
    """
    experiment = mlflow.get_experiment_by_name(EXPERIMENT)
    assert experiment is not None
    found: dict[str, tuple[str, float]] = {}
    for record in mlflow.MlflowClient().search_runs(
        [experiment.experiment_id],
        f"attributes.status = 'FINISHED' and tags.{FOLDER_TAG} = '{Path.cwd()}' and metrics.seconds > 0",
        order_by=["attributes.start_time DESC"],
    ):
        name, seconds = record.info.run_name, record.data.metrics.get("seconds")
        if name and seconds is not None:
            began = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(record.info.start_time / 1000))
            found.setdefault(name, (began, float(seconds)))
    return found


CHAMPION, PREVIOUS = "champion", "previous"
CONTENT_TAG = "content_sha256"


def find_version(name: str, content: str) -> str | None:
    """The registered version that holds exactly this content, if there is one."""
    client = mlflow.MlflowClient()
    for version in client.search_model_versions(f"name='{name}'"):
        if version.tags.get(CONTENT_TAG) == content:
            return str(version.version)
    return None


def alias_version(name: str, alias: str) -> str | None:
    """The version that an alias points to, if there is one."""
    try:
        return str(mlflow.MlflowClient().get_model_version_by_alias(name, alias).version)
    except MlflowException:
        return None


def add_version(
    run: Run,
    name: str,
    program: Path,
    artifacts: Mapping[str, Path],
    requirements: list[str],
    tags: Mapping[str, str],
    parameters: Mapping[str, str | float | list[float]] | None = None,
) -> str:
    """Register a model from code (no pickle): input gain_db [-1,-1,-1], output power [-1,-1], both float32.

    `artifacts` hold the "graph", whose checksum goes with it: a damaged copy is refused where it is loaded.
    `parameters` are what a caller may pass beside the gains, with their defaults.
    """
    artifacts = {**artifacts, "checksum": write_checksum(artifacts["graph"])}
    signature = ModelSignature(
        inputs=Schema([TensorSpec(np.dtype("float32"), (-1, -1, -1), "gain_db")]),
        outputs=Schema([TensorSpec(np.dtype("float32"), (-1, -1), "power")]),
        **(
            {}
            if parameters is None
            else {"params": ParamSchema([_param(*item) for item in parameters.items()])}
        ),
    )
    with _without_advice(), mlflow.start_run(run_id=run.run_id, log_system_metrics=False):
        info = mlflow.pyfunc.log_model(
            name=name,
            python_model=str(program),
            artifacts={key: str(path.resolve()) for key, path in artifacts.items()},
            signature=signature,
            pip_requirements=requirements,
            registered_model_name=name,
        )
    client = mlflow.MlflowClient()
    version = str(info.registered_model_version)
    for key, value in tags.items():
        client.set_model_version_tag(name, version, key, value)
    return version


def write_checksum(graph: Path) -> Path:
    """Write the checksum that a registered model compares its graph with, into a file beside it."""
    path = graph.with_name("graph.sha256")
    path.write_text(f"{sha256_of(graph)}\n")
    return path


@contextmanager
def _without_advice() -> Iterator[None]:
    """Without MLflow's hints to describe inputs by examples and type hints: the signature describes them."""
    # MLflow sets filters of its own while it loads a model, so what it says is caught, not filtered.
    with warnings.catch_warnings(record=True) as caught:
        yield
    for said in caught:
        if not any(word in str(said.message) for word in ("type hints", "input example")):
            warnings.warn_explicit(said.message, said.category, said.filename, said.lineno)


def _param(name: str, default: str | float | list[float]) -> ParamSpec:
    kind = DataType.string if isinstance(default, str) else DataType.double
    return ParamSpec(name, kind, default, (-1,) if isinstance(default, list) else None)


def promote(name: str, version: str) -> None:
    """Point `champion` at a version; the one it pointed to keeps the alias `previous`."""
    client, old = mlflow.MlflowClient(), alias_version(name, CHAMPION)
    if old is not None and old != version:
        client.set_registered_model_alias(name, PREVIOUS, old)
    client.set_registered_model_alias(name, CHAMPION, version)


def load(model_uri: str) -> Callable[..., np.ndarray]:
    """A registered model as a function from gain_db [B, K, K] and its keyword parameters, if any, to power [B, K].

    Raises:
        UserError: there is no such model; the function raises it for a parameter that the model does not take.
    """
    try:
        with _without_advice():
            model = mlflow.pyfunc.load_model(model_uri)
    except (MlflowException, OSError, ValueError) as error:
        raise UserError(
            f"{model_uri} cannot be loaded from {tracking_uri()}: {' '.join(str(error).split())}"
        ) from None
    schema = model.metadata.get_params_schema()
    known = [] if schema is None else [param.name for param in schema.params]

    def predict(gain_db: np.ndarray, **params: str | float | list[float]) -> np.ndarray:
        # MLflow only warns of these and answers as if they had not been given.
        if unknown := [name for name in params if name not in known]:
            takes = f"takes only {', '.join(known)}" if known else "is for one goal and takes no parameters"
            raise UserError(f"{model_uri} {takes}: leave out {', '.join(unknown)} or name another model")
        return np.asarray(model.predict(np.ascontiguousarray(gain_db, np.float32), params=params or None))

    return predict


def champions() -> list[tuple[str, str, dict[str, str]]]:
    """Name, champion version and its tags of every registered model that has a champion."""
    client = mlflow.MlflowClient()
    found = []
    for model in client.search_registered_models(max_results=MOST_MODELS):
        version = alias_version(model.name, CHAMPION)
        if version is not None:
            found.append((model.name, version, dict(client.get_model_version(model.name, version).tags)))
    return found


class Version(NamedTuple):
    """One version of a registered model."""

    name: str
    number: str
    aliases: tuple[str, ...]
    created_s: float  # since 1970
    tags: dict[str, str]
    card: str  # Markdown


def registered_names() -> list[str]:
    """Names of all registered models."""
    return sorted(
        model.name for model in mlflow.MlflowClient().search_registered_models(max_results=MOST_MODELS)
    )


def versions(name: str) -> list[Version]:
    """Every version of a model, oldest first.

    Raises:
        UserError: there is no such model.
    """
    client = mlflow.MlflowClient()
    try:
        aliases = client.get_registered_model(name).aliases
    except MlflowException:
        known = ", ".join(registered_names()) or "none"
        raise UserError(f"{tracking_uri()} has no model {name} (it has: {known})") from None
    pointing: dict[str, list[str]] = {}
    for alias, number in aliases.items():
        pointing.setdefault(str(number), []).append(alias)
    found = [
        Version(
            name,
            str(version.version),
            tuple(sorted(pointing.get(str(version.version), []))),
            version.creation_timestamp / 1000.0,
            dict(version.tags),
            version.description or "",
        )
        for version in client.search_model_versions(f"name='{name}'")
    ]
    return sorted(found, key=lambda version: int(version.number))


def find(name: str, which: str) -> Version:
    """The version of a number or an alias.

    Raises:
        UserError: there is no such model or version.
    """
    known = versions(name)
    for version in known:
        if which == version.number or which in version.aliases:
            return version
    choices = ", ".join(word for version in known for word in (version.number, *version.aliases))
    raise UserError(f"{name} has no version {which} (it has: {choices or 'none'})")


def version_of(model_uri: str) -> Version | None:
    """The version that a models:/ address means now; None for any other address, such as a folder.

    Raises:
        UserError: there is no such model or version.
    """
    name, separator, which = model_uri.removeprefix("models:/").replace("@", "/").partition("/")
    return find(name, which) if separator and model_uri.startswith("models:/") else None


def describe(version: Version) -> None:
    """Write a version's card and tags."""
    client = mlflow.MlflowClient()
    client.update_model_version(version.name, version.number, version.card)
    for key, value in version.tags.items():
        client.set_model_version_tag(version.name, version.number, key, value)


def roll_back(name: str) -> tuple[str, str]:
    """Exchange `champion` and `previous`; returns the new champion's version and the old one's.

    Raises:
        UserError: nothing was champion before.
    """
    old, new = alias_version(name, CHAMPION), alias_version(name, PREVIOUS)
    if old is None or new is None:
        raise UserError(f"{name} has no version with the alias {PREVIOUS}: there is nothing to return to")
    promote(name, new)
    return new, old


def fetch(model_uri: str, folder: Path | None = None) -> Path:
    """A folder with the model's files: a copy below `folder`, or where MLflow keeps or downloads them.

    Raises:
        UserError: there is no such model, or its files are gone.
    """
    try:
        return Path(download_artifacts(model_uri, dst_path=folder and str(folder)))
    except (MlflowException, OSError) as error:
        said = " ".join(str(error).split())
        raise UserError(f"{model_uri} cannot be fetched from {tracking_uri()}: {said}") from None


def program(folder: Path) -> Any:  # noqa: ANN401 (what a registered model runs has no type here)
    """The program inside a fetched model: `PowerAllocator` of `served_model.py`, opened."""
    try:
        with _without_advice():
            return mlflow.pyfunc.load_model(str(folder)).unwrap_python_model()
    except (MlflowException, OSError, ValueError) as error:
        raise UserError(f"{folder} holds no sound model of ours: {' '.join(str(error).split())}") from None
