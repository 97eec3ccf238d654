"""The choice between several answers to the same network."""

import math

import numpy as np

from gfm_ra.goal_family import utility_of
from gfm_ra.goals import Objective


def are_powers(power: np.ndarray) -> np.ndarray:
    """Whether every power of a network is a number in [0, 1]: power [..., K] -> [...] bool."""
    return np.all((power >= 0) & (power <= 1), axis=-1)  # NaN fails both


def best_candidate(powers: np.ndarray, gain: np.ndarray, objective: Objective) -> np.ndarray:
    """Index of the candidate with the best utility per snapshot: powers [C, B, K], gain [B, K, K] -> [B].

    A candidate that is not finite or leaves [0, 1] never wins; the first of equals does.
    Raises ValueError for a snapshot that has no other candidate.
    """
    sound = are_powers(powers)  # [C, B]
    powers = np.where(sound[..., None], powers, 0.0)
    rates = _rates(powers, gain)  # [C, B, K]
    if isinstance(objective, Objective):
        placed = objective.at(powers)
        utilities = placed.merit(rates)
        sound &= np.isfinite(utilities)
        _require_one(sound)
        if placed is objective:
            return _best_by_advantage(rates, sound, objective)
    else:
        # Goals of other packages have a utility alone, of [B, K].
        pairs = zip(rates, powers, strict=True)
        utilities = np.stack([utility_of(objective, each, power) for each, power in pairs])
        sound &= np.isfinite(utilities)
    _require_one(sound)
    return np.argmax(np.where(sound, utilities, -np.inf), axis=0)


def _require_one(sound: np.ndarray) -> None:
    if not sound.any(0).all():
        raise ValueError("candidates: a snapshot has none whose powers are numbers in [0, 1]: add full power")


def _best_by_advantage(rates: np.ndarray, sound: np.ndarray, objective: Objective) -> np.ndarray:
    """Index [B] of the best sound candidate, the first of equals: rates [C, B, K], sound [C, B]."""
    chosen = np.argmax(sound, axis=0)
    best = np.take_along_axis(rates, chosen[None, :, None], axis=0)[0]
    for number in range(1, len(rates)):
        better = sound[number] & (number > chosen) & (objective.advantage(rates[number], best) > 0)
        chosen = np.where(better, number, chosen)
        best = np.where(better[:, None], rates[number], best)
    return chosen


def _rates(powers: np.ndarray, gain: np.ndarray) -> np.ndarray:
    """`spectral_efficiency` of every candidate, [C, B, K], by one product per snapshot."""
    own = np.diagonal(gain, axis1=-2, axis2=-1)  # [B, K]
    crossing = gain.copy()
    links = np.arange(gain.shape[-1])
    crossing[..., links, links] = 0.0
    interference = np.matmul(crossing, np.moveaxis(powers, 0, -1))  # [B, K, C]
    return np.log1p(own * powers / (np.moveaxis(interference, -1, 0) + 1)) * (1 / math.log(2.0))
