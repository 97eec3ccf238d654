"""Stage simulate: scenarios to Parquet shards of gain matrices, the same bytes for any number of workers."""

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Literal

from pydantic import Field, field_validator, model_validator

from components.channel.rng import stream
from components.channel.scenario import SCENARIOS, Scenario
from components.channel.simulator import simulate_with
from components.config import Strict
from components.data.shards import Manifest, ScenarioEntry, ShardEntry, write_shard
from pipelines.cluster.room import Need
from pipelines.cluster.sharding import Job, run_jobs
from pipelines.cluster.workers import workers
from pipelines.runtime import paths
from pipelines.runtime.errors import UserError
from pipelines.runtime.stage import Context, Outcome, Stage, main


class SplitSizes(Strict):
    """Snapshots per split of one scenario."""

    train: int = Field(default=0, ge=0)
    val: int = Field(default=0, ge=0)
    test: int = Field(default=0, ge=0)


class CustomScenario(Strict):
    """A scenario of the user's own; the fields and defaults are those of `components.channel.scenario.Scenario`."""

    links: int
    min_distance_m: float
    max_distance_m: float
    area_m: float = 1000.0
    path_loss: Literal["dual-slope", "itu1411"] = "dual-slope"
    shadowing_db: float = 7.0
    fading: Literal["rayleigh", "none"] = "rayleigh"
    bandwidth_hz: float = 10e6
    max_power_dbm: float = 10.0
    noise_dbm_per_hz: float = -174.0

    @model_validator(mode="after")
    def _is_possible(self) -> "CustomScenario":
        Scenario("custom", **self.model_dump())  # raises with one clear line
        return self


class SimulateConfig(Strict):
    """What to simulate: sizes by scenario name; names other than D1-D20 are described under `custom`."""

    shard_rows: int = Field(default=1000, ge=1)
    scenarios: dict[str, SplitSizes] = Field(min_length=1)
    custom: dict[str, CustomScenario] = Field(default_factory=dict)

    @field_validator("custom")
    @classmethod
    def _names_are_file_names(cls, custom: dict[str, CustomScenario]) -> dict[str, CustomScenario]:
        for name in custom:
            if not name.replace("-", "").replace("_", "").isalnum() or name in SCENARIOS:
                raise ValueError(f"{name!r} must be letters, digits, - and _ only, and none of D1-D20")
        return custom

    @model_validator(mode="after")
    def _scenarios_are_known(self) -> "SimulateConfig":
        unknown = [name for name in self.scenarios if name not in SCENARIOS and name not in self.custom]
        if unknown:
            raise ValueError(
                f"scenarios {', '.join(unknown)} are unknown: use D1-D20 or describe them under custom"
            )
        return self

    def scenario(self, name: str) -> Scenario:
        """The scenario of a name."""
        return Scenario(name, **self.custom[name].model_dump()) if name in self.custom else SCENARIOS[name]


def simulate_shard(
    path: Path, scenario: Scenario, rows: int, seed: int, split: str, shard: int
) -> ShardEntry:
    """Simulate and write one shard from the stream keyed (seed, scenario, split, shard)."""
    generator = stream(seed, "simulate", scenario.name, split, shard)
    metadata = {"seed": str(seed), "split": split, "shard": str(shard)}
    metadata |= {f"scenario.{key}": str(value) for key, value in asdict(scenario).items()}
    try:
        gain = simulate_with(generator, scenario, rows)
    except ValueError as error:  # so crowded that no layout is admissible
        raise UserError(f"{error} in simulate.custom of params.yaml") from None
    return write_shard(path, gain, metadata)


def plan(config: SimulateConfig, seed: int) -> Iterator[tuple[str, str, Job]]:
    """Scenario, split and job of every shard."""
    for name, sizes in config.scenarios.items():
        for split, rows in sizes.model_dump().items():
            for shard, start in enumerate(range(0, rows, config.shard_rows)):
                count = min(config.shard_rows, rows - start)
                arguments = (config.scenario(name), count, seed, split, shard)
                yield name, split, Job(f"{name}.{split}.{shard:05d}.parquet", count, arguments)


def work(context: Context[SimulateConfig]) -> Outcome:
    """Write the shards of every scenario and the manifest that lists them."""
    made = context.scratch / "shards"
    planned = list(plan(context.config, context.seed))
    made.mkdir(parents=True, exist_ok=True)
    with workers(Need("simulate"), [made.resolve()]):
        jobs = [job for _, _, job in planned]
        entries = run_jobs(simulate_shard, jobs, made, context.console, "simulate")
    splits: dict[str, dict[str, list[ShardEntry]]] = {name: {} for name in context.config.scenarios}
    for (name, split, _), entry in zip(planned, entries, strict=True):
        splits[name].setdefault(split, []).append(entry)
    scenarios = {
        name: ScenarioEntry(
            parameters=asdict(context.config.scenario(name)),
            splits={split: tuple(shards) for split, shards in splits[name].items()},
        )
        for name in splits
    }
    Manifest(seed=context.seed, scenarios=scenarios).save(made)
    rows = [
        [name, str(entry.links), *(f"{entry.rows(split):,}" for split in ("train", "val", "test"))]
        for name, entry in scenarios.items()
    ]
    return Outcome({paths.DATA: made}, ["scenario", "K", "train", "val", "test"], rows)


STAGE = Stage("simulate", SimulateConfig, work, inputs=lambda _: [], outputs=[paths.DATA])

if __name__ == "__main__":
    main(STAGE)
