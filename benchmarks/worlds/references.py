"""What allocators are compared with: solvers, and the power control of today's networks at its best setting.

Shapes: N networks, K links; gain [N, K, K] linear over noise at full power, power [N, K] in [0, 1].
"""

from collections.abc import Callable
from itertools import product
from typing import NamedTuple

import numpy as np

from components.training.worlds.validation import score
from gfm_ra.goals import Objective
from gfm_ra.rates import spectral_efficiency
from gfm_ra.solvers import fplinq, full_reuse, greedy, wmmse
from gfm_ra.units import db_to_linear, linear_to_db

BEST = "WMMSE, 100 starts"
SOLVERS: dict[str, Callable[[np.ndarray, Objective], np.ndarray]] = {
    BEST: lambda gain, goal: wmmse(gain, goal, starts=100),
    "WMMSE, 1 start": lambda gain, goal: wmmse(gain, goal),
    "FPLinQ": lambda gain, goal: fplinq(gain),
    "greedy": greedy,
    "full power": lambda gain, goal: full_reuse(gain),
}
"""Gain and goal -> power."""
COMPENSATIONS = (0.0, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
"""Values of alpha that TS 38.331 (IE Alpha) lets a network choose."""
BASES_DB = tuple(np.arange(-40.0, 81.0, 2.0).tolist())
"""Values of P0 over full power that are tried."""
TARGETS_DB = tuple(np.arange(-10.0, 51.0, 2.0).tolist())
"""Target SINR of the closed loop that are tried."""
COMMANDS = 30
"""Steps of the closed loop."""
LEAST_POWER_DB = -63.0
"""From 23 dBm to the least power of a user, -40 dBm: TS 38.101-1 table 6.3.1-1."""


class PowerControl(NamedTuple):
    """A setting of uplink power control as in TS 38.213, 7.1.1."""

    compensation: float  # alpha
    base_db: float  # P0 over full power
    target_db: float | None = None  # SINR that the closed loop steers to; None: open loop alone

    def power(self, gain: np.ndarray) -> np.ndarray:
        """Powers [..., K]."""
        start = fractional(gain, self.compensation, float(db_to_linear(self.base_db)))
        return start if self.target_db is None else closed_loop(gain, start, self.target_db)


def fractional(gain: np.ndarray, compensation: float, base: float) -> np.ndarray:
    """Open-loop power control: min(1, base * loss^compensation), loss = 1 / own gain, [..., K].

    base: P0, a part of full power. The own gain stands for the path loss; it has the fading in it.
    """
    own = np.diagonal(gain, axis1=-2, axis2=-1).astype(np.float64)
    return np.minimum(1.0, base * own**-compensation)


def closed_loop(gain: np.ndarray, power: np.ndarray, target_db: float) -> np.ndarray:
    """Powers [..., K] after COMMANDS steps of -1, 0, 1 or 3 dB towards a SINR, TS 38.213 table 7.1.1-1."""
    power_db = np.maximum(linear_to_db(power), LEAST_POWER_DB)
    for _ in range(COMMANDS):
        # The rate is log2(1 + SINR).
        sinr = np.expm1(np.log(2.0) * spectral_efficiency(db_to_linear(power_db), gain))
        missing_db = target_db - linear_to_db(np.maximum(sinr, 1e-12))
        step_db = np.select([missing_db >= 2.0, missing_db >= 0.5, missing_db <= -0.5], [3.0, 1.0, -1.0], 0.0)
        power_db = np.clip(power_db + step_db, LEAST_POWER_DB, 0.0)
    return db_to_linear(power_db)


def tuned(gain: np.ndarray, goal: Objective) -> dict[str, PowerControl]:
    """The best settings of the open and of the closed loop by mean score on networks [N, K, K].

    The closed loop starts from the best open one.
    """
    open_loops = [PowerControl(alpha, base_db) for alpha, base_db in product(COMPENSATIONS, BASES_DB)]
    best = _best(open_loops, gain, goal)
    closed = [best._replace(target_db=target_db) for target_db in TARGETS_DB]
    return {"fractional power control": best, "closed loop": _best(closed, gain, goal)}


def _best(settings: list[PowerControl], gain: np.ndarray, goal: Objective) -> PowerControl:
    means = [score(spectral_efficiency(setting.power(gain), gain), goal).mean() for setting in settings]
    return settings[int(np.argmax(means))]
