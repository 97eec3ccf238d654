"""Exported graphs under ONNX Runtime, K = 50, one network, one thread: `python -m benchmarks.serving`."""

import argparse
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from rich.console import Console
from rich.table import Table

from components.model.backbone import BackboneConfig
from components.model.export import export_onnx
from components.model.heads import PowerModel
from components.model.prompted import ConditioningConfig, PromptedModel
from components.model.unrolled.network import UnrolledConfig, UnrolledNetwork
from gfm_ra.inference.names import NOISE_INPUT
from gfm_ra.inference.noise import noise
from gfm_ra.latency import measure, typical_gains
from pipelines.registry.pyfunc_program import open_session

SMALL = BackboneConfig(layers=2, width=96, heads=6, bias_width=16, node_features="landmarks")
LAPTOP = BackboneConfig(layers=3, width=192, heads=6, bias_width=16, node_features="landmarks")
PAPER = BackboneConfig()


def models() -> Iterator[tuple[str, PowerModel | PromptedModel | UnrolledNetwork]]:
    """Models of every size, untrained: their values do not change their speed."""
    torch.manual_seed(0)
    yield "unrolled network", UnrolledNetwork(UnrolledConfig()).eval()
    for label, config in (("small", SMALL), ("laptop", LAPTOP), ("paper", PAPER)):
        yield f"{label}, one goal", PowerModel(config).eval()
        yield f"{label}, transformer with goal prompts", PromptedModel(config, ConditioningConfig()).eval()


def latency(graph: Path, links: int, threads: int, seconds: float) -> list[str]:
    """Milliseconds of processor time, median and 99th percentile of the clock's, and the file's size."""
    session = open_session(graph, threads)
    inputs = {"gain_db": typical_gains(1, links)}
    names = {node.name for node in session.get_inputs()}
    if len(names) > 1:
        inputs |= {"parameters": np.zeros((1, 3), np.float32), "weights": np.ones((1, links), np.float32)}
    if NOISE_INPUT in names:
        inputs[NOISE_INPUT] = noise(0, 1, links)
    found = measure(lambda: session.run(["power"], inputs), 1, seconds)
    return [
        f"{found.cpu_ms:.2f}",
        f"{found.p50_ms:.2f}",
        f"{found.p99_ms:.2f}",
        f"{graph.stat().st_size / 1e6:.1f}",
    ]


def speed(scratch: Path, links: int, threads: int, seconds: float) -> Table:
    """One line per model."""
    table = Table("model", "parameters, M", "CPU ms", "p50 ms", "p99 ms", "file, MB")
    for label, model in models():
        graph = scratch / "graph.onnx"
        export_onnx(model, graph)
        count = f"{sum(values.numel() for values in model.parameters()) / 1e6:.1f}"
        table.add_row(label, count, *latency(graph, links, threads, seconds))
    return table


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--links", type=int, default=50)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=3.0)
    given = parser.parse_args()
    console = Console(highlight=False, width=120)
    with TemporaryDirectory() as scratch:
        console.print(speed(Path(scratch), given.links, given.threads, given.seconds))


if __name__ == "__main__":
    main()
