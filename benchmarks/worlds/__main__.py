"""Measure a model, or an allocator of your own, in worlds that no model was trained on.

    python -m benchmarks.worlds
    python -m benchmarks.worlds --worlds umi-downlink wyner --goals sum-rate --efforts fast balanced best
    python -m benchmarks.worlds --efforts --allocator mine:powers --out mine.json --plot mine.png

Ratios are to the best of 100 WMMSE starts of the same goal. docs/worlds.md describes worlds and columns.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.worlds import report
from benchmarks.worlds.allocators import Method, of_function, of_package
from benchmarks.worlds.peers import of_folder, trained_for
from benchmarks.worlds.run import GOALS, Row, measure
from benchmarks.worlds.table import WORLDS
from gfm_ra.errors import InputError, UserError, one_line
from gfm_ra.inference.comparison import EFFORTS


def parser() -> argparse.ArgumentParser:
    """The command line."""
    words = argparse.ArgumentParser(
        "python -m benchmarks.worlds",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    words.add_argument("--worlds", nargs="+", default=list(WORLDS), metavar="WORLD", help="default: all")
    words.add_argument("--goals", nargs="+", choices=list(GOALS), default=list(GOALS), help="default: all")
    words.add_argument(
        "--efforts", nargs="*", choices=EFFORTS, default=["fast", "balanced"], help="none: no model"
    )
    words.add_argument("--count", type=int, default=200, help="networks per world (default: 200)")
    words.add_argument("--weights", metavar="NAME|FOLDER", help="default: the package's newest")
    words.add_argument(
        "--allocator", metavar="MODULE:FUNCTION", help="f(gain [B, K, K], goal) -> power [B, K]"
    )
    words.add_argument(
        "--peers", type=Path, metavar="FOLDER", help="learned peers that `make worlds` trained"
    )
    words.add_argument("--runs", nargs="+", type=int, metavar="NUMBER", help="of the peers; default: all")
    words.add_argument("--metrics", type=Path, metavar="JSON", help="the rows that are committed, rounded")
    words.add_argument("--out", type=Path, metavar="JSON", help="all rows")
    words.add_argument("--plot", type=Path, metavar="PNG", help="one picture")
    return words


def main(arguments: Sequence[str] | None = None) -> None:
    """Print a line per world, goal and method as they come, and a summary."""
    given = parser().parse_args(arguments)
    unknown = [name for name in given.worlds if name not in WORLDS]
    if unknown:
        raise InputError(f"--worlds {' '.join(unknown)}: unknown; there are {', '.join(WORLDS)}")
    if given.count < 1:
        raise InputError(f"--count must be at least 1, got {given.count}")
    for path in (given.out, given.plot, given.metrics):
        if path is not None:
            report.check_target(path)
    if given.plot is not None:
        report.check_plots()
    methods = of_package(given.weights, given.efforts)
    if given.allocator is not None:
        methods[given.allocator] = of_function(given.allocator)
    if given.runs is not None and given.peers is None:
        raise InputError("--runs chooses among peers: say --peers FOLDER too")
    peers: dict[str, Method] = {} if given.peers is None else of_folder(given.peers, given.runs)
    rows: list[Row] = []
    print(report.HEADER)
    chosen = [WORLDS[name] for name in dict.fromkeys(given.worlds)]
    goals = list(dict.fromkeys(given.goals))
    for some in measure(chosen, goals, given.count, methods | peers, trained_for(peers)):
        rows += some
        print(*map(report.line, some), sep="\n", flush=True)
    print("", *report.summary(rows), sep="\n")
    if given.out is not None:
        report.write_json(given.out, rows, given.count)
    if given.metrics is not None:
        report.write_metrics(given.metrics, rows, given.count)
    if given.plot is not None:
        report.write_plot(given.plot, rows)


if __name__ == "__main__":
    try:
        main()
    except (UserError, ValueError, OSError) as error:
        print(f"benchmarks.worlds: {one_line(error)}", file=sys.stderr)
        sys.exit(2 if isinstance(error, InputError | ValueError) else 1)
