"""What looks wrong about gains but may be meant, judged in one place: for arrays at once, for files part by part."""

from dataclasses import dataclass

import numpy as np

from gfm_ra.network import Network
from gfm_ra.units import LARGEST_GAIN_DB, LEAST_GAIN_DB, db_to_linear, linear_to_db

LEAST_OWN_DB = -30.0
"""No own gain above this, and gains have hardly been divided by the noise."""


@dataclass
class Findings:
    """Findings over networks [n, K, K] that are added one after the other; NaN counts as unknown."""

    given_db: bool
    least: float = np.inf  # in the unit of the gains
    largest: float = -np.inf
    largest_own: float = -np.inf
    unknown: int = 0
    below: int = 0  # positive gains that are raised to LEAST_GAIN_DB
    above: int = 0  # gains that are lowered to LARGEST_GAIN_DB
    rows: int = 0  # receivers whose own gain is known
    best_rows: int = 0  # of them, those that receive their own transmitter best
    best_columns: int = 0  # transmitters that are received best by their own receiver

    def add(self, part: np.ndarray) -> None:
        """Look at networks [n, K, K]."""
        if not part.size:
            return
        own = np.diagonal(part, axis1=1, axis2=2)  # [n, K]
        strongest = np.fmax.reduce(part, axis=2)  # [n, K]
        least, largest = float(np.fmin.reduce(part, axis=None)), float(np.fmax.reduce(strongest, axis=None))
        self.unknown += int(np.count_nonzero(np.isnan(part)))
        self.least, self.largest = float(np.fmin(self.least, least)), float(np.fmax(self.largest, largest))
        self.largest_own = float(np.fmax(self.largest_own, np.fmax.reduce(own, axis=None)))
        self.rows += own.size - int(np.count_nonzero(np.isnan(own)))
        self.best_rows += int(np.count_nonzero(own >= strongest))
        self.best_columns += int(np.count_nonzero(own >= np.fmax.reduce(part, axis=1)))
        zero, limits = (-np.inf, (LEAST_GAIN_DB, LARGEST_GAIN_DB)) if self.given_db else (0.0, _LINEAR_LIMITS)
        if least < limits[0]:
            self.below += int(np.count_nonzero((part > zero) & (part < limits[0])))
        if largest > limits[1]:
            self.above += int(np.count_nonzero(part > limits[1]))

    def in_db(self, value: float) -> float:
        """A value in the unit of the gains in dB."""
        return value if self.given_db else float(linear_to_db(value))

    @property
    def largest_own_db(self) -> float:
        """Largest own gain in dB."""
        return self.in_db(self.largest_own)

    @property
    def not_over_noise(self) -> bool:
        """Whether gains look like path gains, which have not been divided by the noise."""
        return self.rows > 0 and self.largest_own_db <= LEAST_OWN_DB

    @property
    def misplaced(self) -> bool:
        """Whether most receivers get more from another transmitter than from their own."""
        return 2 * self.best_rows < self.rows


_LINEAR_LIMITS = (db_to_linear(LEAST_GAIN_DB), db_to_linear(LARGEST_GAIN_DB))


def doubts(network: Network) -> list[str]:
    """What looks wrong about a network's gains but may be meant, each in one line."""
    flat = network.flattened()
    findings = Findings(flat.given_db)
    findings.add(flat.gain_db if flat.given_db else flat.gain)
    found = []
    if findings.not_over_noise:
        found.append(
            f"no own gain is above {LEAST_OWN_DB:g} dB: gains are in units of noise at full power; were they "
            "divided by it?"
        )
    clipped = findings.below + findings.above
    if clipped:
        found.append(
            f"{clipped} gains outside {LEAST_GAIN_DB:g} to {LARGEST_GAIN_DB:g} dB count as the nearest limit"
        )
    if findings.misplaced:
        found.append(
            f"only {findings.best_rows / findings.rows:.0%} of the receivers get most from their own transmitter: "
            "are links in the same order in rows and columns?"
        )
    return found
