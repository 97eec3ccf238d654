"""`python -m benchmarks.bands`: OFDMA worlds, goals and efforts; `--out metrics/bands.json` keeps the figures."""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import gfm_ra
from benchmarks.bands.measure import Row, goals, measured, scheduled
from benchmarks.worlds.families.ofdma import SHA256, WORLDS
from gfm_ra.errors import InputError, UserError, one_line
from gfm_ra.inference.comparison import EFFORTS

DEFAULT = (
    "ofdma-umi-downlink-20x10",
    "ofdma-umi-uplink-20x10",
    "ofdma-umi-downlink-50x10",
    "ofdma-umi-uplink-50x10",
)
_MIN_RATE = 4.0


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print a line per method, write JSON."""
    given = _parser().parse_args(arguments)
    if given.count < 2:
        raise InputError(f"--count {given.count}: an interval needs 2 networks or more")
    if given.out and not given.out.parent.is_dir():
        raise InputError(f"{given.out}: the folder {given.out.parent} is missing")
    allocator = gfm_ra.load(given.weights)
    chosen = goals(given.min_rate)
    kept: dict[str, Any] = {}
    for name in given.worlds:
        world = WORLDS[name]
        for goal in given.goals:
            rows = measured(
                allocator, world, chosen[goal], tuple(given.efforts), given.count, given.exclusive
            )
            _tell(name, goal, rows)
            kept.setdefault(name, {})[goal] = [_rounded(row) for row in rows]
        if given.on_off:
            rows = scheduled(allocator, world, given.count, given.exclusive)
            _tell(name, "on/off", rows)
            kept.setdefault(name, {})["on-off"] = [_rounded(row) for row in rows]
    if given.out:
        about = {
            "networks": given.count,
            "min_rate": given.min_rate,
            "exclusive": given.exclusive,
            "sha256": {name: SHA256[name] for name in given.worlds},
        }
        given.out.write_text(json.dumps({"about": about, "worlds": kept}, indent=1) + "\n", encoding="utf-8")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m benchmarks.bands", description=__doc__)
    add = parser.add_argument
    add("--worlds", nargs="+", choices=tuple(WORLDS), default=list(DEFAULT), metavar="WORLD")
    add("--goals", nargs="+", choices=tuple(goals(1.0)), default=list(goals(1.0)))
    add("--efforts", nargs="+", choices=EFFORTS, default=list(EFFORTS))
    add("--count", type=int, default=20, help="networks of each world, the first of the published ones")
    add(
        "--min-rate",
        "--min_rate",
        type=float,
        default=_MIN_RATE,
        help="least rate of qos over all bands, bit/s/Hz (default: 4)",
    )
    add("--exclusive", action="store_true", help="a cell gives each band to at most one of its users")
    add("--on-off", "--on_off", action="store_true", help="link scheduling beside FPLinQ too")
    add("--weights", help="of the model (default: the newest packaged ones)")
    add("--out", type=Path, metavar="JSON")
    return parser


def _tell(world: str, goal: str, rows: Sequence[Row]) -> None:
    for row in rows:
        interval = f"[{row.low:.4f}, {row.high:.4f}]"
        numbers = f"{row.mean:10.3f}{row.ratio:9.4f}{interval:>18}{row.milliseconds:9.2f} ms"
        print(f"{world:26}{goal:19}{row.method:42}{numbers}", flush=True)


def _rounded(row: Row) -> dict[str, float | str]:
    return {
        key: value if isinstance(value, str) else float(f"{value:.5g}")
        for key, value in row._asdict().items()
    }


if __name__ == "__main__":
    try:
        main()
    except (UserError, ValueError, OSError) as error:
        print(f"benchmarks.bands: {one_line(error)}", file=sys.stderr)
        sys.exit(2 if isinstance(error, InputError | ValueError) else 1)
