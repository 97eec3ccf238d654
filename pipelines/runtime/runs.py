"""Runs in MLflow: where they are kept, and their metrics while they run."""

import fcntl
import os
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies

import mlflow
from mlflow.entities import Metric, Param
from mlflow.entities import Run as Record

from gfm_ra.errors import UserError, redacted
from gfm_ra.inference.registered import DATABASE
from pipelines.runtime.origin import lasting_folder
from pipelines.runtime.ports import check_listening
from pipelines.runtime.tracking.answers import START, deleted_experiment, explained
from pipelines.runtime.tracking.database import check_database, is_new

EXPERIMENT = "gfm-ra"
FOLDER_TAG = "folder"  # where a stage ran: its DAG
SQLITE = "sqlite:///"
LOCAL_URI = f"{SQLITE}{DATABASE}"


def tracking_uri() -> str:
    """MLFLOW_TRACKING_URI if set, else a sqlite database in the current folder.

    In the copy in which DVC runs an experiment, a relative path means the work tree that the experiment came from: the
    copy is deleted when the experiment has ended.
    """
    uri = os.environ.get("MLFLOW_TRACKING_URI") or LOCAL_URI
    database, lasting = database_of(uri), lasting_folder()
    if database is None or database.is_absolute() or lasting == Path.cwd():
        return uri
    return f"{SQLITE}{lasting / database}"


def database_of(uri: str) -> Path | None:
    """The file of a sqlite address; None for any other address."""
    return Path(uri.removeprefix(SQLITE)) if uri.startswith(SQLITE) else None


def connect(create: bool = True) -> None:
    """Point MLflow at the tracking URI, after making sure that something answers there.

    `create`: make a database or experiment that is not there yet; who only reads does not.

    Raises:
        UserError: nothing answers, nothing is there to read, or the address cannot be used.
    """
    uri = tracking_uri()
    database = database_of(uri)
    if not create and database is not None and is_new(database):
        raise UserError(
            f"there is no registry at {uri}, seen from {Path.cwd()}: `make repro` makes it, or go to its folder or set "
            "MLFLOW_TRACKING_URI"
        )
    if database is not None and not is_new(database):
        check_database(database)
    if uri.startswith(("http://", "https://")):
        _probe(uri)
    mlflow.set_tracking_uri(uri)
    try:
        if create:
            with alone(uri):
                _tables(uri)
                _experiment(uri)
        else:
            # MLflow's own client, with the user's token, password or certificates.
            mlflow.MlflowClient().search_experiments(max_results=1)
    except UserError:
        raise
    # MLflow, SQLAlchemy, a missing driver or the file system: each has exceptions of its own.
    except Exception as error:
        raise UserError(explained(error, uri)) from None


def _probe(uri: str) -> None:
    """Raise UserError if nothing listens at an address, which MLflow's client would find out after minutes."""
    parts = urlsplit(uri)
    if getproxies().get(parts.scheme):  # then only the proxy knows
        return
    port = parts.port or {"http": 80, "https": 443}[parts.scheme]
    check_listening(parts.hostname or "", port, f"MLflow server answers at {redacted(uri)}", START)


@contextmanager
def alone(uri: str) -> Iterator[None]:
    """Hold a file lock beside a sqlite database; without effect for any other address.

    Two processes that both make the tables of a new database, or that both move an alias, spoil it for each other.
    """
    database = database_of(uri)
    if database is None:
        yield
        return
    with Path(f"{database}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _tables(uri: str) -> None:
    """Make a new database beside its place: one that is left half made by kill -9 could be neither used nor mended."""
    database = database_of(uri)
    if database is None or not is_new(database):
        return
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore  # who only reads need not import it

    for left in database.parent.glob(f"{database.name}.new-*"):
        left.unlink()
    # A name of its own, since MLflow remembers by name which databases have their tables.
    fresh = database.with_name(f"{database.name}.new-{time.time_ns()}")
    # As an address, in which quotes are written in other characters: MLflow puts it into SQL as it is.
    SqlAlchemyStore(f"{SQLITE}{fresh}", _artifacts(database))
    os.replace(fresh, database)


def _artifacts(database: Path) -> str:
    """Where artifacts are kept: beside their database."""
    return (database.absolute().parent / "mlartifacts").as_uri()


def check_experiment() -> None:
    """Refuse a registry in which no stage could log a run; call `connect` first.

    Raises:
        UserError: the experiment was deleted.
    """
    found = mlflow.get_experiment_by_name(EXPERIMENT)
    if found is not None and found.lifecycle_stage != "active":
        raise UserError(deleted_experiment(EXPERIMENT, found.experiment_id, redacted(tracking_uri())))


def _experiment(uri: str) -> None:
    check_experiment()
    if mlflow.get_experiment_by_name(EXPERIMENT) is None:
        # A server chooses its own artifact store; a local database keeps artifacts beside it.
        database = database_of(uri)
        location = None if database is None else _artifacts(database)
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
    for record in _finished(experiment.experiment_id):
        if record.data.tags.get(FOLDER_TAG) != str(Path.cwd()):
            continue
        name, seconds = record.info.run_name, record.data.metrics.get("seconds")
        if name and seconds is not None:
            began = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(record.info.start_time / 1000))
            found.setdefault(name, (began, float(seconds)))
    return found


def _finished(experiment: str) -> Iterator[Record]:
    """Every run of an experiment that finished and says how long it took, newest first.

    Nothing but constants goes into the filter: MLflow's has no way to write every character of a path.
    """
    query, token = "attributes.status = 'FINISHED' and metrics.seconds > 0", None
    while True:
        page = mlflow.MlflowClient().search_runs(
            [experiment], query, order_by=["attributes.start_time DESC"], page_token=token
        )
        yield from page
        token = page.token
        if not token:
            return
