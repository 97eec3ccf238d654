"""The MLflow server of deploy/mlflow.yaml, started with the manifest's own arguments on loopback."""

import http.client
import socket
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import mlflow
import psutil
import pytest
import yaml

from tests.clone import ROOT, environment

STARTS_WITHIN_S = 180.0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def ask(port: int, path: str, host: str) -> int:
    """The status that a client gets which calls the server by this name."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request("GET", path, headers={"Host": host})
        return connection.getresponse().status
    finally:
        connection.close()


@pytest.fixture(scope="module")
def server(manifests: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """The server's port; only its address, its port and its folder are other than in the manifest."""
    folder, port = tmp_path_factory.mktemp("mlflow"), free_port()
    resources = yaml.safe_load_all((manifests / "mlflow.yaml").read_text())
    (deployment,) = [resource for resource in resources if resource["kind"] == "Deployment"]
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    here = {"--host=0.0.0.0": "--host=127.0.0.1", "--port=5000": f"--port={port}"}
    arguments = [here.get(text, text).replace("/mlflow/", f"{folder}/") for text in container["args"]]
    program = [str(Path(sys.executable).with_name(container["command"][0])), *container["command"][1:]]
    with (folder / "log").open("w") as log:
        process = psutil.Popen(
            [*program, *arguments], env=environment(ROOT), stdout=log, stderr=log, cwd=folder
        )
    try:
        deadline = time.monotonic() + STARTS_WITHIN_S
        while True:
            assert process.poll() is None, (folder / "log").read_text()
            try:
                if (
                    ask(port, "/health", "10.0.0.7:5000") == 200
                ):  # as Kubernetes' probe asks, by the pod's address
                    break
            except OSError:  # nobody listens yet
                pass
            assert time.monotonic() < deadline, (folder / "log").read_text()
            time.sleep(0.2)
        yield port
    finally:
        family = [process, *process.children(recursive=True)] if process.is_running() else [process]
        for member in family:
            member.terminate()
        _, alive = psutil.wait_procs(family, timeout=30)
        for member in alive:
            member.kill()


@pytest.mark.parametrize("host", ["mlflow:5000", "mlflow.default.svc.cluster.local:5000", "localhost:8080"])
def test_clients_reach_it_by_the_service_s_name(server: int, host: str) -> None:
    assert ask(server, "/api/2.0/mlflow/experiments/get-by-name?experiment_name=Default", host) == 200


def test_other_names_are_refused(server: int) -> None:
    path = "/api/2.0/mlflow/experiments/get-by-name?experiment_name=Default"
    assert ask(server, path, "evil.example:5000") == 403


def test_files_of_runs_go_through_the_server(server: int, tmp_path: Path) -> None:
    client = mlflow.MlflowClient(f"http://localhost:{server}")
    experiment = client.create_experiment("test")
    assert client.get_experiment(experiment).artifact_location.startswith("mlflow-artifacts:")
    run = client.create_run(experiment).info.run_id
    (tmp_path / "note.txt").write_text("kept")
    client.log_artifact(run, str(tmp_path / "note.txt"))
    (tmp_path / "back").mkdir()
    assert Path(client.download_artifacts(run, "note.txt", str(tmp_path / "back"))).read_text() == "kept"
