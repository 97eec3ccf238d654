"""The published networks are the same on every machine, and what makes them up can be read off the table."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from numpy._core._multiarray_umath import __cpu_features__ as processor  # pyright: ignore

from benchmarks.worlds import run
from benchmarks.worlds.run import published
from benchmarks.worlds.table import SHA256, WORLDS
from benchmarks.worlds.world import PUBLISHED, TUNING_SEED, digest, networks
from components.channel.worlds import validation
from gfm_ra.errors import InputError
from gfm_ra.units import LARGEST_GAIN_DB, LEAST_GAIN_DB

WIDE = ("X86_V4", "AVX512_ICL", "AVX512_SPR")
PRINT = """
import sys
import numpy as np
from benchmarks.worlds.table import WORLDS
from benchmarks.worlds.world import digest, networks
print(np.log10(np.arange(1.0, 1e5)).tobytes().__hash__())
for name in sys.argv[1:]:
    print(digest(networks(WORLDS[name])))
"""


@pytest.mark.parametrize("name", WORLDS)
def test_networks_are_the_published_ones(name: str) -> None:
    gain_db = networks(WORLDS[name])
    assert gain_db.shape == (PUBLISHED, WORLDS[name].links, WORLDS[name].links)
    assert gain_db.dtype == np.float32
    assert gain_db.min() >= LEAST_GAIN_DB
    assert gain_db.max() <= LARGEST_GAIN_DB
    assert digest(gain_db) == SHA256[name]


def test_the_suite_is_large_and_says_where_it_comes_from() -> None:
    assert list(SHA256) == list(WORLDS)
    assert len(set(SHA256.values())) == len(WORLDS) >= 24
    families = {world.family for world in WORLDS.values()}
    assert len(families) >= 8
    assert not families & set(validation.KINDS)
    assert all(world.source and world.units and world.name == name for name, world in WORLDS.items())


@pytest.mark.skipif(not processor.get(WIDE[0]), reason="the processor has no AVX-512")
def test_the_width_of_the_processors_vectors_changes_no_digest() -> None:
    names = ("umi-uplink", "two-tier", "manhattan", "beams", "nakagami", "log-normal")
    told = []
    for disabled in ((), tuple(feature for feature in WIDE if processor.get(feature))):
        environment = os.environ | {"NPY_DISABLE_CPU_FEATURES": " ".join(disabled), "PYTHONHASHSEED": "0"}
        done = subprocess.run(
            [sys.executable, "-c", PRINT, *names], env=environment, capture_output=True, text=True, check=True,
            cwd=Path(__file__).parents[2], timeout=120,
        )  # fmt: skip
        told.append(done.stdout.split())
    assert told[0][0] != told[1][0]  # logarithms do differ
    assert told[0][1:] == told[1][1:] == [SHA256[name] for name in names]


@pytest.mark.parametrize("name", ["uma-sectors-downlink", "D16", "pareto"])
def test_fewer_networks_are_the_first_of_more(name: str) -> None:
    world = WORLDS[name]
    all_of_them = networks(world, PUBLISHED + 3)
    assert np.array_equal(networks(world, 5), all_of_them[:5])
    assert np.array_equal(networks(world), all_of_them[:PUBLISHED])
    assert not np.array_equal(all_of_them[:3], all_of_them[PUBLISHED:])


def test_parameters_are_tuned_on_other_networks() -> None:
    world = WORLDS["log-normal"]
    assert not np.isin(networks(world, 10, TUNING_SEED), networks(world, 10)).mean() > 0.1


def test_a_count_below_one_is_refused() -> None:
    with pytest.raises(ValueError, match="count must be at least 1, got 0"):
        networks(WORLDS["ring"], 0)


def test_other_networks_than_the_published_ones_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(run.SHA256, "ring", "0" * 64)
    with pytest.raises(InputError, match="world ring: these are not the published networks"):
        published(WORLDS["ring"], 5)


def test_the_guide_describes_every_world(root: Path) -> None:
    guide = (root / "docs" / "worlds.md").read_text()
    for world in WORLDS.values():
        assert (
            f"| `{world.name}` | {world.family} | {world.links} | {world.units} | {world.source} |\n" in guide
        )
    assert f"suite of {len(WORLDS)} kinds" in guide
