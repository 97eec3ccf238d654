"""One WMMSE iteration as each link sees it: what the solvers compute between their matrix products.

With g the direct gain, v the amplitude (power is v^2), I interference plus noise and S = g v^2 the signal,
the textbook's u, w and v reduce to (all phases cancel on single-antenna links)

    w = beta'(R) (1 + SINR)
    push = u^2 w = beta'(R) S / (I (S + I))
    pull = w u sqrt(g) = beta'(R) g v / I
    v <- min(1, pull_k / sum_j g_jk push_j)

1 + SINR stands for the textbook's 1 / (1 - u h v), which cancels in float32. Everything stays a normal
number: links that vanish are set to 0 before they decay into denormals, which are slow.
"""

import numpy as np

from components.objectives import RATE_FLOOR
from components.solvers.compiled import Real, inlined
from components.solvers.elementary import exp2, log2, log2_1p
from components.solvers.inputs import LOG, POWER, QUALITY

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
_LEAST_AMPLITUDE = np.float32(1e-15)
_LEAST_SIGNAL = np.float32(1e-25) * NOISE
_LEAST_PUSH = np.float32(1e-35)
_LARGEST_SLOPE_LOG2 = np.float32(50.0)
_RAMP = np.float32(1.0 / 15.0)
"""Width, relative to the minimum rate, over which the QoS slope falls from 1 + penalty to 1: with a jump,
links
that sit at the minimum rate swing between the two slopes."""
_SHRINK, _GROW, _LEAST_STEP = np.float32(0.5), np.float32(1.2), np.float32(0.01)


@inlined
def respond(direct: Real, amplitude: Real, interference: Real, slope: Real) -> tuple[Real, Real]:
    """Push and pull of a link that meets `interference` (noise included); one division serves both."""
    received = direct * amplitude
    signal = received * amplitude
    total = signal + interference
    scale = slope / (interference * total)
    push = scale * signal
    return push if push > _LEAST_PUSH else _ZERO, scale * total * received


@inlined
def advance(direct: Real, pull: Real, divisor: Real) -> Real:
    """The next amplitude, or 0 where it or its signal would be negligible."""
    amplitude = min(_ONE, pull / divisor)
    heard = (amplitude > _LEAST_AMPLITUDE) & (direct * amplitude * amplitude > _LEAST_SIGNAL)
    return amplitude if heard else _ZERO


@inlined
def damp(amplitude: Real, target: Real, step: Real, previous: Real) -> tuple[Real, Real, Real]:
    """Move towards the target by a step that halves whenever the direction turns: amplitude, step, direction.

    The plain iteration swings for ever between two points under QoS and strong fairness: the objectives bend
    more sharply there than its surrogate. docs/performance.md has the numbers.
    """
    direction = target - amplitude
    turned = direction * previous < _ZERO
    step = max(step * _SHRINK, _LEAST_STEP) if turned else min(step * _GROW, _ONE)
    moved = amplitude + step * direction
    return moved if moved > _LEAST_AMPLITUDE else _ZERO, step, direction


@inlined
def rate_of(direct: Real, amplitude: Real, interference: Real) -> Real:
    """Rate of a link, bit/s/Hz: equations (1) and (2)."""
    return log2_1p(direct * amplitude * amplitude / interference)


@inlined
def benefit_and_slope(rate: Real, kind: int, first: Real, second: Real) -> tuple[Real, Real]:
    """beta(R) and beta'(R) of one link under the objective's compiled form; slopes are capped at 2^50."""
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
        return exp2((_ONE - first) * exponent) / (_ONE - first), slope
    return rate, _ONE
