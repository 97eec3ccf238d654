"""What exact methods add to an answer: better powers where they are quick, and its distance from the optimum."""

from dataclasses import replace
from itertools import product

import numpy as np

from gfm_ra.energy import energy_goal
from gfm_ra.goal_family import is_ours, numbers_of
from gfm_ra.goal_family import utility_of as of_rates
from gfm_ra.goals import Objective
from gfm_ra.inference.allocation import Allocation, missed
from gfm_ra.inference.answers import Answers
from gfm_ra.inference.prompts import selected
from gfm_ra.network import Network
from gfm_ra.rates import spectral_efficiency
from gfm_ra.solvers import wmmse
from gfm_ra.solvers.proofs import fair_optimum
from gfm_ra.solvers.proofs.certificate import Certificate, scale_of, utility_of
from gfm_ra.solvers.proofs.optimum import optimum
from gfm_ra.solvers.proofs.upper_bounds import upper

SOURCE = "exact"
"""Where powers come from that branch and bound or Newton's method found."""
FEW_LINKS = 8
"""Links up to which all patterns of silent and full links are tried."""
SEARCHED_LINKS, SEARCHED_BOXES = 6, 20_000
"""Links up to which effort best searches, and so many boxes: some 15 ms at 6 links."""
CERTIFIED_BOXES = 300_000
"""Boxes that a certificate searches, for up to SEARCHED_LINKS links."""
CLIMBED_LINKS = 200
"""Links up to which effort best goes on to the optimum of a concave utility, by Newton's method in K unknowns."""
_PATTERNS, _ITERATIONS = 4, 100
_RAISED = 1e-3
_PROVEN = 1e-3


def knows(goal: Objective) -> bool:
    """Whether exact methods know a goal."""
    return (is_ours(goal) and numbers_of(goal) is not None) or has_optimum(goal)


def has_optimum(goal: Objective) -> bool:
    """Whether a goal is an energy efficiency that has a maximum."""
    energy = energy_goal(goal)
    return energy is not None and energy.circuit_power > 0


def sharpened(
    found: Answers, gain: np.ndarray, known: np.ndarray, goal: Objective, threads: int | None
) -> Answers:
    """Answers with better powers where exact methods find them quickly; known : numbers of the networks to look at."""
    power, better = improved(gain[known], selected(goal, known), found.power[known], threads)
    rows = known[better]
    if rows.size:
        found.power[rows] = power[better]
        found.rate[rows] = spectral_efficiency(
            power[better].astype(np.float64), gain[rows].astype(np.float64)
        )
        found.source[rows] = SOURCE
    return found


def check_certifiable(unknown: int, goal: Objective, uncertain: bool = False) -> None:
    """Raise ValueError, one line, where nothing can be proven; unknown : how many gains are; uncertain : whether any
    is."""
    if uncertain:
        raise ValueError("allocate: gains are uncertain: nothing can be proven, leave certify out")
    if not knows(goal):
        raise ValueError(f"allocate: nothing can be proven for the goal {goal!r}: leave certify out")
    if unknown:
        raise ValueError(f"allocate: {unknown} gains are unknown: nothing can be proven, leave certify out")


def certified(answer: Allocation, network: Network, goal: Objective, threads: int | None) -> Allocation:
    """The answer to networks [B, K, K] with its gaps, and with better powers where the proof met them."""
    gain = network.gain.astype(np.float64)
    proof = certificate(gain, goal, answer.power, threads)
    changed = (proof.power != answer.power).any(-1)
    power = proof.power.astype(np.float64)
    rate = np.where(changed[:, None], spectral_efficiency(power, gain), answer.rate)
    return replace(
        answer, power=proof.power, rate=rate, utility=of_rates(goal, rate, power), gap=proof.gap,
        source=np.where(changed, SOURCE, answer.source), below_min_rate=missed(rate, goal),
    )  # fmt: skip


