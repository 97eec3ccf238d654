"""Statistics of a network's gains that tell one kind of networks from another: levels, spreads and structure.

Shapes: B networks, K links; gain_db [B, K, K], row = receiver, column = transmitter; NaN off the diagonal is unknown.
None of the statistics depends on the order of the links, and all are finite. Of what is positive and skewed, such as
standard deviations, logarithms are taken.
"""

import numpy as np

from gfm_ra.units import LARGEST_GAIN_DB, LEAST_GAIN_DB, db_to_linear, linear_to_db

NAMES = (
    "own mean", "own spread", "own skewness",
    "crossing 5 %", "crossing 25 %", "crossing 50 %", "crossing 75 %", "crossing 95 %",
    "interference mean", "interference spread", "harm mean", "harm spread",
    "SINR mean", "SINR spread", "SINR skewness",
    "margin over row mean", "margin over row spread", "margin over column mean", "margin over column spread",
    "row effect spread", "column effect spread", "residual spread", "residual skewness", "residual kurtosis",
    "asymmetry", "asymmetry kurtosis", "own with row", "own with column", "row with column",
    "row rank", "column rank", "triangles",
)  # fmt: skip
_TINY = 1e-9
_LEAST_DB = 0.1
"""Added to decibels whose logarithm is taken."""


def statistics(gain_db: np.ndarray) -> np.ndarray:
    """Statistics of B networks, [B, len(NAMES)] float64, of gain_db [B, K, K]."""
    values = np.clip(gain_db, LEAST_GAIN_DB, LARGEST_GAIN_DB, dtype=np.float32)  # NaN stays
    links = values.shape[-1]
    own = np.diagonal(values, axis1=1, axis2=2).astype(np.float64)  # [B, K]
    known = ~np.isnan(values)
    known[:, np.arange(links), np.arange(links)] = False  # crossing gains only
    crossing = np.where(known, values, np.float32(0.0))
    found = [
        *_shape(own),
        *_quantiles(values, links),
        *_levels(own, crossing, known),
        *_structure(own, crossing.astype(np.float64), known),
    ]
    return np.nan_to_num(np.stack(found, axis=-1))


def _shape(values: np.ndarray) -> list[np.ndarray]:
    """Mean, standard deviation and skewness of values [B, K]."""
    mean = values.mean(-1)
    centred = values - mean[:, None]
    spread = np.sqrt(np.square(centred).mean(-1))
    return [mean, _log(spread), np.arcsinh((centred * centred * centred).mean(-1) / (spread**3 + _TINY))]


def _quantiles(values: np.ndarray, links: int) -> list[np.ndarray]:
    """Quantiles of the known crossing gains."""
    networks = len(values)
    if links == 1:
        return [np.full(networks, LEAST_GAIN_DB)] * 5
    flat = values.reshape(networks, -1)[:, :-1].reshape(networks, links - 1, links + 1)
    ordered = np.sort(flat[:, :, 1:].reshape(networks, -1), axis=-1)  # unknown ones come last
    count = ordered.shape[-1] - np.isnan(ordered).sum(-1)
    rows = np.arange(networks)
    found = []
    for level in (0.05, 0.25, 0.5, 0.75, 0.95):
        place = level * np.maximum(count - 1, 0)
        low = place.astype(int)
        below, above = ordered[rows, low], ordered[rows, np.minimum(low + 1, np.maximum(count - 1, 0))]
        found.append(np.where(count > 0, below + (place - low) * (above - below), LEAST_GAIN_DB))
    return found


def _levels(own: np.ndarray, crossing: np.ndarray, known: np.ndarray) -> list[np.ndarray]:
    """Interference, harm and SINR at full power, and how far own gains lie above the strongest crossing ones."""
    links = own.shape[-1]
    linear = np.where(known, db_to_linear(crossing), 0.0)
    found, interference = [], own
    for axis in (
        2,
        1,
    ):  # what a receiver hears, what a transmitter does; unknown gains count as the mean known one
        count = known.sum(axis)
        total = linear.sum(axis) * (links - 1) / np.maximum(count, 1)
        level = linear_to_db(1.0 + total)  # [B, K]
        interference = level if axis == 2 else interference
        mean, spread, _ = _shape(level)
        found += [_log(mean), spread]
    found += _shape(own - interference)
    for axis in (2, 1):
        strongest = np.where(known, crossing, LEAST_GAIN_DB).max(axis)
        found += _shape(own - strongest)[:2]
    return found


def _structure(own: np.ndarray, crossing: np.ndarray, known: np.ndarray) -> list[np.ndarray]:
    """What is left of crossing gains after the effects of their rows and columns, and how it hangs together."""
    every = known.sum((1, 2))
    total = np.maximum(every, 1)
    mean = crossing.sum((1, 2)) / total
    centred = np.where(known, crossing - mean[:, None, None], 0.0)
    rows = centred.sum(2) / np.maximum(known.sum(2), 1)  # [B, K]
    columns = centred.sum(1) / np.maximum(known.sum(1), 1)
    left = np.where(known, centred - rows[:, :, None] - columns[:, None, :], 0.0)
    square = np.square(left)
    power = square.sum((1, 2))
    spread = np.sqrt(power / total)
    skewness = _inner(square, left) / total / (spread**3 + _TINY)
    kurtosis = _inner(square, square) / total / (spread**4 + _TINY)
    both = known & known.swapaxes(1, 2)
    pairs = np.maximum(both.sum((1, 2)), 1)
    turned = np.where(both, left - left.swapaxes(1, 2), 0.0)
    turned_square = np.square(turned)
    asymmetry = turned_square.sum((1, 2)) / pairs
    tails = _inner(turned_square, turned_square) / pairs / (asymmetry**2 + _TINY)
    across, along = left @ left.swapaxes(1, 2), left.swapaxes(1, 2) @ left
    triangles = _inner(left @ left, left.swapaxes(1, 2))
    return [
        _log(rows.std(-1)), _log(columns.std(-1)), _log(spread), np.arcsinh(skewness), np.log1p(kurtosis),
        _log(np.sqrt(asymmetry)), np.log1p(tails),
        _correlation(own, rows), _correlation(own, columns), _correlation(rows, columns),
        np.log((_inner(across, across) + _TINY) / (power**2 + _TINY)),
        np.log((_inner(along, along) + _TINY) / (power**2 + _TINY)),
        np.cbrt(triangles) / (np.sqrt(power) + _TINY),
    ]  # fmt: skip


def _log(value_db: np.ndarray) -> np.ndarray:
    return np.log(_LEAST_DB + value_db)


def _inner(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Sums of the products of matrices [B, K, K], entry by entry."""
    return np.einsum("bij,bij->b", first, second)


def _correlation(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Between values [B, K] of the same links."""
    first = first - first.mean(-1, keepdims=True)
    second = second - second.mean(-1, keepdims=True)
    scale = np.sqrt(np.square(first).sum(-1) * np.square(second).sum(-1))
    return (first * second).sum(-1) / (scale + _TINY)
