"""Stage register: fine-tuned heads as self-contained MLflow models; `champion` moves only past a gate."""

import hashlib
from importlib.metadata import version
from pathlib import Path

import numpy as np
from pydantic import Field

from components.checkpoint import CONFIG_NAME, MODEL_NAME, load_power_model
from components.config import Strict
from components.evaluation import score
from components.export import export_onnx
from components.metrics import Ratio, mean_difference
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


def model_name(objective: str) -> str:
    """Registered name of an objective's model."""
    return f"gfm-ra-{objective}"


def content_digest(graph: Path, folder: Path) -> str:
    """Identity of a registered model: graph, weights, card and program."""
    files = [graph, folder / MODEL_NAME, folder / CONFIG_NAME, served_program.PATH]
    return hashlib.sha256("".join(sha256_of(path) for path in files).encode()).hexdigest()


def gate(name: str, candidate: Path, objective: str, context: Context[RegisterConfig]) -> Ratio | None:
    """How much better the candidate is than the champion on validation snapshots; None without a champion.

    The difference is per snapshot, in units of the champion's mean score, with its confidence interval.
    """
    if tracking.alias_version(name, tracking.CHAMPION) is None:
        return None
    champion = tracking.load(f"models:/{name}@{tracking.CHAMPION}")
    challenger = served_program.open_graph(candidate)
    manifest = Manifest.load(paths.DATA)
    differences = []
    for scenario in context.config.scenarios:
        gain_db = load_split(paths.DATA, manifest, scenario, "val").astype(np.float32)
        old, new = (score(objective, powers(gain_db), gain_db) for powers in (champion, challenger))
        differences.append((new - old) / max(abs(float(old.mean())), 1e-9))
    joined = np.concatenate(differences)
    return mean_difference(joined, np.zeros_like(joined), context.seed, confidence=context.config.confidence)


def register_one(objective: str, context: Context[RegisterConfig]) -> tuple[str, str, list[str]]:
    """Export, register and perhaps promote one head; returns its name, content digest and summary row."""
    name, folder = model_name(objective), paths.HEADS / objective
    graph = context.scratch / f"{objective}.onnx"
    export_onnx(load_power_model(folder)[0], graph)
    content = content_digest(graph, folder)
    found = tracking.find_version(name, content)
    if found is not None and found == tracking.alias_version(name, tracking.CHAMPION):
        return name, content, [name, found, "champion already", "-"]
    better = gate(name, graph, objective, context)
    registered = found or tracking.add_version(
        context.run,
        name,
        served_program.PATH,
        {"graph": graph, "weights": folder},
        [f"{package}=={version(package)}" for package in RUNTIMES],
        {tracking.CONTENT_TAG: content, "objective": objective, "git_commit": tracking.git_commit()},
    )
    if better is None or better.low > 0.0:
        tracking.promote(name, registered)
    verdict = (
        "champion" if better is None or better.low > 0.0 else "not promoted: no better than the champion"
    )
    margin = "first" if better is None else f"{better.value:+.4f} [{better.low:+.4f}, {better.high:+.4f}]"
    return name, content, [name, registered, verdict, margin]


def work(context: Context[RegisterConfig]) -> Outcome:
    """Register every head; the same content twice gives the same version."""
    done = []
    with Meter(context.console, "register", len(OBJECTIVES), "models") as meter:
        for objective in OBJECTIVES:
            done.append(register_one(objective, context))
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
    inputs=lambda _: [paths.DATA, *(paths.HEADS / objective for objective in OBJECTIVES)],
    outputs=[paths.REGISTER],
)

if __name__ == "__main__":
    main(STAGE)
