"""Goals of every kind that explanations have to do with."""

import numpy as np

from gfm_ra.energy import EnergyEfficiency
from gfm_ra.goal_family import utility_of
from gfm_ra.goals import AlphaFair, ProportionalFair, QoS, SumRate, Weighted

LINKS = 5
WEIGHTS = np.array([1.0, 0.0, 2.0, 0.5, 3.0])


class SoftWorstRate:
    """A goal of another package, no sum over links: a soft minimum of the rates."""

    name = "soft-worst-rate"

    def utility(self, rates: np.ndarray) -> np.ndarray:
        return -np.log(np.exp(-2.0 * rates).mean(-1)) / 2.0

    def slope(self, rates: np.ndarray) -> np.ndarray:
        part = np.exp(-2.0 * rates)
        return part / part.sum(-1, keepdims=True)


class Efficiency:
    """Sum rate over the power that is used, which depends on the powers themselves."""

    name = "efficiency"

    def utility(self, rates: np.ndarray, power: np.ndarray | None = None) -> np.ndarray:
        assert power is not None
        return rates.sum(-1) / (0.5 + power.sum(-1) / 0.35)

    def gradients(self, rates: np.ndarray, power: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        used = 0.5 + power.sum(-1, keepdims=True) / 0.35
        by_power = -rates.sum(-1, keepdims=True) / used**2 / 0.35
        return np.ones_like(rates) / used, np.broadcast_to(by_power, power.shape)


class Foreign:
    """One of our goals as another package would write it: a utility and its slope, and nothing else."""

    def __init__(self, goal) -> None:
        self.goal, self.name = goal, f"foreign {goal.name}"

    def utility(self, rates: np.ndarray) -> np.ndarray:
        return self.goal.utility(rates)

    def slope(self, rates: np.ndarray) -> np.ndarray:
        return self.goal.slope(rates)


SUMS = [
    SumRate(), ProportionalFair(), QoS(), QoS(1.5, 4.0), AlphaFair(0.5), AlphaFair(2.0),
    Weighted(ProportionalFair(), WEIGHTS), Weighted(QoS(), WEIGHTS),
]  # fmt: skip
OTHERS = [
    SoftWorstRate(), Efficiency(), Foreign(AlphaFair(0.5)), EnergyEfficiency(0.2),
    EnergyEfficiency(0.2, kind="weighted-sum"), Weighted(EnergyEfficiency(0.2), WEIGHTS),
]  # fmt: skip


def utility(goal, rates: np.ndarray, power: np.ndarray) -> float:
    """Of rates [K] and powers [K]."""
    return float(utility_of(goal, rates, power))


def network(seed: int, links: int = LINKS) -> tuple[np.ndarray, np.ndarray]:
    """Gains [K, K] and powers [K]."""
    rng = np.random.default_rng(seed)
    gain_db = rng.normal(5.0, 8.0, (links, links)) + 15.0 * np.eye(links)
    return 10.0 ** (gain_db / 10.0), rng.uniform(0.1, 0.9, links)
