"""A row of the comparison holds what the scores of its powers are, each gain converted once."""

import numpy as np
import pytest

from components.evaluation import comparison, scores
from components.evaluation.scores import comparable_score
from gfm_ra.goals import AlphaFair, Objective, ProportionalFair, QoS, SumRate, Weighted

GAIN_DB = np.random.default_rng(0).normal(7.0, 12.0, (6, 5, 5)) + 15.0 * np.eye(5)
POWER, POLISHED = np.random.default_rng(1).random((2, 6, 5), dtype=np.float32)


@pytest.mark.parametrize(
    "objective",
    [SumRate(), ProportionalFair(), QoS(), AlphaFair(2.0), Weighted(SumRate(), np.arange(1.0, 6.0))],
    ids=repr,
)
def test_scores_are_those_of_both_powers(objective: Objective) -> None:
    found = comparison.entry(objective, "D16", GAIN_DB, POWER, POLISHED)
    np.testing.assert_array_equal(found.score, comparable_score(objective, POWER, GAIN_DB))
    np.testing.assert_array_equal(found.polished, comparable_score(objective, POLISHED, GAIN_DB))


def test_gains_are_converted_once(monkeypatch: pytest.MonkeyPatch) -> None:
    asked, convert = [], comparison.to_gain
    for module in (comparison, scores):
        monkeypatch.setattr(module, "to_gain", lambda gain_db: asked.append(1) or convert(gain_db))
    comparison.entry(SumRate(), "D16", GAIN_DB, POWER, POWER)
    assert len(asked) == 1
