"""Stage register: trained models as self-contained MLflow models, under the alias `candidate`."""

import hashlib
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

from pydantic import Field

from components.channel.worlds.distribution import FAMILIES
from components.config import Strict
from components.data.shards import json_text, sha256_of
from components.model.export import export_onnx
from components.model.unrolled.single_draw import SingleDraw
from components.training.checkpoint import CONFIG_NAME, MODEL_NAME, holds_unrolled, load_power_model
from components.training.worlds.folder import load_any_goal_model
from gfm_ra.goals import OBJECTIVES, SumRate
from pipelines.registry import pyfunc_program, versions
from pipelines.registry.aliases import offer
from pipelines.registry.card import model_card, show
from pipelines.registry.comparison import (
    foreign_snapshots,
    graph_powers,
    solved_snapshots,
    validation_snapshots,
)
from pipelines.registry.promotion import Gate
from pipelines.runtime import paths, runs
from pipelines.runtime.errors import UserError
from pipelines.runtime.progress import Meter
from pipelines.runtime.provenance import dvc_hash, lock_digest, profile_of, training_scenarios
from pipelines.runtime.stage import (
    PARAMS,
    Context,
    Outcome,
    Stage,
    main,
    parse_section,
    parse_seed,
    read_params,
)

RUNTIMES = ("mlflow", "numpy", "onnxruntime")
CARD_NAME = "card.md"


class RegisterConfig(Strict):
    """Scenarios whose validation snapshots a card is about, and on whose test snapshots a champion must be beaten."""

    scenarios: tuple[str, ...] = Field(min_length=1)
    confidence: float = Field(default=0.95, gt=0, lt=1)


ANY_GOAL = (paths.PROMPTED,)
# `UNSET` of `pyfunc_model.py`: the program has the real defaults, since it must tell a number that was given.
UNSET = -1e300
# What a caller may pass to the goal-conditioned model, with the signature's defaults; `pyfunc_model.py` explains each.
PARAMETERS = {"goal": SumRate.name, "alpha": UNSET, "min_rate": UNSET, "penalty": UNSET, "weights": []}


class Candidate(NamedTuple):
    """What is to be registered: for one objective, or, if the kind is in ANY_GOAL, for all."""

    kind: str
    folder: Path

    @property
    def name(self) -> str:
        """Its registered name."""
        return model_name(self.kind)

    @property
    def any_goal(self) -> bool:
        """Whether it is told the goal."""
        return self.kind in ANY_GOAL

    @property
    def objectives(self) -> tuple[str, ...]:
        """The objectives that it is evaluated by."""
        return OBJECTIVES if self.any_goal else (self.kind,)

    def export(self, path: Path) -> None:
        """Write its graph."""
        if not self.any_goal:
            export_onnx(load_power_model(self.folder)[0], path)
            return
        model = load_any_goal_model(self.folder)
        export_onnx(model.network if isinstance(model, SingleDraw) else model, path)


def candidates() -> list[Candidate]:
    """Everything that pre-training and fine-tuning have made for use."""
    heads = [Candidate(objective, paths.HEADS / objective) for objective in OBJECTIVES]
    return [*heads, Candidate(paths.PROMPTED, paths.pretrained(paths.PROMPTED))]


def model_name(kind: str) -> str:
    """Registered name of an objective's model, or of the one for any goal."""
    return f"gfm-ra-{kind}"


def project_names() -> list[str]:
    """Registered names of every model that the chains make."""
    return [model_name(kind) for kind in (*OBJECTIVES, *ANY_GOAL)]


def content_digest(graph: Path, folder: Path) -> str:
    """Identity of a registered model: graph, weights, card and program."""
    files = [graph, folder / MODEL_NAME, folder / CONFIG_NAME, pyfunc_program.PATH]
    return hashlib.sha256("".join(sha256_of(path) for path in files).encode()).hexdigest()


