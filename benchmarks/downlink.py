"""Joint downlink powers of 21 sectors beside a rule that every cell applies by itself.

    python -m benchmarks.downlink                      # a minute
    python -m benchmarks.downlink --count 20 --out downlink.json

7 sites of 3 sectors, 500 m apart, wrapping around (UMa, TR 38.901, 6 GHz; `benchmarks.worlds.families`), 4 users per
sector with a quarter of its resources each, 49 dBm per sector on 1272 resource elements of 15 kHz, noise figure 9 dB.
Users of the same index share their resources over all sectors. The rule is `benchmarks.cell_rule` with a guaranteed
power ratio of 0.5, its default in Sionna SYS, repeated until its interference is that of its own powers; "same total":
with every cell's power scaled so that all cells of a network together send what the joint decision sends. Rates are
log2(1 + SINR) per own resource. Intervals are 95 %, paired, over networks.
"""

import argparse
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

import gfm_ra
from benchmarks.cell_rule import fair_powers
from benchmarks.worlds.families.cellular import sector_gain_db
from benchmarks.worlds.families.hexagonal import Cluster, served
from benchmarks.worlds.families.laws import uma
from benchmarks.worlds.report import check_target
from components.channel.rng import stream
from components.intervals import RESAMPLES, Interval
from gfm_ra.bridges import downlink_power_control
from gfm_ra.errors import InputError, UserError, one_line
from gfm_ra.units import db_to_linear, dbm_to_w

FULL_DBM, NOISE_FIGURE_DB, RESOURCES, RESOURCE_HZ = 49.0, 9.0, 1272, 15e3
USERS, ASKED_PER_SITE, SPACING_M, NEAREST_M = 4, 60, 500.0, 35.0
GUARANTEED, ROUNDS, NETWORKS, SEED = 0.5, 10, 100, 1
BORESIGHTS_DEG, SECTOR_DBI = np.array([30.0, 150.0, 270.0]), 8.0
FAIRNESS = (0.0, 1.0, 2.0)
EQUAL, RULE, RULE_SAME, JOINT = "equal shares", "rule per cell", "rule per cell, same total", "joint"

Statistic = Callable[[np.ndarray], float]


class Row(NamedTuple):
    """One method at one fairness, over the users of all networks."""

    fairness: float
    method: str
    power: float  # sent, part of all cells' full power
    mean: float  # bit/s/Hz
    fifth: float  # 5th percentile of users, bit/s/Hz
    geometric: float  # geometric mean over users, bit/s/Hz
    mean_ratio: Interval  # over the rule at full power
    fifth_ratio: Interval
    geometric_ratio: Interval

    def text(self) -> str:
        """The line in Markdown."""
        values = [f"{self.power:.3f}", *(f"{value:.3f}" for value in (self.mean, self.fifth, self.geometric))]
        ratios = (self.mean_ratio, self.fifth_ratio, self.geometric_ratio)
        told = [f"{each.value:.3f} [{each.low:.3f}, {each.high:.3f}]" for each in ratios]
        return "| " + " | ".join([f"{self.fairness:g}", self.method, *values, *told]) + " |"


HEAD = (
    "fairness", "method", "power", "mean", "5th %", "geometric mean", "mean / rule", "5th % / rule",
    "geometric mean / rule",
)  # fmt: skip


def losses(count: int, seed: int = SEED) -> np.ndarray:
    """Linear path losses to every user from every sector, [N, 21, USERS, 21]."""
    gain_db = served(_paths, USERS, count, np.random.Generator(np.random.PCG64(seed)))  # [N, K, K]
    cells = gain_db.shape[-1] // USERS
    return db_to_linear(-gain_db.reshape(count, cells, USERS, cells, USERS)[..., 0])


