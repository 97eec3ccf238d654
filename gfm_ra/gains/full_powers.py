"""Full powers of transmitters and noise of receivers as callers give them: watts or dBm, one number or one per link."""

import numpy as np

from gfm_ra.units import dbm_to_w


def full_powers(watts: object, dbm: object, shape: tuple[int, ...]) -> np.ndarray | None:
    """Full powers in watts, [..., K]; None where none are given. Raises ValueError as `positive`, or for both."""
    if watts is not None and dbm is not None:
        raise ValueError("network: give powers in watts or in dBm, not both")
    if watts is None and dbm is None:
        return None
    return positive("transmit power", watts, dbm, shape)


def positive(what: str, watts: object, dbm: object, shape: tuple[int, ...]) -> np.ndarray:
    """Powers in watts, [..., K]. Raises ValueError unless they fit the shape and are all positive and finite."""
    try:
        values = np.asarray(watts if dbm is None else dbm, dtype=np.float64)
        with np.errstate(over="ignore"):  # what is infinite in watts is refused below
            values = np.broadcast_to(values if dbm is None else dbm_to_w(values), shape)
    except (TypeError, ValueError):
        raise ValueError(f"network: {what} must be one number or one per link, {list(shape)}") from None
    if not np.isfinite(values).all() or (values <= 0).any():
        raise ValueError(f"network: {what} must be positive and finite (watts, or dBm with _dbm)")
    return values
