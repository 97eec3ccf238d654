"""Answers with slices: shares, statuses, shapes, and what is refused."""

import json

import numpy as np
import pytest

import gfm_ra
from gfm_ra import Slice

URLLC = Slice.urllc([0, 1], least_rate=1.0)


@pytest.fixture(scope="module")
def allocator() -> gfm_ra.Allocator:
    return gfm_ra.load()


def networks(shape: tuple[int, ...], links: int, seed: int = 0) -> np.ndarray:
    gain_db = np.random.default_rng(seed).uniform(-20.0, 25.0, (*shape, links, links))
    gain_db[..., range(links), range(links)] += 20.0
    return 10.0 ** (gain_db / 10.0)


def test_shares_are_met(allocator) -> None:
    gain = networks((40,), 8)
    slices = [Slice("a", [0, 1], share=0.3), Slice("b", [2, 3, 4], share=0.4)]
    answer = allocator.allocate(gain=gain, slices=slices)
    total = answer.rate.sum(-1)
    assert (answer.rate[:, :2].sum(-1) / total >= 0.3 - 2e-5).all()
    assert (answer.rate[:, 2:5].sum(-1) / total >= 0.4 - 2e-5).all()
    assert all((each.status == "adequate").all() for each in answer.slices)
    # Full power and WMMSE miss them nearly everywhere.
    free = allocator.allocate(gain=gain)
    assert (free.rate[:, :2].sum(-1) / free.rate.sum(-1) < 0.3).sum() > 20


def test_a_share_that_cannot_be_met_does_not_silence_the_others(allocator) -> None:
    gain = np.diag([1e-3, 1000.0, 1000.0])
    answer = allocator.allocate(
        gain=gain, slices=[Slice("a", [0], share=0.5), Slice.urllc([1], least_rate=2.0)]
    )
    first, second = answer.slices
    assert (first.status, second.status) == ("insufficient", "adequate")
    assert first.share_missing == pytest.approx(0.5, abs=1e-3)
    assert answer.rate[2] == pytest.approx(np.log2(1001.0), rel=1e-6)
    assert first.reason().startswith("its part of the sum rate is 0.5 below its share of 0.5")


def test_a_slice_without_power_is_unused_unless_it_asked_for_some(allocator) -> None:
    gain = np.array([[1000.0, 1.0], [900.0, 1.0]])
    unused = allocator.allocate(gain=gain, slices=[Slice.embb([1])])
    assert (unused.power[1], unused.slices[0].status, unused.slices[0].rate) == (0.0, "unused", 0.0)
    asked = allocator.allocate(gain=gain, slices=[Slice.embb([1], least_rate=2.0)])
    assert asked.slices[0].status == "insufficient"
    assert not allocator.allocate(gain=gain).slices


def test_shapes_of_one_network_and_of_many(allocator) -> None:
    gain = networks((2, 3), 5)
    many = allocator.allocate(gain=gain, slices=[URLLC, Slice.embb([2])], goal="proportional-fair")
    assert many.power.shape == (2, 3, 5)
    assert many.slices[0].status.shape == many.slices[0].rate.shape == many.utility.shape == (2, 3)
    one = allocator.allocate(gain=gain[1, 2], slices=[URLLC, Slice.embb([2])], goal="proportional-fair")
    np.testing.assert_array_equal(one.power, many.power[1, 2])
    assert one.slices[1].rate == many.slices[1].rate[1, 2]
    assert many.slices[0].reason((1, 2)) == one.slices[0].reason()
    told = json.loads(json.dumps([each.as_json() for each in many.slices]))
    assert np.shape(told[0]["status"]) == (2, 3)
    assert allocator.allocate(gain=networks((0,), 5), slices=[URLLC]).power.shape == (0, 5)


def test_a_relaxation_is_nothing_where_no_least_rate_is_asked(allocator) -> None:
    answer = allocator.allocate(gain=networks((), 4), slices=[Slice.embb([0])])
    assert np.isinf(answer.slices[0].relaxation)
    assert answer.slices[0].as_json()["relaxation"] is None


