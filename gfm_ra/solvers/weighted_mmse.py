"""WMMSE for any objective, from one start or the best of many."""

from operator import index

import numpy as np

from gfm_ra.goals import Objective, SumRate
from gfm_ra.solvers import binding
from gfm_ra.solvers.inputs import as_batch, as_count, as_powers, as_threads, as_tolerance, compiled_form
from gfm_ra.solvers.threads import spread


def wmmse(
    gain: np.ndarray,
    objective: Objective | None = None,
    starts: int = 1,
    iterations: int = 100,
    seed: int = 0,
    tolerance: float | None = None,
    initial_power: np.ndarray | None = None,
    first_index: int = 0,
    threads: int | None = None,
) -> np.ndarray:
    """Weighted MMSE power control; WMMSE-Best is `starts=100`.

    Start 0 is full power, or `initial_power` ([..., K]) to polish given powers; the others are uniform random
    powers that depend only on `seed`, the snapshot's number (`first_index` plus its place in the batch) and
    the start. The start with the best utility under `objective` wins. An iteration updates u, w = beta'(R) (1
    + SINR) and v. For sum rate that never lowers the utility; for other objectives the steps are damped and
    the best powers met are returned, so more iterations never give less. `tolerance` ends a start once none of its
    powers moves by more; 0 and None never do. Starts that are solved side by side may stop later than they would alone.

    gain : [..., K, K]; objective : sum rate unless given; threads : all cores for large batches unless given.
    Returns float32 [..., K] in [0, 1].
    Raises ValueError for gains, powers, weights or a tolerance that are out of range or do not fit, or for
    impossible counts.
    Source: Shi, Razaviyayn, Luo and He, An iteratively weighted MMSE approach, IEEE Trans. Signal Process.
    2011.
    """
    flat, leading = as_batch(gain, "wmmse")
    count, links, _ = flat.shape
    starts = as_count(starts, 1, "starts", "wmmse")
    iterations = as_count(iterations, 0, "iterations", "wmmse")
    goal = compiled_form(objective or SumRate(), count, links, "wmmse")
    initial = as_powers(initial_power, count, links, "wmmse")
    threads = as_threads(threads, "wmmse")
    power = np.empty((count, links), dtype=np.float32)
    problem = binding.task(
        flat,
        goal,
        power,
        initial,
        starts,
        iterations,
        index(first_index) % 2**64,
        index(seed) % 2**63,
        as_tolerance(tolerance, "wmmse"),
    )
    work = 2 * count * starts * iterations * links * links
    spread(lambda begin, end: binding.wmmse(problem, begin, end), count, work, threads)
    return power.reshape(*leading, links)
