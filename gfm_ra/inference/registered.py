"""Models of an MLflow registry, as folders."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gfm_ra.errors import UserError


@contextmanager
def fetched(address: str) -> Iterator[Path]:
    """A copy of a registered model's files, `models:/name@alias` or `models:/name/version`, for as long as needed.

    A copy, since MLflow writes into the folder that it loads from, which may be read-only.

    Raises:
        UserError: mlflow is missing, there is no such model, or the registry does not answer.
    """
    try:
        import mlflow
        from mlflow.artifacts import download_artifacts
        from mlflow.exceptions import MlflowException
    except ImportError:
        raise UserError(f"{address} needs MLflow: pip install 'gfm-ra[registry]'") from None
    with tempfile.TemporaryDirectory(prefix="gfm-ra-") as scratch:
        try:
            yield Path(download_artifacts(address, dst_path=scratch))
        except (MlflowException, OSError) as error:
            reason = " ".join(str(error).split())
            raise UserError(
                f"{address} cannot be fetched from {mlflow.get_tracking_uri()}: {reason}"
            ) from None
