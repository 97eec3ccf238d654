"""What looks wrong about gains but may be meant, judged in one place: arrays at once, files in parts, edges by rows."""

from dataclasses import dataclass
from math import prod

import numpy as np

from gfm_ra.core.survey import Survey, survey
from gfm_ra.gains.sparse_network import Rows, SparseNetwork
from gfm_ra.network import Network
from gfm_ra.units import LARGEST_GAIN_DB, LEAST_GAIN_DB, db_to_linear, linear_to_db

LEAST_OWN_DB = -30.0
"""No own gain above this, and gains have hardly been divided by the noise."""
_LEAST_OWN = float(db_to_linear(LEAST_OWN_DB))
_LINEAR_LIMITS = (float(db_to_linear(LEAST_GAIN_DB)), float(db_to_linear(LARGEST_GAIN_DB)))


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
        """Look at networks [n, K, K], float32 or float64."""
        if part.size:
            self.add_survey(survey(part, self.given_db), part.shape[0] * part.shape[1])

    def add_survey(self, seen: Survey, rows: int) -> None:
        """Add what a survey of networks found that have so many rows in all."""
        self.unknown += seen.unknown
        self.least, self.largest = min(self.least, seen.least), max(self.largest, seen.largest)
        self.largest_own = max(self.largest_own, seen.largest_own)
        self.rows += rows - seen.unknown_own
        self.best_rows += seen.best_rows
        self.best_columns += seen.best_columns
        self.below += seen.below
        self.above += seen.above

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
        return self.rows > 0 and self.largest_own <= (LEAST_OWN_DB if self.given_db else _LEAST_OWN)

    @property
    def misplaced(self) -> bool:
        """Whether most receivers get more from another transmitter than from their own."""
        return 2 * self.best_rows < self.rows


def listed(network: SparseNetwork) -> Findings:
    """Findings over a sparse network: those of its matrix, in which gains that are not listed are zero.

    Of a far field, only the largest gains in its sums count, where they are known: a receiver of which one is above its
    own gain does not receive its own transmitter best.
    """
    own, rows, columns = network.own, network.by_receiver, network.by_transmitter
    gains = (own, rows.gain)
    lower, upper = _LINEAR_LIMITS
    beaten = _beaten(own, rows)
    if network.far is not None and network.far.largest is not None:
        beaten |= network.far.largest.max(-1) > own
    all_listed = network.edges == network.links**2
    return Findings(
        given_db=False,
        least=float(min(part.min() for part in gains if part.size)) if all_listed else 0.0,
        largest=float(max(part.max() for part in gains if part.size)),
        largest_own=float(own.max()),
        below=sum(int(((part > 0) & (part < lower)).sum()) for part in gains),
        above=sum(int((part > upper).sum()) for part in gains),
        rows=network.links,
        best_rows=network.links - int(beaten.sum()),
        best_columns=network.links - int(_beaten(own, columns).sum()),
    )


def _beaten(own: np.ndarray, rows: Rows) -> np.ndarray:
    """Links, bool [K], of which a crossing gain in their row is above their own."""
    link = np.repeat(np.arange(len(own)), np.diff(rows.start))  # [E]
    beaten = np.zeros(len(own), dtype=bool)
    beaten[link[rows.gain > own[link]]] = True
    return beaten


def doubts(network: Network | SparseNetwork) -> list[str]:
    """What looks wrong about a network's gains but may be meant, each in one line."""
    if isinstance(network, SparseNetwork):
        findings = listed(network)
    else:
        findings = Findings(network.given_db)
        findings.add_survey(network.survey, prod(network.shape) * (network.bands or 1) * network.links)
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
    if findings.misplaced and not _shares_receivers(network, findings):
        found.append(
            f"only {findings.best_rows / findings.rows:.0%} of the receivers get most from their own transmitter: "
            "are links in the same order among receivers (rows) and transmitters (columns)?"
        )
    return found


def _shares_receivers(network: Network | SparseNetwork, findings: Findings) -> bool:
    """Whether a network with budgets or bands looks like an uplink, whose receivers have several transmitters."""
    limited = isinstance(network, Network) and network.limits is not None
    return limited and 2 * findings.best_columns >= findings.rows
