"""HTTP servers as processes of their own, on loopback."""

import http.client
import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import psutil


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Server:
    """A server as a process of its own; it and all it started end with the test."""

    def __init__(
        self, command: list[str], port: int, ready: str, root: Path, folder: Path | None = None
    ) -> None:
        self.port, self.log = port, (folder or Path()) / f"server-{port}.log"
        # MLflow looks for uvicorn on the path.
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        environment = os.environ | {"PYTHONPATH": str(root), "PATH": path}
        with self.log.open("w") as log:
            self.process = psutil.Popen(
                command, stdout=log, stderr=subprocess.STDOUT, env=environment, start_new_session=True
            )
        self.family: list[psutil.Process] = []
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline:
            assert self.process.poll() is None, self.log.read_text()
            try:
                if self.ask("GET", ready)[0] == 200:
                    self.family = self.process.children(recursive=True)
                    return
            except OSError:
                pass
            time.sleep(0.3)
        raise AssertionError(f"not ready: {self.log.read_text()}")

    def ask(
        self, method: str, path: str, body: bytes | None = None, timeout: float = 30
    ) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        try:
            connection.request(method, path, body, {"content-type": "application/json"})
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def allocate(self, **fields: object) -> tuple[int, dict]:
        status, body = self.ask("POST", "/allocate", json.dumps(fields).encode())
        return status, json.loads(body)

    def end(self) -> None:
        self.family += self.process.children(recursive=True) if self.process.is_running() else []
        if self.process.is_running():
            self.process.terminate()
            psutil.wait_procs([self.process], timeout=40)
        for process in {self.process, *self.family}:
            if process.is_running():
                process.kill()
