"""The network's powers, refined and compared with classical answers by their true utility."""

from typing import Literal, get_args

import numpy as np

from gfm_ra.candidates import are_powers, best_candidate
from gfm_ra.energy import energy_goal
from gfm_ra.goal_family import numbers_of
from gfm_ra.goals import Objective
from gfm_ra.inference.prompts import selected
from gfm_ra.solvers import full_reuse, wmmse
from gfm_ra.solvers.energy_efficiency import best_of
from gfm_ra.solvers.python_goals import refine

Effort = Literal["fast", "balanced", "best"]
"""How much is computed for an answer: one pass of the network, or the better of two where these are short; two to
four, compared with one WMMSE run and full power; two to six, compared with the best of 100 WMMSE runs."""
EFFORTS: tuple[Effort, ...] = get_args(Effort)
STARTS: dict[Effort, int] = {"balanced": 1, "best": 100}
ITERATIONS = 100
"""WMMSE iterations of the runs that the network is compared with."""
REFINEMENT_ITERATIONS = 20
"""WMMSE iterations from the network's own powers."""
_FEW_LINKS, _SOME_LINKS = 24, 32


def draws_of(effort: Effort, links: int) -> int:
    """Answers that a network which takes noise is asked for.

    Efforts fast and balanced have more where a pass is short beside what else an answer takes; best has fewer where 100
    WMMSE runs take less time than six passes, and miss little.
    """
    if effort == "best":
        return min(6, max(3, links // 4))
    if effort == "fast":
        return 2 if links <= _FEW_LINKS else 1
    return 4 if links <= _FEW_LINKS else 3 if links <= _SOME_LINKS else 2


def compared(
    power: np.ndarray,
    gain: np.ndarray,
    goal: Objective,
    effort: Effort,
    seed: int,
    indices: np.ndarray,
    threads: int | None,
) -> tuple[np.ndarray, np.ndarray]:
    """The best of several answers by true utility.

    power : [B, D, K], answers of the network, not checked; gain : [B, K, K], all known; indices : [B], numbers of the
    networks, which key the random starts. Returns powers float32 [B, K] and where each comes from [B].
    """
    if energy_goal(goal) is not None:
        return _efficient(power, gain, goal, effort, seed, indices)
    draws = np.swapaxes(power, 0, 1)  # [D, B, K]
    usable = are_powers(draws)  # [D, B]
    # Full power stands in for what is no answer.
    starts = np.where(usable[..., None], draws, np.float32(1.0))
    improved = [refine(gain, goal, start, REFINEMENT_ITERATIONS, threads) for start in starts]
    if numbers_of(goal) is None:
        run = refine(gain, goal, np.ones_like(starts[0]), ITERATIONS, threads)
    else:
        run = _runs(gain, goal, STARTS[effort], seed, indices, threads)
    # Refined powers are never worse than what they were made from; where a goal has no slope, they are the same.
    own = "refined" if callable(getattr(goal, "slope", None)) else "model"
    stacked = np.stack([*improved, run, full_reuse(gain)])  # [C, B, K]
    chosen = best_candidate(stacked.astype(np.float64), gain.astype(np.float64), goal)  # [B]
    best = np.take_along_axis(stacked, chosen[None, :, None], axis=0)[0]
    source = np.array([*[own] * len(starts), "wmmse", "full-reuse"], dtype=object)[chosen]
    stood_in = (chosen < len(starts)) & ~usable[np.minimum(chosen, len(starts) - 1), np.arange(len(chosen))]
    source[stood_in] = "wmmse" if own == "refined" else "full-reuse"
    return best, source


def _efficient(
    power: np.ndarray, gain: np.ndarray, goal: Objective, effort: Effort, seed: int, indices: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """As `compared` for energy efficiency: the network's answers are further starts of the solver."""
    count, _, links = power.shape
    full = np.ones((count, 1, links), np.float32)
    draws = np.where(are_powers(power)[..., None], power, np.float32(1.0))
    best = best_of(
        gain, goal, np.concatenate([full, draws], axis=1), ITERATIONS, STARTS[effort] - 1, seed, indices
    )
    source = np.where((best == 1.0).all(-1), "full-reuse", "energy-efficient").astype(object)
    return best, source


def best_draw(answers: np.ndarray, gain: np.ndarray, goal: Objective) -> np.ndarray:
    """The best of a network's own answers [B, D, K] by true utility, [B, K]; the first of each are numbers in [0, 1].

    gain : [B, K, K], all known. The best one is almost always the best after refinement too.
    """
    if answers.shape[1] == 1:
        return answers[:, 0]
    draws = np.swapaxes(answers, 0, 1).astype(np.float64)
    chosen = best_candidate(draws, gain.astype(np.float64), goal)  # [B]
    return np.take_along_axis(answers, chosen[:, None, None], axis=1)[:, 0]


def refined(power: np.ndarray, gain: np.ndarray, goal: Objective, threads: int | None) -> np.ndarray:
    """The last part of a pass: WMMSE iterations of the goal from powers [B, K], which are numbers in [0, 1]."""
    return refine(gain, goal, power, REFINEMENT_ITERATIONS, threads)


def _runs(
    gain: np.ndarray, goal: Objective, starts: int, seed: int, indices: np.ndarray, threads: int | None
) -> np.ndarray:
    """WMMSE from so many starts."""
    if starts == 1 or (np.diff(indices) == 1).all():
        first = int(indices[0])
        return wmmse(
            gain, goal, starts=starts, iterations=ITERATIONS, seed=seed, first_index=first, threads=threads
        )
    # Networks with unknown gains lie between them.
    runs = np.split(np.arange(len(indices)), np.flatnonzero(np.diff(indices) != 1) + 1)
    found = [_runs(gain[run], selected(goal, run), starts, seed, indices[run], threads) for run in runs]
    return np.concatenate(found)
