"""How good allocations are: every method on the same snapshots, as ratios with confidence intervals."""

from collections.abc import Mapping

import numpy as np

from components.intervals import Interval, ratio_of_means
from gfm_ra.goals import (
    AlphaFair,
    Objective,
    ProportionalFair,
    Weighted,
    by_name,
    geometric_mean_rate,
)
from gfm_ra.rates import spectral_efficiency
from gfm_ra.units import to_gain

MODEL = "gfm-ra"
PROMPTED, POLISHED = "gfm-ra-prompted", "gfm-ra-prompted-polished"
PAPER_REFERENCE = "best-sum-rate"


def score(objective: str, power: np.ndarray, gain_db: np.ndarray) -> np.ndarray:
    """`comparable_score` of the objective of a name, with its usual parameters."""
    return comparable_score(by_name(objective), power, gain_db)


def comparable_score(objective: Objective, power: np.ndarray, gain_db: np.ndarray) -> np.ndarray:
    """The number per snapshot by which an objective is compared, [N].

    The utility of (3), but for alpha-fairness with alpha above 0 (proportional fairness is alpha = 1) the rate that,
    given to every link, would have the same utility: a ratio of logarithms or of negative numbers means nothing.
    """
    return score_of_rates(objective, spectral_efficiency(power.astype(np.float32), to_gain(gain_db)))


def score_of_rates(objective: Objective, rates: np.ndarray) -> np.ndarray:
    """`comparable_score` of rates [N, K] that are known already."""
    plain, weights = objective, np.ones(rates.shape[-1], dtype=np.float32)
    if isinstance(objective, Weighted):
        plain, weights = objective.objective, np.asarray(objective.weights, dtype=np.float32)
    alpha = (
        plain.alpha if isinstance(plain, AlphaFair) else 1.0 if isinstance(plain, ProportionalFair) else 0.0
    )
    if alpha == 0.0:
        return objective.utility(rates)
    if alpha == 1.0:
        return geometric_mean_rate(rates, weights / weights.sum(-1, keepdims=True))
    return np.exp(objective.merit(rates)).astype(np.float32)


def scores(objective: str, powers: Mapping[str, np.ndarray], gain_db: np.ndarray) -> dict[str, np.ndarray]:
    """`score` of every method in `powers`."""
    return {method: score(objective, power, gain_db) for method, power in powers.items()}


def ratios(
    scored: Mapping[str, np.ndarray], reference: str, seed: int, resamples: int, confidence: float
) -> dict[str, Interval | None]:
    """Every method's ratio to one reference, or None where that says nothing.

    It says nothing if the reference scores zero or less on most snapshots, as sum-rate WMMSE does under
    proportional fairness: it silences links, and their geometric mean is zero.
    """
    positive = float(np.median(scored[reference])) > 0.0
    return {
        method: ratio_of_means(values, scored[reference], seed, resamples, confidence) if positive else None
        for method, values in scored.items()
    }
