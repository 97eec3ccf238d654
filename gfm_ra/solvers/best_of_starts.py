"""The compiled solver: load a snapshot, iterate from its starts, keep the best."""

import numpy as np

from gfm_ra.solvers.compiled import Real, entry, inlined
from gfm_ra.solvers.inputs import SUM
from gfm_ra.solvers.iteration import (
    NARROW,
    ROWS,
    WIDE,
    Network,
    State,
    iterate_guarded,
    iterate_sum_rate,
    weigh_sum_rate,
)
from gfm_ra.solvers.links import LEAST_GAIN, NOISE, store
from gfm_ra.solvers.starts import start_key, uniform
from gfm_ra.solvers.tiles import LANES, aligned

_FULL_TILE = 20
_HALF_TILE = 8
"""From this many starts on, a tile of 32 (or 16) is faster than one start after the other."""
_ZERO, _ONE = np.float32(0.0), np.float32(1.0)


@entry
def solve(
    gain: np.ndarray,
    weights: np.ndarray,
    kind: int,
    first: Real,
    second: Real,
    starts: int,
    iterations: int,
    tolerance: Real,
    initial: np.ndarray,
    seed: int,
    first_index: int,
    begin: int,
    end: int,
    power: np.ndarray,
) -> None:
    """Solve snapshots `begin` to `end` of gain [B, K, K] into power [B, K]; the rest is as in `wmmse`."""
    links = gain.shape[1]
    natural, transposed = _matrices(links)
    one, one_state = _workspace(links, 1, transposed, natural)
    half, half_state = _workspace(links, NARROW if starts >= _HALF_TILE else 1, natural, transposed)
    full, full_state = _workspace(links, WIDE if starts >= _FULL_TILE else 1, natural, transposed)
    for index in range(begin, end):
        _load(gain[index], natural, transposed)
        row = weights[index if weights.shape[0] > 1 else 0]
        best = np.float32(-np.inf)
        start = 0
        while start < starts:
            left = starts - start
            network, state = one, one_state
            if left >= _FULL_TILE:
                network, state = full, full_state
            elif left >= _HALF_TILE:
                network, state = half, half_state
            _describe(network, gain[index], row)
            _draw(network, state, start, initial, index, seed, first_index + index)
            _iterate(network, state, iterations, tolerance, kind, first, second, starts > 1)
            best = _take_best(network, state, start, min(left, network.width), best, power[index])
            start += network.width


@inlined
def _matrices(links: int) -> tuple[np.ndarray, np.ndarray]:
    """Room for the gains without the diagonal, [links padded, links padded to 16] flat, and their
    transpose."""
    stride = (links + LANES - 1) // LANES * LANES
    rows = (links + ROWS - 1) // ROWS * ROWS
    return aligned(rows * stride), aligned(rows * stride)


@inlined
def _workspace(links: int, width: int, forward: np.ndarray, backward: np.ndarray) -> tuple[Network, State]:
    """Arrays for one tile of `width` starts."""
    size = (links + ROWS - 1) // ROWS * ROWS * width
    if width == 1:
        size = (links + LANES - 1) // LANES * LANES
    network = Network(links, width, forward, backward, aligned(size), aligned(size))
    state = State(
        aligned(size), aligned(size), aligned(size), aligned(size), aligned(size), aligned(size),
        aligned(size), aligned(size), aligned(width), aligned(width),
    )  # fmt: skip
    return network, state


@inlined
def _load(gain: np.ndarray, natural: np.ndarray, transposed: np.ndarray) -> None:
    """Copy one snapshot without its diagonal into both matrices."""
    links = gain.shape[0]
    stride = (links + LANES - 1) // LANES * LANES
    for k in range(links):
        for j in range(links):
            value = gain[k, j] * NOISE
            value = value if (value > LEAST_GAIN) & (j != k) else _ZERO
            natural[k * stride + j] = value
            transposed[j * stride + k] = value


@inlined
def _describe(network: Network, gain: np.ndarray, weights: np.ndarray) -> None:
    """Spread direct gains and weights over the starts of a tile."""
    width = network.width
    for k in range(network.links):
        direct = gain[k, k] * NOISE
        direct = direct if direct > LEAST_GAIN else _ZERO
        for at in range(k * width, (k + 1) * width):
            network.direct[at] = direct
            network.weights[at] = weights[k]


@inlined
def _draw(
    network: Network, state: State, start: int, initial: np.ndarray, index: int, seed: int, number: int
) -> None:
    """Set the powers of starts `start` onwards: start 0 is full or initial power, the others are random."""
    width = network.width
    for lane in range(width):
        key = start_key(seed, number, start + lane)
        given = start + lane == 0
        for k in range(network.links):
            value = uniform(key, k)
            if given:
                value = initial[index, k] if initial.shape[0] > 0 else _ONE
            state.power[k * width + lane] = value
            state.stored[k * width + lane] = store(value)
    state.utility[:] = np.float32(-np.inf)


@inlined
def _iterate(
    network: Network,
    state: State,
    iterations: int,
    tolerance: Real,
    kind: int,
    first: Real,
    second: Real,
    compare: bool,
) -> None:
    """Iterate a tile; the best powers end in `state.best`."""
    if kind != SUM:
        iterate_guarded(network, state, iterations, tolerance, kind, first, second)
        return
    iterate_sum_rate(network, state, iterations, tolerance)
    if compare:
        weigh_sum_rate(network, state)
    else:  # a lone start wins whatever its utility
        state.best[:] = state.power
        state.utility[0] = _ZERO


@inlined
def _take_best(
    network: Network, state: State, start: int, starts: int, best: Real, power: np.ndarray
) -> Real:
    """Copy the best start's powers out if they beat `best` (start 0 always does); returns the best utility."""
    chosen = 0 if start == 0 else -1
    for lane in range(starts):
        if state.utility[lane] > best:
            best, chosen = state.utility[lane], lane
    if chosen >= 0:
        for k in range(network.links):
            power[k] = state.best[k * network.width + chosen]
    return best
