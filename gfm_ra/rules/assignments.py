"""Other assignments of bands to links that share orthogonally, for the networks in which the first leads nowhere."""

from collections.abc import Iterator

import numpy as np

from gfm_ra.rules.bounds import PowerBounds
from gfm_ra.rules.least_powers import least_powers
from gfm_ra.rules.linear_feasibility import feasible_powers

_ENUMERATED = 50_000
"""Assignments within one set of sharing links up to which all are looked at; of more, as many random ones."""
_COMBINED, _PROGRAMMES = 500, 50
"""Assignments of a network that are tried by simple search, and of these by a linear programme."""


def other_powers(row: PowerBounds, first: np.ndarray) -> tuple[np.ndarray | None, np.ndarray, list[str]]:
    """Powers [F, K] that obey the bounds of one network (B = 1) and where links may have power [F, K]; or None and the
    bounds in conflict.

    first : [F, K] bool, the assignment of bands that a simple search did not get along with.
    """
    conflict: list[str] = []
    for opened, powers in _tried(row, first):
        if powers is None:
            powers, reason = _programmed(row, np.where(opened, row.high[0], 0.0))
            conflict = conflict or reason
        if powers is not None:
            return powers, opened, []
    return None, first, conflict


def _tried(row: PowerBounds, first: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray | None]]:
    """Assignments, with powers if a simple search finds some."""
    if len(row.sharing):
        opened = _combined(row)
        many = row.rows(np.zeros(len(opened), np.int64))
        least, good = least_powers(np.zeros(opened.shape), np.where(opened, row.high[0], 0.0), many)
        if good.any():
            yield opened[good.argmax()], least[good.argmax()]
        for each in opened[:_PROGRAMMES]:
            yield each, None
    yield first, None


def _combined(row: PowerBounds) -> np.ndarray:
    """Assignments of all sets together, [N, F, K] bool; N may be 0."""
    rng = np.random.default_rng(0)
    within = [_within(row, np.flatnonzero(members), rng) for members in row.sharing]
    sizes = [len(each) for each in within]
    total = float(np.prod(np.array(sizes, dtype=np.float64)))
    if total == 0:
        return np.empty((0, *row.high.shape[1:]), bool)
    count = int(min(total, _COMBINED))
    opened = np.ones((count, *row.high.shape[1:]), bool)
    if total <= _COMBINED:
        chosen = np.array(np.unravel_index(np.arange(count), sizes)).reshape(len(sizes), count)
    else:
        chosen = np.array([rng.integers(0, size, count) for size in sizes])
    for members, owners, which in zip(row.sharing, within, chosen, strict=True):
        links = np.flatnonzero(members)
        opened[..., links] = owners[which][..., None] == links
    return opened


def _within(row: PowerBounds, links: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Links that have each band, [N, F], of one set of sharing links whose floors and ramps these bands allow."""
    bands = row.high.shape[-2]
    if len(links) ** bands <= _ENUMERATED:
        number = np.indices((len(links),) * bands).reshape(bands, -1).T  # [N, F]
    else:
        number = rng.integers(0, len(links), (_ENUMERATED, bands))
    has = number[..., None] == np.arange(len(links))  # [N, F, links]
    high, low = row.high[0][:, links], row.low[0][:, links]
    reach = (has * high).sum(-2)
    good = (reach >= row.low_total[0, links] * (1 - 1e-9)).all(-1)
    good &= (has | (low <= 0)).all((-2, -1))
    return links[number[good]]


def _programmed(row: PowerBounds, high: np.ndarray) -> tuple[np.ndarray | None, list[str]]:
    """Powers [F, K] by a linear programme, or the bounds that are in conflict."""
    powers, conflict = feasible_powers(row, high)
    if powers is None:
        return None, conflict
    exact, met = least_powers(powers[None], high[None], row)  # without the programme's rounding
    return (exact[0] if met[0] else powers), []
