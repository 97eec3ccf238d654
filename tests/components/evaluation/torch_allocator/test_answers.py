"""Laws of the allocator: polish and guard never lose, and answers are of the goal that was asked for."""

from typing import Any

import numpy as np
import pytest

from components.evaluation.torch_allocator import GUARD_ITERATIONS, Allocator
from components.model.conditioning import GoalEnvelope
from gfm_ra.goals import AlphaFair, Objective, ProportionalFair, QoS, SumRate, Weighted
from gfm_ra.rates import spectral_efficiency
from gfm_ra.solvers import full_reuse, wmmse
from tests.components.evaluation.torch_allocator.conftest import LINKS, OBJECTIVES, make, some_hidden


def utility(power: np.ndarray, gain: np.ndarray, objective: Objective) -> np.ndarray:
    return objective.utility(spectral_efficiency(power.astype(np.float64), gain.astype(np.float64)))


def never_less(ours: np.ndarray, theirs: np.ndarray) -> bool:
    return bool((ours >= theirs - 1e-4 * np.maximum(1.0, np.abs(theirs))).all())


def unchecked(allocator: Allocator, gain: np.ndarray, objective: Objective) -> np.ndarray:
    """The model's own powers; a tuned one has only those of its own objective."""
    return allocator.allocate(gain, objective if allocator.envelope else None)


# --- polish and guard ---


@pytest.mark.parametrize("objective", OBJECTIVES, ids=repr)
def test_polish_never_lowers_the_utility(
    allocator: Allocator, gain: np.ndarray, objective: Objective
) -> None:
    plain = utility(unchecked(allocator, gain, objective), gain, objective)
    polished = allocator.explain(gain, objective, polish_iterations=5)
    assert never_less(utility(polished.power, gain, objective), plain)
    assert utility(polished.power, gain, objective).mean() > plain.mean()
    assert set(polished.source) == {"polished"}


def test_polish_starts_from_the_models_powers(allocator: Allocator, gain: np.ndarray) -> None:
    expected = wmmse(gain, QoS(), iterations=1, initial_power=unchecked(allocator, gain, QoS()))
    polished = allocator.allocate(gain, QoS(), polish_iterations=1)
    np.testing.assert_allclose(polished, expected, atol=1e-6)


@pytest.mark.parametrize("objective", OBJECTIVES, ids=repr)
@pytest.mark.parametrize("polish_iterations", [0, 5])
def test_guarded_answers_are_never_worse_than_any_candidate(
    allocator: Allocator, gain: np.ndarray, objective: Objective, polish_iterations: int
) -> None:
    guarded = allocator.explain(gain, objective, polish_iterations, guard=True)
    candidates = {
        "model": unchecked(allocator, gain, objective),
        "full-reuse": full_reuse(gain),
        "wmmse": wmmse(gain, objective, iterations=GUARD_ITERATIONS),
    }
    if polish_iterations:
        candidates["polished"] = allocator.allocate(gain, objective, polish_iterations)
    reached = utility(guarded.power, gain, objective)
    for power in candidates.values():
        assert never_less(reached, utility(power, gain, objective))
    for name in set(guarded.source):  # an answer is what its source says
        chosen = guarded.source == name
        np.testing.assert_allclose(guarded.power[chosen], candidates[name][chosen], atol=1e-6)


def test_the_guard_takes_the_best_of_each_snapshot_not_of_the_batch(
    allocator: Allocator, gain: np.ndarray
) -> None:
    apart = np.broadcast_to(1e3 * np.eye(LINKS), gain.shape)  # nobody disturbs anybody: full reuse is best
    mixed = np.concatenate([gain[:4], apart[:4]])
    explained = allocator.explain(mixed, guard=True)
    np.testing.assert_allclose(explained.power[4:], 1.0, atol=1e-6)
    np.testing.assert_allclose(explained.power[:4], allocator.allocate(gain[:4], guard=True), atol=1e-6)


def test_a_model_answers_for_itself_unless_asked_otherwise(allocator: Allocator, gain: np.ndarray) -> None:
    explained = allocator.explain(gain)
    assert set(explained.source) == {"model"}
    np.testing.assert_array_equal(explained.power, allocator.allocate(gain))
    assert ((explained.power >= 0) & (explained.power <= 1)).all()


def test_the_goal_is_the_models_own_unless_given(gain: np.ndarray) -> None:
    fair, plain = (Allocator.of(make("prompted"), objective) for objective in (ProportionalFair(), SumRate()))
    np.testing.assert_array_equal(fair.allocate(gain), plain.allocate(gain, ProportionalFair()))
    assert np.abs(fair.allocate(gain) - plain.allocate(gain)).max() > 1e-4
    tuned = Allocator.of(make("tuned"), QoS())
    np.testing.assert_array_equal(tuned.allocate(gain), tuned.allocate(gain, QoS()))
    np.testing.assert_array_equal(
        tuned.allocate(gain, polish_iterations=3), tuned.allocate(gain, QoS(), polish_iterations=3)
    )


