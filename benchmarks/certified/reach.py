"""What allocators reach of the optimum, and of the upper bound where the search was given up."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from benchmarks.worlds.allocators import Method
from components.training.worlds.validation import score
from gfm_ra.goals import RATE_FLOOR, AlphaFair, Objective, ProportionalFair, QoS, SumRate
from gfm_ra.rates import spectral_efficiency

GOALS: dict[str, Objective] = {
    "sum-rate": SumRate(),
    "proportional-fair": ProportionalFair(),
    "alpha-0.5": AlphaFair(0.5),
    "alpha-2": AlphaFair(2.0),
    "qos": QoS(),
}
PROVEN = 1e-3
"""Largest gap of a network that counts as solved."""


def bound_score(goal: Objective, upper: np.ndarray, links: int) -> np.ndarray:
    """An upper bound of the utility as a score: the rate worth as much for every link under fairness."""
    match goal:
        case ProportionalFair():
            return np.exp(upper / links) - RATE_FLOOR
        case AlphaFair(alpha):
            return (upper * (1.0 - alpha) / links) ** (1.0 / (1.0 - alpha)) - RATE_FLOOR
        case QoS(min_rate, penalty):
            return upper + links * min_rate * penalty
    return upper


def ratios(
    gain: np.ndarray, goal: Objective, optima: Mapping[str, np.ndarray], methods: Mapping[str, Method]
) -> dict[str, dict[str, np.ndarray]]:
    """By method: `solved` and `open`, the ratios of scores to the optimum's and to the bound's.

    gain : [N, K, K]; optima : power [N, K], upper [N] and gap [N] of this goal. A method is given gain and goal.
    """
    links, solved = gain.shape[-1], optima["gap"] <= PROVEN
    best = score(spectral_efficiency(optima["power"].astype(np.float64), gain), goal)
    bound = bound_score(goal, optima["upper"], links)
    found = {}
    for name, method in methods.items():
        reached = score(spectral_efficiency(method(gain, goal).astype(np.float64), gain), goal)
        found[name] = {"solved": (reached / best)[solved], "open": (reached / bound)[~solved]}
    return found


def summary(ratio: np.ndarray) -> dict[str, Any]:
    """Mean with its 95 % interval, first percentile and worst of ratios [N]."""
    if not ratio.size:
        return {"networks": 0}
    half = 1.96 * ratio.std(ddof=1) / np.sqrt(ratio.size) if ratio.size > 1 else 0.0
    mean = float(ratio.mean())
    return {
        "networks": int(ratio.size),
        "mean": round(mean, 5),
        "interval": [round(mean - half, 5), round(mean + half, 5)],
        "first_percentile": round(float(np.quantile(ratio, 0.01)), 5),
        "worst": round(float(ratio.min()), 5),
    }
