"""Plans: powers within what cells can send, rates that are those of the network, answers where gains are unknown."""

import numpy as np
import pytest

import gfm_ra
from gfm_ra.measurements.measured import network_of
from gfm_ra.planning import plan
from gfm_ra.rates import spectral_efficiency
from tests.gfm_ra.measurements.cases import cells, report


def _measured(unknown: bool = False, rounds: int = 1):
    levels = [
        ("a", {"a": -80.5, "b": -84.5, "c": -99.5}),
        ("b", {"b": -78.5, "a": -88.5}),
        ("c", {"c": -82.5, "b": -85.5, "a": -97.5}),
    ]
    if not unknown:
        levels[1][1]["c"] = -101.5
    reports = [report(f"{cell}{number}", cell, named) for number in range(rounds) for cell, named in levels]
    return network_of(reports, cells("a", "b", "c"))


def test_powers_in_dbm_are_parts_of_full_power():
    found = plan(gfm_ra.load(), _measured(), goal="proportional-fair")
    assert found.power.shape == (1, 3)
    assert ((found.power >= 0) & (found.power <= 1)).all()
    full_dbm = [one.transmit_power_dbm for one in found.measured.cells]
    np.testing.assert_allclose(found.power_dbm[0], full_dbm + 10 * np.log10(found.power[0]), atol=1e-3)


def test_full_power_and_today_differ_as_the_powers_do():
    found = plan(gfm_ra.load(), _measured())
    gain = found.measured.network.gain
    half = spectral_efficiency(np.full(3, 10**-0.3), gain)
    assert found.rate_today is not None
    # The draws scatter round the reported gains: alike, not equal.
    np.testing.assert_allclose(found.rate_today[0], half, rtol=0.15)
    np.testing.assert_allclose(found.rate_full[0], spectral_efficiency(np.ones(3), gain), rtol=0.15)


@pytest.mark.parametrize("goal", ["sum-rate", "proportional-fair"])
def test_a_plan_is_not_worse_than_full_power_by_its_goal(goal):
    found = plan(gfm_ra.load(), _measured(), goal=goal)
    before, after = found.rate_full[0], found.rate[0]
    if goal == "sum-rate":
        assert after.sum() > before.sum()
    else:
        assert np.log(after).sum() > np.log(before).sum()


def test_unknown_gains_are_answered_and_said():
    found = plan(gfm_ra.load(), _measured(unknown=True), goal="qos", min_rate=0.5)
    assert np.isfinite(found.rate).all()
    assert any("not reported" in note for note in found.measured.notes)


def test_a_goal_that_needs_every_gain_gets_estimates_and_says_so():
    question = {"goal": "energy-efficiency", "circuit_power": 0.5}
    found = plan(gfm_ra.load("any-world-3"), _measured(unknown=True), **question)
    assert np.isfinite(found.rate).all()
    assert not any(
        "estimated" in note for note in plan(gfm_ra.load(), _measured(unknown=True), **question).notes
    )
    assert any("estimated" in note for note in found.notes)


def test_rounds_are_planned_one_by_one():
    one, two = (plan(gfm_ra.load(), _measured(rounds=rounds), goal="proportional-fair") for rounds in (1, 2))
    assert two.power.shape == (2, 3)
    np.testing.assert_allclose(two.power, np.repeat(one.power, 2, axis=0), rtol=1e-3)


def test_a_goal_that_does_not_exist_is_refused():
    with pytest.raises(ValueError, match="goal"):
        plan(gfm_ra.load(), _measured(), goal="loudest")
