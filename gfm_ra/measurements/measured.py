"""From reports to networks: one active terminal per cell is a link, its reports are a row of gains.

Shapes: K cells with a terminal, R rounds. Row = receiver, column = transmitter: in the downlink the terminal of cell k
and cell j, in the uplink cell k and the terminal of cell j.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from gfm_ra.measurements.carriers import TERMINAL_NOISE_FIGURE_DB, THERMAL_NOISE_DBM_PER_HZ
from gfm_ra.measurements.cells import Cell, Cells, names
from gfm_ra.measurements.checks import Conditions, Usable, usable_reports
from gfm_ra.measurements.reports import Report
from gfm_ra.network import Network
from gfm_ra.units import db_to_linear, noise_power_dbm, w_to_dbm

Choice = Literal["rounds", "weakest", "newest"]
"""Which terminals are active: all of a cell one after the other, a network per round; the one that its cell reaches
worst; the one with the newest report."""
CHOICES: tuple[Choice, ...] = get_args(Choice)


@dataclass(frozen=True)
class Measured:
    """A network from measurements, what its links are, and what was left out."""

    network: Network
    """[K, K], or [R, K, K] for several rounds; with uncertainties, limits of unknown gains and full powers."""
    cells: tuple[Cell, ...]
    """[K], in the order of the table."""
    terminals: tuple[tuple[Report, ...], ...]
    """[R][K]."""
    notes: tuple[str, ...]
    """What should be known, a line each."""
    left_out: tuple[str, ...]
    """What was not used, and why."""
    uplink: bool = False

    @property
    def full_dbm(self) -> np.ndarray:
        """Full powers of the transmitters in dBm, [R, K]."""
        watts = self.network.transmit_power_w
        if watts is None:
            raise ValueError("measurements: this network knows no full powers: make it with network_of")
        return w_to_dbm(watts.reshape(-1, self.network.links))

    @property
    def today(self) -> np.ndarray | None:
        """Today's powers of the cells as parts of full power, [K]; None unless all are known or in the uplink."""
        powers = [one.power_dbm for one in self.cells]
        if self.uplink or any(power is None for power in powers):
            return None
        full_dbm = np.array([one.transmit_power_dbm for one in self.cells])
        return np.minimum(db_to_linear(np.array(powers, dtype=np.float64) - full_dbm), 1.0)


def network_of(
    reports: Iterable[Report],
    cells: Cells,
    conditions: Conditions | None = None,
    terminals: Choice | Mapping[str, str] = "rounds",
) -> Measured:
    """The network of reported levels.

    A level L in dBm of cell j becomes L + (full power - sent power) - noise, each per measured bandwidth: for cellular
    reports per resource element. Cells without a terminal that can be used are silent and have no link.

    Args:
        reports: one or more per terminal; the newest one of each counts.
        cells: the table that the reports refer to.
        conditions: errors, ages, noise figures and the direction.
        terminals: of cells with several: a choice by name, or terminals by cell.

    Raises:
        ValueError: no report can be used (the line says why the first one cannot), an unknown choice, or a terminal
            chosen for a cell that is not in the table.
    """
    given = conditions or Conditions()
    _check_choice(terminals, cells)
    usable, left_out = usable_reports(reports, cells, given)
    if not usable:
        raise ValueError(
            f"measurements: no report can be used: {left_out[0] if left_out else 'there is none'}"
        )
    by_cell: dict[str, list[Usable]] = {}
    for one in usable:
        by_cell.setdefault(one.serving, []).append(one)
    order = [name for name in cells.by_name if name in by_cell]
    if not isinstance(terminals, str):
        order = [name for name in cells.by_name if name in terminals or name in by_cell]
    chosen = {name: _chosen(name, by_cell.get(name, []), terminals, left_out) for name in order}
    order = [name for name in order if chosen[name]]
    if not order:
        raise ValueError("measurements: none of the chosen terminals has a report that can be used")
    count = max(len(chosen[name]) for name in order)
    rounds = [[chosen[name][number % len(chosen[name])] for name in order] for number in range(count)]
    parts = [_arrays(active, order, cells, given) for active in rounds]
    gain_db, deviation_db, at_most_db = (np.stack(arrays) for arrays in zip(*parts, strict=True))  # [R, K, K]
    full_dbm = np.array([[_full_dbm(one, cells, given) for one in active] for active in rounds])  # [R, K]
    one_only = (lambda array: array[0]) if count == 1 else (lambda array: array)
    network = Network(
        gain_db=one_only(gain_db),
        uncertainty_db=one_only(deviation_db),
        at_most_db=one_only(at_most_db),
        transmit_power_dbm=one_only(full_dbm),
    )
    return Measured(
        network,
        tuple(cells.by_name[name] for name in order),
        tuple(tuple(one.report for one in active) for active in rounds),
        tuple(_notes(usable, order, cells, count, gain_db)),
        tuple(left_out),
        given.uplink,
    )


