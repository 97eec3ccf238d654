"""Models of an MLflow registry, as folders."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

from gfm_ra.errors import UserError, redacted

DATABASE = "mlflow.db"
"""The registry of a clone, in its top folder, unless MLFLOW_TRACKING_URI names another one."""


@contextmanager
def fetched(address: str) -> Iterator[Path]:
    """A copy of a registered model's files, `models:/name@alias` or `models:/name/version`, for as long as needed.

    A copy, since MLflow writes into the folder that it loads from, which may be read-only.

    Raises:
        UserError: mlflow is missing, there is no such model, or the registry does not answer.
    """
    mlflow = _connected(address)
    from mlflow.artifacts import download_artifacts

    with tempfile.TemporaryDirectory(prefix="gfm-ra-") as scratch:
        try:
            yield Path(download_artifacts(address, dst_path=scratch))
        except (mlflow.exceptions.MlflowException, OSError) as error:
            raise _refused(address, error) from None


def version_of(address: str) -> tuple[str, str]:
    """Name and version of what an address of a registry means now.

    Raises:
        UserError: mlflow is missing, there is no such model, or the registry does not answer.
    """
    mlflow = _connected(address)
    name, at, alias = address.removeprefix("models:/").partition("@")
    if not at:
        name, _, number = name.partition("/")
        return name, number
    try:
        return name, str(mlflow.MlflowClient().get_model_version_by_alias(name, alias).version)
    except (mlflow.exceptions.MlflowException, OSError) as error:
        raise _refused(address, error) from None


def _connected(address: str) -> ModuleType:
    """MLflow, pointed at the registry."""
    _check_registry(address)
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    try:
        import mlflow
        import mlflow.exceptions
    except ImportError:
        raise UserError(f"{address} needs MLflow: pip install 'gfm-ra[registry]'") from None
    if not os.environ.get("MLFLOW_TRACKING_URI"):
        mlflow.set_tracking_uri(f"sqlite:///{DATABASE}")
    return mlflow


def _refused(address: str, error: Exception) -> UserError:
    import mlflow

    reason = " ".join(str(error).split())
    return UserError(f"{address} cannot be fetched from {redacted(mlflow.get_tracking_uri())}: {reason}")


def _check_registry(address: str) -> None:
    """Refuse before MLflow makes an empty registry of its own."""
    if not os.environ.get("MLFLOW_TRACKING_URI") and not Path(DATABASE).is_file():
        raise UserError(
            f"{address}: there is no registry: set MLFLOW_TRACKING_URI, or run where {DATABASE} lies"
        )
