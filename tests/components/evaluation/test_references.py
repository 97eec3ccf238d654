"""Reference solvers keep to one thread, and both readings of WMMSE-Best are what they say."""

import numpy as np
import pytest

from components.channel.scenario import SCENARIOS
from components.channel.simulator import simulate
from components.evaluation.references import BY_TASK, reference_solvers, sum_rate_runs_chosen_by
from gfm_ra.goals import Objective, ProportionalFair, QoS
from gfm_ra.rates import spectral_efficiency
from gfm_ra.solvers import scheduling, weighted_mmse, wmmse


def test_every_reference_is_solved_on_one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int | None] = []

    def spread(solve: object, count: int, work: int, threads: int | None) -> None:
        asked.append(threads)

    for module in (scheduling, weighted_mmse):
        monkeypatch.setattr(module, "spread", spread)
    solvers = reference_solvers(starts=2, iterations=3, seed=1, first_row=0)
    for solve in solvers.values():
        solve(np.ones((2, 3, 3), np.float32))
    assert asked == [1] * (len(solvers) - 1)  # full reuse has nothing to solve


def test_the_other_reading_is_the_best_sum_rate_run_by_the_task() -> None:
    gain = simulate(SCENARIOS["D16"], 12, 5)

    def reached(power: np.ndarray, goal: Objective) -> np.ndarray:
        return goal.merit(spectral_efficiency(power.astype(np.float64), gain.astype(np.float64)))

    for goal in (QoS(), ProportionalFair()):
        one, many = (sum_rate_runs_chosen_by(goal, gain, starts, 30, seed=1) for starts in (1, 20))
        assert np.array_equal(one, wmmse(gain, iterations=30))
        assert (reached(many, goal) >= reached(one, goal)).all()
        assert reached(many, goal).mean() > reached(one, goal).mean()
        assert (reached(many, goal) <= reached(wmmse(gain, goal, starts=100), goal) + 1e-6).mean() > 0.9
    rows = sum_rate_runs_chosen_by(QoS(), gain[5:], 20, 30, seed=1, first_row=5)
    assert np.array_equal(rows, sum_rate_runs_chosen_by(QoS(), gain, 20, 30, seed=1)[5:])
    assert f"{BY_TASK}qos" in reference_solvers(2, 3, 1, 0, by_task=True)
    assert f"{BY_TASK}qos" not in reference_solvers(2, 3, 1, 0)
