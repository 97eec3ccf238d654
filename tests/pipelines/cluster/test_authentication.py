"""A token on one side only: one line that names both sides, before Ray would fail in other words."""

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import pytest
import ray
from ray.exceptions import AuthenticationError

from pipelines.cluster import authentication
from pipelines.cluster.session import session
from pipelines.runtime.errors import UserError

THEIRS = "the-token-of-the-cluster"
# As Ray 2.60's own servers say it (`ray start` with RAY_AUTH_MODE=token, asked without).
REFUSAL = "InvalidAuthToken: Authentication token is missing or incorrect"


DRIVER = """
from pipelines.cluster.session import session
from pipelines.runtime.errors import UserError
try:
    with session():
        print("joined")
except UserError as error:
    print(error)
"""


class Head(grpc.GenericRpcHandler):
    """Answers as a head node does: to the one question, with the right token if it wants any."""

    def __init__(self, wanted: str) -> None:
        self.wanted = wanted

    def service(self, details):
        if details.method != authentication.METHOD:
            return None
        given = dict(details.invocation_metadata).get("authorization", "")
        return grpc.unary_unary_rpc_method_handler(lambda _, context: self.answer(given, context))

    def answer(self, given: str, context: grpc.ServicerContext) -> bytes:
        if self.wanted and given != f"Bearer {self.wanted}":
            context.abort(grpc.StatusCode.UNAUTHENTICATED, REFUSAL)
        return b""


