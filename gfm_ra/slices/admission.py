"""Which least rates are asked of the powers where not all can be met.

Source: removal of the link that misses most, step by step, from power control with limited powers: Andersin, Rosberg
and Zander, Gradual removals in cellular PCS with constrained power control and noise, Wireless Networks 2, 1996.
"""

from collections.abc import Sequence

import numpy as np

from gfm_ra.solvers.proofs.least_rates import least_powers, needed_powers

_ITERATIONS = 100


def admitted(gain: np.ndarray, least: np.ndarray, order: Sequence[np.ndarray]) -> np.ndarray:
    """Least rates float64 [B, K] that can be met together: those given, or 0 for a link that had to be left out.

    gain : float64 [B, K, K]; least : [K], 0 where nothing is asked; order : links of the slices, the first of which go
    first: a link of a later slice never displaces one of an earlier slice.
    """
    count, links = len(gain), len(least)
    targets = np.zeros((count, links))
    for chosen in order:
        chosen = chosen[least[chosen] > 0]
        if not chosen.size:
            continue
        targets[:, chosen] = least[chosen]
        open_rows = np.flatnonzero(~least_powers(gain, targets)[1])
        removed = np.zeros((count, links), dtype=bool)
        while open_rows.size:
            worst = _most_missing(gain[open_rows], targets[open_rows], chosen)
            targets[open_rows, worst] = 0.0
            removed[open_rows, worst] = True
            met = least_powers(gain[open_rows], targets[open_rows])[1]
            open_rows = open_rows[~met]
        _taken_back(gain, least, targets, removed)
    return targets


def _most_missing(gain: np.ndarray, targets: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    """The link of `chosen` that lacks most power at full-power-limited control, [B]."""
    needed = needed_powers(gain, targets)
    crossing = gain * (1.0 - np.eye(gain.shape[-1]))
    power = np.where(targets > 0, 1.0, 0.0)
    wanted = power
    with np.errstate(invalid="ignore", over="ignore"):
        for _ in range(_ITERATIONS):
            wanted = np.nan_to_num(needed * (1.0 + (crossing @ power[..., None])[..., 0]), nan=np.inf)
            power = np.minimum(wanted, 1.0)
    lack = np.where(targets > 0, wanted, -1.0)[:, chosen]
    return chosen[lack.argmax(-1)]


def _taken_back(gain: np.ndarray, least: np.ndarray, targets: np.ndarray, removed: np.ndarray) -> None:
    """Ask again for least rates of removed links that fit after all, in place."""
    for link in np.flatnonzero(removed.any(0)):
        rows = np.flatnonzero(removed[:, link])
        tried = targets[rows]
        tried[:, link] = least[link]
        met = least_powers(gain[rows], tried)[1]
        targets[rows[met], link] = least[link]
