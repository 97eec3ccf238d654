"""The parts of README.md that are made, not written: measured numbers and the list of files.

Usage: python -m dags.readme (writes them; a test compares).
"""

import ast
import json
import re
from pathlib import Path
from typing import Any

README = Path("README.md")
METRICS = Path("metrics")
LAYERS = ("dags", "pipelines", "components")
LISTED_BY_FOLDER = ("components/solvers",)


def _interval(entry: dict[str, Any], label: str) -> str:
    if f"to_{label}" not in entry:
        return "–"
    value, low, high = entry[f"to_{label}"]
    return f"{value:.3f} [{low:.3f}, {high:.3f}]"


def measured(folder: Path = METRICS) -> str:
    """The evaluation as a table, and the verdict on pre-training, from the committed metrics files."""
    evaluation = json.loads((folder / "ratios.json").read_text())
    pretrain = json.loads((folder / "pretrain.json").read_text())
    lines = [
        "| objective | scenario | GFM-RA / best WMMSE for it | GFM-RA / sum-rate WMMSE-Best "
        "| WMMSE, 1 start | full reuse |",
        "|---|---|---|---|---|---|",
    ]
    for objective in ("sum-rate", "proportional-fair", "qos"):
        for scenario, table in evaluation[objective].items():
            model, wmmse, reuse = (table[method] for method in ("gfm-ra", "wmmse", "full-reuse"))
            cells = [
                objective,
                f"{scenario}, {table['snapshots']} snapshots",
                _interval(model, "strong"),
                _interval(model, "paper"),
                _interval(wmmse, "strong").split()[0],
                _interval(reuse, "strong").split()[0],
            ]
            lines.append(f"| {' | '.join(cells)} |")
    lines += [
        "",
        "Ratios of means on test snapshots with 95 % bootstrap intervals; proportional fairness is compared as the "
        "geometric mean of rates. The last two columns are sum-rate WMMSE from full power and full reuse, over the "
        "best WMMSE for the objective. A dash: the reference silences links, so a ratio to it says nothing.",
        "",
        f"Pre-training ended {pretrain['verdict']}: masked links are predicted with {pretrain['edge_rmse_db']:.2f} dB "
        f"RMSE (predicting the mean: {pretrain['mean_predictor_rmse_db']:.2f} dB), effective rank "
        f"{pretrain['effective_rank']:.1f}.",
    ]
    return "\n".join(lines)


def files(root: Path = Path()) -> str:
    """One line per source file: the first sentence of its docstring."""
    lines = ["| file | what it is |", "|---|---|"]
    for layer in LAYERS:
        for path in sorted((root / layer).rglob("*.py")):
            name = str(path.relative_to(root))
            if path.name != "__init__.py" or name.removesuffix("/__init__.py") in (
                *LAYERS,
                *LISTED_BY_FOLDER,
            ):
                lines.append(f"| `{name}` | {_summary(path)} |")
    return "\n".join(lines)


def _summary(path: Path) -> str:
    docstring = ast.get_docstring(ast.parse(path.read_text())) or ""
    return " ".join(docstring.split("\n\n")[0].split()).replace("|", "\\|")


def filled(text: str, parts: dict[str, str]) -> str:
    """A page with the parts between its markers replaced."""
    for name, content in parts.items():
        pattern = re.compile(rf"(<!-- {name} -->\n).*?(<!-- /{name} -->)", re.DOTALL)
        text = pattern.sub(lambda found, content=content: f"{found[1]}{content}\n{found[2]}", text)
    return text


def main() -> None:
    """Write the made parts into README.md."""
    README.write_text(filled(README.read_text(), {"measured": measured(), "files": files()}))


if __name__ == "__main__":
    main()
