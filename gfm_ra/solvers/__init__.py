"""Classical power allocation: the baselines and references that every learned allocator is measured against.

Gains are [..., K, K] in NumPy (row = receiver, column = transmitter, linear, in units of noise at full
power); powers are float32 [..., K] in [0, 1].
"""

from gfm_ra.solvers.energy_efficiency import energy_efficient
from gfm_ra.solvers.scheduling import fplinq, full_reuse, greedy
from gfm_ra.solvers.stochastic_mmse import stochastic_wmmse
from gfm_ra.solvers.weighted_mmse import wmmse

__all__ = ["energy_efficient", "fplinq", "full_reuse", "greedy", "stochastic_wmmse", "wmmse"]
