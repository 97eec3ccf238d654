"""Whatever the source, repaired powers obey every limit and rule; what obeys keeps its bits."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.rules.random_rules import case
from benchmarks.rules.violations import ALLOWED, checked, independent_violation
from gfm_ra import Network, Rules
from gfm_ra.rules import bound, enforced, violation
from gfm_ra.rules.enforcement import enforced_rows

SEEDS = st.integers(100_000, 110_000)


def test_no_violation_in_random_networks_from_any_source() -> None:
    found = checked(count=20_000, batch=100, first=20_000)
    assert found.networks == 20_000
    assert found.refused == found.broken == 0
    assert found.worst < ALLOWED
    assert found.obeyed_before == found.unchanged > 100


@given(seed=SEEDS)
@settings(max_examples=40)
def test_repairing_twice_changes_nothing_more(seed: int) -> None:
    drawn = case(seed, 20)
    bounds = bound(drawn.limits, drawn.rules, drawn.power.shape)
    once = enforced_rows(drawn.power, bounds)
    assert once.dtype == drawn.power.dtype
    np.testing.assert_array_equal(enforced_rows(once, bounds), once)


@given(seed=SEEDS)
@settings(max_examples=40)
def test_powers_that_obey_keep_their_bits(seed: int) -> None:
    drawn = case(seed, 20)
    obeying = enforced(drawn.power, drawn.limits, drawn.rules) * np.float32(1.0)
    again = enforced(obeying, drawn.limits, drawn.rules)
    np.testing.assert_array_equal(again.view(np.uint8), obeying.view(np.uint8))


def test_the_check_that_repairs_are_judged_by_sees_each_rule_broken() -> None:
    broken = 0
    for seed in range(200):
        drawn = case(seed, 10)
        bounds = bound(drawn.limits, drawn.rules, drawn.power.shape)
        ours, theirs = violation(drawn.power, bounds), independent_violation(drawn.power, drawn)
        # A single power that breaks a cap alone is counted by both, in other units.
        np.testing.assert_array_equal(ours > 1e-5, theirs > 1e-5)
        broken += int((theirs > 1e-5).sum())
    assert broken > 1000


@given(seed=st.integers(0, 500))
@settings(max_examples=40)
def test_links_in_another_order_get_the_same_powers(seed: int) -> None:
    rng = np.random.default_rng(seed)
    links, bands, count = 6, 2, 4
    order = rng.permutation(links)
    groups, cells = np.array([0, 0, 0, 1, 1, -1]), [[0, 3], [2, 5]]
    power = rng.random((count, bands, links)) * 1.5
    floor, gain = rng.random(links) * 0.02, rng.random((2, links))
    where = np.argsort(order)

    def answer(chosen: np.ndarray, moved: list[list[int]]) -> np.ndarray:
        limits = Network(
            np.ones((count, bands, links, links)), bands=True, groups=groups[chosen], group_limit=0.8,
            exclusive=np.where(groups == 1, 0, -1)[chosen],
        ).limits  # fmt: skip
        rules = Rules(
            floor=floor[chosen], protected_gain=gain[:, chosen], interference_cap=0.6,
            never_silent=moved, never_silent_power=0.05,
        )  # fmt: skip
        return enforced(power[..., chosen], limits, rules)

    plain = answer(np.arange(links), cells)
    moved = answer(order, [[int(where[link]) for link in cell] for cell in cells])
    np.testing.assert_allclose(moved, plain[..., order], rtol=1e-9, atol=1e-12)


def test_one_cap_takes_most_from_the_transmitter_that_harms_most() -> None:
    rules = Rules(protected_gain=[[8.0, 1.0]], interference_cap=2.0)
    found = enforced(np.array([[1.0, 1.0]]), None, rules)[0]
    assert found @ [8.0, 1.0] == pytest.approx(2.0)
    # A contribution c becomes c / (1 + price * c); before, none is above the cap alone: 2 and 1.
    assert 1.0 / (8.0 * found[0]) - 1.0 / 2.0 == pytest.approx(1.0 / found[1] - 1.0)
    assert found[0] < found[1] < 1.0


def test_of_links_that_share_the_strongest_keeps_a_band_unless_floors_need_it() -> None:
    network = Network(np.ones((2, 3, 3)), bands=True, exclusive=[[0, 1]])
    power = np.array([[0.5, 0.4, 0.3], [0.6, 0.1, 0.2]])
    free = enforced(power, network.limits, None)
    np.testing.assert_allclose(free, [[0.5, 0.0, 0.3], [0.5, 0.0, 0.2]], atol=0.1)
    assert (free[:, 1] == 0).all()
    held = enforced(power, network.limits, Rules(floor=[0.0, 0.2, 0.0]))
    assert held[:, 1].sum() == pytest.approx(0.4)  # its better band, with what it had there
    assert held[0, 0] == 0
    assert held[1, 0] == pytest.approx(0.6)


def test_of_a_silent_cell_the_link_that_harms_least_is_lifted() -> None:
    rules = Rules(
        never_silent=[[0, 1]], never_silent_power=0.1, protected_gain=[[2.0, 0.5, 1.0]], interference_cap=0.3
    )
    found = enforced(np.zeros((1, 3)), None, rules)
    np.testing.assert_allclose(found, [[0.0, 0.1, 0.0]])


def test_ramps_hold_up_and_down() -> None:
    before, asked = np.array([0.5, 0.5, 0.0, 0.9]), np.array([[1.0, 0.0, 1.0, 0.85]])
    linear = enforced(asked, None, Rules(previous_power=before, ramp=[0.1, 0.2]))
    np.testing.assert_allclose(linear, [[0.6, 0.3, 0.1, 0.85]])
    in_db = enforced(asked, None, Rules(previous_power=before, ramp_db=3.0))
    np.testing.assert_allclose(in_db, [[0.5 * 10**0.3, 0.5 / 10**0.3, 0.0, 0.85]])


def test_a_batch_is_answered_as_its_networks_alone() -> None:
    rng = np.random.default_rng(0)
    rules = Rules(protected_gain=rng.random((2, 5)), interference_cap=0.5, floor=0.01)
    power = rng.random((7, 1, 5))
    together = enforced(power, None, rules)
    for one, alone in zip(power, together, strict=True):
        np.testing.assert_allclose(enforced(one, None, rules), alone, rtol=1e-12)


def test_powers_of_other_shapes_are_refused() -> None:
    with pytest.raises(ValueError, match="powers must be"):
        enforced(np.ones(3), None, Rules(floor=0.1))
    with pytest.raises(ValueError, match=r"powers must be \[\.\.\., F, K\]"):
        enforced(np.ones((2, 0)), None, None)
    with pytest.raises(ValueError, match=r"powers must be \[1, 3\] as the limits, got \[2, 3\]"):
        enforced(np.ones((2, 3)), Network(np.ones((3, 3)), limit=0.5).limits, None)
    for power in (np.array([["a"]]), np.array([[1j]])):
        with pytest.raises(ValueError, match="powers must be real numbers"):
            enforced(power, None, None)


def test_a_cap_that_is_met_exactly_by_a_strong_gain_is_no_overflow() -> None:
    least, strong = 2.0**-29, 2.0**29
    rules = Rules(
        protected_gain=[[strong, strong, 0.0]],
        interference_cap=1.0,
        never_silent=[[0], [2]],
        never_silent_power=least,
    )
    np.testing.assert_allclose(enforced(np.ones((1, 3)), None, rules), [[least, 0.0, 1.0]], rtol=1e-6)


def test_a_ramp_up_beyond_all_numbers_is_none() -> None:
    rules = Rules(previous_power=[0.5, 0.5], ramp_db=[1e6, 3.0])
    np.testing.assert_array_equal(enforced(np.ones((1, 2)), None, rules), np.ones((1, 2)))
