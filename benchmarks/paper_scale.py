"""The paper's size on one accelerator, from nothing to its ratios: `python -m benchmarks.paper_scale --out runs/large`.

Pre-trains for so many minutes on D1-D15 drawn as they are needed, then compares on D16-D20 with the best of 100 starts
of WMMSE: zero-shot, after refinement, and adapted with 64 samples. What is evaluated are the weights in half precision,
which `half/` holds for section pretrain's `weights`. Needs what `components.training` needs, and rich.
Interrupted, the same command goes on from the last epoch or scenario. `--device cpu --quick` runs the same code small,
on any machine.
"""

import argparse
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
from pydantic import ValidationError
from rich.console import Console
from rich.table import Table

from components.channel.scenario import OUT_OF_DISTRIBUTION, PRETRAINING, SCENARIOS
from components.data.batches import Group
from components.data.online import OnlineSnapshots
from components.data.shards import json_text, read_json, write_text_atomically
from components.evaluation.scores import PAPER_REFERENCE, POLISHED, PROMPTED, score
from components.evaluation.torch_wmmse import wmmse
from components.intervals import Interval, ratio_of_means
from components.model.conditioning import goals_of
from components.model.heads import PowerModel
from components.model.inference import allocate_batches
from components.model.prompted import PromptedModel
from components.training import __main__ as train
from components.training.checkpoint import (
    BACKBONE_NAME,
    CONFIG_NAME,
    HISTORY_NAME,
    MODEL_NAME,
    load_prompted_model,
    load_tensors,
    model_from_backbone,
    save_tensors,
)
from components.training.config import PretrainingConfig
from components.training.determinism import deterministic
from components.training.finetuning import Finetuning, FinetuningConfig
from components.training.pretraining import Pretraining
from gfm_ra.goals import STANDARD, ProportionalFair
from gfm_ra.units import db_to_linear

T = TypeVar("T")
U = TypeVar("U")
STARTS, ITERATIONS, POLISH, SHOTS = 100, 100, 5, 64
EPOCHS = 10  # checkpoints and validations on the way
ADAPTED = "gfm-ra-64-samples"
RECIPE = FinetuningConfig(
    warmup_epochs=10,
    epochs=100,
    batch_size=16,
    loss="scaled",
    schedule="cosine",
    rise_updates=50,
    validate_every=110,
)
TEST, ADAPTATION = 2**41, 2**42  # added to the seed: streams that training and its validation never draw from


def algorithm(given: argparse.Namespace) -> PretrainingConfig:
    """Masked edges, consistency and goals in one model."""
    return PretrainingConfig.model_validate(
        {
            "backbone": {
                "layers": given.layers,
                "width": given.width,
                "heads": given.heads,
                "bias_width": given.bias_width,
                "node_features": "landmarks",
            },
            "utility_weight": 10.0,
            "batch_size": given.batch,
            "epochs": EPOCHS if not given.quick else 2,
            "learning_rate": given.learning_rate,
            "schedule": {"kind": "cosine", "warmup_steps": given.warmup_steps},
            "max_gradient_norm": 5.0,
            "precision": "auto",
            "compile": given.compile,
        }
    )


def steps_within(config: PretrainingConfig, seconds: float, device: torch.device, seed: int) -> int:
    """How many steps fit, by the median of three rounds over all scenarios after one that warms up."""
    sources = [OnlineSnapshots(SCENARIOS[name], config.batch_size, seed, device) for name in PRETRAINING]
    checked = [source[:2].cpu().numpy() for source in sources]
    loop = Pretraining(config, sources, checked, seed, Group(device=device))
    taken = []
    for _ in range(4):
        started = time.perf_counter()
        for source in sources:
            loop.step(source[: config.batch_size])
        float(next(loop.student.parameters()).detach().sum())  # waits until it is done
        taken.append(time.perf_counter() - started)
    return max(1, int(seconds / (float(np.median(taken[1:])) / len(sources))))


