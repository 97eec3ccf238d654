"""WMMSE iterations of one snapshot, from one start or from many side by side.

State is flat float32: entry `link * width + start`. With one start (width 1) the links are the lanes of a
vector and are padded to a multiple of 16; with many, a tile of 16 or 32 starts is, and links are padded to a
multiple of 5. Either way a snapshot stays in the core's own cache for all of its iterations. Padding has no
direct gain and no weight, so it stays silent.
"""

from typing import NamedTuple

import numpy as np

from gfm_ra.solvers.compiled import Real, inlined
from gfm_ra.solvers.links import LEAST_DIVISOR, NOISE, advance, damp, judge, power_of, rate_of, respond
from gfm_ra.solvers.tiles import LANES, add_products

ROWS = 5
"""Links per register tile: every scenario's K is a multiple of it, and 5 x 2 vectors fill the pipeline."""
WIDE, NARROW = 2 * LANES, LANES
"""Starts per tile."""
CHAINS = 2
"""Partial sums per sum; the same everywhere, so that a start's powers do not depend on what runs beside it."""
_ZERO, _ONE = np.float32(0.0), np.float32(1.0)


class Network(NamedTuple):
    """One snapshot as the iterations read it; gains are in the compiled code's unit of noise."""

    links: int
    width: int
    forward: np.ndarray  # flat matrix that turns powers into interference
    backward: np.ndarray  # its transpose, which turns pushes into the divisor
    direct: np.ndarray  # [size] direct gain of each entry's link
    weights: np.ndarray  # [size] weight of each entry's link


class State(NamedTuple):
    """What the iterations change, each [size] but `utility`."""

    stored: np.ndarray  # amplitudes as `links` stores them
    power: np.ndarray
    push: np.ndarray
    pull: np.ndarray
    total: np.ndarray
    step: np.ndarray
    direction: np.ndarray
    best: np.ndarray
    utility: np.ndarray  # [width], of the best powers
    now: np.ndarray  # [width], of the present powers


@inlined
def iterate_sum_rate(network: Network, state: State, iterations: int, tolerance: Real) -> None:
    """Iterate for a weighted sum of rates, whose utility never falls; leaves the powers in `state.power`."""
    direct, weights, size = network.direct, network.weights, network.direct.size
    stored, power, push, pull, total = state.stored, state.power, state.push, state.pull, state.total
    for _ in range(iterations):
        multiply(network, network.forward, power, NOISE, total)
        for i in range(size):
            push[i], pull[i] = respond(direct[i], power[i], total[i], weights[i])
        multiply(network, network.backward, push, LEAST_DIVISOR, total)
        for i in range(size):
            stored[i] = advance(stored[i], pull[i], total[i] + direct[i] * push[i])
            total[i] = power_of(stored[i])
        settled = tolerance > _ZERO and _largest_change(power, total) < tolerance
        power[:] = total
        if settled:
            break


@inlined
def iterate_guarded(
    network: Network, state: State, iterations: int, tolerance: Real, kind: int, first: Real, second: Real
) -> None:
    """Iterate for any objective with damped steps; leaves the best powers met in `state.best`."""
    direct, size = network.direct, network.direct.size
    stored, power, push, pull, total = state.stored, state.power, state.push, state.pull, state.total
    step, direction = state.step, state.direction
    step[:] = _ONE
    direction[:] = _ZERO
    state.best[:] = power
    for iteration in range(iterations + 1):
        multiply(network, network.forward, power, NOISE, total)
        _weigh(network, state, kind, first, second)
        _keep_best(state, network.width)
        if iteration == iterations:
            break
        multiply(network, network.backward, push, LEAST_DIVISOR, total)
        for i in range(size):
            target = advance(stored[i], pull[i], total[i] + direct[i] * push[i])
            stored[i], step[i], direction[i] = damp(stored[i], target, step[i], direction[i])
            total[i] = power_of(stored[i])
        settled = tolerance > _ZERO and _largest_change(power, total) < tolerance
        power[:] = total
        if settled:
            iterations = iteration + 1


@inlined
def _weigh(network: Network, state: State, kind: int, first: Real, second: Real) -> None:
    """Pushes and pulls under the objective's slopes; benefits replace the interference in `state.total`."""
    direct, weights, size = network.direct, network.weights, network.direct.size
    power, push, pull, total = state.power, state.push, state.pull, state.total
    for i in range(size):
        push[i] = rate_of(direct[i], power[i], total[i])
    judge(push, pull, kind, first, second)
    for i in range(size):
        benefit = push[i]
        push[i], pull[i] = respond(direct[i], power[i], total[i], weights[i] * pull[i])
        total[i] = weights[i] * benefit


@inlined
def weigh_sum_rate(network: Network, state: State) -> None:
    """Utility of the powers that sum-rate iterations ended at, which are the best they met."""
    direct, weights, power, total = network.direct, network.weights, state.power, state.total
    multiply(network, network.forward, power, NOISE, total)
    for i in range(direct.size):
        total[i] = weights[i] * rate_of(direct[i], power[i], total[i])
    _keep_best(state, network.width)


@inlined
def _keep_best(state: State, width: int) -> None:
    """Sum the benefits in `state.total` over links; where a start improved, its powers become its best."""
    total, power, best, utility, now = state.total, state.power, state.best, state.utility, state.now
    now[:] = _ZERO
    for first in range(0, total.size, width):
        for start in range(width):
            now[start] += total[first + start]
    for first in range(0, total.size, width):
        for start in range(width):
            at = first + start
            best[at] = power[at] if now[start] > utility[start] else best[at]
    for start in range(width):
        utility[start] = max(utility[start], now[start])


@inlined
def _largest_change(before: np.ndarray, after: np.ndarray) -> Real:
    change = _ZERO
    for i in range(before.size):
        change = max(change, abs(after[i] - before[i]))
    return change


@inlined
def multiply(
    network: Network, matrix: np.ndarray, vector: np.ndarray, initial: Real, out: np.ndarray
) -> None:
    """out = initial + matrix @ vector for every start; `matrix` is one of the network's two."""
    links, width = network.links, network.width
    stride = (links + LANES - 1) // LANES * LANES
    if width == 1:
        _multiply_links(matrix, vector, links, stride, initial, out)
        return
    for link in range(0, links, ROWS):
        at, to = link * stride, link * width
        if width == WIDE:
            add_products(matrix, at, stride, vector, 0, WIDE, out, to, WIDE, links, initial, ROWS, 2, CHAINS)
        else:
            add_products(
                matrix, at, stride, vector, 0, NARROW, out, to, NARROW, links, initial, ROWS, 1, CHAINS
            )


@inlined
def _multiply_links(
    matrix: np.ndarray, vector: np.ndarray, links: int, stride: int, initial: Real, out: np.ndarray
) -> None:
    start = 0
    while start < stride:
        vectors = (stride - start) // LANES
        if vectors == 5:
            add_products(vector, 0, 0, matrix, start, stride, out, start, 0, links, initial, 1, 5, CHAINS)
        elif vectors >= 4:
            vectors = 4
            add_products(vector, 0, 0, matrix, start, stride, out, start, 0, links, initial, 1, 4, CHAINS)
        elif vectors == 3:
            add_products(vector, 0, 0, matrix, start, stride, out, start, 0, links, initial, 1, 3, CHAINS)
        elif vectors == 2:
            add_products(vector, 0, 0, matrix, start, stride, out, start, 0, links, initial, 1, 2, CHAINS)
        else:
            add_products(vector, 0, 0, matrix, start, stride, out, start, 0, links, initial, 1, 1, CHAINS)
        start += vectors * LANES
