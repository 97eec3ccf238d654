"""A thousand hostile requests per endpoint, over real sockets: no fault, no restart, no growth."""

import io
import json
import random
import socket
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.servers import Server, free_port

COUNT = 1000
GAIN_DB = np.random.default_rng(1).normal(20.0, 10.0, (2, 4, 4)).astype(np.float32)
HEADERS = (
    "content-type: application/x-npy", "content-type: text/\xff", "content-type: ;;;;", "content-encoding: gzip",
    "content-length: 7", "content-length: -1", "content-length: 99999999999999999999", "transfer-encoding: chunked",
    "inference-header-content-length: 5", "inference-header-content-length: \xff", "expect: 100-continue",
    "x-request-id: " + "a" * 3000, "x-request-id: \x00", "authorization: Bearer x", "connection: upgrade",
    "upgrade: websocket",
    "range: bytes=0-", "host: ", "a" * 200 + ": b", ": x", "content-type: application/json; charset=utf-7",
)  # fmt: skip
PATHS = (
    "",
    "?goal=qos",
    "?goal=%FF",
    "?" + "x=1&" * 200,
    "/",
    "//",
    "/../health",
    "/%00",
    "?weights=1,,,,",
    "?seed=1e99",
)


def npy() -> bytes:
    out = io.BytesIO()
    np.save(out, GAIN_DB)
    return out.getvalue()


TENSOR = {"name": "gain_db", "shape": [2, 4, 4], "datatype": "FP32"}
BODIES = {
    "/allocate": (
        npy(), json.dumps({"gain_db": GAIN_DB.tolist(), "goal": "qos", "weights": [1.0, 2.0, 3.0, 4.0]}).encode(),
        b'{"gain_db": [[1e308, -1e308], [0, NaN]]}', b'{"gain_db": ' + b"[" * 5000, b"\xff" * 100,
    ),
    "/v2/models/gfm-ra/infer": (
        json.dumps({"inputs": [TENSOR | {"data": GAIN_DB.ravel().tolist()}], "parameters": {"goal": "qos"}}).encode(),
        json.dumps({"inputs": [TENSOR | {"parameters": {"binary_data_size": 128}}]}).encode() + GAIN_DB.tobytes(),
        b'{"inputs": [{"name": "gain_db", "shape": [1e999], "datatype": 7}]}',
    ),
    "/v2/models/gfm-ra": (b"",), "/health": (b"",), "/metrics": (b"", b"x" * 1000),
}  # fmt: skip


@pytest.fixture(scope="module")
def server(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    port = free_port()
    program = str(Path(sys.executable).with_name("gfm-ra"))
    command = [program, "serve", "--port", str(port), "--timeout", "0.05", "--max-body-mb", "0.1"]
    found = Server(command, port, "/v2/health/ready", root, tmp_path_factory.mktemp("server"))
    yield found
    found.end()


def hostile(chance: random.Random, endpoint: str) -> bytes:
    """A request that somebody changed here and there."""
    body = bytearray(chance.choice(BODIES[endpoint]))
    for _ in range(chance.randrange(0, 8)):
        if body:
            body[chance.randrange(len(body))] = chance.randrange(256)
    method = chance.choice(["POST", "POST", "POST", "GET", "HEAD", "PUT", "OPTIONS", "BREW", "post", ""])
    lines = [
        f"{method} {endpoint}{chance.choice(PATHS)} HTTP/{chance.choice(['1.1', '1.1', '1.0', '9.9'])}",
        "host: x",
    ]
    lines += chance.sample(HEADERS, chance.randrange(0, 3))
    if chance.random() < 0.8:
        lines.append(f"content-length: {len(body)}")
    if chance.random() < 0.5:
        lines.append(
            f"content-type: {chance.choice(['application/json', 'application/x-npy', 'application/octet-stream'])}"
        )
    if chance.random() < 0.3:
        lines.append(f"inference-header-content-length: {chance.randrange(0, len(body) + 2)}")
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + bytes(body)


@pytest.mark.parametrize("endpoint", BODIES)
def test_nothing_harms_the_server(server: Server, endpoint: str) -> None:
    chance = random.Random(endpoint)
    resident: list[float] = []
    statuses: Counter[str] = Counter()
    for number in range(COUNT):
        with socket.create_connection(("127.0.0.1", server.port), timeout=0.3) as client:
            try:
                client.sendall(hostile(chance, endpoint))
                answer = client.recv(4096)
            # Refused before all of it was sent; or the server waits for more of it, and so would we.
            except (BrokenPipeError, ConnectionResetError, TimeoutError):
                answer = b""
        statuses[answer[9:12].decode("latin-1")] += 1
        assert not answer.startswith((b"HTTP/1.1 500", b"HTTP/1.0 500")), answer
        if number in (COUNT // 2, COUNT - 1):
            resident.append(server.process.memory_info().rss / 2**20)
    assert resident[1] - resident[0] < 5.0  # MB
    assert sum(count for status, count in statuses.items() if status[:1] == "4") > COUNT // 4, statuses
    assert server.process.is_running()
    assert server.ask("GET", "/v2/health/ready")[0] == 200
    told = [line for line in server.log.read_text().splitlines()[1:] if '"level":"error"' in line]
    assert told == []
