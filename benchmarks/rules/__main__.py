"""The commands of `python -m benchmarks.rules`."""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.rules.prices import prices
from benchmarks.rules.violations import Found, checked
from gfm_ra.errors import InputError, UserError, one_line

COUNT, BATCH = 1_000_000, 500


def main(words: Sequence[str] | None = None) -> None:
    """Count violations, or print what an incumbent's cap costs."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.rules", description=__doc__)
    parser.add_argument("--count", type=int, default=COUNT, help=f"random networks (default: {COUNT})")
    parser.add_argument("--batch", type=int, default=BATCH, help=f"of one size and kind (default: {BATCH})")
    parser.add_argument(
        "--first", type=int, default=0, help="number of the first case, which seeds it (default: 0)"
    )
    parser.add_argument("--price", action="store_true", help="what an incumbent's cap costs, instead")
    parser.add_argument("--networks", type=int, default=50, help="of --price (default: 50)")
    parser.add_argument("--out", metavar="FILE", help="everything as JSON as well")
    asked = parser.parse_args(words)
    for name in ("count", "batch", "networks"):
        if getattr(asked, name) < 1:
            raise InputError(f"--{name} {getattr(asked, name)}: must be 1 or more")
    if asked.price:
        rows = [row._asdict() for row in prices(asked.networks)]
        for row in rows:
            print(
                "  ".join(
                    f"{name} {value:.4g}" if isinstance(value, float) else str(value)
                    for name, value in row.items()
                )
            )
        told: object = rows
    else:
        found = checked(asked.count, asked.batch, asked.first)
        print(found.line())
        told = found._asdict()
    if asked.out:
        Path(asked.out).write_text(json.dumps(told, indent=1) + "\n")
    if isinstance(told, dict) and Found(**told).broken:
        raise UserError("some powers break a limit or a rule")


if __name__ == "__main__":
    try:
        main()
    except UserError as error:
        print(f"benchmarks.rules: {one_line(error)}", file=sys.stderr)
        sys.exit(2 if isinstance(error, InputError) else 1)
