"""The choice between several answers to the same network."""

import numpy as np

from gfm_ra.goals import Objective
from gfm_ra.rates import spectral_efficiency


def best_candidate(powers: np.ndarray, gain: np.ndarray, objective: Objective) -> np.ndarray:
    """Index of the candidate with the best utility per snapshot: powers [C, B, K], gain [B, K, K] -> [B]."""
    utilities = [objective.utility(spectral_efficiency(power, gain)) for power in powers]
    return np.argmax(np.stack(utilities), axis=0)