@pytest.fixture
def clean(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home folder, and no word on tokens anywhere; no session of other tests."""
    for name in (authentication.MODE, authentication.TOKEN, authentication.TOKEN_PATH):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    return tmp_path


@pytest.fixture(params=["", THEIRS], ids=["none", "token"])
def head(request: pytest.FixtureRequest, clean: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """What a cluster at RAY_ADDRESS asks for."""
    server = grpc.server(ThreadPoolExecutor(2), handlers=[Head(request.param)])
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    monkeypatch.setenv("RAY_ADDRESS", f"127.0.0.1:{port}")
    yield request.param
    server.stop(None).wait()


def joined(monkeypatch: pytest.MonkeyPatch) -> str:
    """What joining says; empty if Ray was asked to join."""
    monkeypatch.setattr(ray, "init", lambda **_: None)
    try:
        with session():
            return ""
    except UserError as error:
        line = str(error)
    assert "\n" not in line
    return line


def test_neither_side_has_one_or_both_have_the_same(
    head: str, clean: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if head:
        monkeypatch.setenv(authentication.TOKEN, head)
        assert joined(monkeypatch) == ""
        monkeypatch.setenv(authentication.MODE, "token")
    assert joined(monkeypatch) == ""
    if not head:
        monkeypatch.setenv(authentication.MODE, "disabled")
        assert joined(monkeypatch) == ""


@pytest.mark.parametrize("where", ["variable", "file", "named file"])
def test_a_token_here_only(head: str, where: str, clean: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = clean / (".ray/auth_token" if where == "file" else "elsewhere")
    path.parent.mkdir(exist_ok=True)
    if where == "variable":
        monkeypatch.setenv(authentication.TOKEN, "ours")
    else:
        path.write_text("ours\n")
    if where == "named file":
        monkeypatch.setenv(authentication.TOKEN_PATH, str(path))
    line = joined(monkeypatch)
    assert {"variable": "RAY_AUTH_TOKEN)", "file": "~/.ray/auth_token)", "named file": f"={path})"}[
        where
    ] in line
    if head:
        assert "asks for another token than this side has" in line
        assert "set RAY_AUTH_MODE=token and RAY_AUTH_TOKEN" in line
    else:
        assert "asks for no token, but this side has one" in line
        assert "set RAY_AUTH_MODE=disabled here" in line
        monkeypatch.setenv(authentication.MODE, "disabled")
        assert joined(monkeypatch) == ""


@pytest.mark.parametrize("head", [THEIRS], indirect=True)
def test_a_token_there_only(head: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "asks for a token, but this side sends none (neither RAY_AUTH_TOKEN nor" in joined(monkeypatch)
    monkeypatch.setenv(authentication.TOKEN, head)
    monkeypatch.setenv(authentication.MODE, "disabled")
    line = joined(monkeypatch)
    assert "asks for a token, but this side sends none (RAY_AUTH_MODE=disabled)" in line
    assert "set RAY_AUTH_MODE=token and RAY_AUTH_TOKEN" in line


@pytest.mark.parametrize("head", [""], indirect=True)
def test_asked_to_send_one_that_nobody_wants(head: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(authentication.MODE, "token")
    assert "asks for no token, but this side has one (RAY_AUTH_MODE=token)" in joined(monkeypatch)


def test_what_ray_says_itself_is_one_line_too(clean: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(**_: object) -> None:
        # ray/_private/authentication/authentication_constants.py
        raise AuthenticationError("Token authentication is enabled but no authentication token was found")

    monkeypatch.setenv("RAY_ADDRESS", "auto")
    monkeypatch.setattr(ray, "init", refuse)
    with (
        pytest.raises(
            UserError, match=r"no authentication token was found.*RAY_AUTH_MODE=disabled"
        ) as caught,
        session(),
    ):
        pass
    assert "\n" not in str(caught.value)


# --- a session of this machine's own ---


@pytest.mark.parametrize("mode", ["", "token", "disabled"])
def test_a_token_is_given_where_ray_would_write_one(
    mode: str, clean: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if mode:
        monkeypatch.setenv(authentication.MODE, mode)
    monkeypatch.setenv(authentication.TOKEN, "")  # put back after the test
    authentication.give_token()
    given = os.environ[authentication.TOKEN]
    assert (len(given) >= 32) == (mode != "disabled")
    authentication.give_token()
    assert os.environ[authentication.TOKEN] == given
    monkeypatch.setenv(authentication.TOKEN, "")
    (clean / ".ray").mkdir()
    (clean / ".ray/auth_token").write_text("kept")
    authentication.give_token()
    assert os.environ[authentication.TOKEN] == ""


@pytest.mark.parametrize("home", ["a folder", "none"])
def test_a_local_session_needs_no_home_folder_and_leaves_nothing_there(
    root: Path, clean: Path, home: str
) -> None:
    environment = {key: value for key, value in os.environ.items() if not key.startswith("RAY_")}
    answer = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", DRIVER],
        cwd=root,
        env=environment | {"HOME": str(clean) if home == "a folder" else "/dev/null"},
        capture_output=True, text=True, check=True, timeout=120,
    )  # fmt: skip
    assert answer.stdout == "joined\n", answer.stderr
    assert not (clean / ".ray").exists()


# --- Ray's own cluster ---


@pytest.mark.slow
@pytest.mark.parametrize(
    ("theirs", "ours", "said"),
    [
        ("token", "disabled", "asks for a token, but this side sends none (RAY_AUTH_MODE=disabled)"),
        ("disabled", "token", "asks for no token, but this side has one (RAY_AUTH_MODE=token)"),
        ("token", "token", "joined"),
    ],
)
def test_ray_s_own_head_is_understood(root: Path, clean: Path, theirs: str, ours: str, said: str) -> None:
    ray_command = Path(sys.executable).with_name("ray")
    environment = {key: value for key, value in os.environ.items() if not key.startswith("RAY_")}
    environment |= {authentication.TOKEN: THEIRS, "HOME": str(clean), "RAY_USAGE_STATS_ENABLED": "0"}
    options = ["--port=0", "--num-cpus=1", "--include-dashboard=false", "--block"]
    start = [ray_command, "start", "--head", *options]
    log = clean / "head.log"
    with log.open("w") as out:
        head = subprocess.Popen(
            start, env=environment | {authentication.MODE: theirs}, stdout=out, stderr=subprocess.STDOUT
        )
    try:
        address = _address(log)
        answer = subprocess.run(
            [sys.executable, "-W", "ignore", "-c", DRIVER],
            cwd=root,
            env=environment | {authentication.MODE: ours, "RAY_ADDRESS": address},
            capture_output=True, text=True, check=True, timeout=120,
        )  # fmt: skip
    finally:
        head.terminate()
        head.wait(60)
    (line,) = answer.stdout.splitlines()
    assert said in line
    assert "InvalidAuthToken" not in answer.stderr  # Ray's own twenty tries


def _address(log: Path) -> str:
    for _ in range(600):
        if found := re.search(r"--address='([\d.]+:\d+)'", log.read_text()):
            return found[1]
        time.sleep(0.1)
    pytest.fail(f"no head came up: {log.read_text()[-500:]}")
