"""The server behind Ray Serve, for real, and MLflow's own server: right powers by either road."""

import json
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from threading import Event

import mlflow
import numpy as np
import psutil
import pytest
import torch
from pydantic import ValidationError
from ray import serve

import gfm_ra
from components.model.conditioning import goals_of
from components.model.prompted import PromptedModel
from gfm_ra.client import Client
from gfm_ra.goals import QoS
from gfm_ra.server.settings import Settings
from pipelines.serving import application
from tests.pipelines.serving.conftest import MODEL
from tests.servers import Server, free_port

WITHIN_S = 120.0  # a bound, not an expectation
ENDING = (signal.SIGINT, signal.SIGTERM)
PROGRAM = str(Path(sys.executable).with_name("gfm-ra"))


def gains(batch: int, links: int) -> np.ndarray:
    return np.random.default_rng(links).normal(10.0, 15.0, (batch, links, links)).astype(np.float32)


class Ended(Event):
    """What is waited for: set by now, or nothing would ever set it."""

    def wait(self, timeout: float | None = None) -> bool:
        assert self.is_set()
        return True


@pytest.fixture
def signals() -> Iterator[list[int]]:
    """Signals that reached the handlers of before, which the test puts back."""
    missed: list[int] = []
    before = {number: signal.signal(number, lambda number, _: missed.append(number)) for number in ENDING}
    yield missed
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", ENDING)
def test_a_signal_while_it_starts_ends_it_as_later(
    number: int, signals: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    deleted: list[str] = []
    monkeypatch.setattr(serve, "start", lambda **_: None)
    monkeypatch.setattr(serve, "delete", deleted.append)
    monkeypatch.setattr(serve, "run", lambda *_, **__: os.kill(os.getpid(), number))
    application._serve_until(Ended(), Settings(), "model")
    assert signals == []
    assert deleted == [application.NAME]


def test_a_second_interrupt_ends_a_start_that_hangs(
    signals: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    def hang(*_: object, **__: object) -> None:
        for _again in range(2):
            os.kill(os.getpid(), signal.SIGINT)
        pytest.fail("nothing was interrupted")

    monkeypatch.setattr(serve, "start", lambda **_: None)
    monkeypatch.setattr(serve, "run", hang)
    with pytest.raises(KeyboardInterrupt):
        application._serve_until(Ended(), Settings(), "model")


def test_the_builder_takes_what_a_configuration_says() -> None:
    assert application.builder({"max_links": 64}) is not None
    settings = application.ServeArguments(max_links=64, max_body_mb=1.0, follow_s=5.0).settings()
    assert (settings.limits.max_links, settings.limits.max_body, settings.follow_s) == (64, 2**20, 5.0)
    with pytest.raises(ValidationError, match="max_lins"):
        application.builder({"max_lins": 64})


@pytest.mark.slow
def test_replicas_answer_as_the_library_and_end_with_the_command(root: Path, tmp_path: Path) -> None:
    port = free_port()
    command = [PROGRAM, "serve", "--ray", "--port", str(port)]
    server = Server(command, port, "/v2/health/ready", root, tmp_path)
    try:
        gain_db = gains(2, 6)
        with Client(f"http://127.0.0.1:{port}") as client:
            found = client.allocate(gain_db=gain_db, goal="qos")
        np.testing.assert_array_equal(found.power, gfm_ra.load().allocate(gain_db=gain_db, goal="qos").power)
        assert server.ask("POST", "/allocate", b"no json")[0] == 400
        assert json.loads(server.ask("GET", "/v2/models/gfm-ra")[1])["name"] == "gfm-ra"
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(WITHIN_S) == 0
        psutil.wait_procs(server.family, timeout=WITHIN_S)
        assert not [process for process in server.family if process.is_running()]
    finally:
        server.end()


@pytest.mark.slow
def test_a_promotion_is_followed_without_a_restart(model: PromptedModel, root: Path) -> None:
    port = free_port()
    command = [
        PROGRAM,
        "serve",
        "--model",
        f"models:/{MODEL}@champion",
        "--follow",
        "0.2",
        "--port",
        str(port),
    ]
    server = Server(command, port, "/v2/health/ready", root)
    try:
        assert json.loads(server.ask("GET", f"/v2/models/{MODEL}")[1])["versions"] == ["1"]
        gain_db = gains(1, 5)
        with torch.no_grad():
            expected = model(torch.from_numpy(gain_db), goals_of(QoS(), 1, 5)).numpy()
        with Client(f"http://127.0.0.1:{port}") as client:
            found = client.allocate(gain_db=gain_db, goal="qos", effort="fast")
            np.testing.assert_allclose(found.power, expected, atol=1e-4)
            client_of_registry = mlflow.MlflowClient()
            source = client_of_registry.get_model_version(MODEL, "1").source
            second = client_of_registry.create_model_version(MODEL, str(source)).version
            client_of_registry.set_registered_model_alias(MODEL, "champion", str(second))
            for _ in range(600):
                answered = client.allocate(gain_db=gain_db, goal="qos", effort="fast")
                if answered.model == f"models:/{MODEL}/{second}":
                    break
            assert answered.model == f"models:/{MODEL}/{second}"
            np.testing.assert_array_equal(answered.power, found.power)
    finally:
        mlflow.MlflowClient().set_registered_model_alias(MODEL, "champion", "1")
        server.end()


@pytest.mark.slow
def test_mlflow_s_own_server_serves_it_too(model: PromptedModel, root: Path) -> None:
    port = free_port()
    program = str(Path(sys.executable).with_name("mlflow"))
    command = [program, "models", "serve", "-m", f"models:/{MODEL}@champion", "--env-manager", "local"]
    server = Server([*command, "--host", "127.0.0.1", "--port", str(port)], port, "/health", root)
    try:
        gain_db = gains(2, 5)
        body = {"inputs": {"gain_db": gain_db.tolist()}, "params": {"goal": "qos"}}
        status, answer = server.ask("POST", "/invocations", json.dumps(body).encode())
        assert status == 200, answer
        power = json.loads(answer)["predictions"]
        with torch.no_grad():
            expected = model(torch.from_numpy(gain_db), goals_of(QoS(), 2, 5)).numpy()
        np.testing.assert_allclose(power, expected, atol=1e-4)
        bad = {"inputs": {"gain_db": [[[1.0, 2.0]]]}}
        assert server.ask("POST", "/invocations", json.dumps(bad).encode())[0] >= 400
    finally:
        server.end()
