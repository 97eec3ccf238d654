"""Random starting powers, keyed by seed, snapshot, start and link, so that batching and threads change
nothing.

Source of the generator: Steele, Lea and Flood, Fast splittable pseudorandom number generators, OOPSLA 2014
(SplitMix64, used as a counter-based hash).
"""

import numpy as np

from gfm_ra.solvers.compiled import Real, inlined

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_FIRST_FACTOR = np.uint64(0xBF58476D1CE4E5B9)
_SECOND_FACTOR = np.uint64(0x94D049BB133111EB)
_SHIFTS = np.uint64(30), np.uint64(27), np.uint64(31)
_UNUSED_BITS = np.uint64(40)
_STEP = np.float32(2.0**-24)


@inlined
def _mix(state: Real) -> Real:
    state = (state ^ (state >> _SHIFTS[0])) * _FIRST_FACTOR
    state = (state ^ (state >> _SHIFTS[1])) * _SECOND_FACTOR
    return state ^ (state >> _SHIFTS[2])


@inlined
def start_key(seed: Real, index: Real, start: Real) -> Real:
    """Key of one start of one snapshot."""
    key = _mix(np.uint64(seed) + _GOLDEN)
    key = _mix(key + _GOLDEN * np.uint64(index + 1))
    return _mix(key + _GOLDEN * np.uint64(start + 1))


@inlined
def uniform(key: Real, link: Real) -> Real:
    """Uniform float32 in (0, 1) for one link of a start: 24 bits, centred in their cells."""
    bits = _mix(key + _GOLDEN * np.uint64(link + 1)) >> _UNUSED_BITS
    return (np.float32(bits) + np.float32(0.5)) * _STEP
