"""Reports that can be used, and why the others cannot: what is impossible, contradicts itself, or is too old."""

import math
import time
from collections.abc import Iterable
from dataclasses import dataclass, field

from gfm_ra.measurements.carriers import MOST_NOISE_FIGURE_DB
from gfm_ra.measurements.cells import Cell, Cells
from gfm_ra.measurements.levels import TERMINAL_SPEED_M_PER_S, drift_db
from gfm_ra.measurements.reports import Level, Report

LEAST_DBM = -160.0
"""Below the lowest end of any reporting range: no receiver measures that."""
MOST_ERROR_DB = 40.0
"""Gains whose standard deviation is larger say nothing: they count as unknown."""
_SAME_DB = 1e-9


@dataclass(frozen=True)
class Conditions:
    """How measurements were made and how old they may be.

    Raises ValueError for numbers that are negative or not finite, errors above 40 dB, noise figures beyond 100 dB.
    """

    error_db: float = 2.0
    """Standard deviation of one measurement, 0 to 40."""
    speed_m_per_s: float = TERMINAL_SPEED_M_PER_S
    """Of terminals: what makes reports age, `gfm_ra.measurements.levels.drift_db`."""
    max_age_s: float = 900.0
    """Reports that are older are left out."""
    now_s: float | None = None
    """The time of use, seconds since 1970 UTC; that of the newest report unless given."""
    noise_figure_db: float | None = None
    """Of the receivers; unless given 9 of terminals, and in the uplink that of the cells, 5 if they do not say it."""
    uplink: bool = False
    """Cells measured terminals' reference signals (SRS): terminals transmit, cells receive."""

    def __post_init__(self) -> None:
        if not 0 <= self.error_db <= MOST_ERROR_DB:
            raise ValueError(
                f"measurements: error_db is {self.error_db:g}: write a standard deviation of 0 to {MOST_ERROR_DB:g} dB"
            )
        for name in ("speed_m_per_s", "max_age_s"):
            value = getattr(self, name)
            if not value >= 0 or (value == math.inf and name != "max_age_s"):
                raise ValueError(f"measurements: {name} is {value:g}: must be 0 or more")
        if self.now_s is not None and not math.isfinite(self.now_s):
            raise ValueError(f"measurements: now_s is {self.now_s:g}: must be finite")
        figure_db = self.noise_figure_db
        if figure_db is not None and not abs(figure_db) <= MOST_NOISE_FIGURE_DB:
            raise ValueError(
                f"measurements: noise_figure_db is {figure_db:g}: write at most {MOST_NOISE_FIGURE_DB:g} dB"
            )

    def deviation_db(self, level: Level, age_s: float) -> float:
        """Standard deviation of what a level tells: its error and step over its samples, its spread, its age."""
        measured_db = math.hypot(self.error_db, level.step_db / math.sqrt(12.0)) / math.sqrt(level.samples)
        return math.hypot(measured_db, level.spread_db, drift_db(age_s, self.speed_m_per_s))


@dataclass
class Usable:
    """What can be used of one report."""

    report: Report
    serving: str
    levels: dict[str, Level]
    age_s: float
    doubtful: set[str] = field(default_factory=set)
    """Cells that it named with a level that was left out: they are not among those weaker than the named ones."""

    @property
    def limit_dbm(self) -> float:
        """What cells that it does not name were received with at most; infinite where it says nothing."""
        others = [level.upper_dbm for name, level in self.levels.items() if name != self.serving]
        return min(others) if others and self.report.strongest else math.inf


def usable_reports(
    reports: Iterable[Report], cells: Cells, given: Conditions
) -> tuple[list[Usable], list[str]]:
    """What can be used, the newest report of each terminal, and a line for each thing that is left out and why."""
    left_out: list[str] = []
    listed = list(reports)
    now_s = _now(listed, given)
    timely = [report for report in listed if _is_timely(report, now_s, given, left_out)]
    newest: dict[str, Report] = {}
    for report in timely:
        other = newest.setdefault(report.terminal, report)
        if other is not report:
            newer = report if _time(report) >= _time(other) else other
            newest[report.terminal] = newer
            left_out.append(f"{(other if newer is report else report).name}: it has a newer report")
    found = []
    for report in newest.values():
        age_s = 0.0 if report.time_s is None else max(now_s - report.time_s, 0.0)
        one = _usable(report, cells, age_s, given, left_out)
        found += [one] if one else []
    return found, left_out


