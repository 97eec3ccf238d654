"""One WMMSE iteration as each link sees it: what the solvers compute between their matrix products.

With g the direct gain, p = v^2 the power, I interference plus noise and S = g p the signal, the textbook's u,
w and v reduce to (all phases cancel on single-antenna links)

    w = beta'(R) (1 + SINR)
    push = u^2 w = beta'(R) S / (I (S + I))
    pull = w u sqrt(g) / v = beta'(R) g / I
    v <- min(1, v pull_k / sum_j g_jk push_j)

1 + SINR stands for the textbook's 1 / (1 - u h v), which cancels in float32.

A link that falls silent may come back once the neighbour that silenced it has fallen silent itself, dozens of
iterations and as many decades of power later; setting it to 0 on the way changes one solution in fifty.
float32 does not reach that far down, so an amplitude below 2^-40 is stored as minus 2^100 times itself. Nobody
hears such a link: its power counts as 0, which also keeps every product clear of denormal numbers, which are
slow.
"""

import numpy as np

from gfm_ra.goals import QOS_RAMP, RATE_FLOOR
from gfm_ra.solvers.compiled import Real, inlined
from gfm_ra.solvers.elementary import exp2, log2, log2_1p
from gfm_ra.solvers.inputs import LOG, POWER, QUALITY

NOISE = np.float32(2.0**-32)
"""Noise power in the compiled code's own unit: products of two received powers stay within float32's
range."""
LEAST_GAIN = np.float32(1e-37)
"""Smaller gains, in that unit, count as 0."""
LEAST_DIVISOR = np.float32(1e-36)
"""Where the sum of pushes starts: it only keeps 0 / 0 away."""
_ZERO = np.float32(0.0)
_ONE = np.float32(1.0)
_LN_2 = np.float32(np.log(2.0))
_FLOOR = np.float32(RATE_FLOOR)
_AUDIBLE = np.float32(2.0**-40)
_DEEP_SCALE = np.float32(2.0**100)
_SURFACING = _AUDIBLE * _DEEP_SCALE
_LEAST_STORED = np.float32(1e-30)
_LEAST_PUSH = np.float32(1e-35)
_LARGEST_SLOPE_LOG2, _LARGEST_BENEFIT_LOG2 = np.float32(50.0), np.float32(100.0)
_RAMP = np.float32(QOS_RAMP)
_SHRINK, _GROW, _LEAST_STEP = np.float32(0.5), np.float32(1.2), np.float32(0.01)


@inlined
def respond(direct: Real, power: Real, interference: Real, slope: Real) -> tuple[Real, Real]:
    """Push and pull of a link that meets `interference` (noise included); one division serves both."""
    signal = direct * power
    total = signal + interference
    scale = slope / (interference * total)
    push = scale * signal
    return push if push > _LEAST_PUSH else _ZERO, scale * total * direct


@inlined
def advance(stored: Real, pull: Real, divisor: Real) -> Real:
    """The next stored amplitude: the present one times pull / divisor, at most 1."""
    scaled = max(abs(stored) * (pull / divisor), _LEAST_STORED)
    surfaced = _ONE / _DEEP_SCALE if scaled > _SURFACING else -_ONE
    sunk = -_DEEP_SCALE if scaled < _AUDIBLE else _ONE
    return min(scaled * (surfaced if stored < _ZERO else sunk), _ONE)


@inlined
def damp(stored: Real, target: Real, step: Real, previous: Real) -> tuple[Real, Real, Real]:
    """Move towards the target by a step that halves when the direction turns: stored amplitude, step,
    direction.

    The plain iteration swings for ever between two points under QoS and strong fairness: the objectives bend
    more sharply there than its surrogate. docs/performance.md has the numbers.
    """
    direction = max(target, _ZERO) - max(stored, _ZERO)
    turned = direction * previous < _ZERO
    step = max(step * _SHRINK, _LEAST_STEP) if turned else min(step * _GROW, _ONE)
    moved = max(stored, _ZERO) + step * direction
    return moved if moved > _AUDIBLE else target, step, direction


@inlined
def store(power: Real) -> Real:
    """Stored amplitude of a power in [0, 1]."""
    amplitude = np.sqrt(power)
    return amplitude if amplitude >= _AUDIBLE else -max(amplitude * _DEEP_SCALE, _LEAST_STORED)


@inlined
def power_of(stored: Real) -> Real:
    """Power that others hear of a stored amplitude."""
    heard = max(stored, _ZERO)
    return heard * heard


@inlined
def rate_of(direct: Real, power: Real, interference: Real) -> Real:
    """Rate of a link, bit/s/Hz: equations (1) and (2).

    `gfm_ra.rates` in compiled form: with a logarithm that vectorises, and interference that the products have left.
    """
    return log2_1p(direct * power / interference)


@inlined
def benefit_and_slope(rate: Real, kind: int, first: Real, second: Real) -> tuple[Real, Real]:
    """beta(R) and beta'(R) of one link in compiled form; slopes are capped at 2^50, benefits at 2^100."""
    if kind == LOG:
        lifted = rate + _FLOOR
        return _LN_2 * log2(lifted), _ONE / lifted
    if kind == QUALITY:
        missing = max(_ZERO, first - rate)
        ramp = min(max((first - rate) / max(_RAMP * first, _FLOOR) + _ONE, _ZERO), _ONE)
        return rate - second * missing, _ONE + second * ramp
    if kind == POWER:
        exponent = log2(rate + _FLOOR)
        slope = exp2(min(-first * exponent, _LARGEST_SLOPE_LOG2))
        lifted = min((_ONE - first) * exponent, _LARGEST_BENEFIT_LOG2)
        return exp2(lifted) / (_ONE - first), slope
    return rate, _ONE


@inlined
def judge(rates: np.ndarray, slopes: np.ndarray, kind: int, first: Real, second: Real) -> None:
    """Benefits in place of rates, and their slopes; one loop per objective, so that each becomes vector
    code."""
    if kind == LOG:
        for i in range(rates.size):
            rates[i], slopes[i] = benefit_and_slope(rates[i], LOG, first, second)
    elif kind == QUALITY:
        for i in range(rates.size):
            rates[i], slopes[i] = benefit_and_slope(rates[i], QUALITY, first, second)
    elif kind == POWER:
        for i in range(rates.size):
            rates[i], slopes[i] = benefit_and_slope(rates[i], POWER, first, second)
