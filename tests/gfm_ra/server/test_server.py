"""Laws of the running server, on loopback: no request harms another, and none is broken off when it ends."""

import contextlib
import http.client
import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest

import gfm_ra
from gfm_ra.client import Client, ServerError
from tests.servers import Server, free_port

CLIENTS = 40
# How long a slow client is borne with: long enough for a busy machine to answer a dozen others meanwhile.
TIMEOUT_S = 10.0
WITHIN_S = 120.0  # a bound, not an expectation


PROGRAM = str(Path(sys.executable).with_name("gfm-ra"))


def start(root: Path, folder: Path, *options: str) -> Server:
    port = free_port()
    return Server([PROGRAM, "serve", "--port", str(port), *options], port, "/v2/health/ready", root, folder)


@pytest.fixture(scope="module")
def server(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("server")
    found = start(root, folder, "--timeout", str(TIMEOUT_S), "--max-links", "64", "--max-body-mb", "1")
    yield found
    found.end()


def client(server: Server, **options: Any) -> Client:
    return Client(f"http://127.0.0.1:{server.port}", **options)


def gains(batch: int, links: int) -> np.ndarray:
    values = np.random.default_rng(links).normal(10.0, 15.0, (batch, links, links)).astype(np.float32)
    values[:, range(links), range(links)] += 25.0
    return values


def test_powers_are_the_library_s_for_every_client_at_once(server: Server) -> None:
    allocator = gfm_ra.load()

    def ask(number: int) -> None:
        links, goal = 2 + number % 5, ("sum-rate", "qos")[number % 2]
        gain_db = gains(1 + number % 3, links)
        with client(server) as asking:
            found = asking.allocate(gain_db=gain_db, goal=goal)
        np.testing.assert_array_equal(found.power, allocator.allocate(gain_db=gain_db, goal=goal).power)
        assert found.model == allocator.name

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(ask, range(100)))


def test_the_client_takes_what_the_library_takes(server: Server) -> None:
    allocator, gain_db = gfm_ra.load(), gains(3, 5)
    weights = np.random.default_rng(1).uniform(0.5, 2.0, (3, 5))
    gain_db[1, 0, 2] = np.nan
    asked: tuple[dict[str, Any], ...] = (
        {"gain_db": gain_db}, {"gain_db": gain_db[0]}, {"gain": 10.0 ** (gain_db[0].astype(np.float64) / 10.0)},
        {"gain_db": gain_db, "goal": "qos", "min_rate": 0.4, "penalty": 9.0, "effort": "fast", "seed": 3},
        {"gain_db": gain_db[0], "weights": weights[0]}, {"gain_db": gain_db, "weights": weights},
        {"gain_db": gain_db[2], "goal": "alpha-fair", "alpha": 2.0},
        {"gain_db": gain_db[2], "goal": "energy-efficiency", "circuit_power": 0.5, "amplifier_efficiency": 0.4,
         "energy_kind": "weighted-sum", "weights": weights[0]},
    )  # fmt: skip
    with client(server) as asking:
        assert asking.ready()
        for arguments in asked:
            found, expected = asking.allocate(**arguments), allocator.allocate(**arguments)
            assert found.power.shape == expected.power.shape
            np.testing.assert_allclose(found.power, expected.power, atol=1e-5)
        assert "unknown" in " ".join(asking.allocate(gain_db=gain_db).notes)
        with pytest.raises(ServerError, match="goal") as refused:
            asking.allocate(gain_db=gain_db, goal="speed")
        assert refused.value.status == 422
        with pytest.raises(ValueError, match="either gain"):
            asking.allocate()
        with pytest.raises(ValueError, match="are these dB"):
            asking.allocate(gain=[[40.0, -3.0], [5.0, 30.0]])
    with pytest.raises(ServerError, match="cannot be reached"):
        Client(f"http://127.0.0.1:{free_port()}", retries=0).allocate(gain_db=gain_db)
    with pytest.raises(ValueError, match="url must be"):
        Client("localhost:8000")


