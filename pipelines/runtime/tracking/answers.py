"""What MLflow's errors mean for a person: what is at fault, and what mends it."""

import re
from pathlib import Path

from mlflow import MlflowClient
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import PERMISSION_DENIED, UNAUTHENTICATED, ErrorCode

from gfm_ra.errors import redacted

ADDRESS = "mend MLFLOW_TRACKING_URI, or unset it to use sqlite:///mlflow.db"
START = f"start it with `mlflow server`, {ADDRESS}"
LOGIN = "set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN, of a user who may do this"
_REFUSED = {ErrorCode.Name(UNAUTHENTICATED), ErrorCode.Name(PERMISSION_DENIED)}
_STATUS = re.compile(r"failed with error code (\d{3})")
_RUN = re.compile(r"run (\w+) must be in the 'active' state")
_NUMBER = re.compile(r"experiment (\d+) must be in the 'active' state")
_SCHEMA = re.compile(r"found version (\w+), but expected (\w+)")


def explained(error: Exception, uri: str) -> str:
    """One line on what MLflow or its database at `uri` has answered: what, where, remedy."""
    reason, shown = " ".join(str(error).split()), redacted(uri)
    schema, status = _SCHEMA.search(reason), _STATUS.search(reason)
    if schema:
        return _of_schema(schema[1], shown)
    if "Current state is deleted" in reason:
        return _of_deleted(reason, shown)
    if status and status[1] in ("401", "403", "407"):
        return f"{shown} refuses with status {status[1]}: {LOGIN}"
    if isinstance(error, MlflowException) and error.error_code in _REFUSED:
        return f"{shown} refuses ({reason[:200]}): {LOGIN}"
    if "valid JSON format" in reason or (status and status[1][0] in "34"):
        said = f"status {status[1]}" if status else "a page instead of JSON"
        return (
            f"this is not MLflow: {shown} answers with {said}: {ADDRESS}; if it is a page to log in, {LOGIN}"
        )
    if reason.startswith("INTERNAL_ERROR: Response:"):  # JSON without MLflow's own error code
        return f"{shown} refuses in words that are not MLflow's ({reason[:120]}): {LOGIN}, or {ADDRESS}"
    if status or "Max retries exceeded" in reason or "too many 5" in reason:
        return f"the MLflow server at {shown} fails ({reason[-160:]}): look into its log and try again, or {ADDRESS}"
    return f"MLflow cannot use {shown} ({redacted(reason)[:200]}): {START}"


def deleted_experiment(name: str, number: str, shown: str) -> str:
    """What brings back an experiment that was deleted, on MLflow's pages or by its command; its runs come with it."""
    restore = f"`MLFLOW_TRACKING_URI={shown} mlflow experiments restore --experiment-id {number}`"
    return f"the experiment {name} at {shown} was deleted: bring it back with {restore}"


def _of_deleted(reason: str, shown: str) -> str:
    """Whether a run was deleted by itself or with its experiment: restoring such a run alone would not do."""
    found = _RUN.search(reason)
    if not found:
        number = _NUMBER.search(reason)
        return deleted_experiment("of this run", number[1] if number else "N", shown)
    client, number = MlflowClient(), found[1]
    try:
        experiment = client.get_experiment(client.get_run(number).info.experiment_id)
    except MlflowException:  # gone for good, or the registry with it: what is known so far is the answer
        experiment = None
    if experiment is not None and experiment.lifecycle_stage != "active":
        return deleted_experiment(experiment.name, experiment.experiment_id, shown)
    restore = f"`MLFLOW_TRACKING_URI={shown} mlflow runs restore --run-id {number}`"
    return f"the run {number} at {shown} was deleted meanwhile: {restore} brings it back"


def _of_schema(found: str, shown: str) -> str:
    """Whether the tables are older than the installed MLflow's, or newer."""
    from alembic.script import ScriptDirectory  # comes with mlflow; only needed here
    from alembic.util import CommandError
    from mlflow.store import db_migrations

    known = ScriptDirectory(str(Path(db_migrations.__path__[0])))
    try:
        known.get_revision(found)
    except CommandError:
        return (
            f"{shown} was written by a newer MLflow (schema {found}, which the installed one does not know): install "
            f"that version, or {ADDRESS}"
        )
    return f"{shown} was written by an older MLflow (schema {found}): back it up, then `mlflow db upgrade {shown}`"
