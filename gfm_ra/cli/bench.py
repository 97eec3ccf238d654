"""`gfm-ra bench`: how long an answer takes here."""

import argparse
from functools import partial

from gfm_ra.allocator import EFFORTS
from gfm_ra.cli.tables import table
from gfm_ra.core import loader
from gfm_ra.errors import InputError
from gfm_ra.latency import measure, typical_gains
from gfm_ra.loading import load

_WARM_UP = 3


def command(chosen: argparse.Namespace) -> int:
    """Print a line for every effort, number of networks and number of links."""
    links, batch = _numbers("--links", chosen.links), _numbers("--batch", chosen.batch)
    efforts = chosen.effort.split(",")
    if wrong := [effort for effort in efforts if effort not in EFFORTS]:
        raise InputError(f"--effort {wrong[0]}: choose from {', '.join(EFFORTS)}")
    if chosen.threads < 1 or not chosen.seconds > 0:
        raise InputError("--threads must be 1 or more, --seconds more than 0")
    allocator = load(chosen.model)
    rows = []
    for effort in efforts:
        for count in batch:
            for size in links:
                call = partial(
                    allocator.allocate, gain_db=typical_gains(count, size), goal=chosen.goal, effort=effort,
                    threads=chosen.threads,
                )  # fmt: skip
                found = measure(call, count, chosen.seconds, _WARM_UP)
                shown = [f"{value:.3f}" for value in (found.least_ms, found.p50_ms, found.p99_ms)]
                shown.append(f"{found.snapshots_per_s:,.0f}")
                rows.append([effort, str(count), str(size), *shown])
    print(f"{allocator.name}, {chosen.goal}, {chosen.threads} threads, {loader.instruction_set()}")  # noqa: T201
    print(table(["effort", "networks", "links", "min ms", "p50 ms", "p99 ms", "networks/s"], rows))  # noqa: T201
    return 0


def _numbers(flag: str, text: str) -> list[int]:
    words = text.split(",")
    if not all(word.isdigit() and 0 < int(word) < 2**31 for word in words):
        raise InputError(f"{flag} {text}: must be whole numbers from 1 on, separated by commas")
    return [int(word) for word in words]
