"""What gains of a file look like before anything is computed from them: their range, and what may be a mistake."""

from dataclasses import dataclass, field

import numpy as np

from gfm_ra.errors import InputError
from gfm_ra.files.gains import DB, LINEAR, RECEIVERS, TRANSMITTERS, Gains
from gfm_ra.network import LEAST_OWN_DB
from gfm_ra.units import LEAST_GAIN_DB, db_to_linear, linear_to_db


@dataclass
class Survey:
    """Findings over all gains of a file; NaN counts as unknown."""

    gains: Gains
    least: float = np.inf  # in the file's unit
    largest: float = -np.inf
    largest_own: float = -np.inf
    unknown: int = 0
    clipped: int = 0  # above zero, and below what a gain is counted as
    rows: int = 0  # receivers whose own gain is known
    best_rows: int = 0  # of them, those that receive their own transmitter best
    best_columns: int = 0  # transmitters that are received best by their own receiver
    _seen: int = field(default=0, repr=False)  # networks

    def add(self, part: np.ndarray) -> None:
        """Look at networks [n, K, K].

        Raises:
            InputError: a gain is infinite or, linear, negative.
        """
        self._check(
            part, np.isposinf(part), "an infinite gain: write a finite number, or leave unknown gains empty"
        )
        if self.gains.unit == LINEAR:
            self._check(
                part, part < 0, "a negative gain, but linear gains are not: say --db if they are in dB"
            )
            self.clipped += int(((part > 0) & (part < db_to_linear(LEAST_GAIN_DB))).sum())
        own = np.diagonal(part, axis1=1, axis2=2)  # [n, K]
        self.unknown += int(np.isnan(part).sum())
        self.least = float(np.fmin(self.least, np.fmin.reduce(part, axis=None)))
        self.largest = float(np.fmax(self.largest, np.fmax.reduce(part, axis=None)))
        self.largest_own = float(np.fmax(self.largest_own, np.fmax.reduce(own, axis=None)))
        self.rows += int((~np.isnan(own)).sum())
        self.best_rows += int((own >= np.fmax.reduce(part, axis=2)).sum())
        self.best_columns += int((own >= np.fmax.reduce(part, axis=1)).sum())
        self._seen += len(part)

    def _check(self, part: np.ndarray, wrong: np.ndarray, what: str) -> None:
        if wrong.any():
            network, row, column = np.argwhere(wrong)[0]
            where = f"network {self._seen + network + 1}, row {row + 1}, column {column + 1}"
            raise InputError(f"{self.gains.path}, {where}: {part[network, row, column]:.6g} is {what}")

    def in_db(self, value: float) -> float:
        """A value of the file in dB."""
        return value if self.gains.unit == DB else float(linear_to_db(value))

    @property
    def notes(self) -> tuple[str, ...]:
        """What looks wrong but may be meant, one line each."""
        found, path = [], self.gains.path
        if self.rows and self.in_db(self.largest_own) <= LEAST_OWN_DB:
            found.append(
                f"{path}: no own gain is above {LEAST_OWN_DB:.0f} dB over noise (the largest is "
                f"{self.in_db(self.largest_own):.1f}): divide the gains by the noise power if they are path gains"
            )
        if self.clipped:
            found.append(
                f"{path}: {self.clipped} gains below {LEAST_GAIN_DB:.0f} dB count as {LEAST_GAIN_DB:.0f} dB"
            )
        if 2 * self.best_rows < self.rows:
            other = TRANSMITTERS if self.gains.orientation == RECEIVERS else RECEIVERS
            found.append(
                f"{path}: {self.best_rows} of {self.rows} receivers receive their own transmitter best, read the other "
                f"way {self.best_columns}: say --orientation {other} if the matrices are transposed"
            )
        return tuple(found)

    def summary(self) -> str:
        """How the file was understood, in one line."""
        gains = self.gains
        words = [
            f"{gains.networks} network{'s' * (gains.networks > 1)} of {gains.links} link{'s' * (gains.links > 1)}",
            f"{'in dB' if gains.unit == DB else 'linear'} ({gains.unit_from})",
            gains.orientation.replace("-", " "),
            f"{gains.stored.dtype}",
        ]
        if self.largest >= self.least:
            words.append(f"{self.in_db(self.least):.1f} to {self.in_db(self.largest):.1f} dB over noise")
        words += [f"{self.unknown} unknown"] * (self.unknown > 0)
        words += [gains.stored.remark] * bool(gains.stored.remark)
        words += [f"not read: {', '.join(gains.unread[:5])}"] * bool(gains.unread)
        return f"{gains.path}: {', '.join(words)}"


def survey(gains: Gains) -> Survey:
    """Read all gains once and say what they look like.

    Raises:
        InputError: the file is damaged, or a gain is infinite or, linear, negative.
    """
    found = Survey(gains)
    for part in gains.parts():
        found.add(part)
    return found
