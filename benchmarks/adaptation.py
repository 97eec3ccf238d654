"""From a new objective to a model that serves, in seconds: `python -m benchmarks.adaptation`.

By prompt: the registered model is told the goal. By fine-tuning: 64 snapshots of D16, a head for the goal on a
backbone of the laptop profile, export, ratios on validation snapshots, registration, first answer.
Both in a registry of their own, in a temporary folder.
"""

import argparse
import os
import time
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from rich.console import Console

from components.channel.scenario import SCENARIOS
from components.channel.simulator import simulate
from components.data.shards import Manifest, ScenarioEntry, write_shard
from components.model.backbone import BackboneConfig
from components.model.heads import PowerModel
from components.model.prompted import ConditioningConfig, PromptedModel
from components.training.checkpoint import MODEL_NAME, ModelCard, save_model
from components.training.finetuning import Finetuning, FinetuningConfig
from gfm_ra.goals import by_name
from gfm_ra.latency import typical_gains
from gfm_ra.units import to_gain_db
from pipelines.registry import versions
from pipelines.runtime import paths, runs
from pipelines.runtime.stage import Context
from pipelines.stages.register import Candidate, RegisterConfig, register_one

LAPTOP = BackboneConfig(layers=3, width=192, heads=6, bias_width=16, node_features="landmarks")
SCENARIO, GOAL, SHOTS = "D16", "alpha-fair", 64
RECIPE = FinetuningConfig(
    warmup_epochs=3, epochs=57, backbone_learning_rate=3e-4, head_learning_rate=1e-3, batch_size=16,
    schedule="cosine", validate_every=60,
)  # fmt: skip


def write_data() -> None:
    """Validation snapshots where stage simulate would leave them."""
    paths.DATA.mkdir(parents=True)
    entry = write_shard(paths.DATA / "val.parquet", simulate(SCENARIOS[SCENARIO], 200, 2), {})
    scenario = ScenarioEntry(parameters=asdict(SCENARIOS[SCENARIO]), splits={"val": (entry,)})
    Manifest(seed=1, scenarios={SCENARIO: scenario}).save(paths.DATA)


def register(candidate: Candidate, console: Console) -> None:
    """As the stage does."""
    scratch = Path("scratch")
    scratch.mkdir(exist_ok=True)
    with runs.run("register", {}) as run:
        register_one(
            candidate, Context(RegisterConfig(scenarios=(SCENARIO,)), 1, "key", scratch, run, console)
        )


def by_prompt(console: Console) -> float:
    """Seconds from the goal to powers; the model is loaded already, as in a service."""
    folder = paths.pretrained(paths.PROMPTED)
    folder.mkdir(parents=True)
    conditioning = ConditioningConfig()
    model, card = PromptedModel(LAPTOP, conditioning), ModelCard(backbone=LAPTOP, conditioning=conditioning)
    save_model(folder, model, card, MODEL_NAME)
    register(Candidate("prompted", folder), console)
    allocate, gain_db = versions.load("models:/gfm-ra-prompted@candidate"), typical_gains(1, 50)
    allocate(gain_db)
    started = time.perf_counter()
    allocate(gain_db, goal=GOAL, alpha=1.7)
    return time.perf_counter() - started


def by_fine_tuning(console: Console) -> tuple[float, float]:
    """Seconds until the head is trained, and until the new model has given its first answer."""
    gain_db = to_gain_db(simulate(SCENARIOS[SCENARIO], 2 * SHOTS, 1))
    folder = paths.HEADS / GOAL
    folder.mkdir(parents=True)
    started = time.perf_counter()
    model = PowerModel(LAPTOP)
    loop = Finetuning(RECIPE, model, by_name(GOAL), [gain_db[:SHOTS]], [gain_db[SHOTS:]], 1)
    loop.run(lambda metrics, save: None, lambda done, total, count: None)
    trained = time.perf_counter() - started
    save_model(folder, model, ModelCard(backbone=LAPTOP, objective=GOAL), MODEL_NAME)
    register(Candidate(GOAL, folder), console)
    versions.load(f"models:/gfm-ra-{GOAL}@candidate")(typical_gains(1, 50))
    return trained, time.perf_counter() - started


def main() -> None:
    """Measure and print."""
    argparse.ArgumentParser(description=__doc__).parse_args()
    console = Console(highlight=False)
    torch.manual_seed(0)
    simulate(SCENARIOS[SCENARIO], 1, 0)  # compiles
    with TemporaryDirectory() as folder:
        os.chdir(folder)
        os.environ["MLFLOW_TRACKING_URI"] = f"sqlite:///{folder}/mlflow.db"
        runs.connect()
        write_data()
        console.print(f"by prompt: {by_prompt(console):.4f} s")
        trained, served = by_fine_tuning(console)
        console.print(
            f"by fine-tuning with {SHOTS} snapshots: {served:.1f} s, {trained:.1f} s of it training"
        )
        os.chdir("/")


if __name__ == "__main__":
    main()
