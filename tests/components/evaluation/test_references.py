"""Reference solvers keep to one thread: their caller runs as many of them as there are cores."""

import numpy as np
import pytest

from components.evaluation.references import reference_solvers
from gfm_ra.solvers import scheduling, weighted_mmse


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
