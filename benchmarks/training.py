"""One step of Algorithm 1 against the machine's matrix-multiply peak: `python -m benchmarks.training`.

One process with all of its threads; peak and steps alternate in one run, medians are printed.
"""

import argparse
import statistics
import time

import torch
from rich.console import Console
from rich.table import Table

from components.channel.scenario import SCENARIOS
from components.channel.simulator import simulate
from components.data.batches import Group
from components.model.backbone import BackboneConfig
from components.training.config import PretrainingConfig
from components.training.flops import matmul_peak, training_flops
from components.training.pretraining import Pretraining
from gfm_ra.units import to_gain_db

LAPTOP = BackboneConfig(layers=3, width=192, heads=6, bias_width=16, node_features="landmarks")
PAPER = BackboneConfig()


def measure(config: PretrainingConfig, scenario: str, steps: int) -> tuple[float, float, float]:
    """Snapshots per second, operations per second and the peak, each a median over steps."""
    gain_db = to_gain_db(simulate(SCENARIOS[scenario], config.batch_size, 1))
    loop = Pretraining(config, [gain_db], [gain_db[:2]], 1, Group())
    batch = torch.from_numpy(gain_db)
    loop.step(batch)  # compiles, allocates
    seconds, peaks = [], []
    for _ in range(steps):
        peaks.append(matmul_peak(torch.device("cpu"), seconds=0.1))
        started = time.perf_counter()
        loop.step(batch)
        seconds.append(time.perf_counter() - started)
    rate = config.batch_size / statistics.median(seconds)
    flops = training_flops(config.backbone, gain_db.shape[-1], config.mask_ratio)
    return rate, rate * flops, statistics.median(peaks)


def main() -> None:
    """Measure and print one table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=7)
    steps = parser.parse_args().steps
    table = Table("model", "K", "batch", "precision", "snapshots/s", "GFLOP/s", "share of float32 peak")
    for label, backbone, batch in (("laptop", LAPTOP, 64), ("paper", PAPER, 32)):
        for scenario in ("D1", "D3", "D5"):
            for precision in ("float32", "bfloat16"):
                config = PretrainingConfig.model_validate(
                    {"backbone": backbone, "batch_size": batch, "precision": precision}
                )
                rate, flops, peak = measure(config, scenario, steps)
                links = str(SCENARIOS[scenario].links)
                row = (
                    label,
                    links,
                    str(batch),
                    precision,
                    f"{rate:,.0f}",
                    f"{flops / 1e9:,.0f}",
                    f"{flops / peak:.0%}",
                )
                table.add_row(*row)
    Console(width=100).print(table)


if __name__ == "__main__":
    main()
