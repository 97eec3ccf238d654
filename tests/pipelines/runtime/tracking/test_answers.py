"""What lies or answers at MLflow's address and is not what it should be: one line with the remedy that fits."""

import base64
import http.server
import re
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import mlflow
import pytest
from typer.testing import CliRunner

from pipelines.cli import main as cli
from pipelines.cli.doctor import FAULT, OK, _tracker
from pipelines.runtime import runs
from pipelines.runtime.errors import EXPECTED, UserError, one_line


def execute(database: Path, statement: str) -> None:
    with closing(sqlite3.connect(database)) as connection:
        connection.execute(statement)
        connection.commit()


def refusals() -> list[str]:
    """What one who writes, one who reads and the doctor are told; all of it in one line each."""
    lines = []
    for create in (True, False):
        with pytest.raises(UserError) as caught:
            runs.connect(create)
        lines.append(str(caught.value))
    answer = CliRunner().invoke(cli.app, ["models", "list"])
    assert isinstance(answer.exception, UserError)
    lines.append(str(answer.exception))
    (finding,) = _tracker()
    assert finding.state == FAULT
    lines.append(finding.detail)
    assert not [line for line in lines if "\n" in line]
    return lines


@pytest.mark.parametrize(
    ("revision", "expected"),
    [
        (
            "cc1f77228345",
            "was written by an older MLflow .* `mlflow db upgrade sqlite:///{folder}/mlflow.db`",
        ),
        ("ffffffffffff", "was written by a newer MLflow .* install that version"),
    ],
)
def test_a_database_of_another_mlflow_says_which_and_what_mends_it(
    workspace: Path, revision: str, expected: str
) -> None:
    execute(workspace / "mlflow.db", f"UPDATE alembic_version SET version_num = '{revision}'")
    for line in refusals():
        assert re.search(expected.format(folder=workspace), line), line


def test_a_database_of_something_else_is_refused_and_left_as_it_is(workspace: Path) -> None:
    database = workspace / "mlflow.db"
    database.unlink()
    execute(database, "CREATE TABLE invoices (number INTEGER)")
    before = database.read_bytes()
    for line in refusals():
        assert line.startswith(f"{database} is not a database of MLflow (it holds invoices): move it away")
    assert database.read_bytes() == before


def test_an_empty_file_is_no_registry_to_read_and_a_new_one_to_write(workspace: Path) -> None:
    database = workspace / "mlflow.db"
    database.write_bytes(b"")
    with pytest.raises(UserError, match="there is no registry at"):
        runs.connect(create=False)
    assert database.read_bytes() == b""
    runs.connect()
    assert mlflow.get_experiment_by_name(runs.EXPERIMENT) is not None


def test_a_deleted_experiment_is_restored_not_started(workspace: Path) -> None:
    runs.connect()
    number = mlflow.get_experiment_by_name(runs.EXPERIMENT).experiment_id
    mlflow.MlflowClient().delete_experiment(number)
    with pytest.raises(UserError, match=f"mlflow experiments restore --experiment-id {number}`") as caught:
        runs.connect()
    assert "mlflow server" not in str(caught.value)


def test_a_run_that_is_deleted_while_it_runs_is_restored(workspace: Path) -> None:
    runs.connect()
    number = mlflow.MlflowClient().create_run("0").info.run_id
    mlflow.MlflowClient().delete_run(number)
    with pytest.raises(EXPECTED) as caught:
        runs.Run(number).metrics({"loss": 1.0})
    assert f"mlflow runs restore --run-id {number}`" in one_line(caught.value)


def test_the_doctor_says_how_a_deleted_experiment_comes_back(workspace: Path) -> None:
    runs.connect()
    assert next(_tracker()).state == OK
    number = mlflow.get_experiment_by_name(runs.EXPERIMENT).experiment_id
    mlflow.MlflowClient().delete_experiment(number)
    told = {finding.subject: finding for finding in _tracker()}
    assert told["MLflow"].state == FAULT
    assert f"mlflow experiments restore --experiment-id {number}`" in told["MLflow"].detail
    assert "mlflow server" not in told["MLflow"].detail
    assert "models" in told  # which answer without
    mlflow.MlflowClient().restore_experiment(number)
    assert next(_tracker()).state == OK


def test_a_run_whose_experiment_is_deleted_is_restored_with_it(workspace: Path) -> None:
    runs.connect()
    experiment = mlflow.get_experiment_by_name(runs.EXPERIMENT).experiment_id
    number = mlflow.MlflowClient().create_run(experiment).info.run_id
    mlflow.MlflowClient().delete_experiment(experiment)
    with pytest.raises(EXPECTED) as logged:
        runs.Run(number).metrics({"loss": 1.0})
    with pytest.raises(EXPECTED) as begun, runs.run("simulate", {}):
        pass
    for caught in (logged, begun):
        line = one_line(caught.value)
        assert f"mlflow experiments restore --experiment-id {experiment}`" in line
        assert "runs restore" not in line
        assert "mlflow server" not in line


class Answers(http.server.ThreadingHTTPServer):
    """Something at an address of MLflow that is not, or not quite, MLflow."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.status, self.body, self.wanted, self.location = 200, b"<html>hello</html>", "", ""


class Handler(http.server.BaseHTTPRequestHandler):
    server: Answers

    def do_GET(self) -> None:
        server = self.server
        welcome = bool(server.wanted) and self.headers.get("Authorization") == server.wanted
        moved = bool(server.location) and self.path != server.location
        body = b"{}" if welcome else server.body
        self.send_response(200 if welcome else 302 if moved else server.status)
        self.send_header("content-length", str(len(body)))
        if moved:
            self.send_header("location", server.location)
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("content-length", 0)))
        self.do_GET()

    def log_message(self, *_: object) -> None:
        """Quiet."""


@pytest.fixture
def answers(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Answers]:
    with Answers() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{server.server_port}")
        monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
        for name in ("USERNAME", "PASSWORD", "TOKEN"):
            monkeypatch.delenv(f"MLFLOW_TRACKING_{name}", raising=False)
        yield server
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (200, "this is not MLflow"),
        (302, "this is not MLflow"),
        (404, "this is not MLflow"),
        (500, "look into its log"),
        (503, "look into its log"),
        (401, "MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN"),
        (403, "MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN"),
    ],
)
def test_a_server_that_is_not_mlflow_or_fails_or_refuses_is_told_apart(
    answers: Answers, status: int, words: str
) -> None:
    answers.status = status
    for line in refusals():
        assert words in line
        assert "start it with" not in line


def test_a_page_to_log_in_behind_a_redirection_is_not_mlflow(answers: Answers) -> None:
    answers.location = "/login"
    for line in refusals():
        assert "this is not MLflow" in line
        assert "log in" in line


@pytest.mark.parametrize(
    ("given", "header"),
    [
        ({"USERNAME": "anna", "PASSWORD": "secret"}, f"Basic {base64.b64encode(b'anna:secret').decode()}"),
        ({"TOKEN": "abc"}, "Bearer abc"),
    ],
)
def test_a_server_with_a_password_is_asked_as_mlflow_s_own_client_asks(
    answers: Answers, given: dict[str, str], header: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers.status, answers.body, answers.wanted = 401, b"{}", header
    for line in refusals():
        assert "MLFLOW_TRACKING_PASSWORD" in line
    for name, value in given.items():
        monkeypatch.setenv(f"MLFLOW_TRACKING_{name}", value)
    answer = CliRunner().invoke(cli.app, ["models", "list"])
    assert answer.exit_code == 0, answer.exception
