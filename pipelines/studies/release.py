"""Stage release: the network for any world as a folder of weights that travels in the package."""

from pathlib import Path
from typing import Any

import numpy as np
from pydantic import Field

from components.channel.scenario import SCENARIOS
from components.channel.simulator import simulate
from components.channel.worlds.distribution import FAMILIES
from components.config import Strict
from components.data.shards import json_text, sha256_of
from components.evaluation.scores import score
from components.intervals import Interval, ratio_of_means
from components.model.unrolled import packaged
from components.model.unrolled.network import UnrolledNetwork
from components.training.checkpoint import CONFIG_NAME, MODEL_NAME, load_weights
from components.training.worlds.config import WorldsConfig
from components.training.worlds.folder import envelope_of
from gfm_ra.goals import OBJECTIVES, by_name
from gfm_ra.inference.comparison import STARTS, Effort
from gfm_ra.inference.network.unrolled import CIRCUIT_POWER, ENERGY_EFFICIENCY, UNCERTAINTY
from gfm_ra.loading import load
from gfm_ra.solvers import wmmse
from gfm_ra.units import LARGEST_GAIN_DB, LEAST_GAIN_DB, to_gain_db
from gfm_ra.weights.card import FORMAT, NAME
from pipelines.runtime import paths
from pipelines.runtime.progress import Meter
from pipelines.runtime.provenance import dvc_hash, profile_of
from pipelines.runtime.stage import Context, Outcome, Stage, main

NETWORK, CARD = "network.npz", "card.md"
LIMITS = (
    "Trained in simulated networks only, of the families and ranges that `worlds` names; effort balanced compares with "
    "WMMSE, which holds anywhere.",
    "One pass with unknown gains is compared with nothing.",
    "One band, one power per link, full power as the only limit.",
)


class ReleaseConfig(Strict):
    """What the folder is called, and on which test snapshots its card says how good it is."""

    name: str = Field(pattern=r"^[a-z][a-z0-9]*(-[a-z][a-z0-9]*)*$")
    version: int = Field(ge=1)
    released: str = Field(pattern=r"^\d{4}-\d{2}-\d{2}$")
    training_time: str  # in words: what making them took, and where
    scenarios: tuple[str, ...] = Field(min_length=1)
    networks: int = Field(ge=1)  # per scenario
    efforts: tuple[Effort, ...] = ("fast", "balanced", "best")
    confidence: float = Field(default=0.95, gt=0, lt=1)


Results = dict[str, dict[str, dict[str, Interval]]]  # by effort, goal and scenario


def work(context: Context[ReleaseConfig]) -> Outcome:
    """Export the graph, measure it on test snapshots, write the card."""
    config, trained = context.config, paths.TRAIN_WORLDS
    made = context.scratch / f"{config.name}-{config.version}"
    made.mkdir(parents=True, exist_ok=True)
    settings = WorldsConfig.model_validate_json((trained / CONFIG_NAME).read_bytes())
    network = UnrolledNetwork(settings.network)
    load_weights(network, trained / MODEL_NAME)
    packaged.save(network, made / NETWORK)
    text = _card(config, context.seed, settings, network, made)
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


def _card(
    config: ReleaseConfig, seed: int, settings: WorldsConfig, network: UnrolledNetwork, made: Path
) -> dict[str, Any]:
    sizes, circuits = settings.network, settings.goals.circuit_power
    return {
        "format": FORMAT,
        "name": config.name,
        "version": config.version,
        "released": config.released,
        "licence": "MIT",
        "architecture": f"unrolled optimiser without attention ({sizes.steps} steps, width {sizes.width})",
        "parameters": sum(parameter.numel() for parameter in network.parameters()),
        "network": {
            "kind": "unrolled",
            "file": NETWORK,
            "sha256": sha256_of(made / NETWORK),
            "architecture": packaged.architecture(network),
            "knows": knowledge(settings),
        },
        "objective": None,
        "envelope": {name: list(ends) for name, ends in envelope_of(settings.goals).ranges().items()}
        | ({CIRCUIT_POWER: [circuits.low, circuits.high]} if settings.goals.energy_share > 0 else {}),
        "gain_db": [LEAST_GAIN_DB, LARGEST_GAIN_DB],
        "worlds": settings.worlds.model_dump(mode="json"),
        "reports": settings.reports.model_dump(mode="json"),
        "training_time": config.training_time,
        "seeds": {"training": seed},
        "profile": profile_of(paths.RELEASE_PARAMS),
        "dvc_hash": dvc_hash(paths.TRAIN_WORLDS),
        "limits": list(LIMITS),
    }


def knowledge(settings: WorldsConfig) -> list[str]:
    """What was trained beside exact gains and the goals of the family."""
    shares = {UNCERTAINTY: settings.reports.share, ENERGY_EFFICIENCY: settings.goals.energy_share}
    return [name for name, share in shares.items() if share > 0]


def _measured(context: Context[ReleaseConfig], folder: Path) -> Results:
    """Ratios to WMMSE-Best of the same goal on networks that are drawn here."""
    config, allocator = context.config, load(folder)
    found: Results = {}
    total = len(config.scenarios) * len(OBJECTIVES) * len(config.efforts)
    with Meter(context.console, "release", total, "tables") as meter:
        for where in config.scenarios:
            gain = simulate(SCENARIOS[where], config.networks, context.seed)
            gain_db = to_gain_db(gain)
            for goal in OBJECTIVES:
                reference = score(
                    goal, wmmse(gain, by_name(goal), starts=STARTS["best"], seed=context.seed), gain_db
                )
                for effort in config.efforts:
                    power = allocator.allocate(gain=gain, goal=goal, effort=effort, seed=context.seed).power
                    scored = score(goal, np.asarray(power, np.float32), gain_db)
                    ratio = ratio_of_means(scored, reference, context.seed, confidence=config.confidence)
                    by_goal = found.setdefault(effort, {}).setdefault(goal, {})
                    by_goal[where] = Interval(*(round(value, 5) for value in ratio))
                    meter.update(meter.done + 1)
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
            f"- Trained on randomised worlds ({', '.join(FAMILIES)}; ranges in card.json). Goals: {envelope}; beyond "
            'that, answers are compared and say "extrapolated".',
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
    lambda _: [paths.TRAIN_WORLDS],
    [paths.RELEASE],
    params=paths.RELEASE_PARAMS,
)

if __name__ == "__main__":
    main(STAGE)
