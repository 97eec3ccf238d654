"""Powers from scans of access points beside the threshold rule of access-point managers, on random floors and houses.

    python -m benchmarks.scan                                  # two minutes
    python -m benchmarks.scan --layouts 40 --effort best --json scan.json

Layouts: houses of flats and office floors as in IEEE 802.11-14/0980 (scenarios 1 and 2) of random size, an access point
and an active client anywhere in every room, all on one 80 MHz channel or on a random one of three. Every receiver
scans: levels with an error of 3 dB, in steps of 1 dB, nothing below -92 dBm. From that scan alone

- the rule sets each access point's power so that the third-smallest level at which the other access points of its
  channel hear it is -70 dBm, within -10 to 20 dBm; fewer than three that hear it: 20 dBm. `rule, strongest` takes the
  third-strongest level instead, as Cisco's controllers do (tx-power-control-thresh);
- `gfm_ra.planning.plan` sets the powers for proportional fairness.

`optimum` knows the true gains and sets the powers that are best for them: no static powers do better.

Compared by the geometric mean of the clients' rates at the true gains, all transmitting at once: the ratio of the means
over layouts with its 95 % interval (paired bootstrap over layouts).
"""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

import gfm_ra
from benchmarks.worlds.families.laws import wifi_loss_db
from components.channel.rng import stream
from components.intervals import Interval, ratio_of_means
from gfm_ra.errors import InputError, UserError, one_line
from gfm_ra.inference.comparison import EFFORTS
from gfm_ra.measurements.cells import Cell, Cells
from gfm_ra.measurements.checks import Conditions
from gfm_ra.measurements.measured import Measured, network_of
from gfm_ra.measurements.reports import Level, Report
from gfm_ra.planning import plan
from gfm_ra.rates import spectral_efficiency
from gfm_ra.units import db_to_linear, noise_power_dbm

FULL_DBM, LEAST_DBM, TARGET_DBM, SENSITIVITY_DBM = 20.0, -10.0, -70.0, -92.0
WIDTH_HZ, NOISE_FIGURE_DB, ERROR_DB, STEP_DB = 80e6, 9.0, 3.0, 1.0
CHANNELS = (1, 3)
METHODS = ("full power", "rule, smallest", "rule, strongest", "plan", "optimum")


class Layout(NamedTuple):
    """A house or floor: true levels in dBm at full power, K access points and clients, row = receiver."""

    at_clients_dbm: np.ndarray  # [K, K]
    at_points_dbm: np.ndarray  # [K, K], diagonal -inf
    channel: np.ndarray  # [K]


def house(channels: int, rng: np.random.Generator) -> Layout:
    """2 to 4 floors of 4 to 7 times 2 flats of 10 m x 10 m x 3 m."""
    size = (int(rng.integers(4, 8)), 2, int(rng.integers(2, 5)))
    return _layout(size, 10.0, (5.0, 5.0, 4.0), channels, rng)


def office(channels: int, rng: np.random.Generator) -> Layout:
    """A floor of 3 to 5 times 2 to 4 rooms of 10 m x 10 m, walls of 7 dB."""
    return _layout(
        (int(rng.integers(3, 6)), int(rng.integers(2, 5)), 1), 10.0, (10.0, 7.0, 5.0), channels, rng
    )


def _layout(
    size: tuple[int, int, int],
    room_m: float,
    law: tuple[float, float, float],
    channels: int,
    rng: np.random.Generator,
) -> Layout:
    """Access points 2.5 m and clients 1 m above their floor; law: knee in m, dB per wall, shadowing in dB."""
    rooms = np.stack(np.meshgrid(*map(np.arange, size), indexing="ij"), -1).reshape(-1, 3)
    links = len(rooms)
    corner = np.concatenate([room_m * rooms[:, :2], 3.0 * rooms[:, 2:]], axis=1)
    points, clients = (
        corner + np.concatenate([room_m * rng.random((links, 2)), np.full((links, 1), height)], axis=1)
        for height in (2.5, 1.0)
    )
    steps = np.abs(rooms[:, None] - rooms).astype(float)  # [K, K, 3]
    knee_m, wall_db, shadowing_db = law

    def levels_dbm(receivers: np.ndarray, shadowing: np.ndarray) -> np.ndarray:
        distance_m = np.linalg.norm(receivers[:, None] - points, axis=-1)
        loss_db = wifi_loss_db(distance_m, steps[..., 0] + steps[..., 1], steps[..., 2], knee_m, wall_db)
        return FULL_DBM - loss_db + shadowing_db * shadowing

    both_ways = np.triu(rng.standard_normal((links, links)), 1)
    at_points = levels_dbm(points, both_ways + both_ways.T)
    np.fill_diagonal(at_points, -np.inf)
    at_clients = levels_dbm(clients, rng.standard_normal((links, links)))
    return Layout(at_clients, at_points, rng.integers(channels, size=links))


