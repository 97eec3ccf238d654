"""Exported graphs under ONNX Runtime, K = 50, one network, one thread: `python -m benchmarks.serving`.

With `--model artifacts/pretrain/prompted` (run in a folder that has data/simulate) it also prints what 8-bit weights
cost: the ratio to WMMSE on validation snapshots, before and after.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from rich.console import Console
from rich.table import Table

from components.data.shards import Manifest, load_split
from components.evaluation.scores import score
from components.model.backbone import BackboneConfig
from components.model.conditioning import goals_of
from components.model.export import export_onnx
from components.model.heads import PowerModel
from components.model.prompted import ConditioningConfig, PromptedModel
from components.model.quantization import quantize
from components.training.checkpoint import load_prompted_model
from gfm_ra.goals import OBJECTIVES, by_name
from gfm_ra.solvers import wmmse
from gfm_ra.units import to_gain
from pipelines.registry.latency import measure, typical_gains
from pipelines.registry.pyfunc_program import open_session
from pipelines.runtime import paths

SMALL = BackboneConfig(layers=2, width=96, heads=6, bias_width=16, node_features="landmarks")
LAPTOP = BackboneConfig(layers=3, width=192, heads=6, bias_width=16, node_features="landmarks")
PAPER = BackboneConfig()
SCENARIOS = ("D16", "D18", "D20")


def models() -> Iterator[tuple[str, PowerModel | PromptedModel]]:
    """Models of every size, untrained: their values do not change their speed."""
    torch.manual_seed(0)
    for label, config in (("small", SMALL), ("laptop", LAPTOP), ("paper", PAPER)):
        yield f"{label}, one goal", PowerModel(config).eval()
        yield f"{label}, prompted", PromptedModel(config, ConditioningConfig()).eval()


def latency(graph: Path, links: int, threads: int, seconds: float) -> list[str]:
    """Milliseconds of processor time, median and 99th percentile of the clock's, and the file's size."""
    session = open_session(graph, threads)
    inputs = {"gain_db": typical_gains(1, links)}
    if len(session.get_inputs()) > 1:
        inputs |= {"parameters": np.zeros((1, 3), np.float32), "weights": np.ones((1, links), np.float32)}
    found = measure(lambda: session.run(["power"], inputs), 1, seconds)
    return [
        f"{found.cpu_ms:.2f}",
        f"{found.p50_ms:.2f}",
        f"{found.p99_ms:.2f}",
        f"{graph.stat().st_size / 1e6:.1f}",
    ]


def speed(scratch: Path, links: int, threads: int, seconds: float) -> Table:
    """One line per model and precision."""
    table = Table("model", "parameters, M", "weights", "CPU ms", "p50 ms", "p99 ms", "file, MB")
    for label, model in models():
        graph, small = scratch / "graph.onnx", scratch / "int8.onnx"
        export_onnx(model, graph)
        quantize(graph, small)
        count = f"{sum(values.numel() for values in model.parameters()) / 1e6:.1f}"
        table.add_row(label, count, "float32", *latency(graph, links, threads, seconds))
        table.add_row(label, count, "int8", *latency(small, links, threads, seconds))
    return table


def loss(folder: Path, scratch: Path) -> Table:
    """Ratios to WMMSE (own weights, best of 10 starts) with float32 and with int8 weights, and the difference."""
    graph, small = scratch / "graph.onnx", scratch / "int8.onnx"
    export_onnx(load_prompted_model(folder), graph)
    quantize(graph, small)
    manifest = Manifest.load(paths.DATA)
    table = Table("objective", "scenario", "float32", "int8", "difference")
    for objective in OBJECTIVES:
        for scenario in SCENARIOS:
            gain_db = load_split(paths.DATA, manifest, scenario, "val").astype(np.float32)
            goals = goals_of(by_name(objective), *gain_db.shape[:2])
            inputs = {
                "gain_db": gain_db,
                "parameters": goals.parameters.numpy(),
                "weights": goals.weights.numpy(),
            }
            best = wmmse(to_gain(gain_db), by_name(objective), starts=10, seed=1)
            reference = score(objective, best, gain_db).mean()
            ratios = [
                float(
                    score(objective, np.asarray(open_session(path).run(["power"], inputs)[0]), gain_db).mean()
                    / reference
                )
                for path in (graph, small)
            ]
            table.add_row(
                objective, scenario, *(f"{ratio:.4f}" for ratio in ratios), f"{ratios[1] - ratios[0]:+.4f}"
            )
    return table


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--links", type=int, default=50)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--model", type=Path)
    given = parser.parse_args()
    console = Console(highlight=False, width=120)
    with TemporaryDirectory() as scratch:
        console.print(speed(Path(scratch), given.links, given.threads, given.seconds))
        if given.model:
            console.print(loss(given.model, Path(scratch)))


if __name__ == "__main__":
    main()
