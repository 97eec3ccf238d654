"""Stage speed_quality: what an answer is worth against how long it takes, networks and classical solvers side by side.

One thread, one network or a batch, the networks as they are served against the compiled solvers. Latencies belong to
the machine: this is the one table of the figures that another run gives other digits for.
"""

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import ray
import torch

from components.data.shards import Manifest, json_text, load_split
from components.evaluation.comparison import VARIANT
from components.evaluation.references import read_references
from components.evaluation.scores import score
from components.model.inference import allocate_batches
from components.training.worlds.folder import load_any_goal_model
from gfm_ra.goals import OBJECTIVES, by_name
from gfm_ra.solvers import wmmse
from gfm_ra.units import to_gain
from pipelines.cluster.room import Need
from pipelines.cluster.session import ROOT
from pipelines.cluster.workers import workers
from pipelines.reporting.speed_quality_methods import (
    FULL_REUSE,
    POLISHED,
    REFERENCE,
    REPEATED,
    TRUNCATED,
)
from pipelines.runtime import paths
from pipelines.runtime.machine import machine
from pipelines.runtime.progress import Meter
from pipelines.runtime.stage import Context, Outcome, Stage, main
from pipelines.studies.speed_quality_timing import SpeedQualityConfig, graphs, time_all


def classical_scores(
    config: SpeedQualityConfig, scenario: str, objective: str, data: Path, references: Path, seed: int
) -> dict[str, np.ndarray]:
    """Scores [N] of truncated and repeated WMMSE, and of the reference that all ratios are to."""
    gain_db = load_split(data, Manifest.load(data), scenario, "test", config.rows)
    gain, goal = to_gain(gain_db), by_name(objective)
    found = {
        f"{TRUNCATED}{count}": wmmse(gain, goal, iterations=count, threads=1) for count in config.iterations
    }
    last = max(config.iterations)
    for starts in config.starts:
        found[f"{REPEATED}{starts}"] = wmmse(gain, goal, starts=starts, iterations=last, seed=seed, threads=1)
    stored = read_references(references, Manifest.load(references).entry(scenario).splits["test"])
    found[REFERENCE] = stored[f"best-{objective}"][: len(gain_db)]
    found[FULL_REUSE] = np.ones_like(found[REFERENCE])
    return {method: score(objective, power, gain_db) for method, power in found.items()}


def prompted_scores(
    config: SpeedQualityConfig, scenario: str, objective: str, data: Path, label: str
) -> dict[str, np.ndarray]:
    """Scores [N] of a goal-conditioned model, zero-shot and polished."""
    torch.set_num_threads(1)
    gain_db = load_split(data, Manifest.load(data), scenario, "test", config.rows)
    goal, model = by_name(objective), load_any_goal_model(ROOT / config.prompted[label])
    power = allocate_batches(model, gain_db, goal)
    better = wmmse(
        to_gain(gain_db), goal, iterations=config.refinement_iterations, initial_power=power, threads=1
    )
    return {
        label: score(objective, power, gain_db),
        f"{label}{POLISHED}": score(objective, better, gain_db),
    }


def work(context: Context[SpeedQualityConfig]) -> Outcome:
    """Qualities in parallel first, then latencies with nothing else running."""
    config = context.config
    folders = (paths.DATA.resolve(), paths.REFERENCES.resolve())
    pairs = [(scenario, objective) for scenario in config.scenarios for objective in OBJECTIVES]
    scored = _kept(context.scratch / "scores", pairs)  # of a run that was interrupted
    with (
        workers(Need("speed_quality"), folders),
        Meter(context.console, "speed_quality, quality", len(pairs), "tables") as meter,
    ):
        classical = ray.remote(classical_scores).options(num_cpus=1)
        prompted = ray.remote(prompted_scores).options(num_cpus=1)
        pending = {
            pair: [
                classical.remote(config, *pair, *folders, context.seed),
                *(prompted.remote(config, *pair, folders[0], label) for label in config.prompted),
            ]
            for pair in pairs
            if pair not in scored
        }
        for pair, references in pending.items():
            scored[pair] = {name: values for part in ray.get(references) for name, values in part.items()}
            _keep(_folder(context.scratch / "scores") / f"{'-'.join(pair)}.npz", scored[pair])
            meter.update(len(scored))
    exported = graphs(config, _folder(context.scratch / "graphs"))
    with Meter(
        context.console, "speed_quality, time", len(config.scenarios) * len(config.batches), "tables"
    ) as meter:
        latency = time_all(config, exported, meter)
    made = _folder(context.scratch / "made")
    (made / "latency.json").write_text(json_text({"machine": f"{machine()}, one thread", "rows": latency}))
    qualities = {
        f"{scenario}/{objective}": {name: np.round(values, 6).tolist() for name, values in by_method.items()}
        for (scenario, objective), by_method in scored.items()
    }
    (made / "scores.json").write_text(json_text(qualities))
    middle = config.scenarios[len(config.scenarios) // 2]
    rows = [
        [row["method"], row["objective"] or "any", str(row["batch"]), f"{row['ms']:.4f}"]
        for row in latency
        if row["scenario"] == middle
    ]
    return Outcome(
        {paths.SPEED_QUALITY: made}, [f"method, {middle}", "objective", "batch", "ms per snapshot"], rows
    )


def _keep(path: Path, values: dict[str, np.ndarray]) -> None:
    partial = path.with_name(f".{path.name}")
    with partial.open("wb") as file:
        np.savez(file, allow_pickle=False, **values)
    os.replace(partial, path)


def _kept(folder: Path, pairs: Sequence[tuple[str, str]]) -> dict[tuple[str, str], dict[str, np.ndarray]]:
    found = {}
    for pair in pairs:
        path = folder / f"{'-'.join(pair)}.npz"
        if path.is_file():
            with np.load(path, allow_pickle=False) as stored:
                found[pair] = {name: stored[name] for name in stored.files}
    return found


def _folder(path: Path) -> Path:
    path.mkdir(parents=True, exist_ok=True)
    return path


STAGE = Stage(
    "speed_quality",
    SpeedQualityConfig,
    work,
    inputs=lambda config: [
        paths.DATA,
        paths.REFERENCES,
        paths.ABLATIONS,
        *(
            ROOT / folder
            for label, folder in (config.prompted | config.one_goal).items()
            if not label.startswith(VARIANT)
        ),
    ],
    outputs=[paths.SPEED_QUALITY],
)

if __name__ == "__main__":
    main(STAGE)
