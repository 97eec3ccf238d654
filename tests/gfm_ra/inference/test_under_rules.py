"""`allocate` under hard rules: they hold whatever the source, and the price is what is lost against the same effort."""

from dataclasses import replace

import numpy as np
import pytest

import gfm_ra
from gfm_ra import Allocator, Network, Rules, Slice, spectral_efficiency
from gfm_ra.inference.allocation import Allocation
from gfm_ra.inference.under_rules import Price, bounds_of, ruled, under_rules
from gfm_ra.rules import violation
from gfm_ra.rules.violations import HOLDS

EFFORTS = ("fast", "balanced", "best")


class Source:
    """A network of another package that answers the same for every link."""

    any_goal, takes_unknown = True, True

    def __init__(self, answer: float) -> None:
        self.answer = answer

    def powers(self, gain_db: np.ndarray, prompt: object, threads: int | None = None) -> np.ndarray:
        return np.full(gain_db.shape[:2], self.answer, np.float32)


class Geometric:
    """A goal of another package."""

    name = "geometric"

    def utility(self, rates: np.ndarray) -> np.ndarray:
        return np.log(rates + 1e-3).mean(-1)


def gains(count: int = 4, links: int = 6) -> np.ndarray:
    gain_db = np.random.default_rng(0).normal(3.0, 10.0, (count, links, links))
    gain_db[:, range(links), range(links)] += 27.0
    return gain_db


RULES = Rules(
    floor=[0.01, 0, 0, 0.02, 0, 0], protected_gain_db=[[0, 5, -5, 3, 2, 1], [3, 0, 0, -9, 9, 0]],
    interference_cap_db=[-6, -3], never_silent=[[1, 2], [4, 5]], never_silent_power=0.03,
    previous_power=0.3, ramp=[0.2, 0.3],
)  # fmt: skip


def assert_obeys(answer: Allocation, rules: Rules = RULES) -> None:
    assert answer.network is not None
    bounds = bounds_of(rules, answer.network, False)
    assert bounds is not None
    assert (violation(answer.power.reshape(bounds.low.shape), bounds) <= HOLDS).all()


@pytest.fixture(scope="module")
def packaged() -> Allocator:
    return gfm_ra.load()


@pytest.mark.parametrize("effort", EFFORTS)
@pytest.mark.parametrize(
    ("goal", "numbers"),
    [
        ("sum-rate", {}), ("proportional-fair", {}), ("alpha-fair", {"alpha": 2.0}), ("qos", {"min_rate": 0.5}),
        ("energy-efficiency", {"circuit_power": 0.5}), (Geometric(), {}), ("sum-rate", {"weights": np.arange(1, 7)}),
    ],
    ids=str,
)  # fmt: skip
def test_rules_hold_for_every_goal_and_effort(packaged, goal, numbers, effort) -> None:
    gain_db = gains()
    told = {"gain_db": gain_db, "goal": goal, "effort": effort, **numbers}
    free, answer = packaged.allocate(**told), packaged.allocate(**told, rules=RULES)
    assert_obeys(answer)
    np.testing.assert_allclose(
        answer.rate, spectral_efficiency(answer.power.astype(float), 10 ** (gain_db / 10))
    )
    np.testing.assert_array_equal(answer.price, free.utility - answer.utility)
    assert all("under rules" in name for name in answer.source)
    assert answer.notes[-1].startswith("rules: powers were changed in 4 of 4 networks")
    if effort != "fast" and not isinstance(goal, Geometric):
        repair = packaged.allocate(**told | {"effort": effort})
        alone = ruled(repair, bounds_of(RULES, Network(gain_db=gain_db), False), packaged.network, "fast")
        assert (answer.utility >= alone.utility - 1e-9 * np.abs(alone.utility)).all()
        assert (answer.utility > alone.utility).any()


def test_hidden_gains_are_repaired_and_have_no_price(packaged) -> None:
    gain_db = gains()
    gain_db[[0, 2], 1, 4] = np.nan
    for effort in EFFORTS:
        answer = packaged.allocate(gain_db=gain_db, effort=effort, rules=RULES)
        assert_obeys(answer)
        assert np.isnan(answer.price[[0, 2]]).all()
        assert np.isfinite(answer.price[[1, 3]]).all()
        assert "unchecked, under rules" in str(answer.source[0])
    alone = packaged.allocate(gain_db=gain_db[0], rules=RULES)
    assert "gains are unknown: no price can be said" in alone.notes[-1]


@pytest.mark.parametrize("answer", [0.0, 1.0, np.nan, np.inf, -1.0, 3.0])
@pytest.mark.parametrize("effort", EFFORTS)
def test_rules_hold_for_any_source(answer: float, effort: str) -> None:
    assert_obeys(Allocator(Source(answer)).allocate(gain_db=gains(), effort=effort, rules=RULES))


def test_without_rules_and_under_rules_that_hold_nothing_changes(packaged) -> None:
    free = packaged.allocate(gain_db=gains())
    assert free.price is None
    kept = packaged.allocate(
        gain_db=gains(), rules=Rules(protected_gain=np.ones((1, 6)), interference_cap=7.0)
    )
    for name in ("power", "rate", "utility", "source"):
        np.testing.assert_array_equal(getattr(kept, name), getattr(free, name))
    np.testing.assert_array_equal(kept.price, np.zeros(4))
    assert kept.notes[-1] == "rules: the answer obeys them, their price is 0"


