"""How good allocations are: every method on the same snapshots, as ratios with confidence intervals."""

from collections.abc import Mapping

import numpy as np
import torch

from components.finetuning import predict
from components.heads import PowerModel
from components.metrics import Ratio, ratio_of_means
from components.objectives import ProportionalFair, by_name, geometric_mean_rate
from components.rates import spectral_efficiency
from components.shards import to_gain

MODEL = "gfm-ra"
PAPER_REFERENCE = "best-sum-rate"


def model_powers(model: PowerModel, gain_db: np.ndarray) -> np.ndarray:
    """Powers [N, K] that a model sets for gain_db [N, K, K] (stored precision)."""
    return predict(model, torch.from_numpy(gain_db)).numpy()


def score(objective: str, power: np.ndarray, gain_db: np.ndarray) -> np.ndarray:
    """The number per snapshot by which an objective is compared, [N].

    The utility of (3); for proportional fairness the geometric mean of rates, since a ratio of negative
    log-utilities means nothing.
    """
    rates = spectral_efficiency(power.astype(np.float32), to_gain(gain_db))
    if objective == ProportionalFair.name:
        return geometric_mean_rate(rates)
    return by_name(objective).utility(rates)


def scores(objective: str, powers: Mapping[str, np.ndarray], gain_db: np.ndarray) -> dict[str, np.ndarray]:
    """`score` of every method in `powers`."""
    return {method: score(objective, power, gain_db) for method, power in powers.items()}


def ratios(
    scored: Mapping[str, np.ndarray], reference: str, seed: int, resamples: int, confidence: float
) -> dict[str, Ratio | None]:
    """Every method's ratio to one reference, or None where that says nothing.

    It says nothing if the reference scores zero or less on most snapshots, as sum-rate WMMSE does under
    proportional fairness: it silences links, and their geometric mean is zero.
    """
    positive = float(np.median(scored[reference])) > 0.0
    return {
        method: ratio_of_means(values, scored[reference], seed, resamples, confidence) if positive else None
        for method, values in scored.items()
    }
