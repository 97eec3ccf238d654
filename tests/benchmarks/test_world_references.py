"""Power control as today's networks do it: the formula, the loop, and settings that are the best of their grid."""

import numpy as np
import pytest

from benchmarks.worlds.references import (
    BASES_DB,
    COMMANDS,
    COMPENSATIONS,
    LEAST_POWER_DB,
    TARGETS_DB,
    PowerControl,
    closed_loop,
    fractional,
    tuned,
)
from benchmarks.worlds.run import GOALS
from benchmarks.worlds.table import WORLDS
from benchmarks.worlds.world import networks
from components.training.worlds.validation import score
from gfm_ra.rates import spectral_efficiency
from gfm_ra.units import to_gain


def network(*own_db: float, crossing_db: float = -100.0) -> np.ndarray:
    links = len(own_db)
    gain_db = np.where(np.eye(links, dtype=bool), np.diag(own_db), crossing_db)
    return to_gain(gain_db)[None]


def sinr_db(power: np.ndarray, gain: np.ndarray) -> np.ndarray:
    return 10.0 * np.log10(np.exp2(spectral_efficiency(power, gain)) - 1.0)


def test_open_loop_power_is_p0_times_a_power_of_the_loss() -> None:
    # Losses of -30 and -10 dB, alpha 0.8, P0 15 dB: 15 - 24 = -9 dB, 15 - 8 = 7 dB, which is full power.
    power = fractional(network(30.0, 10.0), 0.8, 10.0**1.5)
    assert power[0] == pytest.approx([10.0**-0.9, 1.0], rel=1e-5)
    # Full compensation: everybody is received at P0; none: everybody sends it.
    assert fractional(network(30.0, 20.0), 1.0, 10.0)[0] == pytest.approx([0.01, 0.1], rel=1e-5)
    assert fractional(network(30.0, 20.0), 0.0, 0.25)[0].tolist() == [0.25, 0.25]


def test_the_closed_loop_reaches_a_target_that_can_be_reached() -> None:
    gain = network(40.0, 35.0, 30.0, crossing_db=5.0)
    for start in (1.0, 1e-3):
        power = closed_loop(gain, np.full((1, 3), start), 12.0)
        assert np.abs(sinr_db(power, gain)[0] - 12.0).max() <= 0.5
        assert power.max() < 0.9


def test_the_closed_loop_stays_between_its_limits_and_steps_in_commands() -> None:
    gain = network(20.0, 20.0, crossing_db=20.0)
    assert closed_loop(gain, np.ones((1, 2)), 30.0).tolist() == [[1.0, 1.0]]
    lowered_db = 10.0 * np.log10(closed_loop(gain, np.ones((1, 2)), -90.0))
    assert lowered_db == pytest.approx(-COMMANDS * 1.0)  # one dB at a time
    raised_db = 10.0 * np.log10(closed_loop(network(10.0), np.full((1, 1), 1e-9), 200.0))
    assert raised_db == pytest.approx(max(LEAST_POWER_DB, -90.0) + 3.0 * 21)  # in steps of 3 dB, 63 dB up
    assert closed_loop(gain, np.zeros((1, 2)), -200.0).min() == pytest.approx(10.0 ** (LEAST_POWER_DB / 10.0))


@pytest.mark.parametrize("name", ["sum-rate", "alpha-2"])
def test_the_setting_is_the_best_of_the_grid(name: str) -> None:
    goal, gain = GOALS[name], to_gain(networks(WORLDS["uma-uplink-7x4"], 10))

    def mean(setting: PowerControl) -> float:
        return float(score(spectral_efficiency(setting.power(gain), gain), goal).mean())

    found = tuned(gain, goal)
    best = mean(found["fractional power control"])
    for alpha in COMPENSATIONS[::3]:
        for base_db in BASES_DB[::7]:
            assert mean(PowerControl(alpha, base_db)) <= best
    closed = found["closed loop"]
    assert closed[:2] == found["fractional power control"][:2]
    assert all(mean(closed._replace(target_db=target_db)) <= mean(closed) for target_db in TARGETS_DB[::4])
    # Full power is one of the settings, and under fairness far from the best.
    full = float(score(spectral_efficiency(np.ones(gain.shape[:2]), gain), goal).mean())
    assert best >= full * (1.0 if name == "sum-rate" else 5.0)
