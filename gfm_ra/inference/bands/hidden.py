"""Unknown gains of several bands, as the network reads them."""

import numpy as np

from gfm_ra.inference.network.contract import NOTHING
from gfm_ra.inference.network.unrolled import UnrolledNetwork
from gfm_ra.inference.uncertain.posterior import posterior
from gfm_ra.units import db_to_linear


def completed(model: UnrolledNetwork, gain: np.ndarray) -> np.ndarray:
    """Gains [B, F, K, K], NaN where unknown, completed by the network's estimates (means in dB), each band by itself.

    Raises MemoryError if the core gets no memory.
    """
    links = gain.shape[-1]
    estimates = posterior(model, gain.reshape(-1, links, links), NOTHING).mean_db.reshape(gain.shape)
    return np.where(np.isnan(gain), db_to_linear(estimates), gain)