def _paths(count: int, generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Path gain without fading in dB, and K factor of the fading, from all sectors to users, [N, users, 21]."""
    cluster = Cluster(1, SPACING_M)
    offsets_m = cluster.offsets(
        cluster.users(count, ASKED_PER_SITE, NEAREST_M, generator)
    )  # [N, users, 7, 2]
    site_db, factor = uma(6.0).draw(np.hypot(offsets_m[..., 0], offsets_m[..., 1]), generator)
    azimuth_deg = np.rad2deg(np.arctan2(offsets_m[..., 1], offsets_m[..., 0]))
    turned_deg = (azimuth_deg[..., None] - BORESIGHTS_DEG + 540.0) % 360.0 - 180.0  # [N, users, 7, 3]
    path_db = site_db[..., None] + SECTOR_DBI + sector_gain_db(turned_deg)
    return path_db.reshape(*path_db.shape[:2], -1), np.repeat(factor, len(BORESIGHTS_DEG), axis=-1)


class Layout:
    """Networks of cells: what every method knows, and what its powers lead to."""

    def __init__(self, loss: np.ndarray) -> None:
        self.loss = loss  # [N, C, U, C]
        self.own = np.swapaxes(np.diagonal(loss, axis1=1, axis2=3), 1, 2)  # [N, C, U]
        self.noise_w = float(dbm_to_w(-174.0 + 10.0 * np.log10(RESOURCE_HZ) + NOISE_FIGURE_DB))
        self.resources = RESOURCES / USERS
        self.full_w = float(dbm_to_w(FULL_DBM))

    def equal(self) -> np.ndarray:
        """Every user's equal share of its cell's full power, watts [N, C, U]."""
        return np.full(self.own.shape, self.full_w / USERS)

    def disturbance_w(self, power_w: np.ndarray) -> np.ndarray:
        """Interference and noise per resource of every user under powers [N, C, U]."""
        received = power_w.swapaxes(1, 2)[:, None] / self.resources / self.loss  # [N, C, U, C]
        return received.sum(-1) - power_w / self.resources / self.own + self.noise_w

    def rates(self, power_w: np.ndarray) -> np.ndarray:
        """log2(1 + SINR) of every user, [N, C, U]."""
        signal_w = power_w / self.resources / self.own
        return np.log2(1.0 + signal_w / self.disturbance_w(power_w))

    def by_rule(self, fairness: float, budget_w: np.ndarray) -> np.ndarray:
        """The rule of every cell with its budget [N, C], its interference that of its own powers; watts [N, C, U]."""
        power_w = np.broadcast_to(budget_w[..., None] / USERS, self.own.shape)
        resources = np.full(self.own.shape, self.resources)
        for _ in range(ROUNDS):
            quality = 1.0 / (self.own * self.disturbance_w(power_w))
            power_w = fair_powers(quality, resources, budget_w, GUARANTEED, fairness)
        return power_w

    def jointly(self, fairness: float, allocator: gfm_ra.Allocator) -> np.ndarray:
        """What the bridge decides, watts [N, C, U]."""
        power_w, _ = downlink_power_control(
            self.own,
            self.noise_w,
            self.resources,
            FULL_DBM,
            fairness=fairness,
            pathloss_all=self.loss,
            allocator=allocator,
        )
        return power_w


def rows(layout: Layout, allocator: gfm_ra.Allocator) -> Iterator[Row]:
    """A row for every fairness and method."""
    cells = layout.own.shape[:2]
    for fairness in FAIRNESS:
        joint_w = layout.jointly(fairness, allocator)
        part = joint_w.sum((1, 2)) / (cells[1] * layout.full_w)  # [N]
        powers_w = {
            RULE: layout.by_rule(fairness, np.full(cells, layout.full_w)),
            RULE_SAME: layout.by_rule(fairness, np.broadcast_to(part[:, None] * layout.full_w, cells)),
            EQUAL: layout.equal(),
            JOINT: joint_w,
        }
        rates = {method: layout.rates(power_w).reshape(len(part), -1) for method, power_w in powers_w.items()}
        for method, found in rates.items():
            power = float(powers_w[method].sum() / (np.prod(cells) * layout.full_w))
            statistics = (mean, fifth, geometric)
            values = (statistic(found) for statistic in statistics)
            ratios = (paired_ratio(found, rates[RULE], statistic) for statistic in statistics)
            yield Row(fairness, method, power, *(*values, *ratios))  # type: ignore[arg-type]


def mean(rates: np.ndarray) -> float:
    """Mean rate of all users."""
    return float(rates.mean())


def fifth(rates: np.ndarray) -> float:
    """5th percentile of all users' rates."""
    return float(np.percentile(rates, 5.0))


def geometric(rates: np.ndarray) -> float:
    """Geometric mean of all users' rates; those of silent users count as 1e-6."""
    return float(np.exp(np.log(rates + 1e-6).mean()))


def paired_ratio(rates: np.ndarray, reference: np.ndarray, statistic: Statistic) -> Interval:
    """A statistic of rates [N, users] over that of the reference, with a bootstrap over the same networks."""
    generator, count = stream(SEED, "bootstrap"), len(rates)
    drawn = (generator.integers(count, size=count) for _ in range(RESAMPLES))
    found = [statistic(rates[some]) / statistic(reference[some]) for some in drawn]
    low, high = np.quantile(found, [0.025, 0.975])
    return Interval(statistic(rates) / statistic(reference), float(low), float(high))


def main(words: list[str] | None = None) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        prog="benchmarks.downlink", description="Joint downlink powers of 21 sectors beside a rule per cell."
    )
    parser.add_argument("--model", help="what gfm_ra.load takes (default: the newest weights in the package)")
    parser.add_argument("--count", type=int, default=NETWORKS, help="networks (100)")
    parser.add_argument("--out", type=Path, help="the rows as JSON")
    given = parser.parse_args(words)
    if given.count < 2:
        raise InputError(f"--count must be at least 2, got {given.count}")
    if given.out is not None:
        check_target(given.out)
    allocator = gfm_ra.load(given.model)
    print(f"{given.count} networks of 21 sectors, {USERS} users each; {allocator.name}\n")
    print(f"| {' | '.join(HEAD)} |\n{'|---' * len(HEAD)}|")
    told = []
    for row in rows(Layout(losses(given.count)), allocator):
        print(row.text(), flush=True)
        told.append(row._asdict())
    if given.out is not None:
        settings = {"networks": given.count, "users": USERS, "full_dbm": FULL_DBM, "guaranteed": GUARANTEED}
        given.out.write_text(json.dumps(settings | {"model": allocator.name, "rows": told}, indent=1) + "\n")


if __name__ == "__main__":
    try:
        main()
    except (UserError, ValueError) as error:
        print(f"benchmarks.downlink: {one_line(error)}", file=sys.stderr)
        sys.exit(2 if isinstance(error, InputError | ValueError) else 1)
