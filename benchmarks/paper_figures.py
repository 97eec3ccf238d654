"""Figures 4, 6, 9 and 11 at Table I on one GPU within so many hours: `python -m benchmarks.paper_figures --hours 24`.

Times a step of every pre-training and an update of every adaptation on this device, gives the hours that adaptation,
references and evaluation leave to pre-training, all arms alike, and runs the chain of the figures: parameters go to
dags/figures/params.yaml, so that the chain, interrupted, goes on by `make figures`, at the arm that was under way.
From the top folder. `--plan` only says what would be done. Never run on a GPU so far: the plan is what is known.
"""

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
import yaml
from rich.console import Console
from rich.table import Table

from components.channel.rng import stream
from components.channel.scenario import Scenario
from components.channel.simulator import simulate_with
from components.data.batches import Group
from components.evaluation.comparison import PCGNN_NAME
from components.model.backbone import BackboneConfig
from components.model.heads import PowerModel
from components.model.pcgnn.network import fresh_pcgnn
from components.training.config import PretrainingConfig
from components.training.determinism import deterministic
from components.training.finetuning import Finetuning, TunableModel
from components.training.pretraining import Pretraining
from dags import profile
from dags.params import FiguresParams, load_figures
from gfm_ra.errors import UserError
from gfm_ra.goals import SumRate
from gfm_ra.units import to_gain_db
from pipelines.studies.few_shot_config import Study

CHAIN = Path("dags/figures")
REPEATS = 3  # rounds over all scenarios after one that warms up
REST = 0.2  # of the hours: simulation, references, validation, evaluation, timing, figures


class Plan(NamedTuple):
    """What fits the hours."""

    epochs: int
    seconds_per_epoch: dict[str, float]  # of pre-training, by variant
    adaptations: dict[str, float]  # seconds of all of a study's training
    hours: float


def plan(params: FiguresParams, hours: float, device: torch.device) -> Plan:
    """How many epochs of pre-training fit, measured on the device.

    Raises:
        UserError: not even one epoch fits.
    """
    ablations, few_shot = params.ablations, params.few_shot
    per_epoch = {
        name: _epoch_seconds(params, name, ablations.algorithm(name), device) * ablations.seeds
        for name in ablations.variants
    }
    backbone = ablations.algorithm("hybrid").backbone
    adaptations = {
        name: _trainings(study) * _update_seconds(params, study, backbone, device)
        for name, study in few_shot.studies.items()
        if any(study.trained(start, shots) for start in study.starts for shots in study.shots)
    }
    left = 3600.0 * hours * (1.0 - REST) - sum(adaptations.values())
    epochs = int(left / sum(per_epoch.values()))
    least = (sum(adaptations.values()) + sum(per_epoch.values())) / (1.0 - REST) / 3600.0
    if epochs < 1:
        raise UserError(f"--hours {hours:g} is too little on this device: one epoch needs {least:.2g} hours")
    return Plan(epochs, per_epoch, adaptations, hours)


