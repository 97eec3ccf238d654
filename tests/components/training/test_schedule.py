"""Laws of the learning-rate schedules."""

import itertools
import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.training.schedule import Schedule, ScheduleConfig


def plateau(**values: float) -> Schedule:
    return Schedule(ScheduleConfig(kind="plateau", **values), total_steps=100)


def test_plateau_halves_after_more_than_patience_epochs_without_progress() -> None:
    schedule = plateau(patience=2)
    assert schedule.observe(1.0)
    assert [(schedule.observe(1.0), schedule.multiplier(0))[1] for _ in range(7)] == [
        1.0, 1.0, 0.5, 0.5, 0.5, 0.25, 0.25,
    ]  # fmt: skip


def test_progress_resets_the_patience() -> None:
    schedule = plateau(patience=2)
    for loss in (1.0, 1.0, 1.0, 0.9, 0.9, 0.9):
        schedule.observe(loss)
    assert schedule.multiplier(0) == 1.0


def test_best_is_told_exactly_when_the_loss_is_the_lowest_so_far() -> None:
    schedule = plateau()
    assert [schedule.observe(loss) for loss in (3.0, 2.0, 2.0, 2.5, 1.0)] == [True, True, False, False, True]


@pytest.mark.parametrize("loss", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("before", [[], [1.0]])
def test_a_loss_that_is_not_finite_is_never_the_best(before: list[float], loss: float) -> None:
    schedule = plateau()
    for earlier in before:
        schedule.observe(earlier)
    with pytest.raises(ValueError, match="validation loss is"):
        schedule.observe(loss)
    assert schedule.best == (before[0] if before else None)


def test_cosine_falls_from_one_to_zero_over_the_run() -> None:
    schedule = Schedule(ScheduleConfig(kind="cosine"), total_steps=50)
    values = [schedule.multiplier(step) for step in range(51)]
    assert values[0] == 1.0
    assert values[25] == pytest.approx(0.5)
    assert values[10] == pytest.approx(0.5 * (1 + math.cos(math.pi * 0.2)))
    assert values[50] == pytest.approx(0.0, abs=1e-12)
    assert all(later < earlier for earlier, later in itertools.pairwise(values))


def test_cosine_ignores_validation_losses() -> None:
    schedule = Schedule(ScheduleConfig(kind="cosine", patience=0), total_steps=50)
    for _ in range(5):
        schedule.observe(1.0)
    assert schedule.multiplier(0) == 1.0


@pytest.mark.parametrize("kind", ["plateau", "cosine"])
def test_warm_up_rises_linearly_and_then_leaves_the_rest_alone(kind: str) -> None:
    warm = Schedule(ScheduleConfig(kind=kind, warmup_steps=4), total_steps=1000)
    cold = Schedule(ScheduleConfig(kind=kind), total_steps=1000)
    shares = [warm.multiplier(step) / cold.multiplier(step) for step in range(6)]
    assert shares == pytest.approx([0.2, 0.4, 0.6, 0.8, 1.0, 1.0])


@given(
    losses=st.lists(st.integers(-2, 2), min_size=4, max_size=12),
    cut=st.integers(0, 12),
    kind=st.sampled_from(["plateau", "cosine"]),
)
def test_a_restored_schedule_goes_on_as_if_never_stopped(losses: list[int], cut: int, kind: str) -> None:
    config = ScheduleConfig(kind=kind, patience=1, warmup_steps=3)
    whole, first = Schedule(config, 30), Schedule(config, 30)
    for step, loss in enumerate(losses[:cut]):
        _epoch(first, step, loss)
    second = Schedule(config, 30)
    second.restore(json.loads(json.dumps(first.state())))
    rest = [_epoch(second, step, loss) for step, loss in enumerate(losses[cut:], cut)]
    assert rest == [_epoch(whole, step, loss) for step, loss in enumerate(losses)][cut:]


def _epoch(schedule: Schedule, step: int, loss: float) -> tuple[float, bool]:
    return schedule.multiplier(step), schedule.observe(loss)
