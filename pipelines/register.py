"""Stage register: trained models as self-contained MLflow models; `champion` moves only past a gate."""

import hashlib
import itertools
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

import numpy as np
from pydantic import Field

from components.checkpoint import CONFIG_NAME, MODEL_NAME, load_power_model, load_prompted_model
from components.config import Strict
from components.evaluation import score
from components.export import export_onnx
from components.goals import goals_of
from components.metrics import Ratio, mean_difference
from components.objectives import by_name
from components.references import OBJECTIVES
from components.shards import Manifest, json_text, load_split, sha256_of
from pipelines import paths, served_program, tracking
from pipelines.progress import Meter
from pipelines.stage import Context, Outcome, Stage, main

RUNTIMES = ("mlflow", "numpy", "onnxruntime")


class RegisterConfig(Strict):
    """On which validation snapshots a candidate must beat the champion, and how surely."""

    scenarios: tuple[str, ...] = Field(min_length=1)
    confidence: float = Field(default=0.95, gt=0, lt=1)


PROMPTED = "prompted"
# What a caller may pass to the goal-conditioned model, with the defaults; `served_model.py` explains each.
PARAMETERS = {"goal": "sum-rate", "alpha": 1.0, "min_rate": 0.3, "penalty": 15.0, "weights": []}


class Candidate(NamedTuple):
    """What is to be registered: for one objective, or `PROMPTED` for all."""

    kind: str
    folder: Path

    @property
    def name(self) -> str:
        """Its registered name."""
        return model_name(self.kind)

    @property
    def objectives(self) -> tuple[str, ...]:
        """What it is judged by."""
        return OBJECTIVES if self.kind == PROMPTED else (self.kind,)

    def export(self, path: Path) -> None:
        """Write its graph."""
        if self.kind == PROMPTED:
            export_onnx(load_prompted_model(self.folder), path)
        else:
            export_onnx(load_power_model(self.folder)[0], path)


def candidates() -> list[Candidate]:
    """Everything that pre-training and fine-tuning have made for use."""
    heads = [Candidate(objective, paths.HEADS / objective) for objective in OBJECTIVES]
    return [*heads, Candidate(PROMPTED, paths.pretrained(paths.PROMPTED))]


def model_name(kind: str) -> str:
    """Registered name of an objective's model, or of the one for any goal."""
    return f"gfm-ra-{kind}"


def content_digest(graph: Path, folder: Path) -> str:
    """Identity of a registered model: graph, weights, card and program."""
    files = [graph, folder / MODEL_NAME, folder / CONFIG_NAME, served_program.PATH]
    return hashlib.sha256("".join(sha256_of(path) for path in files).encode()).hexdigest()


def gate(candidate: Candidate, graph: Path, context: Context[RegisterConfig]) -> Ratio | None:
    """How much better the candidate is than the champion on validation snapshots; None without a champion.

    The difference is per snapshot, in units of the champion's mean score, with its confidence interval.
    """
    if tracking.alias_version(candidate.name, tracking.CHAMPION) is None:
        return None
    champion = tracking.load(f"models:/{candidate.name}@{tracking.CHAMPION}")
    challenger, manifest = served_program.open_graph(graph), Manifest.load(paths.DATA)
    differences = []
    for scenario, objective in itertools.product(context.config.scenarios, candidate.objectives):
        gain_db = load_split(paths.DATA, manifest, scenario, "val").astype(np.float32)
        if candidate.kind == PROMPTED:
            goals = goals_of(by_name(objective), len(gain_db), gain_db.shape[-1])
            powers = champion(gain_db, goal=objective), challenger(gain_db, goals)
        else:
            powers = champion(gain_db), challenger(gain_db, None)
        old, new = (score(objective, power, gain_db) for power in powers)
        differences.append((new - old) / max(abs(float(old.mean())), 1e-9))
    joined = np.concatenate(differences)
    return mean_difference(joined, np.zeros_like(joined), context.seed, confidence=context.config.confidence)


def register_one(candidate: Candidate, context: Context[RegisterConfig]) -> tuple[str, str, list[str]]:
    """Export, register and perhaps promote one model; returns its name, content digest and summary row."""
    name, folder = candidate.name, candidate.folder
    graph = context.scratch / f"{candidate.kind}.onnx"
    candidate.export(graph)
    content = content_digest(graph, folder)
    found = tracking.find_version(name, content)
    if found is not None and found == tracking.alias_version(name, tracking.CHAMPION):
        return name, content, [name, found, "champion already", "-"]
    better = gate(candidate, graph, context)
    registered = found or tracking.add_version(
        context.run,
        name,
        served_program.PATH,
        {"graph": graph, "weights": folder},
        [f"{package}=={version(package)}" for package in RUNTIMES],
        {
            tracking.CONTENT_TAG: content,
            "objective": ", ".join(candidate.objectives),
            "git_commit": tracking.git_commit(),
        },
        PARAMETERS if candidate.kind == PROMPTED else None,
    )
    if better is None or better.low > 0.0:
        tracking.promote(name, registered)
    verdict = (
        "champion" if better is None or better.low > 0.0 else "not promoted: no better than the champion"
    )
    margin = "first" if better is None else f"{better.value:+.4f} [{better.low:+.4f}, {better.high:+.4f}]"
    return name, content, [name, registered, verdict, margin]


def work(context: Context[RegisterConfig]) -> Outcome:
    """Register every model; the same content twice gives the same version."""
    done, offered = [], candidates()
    with Meter(context.console, "register", len(offered), "models") as meter:
        for candidate in offered:
            done.append(register_one(candidate, context))
            meter.update(len(done))
    # Version numbers belong to the registry, not to the result: another registry counts differently.
    made = context.scratch / "registered.json"
    made.write_text(json_text({name: {"content_sha256": content} for name, content, _ in done}))
    rows = [row for _, _, row in done]
    return Outcome({paths.REGISTER: made}, ["model", "version", "verdict", "better than champion by"], rows)


STAGE = Stage(
    "register",
    RegisterConfig,
    work,
    inputs=lambda _: [paths.DATA, *(candidate.folder for candidate in candidates())],
    outputs=[paths.REGISTER],
)

if __name__ == "__main__":
    main(STAGE)
