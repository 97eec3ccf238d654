"""How much two Ray workers gain over one in the stages that run as shards: `python -m benchmarks.workers`.

Both counts run in one Ray session, alternating, after every worker has compiled; the ratio of medians is printed.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import ray
from rich.console import Console
from rich.table import Table

from components.channel.scenario import SCENARIOS
from components.data.shards import ShardEntry, read_shard
from components.evaluation.references import reference_solvers, write_references
from gfm_ra.units import to_gain
from pipelines.cluster.session import cpus, session
from pipelines.stages.simulate import simulate_shard

SCENARIO = SCENARIOS["D18"]


def simulate_one(folder: Path, number: int, rows: int) -> ShardEntry:
    """Simulate and write one shard, as the stage does."""
    return simulate_shard(folder / f"simulate-{number}.parquet", SCENARIO, rows, 1, "train", number)


def solve_one(folder: Path, number: int, rows: int) -> ShardEntry:
    """Simulate a shard, then solve it with every reference solver (30 starts), as the stage does."""
    entry = simulate_shard(folder / f"solve-{number}.parquet", SCENARIO, rows, 1, "test", number)
    gain = to_gain(read_shard(folder, entry, SCENARIO.links))
    return write_references(folder / f"solved-{number}.parquet", gain, reference_solvers(30, 100, 1, 0))


def seconds(function: Callable[..., ShardEntry], folder: Path, shards: int, rows: int, workers: int) -> float:
    """Wall time of `shards` tasks of one CPU each, `workers` of them at a time."""
    task: Any = ray.remote(function).options(num_cpus=1)
    started = time.perf_counter()
    running: list[Any] = []
    for number in range(shards):
        if len(running) == workers:
            done, running = ray.wait(running, num_returns=1)
            ray.get(done)
        running.append(task.remote(folder, number, rows))
    ray.get(running)
    return time.perf_counter() - started


def main() -> None:
    """Measure and print one table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--rows", type=int, default=10_000, help="snapshots per simulated shard")
    options = parser.parse_args()
    table = Table("stage", "shards", "1 worker, s", "all workers, s", "ratio")
    with session(), tempfile.TemporaryDirectory() as name:
        folder, workers = Path(name), cpus()
        for function, shards, rows in ((simulate_one, 8, options.rows), (solve_one, 8, 300)):
            seconds(function, folder, 2 * workers, 10, workers)  # compiles in every worker
            times = [
                [seconds(function, folder, shards, rows, count) for count in (1, workers)]
                for _ in range(options.repeats)
            ]
            one, all_ = (statistics.median(column) for column in zip(*times, strict=True))
            label = function.__name__.removesuffix("_one")
            table.add_row(label, str(shards), f"{one:.2f}", f"{all_:.2f} ({workers})", f"{one / all_:.2f}")
    Console(width=100).print(table)


if __name__ == "__main__":
    main()
