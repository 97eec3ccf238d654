"""Max-min fairness and whether least rates can be met, exactly and for any number of links.

Least rates fix least SINRs, under which the powers that just meet them solve a linear system: I - D F, D the SINRs over
the own gains, F the gains between links. They are positive, and no larger than any others that do, exactly if its
spectral radius is below 1 (Perron, Frobenius). Source: Foschini and Miljanic, A simple distributed autonomous power
control algorithm and its convergence, IEEE Transactions on Vehicular Technology 42(4), 1993; Zander, Performance of
optimum transmitter power control in cellular radio systems, IEEE Transactions on Vehicular Technology 41(1), 1992.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from gfm_ra.rates import spectral_efficiency
from gfm_ra.solvers.proofs.optimum import known_gains

_HALVINGS = 100
_ROUNDING = 1e-10
"""By what part of full power the solution of the linear system may be wrong."""


@dataclass(frozen=True)
class Feasibility:
    """Whether least rates can be met. `...` are the gains' leading dimensions."""

    feasible: Any
    """[...] bool. False is a proof: no powers meet all least rates."""
    power: np.ndarray
    """[..., K] float64: the least powers that meet them; where none do, those of the smallest relaxation."""
    relaxation: Any
    """[...]: the largest factor by which all least rates can be multiplied and still be met, 1 or more if they can."""


def feasible(gain: Any, min_rate: Any) -> Feasibility:  # noqa: ANN401 (whatever NumPy makes an array of)
    """Whether least rates min_rate [K], [..., K] or one for all (bit/s/Hz) can be met under gain [..., K, K].

    Raises ValueError for unknown gains, and rates that do not fit, are negative or all 0.
    """
    batch, shape = known_gains(gain, "feasible")
    rates = _rates(min_rate, shape, batch.shape[-1])
    power, met = least_powers(batch, rates)
    factor, relaxed = _largest_factor(batch, rates)
    factor = np.where(met, np.maximum(factor, 1.0), np.minimum(factor, 1.0))
    power = np.where(met[:, None], power, relaxed)
    return Feasibility(met.reshape(shape)[()], power.reshape(*shape, -1), factor.reshape(shape)[()])


def max_min(gain: Any, shares: Any = 1.0) -> tuple[np.ndarray, Any]:  # noqa: ANN401
    """Powers float64 [..., K] whose least rate is the largest, and that rate [...] in bit/s/Hz.

    shares: positive, [K] or [..., K]; the least R_k / share_k is what becomes largest. Raises ValueError as `feasible`.
    """
    batch, shape = known_gains(gain, "max_min")
    factor, power = _largest_factor(batch, _rates(shares, shape, batch.shape[-1]))
    return power.reshape(*shape, -1), factor.reshape(shape)[()]


def _rates(given: Any, shape: tuple[int, ...], links: int) -> np.ndarray:  # noqa: ANN401
    try:
        rates = np.broadcast_to(np.asarray(given, dtype=np.float64), (*shape, links)).reshape(-1, links)
    except ValueError:
        raise ValueError(
            f"feasible: rates {np.shape(given)} do not fit gains of {[*shape, links]}: give one, or one a link"
        ) from None
    if not np.isfinite(rates).all() or (rates < 0).any() or not rates.any(-1).all():
        raise ValueError("feasible: rates must be finite, not negative, and not all 0 in any network")
    return rates


def needed_powers(batch: np.ndarray, rates: np.ndarray) -> np.ndarray:
    """Powers [B, K] that meet rates [B, K] without interference: least SINRs over own gains; 0 where the rate is."""
    direct = np.diagonal(batch, axis1=-2, axis2=-1)
    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
        return np.where(rates > 0.0, np.expm1(rates * np.log(2.0)) / direct, 0.0)


def least_powers(batch: np.ndarray, rates: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The least powers [B, K] that meet rates [B, K], and whether they are powers [B]."""
    needed = needed_powers(batch, rates)
    met = np.asarray((needed <= 1.0 + _ROUNDING).all(-1))  # not where it is no number
    needed = np.where(met[:, None], needed, 0.0)
    others = batch * (1.0 - np.eye(batch.shape[-1]))
    # Scaled so that pivots and right-hand side are of like size: without interference the solution is `needed`.
    power = _solved(np.eye(batch.shape[-1]) - needed[:, :, None] * others, needed)
    with np.errstate(invalid="ignore"):
        within = (power <= 1.0 + _ROUNDING).all(-1) & ((power > 0.0) | (rates == 0.0)).all(-1)
    met = met & np.isfinite(power).all(-1) & within
    return np.clip(np.where(met[:, None], power, 0.0), 0.0, 1.0), met


def _solved(systems: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Solutions [B, K]; NaN where a system has none."""
    try:
        return np.linalg.solve(systems, right[..., None])[..., 0]
    except np.linalg.LinAlgError:
        if len(systems) == 1:
            return np.full_like(right, np.nan)
        return np.concatenate(
            [_solved(one[None], side[None]) for one, side in zip(systems, right, strict=True)]
        )


def _largest_factor(batch: np.ndarray, rates: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The largest factor [B] times which rates can be met, by halving, and powers [B, K] that meet so much."""
    direct = np.diagonal(batch, axis1=-2, axis2=-1)
    with np.errstate(divide="ignore", invalid="ignore"):
        alone = np.where(rates > 0.0, np.log2(1.0 + direct) / rates, np.inf)
    low, high = np.zeros(len(batch)), alone.min(-1)
    power = np.zeros_like(rates)
    for _ in range(_HALVINGS):
        middle = 0.5 * (low + high)
        tried, met = least_powers(batch, middle[:, None] * rates)
        low, high = np.where(met, middle, low), np.where(met, high, middle)
        power = np.where(met[:, None], tried, power)
        if ((high - low) <= 1e-13 * high).all():
            break
    # Some link is then at full power but for rounding: scaled up, all rates are at least what they were.
    most = power.max(-1, keepdims=True)
    power = np.where(most > 0.0, power / np.where(most > 0.0, most, 1.0), power)
    with np.errstate(divide="ignore", invalid="ignore"):
        reached = np.where(rates > 0.0, spectral_efficiency(power, batch) / rates, np.inf).min(-1)
    return reached, power