def slow_client(port: int) -> socket.socket:
    """A client whose promised body never comes."""
    slow = socket.create_connection(("127.0.0.1", port))
    slow.sendall(b"POST /allocate HTTP/1.1\r\nhost: x\r\ncontent-length: 1000\r\n\r\n{")
    slow.settimeout(WITHIN_S)
    return slow


def test_malformed_oversized_and_slow_requests_harm_nobody(server: Server) -> None:
    gain_db = gains(1, 8)
    right = gfm_ra.load().allocate(gain_db=gain_db).power

    def well_behaved() -> None:
        with client(server) as asking:
            for _ in range(5):
                np.testing.assert_array_equal(asking.allocate(gain_db=gain_db).power, right)

    with ExitStack() as open_clients, ThreadPoolExecutor(2) as pool:
        crowd = [open_clients.enter_context(slow_client(server.port)) for _ in range(20)]
        clients = [pool.submit(well_behaved) for _ in range(2)]
        for body, status in (
            (b"no json", 400), (b"[" * 100_000, 400), (b'{"gain_db": [[NaN]]}', 422),
            (json.dumps({"gain_db": [[1, 2]]}).encode(), 422),
        ):  # fmt: skip
            assert server.ask("POST", "/allocate", body)[0] == status
        assert server.allocate(gain_db=np.zeros((1, 65, 65)).tolist())[0] == 413
        assert oversized(server) == 413
        for each in clients:
            each.result()
        # All others were answered before the slow ones were given up.
        assert select.select(crowd, [], [], 0)[0] == []
        assert [slow.recv(200).split(b" ")[1] for slow in crowd] == [b"408"] * 20


