"""Laws of the OFDMA worlds: mean powers, correlation over frequency, structure, and what the flat worlds say."""

import numpy as np
import pytest
from scipy import stats

from benchmarks.worlds.families.delay_line import DelayLine
from benchmarks.worlds.families.ofdma import CELLS, SHA256, WORLDS, BandedWorld
from benchmarks.worlds.table import WORLDS as FLAT
from benchmarks.worlds.world import PUBLISHED, digest, networks

LINE = DelayLine(100e-9)


def powers(line, factor, frequency_hz, draws=40_000):
    found_db = line.fading_db(np.full(draws, factor), frequency_hz, np.random.default_rng(1))
    return 10 ** (found_db / 10)


@pytest.mark.parametrize("factor", [0.0, 8.0])
def test_fading_has_mean_power_one_in_every_band(factor):
    found = powers(LINE, factor, np.array([0.0, 0.3e6, 5e6]))
    assert found.mean(0) == pytest.approx(1.0, abs=0.02)


def test_one_frequency_fades_as_the_flat_worlds_do():
    found = powers(LINE, 0.0, np.array([2e6]))[:, 0]
    assert stats.kstest(found, "expon").pvalue > 0.01


def test_powers_of_two_frequencies_are_correlated_as_theory_says():
    apart = np.array([0.0, 0.25, 0.5, 1.0, 2.0, 4.0]) * LINE.coherence_hz
    found = powers(LINE, 0.0, apart)
    measured = np.corrcoef(found.T)[0]
    assert measured == pytest.approx(np.abs(LINE.correlation(apart)) ** 2, abs=0.02)
    # A profile that never ends has 1 / (1 + (2 pi f s)^2); six delay spreads come close.
    assert np.abs(LINE.correlation(apart)) ** 2 == pytest.approx(
        1 / (1 + (apart / LINE.coherence_hz) ** 2), abs=0.03
    )


def test_the_delay_spread_is_the_one_that_was_said():
    mean = (LINE.share * LINE.delay_s).sum()
    spread = np.sqrt((LINE.share * (LINE.delay_s - mean) ** 2).sum())
    assert spread == pytest.approx(LINE.spread_s, rel=0.05)


@pytest.mark.parametrize("world", WORLDS.values(), ids=WORLDS)
def test_a_band_is_flat(world):
    assert world.street.band_hz < 0.5 * world.street.delay_line.coherence_hz


def test_one_band_is_the_flat_world_in_distribution():
    banded = BandedWorld(WORLDS["ofdma-umi-downlink-20x4"].street, "downlink", 28, 1)
    ours, flat = banded.gain_db(PUBLISHED)[:, 0], networks(FLAT["umi-downlink-7x4"])
    for row, column in ((0, 0), (5, 0), (0, 27)):  # one entry per network, so that they are independent
        assert stats.ks_2samp(ours[:, row, column], flat[:, row, column]).pvalue > 0.01


@pytest.mark.parametrize("direction", ["downlink", "uplink"])
def test_links_of_a_cell_share_their_base_station(direction):
    world = WORLDS[f"ofdma-umi-{direction}-20x4"]
    gain_db = world.gain_db(3)
    to_user = gain_db if direction == "downlink" else gain_db.swapaxes(-1, -2)
    assert np.bincount(world.cell).tolist() == [3] * 6 + [2]
    for cell in range(CELLS):
        columns = to_user[..., world.cell == cell]
        assert (columns == columns[..., :1]).all()
    # In the mean over bands a user is served by the cell that it hears best: fading alone may say otherwise.
    own = np.diagonal(to_user, axis1=-2, axis2=-1).mean(1)
    assert (own >= to_user.mean(1).max(-1) - 10).mean() > 0.9


def test_budgets_are_those_of_the_direction():
    down, up = (WORLDS[f"ofdma-umi-{name}-20x4"] for name in ("downlink", "uplink"))
    gain_db = down.gain_db(2)
    assert down.network(gain_db).limits.groups == CELLS
    assert (down.network(gain_db).limits.group_total == 1).all()
    assert up.network(gain_db).limits.groups == 0
    assert (down.network(gain_db, exclusive=True).limits.sharing == down.cell).all()
    assert (down.network(gain_db).limits.sharing == -1).all()


def test_more_networks_begin_with_the_same_and_seeds_differ():
    world = WORLDS["ofdma-uma-uplink-20x10"]
    assert (world.gain_db(25)[:3] == world.gain_db(3)).all()
    assert (world.gain_db(3, seed=2) != world.gain_db(3)).mean() > 0.99
    with pytest.raises(ValueError, match="count must be at least 1"):
        world.gain_db(0)


@pytest.mark.parametrize("name", WORLDS)
def test_the_published_networks_are_these(name):
    assert digest(WORLDS[name].gain_db(PUBLISHED)) == SHA256[name]
