"""Laws of snapshots on disk: same content, same bytes; faults are named; storage does not bend utilities."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.channel.simulator import simulate
from gfm_ra.goals import ProportionalFair, QoS, SumRate
from gfm_ra.rates import spectral_efficiency
from components.channel.scenario import SCENARIOS
from components.data.shards import (STORED_DTYPE, DataError, Manifest, ScenarioEntry, json_text, load_split, read_shard, write_shard, write_text_atomically)
from gfm_ra.solvers import full_reuse, wmmse
from gfm_ra.units import LEAST_GAIN_DB, to_gain, to_gain_db

LINKS = 4


def gains(count: int, seed: int = 0, links: int = LINKS) -> np.ndarray:
    return (10 ** np.random.default_rng(seed).normal(0.7, 1.5, (count, links, links))).astype(np.float32)


@pytest.fixture
def manifest(tmp_path: Path) -> Manifest:
    """A data set of one scenario whose train split has shards of 3, 3 and 1 snapshots."""
    counts = (3, 3, 1)
    shards = tuple(
        write_shard(tmp_path / f"X.train.{n}.parquet", gains(count, n), {"shard": str(n)})
        for n, count in enumerate(counts)
    )
    entry = ScenarioEntry(parameters={"links": LINKS}, splits={"train": shards})
    Manifest(seed=0, scenarios={"X": entry}).save(tmp_path)
    return Manifest.load(tmp_path)


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


def flip_a_bit(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 3] ^= 1
    path.write_bytes(content)


def test_same_content_gives_the_same_bytes(tmp_path: Path) -> None:
    first = write_shard(tmp_path / "a.parquet", gains(5), {"x": "1", "y": "2"})
    second = write_shard(tmp_path / "b.parquet", gains(5), {"y": "2", "x": "1"})
    assert first.sha256 == second.sha256
    assert (tmp_path / "a.parquet").read_bytes() == (tmp_path / "b.parquet").read_bytes()
    assert write_shard(tmp_path / "c.parquet", gains(5, seed=1), {"x": "1", "y": "2"}).sha256 != first.sha256


def test_what_was_written_is_read_in_order(tmp_path: Path, manifest: Manifest) -> None:
    expected = np.concatenate([gains(3, 0), gains(3, 1), gains(1, 2)])
    read = load_split(tmp_path, manifest, "X", "train")
    assert read.shape == (7, LINKS, LINKS)
    np.testing.assert_array_equal(read, to_gain_db(expected).astype(STORED_DTYPE))
    np.testing.assert_array_equal(load_split(tmp_path, manifest, "X", "train", 5), read[:5])


def test_no_partial_file_stays(tmp_path: Path, manifest: Manifest) -> None:
    assert not [path.name for path in tmp_path.iterdir() if "partial" in path.name]


@pytest.mark.parametrize("harm", [Path.unlink, truncate, flip_a_bit], ids=["missing", "truncated", "damaged"])
def test_a_faulty_shard_is_named(tmp_path: Path, manifest: Manifest, harm: Callable[[Path], None]) -> None:
    harm(tmp_path / "X.train.1.parquet")
    with pytest.raises(DataError, match="simulate stage again") as caught:
        load_split(tmp_path, manifest, "X", "train")
    assert "X.train.1.parquet" in str(caught.value)


def test_shards_that_are_not_needed_are_not_read(tmp_path: Path, manifest: Manifest) -> None:
    (tmp_path / "X.train.2.parquet").unlink()
    assert len(load_split(tmp_path, manifest, "X", "train", 6)) == 6


@pytest.mark.parametrize(
    ("scenario", "split", "rows"),
    [("X", "train", 8), ("X", "val", None), ("X", "train", 0), ("Y", "train", 1)],
)
def test_what_is_not_there_is_named(
    tmp_path: Path, manifest: Manifest, scenario: str, split: str, rows: int | None
) -> None:
    with pytest.raises(DataError, match=f"{scenario}.*simulate section"):
        load_split(tmp_path, manifest, scenario, split, rows)


@pytest.mark.parametrize("text", ["", "{", '{"seed": 1}', '{"seed": 1, "scenarios": {}, "more": 2}'])
def test_a_damaged_manifest_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "manifest.json").write_text(text)
    with pytest.raises(DataError, match=r"manifest\.json is damaged"):
        Manifest.load(tmp_path)


def test_a_missing_manifest_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"manifest\.json is missing"):
        Manifest.load(tmp_path)


@pytest.mark.parametrize("scenario", ["D16", "D20"])
@pytest.mark.parametrize("objective", [SumRate(), ProportionalFair(), QoS()], ids=lambda o: o.name)
def test_stored_precision_changes_utilities_by_less_than_a_thousandth(
    tmp_path: Path, scenario: str, objective: SumRate
) -> None:
    exact = simulate(SCENARIOS[scenario], 60, 3)
    entry = write_shard(tmp_path / "shard.parquet", exact, {})
    stored = to_gain(read_shard(tmp_path, entry, exact.shape[-1]))
    for solver in (full_reuse, wmmse):
        power = solver(stored).astype(np.float32)
        rates, exact_rates = spectral_efficiency(power, stored), spectral_efficiency(power, exact)
        if isinstance(objective, ProportionalFair):  # compared as the geometric mean, as everywhere
            value, truth = (np.exp(objective.utility(r) / r.shape[-1]).mean() for r in (rates, exact_rates))
        else:
            value, truth = objective.utility(rates).mean(), objective.utility(exact_rates).mean()
        assert value == pytest.approx(truth, rel=1e-3)


def test_an_interrupted_text_write_leaves_the_old_content(tmp_path: Path) -> None:
    path = tmp_path / "file.json"
    write_text_atomically(path, "old")
    with pytest.raises(UnicodeEncodeError):  # fails after the file was opened
        write_text_atomically(path, "new \ud800")
    assert path.read_text() == "old"


def test_a_full_disk_is_an_os_error_that_names_the_file(tmp_path: Path) -> None:
    (tmp_path / ".a.parquet.partial").symlink_to("/dev/full")
    with pytest.raises(OSError, match="No space left") as caught:
        write_shard(tmp_path / "a.parquet", gains(5), {})
    assert caught.value.filename == str(tmp_path / "a.parquet")
    assert not (tmp_path / "a.parquet").exists()


def test_json_is_stable_and_refuses_what_json_has_not() -> None:
    assert json_text({"b": 1, "a": 2}) == json_text({"a": 2, "b": 1})
    with pytest.raises(ValueError, match="JSON compliant"):
        json_text({"a": float("nan")})
