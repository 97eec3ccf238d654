"""Laws of the running service: right powers, and no request harms another. Real servers, on loopback."""

import http.client
import json
import select
import signal
import socket
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import psutil
import pytest
import torch

from components.model.conditioning import goals_of
from components.model.prompted import PromptedModel
from gfm_ra.goals import QoS, SumRate
from pipelines.runtime.errors import UserError
from pipelines.serving.requests import check_program
from tests.pipelines.serving.conftest import MODEL
from tests.servers import Server, free_port

pytestmark = pytest.mark.slow
# How long a slow client is borne with: long enough for a busy machine to answer a dozen others meanwhile.
TIMEOUT_S = 20.0
ANSWERED_WITHIN_S = 300.0  # a bound, not an expectation


@pytest.fixture(scope="module")
def server(model: PromptedModel, root: Path) -> Iterator[Server]:
    port = free_port()
    command = [
        sys.executable,
        "-m",
        "pipelines.cli.main",
        "serve",
        "--port",
        str(port),
        "--timeout",
        str(TIMEOUT_S),
    ]
    server = Server([*command, "--max-links", "64", "--max-body-mb", "1"], port, "/health", root)
    yield server
    server.end()


def gains(batch: int, links: int) -> np.ndarray:
    return np.random.default_rng(links).normal(10.0, 15.0, (batch, links, links)).astype(np.float32)


def expected(model: PromptedModel, gain_db: np.ndarray, goal: SumRate | QoS) -> np.ndarray:
    with torch.no_grad():
        return model(torch.from_numpy(gain_db), goals_of(goal, *gain_db.shape[:2])).numpy()


def test_powers_are_the_model_s_for_every_client_at_once(server: Server, model: PromptedModel) -> None:
    def ask(number: int) -> None:
        links, goal = 2 + number % 5, (SumRate(), QoS())[number % 2]
        gain_db = gains(1 + number % 3, links)
        status, answer = server.allocate(gain_db=gain_db.tolist(), goal=goal.name)
        assert (status, answer["model"]) == (200, f"models:/{MODEL}/1")
        np.testing.assert_allclose(answer["power"], expected(model, gain_db, goal), atol=1e-4)

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(ask, range(200)))


def test_health_and_metrics_tell_what_happens(server: Server) -> None:
    status, body = server.ask("GET", "/health")
    assert (status, json.loads(body)["model"]) == (200, f"models:/{MODEL}/1")
    before = server.ask("GET", "/metrics")[1].decode()
    assert "gfm_ra_request_duration_seconds_bucket" in before
    server.allocate(gain_db=[[1.0]])
    server.allocate(gain_db="x")
    after = server.ask("GET", "/metrics")[1].decode()
    assert 'gfm_ra_requests_total{status="400"}' in after
    assert count(after, "gfm_ra_snapshots_total") == count(before, "gfm_ra_snapshots_total") + 1


def count(text: str, name: str) -> float:
    return sum(float(line.split()[-1]) for line in text.splitlines() if line.startswith(name))


def test_a_model_whose_program_is_older_than_the_service_is_one_line() -> None:
    with pytest.raises(UserError, match=r"models:/old/1 cannot be served.*register it again"):
        check_program(object(), "models:/old/1")


def test_wrong_paths_and_methods_are_told(server: Server) -> None:
    assert server.ask("GET", "/none")[0] == 404
    assert server.ask("GET", "/allocate")[0] == 405
    assert [server.ask("HEAD", path) for path in ("/health", "/metrics", "/health/")] == [(200, b"")] * 3
    body = json.dumps({"gain_db": [[1.0]]}).encode()
    assert server.ask("POST", "/allocate?goal=qos&min_rate=3", body)[0] == 400


def test_what_the_body_is_said_to_be_counts(server: Server) -> None:
    body = json.dumps({"gain_db": [[1.0]]}).encode()

    def status(**headers: str) -> int:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=ANSWERED_WITHIN_S)
        connection.request("POST", "/allocate", body, named)
        answer = connection.getresponse()
        assert ("error" in json.loads(answer.read())) == (answer.status != 200)
        connection.close()
        return answer.status

    for kind in ("application/json; charset=utf-8", "APPLICATION/JSON", "application/vnd.api+json"):
        assert status(content_type=kind) == 200
    assert status(content_type="application/json", content_encoding="identity") == 200
    assert status(content_type="text/csv") == 415
    assert status(content_type="application/json", content_encoding="gzip") == 415


def slow_client(port: int) -> socket.socket:
    """A client whose promised body never comes."""
    client = socket.create_connection(("127.0.0.1", port))
    client.sendall(b"POST /allocate HTTP/1.1\r\nhost: x\r\ncontent-length: 1000\r\n\r\n{")
    client.settimeout(ANSWERED_WITHIN_S)
    return client


