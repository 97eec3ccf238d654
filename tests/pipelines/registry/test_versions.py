"""What the registry does not say is not taken for "there is no champion"."""

import http.server
import json
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from pipelines.registry import aliases, promotion, versions
from pipelines.registry.comparison import Snapshots
from pipelines.runtime import runs
from pipelines.runtime.errors import UserError


class Registry(http.server.ThreadingHTTPServer):
    """Answers every question about a model with one status and body, everything else with an empty object."""

    daemon_threads = True
    status, body, wait_s = 200, b"{}", 0.0
    asked_with: str | None = None

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.written: list[str] = []


class Handler(http.server.BaseHTTPRequestHandler):
    server: Registry

    def do_GET(self) -> None:
        about_model = "registered-models" in self.path
        self.server.asked_with = self.headers.get("Authorization")
        time.sleep(self.server.wait_s if about_model else 0.0)
        body = self.server.body if about_model else b"{}"
        with suppress(ConnectionError):  # a client that has given up
            self.send_response(self.server.status if about_model else 200)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    def do_POST(self) -> None:
        if not self.path.endswith(("/search", "/search-pages")):
            self.server.written.append(self.path)
        self.do_GET()

    do_PUT = do_PATCH = do_DELETE = do_POST

    def log_message(self, *_: object) -> None:
        """Quiet."""


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch, workspace: Path) -> Iterator[Registry]:
    """A server at MLFLOW_TRACKING_URI, and a client that gives up at once."""
    with Registry() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{server.server_address[1]}")
        monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
        monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "1")
        yield server
        server.shutdown()


def error(code: str) -> bytes:
    return json.dumps({"error_code": code, "message": f"said {code}"}).encode()


def no_snapshots() -> Snapshots:
    raise AssertionError("nothing was to be compared")


@pytest.mark.parametrize(
    ("status", "body", "wait_s"),
    [
        (403, error("PERMISSION_DENIED"), 0.0),
        (503, b"", 0.0),
        (500, error("INTERNAL_ERROR"), 0.0),
        (200, b"{}", 3.0),
    ],
    ids=["forbidden", "unavailable", "broken", "slow"],
)
def test_a_registry_that_fails_stops_a_promotion(
    registry: Registry, status: int, body: bytes, wait_s: float
) -> None:
    runs.connect(create=False)
    registry.status, registry.body, registry.wait_s = status, body, wait_s
    with pytest.raises(UserError, match="does not say what it has of gfm-ra-qos") as caught:
        aliases.alias_version("gfm-ra-qos", aliases.CHAMPION)
    assert "\n" not in str(caught.value)
    with pytest.raises(UserError, match="does not say what it has of gfm-ra-qos"):
        versions.find("gfm-ra-qos", "3")
    with pytest.raises(UserError, match="nothing was promoted"):
        promotion.Gate(no_snapshots, False, 0.95, dict).pass_through(
            versions.Version("gfm-ra-qos", "3", (), 0.0, {}, "")
        )
    with pytest.raises(UserError) as caught:
        aliases.promote("gfm-ra-qos", "3")
    assert "\n" not in str(caught.value)
    assert registry.written == []


def test_no_such_model_is_no_champion(registry: Registry) -> None:
    runs.connect(create=False)
    registry.status, registry.body = 404, error("RESOURCE_DOES_NOT_EXIST")
    assert aliases.alias_version("gfm-ra-qos", aliases.CHAMPION) is None


def test_a_model_without_the_alias_has_no_champion_and_one_with_it_has(registry: Registry) -> None:
    runs.connect(create=False)
    model = {"name": "gfm-ra-qos", "aliases": [{"alias": "champion", "version": "7"}]}
    registry.body = json.dumps({"registered_model": model}).encode()
    assert aliases.alias_version("gfm-ra-qos", aliases.CHAMPION) == "7"
    assert aliases.alias_version("gfm-ra-qos", aliases.PREVIOUS) is None


def test_only_the_candidate_answers_where_the_registry_says_that_there_is_no_champion(
    registry: Registry,
) -> None:
    runs.connect(create=False)
    model = {"name": "gfm-ra-qos", "aliases": [{"alias": "candidate", "version": "7"}]}
    registry.body = json.dumps({"registered_model": model}).encode()
    assert aliases.usable_alias("gfm-ra-qos") == "candidate"
    registry.status, registry.body = 403, error("PERMISSION_DENIED")
    with pytest.raises(UserError, match="does not say what it has"):
        aliases.usable_alias("gfm-ra-qos")


def test_a_password_reaches_the_server(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "engineer")
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "secret")
    runs.connect(create=False)
    assert registry.asked_with is not None
    assert registry.asked_with.startswith("Basic ")
