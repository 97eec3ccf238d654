"""The best energy efficiency there is, with a proof: by branch and bound, under Dinkelbach's parameter for one ratio.

Source: Matthiesen, Zappone, Besser, Jorswieck and Debbah, A globally optimal energy-efficient power control framework
and its efficient implementation in wireless interference networks, IEEE Trans. Signal Process. 68, 2020 (the weighted
sum); Dinkelbach, On nonlinear fractional programming, Management Science 13(7), 1967 (one ratio).
"""

from typing import NamedTuple

import numpy as np

from gfm_ra.energy import EnergyEfficiency, energy_goal
from gfm_ra.goals import Objective, Weighted
from gfm_ra.solvers.energy_efficiency import energy_efficient
from gfm_ra.solvers.proofs.branch_and_bound import Aim, Allowance, Shape, search
from gfm_ra.solvers.proofs.certificate import utility_of, weights_of

_STARTS, _ROUNDS, _STEPS = 30, 12, 60
_LN_2 = np.log(2.0)


class Found(NamedTuple):
    """What a search for the best energy efficiency ends with."""

    power: np.ndarray  # float64 [B, K]
    upper: np.ndarray  # float64 [B]
    boxes: np.ndarray  # int64 [B]


def check(goal: Objective) -> EnergyEfficiency:
    """The energy efficiency that a goal is. Raises ValueError without circuit power, where there is no maximum."""
    plain = energy_goal(goal)
    assert plain is not None
    if plain.circuit_power <= 0:
        raise ValueError(
            "exact: energy efficiency with circuit_power 0 has no maximum: give what a link's circuits take"
        )
    return plain


def starts(batch: np.ndarray, goal: Objective) -> np.ndarray:
    """Powers to begin with, float64 [B, K]: the best of some runs of the solver."""
    return energy_efficient(batch, goal, starts=_STARTS).astype(np.float64)


def best(
    batch: np.ndarray, goal: Objective, power: np.ndarray, tolerance: float, most_boxes: int, until: float,
    threads: int | None, cut: bool = True,
) -> Found:  # fmt: skip
    """The best powers for gains [B, K, K] float64, from powers [B, K], to a relative tolerance."""
    plain, weights = check(goal), np.ascontiguousarray(weights_of(goal, power.shape))
    count, links = power.shape
    if plain.kind == "weighted-sum":
        aim = Aim(
            Shape.LINEAR,
            0.0,
            0.0,
            weights,
            circuit=plain.circuit_power,
            efficiency=plain.amplifier_efficiency,
        )
        allowance = Allowance(tolerance, 0.0, np.zeros(count), most_boxes, until)
        found = search(batch, aim, power, allowance, threads, cut)
        return Found(found.power, np.minimum(found.upper, alone(batch, goal)), found.boxes)
    # What is left of sum w R - value (sum p / efficiency + circuits) is a sum of rates with a price of power.
    circuits = links * plain.circuit_power
    upper, boxes = alone(batch, goal), np.zeros(count, np.int64)
    power = power.copy()
    rows = np.arange(count)
    for _ in range(_ROUNDS):
        rows = rows[upper[rows] > utility_of(goal, power, batch)[rows] * (1 + tolerance)]
        if not rows.size:
            break
        value = _of(goal, power[rows], batch, rows)
        price = np.repeat(value[:, None] / plain.amplifier_efficiency, links, 1)
        aim = Aim(Shape.LINEAR, 0.0, 0.0, weights[rows], price)
        # Relative to what the circuits cost, which is what the search finds where `value` is the optimum.
        allowance = Allowance(0.5 * tolerance, 0.0, np.zeros(len(rows)), most_boxes, until)
        found = search(batch[rows], aim, power[rows], allowance, threads, cut)
        boxes[rows] += found.boxes
        most = np.maximum(found.upper - value * circuits, 0.0)
        upper[rows] = np.minimum(upper[rows], value + most / circuits)
        better = _of(goal, found.power, batch, rows) > value
        power[rows] = np.where(better[:, None], found.power, power[rows])
        rows = rows[better]  # without better powers the bound will not change either
    return Found(power, upper, boxes)


def alone(batch: np.ndarray, goal: Objective) -> np.ndarray:
    """Upper bound [B] of the energy efficiency: every link as if it were alone."""
    plain, shape = check(goal), batch.shape[:-1]
    direct, weights = np.diagonal(batch, axis1=-2, axis2=-1), weights_of(goal, shape)
    one = plain.kind == "global"
    value = np.full((shape[0], 1), 1e-12) if one else np.full(shape, 1e-12)
    for _ in range(_STEPS):
        rate, consumed = _single(plain, direct, weights, value)
        value = rate.sum(-1, keepdims=True) / consumed.sum(-1, keepdims=True) if one else rate / consumed
    rate, consumed = _single(plain, direct, weights, value)
    left = rate - value * consumed
    if one:
        found = value[:, 0] + np.maximum(left.sum(-1), 0.0) / (shape[-1] * plain.circuit_power)
    else:
        found = (value + np.maximum(left, 0.0) / plain.circuit_power).sum(-1)
    return found * (1 + 1e-12)


def _single(
    plain: EnergyEfficiency, direct: np.ndarray, weights: np.ndarray, value: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Weighted rates and consumption of links alone, at the powers that maximise rate - value x consumption."""
    with np.errstate(divide="ignore"):
        power = weights * plain.amplifier_efficiency / (np.maximum(value, 1e-300) * _LN_2) - 1.0 / direct
    power = np.clip(power, 0.0, 1.0)
    return weights * np.log1p(direct * power) / _LN_2, plain.consumed(power)


def _of(goal: Objective, power: np.ndarray, batch: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Energy efficiency [R] of the networks whose numbers are `rows` at powers [R, K]."""
    aim = Weighted(goal.objective, np.asarray(goal.weights)[rows]) if isinstance(goal, Weighted) else goal
    return utility_of(aim, power, batch[rows])