def test_malformed_oversized_and_slow_requests_harm_nobody(server: Server, model: PromptedModel) -> None:
    gain_db = gains(1, 8)
    right = expected(model, gain_db, SumRate())

    def well_behaved() -> None:
        for _ in range(5):
            status, answer = server.allocate(gain_db=gain_db.tolist())
            assert status == 200
            np.testing.assert_allclose(answer["power"], right, atol=1e-4)

    with ExitStack() as open_clients, ThreadPoolExecutor(2) as pool:
        crowd = [open_clients.enter_context(slow_client(server.port)) for _ in range(20)]
        clients = [pool.submit(well_behaved) for _ in range(2)]
        for body in (
            b"no json",
            b"[" * 100_000,
            b'{"gain_db": [[NaN]]}',
            json.dumps({"gain_db": [[1, 2]]}).encode(),
        ):
            assert server.ask("POST", "/allocate", body)[0] == 400
        assert server.allocate(gain_db=np.zeros((1, 65, 65)).tolist())[0] == 413
        assert oversized(server) == 413
        for each in clients:
            each.result()
        # All others were answered before the slow ones were given up.
        assert select.select(crowd, [], [], 0)[0] == []
        assert [client.recv(200).split(b" ")[1] for client in crowd] == [b"408"] * 20


def oversized(server: Server) -> int:
    """The status that a body beyond the limit gets: promised ones are refused before they are sent."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as client:
        client.sendall(
            b"POST /allocate HTTP/1.1\r\nhost: x\r\ncontent-length: 99999999\r\n\r\n" + b" " * 1000
        )
        return int(client.recv(200).split(b" ")[1])


def test_a_body_without_a_length_is_cut_off_at_the_limit(server: Server) -> None:
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as client:
        client.sendall(b"POST /allocate HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n")
        chunk = b"%x\r\n%s\r\n" % (2**16, b" " * 2**16)
        try:
            for _ in range(40):
                client.sendall(chunk)
        except (BrokenPipeError, ConnectionResetError):
            pass
        assert client.recv(200).split(b" ")[1] == b"413"


def test_it_finishes_what_is_under_way_and_ends(model: PromptedModel, root: Path) -> None:
    port = free_port()
    server = Server(
        [sys.executable, "-m", "pipelines.cli.main", "serve", "--port", str(port)], port, "/health", root
    )
    try:
        body, stop = json.dumps({"gain_db": gains(60, 40).tolist()}).encode(), threading.Event()
        statuses: list[int] = []

        def ask() -> None:
            while not stop.is_set():
                try:
                    statuses.append(server.ask("POST", "/allocate", body)[0])
                except (OSError, http.client.HTTPException):  # nobody listens any more
                    return

        threads = [threading.Thread(target=ask) for _ in range(4)]
        for thread in threads:
            thread.start()
        deadline = time.monotonic() + ANSWERED_WITHIN_S
        while statuses.count(200) <= 4:  # requests are under way
            assert time.monotonic() < deadline, server.log.read_text()
            time.sleep(0.05)
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(ANSWERED_WITHIN_S) == 0
        stop.set()
        for thread in threads:
            thread.join(ANSWERED_WITHIN_S)
        # Refused (503, 404) once it stops, but never broken off.
        assert set(statuses) <= {200, 404, 503}, server.log.read_text()
        psutil.wait_procs(server.family, timeout=ANSWERED_WITHIN_S)
        assert not [process for process in server.family if process.is_running()]
    finally:
        server.end()


def test_mlflow_s_own_server_serves_it_too(model: PromptedModel, root: Path) -> None:
    port = free_port()
    mlflow = str(Path(sys.executable).with_name("mlflow"))
    command = [mlflow, "models", "serve", "-m", f"models:/{MODEL}@champion", "--env-manager", "local"]
    server = Server([*command, "--host", "127.0.0.1", "--port", str(port)], port, "/health", root)
    try:
        gain_db = gains(2, 5)
        body = {"inputs": {"gain_db": gain_db.tolist()}, "params": {"goal": "qos"}}
        status, answer = server.ask("POST", "/invocations", json.dumps(body).encode())
        assert status == 200, answer
        power = json.loads(answer)["predictions"]
        np.testing.assert_allclose(power, expected(model, gain_db, QoS()), atol=1e-4)
        bad = {"inputs": {"gain_db": [[[1.0, 2.0]]]}}
        assert server.ask("POST", "/invocations", json.dumps(bad).encode())[0] >= 400
    finally:
        server.end()