def scanned(level_dbm: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """What receivers report of levels; -inf where they hear nothing."""
    found = np.round((level_dbm + ERROR_DB * rng.standard_normal(level_dbm.shape)) / STEP_DB) * STEP_DB
    return np.where(found < SENSITIVITY_DBM, -np.inf, found)


def rule(heard_dbm: np.ndarray, channel: np.ndarray, strongest: bool) -> np.ndarray:
    """Powers in dBm, [K], of the threshold rule from levels [K, K] at full power, row = hearing access point."""
    powers = np.full(len(channel), FULL_DBM)
    for point in range(len(channel)):
        levels = heard_dbm[channel == channel[point], point]
        levels = np.sort(levels[np.isfinite(levels)])
        if len(levels) >= 3:
            third = levels[-3] if strongest else levels[2]
            powers[point] = np.clip(FULL_DBM + TARGET_DBM - third, LEAST_DBM, FULL_DBM)
    return powers


def measured(client_dbm: np.ndarray, channel: np.ndarray) -> Measured | None:
    """The network of a scan [K, K] of the clients; None if one does not hear its own access point."""
    if not np.isfinite(np.diagonal(client_dbm)).all():
        return None
    points = {
        str(number): Cell(str(number), FULL_DBM, FULL_DBM, FULL_DBM, FULL_DBM, channel=str(channel[number]))
        for number in range(len(channel))
    }
    reports = [
        Report(
            f"client {number}",
            str(number),
            tuple((str(j), Level(float(heard[j]), STEP_DB)) for j in np.flatnonzero(np.isfinite(heard))),
        )
        for number, heard in enumerate(client_dbm)
    ]
    given = Conditions(error_db=ERROR_DB, noise_figure_db=NOISE_FIGURE_DB)
    return network_of(reports, Cells(points, WIDTH_HZ), given)


def geometric_means(one: Layout, rng: np.random.Generator, effort: str) -> list[float] | None:
    """Geometric mean of the rates of one layout with each of `METHODS`; None if a client hears nothing of its own."""
    network = measured(scanned(one.at_clients_dbm, rng), one.channel)
    heard_dbm = scanned(one.at_points_dbm, rng)
    if network is None:
        return None
    answer = plan(gfm_ra.load(), network, goal="proportional-fair", effort=effort)  # type: ignore[arg-type]
    same = one.channel[:, None] == one.channel
    noise_dbm = noise_power_dbm(-174.0, WIDTH_HZ) + NOISE_FIGURE_DB
    gain = np.where(same, db_to_linear(one.at_clients_dbm - noise_dbm), 0.0)
    powers_dbm = [
        np.full(len(same), FULL_DBM),
        *(rule(heard_dbm, one.channel, strong) for strong in (False, True)),
    ]
    optimum = gfm_ra.load().allocate(gain=gain, goal="proportional-fair", effort="best").power
    powers = [*(db_to_linear(power_dbm - FULL_DBM) for power_dbm in powers_dbm), answer.power[0], optimum]
    return [float(np.exp(np.log(spectral_efficiency(power, gain)).mean())) for power in powers]


def compare(kind: str, channels: int, layouts: int, effort: str) -> tuple[np.ndarray, int]:
    """Geometric means [N, methods] of random layouts, and how many were drawn anew."""
    draw, found, again = (house if kind == "house" else office), [], 0
    rng = stream(0, "scan", kind, channels)
    while len(found) < layouts:
        means = geometric_means(draw(channels, rng), rng, effort)
        again += means is None
        found += [means] if means else []
    return np.array(found), again


def _line(kind: str, channels: int, means: np.ndarray) -> tuple[str, dict[str, Interval]]:
    ratios = {
        f"over {METHODS[column]}": ratio_of_means(means[:, 3], means[:, column], seed=0)
        for column in range(3)
    }
    cells = [kind, str(channels), *(f"{mean:.3f}" for mean in means.mean(0))]
    cells += [f"{one.value:.3f} [{one.low:.3f}, {one.high:.3f}]" for one in ratios.values()]
    return "| " + " | ".join(cells) + " |", ratios


def main(words: Sequence[str] | None = None) -> int:
    """Compare and print a table in Markdown."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.scan", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("--layouts", type=int, default=100, help="of each kind (default: 100)")
    parser.add_argument("--effort", choices=EFFORTS, default="balanced", help="default: balanced")
    parser.add_argument("--json", metavar="OUT", type=Path, help="figures as JSON")
    chosen = parser.parse_args(words)
    if chosen.layouts < 2:
        raise InputError(f"--layouts {chosen.layouts}: at least 2")
    heads = ["layouts", "channels", *METHODS, *(f"plan over {name}" for name in METHODS[:3])]
    print("| " + " | ".join(heads) + " |\n" + "|---" * len(heads) + "|")
    found = []
    for kind in ("house", "office"):
        for channels in CHANNELS:
            means, again = compare(kind, channels, chosen.layouts, chosen.effort)
            line, ratios = _line(kind, channels, means)
            print(line, flush=True)
            rows = {"layouts": kind, "channels": channels, "count": len(means), "drawn_anew": again}
            rows["means"] = dict(zip(METHODS, means.mean(0).tolist(), strict=True))
            found.append(rows | {"ratios": {name: one._asdict() for name, one in ratios.items()}})
    if chosen.json:
        chosen.json.write_text(json.dumps({"effort": chosen.effort, "rows": found}, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except UserError as error:
        print(f"benchmarks.scan: {one_line(error)}", file=sys.stderr)
        sys.exit(2)