def oversized(server: Server) -> int:
    """The status that a body beyond the limit gets: promised ones are refused before they are sent."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as asking:
        asking.sendall(
            b"POST /allocate HTTP/1.1\r\nhost: x\r\ncontent-length: 99999999\r\n\r\n" + b" " * 1000
        )
        return int(asking.recv(200).split(b" ")[1])


def test_a_body_without_a_length_is_cut_off_at_the_limit(server: Server) -> None:
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as asking:
        asking.sendall(b"POST /allocate HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n")
        chunk = b"%x\r\n%s\r\n" % (2**16, b" " * 2**16)
        try:
            for _ in range(40):
                asking.sendall(chunk)
        except (BrokenPipeError, ConnectionResetError):
            pass
        assert asking.recv(200).split(b" ")[1] == b"413"


def ask_until_closed(port: int, ready: threading.Event, told: threading.Event) -> tuple[list[int], str]:
    """One client with one connection: statuses after the server was told to end, and how the connection ended."""
    body = json.dumps({"gain_db": [[[40.0, 10.0], [5.0, 30.0]]]}).encode()
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=WITHIN_S)) as connection:
        connection.connect()
        connection.auto_open = 0  # a connection that was closed is the end
        statuses: list[int] = []
        while True:
            ending = told.is_set()
            try:
                connection.request("POST", "/allocate", body)
                answer = connection.getresponse()
                answer.read()
            except (http.client.NotConnected, http.client.RemoteDisconnected, BrokenPipeError):
                return statuses, "closed"
            except OSError as error:
                return statuses, type(error).__name__
            if ending:
                statuses.append(answer.status)
            ready.set()
            time.sleep(0.02)


@pytest.mark.parametrize("workers", [1, 2])
def test_clients_with_open_connections_get_503_and_are_closed(
    root: Path, tmp_path: Path, workers: int
) -> None:
    if workers > len(os.sched_getaffinity(0)):
        pytest.skip("one core")
    told, server = threading.Event(), start(root, tmp_path, "--workers", str(workers), "--drain", "1")
    try:
        with ThreadPoolExecutor(CLIENTS) as pool:
            ready = [threading.Event() for _ in range(CLIENTS)]
            clients = [pool.submit(ask_until_closed, server.port, each, told) for each in ready]
            try:
                up = all(each.wait(WITHIN_S) for each in ready)
            finally:
                told.set()
                server.process.send_signal(signal.SIGTERM)
            assert up, server.log.read_text()
            # New ones are told as well, until the socket closes; a worker may hear of it a moment later.
            deadline = time.monotonic() + 0.8
            while (status := server.ask("GET", "/v2/health/ready")[0]) == 200 and time.monotonic() < deadline:
                time.sleep(0.01)
            ended = [client.result() for client in clients]
        assert status == 503
        statuses = {status for found, _ in ended for status in found}
        assert statuses <= {200, 503}
        assert 503 in statuses
        assert all(found == sorted(found) for found, _ in ended)  # once refused, never answered again
        assert {how for _, how in ended} == {"closed"}
        assert server.process.wait(WITHIN_S) == 0
        psutil.wait_procs(server.family, timeout=WITHIN_S)
        assert not [process for process in server.family if process.is_running()]
    finally:
        server.end()


def test_what_was_accepted_is_answered(root: Path, tmp_path: Path) -> None:
    server = start(root, tmp_path, "--drain", "0")
    try:
        body = json.dumps({"gain_db": gains(100, 40).tolist(), "effort": "best"}).encode()
        with ThreadPoolExecutor(4) as pool:
            asked = [pool.submit(server.ask, "POST", "/allocate", body, WITHIN_S) for _ in range(4)]
            deadline = time.monotonic() + WITHIN_S
            while b"gfm_ra_http_requests_in_progress 5.0" not in server.ask("GET", "/metrics")[1]:
                assert time.monotonic() < deadline
                time.sleep(0.01)
            server.process.send_signal(signal.SIGTERM)
            for each in asked:
                status, answer = each.result()
                assert status == 200
                assert len(json.loads(answer)["power"]) == 100
        assert server.process.wait(WITHIN_S) == 0
    finally:
        server.end()


def test_a_worker_that_is_killed_is_replaced_and_the_others_go_on(root: Path, tmp_path: Path) -> None:
    if len(os.sched_getaffinity(0)) < 2:
        pytest.skip("one core")
    server = start(root, tmp_path, "--workers", "2")
    try:
        workers = alive(server)
        assert len(workers) == 2
        time.sleep(6.0)  # longer than a start may take to count as failed
        workers[0].kill()
        for _ in range(20):
            with client(server, retries=5) as asking:
                asking.allocate(gain_db=gains(1, 4))
        deadline = time.monotonic() + WITHIN_S
        while len(alive(server)) < 2:
            assert time.monotonic() < deadline, server.log.read_text()
            time.sleep(0.1)
        assert workers[1] in alive(server)
        text = server.ask("GET", "/metrics")[1].decode()
        answered = [line for line in text.splitlines() if 'route="/allocate",status="200"' in line]
        assert sum(float(line.split()[-1]) for line in answered) == 20.0  # of all workers, whoever is asked
    finally:
        server.end()


def alive(server: Server) -> list[psutil.Process]:
    found = []
    for each in server.process.children():
        with contextlib.suppress(psutil.NoSuchProcess):  # zombies among them
            found += [each] * ("spawn_main" in " ".join(each.cmdline()))
    return found


def test_logs_are_lines_of_json(root: Path, tmp_path: Path) -> None:
    server = start(root, tmp_path, "--access-log")
    try:
        server.allocate(gain_db=[[1.0]])
        server.ask("POST", "/allocate", b"no json")
    finally:
        server.end()
    first, *lines = server.log.read_text().splitlines()
    assert first.startswith("any-world-4 at http://127.0.0.1:")
    found = [json.loads(line) for line in lines]
    assert [(each["path"], each["status"]) for each in found if each["path"] == "/allocate"] == [
        ("/allocate", 200), ("/allocate", 400),
    ]  # fmt: skip
    assert all({"time", "level", "request_id", "ms"} <= set(each) for each in found)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--port", "0"), "out of range: 1 to 65535"), (("--workers", "999"), "this machine has"),
        (("--model", "nobody"), "nobody"), (("--certificate", "x.pem"), "belong together"),
        (("--ray", "--drain", "3"), "--drain is not for --ray"), (("--follow", "3"), "only an alias"),
    ],
)  # fmt: skip
def test_what_cannot_be_served_is_one_line(root: Path, options: tuple[str, ...], said: str) -> None:
    status, told = told_by(root, *options)
    assert status in (1, 2)
    assert said in told.splitlines()[-1]
    assert "Traceback" not in told


def test_an_empty_token_is_refused(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GFM_RA_TOKEN", "")
    assert "set but empty" in told_by(root)[1]


def test_a_signal_while_workers_start_ends_them(root: Path) -> None:
    if len(os.sched_getaffinity(0)) < 2:
        pytest.skip("one core")
    for _ in range(3):
        command = [PROGRAM, "serve", "--port", str(free_port()), "--workers", "2", "--drain", "0"]
        process = psutil.Popen(command, env=os.environ | {"PYTHONPATH": str(root)}, stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + WITHIN_S
        while not process.children():
            assert time.monotonic() < deadline
            time.sleep(0.005)
        process.send_signal(signal.SIGTERM)
        assert process.wait(WITHIN_S) in (0, -signal.SIGTERM)


def test_one_connection_cannot_take_memory_without_bounds(server: Server) -> None:
    resident = server.process.memory_info().rss / 2**20
    requests = b"GET /v2 HTTP/1.1\r\nhost: x\r\n\r\n" * 100_000
    for flood in (requests, b"GET / HTTP/1.1\r\na: " + b"b" * 2**23):
        with (
            socket.create_connection(("127.0.0.1", server.port), timeout=WITHIN_S) as asking,
            contextlib.suppress(BrokenPipeError, ConnectionResetError),
        ):
            asking.sendall(flood)
            while asking.recv(2**16):
                pass
    assert server.process.memory_info().rss / 2**20 - resident < 30.0  # MB
    with socket.create_connection(("127.0.0.1", server.port), timeout=WITHIN_S) as asking:
        asking.sendall(b"GET / HTTP/1.1\r\na: " + b"b" * 70_000 + b"\r\n\r\n")
        assert asking.recv(200).startswith(b"HTTP/1.1 431 ")
    with socket.create_connection(("127.0.0.1", server.port), timeout=WITHIN_S) as asking:
        asking.sendall(b"BREW\r\n\r\n")
        answer = asking.recv(2000)
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert "no HTTP request" in json.loads(answer.partition(b"\r\n\r\n")[2])["error"]


def test_half_a_request_is_given_up(root: Path, tmp_path: Path) -> None:
    server = start(root, tmp_path, "--timeout", "1")
    try:
        with socket.create_connection(("127.0.0.1", server.port), timeout=WITHIN_S) as asking:
            asking.sendall(b"GET /v2 HTTP/1.1\r\nhost: ")
            assert asking.recv(200) == b""
    finally:
        server.end()


def test_a_port_that_is_taken_is_one_line(root: Path, server: Server) -> None:
    status, told = told_by(root, "--port", str(server.port))
    assert status == 1
    assert told.splitlines() == [
        f"gfm-ra: cannot listen on 127.0.0.1:{server.port} (Address already in use): choose another --port"
    ]


def told_by(root: Path, *options: str) -> tuple[int, str]:
    done = subprocess.run(
        [PROGRAM, "serve", *options], env=os.environ | {"PYTHONPATH": str(root)},
        capture_output=True, text=True, timeout=WITHIN_S, check=False,
    )  # fmt: skip
    return done.returncode, done.stderr
