"""Answers of one OFDMA world under one goal, with the processor time of each, on one thread.

Shapes: N networks, F bands, K links.
"""

import time
from collections.abc import Callable
from copy import copy
from functools import partial
from typing import NamedTuple

import numpy as np

from benchmarks.worlds.families.ofdma import BandedWorld
from components.intervals import ratio_of_means
from gfm_ra.allocator import Allocator
from gfm_ra.gains.power_limits import PowerLimits
from gfm_ra.goals import Objective, ProportionalFair, QoS, SumRate
from gfm_ra.inference.bands import on_off
from gfm_ra.inference.bands.problem import Problem
from gfm_ra.inference.comparison import Effort
from gfm_ra.network import Network
from gfm_ra.solvers import bands

_ITERATIONS = 100
_TIMED_STARTS = 8
_RESAMPLES_SEED = 1


class Row(NamedTuple):
    """One method: its score, beside WMMSE with as many starts as fit into the time of an effort."""

    method: str
    mean: float
    ratio: float  # of the means, to `against`
    low: float  # 95 %, paired bootstrap over networks
    high: float
    against: str
    milliseconds: float  # per network


def goals(min_rate: float) -> dict[str, Objective]:
    """The goals that are measured, by name."""
    return {"sum-rate": SumRate(), "proportional-fair": ProportionalFair(), "qos": QoS(min_rate=min_rate)}


def score(goal: Objective, rates: np.ndarray) -> np.ndarray:
    """What is compared, [N], of rates [N, K]: larger is better, 0 where all are silent.

    Sum rate; the geometric mean of rates; QoS from a silent network.
    """
    if isinstance(goal, ProportionalFair):
        return np.exp(goal.utility(rates) / rates.shape[-1])
    silent = goal.utility(np.zeros_like(rates))
    return goal.utility(rates) - silent


def measured(
    allocator: Allocator,
    world: BandedWorld,
    goal: Objective,
    efforts: tuple[Effort, ...],
    count: int,
    exclusive: bool,
) -> list[Row]:
    """Every effort beside WMMSE in its time; water-filling, scheduling and the even split beside that of the last one.

    Raises ValueError if an answer breaks a limit by more than 1e-6.
    """
    network = world.network(world.gain_db(count), exclusive)
    limits = network.limits
    assert limits is not None, "networks with bands have limits"
    gain = network.gain.astype(np.float32)
    problem = Problem(gain, limits, goal)

    def scored(power: np.ndarray) -> np.ndarray:
        if limits.excess(power).max() > 1e-6:
            raise ValueError(f"{world.name}: an answer breaks a limit by {limits.excess(power).max():.3g}")
        return score(goal, problem.rates(power).sum(1))

    def runs(starts: int) -> Callable[[], np.ndarray]:
        return lambda: bands.wmmse(gain, limits, goal, starts=starts, iterations=_ITERATIONS, threads=1)

    bands.wmmse(gain, limits, goal, iterations=1)  # loads the core
    one, one_s = _timed(runs(1), count)
    per_start_s = _timed(runs(_TIMED_STARTS), count)[1] / _TIMED_STARTS
    rows: list[Row] = []
    reference, name = scored(one), "WMMSE, 1 start"
    for effort in efforts:
        answer, seconds = _timed(partial(_powers, allocator, network, goal, effort), count)
        starts = max(1, round(seconds / per_start_s))
        name = f"WMMSE, {starts} starts, the time of {effort}"
        others, others_s = _timed(runs(starts), count)
        reference = scored(others)
        rows.append(_row(name, reference, reference, name, others_s))
        rows.append(_row(effort, scored(answer), reference, name, seconds))
    if "balanced" in efforts:
        other = without_network(allocator)
        answer, seconds = _timed(lambda: _powers(other, network, goal, "balanced"), count)
        rows.append(_row("balanced without the network", scored(answer), reference, name, seconds))
    rows.append(_row("WMMSE, 1 start", scored(one), reference, name, one_s))
    one_per_cell = world.network(world.gain_db(count), exclusive=True).limits
    assert one_per_cell is not None, "networks with bands have limits"
    for method, solve in _classical(problem, one_per_cell).items():
        power, seconds = _timed(solve, count)
        rows.append(_row(method, scored(power), reference, name, seconds))
    return rows


def scheduled(allocator: Allocator, world: BandedWorld, count: int, exclusive: bool) -> list[Row]:
    """On and off for the sum rate, without FPLinQ among the candidates and with, beside FPLinQ made binary alike."""
    network, goal = world.network(world.gain_db(count), exclusive), SumRate()
    assert network.limits is not None, "networks with bands have limits"
    problem = Problem(network.gain.astype(np.float32), network.limits, goal)
    fplinq, fplinq_s = _timed(lambda: on_off.binary(problem, on_off.fplinq(problem)), count)
    reference = problem.rates(fplinq).sum((1, 2))
    alone, alone_s = _timed(
        lambda: on_off.binary(problem, _powers(allocator, network, goal, "balanced")), count
    )
    both, both_s = _timed(lambda: on_off.schedule(allocator, network, goal).power, count)
    halves = bands.scheduled(problem.gain, network.limits)
    name = "FPLinQ, on and off"
    return [
        _row(method, problem.rates(power).sum((1, 2)), reference, name, seconds)
        for method, power, seconds in (
            (name, fplinq, fplinq_s),
            ("FPLinQ, half of equal power", halves, fplinq_s),
            ("balanced, on and off", alone, alone_s),
            ("schedule", both, both_s),
        )
    ]


def without_network(allocator: Allocator) -> Allocator:
    """An allocator whose network never answers: what is left are WMMSE from several starts and the repair."""
    silent = copy(allocator.network)

    def draws(gain: np.ndarray, _: object, noise: np.ndarray, threads: int | None = None) -> np.ndarray:
        return np.full((len(gain), len(noise), gain.shape[-1]), np.nan, dtype=np.float32)

    setattr(silent, "draws", draws)  # noqa: B010 (networks have no such attribute to the type checker)
    return Allocator(silent, allocator.objective, allocator.envelope, allocator.name)


def _classical(problem: Problem, one_per_cell: PowerLimits) -> dict[str, Callable[[], np.ndarray]]:
    """one_per_cell: the limits with one user per band and cell, which schedulers keep to."""
    gain = problem.gain
    return {
        "iterative water-filling": lambda: bands.water_filling(gain, problem.limits, threads=1),
        "water-filling, one per cell": lambda: bands.water_filling(gain, one_per_cell, threads=1),
        "proportional-fair scheduling": lambda: bands.proportional_fair_schedule(gain, one_per_cell),
        "equal split": lambda: problem.repaired(np.ones(problem.shape)),
    }


def _powers(allocator: Allocator, network: Network, goal: Objective, effort: Effort) -> np.ndarray:
    return allocator.allocate(network, goal=goal, effort=effort, threads=1).power


def _timed(run: Callable[[], np.ndarray], count: int) -> tuple[np.ndarray, float]:
    """What it gives, and seconds of processor time per network."""
    begin = time.process_time()
    found = run()
    return found, (time.process_time() - begin) / count


def _row(method: str, values: np.ndarray, reference: np.ndarray, against: str, seconds: float) -> Row:
    interval = ratio_of_means(values, reference, _RESAMPLES_SEED)
    return Row(method, float(values.mean()), *interval, against, 1e3 * seconds)
