"""Violations in random networks under random rules, after the repair step."""

from typing import NamedTuple

import numpy as np

from benchmarks.rules.random_rules import Case, case
from gfm_ra.rules.enforcement import enforced_rows
from gfm_ra.rules.preparation import bound
from gfm_ra.rules.violations import violation

ALLOWED = 1e-6
"""Part of a bound by which powers may exceed it."""


class Found(NamedTuple):
    """What was counted."""

    networks: int
    refused: int  # networks of cases that were refused as contradictory, although some powers obey
    obeyed_before: int  # powers of the source that obeyed already
    unchanged: int  # of which the repair kept every bit
    broken: int  # networks beyond ALLOWED after the repair
    worst: float  # largest violation, as a part of the bound

    def line(self) -> str:
        """Everything in one line."""
        return (
            f"{self.networks} random networks: {self.broken} beyond {ALLOWED:g} of a limit or rule, worst "
            f"{self.worst:.3g}; {self.obeyed_before} obeyed before, {self.unchanged} of them unchanged; {self.refused} "
            "refused"
        )


def checked(count: int, batch: int, first: int = 0) -> Found:
    """Repair powers of `count` random networks in cases of `batch`, and look for violations independently."""
    found = Found(0, 0, 0, 0, 0, 0.0)
    number = first
    while found.networks + found.refused < count:
        drawn = case(number, min(batch, count - found.networks - found.refused))
        found = _added(found, drawn)
        number += 1
    return found


def _added(found: Found, drawn: Case) -> Found:
    given = drawn.power
    try:
        bounds = bound(drawn.limits, drawn.rules, given.shape)
    except ValueError:
        return found._replace(refused=found.refused + len(given))
    power = enforced_rows(given, bounds)
    obeyed = independent_violation(given, drawn) == 0
    excess = np.maximum(independent_violation(power, drawn), violation(power, bounds))
    same = (power == given).all((-2, -1))
    return Found(
        found.networks + len(given),
        found.refused,
        found.obeyed_before + int(obeyed.sum()),
        found.unchanged + int((obeyed & same).sum()),
        found.broken + int((excess > ALLOWED).sum()),
        max(found.worst, float(excess.max())),
    )


def independent_violation(power: np.ndarray, drawn: Case) -> np.ndarray:
    """The largest violation of powers [B, F, K], [B], from the limits and rules as they are given, not as bounds."""
    limits, rules = drawn.limits, drawn.rules
    sound = np.asarray((np.isfinite(power) & (power >= 0)).all((-2, -1)))
    exact = np.where(sound[:, None, None], power, 0.0).astype(np.float64)
    total = exact.sum(-2)
    parts = [np.where(sound, 0.0, np.inf)]
    parts.append(np.maximum(total - 1.0, 0.0).max(-1) if limits is None else limits.excess(exact))
    if rules.floor is not None:
        parts.append(_under(exact if np.ndim(rules.floor) == 3 else total, np.asarray(rules.floor)))
    if rules.ramp is not None:
        before = np.asarray(rules.previous_power)
        change = np.abs((exact if before.ndim == 3 else total) - before)
        parts.append(np.maximum(change - rules.ramp, 0.0).reshape(len(exact), -1).max(-1))
    for cell, least in zip(rules.never_silent, np.ravel(rules.never_silent_power), strict=False):
        parts.append(np.maximum(1.0 - exact[..., list(cell)].sum((-2, -1)) / least, 0.0))
    if rules.gain is not None and rules.cap is not None:
        gain = rules.gain if rules.gain.ndim == 4 else rules.gain[:, :, None]
        heard = (gain * exact[:, None]).sum((-2, -1))
        parts.append(np.maximum(heard / rules.cap - 1.0, 0.0).max(-1))
    return np.max(np.stack(parts), axis=0)


def _under(power: np.ndarray, floor: np.ndarray) -> np.ndarray:
    """By how much powers are below floors, as a part of them; floors below 1e-12 count as 0."""
    part = np.divide(floor - power, floor, out=np.zeros(floor.shape), where=floor > 1e-12)
    return np.maximum(part, 0.0).reshape(len(power), -1).max(-1)
