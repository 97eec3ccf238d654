"""The choice between several answers to the same network."""

import numpy as np

from gfm_ra.goals import Objective
from gfm_ra.rates import spectral_efficiency


def are_powers(power: np.ndarray) -> np.ndarray:
    """Whether every power of a network is a number in [0, 1]: power [..., K] -> [...] bool."""
    return np.all((power >= 0) & (power <= 1), axis=-1)  # NaN fails both


def best_candidate(powers: np.ndarray, gain: np.ndarray, objective: Objective) -> np.ndarray:
    """Index of the candidate with the best utility per snapshot: powers [C, B, K], gain [B, K, K] -> [B].

    A candidate that is not finite or leaves [0, 1] never wins; the first of equals does.
    Raises ValueError for a snapshot that has no other candidate.
    """
    merits = np.stack([_merit(candidate, gain, objective) for candidate in powers])  # [C, B]
    if np.isneginf(merits).all(0).any():
        raise ValueError("candidates: a snapshot has none whose powers are numbers in [0, 1]: add full power")
    return np.argmax(merits, axis=0)


def _merit(power: np.ndarray, gain: np.ndarray, objective: Objective) -> np.ndarray:
    sound = are_powers(power)  # [B]
    rates = spectral_efficiency(np.where(sound[:, None], power, 0.0).astype(power.dtype), gain)
    # Goals of other packages have a utility alone.
    merit = np.asarray(getattr(objective, "merit", objective.utility)(rates))
    return np.where(sound & np.isfinite(merit), merit, -np.inf)
