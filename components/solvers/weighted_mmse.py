"""WMMSE for any objective, from one start or the best of many."""

import numpy as np

from components.objectives import Objective, SumRate
from components.solvers.inputs import as_batch, compiled_form
from components.solvers.kernels import solve_batch


def wmmse(
    gain: np.ndarray,
    objective: Objective | None = None,
    starts: int = 1,
    iterations: int = 100,
    seed: int = 0,
    tolerance: float | None = None,
    initial_power: np.ndarray | None = None,
    first_index: int = 0,
) -> np.ndarray:
    """Weighted MMSE power control; WMMSE-Best is `starts=100`.

    Start 0 is full power, or `initial_power` ([..., K]) to polish given powers; the others are uniform random
    powers that depend only on `seed`, the snapshot's number (`first_index` plus its place in the batch) and
    the start. The start with the best utility under `objective` wins. Each iteration updates u, w = beta'(R)
    (1 + SINR) and v, and the best powers met are returned, so more iterations never give less utility.
    `tolerance` ends a start early when no amplitude moves by more.

    gain : [..., K, K]; objective : sum rate unless given. Returns float32 [..., K] in [0, 1].
    Raises ValueError for gains or powers that are not finite and in range, or counts below 1 (iterations: 0).
    Source: Shi, Razaviyayn, Luo and He, An iteratively weighted MMSE approach, IEEE Trans. Signal Process.
    2011.
    """
    flat, leading = as_batch(gain, "wmmse")
    count, links, _ = flat.shape
    if starts < 1 or iterations < 0:
        raise ValueError(f"wmmse: need starts >= 1 and iterations >= 0, got {starts} and {iterations}")
    kind, first, second, weights = compiled_form(objective or SumRate(), count, links, "wmmse")
    initial = _initial(initial_power, count, links)
    power = np.empty((count, links), dtype=np.float32)
    limit = float(tolerance or 0.0)
    solve_batch(
        flat, weights, kind, float(first), float(second), starts, iterations, limit, initial,
        seed % 2**63, first_index, power,
    )  # fmt: skip
    return power.reshape(*leading, links)


def _initial(power: np.ndarray | None, count: int, links: int) -> np.ndarray:
    """Initial powers as float32 [B, K]; [0, K] when there are none."""
    if power is None:
        return np.empty((0, links), dtype=np.float32)
    given = np.ascontiguousarray(power, dtype=np.float32)
    if given.size != count * links or given.shape[-1] != links:
        raise ValueError(
            f"wmmse: initial_power {given.shape} does not fit {count} snapshots of {links} links"
        )
    if given.size and not (given.min() >= 0 and given.max() <= 1):  # NaN fails both
        raise ValueError("wmmse: initial_power must lie in [0, 1]")
    return given.reshape(count, links)
