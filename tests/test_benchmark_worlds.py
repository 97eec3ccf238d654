"""Test and validation worlds are what they say, the same every time, and their commands run."""

import numpy as np
import pytest

from benchmarks.worlds import foreign
from benchmarks.worlds.validation import KINDS, networks


def drawn(name: str, count: int = 4) -> np.ndarray:
    number = [*foreign.WORLDS].index(name)
    return foreign.WORLDS[name](np.random.Generator(np.random.PCG64([foreign.SEED, number])), count)


@pytest.mark.parametrize("name", foreign.WORLDS)
def test_test_worlds_are_positive_square_and_the_same_every_time(name: str) -> None:
    gain = drawn(name)
    assert gain.ndim == 3
    assert gain.shape[1] == gain.shape[2]
    assert np.isfinite(gain).all()
    assert (gain > 0).all()
    assert np.array_equal(gain, drawn(name))


def test_laws_of_the_test_worlds() -> None:
    assert (drawn("all equal 10") == 100.0).all()
    logarithm = 10.0 * np.log10(drawn("log-normal 20", 50))
    assert logarithm.mean() == pytest.approx(10.0, abs=0.5)
    assert logarithm.std() == pytest.approx(15.0, abs=0.5)
    fading = drawn("independent 50", 50) / 100.0
    assert fading.mean() == pytest.approx(1.0, abs=0.02)
    assert (fading < np.log(2.0)).mean() == pytest.approx(0.5, abs=0.01)  # the median of an exponential law
    pair = drawn("two on top 16")
    assert np.array_equal(pair[:, 0::2], pair[:, 1::2])
    assert np.array_equal(pair[:, :, 0::2], pair[:, :, 1::2])
    cells = drawn("uplink 7 x 4")
    assert np.array_equal(cells[:, 0], cells[:, 3])
    assert not np.array_equal(cells[:, 3], cells[:, 4])
    gap = drawn("d2d 50, 6 dB gap").mean() * 10**0.6 / drawn("d2d 50").mean()
    assert 0.2 < gap < 5.0  # other networks of the same law


@pytest.mark.parametrize("kind", KINDS)
def test_validation_worlds_are_the_same_every_time(kind: str) -> None:
    gain_db = networks(kind, 3, 9)
    assert gain_db.shape == (3, 9, 9)
    assert np.isfinite(gain_db).all()
    assert np.array_equal(gain_db, networks(kind, 3, 9))


def test_the_command_prints_a_line_per_world_and_goal(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--count", "4", "--worlds", "all equal 10", "uplink 7 x 4", "--goals", "sum-rate", "qos"]
    foreign.main([*words, "--efforts", "fast", "best"])
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 1 + 4
    assert all(float(line.split()[-4]) > 0.9 for line in lines[1:])
