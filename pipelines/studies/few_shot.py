"""Stage few_shot: every fine-tuning that the figures compare, each arm treated alike, over several seeds.

A study is a product of starting points, objectives and sample sizes. Where it names learning rates, each of its arms
takes the one that its first seed does best with on validation snapshots; test snapshots choose nothing.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from torch import nn

from components.data.batches import Group
from components.data.shards import Manifest, ShardEntry, json_text, load_split, sha256_of
from components.evaluation.comparison import (
    PCGNN_NAME,
    VARIANT,
    Entry,
    Label,
    Training,
    evaluate,
    features_of,
    imputed_answers,
    start_model,
    write_entries,
)
from components.evaluation.embedding_ranks import rank_shares
from components.model.inference import allocate_batches
from components.model.unrolled.single_draw import SingleDrawOfGoal
from components.training.checkpoint import holds_unrolled, load_card
from components.training.determinism import deterministic
from components.training.finetuning import Finetuning, TunableModel
from gfm_ra.goals import Objective, by_name
from pipelines.cluster.room import Need
from pipelines.cluster.session import ROOT
from pipelines.cluster.sharding import Job, run_jobs
from pipelines.cluster.workers import workers
from pipelines.runtime import paths
from pipelines.runtime.errors import UserError
from pipelines.runtime.stage import Context, Outcome, Stage, main
from pipelines.studies.few_shot_config import UNTRAINED, FewShotStudyConfig, Study

_LOOKED_AT = 20  # networks of the last validation set, for the ranks of their links' embeddings


@dataclass(frozen=True)
class Task:
    """One run and where it finds what it needs."""

    config: FewShotStudyConfig
    label: Label
    folder: Path
    data: Path
    seed: int

    @property
    def study(self) -> Study:
        """The study that it is part of."""
        return self.config.studies[self.label.study]

    @property
    def file(self) -> str:
        """A name that no other run has."""
        return "_".join(str(part) for part in self.label).replace("/", "-").replace(":", "-") + ".parquet"

    @property
    def rows(self) -> int:
        """How many lines its table has."""
        return len(self.study.test_scenarios) * len(self.study.shares(self.label.shots))


def samples(manifest: Manifest, data: Path, scenario: str, shots: int, number: int) -> np.ndarray:
    """A run's own part of the training split, or the first `shots` where there are not enough for every run."""
    first = shots * number
    if first + shots > manifest.entry(scenario).rows("train"):
        return load_split(data, manifest, scenario, "train", shots)
    return load_split(data, manifest, scenario, "train", first + shots)[first:]


def adapt_task(path: Path, task: Task) -> ShardEntry:
    """Train if there is anything to train, evaluate on the test snapshots, write the table."""
    torch.set_num_threads(task.config.threads)
    group = Group(device=torch.device("cuda" if task.config.accelerator == "gpu" else "cpu"))
    label, goal = task.label, by_name(task.label.objective)
    training, model = Training(), None
    if label.start not in UNTRAINED:
        model = start_model(label.start, task.folder, goal, task.seed, task.study.pcgnn)
    with deterministic(group.device):
        if model is not None and label.shots:
            assert not isinstance(model, SingleDrawOfGoal), "the check before the first run refuses it"
            training = _train(task, model, goal, group)
        entries = list(_evaluated(task, goal, model))
    write_entries(path, label, entries, training)
    return ShardEntry(file=path.name, rows=len(entries), sha256=sha256_of(path))


def _train(task: Task, model: TunableModel, goal: Objective, group: Group) -> Training:
    """Adapt the model in place."""
    study, label, manifest = task.study, task.label, Manifest.load(task.data)
    train = [samples(manifest, task.data, name, label.shots, label.run) for name in study.scenarios]
    val = [load_split(task.data, manifest, name, "val", task.config.val_rows) for name in study.scenarios]
    recipe = study.recipe_at(label.learning_rate, label.start)
    loop = Finetuning(recipe, model, goal, train, val, task.seed, group)
    seen = 0

    def tick(done: int, total: int, snapshots: int) -> None:
        nonlocal seen
        seen += snapshots

    loop.run(lambda metrics, save: None, tick)
    weights = sum(parameter.numel() for parameter in model.parameters())
    visits = round(seen / sum(map(len, train)), 3)
    looked_at = torch.from_numpy(val[-1][:_LOOKED_AT]).float().to(group.device)
    ranks = rank_shares(model, looked_at)
    return Training(loop.reached, loop.steps_done, visits, weights, features_of(model), ranks)


def _evaluated(task: Task, goal: Objective, model: nn.Module | None) -> Iterator[Entry]:
    config, manifest = task.config, Manifest.load(task.data)
    for scenario in task.study.test_scenarios:
        test = load_split(task.data, manifest, scenario, "test", config.test_rows)
        for masked, share in task.study.shares(task.label.shots):
            if model is None:
                val = load_split(task.data, manifest, scenario, "val", config.val_rows)
                powers = imputed_answers(goal, val, config.imputed_iterations, masked, share, task.seed)
            else:
                powers = partial(_powers, model)
            yield evaluate(
                powers, goal, scenario, test, masked, share, config.refinement_iterations, _mask_seed(task)
            )


def _powers(model: nn.Module, gain_db: np.ndarray, hidden: np.ndarray | None) -> np.ndarray:
    if hidden is not None and isinstance(model, SingleDrawOfGoal):
        hidden = hidden & hidden.swapaxes(-1, -2)  # it reads gains, not edges: what one end reports is known
    return allocate_batches(model, gain_db, hidden=hidden)


