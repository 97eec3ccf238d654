"""Stage speed_quality: what an answer is worth against how long it takes, networks and classical solvers side by side.

One thread, one network or a batch, the networks as they are served, an unrolled one in the compiled core and the others
as exported graphs, against the compiled solvers. Latencies
belong to the machine: this is the one table of the figures that another run gives other digits for.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import numpy as np
import ray
import torch
from pydantic import Field

from components.config import Strict
from components.data.shards import Manifest, json_text, load_split
from components.evaluation.comparison import PCGNN_NAME, VARIANT
from components.evaluation.references import read_references
from components.evaluation.scores import score
from components.model.conditioning import goals_of
from components.model.export import export_onnx
from components.model.heads import PowerModel
from components.model.inference import AnyGoalModel, allocate_batches
from components.model.pcgnn.network import PCGNN, PCGNNConfig
from components.model.prompted import PromptedModel
from components.model.unrolled.single_draw import SEED, SingleDraw
from components.training.checkpoint import load_card
from components.training.worlds.folder import NETWORK_NAME, load_any_goal_model, load_unrolled_card
from gfm_ra.goals import OBJECTIVES, Objective, SumRate, by_name
from gfm_ra.inference import unrolled
from gfm_ra.inference.noise import noise
from gfm_ra.inference.prompts import prompt_of
from gfm_ra.latency import measure
from gfm_ra.solvers import wmmse
from gfm_ra.units import to_gain
from pipelines.cluster.room import Need
from pipelines.cluster.session import ROOT
from pipelines.cluster.workers import workers
from pipelines.registry.pyfunc_program import open_session
from pipelines.reporting.speed_quality_methods import (
    FULL_REUSE,
    GPU,
    POLISHED,
    REFERENCE,
    REPEATED,
    TRUNCATED,
)
from pipelines.runtime import paths
from pipelines.runtime.machine import machine
from pipelines.runtime.progress import Meter
from pipelines.runtime.stage import Context, Outcome, Stage, main

MANY = 8  # snapshots
Call = Callable[[], object]


class SpeedQualityConfig(Strict):
    """Which methods, on which scenarios, and how long each is timed."""

    scenarios: tuple[str, ...] = Field(min_length=1)
    rows: int = Field(ge=1)  # test snapshots that the ratio is measured on
    prompted: dict[str, str]  # label -> folder of a goal-conditioned model, from the top of the repository
    one_goal: dict[str, str]  # label -> folder of a backbone; its ratio comes from stage few_shot
    iterations: tuple[Annotated[int, Field(ge=1)], ...] = (1, 2, 5, 10, 20, 50, 100)
    starts: tuple[Annotated[int, Field(ge=2)], ...] = (10, 100, 1000)
    refinement_iterations: int = Field(default=5, ge=1)
    batches: tuple[Annotated[int, Field(ge=1)], ...] = (1, 256)
    seconds: float = Field(
        default=1.0, gt=0
    )  # per measurement of one network; larger batches get three calls


class Timed(NamedTuple):
    """A method and the objective that it is timed with; None where the objective changes nothing."""

    method: str
    objective: str | None
    call: Callable[[np.ndarray], Call]  # gain_db [B, K, K] -> what is timed


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


def graphs(config: SpeedQualityConfig, scratch: Path) -> dict[str, Path]:
    """Exported graphs by label, of an unrolled network its folder.

    A one-goal network's weights do not change its speed: those of the backbone do.
    """
    models: dict[str, PowerModel | PromptedModel | PCGNN] = {PCGNN_NAME: PCGNN(PCGNNConfig()).eval()}
    found: dict[str, Path] = {}
    for label, folder in config.one_goal.items():
        models[label] = PowerModel(load_card(ROOT / folder).backbone).eval()
    for label, folder in config.prompted.items():
        model = load_any_goal_model(ROOT / folder)
        if isinstance(model, SingleDraw):
            found[label] = ROOT / folder
        else:
            models[label] = model
    for label, model in models.items():
        found[label] = scratch / f"{label.replace(':', '-')}.onnx"
        export_onnx(model, found[label])
    return found


def methods(config: SpeedQualityConfig, exported: dict[str, Path]) -> Iterator[Timed]:
    """Everything that is timed. WMMSE takes longer for some objectives than for others, a network does not."""
    last, polish = max(config.iterations), config.refinement_iterations

    def solver(goal: Objective, starts: int, iterations: int) -> Callable[[np.ndarray], Call]:
        return lambda g: lambda: wmmse(to_gain(g), goal, starts=starts, iterations=iterations, threads=1)

    networks = {label: _network(path) for label, path in exported.items()}
    for label, answer in networks.items():
        yield Timed(label, None, answer)
    for objective in OBJECTIVES:
        goal = by_name(objective)
        yield Timed(FULL_REUSE, objective, lambda g: lambda: np.ones(g.shape[:2], np.float32))
        for count in config.iterations:
            yield Timed(f"{TRUNCATED}{count}", objective, solver(goal, 1, count))
        for starts in config.starts:
            yield Timed(f"{REPEATED}{starts}", objective, solver(goal, starts, last))
        for label, answer in networks.items():

            def polished(g: np.ndarray, answer: Any = answer, goal: Objective = goal) -> Call:  # noqa: ANN401
                first = answer(g)
                return lambda: wmmse(to_gain(g), goal, iterations=polish, initial_power=first(), threads=1)

            yield Timed(f"{label}{POLISHED}", objective, polished)


def _network(path: Path) -> Callable[[np.ndarray], Callable[[], np.ndarray]]:
    """A network as it is served, on one thread: a graph, or a folder with an unrolled one."""
    if path.is_dir():
        return _compiled(path)
    runtime = open_session(path, threads=1)

    def answer(g: np.ndarray) -> Callable[[], np.ndarray]:
        inputs = {"gain_db": g}
        if len(runtime.get_inputs()) > 1:
            goals = goals_of(SumRate(), *g.shape[:2])
            inputs |= {"parameters": goals.parameters.numpy(), "weights": goals.weights.numpy()}
        return lambda: np.asarray(runtime.run(["power"], inputs)[0])

    return answer


def _compiled(folder: Path) -> Callable[[np.ndarray], Callable[[], np.ndarray]]:
    """An unrolled network in the compiled core, one draw, on one thread."""
    sizes = load_unrolled_card(folder).unrolled.model_dump(mode="json")
    network = unrolled.read(folder / NETWORK_NAME, sizes)

    def answer(g: np.ndarray) -> Callable[[], np.ndarray]:
        prompt, drawn = prompt_of(SumRate(), *g.shape[:2]), noise(SEED, 1, g.shape[-1])
        return lambda: network.draws(to_gain(g), prompt, drawn, threads=1)[:, 0]

    return answer


def time_all(config: SpeedQualityConfig, exported: dict[str, Path], meter: Meter) -> list[dict[str, Any]]:
    """Milliseconds per snapshot of every method, scenario and batch size, one after the other on one thread."""
    manifest, rows = Manifest.load(paths.DATA), []
    timed = list(methods(config, exported))
    if torch.cuda.is_available():
        timed += list(on_gpu(config))
    for scenario in config.scenarios:
        typical = load_split(paths.DATA, manifest, scenario, "test", config.rows).astype(np.float32)
        for batch in config.batches:
            whole = np.resize(typical, (batch, *typical.shape[1:]))
            for method, objective, call in timed:
                single = batch == 1
                # Many starts are solved snapshot by snapshot: a few of a batch tell how long each takes.
                given = whole[:MANY] if method.startswith(REPEATED) else whole
                found = measure(
                    call(given), len(given), config.seconds if single else 0.0,
                    warm_up=3 if single else 1, least=5 if single else 3,
                )  # fmt: skip
                ms = found.p50_ms / len(given)
                place = {"scenario": scenario, "batch": batch, "objective": objective}
                rows.append(place | {"method": method, "ms": ms})
            meter.update(meter.done + 1)
    return rows


def on_gpu(config: SpeedQualityConfig) -> Iterator[Timed]:
    """The goal-conditioned models on the GPU, transfers included, where there is one."""
    place = torch.device("cuda")
    for label, folder in config.prompted.items():
        model = load_any_goal_model(ROOT / folder).to(place)

        @torch.inference_mode()
        def answer(g: np.ndarray, model: AnyGoalModel = model) -> np.ndarray:
            goals = goals_of(SumRate(), *g.shape[:2]).to(place)
            return model(torch.from_numpy(g).to(place), goals).float().cpu().numpy()

        yield Timed(f"{label}{GPU}", None, lambda g, answer=answer: lambda: answer(g))


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