def _check_choice(terminals: Choice | Mapping[str, str], cells: Cells) -> None:
    """Raises ValueError for an unknown choice, or one for a cell that is not in the table."""
    if isinstance(terminals, str):
        if terminals not in CHOICES:
            raise ValueError(f"measurements: terminals is {terminals!r}: choose one of {', '.join(CHOICES)}")
        return
    unknown = [str(name) for name in terminals if name not in cells.by_name]
    if unknown:
        raise ValueError(
            f"measurements: terminals names the cell {names(unknown)}: the table of cells has {names(cells.by_name)}"
        )


def _chosen(
    cell: str, there: list[Usable], terminals: Choice | Mapping[str, str], left_out: list[str]
) -> list[Usable]:
    """The active terminals of a cell, one per round."""
    if not isinstance(terminals, str):
        found = [one for one in there if one.report.terminal == terminals.get(cell)]
        if not found:
            left_out.append(f"cell {cell}: no usable report of a terminal that was chosen for it")
    elif terminals == "rounds":
        return there
    elif terminals == "weakest":
        found = [min(there, key=lambda one: one.levels[cell].dbm)]
    else:
        found = [min(there, key=lambda one: one.age_s)]
    others = [one.report.terminal for one in there if one not in found]
    left_out += [f"cell {cell}: {names(others)} not chosen"] if others else []
    return found


def _arrays(
    active: list[Usable], order: list[str], cells: Cells, given: Conditions
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Gains, deviations and limits of one round, each [K, K]."""
    shape = (len(order), len(order))
    gain_db, deviation_db, at_most_db = np.full(shape, np.nan), np.zeros(shape), np.full(shape, np.inf)
    for own, one in enumerate(active):
        for other, name in enumerate(order):
            place = (other, own) if given.uplink else (own, other)
            offset_db = _offset_db(one, cells.by_name[name], cells, given)
            level = one.levels.get(name)
            if cells.by_name[name].channel != cells.by_name[one.serving].channel:
                gain_db[place] = -np.inf
            elif level is None:
                silent = (
                    given.uplink or name in one.doubtful
                )  # cells do not say which terminals they hear best
                at_most_db[place] = np.inf if silent else one.limit_dbm + offset_db
            elif level.only_below:
                at_most_db[place] = level.dbm + offset_db
            else:
                gain_db[place] = level.dbm + offset_db
                deviation_db[place] = given.deviation_db(level, one.age_s)
    return gain_db, deviation_db, at_most_db


def _offset_db(one: Usable, cell: Cell, cells: Cells, given: Conditions) -> float:
    """What is added to a level in dBm to get the gain over noise at full power in dB."""
    if given.uplink:
        figure_db = cell.noise_figure_db if given.noise_figure_db is None else given.noise_figure_db
        assert one.report.transmit_power_dbm is not None  # `usable_reports` checked it
        full_dbm = cells.per_element_dbm(one.report.transmit_power_dbm)
        sent_dbm = full_dbm if one.report.epre_dbm is None else one.report.epre_dbm
    else:
        figure_db = TERMINAL_NOISE_FIGURE_DB if given.noise_figure_db is None else given.noise_figure_db
        full_dbm, sent_dbm = cell.full_reference_dbm, cell.reference_dbm
    return full_dbm - sent_dbm - noise_power_dbm(THERMAL_NOISE_DBM_PER_HZ, cells.measured_hz) - figure_db


def _full_dbm(one: Usable, cells: Cells, given: Conditions) -> float:
    power_dbm = one.report.transmit_power_dbm if given.uplink else None
    return cells.by_name[one.serving].transmit_power_dbm if power_dbm is None else power_dbm


def _notes(
    usable: list[Usable], order: list[str], cells: Cells, rounds: int, gain_db: np.ndarray
) -> list[str]:
    """What should be known about a network, a line each."""
    found = list(cells.notes)
    without = [name for name in cells.by_name if name not in order]
    if without:
        found.append(f"no terminal that can be used in {names(without)}: these cells count as silent")
    timeless = [one.report.terminal for one in usable if one.report.time_s is None]
    if timeless:
        found.append(f"no time in the reports of {names(timeless)}: they count as new")
    if rounds > 1:
        found.append(f"{rounds} rounds: cells with several terminals serve them one after the other")
    powerless = [name for name in order if cells.by_name[name].power_dbm is None]
    if 0 < len(powerless) < len(order):
        found.append(f"no power_dbm of {names(powerless)}: rates at today's powers are not known")
    unknown = int(np.isnan(gain_db).sum())
    if unknown:
        found.append(f"{unknown} of {gain_db.size} gains are unknown: not reported, or left out")
    return found
