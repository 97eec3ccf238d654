"""Tables of the guides that are made from committed files of `metrics/` and from the card of the packaged weights."""

import json
from pathlib import Path

from benchmarks.tables import bands, learnt, others
from benchmarks.tables import worlds as of_worlds
from dags.readme import filled
from gfm_ra.weights import catalogue

METRICS, DOCS = Path("metrics"), Path("docs")


def pages(metrics: Path = METRICS) -> dict[str, dict[str, str]]:
    """The made parts of every guide, by its file name."""
    rows = json.loads((metrics / "worlds.json").read_text())["rows"]
    found: of_worlds.Rows = {(row["world"], row["goal"], row["method"]): row for row in rows}
    worlds = list(dict.fromkeys(row["world"] for row in rows))
    model = next(row["method"] for row in rows if row["method"].endswith(" fast")).removesuffix(" fast")
    banded = {
        name: json.loads((metrics / f"{name}.json").read_text())["worlds"]
        for name in ("bands", "bands-exclusive")
    }
    return {
        "worlds.md": {
            "packaged": of_worlds.packaged(found, worlds, model),
            "practice": of_worlds.practice(found, worlds, model),
            "peers": of_worlds.peers(found, worlds, model),
            "rivals": learnt.rivals(json.loads((metrics / "rivals.json").read_text())["rows"]),
            "front": of_worlds.front(json.loads((metrics / "front.json").read_text())["points"]),
        },
        "design.md": {
            "architectures": learnt.architectures(
                json.loads((metrics / "architectures.json").read_text())["rows"]
            )
        },
        "adaptation.md": {"curves": learnt.curves(json.loads((metrics / "adaptation.json").read_text()))},
        "bridges.md": {
            "downlink": others.downlink(json.loads((metrics / "downlink.json").read_text())["rows"])
        },
        "reliability.md": {
            "robustness": others.robustness(json.loads((metrics / "robustness.json").read_text())["rows"])
        },
        "bands.md": {
            "efforts": bands.efforts(banded["bands"]),
            "references": bands.references(banded["bands"]),
            "on-off": bands.on_off(banded["bands"]),
            "exclusive": bands.efforts(banded["bands-exclusive"]),
        },
        "slices.md": {"slices": others.slices(json.loads((metrics / "slices.json").read_text())["rows"])},
        "familiarity.md": {"foreign": others.foreign(json.loads((metrics / "familiarity.json").read_text()))},
        "performance.md": {
            "cities": others.cities(json.loads((metrics / "cities.json").read_text())),
            "certified": others.certified(json.loads((metrics / "certified.json").read_text())["ratios"]),
            "proofs": others.proofs(json.loads((metrics / "certified-times.json").read_text())["proofs"]),
        },
        "use.md": {
            "card": learnt.card(catalogue.find().text["results"]),
            "worst": of_worlds.worst(found, worlds, model),
            "reported": others.reported(json.loads((metrics / "reported.json").read_text())["rows"]),
            "hidden": of_worlds.hidden(json.loads((metrics / "hidden.json").read_text())["rows"]),
        },
    }


def main() -> None:
    """Write the made parts into the guides."""
    for name, parts in pages().items():
        path = DOCS / name
        path.write_text(filled(path.read_text(), parts))