@pytest.mark.parametrize("effort", ["fast", "balanced"])
def test_the_same_question_has_the_same_answer_in_double_and_single_precision(allocator, effort) -> None:
    gain = networks((10,), 6).astype(np.float32)
    slices = [URLLC, Slice("b", [2, 3], share=0.2)]
    first, second, wide = (
        allocator.allocate(gain=given, slices=slices, effort=effort)
        for given in (gain, gain, gain.astype(float))
    )
    np.testing.assert_array_equal(first.power, second.power)
    np.testing.assert_allclose(first.utility, wide.utility, rtol=1e-3)


def test_utility_is_that_of_the_slices_and_explanations_are_of_it(allocator) -> None:
    gain, weights = networks((4,), 5), np.array([1.0, 1.0, 2.0, 1.0, 3.0])
    slices = [URLLC, Slice("b", [2, 3], goal="proportional-fair", priority=5.0)]
    answer = allocator.allocate(gain=gain, slices=slices, weights=weights)
    expected = 5.0 * np.log(answer.rate[:, 2:4] + 1e-6) @ [2.0, 1.0] + 3.0 * answer.rate[:, 4]
    np.testing.assert_allclose(answer.utility, expected)
    assert answer.explain(index=3).utility == pytest.approx(float(answer.utility[3]))


def test_weights_may_differ_from_network_to_network(allocator) -> None:
    gain, weights = networks((3,), 5), np.random.default_rng(0).random((3, 5))
    many = allocator.allocate(gain=gain, slices=[URLLC], weights=weights)
    one = allocator.allocate(gain=gain[2], slices=[URLLC], weights=weights[2], first_index=2)
    np.testing.assert_allclose(one.utility, many.utility[2])
    assert many.explain(index=2).utility == pytest.approx(float(many.utility[2]))


@pytest.mark.parametrize(
    ("goal", "parameters"),
    [("alpha-fair", {"alpha": 2.0}), ("qos", {"min_rate": 0.5}), ("proportional-fair", {})],
)
def test_best_effort_links_have_the_goal_of_the_call(allocator, goal, parameters) -> None:
    gain = networks((20,), 6)
    fair = allocator.allocate(gain=gain, slices=[URLLC], goal=goal, **parameters)
    plain = allocator.allocate(gain=gain, slices=[URLLC])
    measure = gfm_ra.goals.by_name(goal, **parameters)
    can = fair.slices[0].status == "adequate"
    better = measure.merit(fair.rate[can, 2:]) >= measure.merit(plain.rate[can, 2:]) - 1e-3
    assert can.sum() > 8
    assert better.mean() > 0.9


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"gain": [[1.0, np.nan], [1.0, 1.0]]}, "slices need known gains, some are unknown"),
        (
            {"gain": None, "network": gfm_ra.Network(np.ones((2, 2)), uncertainty_db=3.0)},
            "some are uncertain",
        ),
        (
            {"gain": None, "network": gfm_ra.Network.from_edges(70, range(70), range(70), [1.0] * 70)},
            "slices need a matrix",
        ),
        ({"certify": True}, "nothing can be proven for slices"),
        ({"goal": "energy-efficiency", "circuit_power": 1.0}, "the goal must be sum-rate"),
        ({"slices": [Slice("a", [0, 1])], "goal": "qos"}, "every link is in one: leave it out"),
        ({"slices": [Slice("a", [2])]}, "slice a: there is no link 2"),
        ({"slices": []}, "at least one"),
        ({"effort": "most"}, "effort must be one of"),
        ({"seed": -1}, "seed must be a whole number"),
    ],
)
def test_what_is_not_answered_is_refused_in_one_line(allocator, options, said) -> None:
    words = {"gain": np.ones((2, 2)), "slices": [Slice("a", [0])]} | options
    with pytest.raises(ValueError, match=said) as problem:
        allocator.allocate(**words)
    assert "\n" not in str(problem.value)
