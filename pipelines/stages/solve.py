"""Stage solve: classical references for the evaluation snapshots, in parallel."""

from pathlib import Path
from typing import Literal

from pydantic import Field

from components.config import Strict
from components.data.shards import Manifest, ScenarioEntry, ShardEntry, read_shard
from components.evaluation.references import reference_solvers, write_references
from gfm_ra.units import to_gain
from pipelines.cluster.room import Need
from pipelines.cluster.sharding import Job, run_jobs
from pipelines.cluster.workers import workers
from pipelines.runtime import paths
from pipelines.runtime.stage import Context, Outcome, Stage, main


class SolveConfig(Strict):
    """Which snapshots to solve and how hard: starts x iterations is what WMMSE-Best means."""

    scenarios: tuple[str, ...] = Field(min_length=1)
    splits: tuple[Literal["train", "val", "test"], ...] = Field(default=("val", "test"), min_length=1)
    starts: int = Field(default=100, ge=1)
    iterations: int = Field(default=100, ge=1)
    by_task: bool = False  # also the best of the sum-rate runs by every other objective's utility


def solve_shard(
    path: Path,
    data: Path,
    entry: ShardEntry,
    links: int,
    first_row: int,
    starts: int,
    iterations: int,
    seed: int,
    by_task: bool,
) -> ShardEntry:
    """Solve one simulated shard with every reference solver."""
    gain = to_gain(read_shard(data, entry, links))
    return write_references(path, gain, reference_solvers(starts, iterations, seed, first_row, by_task))


def plan(config: SolveConfig, data: Path, manifest: Manifest, seed: int) -> list[tuple[str, str, Job]]:
    """Scenario, split and job of every shard to solve."""
    planned = []
    for name in config.scenarios:
        entry = manifest.entry(name)
        for split in config.splits:
            first_row = 0
            for shard in entry.splits.get(split, ()):
                arguments = (
                    data, shard, entry.links, first_row, config.starts, config.iterations, seed, config.by_task
                )  # fmt: skip
                planned.append((name, split, Job(shard.file, shard.rows, arguments)))
                first_row += shard.rows
    return planned


def work(context: Context[SolveConfig]) -> Outcome:
    """Solve every shard of the chosen scenarios and splits."""
    data = paths.DATA.resolve()
    manifest = Manifest.load(data)
    planned = plan(context.config, data, manifest, context.seed)
    made = context.scratch / "shards"
    made.mkdir(parents=True, exist_ok=True)
    with workers(Need("solve"), [data, made.resolve()]):
        jobs = [job for _, _, job in planned]
        entries = run_jobs(solve_shard, jobs, made, context.console, "solve")
    scenarios: dict[str, ScenarioEntry] = {}
    for name in context.config.scenarios:
        splits = {
            split: tuple(
                entry for (n, s, _), entry in zip(planned, entries, strict=True) if (n, s) == (name, split)
            )
            for split in context.config.splits
        }
        scenarios[name] = ScenarioEntry(parameters=manifest.entry(name).parameters, splits=splits)
    Manifest(seed=context.seed, scenarios=scenarios).save(made)
    rows = [
        [name, str(entry.links), *(f"{entry.rows(split):,}" for split in context.config.splits)]
        for name, entry in scenarios.items()
    ]
    return Outcome({paths.REFERENCES: made}, ["scenario", "K", *context.config.splits], rows)


STAGE = Stage("solve", SolveConfig, work, inputs=lambda _: [paths.DATA], outputs=[paths.REFERENCES])

if __name__ == "__main__":
    main(STAGE)
