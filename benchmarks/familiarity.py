"""How well the paper's networks are told from those of other worlds, and how soon a switch of worlds is noticed.

    python -m benchmarks.familiarity
    python -m benchmarks.familiarity --out metrics/familiarity.json

AUROC: of a network of D16 to D20 and one of the other world, how often the latter is less familiar; 200 networks of
each world. The first column is against all of D16 to D20 (K = 20 to 80), the second against as dense networks of the
world's own K, the third as the first with half of the pairs hidden. Delay: answers from the switch to the alarm, the
most over the seeds; before it, each seed serves 10,000 networks of D16 to D20, in which there must be none.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from benchmarks.worlds.run import published
from benchmarks.worlds.table import WORLDS
from benchmarks.worlds.world import networks
from components.channel.scenario import OUT_OF_DISTRIBUTION
from components.evaluation.familiarity import draw
from gfm_ra.errors import InputError, UserError, one_line
from gfm_ra.familiarity import Drift, Reference, load
from gfm_ra.familiarity.fitting import hide
from gfm_ra.familiarity.packaged import HOME
from gfm_ra.network import Network

COUNT = 200
SERVED = 10_000  # before the switch
_SEED = 2**43
FOREIGN = tuple(name for name in WORLDS if name not in OUT_OF_DISTRIBUTION)


class Row(NamedTuple):
    """A foreign world."""

    world: str
    links: int
    auroc: float
    auroc_same_links: float
    auroc_half_hidden: float
    median: float  # familiarity
    delay: int = 0  # answers until the alarm, the most over seeds; 0: none within COUNT


def auroc(usual: np.ndarray, unusual: np.ndarray) -> float:
    """How often a familiarity of the second kind lies below one of the first; ties count half."""
    ordered = np.sort(usual)
    below = np.searchsorted(ordered, unusual, "left") + np.searchsorted(ordered, unusual, "right")
    return 1.0 - float(below.mean()) / (2.0 * len(usual))


def familiarity(reference: Reference, gain_db: np.ndarray, hidden: float = 0.0) -> np.ndarray:
    """Of networks [n, K, K], with a share of their pairs hidden."""
    shown = hide(gain_db, hidden, np.random.default_rng(_SEED))
    return np.atleast_1d(reference.familiarity(Network(gain_db=shown)))


def separation(reference: Reference, world: str, home: dict[float, np.ndarray]) -> tuple[Row, np.ndarray]:
    """A world's row, and the familiarity of its networks; home: that of D16 to D20 by the share that is hidden."""
    gain_db = published(WORLDS[world], COUNT)
    seen = familiarity(reference, gain_db)
    same = familiarity(reference, draw(HOME, WORLDS[world].links, 1000, _SEED))
    half = familiarity(reference, gain_db, 0.5)
    row = Row(
        world, WORLDS[world].links, auroc(home[0.0], seen), auroc(same, seen), auroc(home[0.5], half),
        float(np.median(seen)),
    )  # fmt: skip
    return row, seen


def delay(detector: Drift, seen: np.ndarray) -> int:
    """Answers until the alarm; 0 if there is none."""
    for number, one in enumerate(seen, start=1):
        if detector.add(float(one)):
            return number
    return 0


def before(reference: Reference, seed: int) -> tuple[Drift, int]:
    """A detector that has seen 10,000 networks of D16 to D20 in any order, and how often it gave alarm."""
    each = SERVED // len(OUT_OF_DISTRIBUTION)
    served = np.concatenate(
        [familiarity(reference, networks(WORLDS[name], each, 1000 + seed)) for name in OUT_OF_DISTRIBUTION]
    )
    detector = Drift()
    order = np.random.default_rng(seed).permutation(served)
    return detector, sum(detector.add(float(one)) for one in order)


def measure(seeds: int) -> dict[str, Any]:
    """Everything that is reported."""
    reference = load(HOME)
    of_home = [published(WORLDS[name], COUNT) for name in OUT_OF_DISTRIBUTION]
    home = {
        hidden: np.concatenate([familiarity(reference, gain_db, hidden) for gain_db in of_home])
        for hidden in (0.0, 0.5)
    }
    found = [separation(reference, world, home) for world in FOREIGN]
    delays: dict[str, list[int]] = {world: [] for world in FOREIGN}
    false_alarms = []
    for seed in range(seeds):
        detector, alarms = before(reference, seed)
        false_alarms.append(alarms)
        for row, seen in found:
            one = Drift()
            one.evidence = detector.evidence
            delays[row.world].append(delay(one, np.random.default_rng(seed).permutation(seen)))
    rows = [row._replace(delay=0 if 0 in delays[row.world] else max(delays[row.world])) for row, _ in found]
    levels = {f"{level:g}": float((home[0.0] <= level).mean()) for level in (0.01, 0.05, 0.1, 0.5)}
    return {
        "reference": HOME, "seeds": seeds, "networks": COUNT, "home_at_most": levels, "false_alarms": false_alarms,
        "worlds": [row._asdict() for row in sorted(rows, key=lambda row: row.auroc)],
    }  # fmt: skip


def table(found: dict[str, Any]) -> list[str]:
    """The figures as lines."""
    lines = [f"{'world':22s} {'K':>3s}  AUROC  same K  half hidden  median  delay"]
    for row in (Row(**each) for each in found["worlds"]):
        lines.append(
            f"{row.world:22s} {row.links:3d} {row.auroc:6.4f}  {row.auroc_same_links:6.4f}       "
            f"{row.auroc_half_hidden:6.4f}  {row.median:6.4f}  {row.delay or 'none'}"
        )
    shares = ", ".join(f"{share:.3f} at {level}" for level, share in found["home_at_most"].items())
    lines.append(f"D16 to D20, share of networks with at most that familiarity: {shares}")
    lines.append(f"alarms in {SERVED} networks of D16 to D20, by seed: {found['false_alarms']}")
    return lines


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the table, and write it where that is asked for."""
    words = argparse.ArgumentParser(
        "python -m benchmarks.familiarity", description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False,
    )  # fmt: skip
    words.add_argument(
        "--seeds", type=int, default=5, help="of what is served before the switch (default: 5)"
    )
    words.add_argument("--out", type=Path, metavar="JSON", help="the figures, rounded")
    given = words.parse_args(arguments)
    if given.seeds < 1:
        raise InputError(f"--seeds must be at least 1, got {given.seeds}")
    if given.out is not None and not given.out.parent.is_dir():
        raise InputError(f"--out {given.out}: there is no folder {given.out.parent}")
    found = measure(given.seeds)
    print(*table(found), sep="\n")
    if given.out is not None:
        rounded = json.loads(json.dumps(found), parse_float=lambda text: round(float(text), 4))
        given.out.write_text(json.dumps(rounded, indent=1) + "\n")


if __name__ == "__main__":
    try:
        main()
    except (UserError, ValueError, OSError) as error:
        print(f"benchmarks.familiarity: {one_line(error)}", file=sys.stderr)
        sys.exit(2 if isinstance(error, InputError | ValueError) else 1)
