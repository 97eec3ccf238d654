"""An answer is never worse than what it was compared with, whatever the network says, and says where it comes from."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import gfm_ra
from gfm_ra import (
    Allocator,
    AlphaFair,
    Network,
    ProportionalFair,
    QoS,
    SumRate,
    Weighted,
    spectral_efficiency,
)
from gfm_ra.inference.prompts import Prompt
from gfm_ra.solvers import wmmse

BOX = {"alpha": (0.0, 2.0), "min_rate": (0.1, 1.0), "penalty": (0.0, 30.0)}


class Stub:
    """A network that answers what it is made with, whatever it is asked."""

    any_goal, takes_unknown = True, True

    def __init__(self, answer: float | None = None) -> None:
        self.answer, self.asked = answer, []

    def powers(self, gain_db: np.ndarray, prompt: Prompt, threads: int | None = None) -> np.ndarray:
        self.asked.append((gain_db, prompt))
        if self.answer is None:
            return np.random.default_rng(0).random(gain_db.shape[:2], dtype=np.float32)
        return np.full(gain_db.shape[:2], self.answer, np.float32)


def gains(seed: int, batch: int, links: int) -> np.ndarray:
    gain_db = np.random.default_rng(seed).normal(5.0, 15.0, (batch, links, links))
    gain_db[:, range(links), range(links)] += 25.0
    return gain_db


GOALS = [SumRate(), ProportionalFair(), QoS(0.5, 10.0), AlphaFair(0.5), AlphaFair(2.0)]


@given(
    seed=st.integers(0, 999), links=st.integers(1, 8), goal=st.sampled_from(GOALS),
    answer=st.sampled_from([None, 0.0, 0.5, 1.0, np.nan, np.inf, -1.0, 2.0, 1e-40]),
    effort=st.sampled_from(["balanced", "best"]),
)  # fmt: skip
@settings(max_examples=60, deadline=None)
def test_never_below_wmmse_or_full_power(
    seed: int, links: int, goal: gfm_ra.goals.Objective, answer: float | None, effort: str
) -> None:
    gain_db = gains(seed, 3, links)
    found = Allocator(Stub(answer), None, BOX).allocate(gain_db=gain_db, goal=goal, effort=effort, seed=seed)
    gain = 10.0 ** (gain_db / 10.0)
    starts = {"balanced": 1, "best": 100}[effort]
    for other in (wmmse(gain, goal, starts=starts, seed=seed), np.ones((3, links))):
        reached = goal.utility(spectral_efficiency(other.astype(np.float64), gain))
        assert (found.utility >= reached - 1e-6 * np.abs(reached)).all()
    assert np.isfinite(found.power).all()
    assert ((found.power >= 0) & (found.power <= 1)).all()
    np.testing.assert_allclose(found.rate, spectral_efficiency(found.power.astype(np.float64), gain))


@pytest.mark.parametrize("answer", [np.nan, np.inf, -0.1, 1.1])
def test_what_is_no_power_is_not_used_and_it_is_said(answer: float) -> None:
    for effort in ("fast", "balanced", "best"):
        found = Allocator(Stub(answer)).allocate(gain_db=gains(0, 2, 4), effort=effort)
        assert not any("model" in name for name in found.source)
        assert any("out of limits for 2 networks" in note for note in found.notes)


def test_fast_is_the_network_alone() -> None:
    found = Allocator(Stub(0.25)).allocate(gain_db=gains(0, 2, 4), effort="fast")
    np.testing.assert_array_equal(found.power, np.full((2, 4), 0.25))
    assert list(found.source) == ["model", "model"]


def test_answers_do_not_depend_on_the_batch_or_the_parts_it_is_cut_into(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    gain_db, stub = gains(3, 7, 5), Stub(0.5)
    whole = Allocator(stub).allocate(gain_db=gain_db, effort="best", seed=4)
    monkeypatch.setattr("gfm_ra.allocator._PART_GAINS", 2 * 25)
    parts = Allocator(stub).allocate(gain_db=gain_db, effort="best", seed=4)
    np.testing.assert_array_equal(whole.power, parts.power)
    for index in range(7):
        alone = Allocator(stub).allocate(gain_db=gain_db[index], effort="best", seed=4, first_index=index)
        np.testing.assert_array_equal(whole.power[index], alone.power)
        assert alone.source == whole.source[index]
        assert alone.utility == whole.utility[index]


def test_leading_dimensions_come_back() -> None:
    found = Allocator(Stub(0.5)).allocate(gain_db=gains(1, 6, 3).reshape(2, 3, 3, 3), goal="qos")
    assert found.power.shape == found.rate.shape == (2, 3, 3)
    assert found.utility.shape == found.source.shape == found.below_min_rate.shape == (2, 3)


def test_unknown_gains_are_answered_by_the_network_alone() -> None:
    gain_db = gains(2, 3, 4)
    gain_db[1, 0, 2] = np.nan
    found = Allocator(Stub(0.5)).allocate(gain_db=gain_db, goal="qos")
    assert found.source[1] == "model, unchecked"
    assert np.isnan(found.utility[1])
    assert np.isnan(found.rate[1]).all()
    assert found.below_min_rate[1] == 0
    assert np.isfinite(found.utility[[0, 2]]).all()
    assert any("1 networks have unknown gains" in note for note in found.notes)
    known = Allocator(Stub(0.5)).allocate(gain_db=gain_db[[0, 2]], goal="qos")
    np.testing.assert_array_equal(found.power[[0, 2]], known.power)


def test_unknown_gains_keep_each_networks_random_starts() -> None:
    gain_db = gains(2, 4, 6)
    complete = Allocator(Stub(0.0)).allocate(gain_db=gain_db, effort="best")
    gain_db[1, 0, 2] = np.nan
    found = Allocator(Stub(0.0)).allocate(gain_db=gain_db, effort="best")
    np.testing.assert_array_equal(found.power[[0, 2, 3]], complete.power[[0, 2, 3]])


def test_a_network_that_needs_all_gains_refuses_unknown_ones() -> None:
    stub = Stub(0.5)
    stub.takes_unknown = False
    with pytest.raises(ValueError, match="needs every gain"):
        Allocator(stub).allocate(gain_db=[[20.0, np.nan], [0.0, 20.0]])


def test_only_the_ratios_of_weights_matter() -> None:
    gain_db, weights = gains(5, 2, 6), np.array([1.0, 2.0, 0.0, 0.5, 3.0, 1.0])
    stub = Stub(0.5)
    answers = [
        Allocator(stub).allocate(gain_db=gain_db, goal="proportional-fair", weights=weights * scale)
        for scale in (1.0, 1e-12, 1e12, 1e300)
    ]
    for answer in answers[1:]:
        np.testing.assert_allclose(answer.power, answers[0].power, atol=1e-6)
    for _, prompt in stub.asked[1:]:
        np.testing.assert_allclose(prompt.weights, stub.asked[0][1].weights, rtol=1e-6)


def test_weights_may_differ_from_network_to_network() -> None:
    gain_db, weights = gains(5, 3, 4), np.random.default_rng(0).random((3, 4))
    together = Allocator(Stub(0.5)).allocate(gain_db=gain_db, weights=weights)
    for index in range(3):
        alone = Allocator(Stub(0.5)).allocate(gain_db=gain_db[index], weights=weights[index])
        np.testing.assert_array_equal(together.power[index], alone.power)


def test_links_below_the_least_rate_are_counted_and_hopeless_ones_named() -> None:
    gain_db = np.array([[[30.0, 0.0], [0.0, -20.0]], [[30.0, 0.0], [0.0, 30.0]]])
    found = Allocator(Stub(0.5)).allocate(gain_db=gain_db, goal="qos", min_rate=0.5)
    assert list(found.below_min_rate) == [1, 0]
    assert any(note.startswith("network 0, link 1: the least rate of 0.5") for note in found.notes)
    single = Allocator(Stub(0.5)).allocate(gain_db=gain_db[0], goal="qos", min_rate=0.5)
    assert any(note.startswith("link 1: the least rate of 0.5") for note in single.notes)


@pytest.mark.parametrize("effort", ["fast", "balanced", "best"])
def test_outside_the_trained_box_refinement_decides_and_it_is_said(effort: str) -> None:
    allocator, gain_db = Allocator(Stub(0.0), None, BOX), gains(1, 2, 4)
    found = allocator.allocate(gain_db=gain_db, goal="alpha-fair", alpha=3.0, effort=effort)
    assert all(name.endswith("extrapolated") for name in found.source)
    assert any("extrapolated: alpha = 3 (trained: 0 to 2)" in note for note in found.notes)
    assert (found.utility > -1e6).all()  # silence, which the network asked for, has lost
    within = allocator.allocate(gain_db=gain_db, goal="alpha-fair", alpha=2.0, effort=effort)
    assert not any("extrapolated" in str(word) for word in (*within.source, *within.notes))


def test_powers_in_dbm_where_full_powers_are_known() -> None:
    network = Network(gain_db=[[30.0, 0.0], [0.0, 30.0]], transmit_power_w=[0.2, 0.1])
    found = Allocator(Stub(0.5)).allocate(network, effort="fast")
    np.testing.assert_allclose(found.power_dbm, 10 * np.log10([100.0, 50.0]), rtol=1e-6)
    assert Allocator(Stub(0.5)).allocate(gain_db=[[30.0]]).power_dbm is None


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"goal": "speed"}, "choose one of sum-rate"),
        ({"goal": "qos", "alpha": 1.0}, "alpha belongs to goal 'alpha-fair'"),
        ({"min_rate": 1.0}, "min_rate belongs to goal 'qos'"),
        ({"goal": SumRate(), "alpha": 1.0}, "goal object"),
        ({"goal": 3}, "utility"),
        ({"goal": "qos", "min_rate": -1.0}, "min_rate"),
        ({"goal": "qos", "min_rate": "0.3"}, "must be a number"),
        ({"weights": [1.0]}, "one per link"),
        ({"weights": [-1.0, 1.0]}, "not negative"),
        ({"weights": [0.0, 0.0]}, "not all 0"),
        ({"weights": ["a", "b"]}, "numbers"),
        ({"goal": Weighted(SumRate(), np.ones(2)), "weights": [1.0, 2.0]}, "its own"),
        ({"effort": "slow"}, "fast, balanced, best"),
    ],
)
def test_what_does_not_fit_is_refused_in_one_line(arguments: dict, said: str) -> None:
    with pytest.raises(ValueError, match=said) as refusal:
        Allocator(Stub(0.5)).allocate(gain_db=[[20.0, 0.0], [0.0, 20.0]], **arguments)
    assert "\n" not in str(refusal.value)


def test_gains_are_given_by_name() -> None:
    with pytest.raises(ValueError, match="gain="):
        Allocator(Stub(0.5)).allocate(np.eye(2))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="not both"):
        Allocator(Stub(0.5)).allocate(Network(np.eye(2)), gain=np.eye(2))


def test_a_head_takes_no_other_goal() -> None:
    head = Allocator(Stub(0.5), QoS(), name="gfm-ra-qos")
    assert (
        head.allocate(gain_db=gains(0, 1, 3)).utility
        == head.allocate(gain_db=gains(0, 1, 3), goal="qos").utility
    )
    with pytest.raises(ValueError, match="gfm-ra-qos was tuned for qos alone"):
        head.allocate(gain_db=gains(0, 1, 3), goal="sum-rate")


class WorstRate:
    """A goal of another package: the smallest of the rates."""

    name = "worst-rate"

    def utility(self, rates: np.ndarray, power: np.ndarray | None = None) -> np.ndarray:
        return rates.min(-1)


class SlopedWorstRate(WorstRate):
    """The same with slopes: those of its soft minimum."""

    def slope(self, rates: np.ndarray) -> np.ndarray:
        share = np.exp(-4.0 * (rates - rates.min(-1, keepdims=True)))
        return share / share.sum(-1, keepdims=True)


class Thrift(WorstRate):
    """A goal that counts powers."""

    def utility(self, rates: np.ndarray, power: np.ndarray | None = None) -> np.ndarray:
        assert power is not None
        return rates.min(-1) - 100.0 * power.sum(-1)


class SlopedThrift(Thrift, SlopedWorstRate):
    """The same, with slopes."""


@pytest.mark.parametrize("goal", [Thrift(), SlopedThrift()])
def test_foreign_goals_that_count_powers_get_them(goal: Thrift) -> None:
    gain_db = gains(7, 4, 6)
    found = Allocator(Stub(0.001)).allocate(gain_db=gain_db, goal=goal)
    np.testing.assert_allclose(found.utility, goal.utility(found.rate, found.power))
    assert (found.power < 0.01).all()  # full power, which WMMSE has too, costs 600
    assert not any("full" in name for name in found.source)


def test_foreign_goals_are_compared_by_their_own_utility() -> None:
    gain_db = gains(7, 4, 6)
    plain = Allocator(Stub(0.1)).allocate(gain_db=gain_db, goal=WorstRate())
    full = spectral_efficiency(np.ones((4, 6)), 10.0 ** (gain_db / 10.0)).min(-1)
    assert (plain.utility >= full).all()
    assert any("no slope" in note for note in plain.notes)
    sloped = Allocator(Stub(0.1)).allocate(gain_db=gain_db, goal=SlopedWorstRate())
    assert (sloped.utility >= plain.utility).all()
    assert sloped.utility.mean() > 1.2 * plain.utility.mean()
    assert any("slopes step by step" in note for note in sloped.notes)
