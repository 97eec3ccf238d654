"""Stage release: the prompted model as a folder of weights that travels in the package."""

from pathlib import Path
from typing import Any

import numpy as np
from pydantic import Field

from components.config import Strict
from components.data.shards import json_text, sha256_of
from components.evaluation.intervals import Interval, ratio_of_means
from components.evaluation.scores import score
from components.model.conditioning import GoalEnvelope
from components.model.export import export_onnx
from components.training.checkpoint import load_card, load_prompted_model
from gfm_ra.allocator import Effort
from gfm_ra.goals import OBJECTIVES
from gfm_ra.loading import load
from gfm_ra.units import LARGEST_GAIN_DB, LEAST_GAIN_DB
from gfm_ra.weights.card import FORMAT, NAME
from pipelines.registry.comparison import solved_snapshots
from pipelines.runtime import paths
from pipelines.runtime.progress import Meter
from pipelines.runtime.provenance import dvc_hash, profile_of, training_scenarios
from pipelines.runtime.stage import Context, Outcome, Stage, main

NETWORK, CARD = "network.onnx", "card.md"
LIMITS = (
    "Trained in simulated networks only: device-to-device links in one square kilometre, dual-slope path loss, "
    "log-normal shadowing, Rayleigh fading. In other worlds use effort balanced or best, which compare with WMMSE.",
    "Links with equal gains get equal powers in one pass, which in symmetric networks may be far from the best; effort "
    "best breaks such ties.",
    "One band, one power per link, full power as the only limit.",
)


class ReleaseConfig(Strict):
    """What the folder is called, and on which test snapshots its card says how good it is."""

    name: str = Field(pattern=r"^[a-z][a-z0-9]*(-[a-z][a-z0-9]*)*$")
    version: int = Field(ge=1)
    released: str = Field(pattern=r"^\d{4}-\d{2}-\d{2}$")
    training_time: str  # in words: what making them took, and where
    scenarios: tuple[str, ...] = Field(min_length=1)
    efforts: tuple[Effort, ...] = ("fast", "balanced", "best")
    confidence: float = Field(default=0.95, gt=0, lt=1)


Results = dict[str, dict[str, dict[str, Interval]]]  # by effort, goal and scenario


def work(context: Context[ReleaseConfig]) -> Outcome:
    """Export the graph, measure it on test snapshots, write the card."""
    config, trained = context.config, paths.pretrained(paths.PROMPTED)
    made = context.scratch / f"{config.name}-{config.version}"
    made.mkdir(parents=True, exist_ok=True)
    export_onnx(load_prompted_model(trained), made / NETWORK)
    text = _card(config, context.seed, trained, made)
    (made / NAME).write_text(json_text(text))
    results = _measured(context, made)
    text["results"] = {
        effort: {
            goal: {where: list(ratio) for where, ratio in places.items()} for goal, places in goals.items()
        }
        for effort, goals in results.items()
    }
    (made / NAME).write_text(json_text(text))
    (made / CARD).write_text(_readable(text, results))
    rows = [[effort, goal, *(f"{places[where].value:.4f}" for where in config.scenarios)]
            for effort, goals in results.items() for goal, places in goals.items()]  # fmt: skip
    metrics = {
        f"{effort}.{goal}.{where}.ratio": ratio.value
        for effort, goals in results.items()
        for goal, places in goals.items()
        for where, ratio in places.items()
    }
    return Outcome({paths.RELEASE / made.name: made}, ["effort", "goal", *config.scenarios], rows, metrics)


