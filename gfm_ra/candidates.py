"""The choice between several answers to the same network."""

import math

import numpy as np

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
    rates = _rates(np.where(sound[..., None], powers, 0.0), gain)  # [C, B, K]
    if isinstance(objective, Objective):
        merits = np.asarray(objective.merit(rates))
    else:  # goals of other packages have a utility alone, of [B, K]
        merits = np.stack([np.asarray(objective.utility(each)) for each in rates])
    merits = np.where(sound & np.isfinite(merits), merits, -np.inf)
    if np.isneginf(merits).all(0).any():
        raise ValueError("candidates: a snapshot has none whose powers are numbers in [0, 1]: add full power")
    return np.argmax(merits, axis=0)


def _rates(powers: np.ndarray, gain: np.ndarray) -> np.ndarray:
    """`spectral_efficiency` of every candidate, [C, B, K], by one product per snapshot."""
    own = np.diagonal(gain, axis1=-2, axis2=-1)  # [B, K]
    crossing = gain.copy()
    links = np.arange(gain.shape[-1])
    crossing[..., links, links] = 0.0
    interference = np.matmul(crossing, np.moveaxis(powers, 0, -1))  # [B, K, C]
    return np.log1p(own * powers / (np.moveaxis(interference, -1, 0) + 1)) * (1 / math.log(2.0))
