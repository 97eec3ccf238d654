"""Laws of aliases: of promotions at once exactly one wins over a champion, and everybody learns which."""

import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace

import mlflow
import psutil
import pytest

from pipelines.registry import aliases, claim
from pipelines.runtime import runs
from pipelines.runtime.errors import UserError

NAME, AT_ONCE = "gfm-ra-qos", 6


def register(count: int) -> None:
    """So many versions without files."""
    client = mlflow.MlflowClient()
    client.create_registered_model(NAME)
    for _ in range(count):
        client.create_model_version(NAME, source="s3://nowhere/model")


def race(old: str | None, numbers: list[str]) -> tuple[list[str], list[str]]:
    """Promote all versions over the same champion at once: who won, and what the others were told."""

    def attempt(number: str) -> str | None:
        try:
            aliases.promote_over(NAME, number, old)
        except aliases.Overtaken as error:
            return str(error)
        return None

    with ThreadPoolExecutor(len(numbers)) as pool:
        said = list(pool.map(attempt, numbers))
    return [number for number, told in zip(numbers, said, strict=True) if told is None], [
        told for told in said if told is not None
    ]


def check_races() -> None:
    """A race for the first champion, then one for its place."""
    register(2 * AT_ONCE)
    champions: list[str | None] = [None]
    for numbers in (range(1, AT_ONCE + 1), range(AT_ONCE + 1, 2 * AT_ONCE + 1)):
        winners, told = race(champions[-1], [str(number) for number in numbers])
        assert len(winners) == 1
        assert all(words.startswith(f"{winners[0]} has become champion") for words in told), told
        assert len(told) == AT_ONCE - 1
        assert aliases.alias_version(NAME, "champion") == winners[0]
        assert aliases.alias_version(NAME, "previous") == champions[-1]
        champions += winners


def test_of_promotions_at_once_one_wins_in_sqlite(workspace: Path) -> None:
    runs.connect()
    check_races()


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """MLflow's own server."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{probe.getsockname()[1]}"
    command = [sys.executable, "-m", "mlflow", "server", "--port", address.rpartition(":")[2]]
    command += ["--backend-store-uri", f"sqlite:///{tmp_path}/server.db"]
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    with (tmp_path / "log").open("w") as log:
        process = psutil.Popen(
            command, cwd=tmp_path, stdout=log, stderr=subprocess.STDOUT, env=os.environ | {"PATH": path}
        )
    try:
        deadline = time.monotonic() + 300
        while True:
            assert process.poll() is None, (tmp_path / "log").read_text()
            assert time.monotonic() < deadline, (tmp_path / "log").read_text()
            with suppress(OSError), urllib.request.urlopen(f"{address}/health", timeout=5):
                break
            time.sleep(0.3)
        monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
        yield address
    finally:
        family = [*process.children(recursive=True), process]
        for one in family:
            with suppress(psutil.NoSuchProcess):
                one.kill()
        psutil.wait_procs(family, timeout=30)


@pytest.mark.slow
def test_of_promotions_at_once_one_wins_on_a_server(server: str) -> None:
    runs.connect()
    check_races()
    assert claim.TAG not in mlflow.MlflowClient().get_registered_model(NAME).tags


class Tags:
    """A registry that holds the tags of one model; time passes only while somebody sleeps."""

    def __init__(self) -> None:
        self.tags: dict[str, str] = {}
        self.now, self.meanwhile = 0.0, []  # what others do, and when

    def get_registered_model(self, _: str) -> SimpleNamespace:
        return SimpleNamespace(tags=dict(self.tags))

    def set_registered_model_tag(self, _: str, key: str, value: str) -> None:
        self.tags[key] = value

    def delete_registered_model_tag(self, _: str, key: str) -> None:
        del self.tags[key]

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        for when, change in [entry for entry in self.meanwhile if entry[0] <= self.now]:
            self.meanwhile.remove((when, change))
            change()

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def tags(monkeypatch: pytest.MonkeyPatch) -> Tags:
    made = Tags()
    monkeypatch.setattr(claim.mlflow, "MlflowClient", lambda: made)
    monkeypatch.setattr(claim, "time", made)
    return made


def test_a_claim_is_there_during_the_block_only(tags: Tags) -> None:
    with claim.claimed(NAME):
        assert f"process {os.getpid()}" in tags.tags[claim.TAG]
    assert tags.tags == {}


def test_a_claim_is_removed_after_an_error(tags: Tags) -> None:
    with pytest.raises(ZeroDivisionError), claim.claimed(NAME):
        raise ZeroDivisionError
    assert tags.tags == {}


def test_who_wrote_last_goes_first(tags: Tags) -> None:
    """Somebody who also found no claim writes after us: we wait until that one has finished."""
    tags.meanwhile = [
        (claim.SETTLE_S, lambda: tags.tags.update({claim.TAG: "other"})),
        (10 * claim.SETTLE_S, lambda: tags.tags.clear()),
    ]
    with claim.claimed(NAME):
        assert tags.now >= 10 * claim.SETTLE_S
        assert f"process {os.getpid()}" in tags.tags[claim.TAG]


def test_a_claim_of_somebody_dead_is_taken_over(tags: Tags) -> None:
    tags.tags[claim.TAG] = "dead"
    with claim.claimed(NAME):
        assert claim.STALE_S < tags.now < claim.STALE_S + 5 * claim.SETTLE_S
    assert tags.tags == {}


def test_claims_without_end_are_one_line(tags: Tags) -> None:
    def again() -> None:
        tags.tags[claim.TAG] = f"other {tags.now}"
        tags.meanwhile.append((tags.now + claim.STALE_S / 2, again))

    again()
    with (
        pytest.raises(UserError, match=r"is being promoted by other .*: nothing was promoted"),
        claim.claimed(NAME),
    ):
        pass


def test_a_champion_that_somebody_else_sets_without_a_lock_is_noticed(
    workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs.connect()
    register(2)
    original = mlflow.MlflowClient.set_registered_model_alias

    def also_by_hand(client: mlflow.MlflowClient, name: str, alias: str, version: str) -> None:
        original(client, name, alias, version)
        original(client, name, alias, "2")

    monkeypatch.setattr(mlflow.MlflowClient, "set_registered_model_alias", also_by_hand)
    with pytest.raises(aliases.Overtaken, match=r"^2 has become champion of gfm-ra-qos meanwhile: 1 was not"):
        aliases.promote_over(NAME, "1", None)
