"""Efforts of a network that takes noise: what each promises, whatever the network's own answers are worth."""

from typing import Any

import numpy as np
import pytest

from gfm_ra.allocator import Allocator
from gfm_ra.goals import AlphaFair, Objective, ProportionalFair, QoS, SumRate
from gfm_ra.inference.comparison import EFFORTS, REFINEMENT_ITERATIONS, Effort, compared, draws_of
from gfm_ra.inference.network.architecture import Architecture, EstimatorSizes
from gfm_ra.inference.network.unrolled import UnrolledNetwork, noise
from gfm_ra.inference.prompts import prompt_of
from gfm_ra.rates import spectral_efficiency
from gfm_ra.solvers import full_reuse, wmmse

GOALS: list[Objective] = [SumRate(), ProportionalFair(), QoS(1.0, 5.0), AlphaFair(2.0)]
COUNT, LINKS = 12, 9


def allocator() -> Allocator:
    sizes = Architecture(
        width=8,
        hidden=12,
        steps=3,
        values=0,
        shared=False,
        first_noise=0.3,
        estimator=EstimatorSizes(width=5, hidden=6, rounds=1, values=2, rank=2),
    )
    draw = np.random.default_rng(4)
    weights = {
        name: draw.normal(0.0, 0.3, shape).astype(np.float32) for name, shape in sizes.shapes().items()
    }
    return Allocator(UnrolledNetwork(sizes, weights), None, {}, "test")


def gains() -> np.ndarray:
    draw = np.random.default_rng(0)
    gain = draw.exponential(30.0, (COUNT, LINKS, LINKS)) * (1.0 + 20.0 * np.eye(LINKS))
    return gain.astype(np.float32)


def rates(power: np.ndarray) -> np.ndarray:
    return spectral_efficiency(power.astype(np.float64), gains().astype(np.float64))


def merit(power: np.ndarray, goal: Objective) -> np.ndarray:
    return goal.merit(rates(power))


@pytest.mark.parametrize("goal", GOALS, ids=lambda goal: goal.name)
def test_fast_is_the_better_of_two_short_passes_that_ends_in_iterations_of_the_goal(goal: Objective) -> None:
    found = allocator().allocate(gain=gains(), goal=goal, effort="fast")
    network = allocator().network
    assert isinstance(network, UnrolledNetwork)
    passes = network.draws(gains(), prompt_of(goal, COUNT, LINKS), noise(0, draws_of("fast", LINKS), LINKS))
    first, second = passes[:, 0], passes[:, 1]
    better = goal.advantage(*(rates(power) for power in (second, first))) > 0
    assert better.any()
    assert not better.all()
    passed = np.where(better[:, None], second, first)
    expected = wmmse(gains(), goal, iterations=REFINEMENT_ITERATIONS, initial_power=passed)
    assert np.array_equal(found.power, expected)
    assert set(found.source) == {"model"}


@pytest.mark.parametrize("goal", GOALS, ids=lambda goal: goal.name)
def test_no_network_answers_worse_than_what_an_effort_compares_with(goal: Objective) -> None:
    balanced = merit(allocator().allocate(gain=gains(), goal=goal, effort="balanced").power, goal)
    assert (balanced >= merit(wmmse(gains(), goal), goal) - 1e-9).all()
    assert (balanced >= merit(full_reuse(gains()), goal) - 1e-9).all()
    best = merit(allocator().allocate(gain=gains(), goal=goal, effort="best").power, goal)
    assert (best >= merit(wmmse(gains(), goal, starts=100), goal) - 1e-9).all()


@pytest.mark.parametrize("effort", ["fast", "balanced"])
def test_an_answer_does_not_depend_on_the_others_of_a_batch(effort: str) -> None:
    together = allocator().allocate(gain=gains(), effort=effort).power  # type: ignore[arg-type]
    alone = [allocator().allocate(gain=gains()[i], effort=effort).power for i in range(COUNT)]  # type: ignore[arg-type]
    assert np.array_equal(together, np.stack(alone))


def test_the_seed_decides_the_noise() -> None:
    first = allocator().allocate(gain=gains(), effort="fast", seed=1).power
    assert np.array_equal(first, allocator().allocate(gain=gains(), effort="fast", seed=1).power)
    assert not np.array_equal(first, allocator().allocate(gain=gains(), effort="fast", seed=2).power)


@pytest.mark.parametrize("effort", EFFORTS)
def test_numbers_of_numpy_key_noise_and_starts_as_pythons_own_do(effort: Effort) -> None:
    keys = [allocator().allocate(gain=gains(), effort=effort, seed=3, first_index=2, threads=1)]
    for kind in (np.int64, np.uint8):
        numbers: dict[str, Any] = {"seed": kind(3), "first_index": kind(2), "threads": kind(1)}
        keys.append(allocator().allocate(gain=gains(), effort=effort, **numbers))
    assert all(np.array_equal(keys[0].power, found.power) for found in keys[1:])


@pytest.mark.parametrize("effort", EFFORTS)
@pytest.mark.parametrize(
    ("name", "value", "least"),
    [
        ("threads", 0, 1),
        ("threads", -2, 1),
        ("threads", 1.5, 1),
        ("threads", "2", 1),
        ("seed", -1, 0),
        ("seed", 1.5, 0),
        ("seed", None, 0),
        ("first_index", -1, 0),
        ("first_index", "3", 0),
    ],
)
def test_threads_and_keys_that_are_no_counts_are_refused_in_one_line(
    effort: Effort, name: str, value: object, least: int
) -> None:
    with pytest.raises(
        ValueError, match=f"^allocate: {name} must be a whole number from {least} on, got "
    ) as refusal:
        allocator().allocate(gain=gains(), effort=effort, **{name: value})  # type: ignore[arg-type]
    assert "\n" not in str(refusal.value)


def test_unknown_gains_are_answered_as_fast_whatever_the_effort() -> None:
    gain = gains()
    gain[::2, 0, 3] = np.nan
    answers = [allocator().allocate(gain=gain, effort=effort) for effort in EFFORTS]
    for answer in answers:
        assert (answer.source[::2] == "model, unchecked").all()
        assert np.array_equal(answer.power[::2], answers[0].power[::2])
        assert np.isnan(answer.utility[::2]).all()
        assert np.isfinite(answer.utility[1::2]).all()


def test_a_draw_that_is_no_answer_never_wins_and_takes_no_credit() -> None:
    hostile = np.full((COUNT, 2, LINKS), np.nan, np.float32)
    hostile[:, 1, 0] = 2.0
    power, source = compared(hostile, gains(), SumRate(), "balanced", 0, np.arange(COUNT), None)
    assert ((power >= 0) & (power <= 1)).all()
    assert set(source) <= {"wmmse", "full-reuse"}
    good = hostile.copy()
    good[:, 1] = allocator().allocate(gain=gains(), effort="best").power
    _, source = compared(good, gains(), SumRate(), "balanced", 0, np.arange(COUNT), None)
    assert "refined" in set(source)
