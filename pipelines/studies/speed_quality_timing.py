"""How long answers take: what stage speed_quality times, on one thread, one method after the other.

Networks are timed as they are served: an unrolled one in the compiled core, the others as exported graphs.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import numpy as np
import torch
from pydantic import Field

from components.config import Strict
from components.data.shards import Manifest, load_split
from components.evaluation.comparison import PCGNN_NAME
from components.model.conditioning import goals_of
from components.model.export import export_onnx
from components.model.heads import PowerModel
from components.model.inference import AnyGoalModel
from components.model.pcgnn.network import PCGNN, PCGNNConfig
from components.model.prompted import PromptedModel
from components.model.unrolled.single_draw import SEED, SingleDraw
from components.training.checkpoint import load_card
from components.training.worlds.folder import NETWORK_NAME, load_any_goal_model, load_unrolled_card
from gfm_ra.goals import OBJECTIVES, Objective, SumRate, by_name
from gfm_ra.inference.network import unrolled
from gfm_ra.inference.noise import noise
from gfm_ra.inference.prompts import prompt_of
from gfm_ra.latency import measure
from gfm_ra.solvers import wmmse
from gfm_ra.units import to_gain
from pipelines.cluster.session import ROOT
from pipelines.registry.pyfunc_program import open_session
from pipelines.reporting.speed_quality_methods import FULL_REUSE, GPU, POLISHED, REPEATED, TRUNCATED
from pipelines.runtime import paths
from pipelines.runtime.progress import Meter

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
