"""One WMMSE iteration as each link sees it: what the solvers compute between their matrix products.

With g the direct gain, p = v^2 the power, I interference plus noise and S = g p the signal, the textbook's u,
w and v reduce to (all phases cancel on single-antenna links)

    w = beta'(R) (1 + SINR)
    push = u^2 w = beta'(R) S / (I (S + I))
    pull = w u sqrt(g) / v = beta'(R) g / I
    v <- min(1, v pull_k / sum_j g_jk push_j)

1 + SINR stands for the textbook's 1 / (1 - u h v), which cancels in float32.

A link that falls silent may come back once the neighbour that silenced it has fallen silent itself, dozens of
iterations and as many decades of power later; flushing it to 0 on the way changes one solution in fifty. So
links are kept as the fourth root of their power, whose range in float32 reaches down to p = 1e-148, while
what they contribute to others is 0 long before it would decay into denormal numbers, which are slow.
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
_LEAST_ROOT = np.float32(1e-37)
_LEAST_HEARD_ROOT = np.float32(1e-7)
_LEAST_PUSH = np.float32(1e-35)
_LARGEST_RATIO = np.float32(1e38)
_LARGEST_SLOPE_LOG2 = np.float32(50.0)
_RAMP = np.float32(1.0 / 15.0)
"""Width, relative to the minimum rate, over which the QoS slope falls from 1 + penalty to 1: with a jump,
links
that sit at the minimum rate swing between the two slopes."""
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
def advance(root: Real, pull: Real, divisor: Real) -> Real:
    """The next fourth root of a link's power."""
    ratio = min(pull / divisor, _LARGEST_RATIO)
    return max(min(root * np.sqrt(ratio), _ONE), _LEAST_ROOT)


@inlined
def damp(root: Real, target: Real, step: Real, previous: Real) -> tuple[Real, Real, Real]:
    """Move towards the target by a step that halves whenever the direction turns: root, step, direction.

    The plain iteration swings for ever between two points under QoS and strong fairness: the objectives bend
    more sharply there than its surrogate. docs/performance.md has the numbers.
    """
    direction = target - root
    turned = direction * previous < _ZERO
    step = max(step * _SHRINK, _LEAST_STEP) if turned else min(step * _GROW, _ONE)
    return root + step * direction, step, direction


@inlined
def power_of(root: Real) -> Real:
    """Power of a link, or 0 where nobody could hear it."""
    heard = root if root > _LEAST_HEARD_ROOT else _ZERO
    square = heard * heard
    return square * square


@inlined
def rate_of(direct: Real, power: Real, interference: Real) -> Real:
    """Rate of a link, bit/s/Hz: equations (1) and (2)."""
    return log2_1p(direct * power / interference)


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
