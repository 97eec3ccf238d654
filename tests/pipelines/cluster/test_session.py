"""Joining a cluster: what cannot be joined is one line, soon."""

import socket
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import ray

from pipelines.cluster.session import session, worker_resources, workers_that_fit
from pipelines.runtime import ports
from pipelines.runtime.errors import UserError

# As Ray's own check of versions says it.
MISMATCH = """Version mismatch: The cluster was started with:
    Ray: 2.50.0
    Python: 3.12.1
This process on node 127.0.0.1 was started with:
    Ray: 2.60.0
    Python: 3.11.7
"""


@pytest.fixture
def no_session(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a process of its own, whatever session the other tests keep."""
    monkeypatch.setattr(ray, "is_initialized", lambda: False)


def test_nothing_at_the_address_is_said_before_ray_would_notice(
    no_session: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{unused.getsockname()[1]}"
    monkeypatch.setenv("RAY_ADDRESS", address)
    started = time.monotonic()
    with pytest.raises(UserError, match=f"no Ray cluster answers at RAY_ADDRESS={address}"), session():
        pass
    assert time.monotonic() - started < 60.0  # Ray itself: a minute or two


def greet(head: socket.socket) -> None:
    """Accept two connections and answer a greeting as gRPC does: an empty SETTINGS frame."""
    for _ in range(2):
        connection, _address = head.accept()
        with connection:
            if connection.recv(1000):
                connection.sendall(b"\0\0\0\x04\0\0\0\0\0")


@pytest.mark.parametrize("scheme", ["", "ray://"])
@pytest.mark.parametrize(
    "answer", [b"HTTP/1.0 400 Bad Request\r\n\r\n", b"", None], ids=["web", "closes", "silent"]
)
def test_something_else_at_the_address_is_said_before_ray_would_notice(
    scheme: str, answer: bytes | None, no_session: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ray itself tries for three and a half minutes."""
    monkeypatch.setattr(ports, "ANSWER_WITHIN_S", 0.5 if answer is None else 10.0)
    monkeypatch.setattr(ray, "init", lambda **_: pytest.fail("Ray was asked"))

    def serve(head: socket.socket) -> None:
        for _ in range(2):
            connection, _address = head.accept()
            if answer is None:
                kept.append(connection)
                continue
            with connection:
                connection.recv(1000)
                connection.sendall(answer)

    kept: list[socket.socket] = []
    with socket.create_server(("127.0.0.1", 0)) as head, ThreadPoolExecutor(1) as pool:
        pool.submit(serve, head)
        address = f"{scheme}127.0.0.1:{head.getsockname()[1]}"
        monkeypatch.setenv("RAY_ADDRESS", address)
        with pytest.raises(UserError, match=f"no Ray cluster answers at RAY_ADDRESS={address}"), session():
            pass
    for connection in kept:
        connection.close()


def test_another_version_is_one_line_with_both(no_session: None, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(**_: object) -> None:
        raise RuntimeError(MISMATCH)

    with socket.create_server(("127.0.0.1", 0)) as head, ThreadPoolExecutor(1) as pool:
        pool.submit(greet, head)
        monkeypatch.setenv("RAY_ADDRESS", f"127.0.0.1:{head.getsockname()[1]}")
        monkeypatch.setattr(ray, "init", refuse)
        with pytest.raises(UserError, match=r"Ray: 2\.50\.0 .* Ray: 2\.60\.0") as caught, session():
            pass
    assert "\n" not in str(caught.value)


def test_a_worker_on_a_gpu_reserves_its_cores_too() -> None:
    assert worker_resources("gpu", 4) == {"CPU": 4, "GPU": 1}
    assert worker_resources("cpu", 3) == {"CPU": 3}


def test_workers_fit_node_by_node(monkeypatch: pytest.MonkeyPatch) -> None:
    def node(alive: bool = True, **resources: float) -> dict[str, object]:
        return {"Alive": alive, "Resources": resources}

    nodes = [
        node(CPU=8.0),
        node(CPU=16.0, GPU=2.0),
        node(CPU=3.0, GPU=4.0),
        node(alive=False, CPU=64.0, GPU=8.0),
    ]
    monkeypatch.setattr(ray, "nodes", lambda: nodes)
    assert workers_that_fit("cpu", 4) == 2 + 4 + 0
    assert workers_that_fit("gpu", 4) == 0 + 2 + 0
    assert workers_that_fit("gpu", 1) == 0 + 2 + 3
