"""Measurement reports of networks whose gains are known: what receivers would say of them.

Shapes: [B, K, K], row = receiver, column = transmitter; gains in dB over noise at full power.
"""

from typing import NamedTuple

import numpy as np


class SimulatedReports(NamedTuple):
    """The three arrays that `gfm_ra.Network` takes, all [B, K, K] in the type of the gains."""

    reported_db: np.ndarray  # middle of the reported step; NaN where the receiver reported nothing
    uncertainty_db: np.ndarray  # standard deviation of what was reported; 0 where nothing was
    at_most_db: np.ndarray  # upper edge of the weakest reported step; inf where the gain was reported


def simulated_reports(
    gain_db: np.ndarray,
    strongest: int = 8,
    step_db: float = 1.0,
    error_db: float = 3.0,
    drift_db: float = 0.0,
    *,
    rng: np.random.Generator,
) -> SimulatedReports:
    """Reports of the own gain and of the strongest other transmitters, with errors and in whole steps.

    A receiver measures every gain with an independent normal error, reports its own one and the `strongest` others that
    it measured highest, and rounds down to a multiple of `step_db`, as the tables of 3GPP TS 38.133, 10.1.6 do; half a
    step is added again. Gains of zero (-inf) are never reported.

    Args:
        gain_db: [B, K, K], the true gains at the time of use; own gains finite, none NaN.
        strongest: other transmitters that a receiver reports, 0 or more.
        step_db: width of a reporting step; 0 for none.
        error_db: standard deviation of the measurement's error.
        drift_db: standard deviation of what gains changed since the report, by its age:
            `gfm_ra.measurements.levels.drift_db`.
        rng: the stream to draw from, 2 normal numbers per gain if there is drift, else 1.

    Raises:
        ValueError: gains of another shape, NaN or infinite, or negative numbers.
    """
    gains = np.asarray(gain_db)
    _check(gains, strongest, step_db, error_db, drift_db)
    measured = gains + error_db * rng.standard_normal(gains.shape)  # [B, K, K]
    if drift_db > 0:
        measured = measured + drift_db * rng.standard_normal(gains.shape)
    own = np.eye(gains.shape[-1], dtype=bool)
    reported = own | _highest(np.where(own, -np.inf, measured), strongest)
    middle = (np.floor(measured / step_db) + 0.5) * step_db if step_db > 0 else measured
    deviation = np.sqrt(error_db**2 + drift_db**2 + step_db**2 / 12)
    others = np.where(reported & ~own, middle, np.inf)
    weakest = others.min(-1, keepdims=True) + step_db / 2  # [B, K, 1], inf where no other one was reported
    kind = gains.dtype if gains.dtype.kind == "f" else np.float64
    return SimulatedReports(
        np.where(reported, middle, np.nan).astype(kind),
        np.where(reported, deviation, 0.0).astype(kind),
        np.where(reported, np.inf, weakest).astype(kind),
    )


def _highest(measured: np.ndarray, count: int) -> np.ndarray:
    """Whether a value is among the `count` highest of its row and not -inf, [B, K, K] bool."""
    order = np.argsort(-measured, axis=-1, kind="stable")
    rank = np.argsort(order, axis=-1, kind="stable")
    return (rank < count) & (measured > -np.inf)


def _check(gains: np.ndarray, strongest: int, step_db: float, error_db: float, drift_db: float) -> None:
    if gains.ndim != 3 or gains.shape[1] != gains.shape[2]:
        raise ValueError(f"reports: gains must be [B, K, K], got shape {list(gains.shape)}")
    if np.isnan(gains).any() or (gains == np.inf).any():
        raise ValueError("reports: gain_db holds NaN or inf: give the true gains")
    if (np.diagonal(gains, axis1=1, axis2=2) == -np.inf).any():
        raise ValueError("reports: an own gain is zero (-inf): such a link cannot report it")
    numbers = (("strongest", strongest), ("step_db", step_db), ("error_db", error_db), ("drift_db", drift_db))
    for name, value in numbers:
        if not (np.isfinite(value) and value >= 0):
            raise ValueError(f"reports: {name} is {value:g}: must be 0 or more")