def _time(report: Report) -> float:
    return -math.inf if report.time_s is None else report.time_s


def _now(reports: list[Report], given: Conditions) -> float:
    """The time of use: unless given that of the newest report which does not lie in the future."""
    if given.now_s is not None:
        return given.now_s
    clock_s = time.time()
    return max((_time(report) for report in reports if _time(report) <= clock_s), default=clock_s)


def _is_timely(report: Report, now_s: float, given: Conditions, left_out: list[str]) -> bool:
    if report.time_s is None:
        return True
    age_s = now_s - report.time_s
    if age_s < 0:
        left_out.append(f"{report.name}: its time lies {-age_s:.6g} s in the future")
    elif age_s > given.max_age_s:
        left_out.append(f"{report.name}: {age_s:.6g} s old, more than {given.max_age_s:g} s")
    else:
        return True
    return False


def _usable(
    report: Report, cells: Cells, age_s: float, given: Conditions, left_out: list[str]
) -> Usable | None:
    """A report without the levels that are wrong; None if nothing can be done with it."""
    reason = _unusable(report, cells, given.uplink)
    if reason:
        left_out.append(f"{report.name}: {reason}")
        return None
    one = Usable(report, str(report.serving), {}, age_s)
    for name, level in report.levels:
        reason = _wrong(name, level, cells, one, given)
        if reason:
            left_out.append(f"{report.name}, cell {name}: {reason}")
            one.levels.pop(name, None)
            one.doubtful.add(name)
        elif name not in one.doubtful:
            one.levels[name] = level
    own = one.levels.get(one.serving)
    if own is None or own.only_below:
        left_out.append(f"{report.name}: no usable level of its serving cell {one.serving}")
        return None
    return one


def _unusable(report: Report, cells: Cells, uplink: bool) -> str | None:
    """Why a whole report cannot be used."""
    if not report.serving:
        return "it does not name its serving cell"
    if report.serving not in cells.by_name:
        return f"its serving cell {report.serving} is not in the table of cells"
    if report.serving not in [name for name, _ in report.levels]:
        return f"no level of its serving cell {report.serving}"
    if uplink and report.transmit_power_dbm is None:
        return "no transmit power, which the uplink needs"
    if not uplink and (report.transmit_power_dbm is not None or report.epre_dbm is not None):
        return "it says what the terminal sends, which is of the uplink: say uplink=True, or leave it out"
    return None


def _wrong(name: str, level: Level, cells: Cells, one: Usable, given: Conditions) -> str | None:
    """Why one level cannot be used."""
    if name not in cells.by_name:
        return "it is not in the table of cells"
    if not math.isfinite(level.dbm):
        return f"its level is {level.dbm:g}"
    sent_dbm = _sent_dbm(one.report, cells, cells.by_name[name], given.uplink)
    if level.dbm - level.step_db / 2.0 > sent_dbm and not level.only_below:
        hint = "; is it a report value and not dBm?" if level.dbm > 0 else ""
        return f"{level.dbm:g} dBm is more than the {sent_dbm:.1f} dBm that are sent{hint}"
    if level.dbm < LEAST_DBM:
        return f"{level.dbm:g} dBm is less than any receiver measures"
    if not level.only_below and given.deviation_db(level, one.age_s) > MOST_ERROR_DB:
        return f"it is uncertain by more than {MOST_ERROR_DB:g} dB"
    before = one.levels.get(name)
    if before is not None and abs(before.dbm - level.dbm) > _SAME_DB:
        return f"it is reported twice, with {before.dbm:g} and {level.dbm:g} dBm"
    return None


def _sent_dbm(report: Report, cells: Cells, cell: Cell, uplink: bool) -> float:
    """Power within the measured bandwidth of what was measured; of terminals that do not say it that at full power."""
    if not uplink:
        return cell.reference_dbm
    if report.epre_dbm is not None:
        return report.epre_dbm
    assert report.transmit_power_dbm is not None  # `_unusable` looked at it
    return cells.per_element_dbm(report.transmit_power_dbm)