def test_single_networks_and_grids_of_networks_keep_their_shapes(packaged) -> None:
    one = packaged.allocate(gain_db=gains()[0], rules=RULES)
    assert one.power.shape == (6,)
    assert np.ndim(one.price) == np.ndim(one.utility) == 0
    assert "%" in one.notes[-1]
    many = packaged.allocate(gain_db=gains().reshape(2, 2, 6, 6), rules=RULES)
    assert many.price.shape == many.source.shape == (2, 2)
    np.testing.assert_allclose(many.power[0, 0], one.power, atol=1e-5)
    fair = packaged.allocate(gain_db=gains()[0], goal="proportional-fair", rules=RULES)
    assert "%" not in fair.notes[-1]


def test_bands_are_ruled_as_one_budget() -> None:
    """An answer on bands, from any source: rates are sums over bands, the price that of the true powers."""
    rng = np.random.default_rng(0)
    gain = rng.random((3, 2, 4, 4)) + 20 * np.eye(4)
    network = Network(gain, bands=True, exclusive=[[0, 1]], groups=[0, 0, 1, 1], group_limit=0.9)
    power = rng.random((3, 2, 4)).astype(np.float32)
    goal = gfm_ra.SumRate()
    rate = spectral_efficiency(power.astype(float), gain).sum(-2)
    free = Allocation(
        power, rate, rate.sum(-1), np.array(["model"] * 3), np.zeros(3, int), network=network, goal=goal
    )
    rules = Rules(floor=0.05, protected_gain=np.ones((1, 2, 4)), interference_cap=1.2)
    answer = under_rules(free, rules, Source(1.0), "balanced")
    assert_obeys(answer, rules)
    assert (network.limits.excess(answer.power.astype(float)) <= 1e-6).all()
    np.testing.assert_allclose(answer.rate, spectral_efficiency(answer.power.astype(float), gain).sum(-2))
    np.testing.assert_allclose(answer.price, free.utility - answer.utility)
    fast = under_rules(free, rules, Source(1.0), "fast")
    assert (answer.utility > fast.utility).all()


def test_weights_that_differ_from_network_to_network_stay_with_theirs(packaged) -> None:
    weights = np.random.default_rng(1).random((4, 6)) + 0.1
    together = packaged.allocate(gain_db=gains(), weights=weights, rules=RULES, effort="fast")
    for index in range(4):
        alone = packaged.allocate(gain_db=gains()[index], weights=weights[index], rules=RULES, effort="fast")
        assert together.price[index] == pytest.approx(float(alone.price), abs=1e-4)


def test_what_is_not_answered_is_refused_in_one_line(packaged) -> None:
    network = Network(gain_db=gains()[0])
    edges = gfm_ra.Network.from_edges(3, [0, 1, 2], [0, 1, 2], [9.0, 9.0, 9.0])
    with pytest.raises(ValueError, match="leave certify out"):
        packaged.allocate(network, rules=RULES, certify=True)
    with pytest.raises(ValueError, match="sparse networks are not answered"):
        packaged.allocate(edges, rules=Rules(floor=0.1))
    with pytest.raises(ValueError, match=r"must be gfm_ra\.Rules"):
        packaged.allocate(network, rules={"floor": 0.1})
    with pytest.raises(ValueError, match="interference_cap"):
        packaged.allocate(network, rules=replace(RULES, interference_cap_db=-30))


def test_prices_of_parts_are_one_price(packaged) -> None:
    whole = packaged.allocate(gain_db=gains(), rules=RULES)
    total = Price()
    for part in gains():
        total.add(packaged.allocate(gain_db=part[None], rules=RULES))
    assert total.line() == whole.notes[-1]


@pytest.mark.parametrize("hidden", [False, True])
def test_bands_and_budgets_obey_rules_and_tell_rates_of_the_true_powers(packaged, hidden: bool) -> None:
    gain_db = np.random.default_rng(5).normal(0.0, 8.0, (2, 3, 4, 4)) + 20.0 * np.eye(4)
    if hidden:
        gain_db[0, 1, 0, 2] = np.nan
    network = Network(gain_db=gain_db, bands=True, groups=[[0, 1], [2, 3]])
    rules = Rules(
        floor=np.full(4, 0.1), protected_gain_db=np.full((1, 3, 4), 10.0), interference_cap_db=[9.0]
    )
    answer = packaged.allocate(network, rules=rules)
    power = answer.power.astype(np.float64)
    assert network.limits.excess(answer.power).max() <= 1e-6
    assert (power.sum(-2) >= 0.1 * (1 - 1e-6)).all()
    assert (10.0 * power.sum((-1, -2)) <= 10**0.9 * (1 + 1e-6)).all()
    each = spectral_efficiency(power, 10 ** (gain_db / 10))
    known = ~np.isnan(gain_db).any((-3, -2, -1))
    np.testing.assert_allclose(answer.rate_per_band[known], each[known], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(answer.rate[known], each.sum(-2)[known], rtol=1e-5)


def test_slices_go_with_neither_rules_nor_bands(packaged) -> None:
    slices = [Slice.urllc([0], least_rate=0.5)]
    with pytest.raises(ValueError, match="slices under rules"):
        packaged.allocate(gain_db=gains(), slices=slices, rules=RULES)
    with pytest.raises(ValueError, match="slices of networks with bands"):
        packaged.allocate(Network(np.ones((2, 3, 3)), bands=True), slices=slices)
