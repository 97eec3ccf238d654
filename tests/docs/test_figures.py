"""Tables of the guides hold what the committed metrics files say."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.release
GOALS = ("sum-rate", "proportional-fair", "alpha-0.5", "alpha-2", "qos")


def table(root: Path, guide: str, heading: str) -> dict[str, list[str]]:
    """Cells by the first of each row under a heading, code marks taken off."""
    text = (root / "docs" / guide).read_text().split(f"## {heading}\n")[1].split("\n## ")[0]
    rows = re.findall(r"^\| `([^`]+)` \| (.*) \|$", text, flags=re.MULTILINE)
    found: dict[str, list[str]] = {}
    for name, cells in rows:
        found.setdefault(name, []).extend(cells.split(" | "))
    return found


def test_ratios_in_the_test_worlds(root: Path) -> None:
    rows = json.loads((root / "metrics" / "worlds.json").read_text())["rows"]
    ratio = {(row["world"], row["goal"], row["method"]): f"{row['ratio']:.3f}" for row in rows}
    shown = table(root, "worlds.md", "The packaged weights")
    assert set(shown) == {row["world"] for row in rows}
    for world, cells in shown.items():
        for goal, cell in zip(GOALS, cells, strict=False):
            efforts = " / ".join(ratio[world, goal, f"any-world-2 {e}"] for e in ("fast", "balanced", "best"))
            assert cell == f"{ratio[world, goal, 'WMMSE, 1 start']}: {efforts}", (world, goal)


def test_curves_of_adaptation(root: Path) -> None:
    rows: list[dict[str, Any]] = json.loads((root / "metrics" / "adaptation.json").read_text())
    of = {(row["world"], row["goal"], row["way"], row["samples"]): row for row in rows}
    shown = table(root, "adaptation.md", "How much it brings")
    for world, cells in shown.items():
        for number in range(0, len(cells), 4):
            goal, _, *ways = cells[number : number + 4]
            for way, cell in zip(("prompt", "lora"), ways, strict=True):
                found = [of[world, goal, way, samples] for samples in (64, 256, 2048)]
                expected = [
                    "{:+.3g} [{:+.3g}, {:+.3g}]".format(*row["difference"]) if row["kept"] else "kept"
                    for row in found
                ]
                assert cell == " / ".join(expected), (world, goal, way)
    assert not [row for row in rows if row["difference"][2] < 0]
