"""The count of wrong answers behind the fallback, small: it finds none, and would find some."""

import numpy as np
import pytest

from benchmarks import fallback
from components.evaluation import torch_allocator


def test_no_answer_is_wrong() -> None:
    asked, won, wrong = fallback.run(3000, seed=1)
    assert sum(asked.values()) == 3000
    assert set(asked) == set(fallback.MODELS)
    assert wrong.total() == 0
    assert not {"NaN", "infinite", "-1", "2", "1e38", "minus subnormal"} & set(won)
    assert won["1"] > 0


def test_a_choice_that_lets_the_model_win_is_counted_as_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        torch_allocator, "best_candidate", lambda powers, gain, goal: np.zeros(len(gain), dtype=int)
    )
    _, _, wrong = fallback.run(1000, seed=1)
    assert wrong["not finite"] > 0
    assert wrong["outside [0, 1]"] > 0
    assert wrong["worse than the fallback"] > 0