def gate_of(name: str) -> Gate:
    """What a version of a registered name must pass to become champion, by this folder's parameters and data.

    Raises:
        UserError: there are no parameters here, or the name is none of the models above.
    """
    params = read_params()
    config, seed = parse_section(params, "register", RegisterConfig), parse_seed(params)
    if name not in project_names():
        raise UserError(
            f"{name} is none of this repository's models: --force promotes it without a comparison"
        )
    candidate = Candidate(name.removeprefix(model_name("")), Path())
    snapshots = partial(solved_snapshots, config.scenarios, candidate.objectives, seed)
    foreign = partial(foreign_snapshots, candidate.objectives, seed)
    return Gate(snapshots, candidate.any_goal, config.confidence, foreign)


def register_one(candidate: Candidate, context: Context[RegisterConfig]) -> tuple[str, str, list[str]]:
    """Export and register one model as candidate; returns its name, content digest and summary row."""
    name = candidate.name
    graph = context.scratch / f"{candidate.kind}.onnx"
    candidate.export(graph)
    content = content_digest(graph, candidate.folder)
    found = versions.find_version(name, content)
    number = found or add(candidate, context, graph, content)
    version = versions.find(name, number)
    # Versions that an older program registered lack some.
    lacking = {key: value for key, value in origin_of(candidate).items() if key not in version.tags}
    if lacking:
        versions.describe(version._replace(tags=lacking))
    offer(name, number)
    return name, content, [name, number, "known" if found else "new", versions.mean_ratio(version.tags)]


def add(
    candidate: Candidate,
    context: Context[RegisterConfig],
    graph: Path,
    content: str,
) -> str:
    """Register a version with its tags and its card; returns the version."""
    validation = validation_snapshots(context.config.scenarios, candidate.objectives, context.seed)
    scored = validation.scores(graph_powers(graph, candidate.any_goal))
    ratios = validation.ratios(scored, context.config.confidence)
    provenance = origin_of(candidate)
    text = model_card(candidate.name, candidate.any_goal, provenance, ratios, context.config.confidence)
    card = context.scratch / CARD_NAME
    card.write_text(text)
    number = versions.add_version(
        context.run,
        candidate.name,
        pyfunc_program.PATH,
        {"graph": graph, "weights": candidate.folder, "card": card},
        [f"{package}=={version(package)}" for package in RUNTIMES],
        {
            "objective": ", ".join(candidate.objectives),
        },
        PARAMETERS if candidate.any_goal else None,
    )
    measured = {
        f"{versions.RATIO_TAG}.{objective}.{where}": ratio for (objective, where), ratio in ratios.items()
    }
    context.run.metrics({f"{candidate.kind}.{key}": ratio.value for key, ratio in measured.items()})
    tags = provenance | {key: show(ratio) for key, ratio in measured.items()}
    made = versions.find(candidate.name, number)
    versions.describe(made._replace(tags=tags, card=text))
    # Last, since it is what the version is found by: one that was interrupted before is registered again.
    versions.describe(made._replace(tags={versions.CONTENT_TAG: content}, card=text))
    return number


def origin_of(candidate: Candidate) -> dict[str, str]:
    """Where a model comes from, as tags of its version."""
    worlds = f"pretrain: randomised worlds ({', '.join(FAMILIES)})"
    return {
        "profile": profile_of(PARAMS),
        "git_commit": runs.git_commit(),
        "dvc_hash": dvc_hash(candidate.folder),
        "dvc_lock_sha256": lock_digest(),
        "training_scenarios": worlds
        if holds_unrolled(candidate.folder)
        else training_scenarios(candidate.folder),
    }


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
    return Outcome({paths.REGISTER: made}, ["model", "candidate", "content", "ratio"], rows)


STAGE = Stage(
    "register",
    RegisterConfig,
    work,
    inputs=lambda _: [paths.DATA, *(candidate.folder for candidate in candidates())],
    outputs=[paths.REGISTER],
)

if __name__ == "__main__":
    main(STAGE)
