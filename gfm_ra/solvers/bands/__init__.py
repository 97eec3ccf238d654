"""Classical power allocation where there are bands: gains [B, F, K, K], powers [B, F, K] within `Network.limits`.

Powers are parts of full power; a link's rate is the sum over its bands, and goals act on these sums.
"""

from gfm_ra.solvers.bands.scheduling import proportional_fair_schedule, scheduled
from gfm_ra.solvers.bands.sums import rates
from gfm_ra.solvers.bands.water_filling import water_filling
from gfm_ra.solvers.bands.weighted_mmse import every_start, wmmse

__all__ = ["every_start", "proportional_fair_schedule", "rates", "scheduled", "water_filling", "wmmse"]