def _mask_seed(task: Task) -> int:
    return task.seed - task.label.run  # every run sees the same pairs hidden


def work(context: Context[FewShotStudyConfig]) -> Outcome:
    """First every learning rate of the first seed, then the chosen ones with the other seeds."""
    config = context.config
    _check(config)
    made = context.scratch / "runs"
    made.mkdir(parents=True, exist_ok=True)
    need = Need("few_shot", 1, config.accelerator, config.threads, "lower few_shot.threads, ")
    first = [task for name in config.studies for task in _first(context, name)]
    starts = sorted({task.folder.resolve() for task in first if task.folder.is_dir()})
    with workers(need, [paths.DATA.resolve(), made.resolve(), *starts]):
        _run(context, first, made, "few_shot, first seeds")
        chosen = _choose(made, first)
        rest = [
            _task(context, label._replace(run=number))
            for label in chosen
            for number in _others(config, label)
        ]
        _run(context, rest, made, "few_shot, other seeds")
    kept = [_task(context, label) for label in chosen] + rest
    return _outcome(context, made, sorted(kept, key=lambda task: task.label), first)


def _check(config: FewShotStudyConfig) -> None:
    manifest = Manifest.load(paths.DATA)
    for name, study in config.studies.items():
        for scenario in study.test_scenarios:
            load_split(paths.DATA, manifest, scenario, "test", config.test_rows)
        for start in study.starts:
            if start in (PCGNN_NAME, *UNTRAINED):
                continue
            for number in range(study.seeds if start.startswith(VARIANT) else 1):
                folder = config.folder(name, start, number)
                if not folder.is_dir():
                    raise UserError(f"{folder} is missing: studies.{name} starts from it")
                if not holds_unrolled(folder):
                    load_card(folder)
                elif any(study.shots):
                    raise UserError(
                        f"studies.{name}: {folder} holds an unrolled network, which this stage does not tune: say "
                        "shots [0], or another start"
                    )


def _first(context: Context[FewShotStudyConfig], name: str) -> Iterator[Task]:
    study = context.config.studies[name]
    for start, objective, shots in study.arms():
        rates = study.learning_rates or (study.recipe.backbone_learning_rate,)
        for rate in rates if study.trained(start, shots) else (0.0,):
            yield _task(context, Label(name, start, objective, shots, 0, rate))


def _task(context: Context[FewShotStudyConfig], label: Label) -> Task:
    folder = context.config.folder(label.study, label.start, label.run)
    return Task(context.config, label, folder, paths.DATA.resolve(), context.seed + label.run)


def _others(config: FewShotStudyConfig, label: Label) -> range:
    """The seeds beside the first; what does not depend on any has none."""
    study = config.studies[label.study]
    depends = study.trained(label.start, label.shots) or label.start.startswith(VARIANT)
    return range(1, study.seeds) if depends else range(0)


def _run(context: Context[FewShotStudyConfig], tasks: list[Task], made: Path, title: str) -> None:
    # The longest first, so that none of them runs alone at the end.
    tasks = sorted(tasks, key=lambda task: -task.label.shots)
    jobs = [Job(task.file, task.rows, (task,)) for task in tasks]
    gpus = 1 if context.config.accelerator == "gpu" else 0
    # Receipts stay: an interruption in the second phase must not repeat the first.
    run_jobs(
        adapt_task, jobs, made, context.console, title, "tables", context.config.threads, gpus, last=False
    )


def _choose(made: Path, first: list[Task]) -> list[Label]:
    """Of every arm the label whose validation utility is highest."""
    best: dict[tuple[str, str, str, int], tuple[float, Label]] = {}
    for task in first:
        reached = _validation(made / task.file)
        arm = task.label[:4]
        if not np.isfinite(reached):
            continue  # it diverged
        if arm not in best or reached > best[arm][0]:
            best[arm] = (reached, task.label)
    lost = {task.label[:4] for task in first} - set(best)
    if lost:
        raise UserError(f"every learning rate of {sorted(lost)[0]} diverged: add a smaller one to its study")
    return [label for _, label in best.values()]


def _finite(value: float) -> float | None:
    return round(value, 6) if np.isfinite(value) else None


def _validation(path: Path) -> float:
    return float(pq.read_table(path, columns=["validation"])["validation"][0].as_py())


def _outcome(
    context: Context[FewShotStudyConfig], made: Path, kept: list[Task], first: list[Task]
) -> Outcome:
    folder = context.scratch / "made"
    folder.mkdir(exist_ok=True)
    table = pa.concat_tables([pq.read_table(made / task.file) for task in kept])
    pq.write_table(table, folder / "runs.parquet", compression="zstd")
    tried = [
        [*task.label[:4], task.label.learning_rate, _finite(_validation(made / task.file))] for task in first
    ]
    (folder / "tried.json").write_text(json_text(tried))
    rows = [
        [name, str(sum(task.label.study == name for task in kept)), ", ".join(study.starts)]
        for name, study in context.config.studies.items()
    ]
    return Outcome({paths.FEW_SHOT: folder}, ["study", "runs", "starting points"], rows)


STAGE = Stage(
    "few_shot",
    FewShotStudyConfig,
    work,
    inputs=lambda config: [
        paths.DATA,
        paths.ABLATIONS,
        *(ROOT / folder for folder in config.models.values()),
    ],
    outputs=[paths.FEW_SHOT],
)

if __name__ == "__main__":
    main(STAGE)
