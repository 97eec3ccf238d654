"""What gains of a file look like before anything is computed from them: their range, and what may be a mistake."""

from dataclasses import dataclass, field

import numpy as np

from gfm_ra.doubts import LEAST_OWN_DB, Findings
from gfm_ra.errors import InputError
from gfm_ra.files.gains import DB, LINEAR, RECEIVERS, TRANSMITTERS, Gains
from gfm_ra.units import LARGEST_GAIN_DB, LEAST_GAIN_DB


@dataclass
class Survey:
    """Findings over all gains of a file; NaN counts as unknown."""

    gains: Gains
    findings: Findings = field(init=False)
    _seen: int = field(default=0, repr=False)  # networks

    def __post_init__(self) -> None:
        """Nothing has been looked at yet."""
        self.findings = Findings(self.gains.unit == DB)

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
        self.findings.add(part)
        self._seen += len(part)

    def _check(self, part: np.ndarray, wrong: np.ndarray, what: str) -> None:
        if wrong.any():
            network, row, column = np.argwhere(wrong)[0]
            where = f"network {self._seen + network + 1}, row {row + 1}, column {column + 1}"
            raise InputError(f"{self.gains.path}, {where}: {part[network, row, column]:.6g} is {what}")

    @property
    def notes(self) -> tuple[str, ...]:
        """What looks wrong but may be meant, one line each."""
        found, path, findings = [], self.gains.path, self.findings
        if findings.not_over_noise:
            found.append(
                f"{path}: no own gain is above {LEAST_OWN_DB:.0f} dB over noise (the largest is "
                f"{findings.largest_own_db:.1f}): divide the gains by the noise power if they are path gains"
            )
        for count, side, limit_db in (
            (findings.below, "below", LEAST_GAIN_DB),
            (findings.above, "above", LARGEST_GAIN_DB),
        ):
            if count:
                found.append(f"{path}: {count} gains {side} {limit_db:.0f} dB count as {limit_db:.0f} dB")
        if findings.misplaced:
            other = TRANSMITTERS if self.gains.orientation == RECEIVERS else RECEIVERS
            found.append(
                f"{path}: {findings.best_rows} of {findings.rows} receivers receive their own transmitter best, "
                f"read the other way {findings.best_columns}: say --orientation {other} if the matrices are transposed"
            )
        return tuple(found)

    def summary(self) -> str:
        """How the file was understood, in one line."""
        gains, findings = self.gains, self.findings
        words = [
            f"{gains.networks} network{'s' * (gains.networks > 1)} of {gains.links} link{'s' * (gains.links > 1)}",
            f"{'in dB' if gains.unit == DB else 'linear'} ({gains.unit_from})",
            gains.orientation.replace("-", " "),
            f"{gains.stored.dtype}",
        ]
        if findings.largest >= findings.least:
            least_db, largest_db = findings.in_db(findings.least), findings.in_db(findings.largest)
            words.append(f"{least_db:.1f} to {largest_db:.1f} dB over noise")
        words += [f"{findings.unknown} unknown"] * (findings.unknown > 0)
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
