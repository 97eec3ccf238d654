"""The table of what efforts cost: a row for every method and size, multiples of its own rows, and bad words refused."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks import efforts
from gfm_ra.allocator import Allocator
from gfm_ra.core import loader
from gfm_ra.goals import ProportionalFair
from gfm_ra.inference.network.architecture import Architecture, EstimatorSizes
from gfm_ra.inference.network.unrolled import UnrolledNetwork

METHODS = {efforts.RUN, efforts.BEST, "fast", "balanced", "best"}


@pytest.fixture
def allocator() -> Allocator:
    sizes = Architecture(8, 12, 3, 0, False, 0.3, EstimatorSizes(5, 6, 1, 2, 2))
    draw = np.random.default_rng(3)
    weights = {
        name: draw.normal(0.0, 0.3, shape).astype(np.float32) for name, shape in sizes.shapes().items()
    }
    return Allocator(UnrolledNetwork(sizes, weights), None, {}, "small")


def test_times_are_per_network_and_multiples_are_of_the_same_run(allocator: Allocator) -> None:
    found = {row.method: row for row in efforts.rows(allocator, ProportionalFair(), 3, 6, 0.05)}
    assert set(found) == METHODS
    run, best = found[efforts.RUN], found[efforts.BEST]
    for row in found.values():
        assert 0 < row.least_ms <= row.median_ms
        assert (row.batch, row.links) == (3, 6)
        assert row.runs == pytest.approx(row.least_ms / run.least_ms)
        assert row.bests == pytest.approx(row.least_ms / best.least_ms)
    assert best.least_ms > 2 * run.least_ms
    assert found["best"].least_ms > best.least_ms  # it holds these very starts


def test_the_table_says_what_it_was_measured_on(allocator: Allocator) -> None:
    head, *lines = efforts.table(allocator, ProportionalFair(), (1, 2), (3, 5), 0.005)
    for word in (efforts.processor(), loader.instruction_set(), "one thread", "small", "proportional-fair"):
        assert word in head
    sizes = [tuple(line.split(" | ")[:3]) for line in lines[2:]]
    assert len(sizes) == len(set(sizes)) == 4 * len(METHODS)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--links", "0"], "whole numbers from 1 on"),
        (["--links", "5,,6"], "whole numbers from 1 on"),
        (["--batch", "two"], "whole numbers from 1 on"),
        (["--seconds", "0"], "above 0"),
        (["--seconds", "nan"], "above 0"),
        (["--goal", "speed"], "invalid choice"),
        (["--model", "no-such/folder"], "is no folder"),
    ],
)
def test_bad_words_are_refused_in_one_line(
    words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        efforts.main(words)
    last = capsys.readouterr().err.splitlines()[-1]
    assert said in last


def test_it_is_a_command(root: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.efforts", "--help"],
        cwd=root, env=os.environ, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "--seconds" in done.stdout
