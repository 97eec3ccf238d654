"""How good an unrolled network is while it trains: ratios to one WMMSE run of each goal, on networks of its own.

Shapes: N networks, K links.
"""

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from components.channel.masking import random_pair_mask
from components.channel.torch_rng import torch_stream
from components.channel.worlds.distribution import FAMILIES, WorldDistribution
from components.model.conditioning import goals_of
from components.model.unrolled.estimate import view
from components.model.unrolled.network import NOISE, UnrolledNetwork
from components.training.loop import Metrics
from gfm_ra.goals import AlphaFair, Objective, ProportionalFair, QoS, SumRate
from gfm_ra.rates import spectral_efficiency
from gfm_ra.solvers import wmmse
from gfm_ra.units import to_gain

GOALS: tuple[Objective, ...] = (SumRate(), ProportionalFair(), QoS(), AlphaFair(2.0))
SIZES = (10, 40)
COUNT = 32  # networks per family and size
HIDDEN_SHARE = 0.5  # of the pairs, where estimates of hidden gains are measured


class Reference(NamedTuple):
    """Networks of one family and size, and what one WMMSE run makes of them under every goal."""

    family: str
    gain_db: np.ndarray  # [N, K, K] float32
    scores: tuple[np.ndarray, ...]  # per goal [N]


class Validator:
    """Networks that stay the same, and what they are compared with."""

    def __init__(self, worlds: WorldDistribution, seed: int) -> None:
        self.references: list[Reference] = []
        for family in FAMILIES:
            for links in SIZES:
                generator = torch_stream(seed, "worlds", "validation", family, links)
                gain_db = worlds.draw_of(family, COUNT, links, generator).numpy()
                gain = to_gain(gain_db)
                scores = tuple(score(spectral_efficiency(wmmse(gain, goal), gain), goal) for goal in GOALS)
                self.references.append(Reference(family, gain_db, scores))

    @torch.no_grad()
    def measure(self, network: UnrolledNetwork, device: torch.device) -> Metrics:
        """Mean ratio per goal and per family, and `validation_loss`, one minus the mean of all."""
        by_goal: dict[str, list[float]] = {}
        by_family: dict[str, list[float]] = {}
        for reference in self.references:
            for goal, expected in zip(GOALS, reference.scores, strict=True):
                power = allocate(network, torch.from_numpy(reference.gain_db).to(device), goal)
                gain = to_gain(reference.gain_db)
                found = score(spectral_efficiency(power, gain), goal)
                ratio = float(found.mean() / expected.mean())
                name = f"alpha_{goal.alpha:g}" if isinstance(goal, AlphaFair) else goal.name
                by_goal.setdefault(name.replace("-", "_"), []).append(ratio)
                by_family.setdefault(reference.family, []).append(ratio)
        means = {f"ratio_{name}": float(np.mean(values)) for name, values in (by_goal | by_family).items()}
        overall = float(np.mean([value for values in by_goal.values() for value in values]))
        return {
            "validation_loss": 1.0 - overall,
            "estimate_error": self.estimate_error(network, device),
        } | means

    @torch.no_grad()
    def estimate_error(self, network: UnrolledNetwork, device: torch.device) -> float:
        """Root of the mean squared error of the estimates where half of the pairs are hidden, in units of
        `components.model.unrolled.estimate.SPREAD_DB`."""
        errors = []
        for reference in self.references:
            gain_db = torch.from_numpy(reference.gain_db)
            count, links, _ = gain_db.shape
            generator = torch_stream(0, "worlds", "hidden", reference.family, links)
            hidden = random_pair_mask(count, links, HIDDEN_SHARE, generator).to(device)
            gain_db = gain_db.to(device)
            goals = goals_of(SumRate(), count, links).to(device)
            noise = torch.zeros(count, links, 1, NOISE, device=device)
            passes = network(gain_db, goals, noise, hidden, estimates_only=True)
            error = (passes.estimate.mean - view(gain_db, hidden, None).target(gain_db))[hidden]
            errors.append(float(error.square().mean()))
        return float(np.mean(errors)) ** 0.5


def allocate(network: UnrolledNetwork, gain_db: Tensor, goal: Objective) -> np.ndarray:
    """Powers [N, K] of one draw, the same noise for every network."""
    links = gain_db.shape[-1]
    noise = torch.randn(links, 1, NOISE, generator=torch_stream(0, "worlds", "noise")).to(gain_db.device)
    goals = goals_of(goal, len(gain_db), links).to(gain_db.device)
    power = network(gain_db, goals, noise.expand(len(gain_db), -1, -1, -1)).power
    return power.squeeze(-1).cpu().numpy()


def score(rates: np.ndarray, goal: Objective) -> np.ndarray:
    """A positive number that grows with the utility of rates [N, K]: the sum, the rate that given to every link is
    worth as much, or the utility above that of a silent network."""
    if isinstance(goal, QoS):
        return np.asarray(goal.utility(rates)) + goal.penalty * goal.min_rate * rates.shape[-1]
    if isinstance(goal, SumRate):
        return np.asarray(goal.utility(rates))
    return np.exp(goal.merit(rates) / (1.0 if not isinstance(goal, ProportionalFair) else rates.shape[-1]))
