"""What an energy-efficient answer costs in joules, beside the radio energy that it saves in a slot.

    python -m benchmarks.energy                                   # a minute; home at 10 dBm, UMa downlink at 46 dBm
    python -m benchmarks.energy --circuit-power 5 --watts 10 --out energy.json

An answer's energy is the processor time of `allocate` for one network times `--watts`, what a busy core is said to
draw. Radio energy is what all amplifiers and circuits consume in a slot of 10 ms, `EnergyEfficiency.consumed` times
full power. Saved in the same time: beside full power in every link. Saved for the same bits: beside what full power
consumes for as many bits as the answer's powers deliver in the slot.
"""

import argparse
import json
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

import gfm_ra
from benchmarks.efforts import processor
from benchmarks.worlds.report import check_target
from benchmarks.worlds.run import published
from benchmarks.worlds.table import WORLDS
from gfm_ra.energy import KINDS, EnergyEfficiency
from gfm_ra.errors import InputError, UserError, one_line
from gfm_ra.inference.comparison import Effort
from gfm_ra.latency import measure
from gfm_ra.rates import spectral_efficiency
from gfm_ra.units import dbm_to_w, to_gain

SLOT_S = 0.01
WATTS, CIRCUIT_POWER, NETWORKS, SECONDS = 15.0, 1.0, 100, 1.0
EFFORTS: tuple[Effort, ...] = ("balanced", "best")


class Site(NamedTuple):
    """A world, and the transmit power that its networks are taken at."""

    name: str
    world: str
    power_dbm: float
    published_dbm: float


SITES = (
    Site("home, D16", "D16", 10.0, 10.0),
    Site("home, D18", "D18", 10.0, 10.0),
    Site("UMa downlink", "uma-downlink", 46.0, 49.0),
)


class Row(NamedTuple):
    """One effort at one site: means over networks."""

    site: str
    links: int
    power_dbm: float
    effort: Effort
    answer_ms: float
    answer_j: float
    full_power_j: float  # radio energy of a slot at full power
    saved_same_time_j: float
    saved_same_bits_j: float
    efficiency: float  # over full power's
    rate: float  # over full power's
    slots: float  # that the powers must stand for the saving at the same bits to pay for the answer

    def text(self) -> str:
        """The line in Markdown."""
        joules = (self.answer_j, self.full_power_j, self.saved_same_time_j, self.saved_same_bits_j)
        cells = [self.site, str(self.links), f"{self.power_dbm:g}", self.effort, f"{self.answer_ms:.1f}"]
        cells += [f"{1e3 * value:.3g}" for value in joules]
        cells += [f"{self.efficiency:.2f}", f"{self.rate:.2f}", f"{self.slots:.2g}"]
        return "| " + " | ".join(cells) + " |"


HEAD = (
    "site", "links", "dBm", "effort", "answer, ms", "answer, mJ", "slot at full power, mJ", "saved, same time, mJ",
    "saved, same bits, mJ", "efficiency", "rate", "slots to pay",
)  # fmt: skip


def rows(
    allocator: gfm_ra.Allocator, goal: EnergyEfficiency, count: int, watts: float, seconds: float
) -> Iterator[Row]:
    """A row for every site and effort."""
    for site in SITES:
        gain_db = published(WORLDS[site.world], count) + (site.power_dbm - site.published_dbm)
        for effort in EFFORTS:
            yield row(site, effort, allocator, goal, gain_db, watts, seconds)


def row(
    site: Site,
    effort: Effort,
    allocator: gfm_ra.Allocator,
    goal: EnergyEfficiency,
    gain_db: np.ndarray,
    watts: float,
    seconds: float,
) -> Row:
    """Networks gain_db [N, K, K] under one effort."""
    found = allocator.allocate(gain_db=gain_db, goal=goal, effort=effort)
    taken = measure(
        lambda: allocator.allocate(gain_db=gain_db[0], goal=goal, effort=effort), 1, seconds, 1, 5
    )
    ones = np.ones(found.power.shape)
    slot_j = float(dbm_to_w(site.power_dbm)) * SLOT_S
    full_j = slot_j * goal.consumed(ones).sum(-1)  # [N]
    used_j = slot_j * goal.consumed(found.power.astype(np.float64)).sum(-1)
    full_rate = spectral_efficiency(ones, to_gain(gain_db).astype(np.float64)).sum(-1)
    rate = found.rate.sum(-1)
    same_bits_j = full_j * rate / full_rate - used_j
    answer_j = taken.cpu_ms * 1e-3 * watts
    return Row(
        site.name, gain_db.shape[-1], site.power_dbm, effort, taken.cpu_ms, answer_j, float(full_j.mean()),
        float((full_j - used_j).mean()), float(same_bits_j.mean()),
        float((rate / used_j).mean() / (full_rate / full_j).mean()), float(rate.mean() / full_rate.mean()),
        answer_j / float(same_bits_j.mean()),
    )  # fmt: skip


def main(words: Sequence[str] | None = None) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        prog="benchmarks.energy", description="Energy of answers, and saved by them."
    )
    parser.add_argument("--model", help="what gfm_ra.load takes (default: the newest weights in the package)")
    parser.add_argument("--circuit-power", type=float, default=CIRCUIT_POWER, help="units of full power (1)")
    parser.add_argument("--amplifier-efficiency", type=float, default=0.35, help="default: 0.35")
    parser.add_argument("--energy-kind", choices=KINDS, default=KINDS[0], help="default: global")
    parser.add_argument("--watts", type=float, default=WATTS, help="of a busy core (15)")
    parser.add_argument("--count", type=int, default=NETWORKS, help="networks per site (100)")
    parser.add_argument("--seconds", type=float, default=SECONDS, help="that a time is measured for (1)")
    parser.add_argument("--out", type=Path, help="the rows as JSON")
    given = parser.parse_args(words)
    goal = EnergyEfficiency(given.circuit_power, given.amplifier_efficiency, given.energy_kind)
    for name in ("watts", "count", "seconds"):
        if not 0 < getattr(given, name) < float("inf"):
            raise InputError(f"--{name} must be above 0, got {getattr(given, name)}")
    if given.out is not None:
        check_target(given.out)
    load = f"load {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "load unknown"
    allocator = gfm_ra.load(given.model)
    print(f"{processor()}, {load}; {allocator.name}; {goal!r}; {given.watts:g} W a core, slots of 10 ms\n")
    print(f"| {' | '.join(HEAD)} |\n{'|---' * len(HEAD)}|")
    told = []
    for each in rows(allocator, goal, given.count, given.watts, given.seconds):
        print(each.text(), flush=True)
        told.append(each._asdict())
    if given.out is not None:
        settings = {"circuit_power": goal.circuit_power, "amplifier_efficiency": goal.amplifier_efficiency}
        settings |= {
            "energy_kind": goal.kind,
            "watts": given.watts,
            "networks": given.count,
            "slot_s": SLOT_S,
        }
        given.out.write_text(json.dumps(settings | {"processor": processor(), "rows": told}, indent=1) + "\n")


if __name__ == "__main__":
    try:
        main()
    except (UserError, ValueError) as error:
        print(f"benchmarks.energy: {one_line(error)}", file=sys.stderr)
        sys.exit(2 if isinstance(error, InputError | ValueError) else 1)
