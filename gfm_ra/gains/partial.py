"""What is known of gains that are not known exactly: their standard deviations, and limits of unknown ones.

Shapes: [..., K, K], row = receiver, column = transmitter.
"""

import numpy as np

MOST_UNCERTAIN_DB = 40.0
"""Deviations above say nothing any more: such a gain is unknown."""
_NO_LIMIT_DB = 1e6


def uncertainties(given: object, values: np.ndarray, turned: bool) -> np.ndarray | None:
    """Standard deviations in dB, [..., K, K] float32, 0 where the gain is unknown; None where nothing was given.

    values: the gains, [..., K, K], NaN where unknown; turned: whether the rows of `given` are transmitters.
    Raises ValueError for another shape, or a deviation of a known gain that is negative or not finite.
    """
    if given is None:
        return None
    found = _like("uncertainty_db", given, values, turned)
    unknown = np.isnan(values)
    wrong = ~unknown & ~(np.isfinite(found) & (found >= 0))
    if wrong.any():
        place = _first(wrong)
        raise ValueError(
            f"network: uncertainty_db{list(place)} is {found[place]:g}: a standard deviation in dB is 0 or more"
        )
    most = ~unknown & (found > MOST_UNCERTAIN_DB)
    if most.any():
        place = _first(most)
        raise ValueError(
            f"network: uncertainty_db{list(place)} is {found[place]:g}, more than {MOST_UNCERTAIN_DB:g}: say that the "
            "gain is unknown, NaN"
        )
    return np.where(unknown, 0.0, found).astype(np.float32)


def limits_of_unknown(given: object, values: np.ndarray, turned: bool) -> np.ndarray | None:
    """Upper limits of unknown gains in dB, [..., K, K] float32, inf where there is none; None where nothing was given.

    Raises ValueError for another shape, or a limit of a known gain.
    """
    if given is None:
        return None
    found = _like("at_most_db", given, values, turned)
    found = np.where(np.isnan(found) | (found > _NO_LIMIT_DB), np.inf, found)
    wrong = ~np.isnan(values) & (found < np.inf)
    if wrong.any():
        place = _first(wrong)
        raise ValueError(
            f"network: at_most_db{list(place)} is {found[place]:g}, but that gain is known: leave it NaN or inf there"
        )
    if (found == -np.inf).any():
        place = _first(found == -np.inf)
        raise ValueError(
            f"network: at_most_db{list(place)} is -inf: say that the gain is zero, gain 0 or gain_db -inf"
        )
    return found.astype(np.float32)


def _like(name: str, given: object, values: np.ndarray, turned: bool) -> np.ndarray:
    """Numbers as the gains lie, [..., K, K] float64."""
    try:
        found = np.asarray(given)
        found = np.asarray(found.astype(np.float64) if found.dtype == object else found)
        if found.dtype.kind not in "fiu":
            raise ValueError(name)
        if found.ndim == 1:
            raise ValueError(name)  # of receivers or of transmitters? Nobody knows.
        found = found.swapaxes(-1, -2) if turned and found.ndim >= 2 else found
        return np.broadcast_to(found.astype(np.float64), values.shape)
    except (TypeError, ValueError):
        raise ValueError(
            f"network: {name} must be real numbers, one or one per gain, {list(values.shape)}"
        ) from None


def _first(wrong: np.ndarray) -> tuple[int, ...]:
    return tuple(int(index) for index in np.argwhere(wrong)[0])
