"""What each term of goal-conditioned pre-training earns, at equal compute: `python -m benchmarks.ablation`.

Every arm gets the same number of floating-point operations (arms that compute more see fewer snapshots) and the same
seeds, and is evaluated zero-shot on validation-like snapshots that no other part of the project uses.
"""

import argparse
import json
import statistics
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.console import Console
from rich.table import Table

from components.channel.masking import random_pair_mask
from components.channel.scenario import SCENARIOS
from components.channel.simulator import simulate
from components.data.batches import Group
from components.evaluation.scores import comparable_score
from components.intervals import mean_over_seeds
from components.model.backbone import BackboneConfig
from components.model.inference import allocate_batches
from components.model.prompted import PromptedModel
from components.training.config import PretrainingConfig
from components.training.flops import training_flops
from components.training.pretraining import Pretraining
from gfm_ra.goals import OBJECTIVES, SumRate, by_name
from gfm_ra.solvers import wmmse
from gfm_ra.units import to_gain, to_gain_db

TRAINING = ("D1", "D2", "D3", "D6", "D7", "D8", "D11", "D12", "D13")
TEST_SCENARIOS, TEST_SEED, TEST_ROWS, HIDDEN = ("D16", "D18", "D20"), 990_001, 300, 0.5
BASE: dict[str, Any] = {
    "backbone": {"layers": 3, "width": 192, "heads": 6, "bias_width": 16, "node_features": "landmarks"},
    "epochs": 5,
    "batch_size": 32,
    "learning_rate": 1e-3,
    "schedule": {"kind": "cosine", "warmup_steps": 100},
    "max_gradient_norm": 5.0,
    "precision": "auto",
    "utility_weight": 10.0,
    "edge_weight": 0.0,
    "consistency_weight": 0.0,
}
ARMS: dict[str, dict[str, Any]] = {
    "utility only": {},
    "+ edge": {"edge_weight": 1.0},
    "+ edge + consistency": {"edge_weight": 1.0, "consistency_weight": 0.1},
    "+ edge, prompt without feedback": {"edge_weight": 1.0, "conditioning": {"feedback_steps": 0}},
    "+ edge, feedback not trained as powers": {"edge_weight": 1.0, "conditioning": {"tentative_weight": 0.0}},
}


def arm_config(arm: str) -> PretrainingConfig:
    """An arm's hyperparameters."""
    return PretrainingConfig.model_validate_json(json.dumps(BASE | ARMS[arm]))


def rows_of(arm: str, rows: int) -> int:
    """Snapshots per scenario that cost this arm what `rows` cost the cheapest one."""

    def cost(name: str) -> float:
        config = arm_config(name)
        size: BackboneConfig = config.backbone
        teacher = config.consistency_weight > 0
        return training_flops(size, 35, config.mask_ratio, teacher, config.conditioning)

    return round(rows * min(map(cost, ARMS)) / cost(arm))


def run(arm: str, seed: int, rows: int) -> dict[str, float]:
    """Train one model and evaluate it; ratios to the best of 100 WMMSE starts for the same goal."""
    torch.set_num_threads(1)
    config, count = arm_config(arm), rows_of(arm, rows)
    train = [_snapshots(name, count, seed) for name in TRAINING]
    loop = Pretraining(config, train, [gains[:8] for gains in train], seed, Group())
    loop.run(lambda *_: None, lambda *_: None)
    backbone, head = loop.student.encoder.backbone, loop.student.head
    model = PromptedModel.of(backbone, head).eval()  # type: ignore[arg-type]
    found = {}
    for name in TEST_SCENARIOS:
        gain_db = _snapshots(name, TEST_ROWS, TEST_SEED)
        gain = to_gain(gain_db)
        for objective in OBJECTIVES:
            goal = by_name(objective)
            best = comparable_score(goal, wmmse(gain, goal, starts=100, threads=1), gain_db).mean()
            power = allocate_batches(model, gain_db, goal)
            found[f"{name} {objective}"] = float(comparable_score(goal, power, gain_db).mean() / best)
            if objective == SumRate.name:
                generator = torch.Generator().manual_seed(TEST_SEED)
                hidden = random_pair_mask(len(gain), gain.shape[-1], HIDDEN, generator).numpy()
                power = allocate_batches(model, gain_db, goal, hidden)
                reached = comparable_score(goal, power, gain_db).mean()
                found[f"{name} {objective}, {HIDDEN:.0%} hidden"] = float(reached / best)
    return found


def _snapshots(name: str, count: int, seed: int) -> np.ndarray:
    return to_gain_db(simulate(SCENARIOS[name], count, seed)).astype(np.float16)


def main() -> None:
    """Train every arm with every seed and print one table; the figures also go to a JSON file if asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1000, help="snapshots per scenario of the cheapest arm")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--arms", nargs="+", choices=list(ARMS), default=list(ARMS))
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    jobs = [(arm, seed) for seed in range(1, options.seeds + 1) for arm in options.arms]
    with ProcessPoolExecutor(options.processes) as pool:
        pending = {job: pool.submit(run, *job, options.rows) for job in jobs}
        found = {job: future.result() for job, future in pending.items()}
    table = Table("arm", *next(iter(found.values())))
    kept: dict[str, dict[str, list[float]]] = {}
    for arm in options.arms:
        runs = [found[arm, seed] for seed in range(1, options.seeds + 1)]
        kept[arm] = {key: [one[key] for one in runs] for key in runs[0]}
        table.add_row(f"{arm}, {rows_of(arm, options.rows)} rows", *map(_show, kept[arm].values()))
    Console(width=220).print(table)
    if options.out:
        options.out.write_text(json.dumps(kept, indent=2) + "\n")


def _show(values: list[float]) -> str:
    if len(values) < 2:
        return f"{values[0]:.4f}"
    ratio = mean_over_seeds(values)
    return f"{statistics.mean(values):.4f} ± {ratio.high - ratio.value:.4f}"


if __name__ == "__main__":
    main()