def pretrain(given: argparse.Namespace, device: torch.device) -> Path:
    """The model folder; how long to train is decided once and kept, so that a run that is taken up is the same one."""
    planned, config = given.out / "plan.json", algorithm(given)
    given.out.mkdir(parents=True, exist_ok=True)
    if not planned.is_file():
        with deterministic(device):
            steps = steps_within(config, 60.0 * given.minutes, device, given.seed)
        batches = max(1, steps // (config.epochs * len(PRETRAINING)))
        plan = {"minutes": given.minutes, "per_epoch": batches * config.batch_size}
        write_text_atomically(planned, json_text(plan))
    plan = read_json(planned)
    if plan["minutes"] != given.minutes:
        raise SystemExit(
            f"{planned} is a run of {plan['minutes']} minutes: choose another --out, or the same --minutes"
        )
    settings = given.out / "config.json"
    settings.write_text(config.model_dump_json())
    words = ["--simulate", str(plan["per_epoch"]), "--scenarios", *PRETRAINING, "--config", str(settings)]
    words += ["--seed", str(given.seed), "--device", device.type, "--out", str(given.out)]
    train.main(words)
    return given.out / "backbone"


def halved(folder: Path, target: Path) -> Path:
    """The same model folder with weights in half precision, which is what travels."""
    target.mkdir(exist_ok=True)
    for name in (BACKBONE_NAME, MODEL_NAME):
        tensors = load_tensors(folder / name)
        save_tensors(target / name, {key: value.half() for key, value in tensors.items()})
    for name in (CONFIG_NAME, HISTORY_NAME):
        (target / name).write_bytes((folder / name).read_bytes())
    return target


def parts(name: str, given: argparse.Namespace, device: torch.device) -> Iterator[torch.Tensor]:
    """The test snapshots of a scenario, [n, K, K] in dB at a time."""
    source = OnlineSnapshots(SCENARIOS[name], given.rows, given.seed + TEST, device)
    for start in range(0, given.rows, given.solved):
        yield source[start : min(given.rows, start + given.solved)]


@torch.inference_mode()
def answers(
    name: str, prompted: PromptedModel, adapted: dict[str, PowerModel], given: argparse.Namespace
) -> dict[str, dict[str, np.ndarray]]:
    """Scores [N] of every method, by objective, on one scenario."""
    device = next(prompted.parameters()).device
    generator = torch.Generator(device).manual_seed(given.seed)
    found: dict[str, dict[str, list[np.ndarray]]] = {objective.name: {} for objective in STANDARD}
    for gain_db in parts(name, given, device):
        gain, paper = db_to_linear(gain_db), None
        for objective in STANDARD:
            best = wmmse(gain, objective, given.starts, ITERATIONS, generator)
            paper = best if paper is None else paper  # the sum rate comes first
            first = prompted(gain_db, goals_of(objective, *gain_db.shape[:2]).to(device))
            powers: dict[str, np.ndarray | torch.Tensor] = {
                PAPER_REFERENCE: paper,
                f"best-{objective.name}": best,
                PROMPTED: first,
                POLISHED: wmmse(gain, objective, iterations=POLISH, initial_power=first),
                ADAPTED: allocate_batches(adapted[objective.name], gain_db),
            }
            for method, power in powers.items():
                values = score(objective.name, torch.as_tensor(power).cpu().numpy(), gain_db.cpu().numpy())
                found[objective.name].setdefault(method, []).append(values)
    return {
        objective: {method: np.concatenate(values) for method, values in by_method.items()}
        for objective, by_method in found.items()
    }


def adapt(folder: Path, name: str, given: argparse.Namespace, device: torch.device) -> dict[str, PowerModel]:
    """A fresh head on the backbone for every objective, adapted with 64 snapshots of the scenario."""
    source = OnlineSnapshots(SCENARIOS[name], SHOTS, given.seed + ADAPTATION, device)
    shots = source[:SHOTS].cpu().numpy()
    recipe = RECIPE.model_copy(update={"warmup_epochs": 1, "epochs": 1}) if given.quick else RECIPE
    made = {}
    for objective in STANDARD:
        model = model_from_backbone(folder, given.seed)
        loop = Finetuning(recipe, model, objective, [shots], [shots], given.seed, Group(device=device))
        loop.run(lambda metrics, save: None, lambda done, total, count: None)
        made[objective.name] = model
    return made


def evaluate(
    folder: Path, given: argparse.Namespace, device: torch.device
) -> dict[str, dict[str, dict[str, Interval]]]:
    """Ratios by objective, scenario and `method / reference`; scores of finished scenarios are kept in `evaluated/`."""
    prompted = load_prompted_model(folder).to(device)
    ratios: dict[str, dict[str, dict[str, Interval]]] = {objective.name: {} for objective in STANDARD}
    kept = given.out / "evaluated"
    kept.mkdir(exist_ok=True)
    for name in OUT_OF_DISTRIBUTION:
        # Which snapshots are drawn depends on how many at a time.
        path = kept / f"{name}-{given.rows}-{given.solved}-{given.starts}.json"
        if not path.is_file():
            found = answers(name, prompted, adapt(folder, name, given, device), given)
            write_text_atomically(path, json_text(nested(found, np.ndarray.tolist)))
        scored = nested(read_json(path), lambda values: np.array(values, np.float32))
        for objective, by_method in scored.items():
            references = dict.fromkeys([PAPER_REFERENCE, f"best-{objective}"])
            if objective == ProportionalFair.name:
                # Sum-rate WMMSE silences links: their geometric mean is zero.
                del references[PAPER_REFERENCE]
            ratios[objective][name] = {
                f"{method} / {reference}": ratio_of_means(by_method[method], by_method[reference], given.seed)
                for reference in references
                for method in (PROMPTED, POLISHED, ADAPTED)
            }
    return ratios


def nested(scores: Mapping[str, Mapping[str, T]], change: Callable[[T], U]) -> dict[str, dict[str, U]]:
    """Scores by objective and method, each changed."""
    return {
        objective: {method: change(values) for method, values in by_method.items()}
        for objective, by_method in scores.items()
    }


def table(ratios: dict[str, dict[str, dict[str, Interval]]]) -> Table:
    """One line per objective, method and reference; one column per scenario."""
    shown = Table("objective", "method / reference", *OUT_OF_DISTRIBUTION)
    for objective, by_scenario in ratios.items():
        for label in by_scenario[OUT_OF_DISTRIBUTION[0]]:
            row = [by_scenario[name][label] for name in OUT_OF_DISTRIBUTION]
            shown.add_row(objective, label, *(f"{r.value:.4f} [{r.low:.4f}, {r.high:.4f}]" for r in row))
    return shown


def main() -> None:
    """Train, evaluate, print and keep the ratios."""
    parser = argparse.ArgumentParser("python -m benchmarks.paper_scale", description=__doc__)
    add = parser.add_argument
    add("--out", type=Path, required=True, help="folder for checkpoints, the model and evaluation.json")
    add(
        "--minutes",
        type=float,
        default=18.0,
        help="of training steps; validation, checkpoints and judging come on top",
    )
    add("--device", choices=["cpu", "cuda"], default="cuda" if torch.cuda.is_available() else "cpu")
    add("--seed", type=int, default=1)
    add("--batch", type=int, default=512)
    add("--learning-rate", type=float, default=4e-4)
    add("--warmup-steps", type=int, default=500)
    for name, default in (("layers", 6), ("width", 768), ("heads", 24), ("bias-width", 32)):
        add(f"--{name}", type=int, default=default)
    add("--rows", type=int, default=5000, help="test snapshots per scenario")
    add("--solved", type=int, default=250, help="snapshots that are solved at once")
    add("--starts", type=int, default=STARTS)
    add("--compile", action="store_true", help="torch.compile the student")
    add("--quick", action="store_true", help="a small network, few snapshots")
    given = parser.parse_args()
    if given.quick:
        given.batch, given.rows, given.solved, given.starts, given.minutes = 8, 8, 4, 3, 0.02
        given.layers, given.width, given.heads, given.bias_width, given.warmup_steps = 1, 16, 4, 8, 1
    device = torch.device(given.device)
    try:
        algorithm(given)
    except ValidationError as error:
        raise SystemExit(f"these values do not fit together: {error.errors()[0]['msg']}") from None
    ratios = evaluate(halved(pretrain(given, device), given.out / "half"), given, device)
    kept = {
        objective: {name: {label: list(r) for label, r in by.items()} for name, by in by_scenario.items()}
        for objective, by_scenario in ratios.items()
    }
    Console(highlight=False, width=200).print(table(ratios))
    write_text_atomically(given.out / "evaluation.json", json_text(kept))


if __name__ == "__main__":
    main()
