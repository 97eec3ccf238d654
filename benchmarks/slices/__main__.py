"""Slices on one band: how often least rates are met, and what the eMBB slice gets beside a static partition.

    python -m benchmarks.slices                                      # minutes; 300 home networks of 20 and of 50 links
    python -m benchmarks.slices --links 20 --efforts fast --count 30
    python -m benchmarks.slices --out metrics/slices.json

A fifth of the links is a URLLC slice whose links are each to get the least rate, the others are eMBB. Met: networks in
which all links of the URLLC slice have it; can be met: those in which `gfm_ra.exact.feasible` says so. Rates and
ratios are of the eMBB slice in the latter, with 95 % intervals (bootstrap over networks). Partition: both slices apart
in time or in frequency with the least part that meets the least rates, found exactly, eMBB by WMMSE in what is left;
best partition: the better of both in each network, WMMSE the best of 100 starts. Alone: eMBB links without a URLLC
slice, WMMSE the best of 100 starts, which nobody with one can be far above. Oracle: `benchmarks/slices/oracle.py`.
"""

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

import gfm_ra
from benchmarks.slices.networks import SEED, band_part, home, partitioned, time_part
from benchmarks.slices.oracle import STARTS, oracle
from benchmarks.worlds.report import check_target
from components.intervals import Interval, ratio_of_means
from gfm_ra.errors import InputError, UserError, one_line
from gfm_ra.inference.comparison import EFFORTS, Effort

RATES, LINKS, NETWORKS = (0.5, 1.0, 2.0), (20, 50), 300
PART = 5
"""One link in so many is of the URLLC slice."""


class Row(NamedTuple):
    """One effort at one size and least rate."""

    links: int
    least_rate: float
    effort: Effort
    can_be_met: float  # part of the networks
    met: float
    wrong: int  # networks in which the two differ
    rate: float  # eMBB, mean over the networks in which least rates can be met
    in_time: Interval  # over the partition of the time, and so on
    in_band: Interval
    best_partition: Interval
    oracle: Interval | None
    ceiling: float  # the links alone, without a URLLC slice, over the partition of the time

    def text(self) -> str:
        """The line in Markdown."""
        cells = [str(self.links), f"{self.least_rate:g}", self.effort]
        cells += [f"{100 * self.can_be_met:.1f} %", f"{100 * self.met:.1f} %", f"{self.rate:.1f}"]
        cells += [_ratio(each) for each in (self.in_time, self.in_band, self.best_partition, self.oracle)]
        cells += [f"{self.ceiling:.3f}"]
        return "| " + " | ".join(cells) + " |"


HEAD = ("links", "least rate", "effort", "can be met", "met", "eMBB, bit/s/Hz", "over time partition",
        "over band partition", "over best partition", "over oracle", "alone over time partition")  # fmt: skip


def rows(allocator: gfm_ra.Allocator, given: argparse.Namespace) -> Iterator[Row]:
    """A row for every size, least rate and effort."""
    for links in given.links:
        gain = home(links, given.count)
        for rate in given.rates:
            yield from _rows(allocator, gain, rate, given.efforts, given.oracle)


def _rows(
    allocator: gfm_ra.Allocator, gain: np.ndarray, rate: float, efforts: Sequence[Effort], with_oracle: bool
) -> Iterator[Row]:
    links = gain.shape[-1]
    urllc = links // PART
    slices = [
        gfm_ra.Slice.urllc(range(urllc), least_rate=rate),
        gfm_ra.Slice.embb(range(urllc, links)),
    ]
    first, others = gain[:, :urllc, :urllc], gain[:, urllc:, urllc:]
    can = np.asarray(gfm_ra.exact.feasible(first, rate).feasible)
    if not can.any():
        raise InputError(f"--rates {rate:g}: no network of {links} links can have it: ask for less")
    in_time, in_band = time_part(first[can], rate), band_part(first[can], rate)
    apart = [
        partitioned(others[can], part, narrow, starts)
        for starts in (1, 100)
        for part, narrow in ((in_time, False), (in_band, True))
    ]
    references = [apart[0], apart[1], np.maximum(apart[2], apart[3])]
    references += [oracle(gain[can], urllc, rate, SEED)] if with_oracle else []
    alone = partitioned(others[can], np.zeros(int(can.sum())), False, 100)
    for effort in efforts:
        answer = allocator.allocate(gain=gain, slices=slices, effort=effort)
        met = answer.slices[0].status == "adequate"
        reached = answer.slices[1].rate[can]
        ratios = [ratio_of_means(reached, each, SEED) for each in references]
        yield Row(
            links, rate, effort, float(can.mean()), float(met.mean()), int((met != can).sum()),
            float(reached.mean()), ratios[0], ratios[1], ratios[2], ratios[3] if with_oracle else None,
            float(alone.mean() / apart[0].mean()),
        )  # fmt: skip


def _ratio(found: Interval | None) -> str:
    return "" if found is None else f"{found.value:.3f} [{found.low:.3f}, {found.high:.3f}]"


def main(words: Sequence[str] | None = None) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        "python -m benchmarks.slices",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--model", help="what gfm_ra.load takes (default: the newest weights in the package)")
    add("--links", type=int, nargs="+", default=list(LINKS), help="sizes (20 50)")
    add("--rates", type=float, nargs="+", default=list(RATES), help="least rates, bit/s/Hz (0.5 1 2)")
    add("--efforts", nargs="+", choices=EFFORTS, default=list(EFFORTS), help="default: all")
    add("--count", type=int, default=NETWORKS, help="networks of each size (300)")
    add("--no-oracle", dest="oracle", action="store_false", help="leave the slowest reference out")
    add("--out", type=Path, metavar="JSON", help="the rows as JSON")
    given = parser.parse_args(words)
    if given.count < 3:
        raise InputError(f"--count must be at least 3, got {given.count}")
    if min(given.links) < 2 * PART:
        raise InputError(f"--links must be at least {2 * PART}, got {min(given.links)}")
    if given.out is not None:
        check_target(given.out)
    allocator = gfm_ra.load(given.model)
    print(
        f"{given.count} networks of D16, D18 and D20 of each size; {allocator.name}; oracle: {STARTS} starts\n"
    )
    print(f"| {' | '.join(HEAD)} |\n{'|---' * len(HEAD)}|")
    told = []
    for row in rows(allocator, given):
        print(row.text(), flush=True)
        told.append(_rounded(row))
    if given.out is not None:
        about = {"networks": given.count, "model": allocator.name, "oracle_starts": STARTS}
        given.out.write_text(json.dumps(about | {"rows": told}, indent=1) + "\n")


def _rounded(row: Row) -> dict[str, object]:
    found: dict[str, object] = {}
    for name, value in row._asdict().items():
        if isinstance(value, Interval):
            found[name] = [round(each, 4) for each in value]
        else:
            found[name] = round(value, 4) if isinstance(value, float) else value
    return found


if __name__ == "__main__":
    try:
        main()
    except (UserError, ValueError, OSError) as error:
        print(f"benchmarks.slices: {one_line(error)}", file=sys.stderr)
        sys.exit(2 if isinstance(error, InputError | ValueError) else 1)
