"""Models of an MLflow registry, as folders."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

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
    _check_registry(address)
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    try:
        import mlflow
        from mlflow.artifacts import download_artifacts
        from mlflow.exceptions import MlflowException
    except ImportError:
        raise UserError(f"{address} needs MLflow: pip install 'gfm-ra[registry]'") from None
    with tempfile.TemporaryDirectory(prefix="gfm-ra-") as scratch:
        if not os.environ.get("MLFLOW_TRACKING_URI"):
            mlflow.set_tracking_uri(f"sqlite:///{DATABASE}")
        try:
            yield Path(download_artifacts(address, dst_path=scratch))
        except (MlflowException, OSError) as error:
            reason = " ".join(str(error).split())
            raise UserError(
                f"{address} cannot be fetched from {redacted(mlflow.get_tracking_uri())}: {reason}"
            ) from None


def _check_registry(address: str) -> None:
    """Refuse before MLflow makes an empty registry of its own."""
    if not os.environ.get("MLFLOW_TRACKING_URI") and not Path(DATABASE).is_file():
        raise UserError(
            f"{address}: there is no registry: set MLFLOW_TRACKING_URI, or run where {DATABASE} lies"
        )
