"""What switching a link changes: exact against a recomputation, and predicted from the derivatives alone."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import gfm_ra
from components.channel.scenario import SCENARIOS
from components.channel.simulator import simulate
from gfm_ra.energy import EnergyEfficiency
from gfm_ra.explain.derivatives import derivatives, links_of
from gfm_ra.explain.switching import change, integrals, total
from gfm_ra.goals import AlphaFair, ProportionalFair, QoS, SumRate
from gfm_ra.rates import spectral_efficiency
from tests.gfm_ra.explain.goal_cases import LINKS, OTHERS, SUMS, Efficiency, Foreign, network, utility


def recomputed(gain: np.ndarray, power: np.ndarray, goal, level: float) -> np.ndarray:
    """Change of the utility [K], one whole computation per link."""
    before = utility(goal, spectral_efficiency(power, gain), power)
    found = []
    for link in range(len(power)):
        switched = power.copy()
        switched[link] = level
        found.append(utility(goal, spectral_efficiency(switched, gain), switched) - before)
    return np.array(found)


@given(
    seed=st.integers(0, 10**6), goal=st.sampled_from([*SUMS, *OTHERS]), level=st.sampled_from([0.0, 0.3, 1.0])
)
def test_the_change_is_that_of_a_recomputation(seed, goal, level):
    gain, power = network(seed)
    found = change(links_of(gain, power), goal, np.full(LINKS, level))
    expected = recomputed(gain, power, goal, level)
    size = np.abs(found.parts).sum(-1) + abs(utility(goal, spectral_efficiency(power, gain), power))
    assert (np.abs(found.total - expected) <= 1e-12 * size + 1e-12).all()


@given(seed=st.integers(0, 10**6), links=st.integers(1, 9))
def test_any_number_of_links(seed, links):
    gain, power = network(seed, links)
    for level in (0.0, 1.0):
        found = change(links_of(gain, power), SumRate(), np.full(links, level))
        np.testing.assert_allclose(
            found.total, recomputed(gain, power, SumRate(), level), rtol=1e-9, atol=1e-12
        )


@given(seed=st.integers(0, 10**6), goal=st.sampled_from(SUMS), level=st.sampled_from([0.0, 1.0]))
def test_the_parts_are_each_link_s_own_change(seed, goal, level):
    gain, power = network(seed)
    found = change(links_of(gain, power), goal, np.full(LINKS, level))
    np.testing.assert_allclose(found.parts.sum(-1), found.total, rtol=1e-12, atol=1e-12)
    switched = power.copy()
    switched[2] = level
    benefits = (goal.benefit(spectral_efficiency(each, gain)) for each in (switched, power))
    np.testing.assert_allclose(found.parts[2], next(benefits) - next(benefits), rtol=1e-9, atol=1e-12)


def test_what_is_left_without_a_very_strong_link_does_not_cancel():
    """Interference 1e16 times the noise, all of it of one link: the rest keeps its digits when that is switched off."""
    gain = np.diag([1e3, 1e3, 1e3])
    gain[0, 1], gain[0, 2] = 1e16, 7.0
    found = total(links_of(gain, np.ones(3)), SumRate(), np.zeros(3))
    alone = np.log2(1 + 1e3 / 8.0) - np.log2(1 + 1e3 / (1e16 + 8.0))
    np.testing.assert_allclose(found[1], alone - np.log2(1 + 1e3), rtol=1e-12)


def test_a_silent_link_hides_nothing_of_the_others():
    """Its own loss under strong fairness is 1e18: changes of others are far below its rounding."""
    gain, power = network(5)
    power[0] = 0.0
    found = total(links_of(gain, power), AlphaFair(4.0), np.full(LINKS, 1.0))
    others = np.arange(1, LINKS)
    seen = network(5)[0][1:, 1:]
    expected = recomputed(seen, power[1:], AlphaFair(4.0), 1.0)
    np.testing.assert_allclose(found[others], expected, rtol=1e-9)


@given(seed=st.integers(0, 10**6), goal=st.sampled_from([SumRate(), ProportionalFair(), AlphaFair(2.0)]))
def test_a_foreign_goal_is_split_as_ours_is(seed, goal):
    gain, power = network(seed)
    own, foreign = (
        change(links_of(gain, power), each, np.full(LINKS, 1.0)) for each in (goal, Foreign(goal))
    )
    np.testing.assert_allclose(foreign.parts, own.parts, rtol=1e-6, atol=1e-9)


@given(
    seed=st.integers(0, 10**6),
    level=st.sampled_from([0.0, 1.0]),
    goal=st.sampled_from([Efficiency(), EnergyEfficiency(0.2), EnergyEfficiency(0.2, kind="weighted-sum")]),
)
def test_goals_of_powers_are_predicted_too(seed, level, goal):
    gain, power = network(seed)
    found = change(links_of(gain, power), goal, np.full(LINKS, level))
    np.testing.assert_allclose(found.parts.sum(-1), found.total, rtol=1e-6, atol=1e-9)


def worlds() -> dict[str, np.ndarray]:
    """Two networks each of home, and of two laws without distance."""
    rng = np.random.default_rng(4)
    found = {name: simulate(SCENARIOS[name], 2, 7).astype(np.float64) for name in ("D16", "D18", "D20")}
    found["independent fading"] = rng.exponential(10.0, (2, 30, 30)) * (1 + 99 * np.eye(30))
    found["log-normal"] = 10.0 ** rng.normal(0.0, 2.0, (2, 30, 30)) * (1 + 999 * np.eye(30))
    return found


def errors(goal, level_of, predict) -> np.ndarray:
    """Relative errors of predictions over all links, networks and worlds, at our powers and at random ones."""
    allocator, rng, found = gfm_ra.load(), np.random.default_rng(0), []
    for gains in worlds().values():
        for gain in gains:
            ours = allocator.allocate(gain=gain, goal=goal).power.astype(np.float64)
            for power in (ours, rng.random(len(gain))):
                links, level = links_of(gain, power), level_of(power)
                true = np.array([
                    total_of(goal, gain, power, link, level[link]) for link in range(len(power))
                ])  # fmt: skip
                moved = np.abs(true) > 1e-9 * np.abs(true).max()
                found.append(np.abs(predict(links, goal, level) - true)[moved] / np.abs(true[moved]))
    return np.concatenate(found)


def total_of(goal, gain: np.ndarray, power: np.ndarray, link: int, level: float) -> float:
    """True change: benefit by benefit, so that it keeps its digits when it is small."""
    switched = power.copy()
    switched[link] = level
    after, before = (goal.benefit(spectral_efficiency(each, gain)) for each in (switched, power))
    return float((after - before).sum())


def first_order(links, goal, level) -> np.ndarray:
    by = derivatives(links, goal)
    return (by.own - by.harm.sum(0) + by.direct) * (level - links.power)


@pytest.mark.parametrize("goal", [SumRate(), ProportionalFair(), QoS(), AlphaFair(2.0)], ids=repr)
@pytest.mark.parametrize("level", [0.0, 1.0])
def test_what_is_said_of_a_switch_comes_true(goal, level):
    """The exact change, and the parts, which are integrals of the derivatives: accepted are 5 percent in the median."""
    for predict in (total, lambda *asked: change(*asked).parts.sum(-1)):
        found = errors(goal, lambda power: np.full(len(power), level), predict)
        assert len(found) > 500
        assert np.median(found) <= 1e-12


@pytest.mark.parametrize("goal", [SumRate(), ProportionalFair(), AlphaFair(2.0)], ids=repr)
@pytest.mark.parametrize("level", [0.0, 1.0])
def test_derivatives_integrated_along_the_way_predict_switches(goal, level):
    """As for goals of other packages, of which no closed form is known."""
    predicted = errors(
        goal, lambda power: np.full(len(power), level), lambda *asked: integrals(*asked).sum(-1)
    )
    assert np.median(predicted) <= 1e-6
    assert np.mean(predicted <= 0.05) >= 0.98


def test_slopes_that_jump_are_integrated_within_some_percent():
    for level in (0.0, 1.0):
        predicted = errors(
            QoS(), lambda power, level=level: np.full(len(power), level),
            lambda *asked: integrals(*asked).sum(-1),
        )  # fmt: skip
        assert np.median(predicted) <= 0.1


@pytest.mark.parametrize("goal", [SumRate(), ProportionalFair(), QoS(), AlphaFair(2.0)], ids=repr)
def test_the_derivatives_at_one_point_predict_small_steps_and_no_switches(goal):
    small = errors(goal, lambda power: power * (1 - 1e-6), first_order)
    assert np.median(small) <= 1e-3
    whole = errors(goal, lambda power: np.zeros(len(power)), first_order)
    assert np.median(whole) >= 0.3