def _epoch_seconds(
    params: FiguresParams, name: str, config: PretrainingConfig, device: torch.device
) -> float:
    """One pass of pre-training over all scenarios of a variant."""
    chosen = params.ablations.training_set(name)
    data = [_networks(params, scenario, config.batch_size) for scenario in chosen.scenarios]
    loop = Pretraining(config, data, [each[:2] for each in data], params.seed, Group(device=device))

    def once() -> None:
        for gain_db in data:
            loop.step(torch.from_numpy(gain_db).to(device))
        float(next(loop.student.parameters()).detach().sum())  # waits until it is done

    batches = -(-chosen.train_rows // config.batch_size)
    return _seconds(once, device) * batches


def _update_seconds(
    params: FiguresParams, study: Study, backbone: BackboneConfig, device: torch.device
) -> float:
    """One update of an adaptation, the mean over a study's scenarios; the backbone learns too."""
    recipe = study.recipe.model_copy(update={"warmup_epochs": 0})
    data = [_networks(params, scenario, recipe.batch_size) for scenario in study.scenarios]
    model: TunableModel = PowerModel(backbone)
    if PCGNN_NAME in study.starts:
        model = fresh_pcgnn(study.pcgnn, params.seed)
    loop = Finetuning(
        recipe, model, SumRate(), data, [each[:1] for each in data], params.seed, Group(device=device)
    )
    loop.begin_epoch()

    def once() -> None:
        for gain_db in data:
            loop.step(torch.from_numpy(gain_db).to(device))
        float(next(loop.model.parameters()).detach().sum())

    return _seconds(once, device) / len(data)


def _trainings(study: Study) -> int:
    """Updates of all runs of a study, those of the learning rates that are not taken included."""
    runs = max(1, len(study.learning_rates)) + study.seeds - 1
    total = 0
    for start, _, shots in study.arms():
        if study.trained(start, shots):
            passed = len(study.scenarios) * -(-shots // study.recipe.batch_size)
            per_epoch = study.recipe.updates_per_epoch or passed
            total += runs * per_epoch * (study.recipe.warmup_epochs + study.recipe.epochs)
    return total


def _networks(params: FiguresParams, name: str, count: int) -> np.ndarray:
    scenario: Scenario = params.simulate.scenario(name)
    return to_gain_db(simulate_with(stream(params.seed, "paper figures", name), scenario, count)).astype(
        np.float32
    )


def _seconds(once: Callable[[], None], device: torch.device) -> float:
    with deterministic(device):
        once()
        taken = []
        for _ in range(REPEATS):
            begin = time.perf_counter()
            once()
            taken.append(time.perf_counter() - begin)
    return float(np.median(taken))


def table(found: Plan) -> Table:
    """What the hours go to."""
    shown = Table("what", "hours")
    for name, seconds in found.seconds_per_epoch.items():
        shown.add_row(f"pre-training, {name}: {found.epochs} epochs", f"{found.epochs * seconds / 3600:.2f}")
    for name, seconds in found.adaptations.items():
        shown.add_row(f"adaptation, {name}", f"{seconds / 3600:.2f}")
    shown.add_row("references, evaluation and the rest", f"{found.hours * REST:.2f}")
    return shown


def main(arguments: Sequence[str] | None = None) -> None:
    """Plan, write the parameters, run the chain."""
    parser = argparse.ArgumentParser("python -m benchmarks.paper_figures", description=__doc__)
    parser.add_argument("--hours", type=float, default=24.0, help="on this device (default: 24)")
    parser.add_argument("--profile", default="gpu", help="of dags/figures/profiles (default: gpu)")
    parser.add_argument("--plan", action="store_true", help="say what would be done, and stop")
    given = parser.parse_args(arguments)
    if not (CHAIN / "profiles").is_dir():
        raise UserError("run this from the top folder of the repository")
    try:
        if given.plan:
            params = load_figures(CHAIN / "profiles" / f"{given.profile}.yaml")
        else:
            profile.apply(given.profile, str(CHAIN))
            params = load_figures(CHAIN / "params.yaml")
        kind = "cuda" if params.ablations.accelerator == "gpu" else "cpu"
        if kind == "cuda" and not torch.cuda.is_available():
            raise UserError(f"profile {given.profile} is for a GPU, and PyTorch sees none here")
        found = plan(params, given.hours, torch.device(kind))
    except UserError as error:
        sys.exit(f"paper_figures: {error}")
    Console(highlight=False).print(table(found))
    if not given.plan:
        write(found.epochs)
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
        environment = os.environ | {"DVC_NO_ANALYTICS": "1", "PATH": path}
        done = subprocess.run(["dvc", "repro", str(CHAIN / "dvc.yaml")], env=environment, check=False)
        sys.exit(done.returncode)


def write(epochs: int) -> None:
    """Put a number of epochs into the chain's parameters."""
    path = CHAIN / "params.yaml"
    tree: dict[str, Any] = yaml.safe_load(path.read_text())
    tree["ablations"]["base"]["epochs"] = epochs
    path.write_text(yaml.safe_dump(tree, sort_keys=False, width=150))


if __name__ == "__main__":
    main()
