"""From limits and rules to bounds of powers, checked: what contradicts itself is refused before any work."""

from dataclasses import replace
from typing import NamedTuple

import numpy as np

from gfm_ra.gains.power_limits import NO_GROUP, PowerLimits
from gfm_ra.rules.assignments import other_powers
from gfm_ra.rules.bounds import NOTHING, PowerBounds
from gfm_ra.rules.contradictions import Part, check_pairs, check_sums, refuse_together
from gfm_ra.rules.hard_rules import Rules
from gfm_ra.rules.least_powers import least_powers
from gfm_ra.rules.ownership import owned
from gfm_ra.rules.shapes import Size, cells, per_link, protected
from gfm_ra.units import db_to_linear


def bound(limits: PowerLimits | None, rules: Rules | None, shape: tuple[int, ...]) -> PowerBounds:
    """Bounds of powers of a shape [..., F, K], F = 1 where there are no bands, as those of a row of networks [B, F, K].

    Raises ValueError for rules that do not fit the shape or contradict each other or the limits: which two, and where.
    """
    size = Size(shape[:-2], *shape[-2:])
    rules = rules or Rules()
    limits = limits or _full(size)
    parts = _parts(limits, rules, size)
    check_pairs(parts, size)
    gain, cap = protected(rules, size)
    cell, cell_least = cells(rules, size)
    found = _bounds(parts, limits, size, gain, cap, cell, cell_least)
    check_sums(found, size)
    return _with_least(found, size)


def _full(size: Size) -> PowerLimits:
    """Limits of powers that may be anything up to full power."""
    leading, bands, links = size
    none = np.full(links, NO_GROUP)
    return PowerLimits(
        np.ones((*leading, links)), np.ones((*leading, bands, links)), none, np.zeros((*leading, 0)), none
    )


class _Sides(NamedTuple):
    """Lower and upper bounds of sums over bands, or of powers."""

    lower: list[Part]
    upper: list[Part]


def _parts(limits: PowerLimits, rules: Rules, size: Size) -> tuple[_Sides, _Sides]:
    """What bounds sums over bands [B, K], and what bounds powers [B, F, K]."""
    count, (_, bands, links) = size.networks, size
    total = _Sides([], [Part("limit", limits.total.reshape(count, links))])
    each = _Sides([], [Part("limit", limits.per_band.reshape(count, bands, links))])
    for sides, value in zip((total, each), per_link("floor", rules.floor, size), strict=True):
        if value is not None:
            sides.lower.append(Part("floor", value))
    previous = per_link("previous_power", rules.previous_power, size)
    for sides, before in zip((total, each), previous, strict=True):
        if before is not None:
            low, high = _ramped(rules, before)
            sides.lower.append(Part("ramp", low))
            sides.upper.append(Part("ramp", high))
    return total, each


def _ramped(rules: Rules, before: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Least and largest powers after one step from those before."""
    if rules.ramp is not None:
        up, down = np.broadcast_to(np.asarray(rules.ramp, dtype=np.float64), (2,))
        return np.maximum(before - down, 0.0), before + up
    up, down = np.broadcast_to(np.asarray(rules.ramp_db, dtype=np.float64), (2,))
    with np.errstate(invalid="ignore", over="ignore"):
        rising = np.where(before > 0, before * db_to_linear(np.float64(up)), 0.0)
    return before * db_to_linear(-float(down)), rising


def _bounds(
    parts: tuple[_Sides, _Sides],
    limits: PowerLimits,
    size: Size,
    gain: np.ndarray,
    cap: np.ndarray,
    cell: np.ndarray,
    cell_least: np.ndarray,
) -> PowerBounds:
    total, each = parts
    count, (_, bands, links) = size.networks, size
    shape = (count, bands, links)
    low, low_total = _largest(each.lower, shape), _largest(total.lower, (count, links))
    high, high_total = _smallest(each.upper), _smallest(total.upper)
    if bands == 1:
        low = low_total[:, None, :] = np.maximum(low, low_total[:, None, :])
    high = np.minimum(high, high_total[:, None, :])
    # No single power may break a cap.
    for number in range(cap.shape[-1]):
        at = gain[:, number]
        alone = np.divide(cap[:, number, None, None], at, out=np.full(at.shape, np.inf), where=at > 0)
        high = np.minimum(high, alone)
    low, low_total = _snapped(low, high), _snapped(low_total, high_total)
    nowhere = np.zeros(shape)
    return PowerBounds(
        low, high, low_total, high_total,
        _members(limits.group), limits.group_total.reshape(count, limits.groups), cell, cell_least, gain, cap,
        _members(limits.sharing), nowhere, np.ones(shape, bool),
    )  # fmt: skip


def _largest(parts: list[Part], shape: tuple[int, ...]) -> np.ndarray:
    found = np.zeros(shape)
    for part in parts:
        found = np.maximum(found, part.value)
    return found


def _smallest(parts: list[Part]) -> np.ndarray:
    found = parts[0].value
    for part in parts[1:]:
        found = np.minimum(found, part.value)
    return found


def _snapped(low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Lower bounds that rounding put above upper ones, put onto them; those that are rounding alone are 0."""
    low = np.where(low > NOTHING, low, 0.0)
    return np.where((low > high) & (low <= high * (1 + 1e-9)), high, low)


def _members(number: np.ndarray) -> np.ndarray:
    """[N, K] bool of numbers [K]."""
    return number == np.arange(int(number.max(initial=NO_GROUP)) + 1)[:, None]


def _with_least(found: PowerBounds, size: Size) -> PowerBounds:
    """The bounds with powers that obey all of them.

    Raises ValueError where there are none: a search that fills the least harmful first, other assignments of the bands
    of those that share, then a linear programme.
    """
    opened, least, good = _searched(found, np.zeros_like(found.low))
    for network in np.flatnonzero(~good):
        row = found.rows(slice(network, network + 1))
        powers, assigned, conflict = other_powers(row, opened[network])
        if powers is None:
            refuse_together(conflict, int(network), size, bool(len(found.sharing)))
        opened[network], least[network] = assigned, powers
    return replace(found, least=least, open=opened)


def _searched(bounds: PowerBounds, wanted: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Where links may have power, least powers there, each [B, F, K], and whether these obey everything [B]."""
    opened = owned(wanted, bounds)
    least, good = least_powers(np.zeros_like(wanted), np.where(opened, bounds.high, 0.0), bounds)
    return opened, least, good