def improved(
    gain: np.ndarray, goal: Objective, power: np.ndarray, threads: int | None
) -> tuple[np.ndarray, np.ndarray]:
    """Powers float32 [B, K] at least as good as those given, and which networks got better ones [B].

    gain : [B, K, K], all known; power : [B, K]. Nothing is changed where exact methods would take long.
    """
    links = power.shape[-1]
    exact = np.ascontiguousarray(gain, dtype=np.float64)
    candidates = []
    if fair_optimum.is_concave(goal):
        if links <= CLIMBED_LINKS:
            candidates += _climbed(exact, goal, power.astype(np.float64))
    elif energy_goal(goal) is not None:
        if links <= SEARCHED_LINKS:
            candidates.append(
                optimum(
                    exact,
                    goal,
                    _PROVEN,
                    initial_power=power,
                    most_boxes=SEARCHED_BOXES,
                    threads=threads,
                    cut=False,
                ).power
            )
    else:
        if 1 < links <= FEW_LINKS:
            candidates.append(_switched(exact, goal, threads))
        if 1 < links <= SEARCHED_LINKS:
            start = _best(exact, goal, [power, *candidates])[0]
            found = optimum(
                exact,
                goal,
                _PROVEN,
                initial_power=start,
                most_boxes=SEARCHED_BOXES,
                threads=threads,
                cut=False,
            )
            candidates.append(
                wmmse(gain, goal, initial_power=found.power, iterations=_ITERATIONS, threads=threads)
            )
            candidates.append(found.power)
    return _best(exact, goal, [power, *candidates])


def certificate(gain: np.ndarray, goal: Objective, power: np.ndarray, threads: int | None) -> Certificate:
    """How far powers [B, K] are from the optimum of networks gain [B, K, K], all known.

    Up to SEARCHED_LINKS links, or under a concave goal, powers may become better ones. Otherwise the upper bound is
    that of `gfm_ra.bounds.upper`.
    """
    exact, links = np.ascontiguousarray(gain, dtype=np.float64), power.shape[-1]
    if links <= SEARCHED_LINKS or fair_optimum.is_concave(goal):
        boxes = CERTIFIED_BOXES if links <= SEARCHED_LINKS else 1
        found = optimum(
            exact, goal, _PROVEN, initial_power=power, most_boxes=boxes, threads=threads, cut=False
        )
        if links <= SEARCHED_LINKS or not (found.gap > _PROVEN).any():
            return found
        power, highest = found.power, np.minimum(found.upper, upper(exact, goal, threads=threads))
    else:
        highest = upper(exact, goal, threads=threads)
    lower = utility_of(goal, power, exact)
    highest = np.maximum(highest, lower)
    gap = (highest - lower) / scale_of(goal, lower, links)
    return Certificate(power, lower, highest, np.zeros(len(power), np.int64), gap)


def _climbed(exact: np.ndarray, goal: Objective, power: np.ndarray) -> list[np.ndarray]:
    """Optima from powers [B, K], and from the same with silent links raised: near silence lies another maximum."""
    found = [fair_optimum.climb(exact, goal, power)]
    low = np.flatnonzero((power < _RAISED).any(-1))
    if low.size:
        raised = power.copy()
        raised[low] = fair_optimum.climb(exact[low], selected(goal, low), np.maximum(power[low], _RAISED))
        found.append(raised)
    return found


def _best(exact: np.ndarray, goal: Objective, powers: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """The best of several powers [B, K] as float32, and which of them are not the first [B]."""
    stacked = np.stack([np.asarray(power, np.float32) for power in powers])
    chosen = np.stack([utility_of(goal, power, exact) for power in stacked]).argmax(0)
    return np.take_along_axis(stacked, chosen[None, :, None], 0)[0], chosen > 0


def _switched(exact: np.ndarray, goal: Objective, threads: int | None) -> np.ndarray:
    """WMMSE from the best patterns of silent and full links, the best of them, [B, K]."""
    count, links, _ = exact.shape
    patterns = np.array(list(product((0.0, 1.0), repeat=links))[1:], dtype=np.float32)  # [P, K]
    utility = np.stack(
        [utility_of(goal, np.broadcast_to(pattern, (count, links)), exact) for pattern in patterns]
    )  # [P, B]
    leading = np.argsort(-utility, axis=0, kind="stable")[:_PATTERNS]
    ended = [
        wmmse(exact, goal, initial_power=patterns[rows], iterations=_ITERATIONS, threads=threads)
        for rows in leading
    ]
    return _best(exact, goal, ended)[0]
