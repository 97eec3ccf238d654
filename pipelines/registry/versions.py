"""Versions of registered models: made, found, described, loaded."""

import tempfile
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import mlflow
import numpy as np
from mlflow.artifacts import download_artifacts
from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException
from mlflow.models import ModelSignature
from mlflow.types import DataType, ParamSchema, ParamSpec, Schema, TensorSpec

from components.data.shards import sha256_of
from pipelines.registry.aliases import model_of, registered_names
from pipelines.runtime.errors import UserError
from pipelines.runtime.runs import Run, tracking_uri

CONTENT_TAG = "content_sha256"
LATEST = "latest"
RATIO_TAG = "validation_ratio"  # followed by objective and scenario


def find_version(name: str, content: str) -> str | None:
    """The registered version that holds exactly this content, if there is one."""
    for version in _stored(name):
        if version.tags.get(CONTENT_TAG) == content:
            return str(version.version)
    return None


def _stored(name: str) -> list[ModelVersion]:
    """What the registry holds of a model, in no particular order.

    MLflow's filter takes a name in either kind of quotes, and has no way to write a quote inside its own kind.
    """
    quote = '"' if "'" in name else "'"
    query = None if quote in name else f"name={quote}{name}{quote}"
    found: list[ModelVersion] = []
    token = None
    while True:
        page = mlflow.MlflowClient().search_model_versions(query, page_token=token)
        found += [version for version in page if version.name == name]
        token = page.token
        if not token:
            return found


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
            # As addresses: MLflow would read one from a path in which %20 or a question mark stands for itself.
            artifacts={key: path.resolve().as_uri() for key, path in artifacts.items()},
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
    for warning in caught:
        if not any(word in str(warning.message) for word in ("type hints", "input example")):
            warnings.warn_explicit(warning.message, warning.category, warning.filename, warning.lineno)


def _param(name: str, default: str | float | list[float]) -> ParamSpec:
    kind = DataType.string if isinstance(default, str) else DataType.double
    return ParamSpec(name, kind, default, (-1,) if isinstance(default, list) else None)


def load(model_uri: str) -> Callable[..., np.ndarray]:
    """A registered model as a function from gain_db [B, K, K] and its keyword parameters, if any, to power [B, K].

    Raises:
        UserError: there is no such model; the function raises it for a parameter that the model does not take.
    """
    try:
        with _without_advice():
            model = mlflow.pyfunc.load_model(str(fetch(model_uri)))
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


class Version(NamedTuple):
    """One version of a registered model."""

    name: str
    number: str
    aliases: tuple[str, ...]
    created_s: float  # since 1970
    tags: dict[str, str]
    card: str  # Markdown


def mean_ratio(tags: Mapping[str, str]) -> str:
    """The mean of the ratios that a version's tags hold; empty if there are none."""
    found = [float(value.split()[0]) for key, value in tags.items() if key.startswith(f"{RATIO_TAG}.")]
    return f"{sum(found) / len(found):.4f}" if found else ""


def versions(name: str) -> list[Version]:
    """Every version of a model, oldest first.

    Raises:
        UserError: there is no such model.
    """
    model = model_of(name)
    if model is None:
        known = ", ".join(registered_names()) or "none"
        raise UserError(f"{tracking_uri()} has no model {name} (it has: {known})")
    pointing: dict[str, list[str]] = {}
    for alias, number in model.aliases.items():
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
        for version in _stored(name)
    ]
    return sorted(found, key=lambda version: int(version.number))


def find(name: str, which: str) -> Version:
    """The version of a number or an alias; `latest` is the newest, as in MLflow's own addresses.

    Raises:
        UserError: there is no such model or version.
    """
    known = versions(name)
    if which == LATEST and known:
        return known[-1]
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


def fetch(model_uri: str, folder: Path | None = None) -> Path:
    """A folder with the model's files: a copy below `folder`, or one that lasts as long as this process.

    What is no address of a registry, such as a folder, is not copied. MLflow writes into the folder that it answers a
    registry's address with, and the registry may be one that this user can only read.

    Raises:
        UserError: there is no such model, or its files are gone.
    """
    try:
        if folder is None and model_uri.startswith("models:/"):
            folder = Path(tempfile.mkdtemp(dir=_temporary().name))
        return Path(download_artifacts(model_uri, dst_path=folder and str(folder)))
    except (MlflowException, OSError) as error:
        answer = " ".join(str(error).split())
        raise UserError(f"{model_uri} cannot be loaded from {tracking_uri()}: {answer}") from None


@cache
def _temporary() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="gfm-ra-model-")


def program(folder: Path) -> Any:  # noqa: ANN401 (what a registered model runs has no type here)
    """The program inside a fetched model: `PowerAllocator` of `pyfunc_model.py`, opened."""
    try:
        with _without_advice():
            return mlflow.pyfunc.load_model(str(folder)).unwrap_python_model()
    except (MlflowException, OSError, ValueError) as error:
        raise UserError(f"{folder} holds no sound model of ours: {' '.join(str(error).split())}") from None
