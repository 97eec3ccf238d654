"""Stage goal_study: the prompted model where a fine-tuned head cannot follow.

Goals between and outside the trained ones, channel state that is partly missing, the fallback, and what a few samples
add to zero-shot, cheapest adaptation first. All on test snapshots, each against the strongest classical method for
the same goal and the same knowledge.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple, get_args

import numpy as np
import ray
import torch
from pydantic import Field

from components.channel.imputation import fill_constant, fill_quantile
from components.channel.masking import random_pair_mask
from components.channel.torch_rng import torch_stream
from components.config import Strict
from components.data.shards import Manifest, json_text, load_split
from components.evaluation.scores import comparable_score
from components.evaluation.torch_allocator import Allocator
from components.intervals import mean_over_seeds, ratio_of_means
from components.model.conditioning import GoalSpec
from components.model.inference import allocate_batches
from components.training.adaptation.adapt import Way, allocator_of, fit
from components.training.adaptation.samples import FewSamplesConfig
from components.training.worlds.folder import (
    goals_known,
    load_any_goal_model,
    load_unrolled,
    load_unrolled_card,
)
from gfm_ra.errors import UserError
from gfm_ra.goal_family import numbers_of
from gfm_ra.goals import OBJECTIVES, by_name
from gfm_ra.solvers import full_reuse, wmmse
from gfm_ra.units import to_gain
from pipelines.cluster.room import Need
from pipelines.cluster.workers import workers
from pipelines.runtime import paths
from pipelines.runtime.progress import Meter
from pipelines.runtime.stage import Context, Outcome, Stage, main

ZERO_SHOT = "zero-shot"


class Adaptation(Strict):
    """What few samples add: every way of adapting, for every one of these goals."""

    scenario: str
    shots: int = Field(default=64, ge=4)  # half of them held back
    seeds: int = Field(default=3, ge=2)
    goals: tuple[str, ...] = Field(min_length=1)
    ways: tuple[Way, ...] = get_args(Way)
    training: FewSamplesConfig = FewSamplesConfig()  # where weights are trained


class GoalStudyConfig(Strict):
    """Which goals, how much missing knowledge, and how the answers are evaluated."""

    scenarios: tuple[str, ...] = Field(min_length=1)
    rows: int = Field(ge=1)  # test snapshots per scenario
    goals: dict[str, GoalSpec]
    starts: int = Field(default=100, ge=1)
    iterations: int = Field(default=100, ge=1)
    hidden_shares: tuple[float, ...] = (0.0, 0.1, 0.3, 0.5)
    quantiles: tuple[float, ...] = (0.5, 0.75, 0.9)
    refinement_iterations: int = Field(default=5, ge=1)
    adaptation: Adaptation
    resamples: int = Field(default=1000, ge=100)
    confidence: float = Field(default=0.95, gt=0, lt=1)


class Place(NamedTuple):
    """Where a task finds what it works on, and what its random streams are keyed by."""

    data: Path
    model: Path
    seed: int


def evaluate_goal(config: GoalStudyConfig, place: Place, scenario: str, name: str) -> dict[str, Any]:
    """Ratios to utility-WMMSE-Best for one goal on one scenario, and how often each candidate of the fallback wins."""
    torch.set_num_threads(1)
    gain_db = load_split(place.data, Manifest.load(place.data), scenario, "test", config.rows)
    gain, goal = to_gain(gain_db), config.goals[name].build(gain_db.shape[-1])
    best = wmmse(gain, goal, starts=config.starts, iterations=config.iterations, seed=place.seed, threads=1)
    model = load_any_goal_model(place.model)
    with_fallback = Allocator.of(model, goal, goals_known(place.model)).explain(
        gain, goal, polish_iterations=config.refinement_iterations, guard=True
    )
    powers = {
        "zero-shot": allocate_batches(model, gain_db, goal),
        "with_fallback": with_fallback.power,
        "wmmse-for-the-goal": wmmse(gain, goal, iterations=config.iterations, threads=1),
        "full-reuse": full_reuse(gain),
    }
    reference = comparable_score(goal, best, gain_db)
    found: dict[str, Any] = {
        method: _ratio(comparable_score(goal, power, gain_db), reference, config, place.seed)
        for method, power in powers.items()
    }
    found["fallback_wins"] = {
        str(source): round(float((with_fallback.source == source).mean()), 4)
        for source in np.unique(with_fallback.source)
    }
    return found


def evaluate_missing(config: GoalStudyConfig, place: Place, scenario: str, objective: str) -> dict[str, Any]:
    """Ratios to the best WMMSE with full knowledge, by share of hidden pairs: the model, and WMMSE on imputed gains."""
    torch.set_num_threads(1)
    gain_db = load_split(place.data, Manifest.load(place.data), scenario, "test", config.rows)
    gain, goal, model = to_gain(gain_db), by_name(objective), load_any_goal_model(place.model)
    best = wmmse(gain, goal, starts=config.starts, iterations=config.iterations, seed=place.seed, threads=1)
    reference = comparable_score(goal, best, gain_db)
    fills: dict[str, Callable[[np.ndarray], np.ndarray]] = {}
    found: dict[str, Any] = {}
    for share in config.hidden_shares:
        generator = torch_stream(place.seed, "goals", "hidden", scenario, f"{share}")
        hidden = random_pair_mask(len(gain), gain.shape[-1], share, generator).numpy()
        fills = {
            f"quantile-{q}": lambda values, hidden=hidden, q=q: fill_quantile(values, hidden, q)
            for q in config.quantiles
        }
        fills["constant"] = lambda values, hidden=hidden: fill_constant(values, hidden)
        scored = {
            fill: comparable_score(
                goal, wmmse(impute(gain), goal, iterations=config.iterations, threads=1), gain_db
            )
            for fill, impute in fills.items()
        }
        chosen = max(scored, key=lambda fill: scored[fill].mean())
        zero_shot = comparable_score(goal, allocate_batches(model, gain_db, goal, hidden), gain_db)
        found[f"{share:g}"] = {
            "zero-shot": _ratio(zero_shot, reference, config, place.seed),
            "imputed-wmmse": _ratio(scored[chosen], reference, config, place.seed),
            "imputation": chosen,
        }
    return found


def adapt(config: GoalStudyConfig, place: Place, name: str, way: Way | None, number: int) -> float | None:
    """Test ratio of what effort fast answers for one goal after one way of adapting (None: zero-shot), on its own few
    samples."""
    torch.set_num_threads(1)
    adaptation, manifest = config.adaptation, Manifest.load(place.data)
    rows = adaptation.shots * (number + 1)
    train = load_split(place.data, manifest, adaptation.scenario, "train", rows)[-adaptation.shots :]
    test = load_split(place.data, manifest, adaptation.scenario, "test", config.rows)
    goal = config.goals[name].build(test.shape[-1])
    network, told = load_unrolled(place.model), None
    if numbers_of(goal) is None:
        raise UserError(f"goal_study: adaptation.goals: {name} is none that networks know: leave it out")
    envelope = load_unrolled_card(place.model).goals.ranges()
    if way is not None:
        found = fit(network, goal, [train], way, envelope, place.seed + number, adaptation.training)
        network, told = found.network, found.told
    gain = to_gain(test)
    answer = allocator_of(network, goal, told, envelope).allocate(
        gain=gain, goal=goal, effort="fast", threads=1
    )
    best = wmmse(gain, goal, starts=config.starts, iterations=config.iterations, seed=place.seed, threads=1)
    reached, reference = (comparable_score(goal, power, test) for power in (answer.power, best))
    return float(reached.mean() / reference.mean()) if reference.mean() > 0.0 else None


def _ratio(
    values: np.ndarray, reference: np.ndarray, config: GoalStudyConfig, seed: int
) -> list[float] | None:
    """Ratio of means with its interval, or None where the best that is known has no positive utility."""
    if reference.mean() <= 0.0:
        return None
    ratio = ratio_of_means(values, reference, seed, config.resamples, config.confidence)
    return [round(value, 5) for value in ratio]


def _over_seeds(ratios: Sequence[float | None]) -> list[float] | None:
    known = [ratio for ratio in ratios if ratio is not None]
    return [round(value, 5) for value in mean_over_seeds(known)] if len(known) == len(ratios) else None


def work(context: Context[GoalStudyConfig]) -> Outcome:
    """All three studies as Ray tasks of one CPU each."""
    config, adaptation = context.config, context.config.adaptation
    place = Place(paths.DATA.resolve(), paths.pretrained(paths.PROMPTED).resolve(), context.seed)
    ways: list[Way | None] = [None, *adaptation.ways]
    jobs: list[tuple[Callable[..., Any], tuple[Any, ...]]] = [
        *((evaluate_goal, (scenario, name)) for name in config.goals for scenario in config.scenarios),
        *((evaluate_missing, (scenario, name)) for name in OBJECTIVES for scenario in config.scenarios),
        *(
            (adapt, (name, way, number))
            for name in adaptation.goals
            for way in ways
            for number in range(adaptation.seeds)
        ),
    ]
    with (
        workers(Need("goal_study"), [place.data, place.model]),
        Meter(context.console, "goal_study", len(jobs), "evaluations") as meter,
    ):
        tasks: dict[Any, Any] = {function: ray.remote(function).options(num_cpus=1) for function, _ in jobs}
        pending = [tasks[function].remote(config, place, *arguments) for function, arguments in jobs]
        results: list[Any] = []
        for reference in pending:
            results.append(ray.get(reference))
            meter.update(len(results))
    answers = iter(results)
    full: dict[str, Any] = {
        "snapshots": config.rows,
        "goals": {name: {scenario: next(answers) for scenario in config.scenarios} for name in config.goals},
        "missing": {name: {scenario: next(answers) for scenario in config.scenarios} for name in OBJECTIVES},
    }
    full["adaptation"] = {"scenario": adaptation.scenario, "shots": adaptation.shots, "goals": {}}
    for name in adaptation.goals:
        full["adaptation"]["goals"][name] = {
            way or ZERO_SHOT: [
                round(value, 5) for value in mean_over_seeds([next(answers) for _ in range(adaptation.seeds)])
            ]
            for way in ways
        }
    return _outcome(context, full)


def _outcome(context: Context[GoalStudyConfig], full: dict[str, Any]) -> Outcome:
    context.scratch.mkdir(parents=True, exist_ok=True)
    made, headline = context.scratch / "goal_study-full.json", context.scratch / "goal_study.json"
    made.write_text(json_text(full))
    zero_shot = {
        goal: {scenario: found[ZERO_SHOT] and found[ZERO_SHOT][0] for scenario, found in by_scenario.items()}
        for goal, by_scenario in full["goals"].items()
    }
    headline.write_text(json_text(zero_shot))
    return Outcome(
        {paths.metrics("goal_study"): headline, paths.GOAL_STUDY: made},
        ["study", "goal", "scenario", "model", "classical"],
        [*_goal_rows(full["goals"]), *_missing_rows(full["missing"]), *_adaptation_rows(full["adaptation"])],
    )


def _goal_rows(goals: dict[str, Any]) -> list[list[str]]:
    return [
        ["goal", goal, scenario, _show(found[ZERO_SHOT]), _show(found["wmmse-for-the-goal"])]
        for goal, by_scenario in goals.items()
        for scenario, found in by_scenario.items()
    ]


def _missing_rows(missing: dict[str, Any]) -> list[list[str]]:
    return [
        [
            f"{float(share):.0%} hidden",
            goal,
            scenario,
            _show(found["zero-shot"]),
            _show(found["imputed-wmmse"]),
        ]
        for goal, by_scenario in missing.items()
        for scenario, by_share in by_scenario.items()
        for share, found in by_share.items()
    ]


def _adaptation_rows(adaptation: dict[str, Any]) -> list[list[str]]:
    return [
        [f"{way}, {adaptation['shots']} samples", goal, adaptation["scenario"], _show(found), ""]
        for goal, by_way in adaptation["goals"].items()
        for way, found in by_way.items()
    ]


def _show(ratio: Sequence[float] | None) -> str:
    if ratio is None:
        return "-"
    value, low, high = ratio
    return f"{value:.3f} [{low:.3f}, {high:.3f}]"


STAGE = Stage(
    "goal_study",
    GoalStudyConfig,
    work,
    inputs=lambda _: [paths.DATA, paths.pretrained(paths.PROMPTED)],
    outputs=[paths.metrics("goal_study"), paths.GOAL_STUDY],
)

if __name__ == "__main__":
    main(STAGE)