@pytest.mark.parametrize(
    "objective",
    [SumRate(), QoS(0.5), QoS(0.3, 1.0), AlphaFair(2.0), Weighted(QoS(), np.arange(1.0, LINKS + 1))],
    ids=repr,
)
def test_a_head_for_one_objective_does_not_ignore_another(gain: np.ndarray, objective: Objective) -> None:
    tuned = Allocator.of(make("tuned"), QoS())
    with pytest.raises(ValueError, match=r"sets powers for QoS\(.*\) alone"):
        tuned.allocate(gain, objective)
    for asked in ({"polish_iterations": 2}, {"guard": True}):  # these know what to do with it
        assert tuned.allocate(gain, objective, **asked).shape == gain.shape[:2]


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, -1.0, 2.0, 1e300])
@pytest.mark.parametrize("objective", OBJECTIVES, ids=repr)
@pytest.mark.parametrize("polish_iterations", [0, 3])
def test_a_model_that_fails_costs_its_networks_nothing_behind_the_guard(
    gain: np.ndarray, objective: Objective, value: float, polish_iterations: int
) -> None:
    def powers(gain_db: np.ndarray, _: Objective, hidden: np.ndarray | None) -> np.ndarray:
        power = np.full(gain_db.shape[:2], 0.5)
        power[::3, 1] = value
        return power

    allocator = Allocator(powers, objective)
    with pytest.raises(ValueError, match=r"not numbers in \[0, 1\] for 8 of 24 networks: use the fallback"):
        allocator.explain(gain, polish_iterations=polish_iterations)
    found = allocator.explain(gain, polish_iterations=polish_iterations, guard=True)
    assert "model" not in found.source[::3]
    assert ((found.power >= 0) & (found.power <= 1)).all()
    assert found.notes == ("the model's powers are not numbers in [0, 1] for 8 of 24 networks",)
    reached = utility(found.power, gain, objective)
    for power in (full_reuse(gain), wmmse(gain, objective, iterations=GUARD_ITERATIONS)):
        assert never_less(reached, utility(power, gain, objective))


def test_powers_of_another_shape_are_refused(gain: np.ndarray) -> None:
    allocator = Allocator(lambda gain_db, goal, hidden: np.ones((2, 3)), SumRate())
    with pytest.raises(ValueError, match=r"the model gave powers \(2, 3\)"):
        allocator.allocate(gain, guard=True)


@pytest.mark.parametrize("scale", [1e-300, 1e-12, 1e-6, 1e12, 1e30, 1e300])
@pytest.mark.parametrize("asked", [{}, {"polish_iterations": 3}, {"guard": True}], ids=str)
def test_a_common_factor_of_the_weights_changes_no_bit_of_the_powers(
    gain: np.ndarray, scale: float, asked: dict[str, Any]
) -> None:
    allocator = Allocator.of(make("prompted"), SumRate())
    weights = 2.0 ** np.arange(LINKS)  # powers of two: scaling rounds nothing but the factor itself
    for plain in (SumRate(), ProportionalFair(), AlphaFair(1.5)):
        expected = allocator.allocate(gain, Weighted(plain, weights), **asked)
        np.testing.assert_array_equal(
            allocator.allocate(gain, Weighted(plain, scale * weights), **asked), expected
        )


@pytest.mark.parametrize(
    ("objective", "beyond"),
    [
        (AlphaFair(3.0), "alpha 3 is above 2"),
        (QoS(1.5, 15.0), "min_rate 1.5 is outside 0.1 to 1"),
        (QoS(0.3, 45.0), "penalty 45 is above 30"),
        (Weighted(AlphaFair(2.5), np.arange(1.0, LINKS + 1)), "alpha 2.5 is above 2"),
    ],
    ids=repr,
)
def test_beyond_the_trained_goals_refinement_decides_and_the_notes_say_so(
    gain: np.ndarray, objective: Objective, beyond: str
) -> None:
    allocator = Allocator.of(make("prompted"), SumRate())
    found, guarded = allocator.explain(gain, objective), allocator.explain(gain, objective, guard=True)
    (note,) = found.notes
    assert note.startswith(f"extrapolated: {beyond}")
    np.testing.assert_array_equal(found.power, guarded.power)
    assert "wmmse" in found.source
    # Of unknown gains there is no true utility: only the note is left.
    assert allocator.explain(gain, objective, hidden=some_hidden()).notes == found.notes


def test_within_the_trained_goals_nothing_is_noted(gain: np.ndarray) -> None:
    allocator = Allocator.of(make("prompted"), SumRate())
    for objective in (*OBJECTIVES, QoS(0.1, 30.0), QoS(50.0, 0.0), QoS(0.0, 99.0), AlphaFair(0.0)):
        found = allocator.explain(gain, objective)
        assert found.notes == ()
        assert set(found.source) == {"model"}
    narrow = Allocator.of(make("prompted"), SumRate(), GoalEnvelope(max_alpha=0.5))
    assert narrow.explain(gain, AlphaFair(0.7)).notes != ()
    assert narrow.explain(gain, ProportionalFair()).notes == ()  # trained by its name