def _card(config: ReleaseConfig, seed: int, trained: Path, made: Path) -> dict[str, Any]:
    card, model = load_card(trained), load_prompted_model(trained)
    return {
        "format": FORMAT,
        "name": config.name,
        "version": config.version,
        "released": config.released,
        "licence": "MIT",
        "architecture": "graph Transformer with goal prompt and feedback of tentative powers "
        f"({card.backbone.layers} layers, width {card.backbone.width}, {card.backbone.heads} heads)",
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
        "network": {"kind": "onnx", "file": NETWORK, "sha256": sha256_of(made / NETWORK)},
        "objective": None,
        "envelope": _envelope(card.goals or GoalEnvelope()),
        "gain_db": [LEAST_GAIN_DB, LARGEST_GAIN_DB],
        "worlds": training_scenarios(trained),
        "training_time": config.training_time,
        "seeds": {"training": seed},
        "profile": profile_of(Path("params.yaml")),
        "dvc_hash": dvc_hash(trained),
        "limits": list(LIMITS),
    }


def _envelope(goals: GoalEnvelope) -> dict[str, list[float]]:
    """Smallest and largest trained value of each of the goal's numbers."""
    return {
        "alpha": [0.0, goals.max_alpha],
        "min_rate": list(goals.min_rate),
        "penalty": [0.0, goals.max_penalty],
    }


def _measured(context: Context[ReleaseConfig], folder: Path) -> Results:
    config, allocator = context.config, load(folder)
    snapshots = solved_snapshots(config.scenarios, OBJECTIVES, context.seed)
    found: Results = {}
    with Meter(context.console, "release", len(config.efforts) * len(snapshots.gains), "tables") as meter:
        for effort in config.efforts:
            for number, ((goal, where), gain_db) in enumerate(snapshots.gains.items(), start=1):
                power = allocator.allocate(gain_db=gain_db, goal=goal, effort=effort, seed=context.seed).power
                scored = score(goal, np.asarray(power, np.float32), gain_db)
                ratio = ratio_of_means(
                    scored, snapshots.reference[goal, where], context.seed, confidence=config.confidence
                )
                found.setdefault(effort, {}).setdefault(goal, {})[where] = Interval(
                    *(round(v, 5) for v in ratio)
                )
                meter.update(len(found) * len(snapshots.gains) - len(snapshots.gains) + number)
    return found


def _readable(text: dict[str, Any], results: Results) -> str:
    """The card for people, in Markdown."""
    places = list(next(iter(next(iter(results.values())).values())))
    table = [f"| effort | goal | {' | '.join(places)} |", f"|---|---|{'---|' * len(places)}"]
    table += [
        f"| {effort} | {goal} | "
        + " | ".join(f"{ratio.value:.4f} [{ratio.low:.4f}, {ratio.high:.4f}]" for ratio in by_place.values())
        + " |"
        for effort, goals in results.items()
        for goal, by_place in goals.items()
    ]
    envelope = ", ".join(f"{name} {low:g} to {high:g}" for name, (low, high) in text["envelope"].items())
    return "\n".join(
        [
            f"# {text['name']}-{text['version']}",
            "",
            f"Weights of gfm-ra, released {text['released']}. {text['architecture']}; {text['parameters']:,} "
            "parameters. Any number of links, any goal, unknown gains.",
            "",
            f"- Trained on: {text['worlds']}. Goals: {envelope}; beyond that, answers are compared and say "
            '"extrapolated".',
            f"- Training: {text['training_time']}; profile {text['profile']}, seed {text['seeds']['training']}, "
            f"weights {text['dvc_hash']}.",
            f"- Licence: {text['licence']}.",
            "",
            "## How good",
            "",
            "Ratio to the best of 100 WMMSE runs for the same goal on test snapshots, with 95 % bootstrap intervals. "
            "Proportional fairness is compared as the geometric mean of rates.",
            "",
            *table,
            "",
            "## Limits",
            "",
            *(f"- {line}" for line in text["limits"]),
            "",
        ]
    )


STAGE = Stage(
    "release",
    ReleaseConfig,
    work,
    lambda _: [paths.pretrained(paths.PROMPTED), paths.DATA, paths.REFERENCES],
    [paths.RELEASE],
    params=paths.RELEASE_PARAMS,
)

if __name__ == "__main__":
    main(STAGE)
