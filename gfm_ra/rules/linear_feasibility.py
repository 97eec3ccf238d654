"""Whether any powers of one network obey linear bounds: the first phase of the simplex method, dense.

For the few networks in which a simple search finds none. Source: Dantzig, Linear Programming and Extensions, 1963;
Bland's rule against cycles, Mathematics of Operations Research 1977.
"""

from typing import NamedTuple

import numpy as np

from gfm_ra.rules.bounds import PowerBounds

_ZERO = 1e-9


class _Row(NamedTuple):
    """sum of coefficient times power, at most or at least a bound above least powers."""

    name: str
    coefficient: np.ndarray  # [F * K]
    bound: float
    at_least: bool


def feasible_powers(bounds: PowerBounds, high: np.ndarray) -> tuple[np.ndarray | None, list[str]]:
    """Powers [F, K] that obey the bounds of one network (B = 1), or None and the names of bounds in conflict.

    high : [F, K], largest powers.
    """
    low = np.minimum(bounds.low[0], high)
    usable = np.flatnonzero((high - low).reshape(-1) > 0)
    rows = [row for row in _rows(bounds, low, high) if row.at_least or row.coefficient[usable].any()]
    if not usable.size:
        return None, [row.name for row in rows if row.at_least and row.bound > _ZERO][:2]
    powers, prices = _first_phase(rows, usable)
    if powers is None:
        return None, _named(rows, prices)
    found = low.reshape(-1).copy()
    found[usable] += powers
    return np.minimum(found.reshape(low.shape), high), []


def _rows(bounds: PowerBounds, low: np.ndarray, high: np.ndarray) -> list[_Row]:
    """Every bound as a row, less what least powers take; sums that are demanded first."""
    bands, links = low.shape
    every = np.tile(np.eye(links), (1, bands)).reshape(links, bands, links)  # [K, F, K]

    def row(name: str, coefficient: np.ndarray, limit: float, at_least: bool = False) -> _Row:
        return _Row(name, coefficient.reshape(-1), limit - float((coefficient * low).sum()), at_least)

    found = [
        row(f"floor or ramp of link {link}", every[link], bounds.low_total[0, link], True)
        for link in np.flatnonzero(bounds.low_total[0] > 0)
    ]
    found += [
        row(
            f"never_silent[{number}]",
            np.tile(cell.astype(float), (bands, 1)),
            bounds.cell_least[0, number],
            True,
        )
        for number, cell in enumerate(bounds.cell)
    ]
    found += [row(f"limit of link {k}", every[k], bounds.high_total[0, k]) for k in range(links)]
    found += [
        row(f"group_limit of group {g}", np.tile(member.astype(float), (bands, 1)), bounds.group_total[0, g])
        for g, member in enumerate(bounds.group)
    ]
    found += [
        row(f"interference_cap of receiver {r}", bounds.gain[0, r], bounds.cap[0, r])
        for r in range(bounds.cap.shape[-1])
    ]
    single = np.eye(low.size).reshape(-1, bands, links)
    found += [
        row(f"largest power of link {n % links}", single[n], high.reshape(-1)[n]) for n in range(low.size)
    ]
    return found


def _first_phase(rows: list[_Row], usable: np.ndarray) -> tuple[np.ndarray | None, np.ndarray]:
    """Amounts above least powers [N], or None, and the price of every row, in units of its own bound."""
    scale = np.array([max(np.abs(row.coefficient[usable]).max(initial=0.0), 1e-300) for row in rows])
    matrix = np.stack([row.coefficient[usable] for row in rows]) / scale[:, None]
    right = np.maximum(np.array([row.bound for row in rows]) / scale, 0.0)
    demanded = np.array([row.at_least and row.bound > 0 for row in rows])
    count, variables = matrix.shape
    sign = np.where(np.array([row.at_least for row in rows]), -1.0, 1.0)
    artificial = np.eye(count)[:, demanded]
    table = np.hstack([matrix, np.diag(sign), artificial, right[:, None]])
    satisfied = np.array([row.at_least for row in rows]) & ~demanded
    table[satisfied] *= -1.0  # sum - surplus = 0, its surplus in the basis
    basis = variables + np.arange(count)
    basis[demanded] = variables + count + np.arange(int(demanded.sum()))
    cost = -table[demanded].sum(0)
    cost[variables + count : -1] = 0.0
    _pivoted(table, basis, cost)
    if -cost[-1] > _ZERO * max(1.0, right[demanded].max(initial=0.0)):
        return None, np.abs(cost[variables : variables + count])
    amounts = np.zeros(table.shape[1] - 1)
    amounts[basis] = table[:, -1]
    return np.maximum(amounts[:variables], 0.0), np.empty(0)


def _pivoted(table: np.ndarray, basis: np.ndarray, cost: np.ndarray) -> None:
    """Exchange variables by Bland's rule until no cost is negative; in place."""
    for _ in range(200 * len(table) + 1000):
        entering = np.flatnonzero(cost[:-1] < -_ZERO)
        if not entering.size:
            return
        column = int(entering[0])
        positive = table[:, column] > _ZERO
        if not positive.any():
            return
        ratio = np.where(positive, table[:, -1] / np.where(positive, table[:, column], 1.0), np.inf)
        equal = np.flatnonzero(ratio <= ratio.min() + 1e-15)
        line = int(equal[np.argmin(basis[equal])])
        table[line] /= table[line, column]
        others = table[:, column].copy()
        others[line] = 0.0
        table -= np.outer(others, table[line])
        cost -= cost[column] * table[line]
        basis[line] = column


def _named(rows: list[_Row], prices: np.ndarray) -> list[str]:
    """The demanded sum and the upper bound that count most in the conflict."""
    demanded = np.array([row.at_least for row in rows])
    found = []
    for kind in (demanded, ~demanded):
        most = np.where(kind, prices, 0.0)
        if most.any():
            found.append(rows[int(most.argmax())].name)
    return found
