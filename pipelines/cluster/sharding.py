"""Many shards on many workers, each written once: Ray tasks whose finished files outlive an interruption."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ray
from rich.console import Console

from components.data.shards import DataError, ShardEntry, sha256_of, write_text_atomically
from pipelines.runtime.progress import Meter


@dataclass(frozen=True)
class Job:
    """One shard to make: `function(folder / file, *arguments)` writes it and returns its entry."""

    file: str
    rows: int
    arguments: tuple[Any, ...]


def run_jobs(
    function: Callable[..., ShardEntry],
    jobs: Sequence[Job],
    folder: Path,
    console: Console,
    label: str,
    unit: str = "snapshots",
    threads: int = 1,
    gpus: int = 0,
    last: bool = True,
) -> list[ShardEntry]:
    """Run the jobs that are not done yet, in parallel; entries come back in the order of the jobs.

    A job counts as done if its file and the receipt beside it agree, so a killed run repeats only what it had
    not finished. `folder` must be visible to every node of the cluster. Each job has `threads` CPUs and `gpus` GPUs.
    After the `last` call for a folder its receipts are removed, so that nothing but the files is left.
    """
    folder = folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    entries: dict[str, ShardEntry] = {}
    for job in jobs:
        if (receipt := _receipt(folder, job)) is not None:
            entries[job.file] = receipt
    total = sum(job.rows for job in jobs)
    remote = ray.remote(_make).options(num_cpus=threads, num_gpus=gpus)
    pending = {remote.remote(function, folder, job): job for job in jobs if job.file not in entries}
    with Meter(console, label, total, unit) as meter:
        meter.update(sum(entry.rows for entry in entries.values()))
        while pending:
            finished, _ = ray.wait(list(pending), num_returns=1)
            for reference in finished:
                job = pending.pop(reference)
                entries[job.file] = ShardEntry.model_validate_json(ray.get(reference))
            meter.update(sum(entry.rows for entry in entries.values()))
    if last:
        for job in jobs:
            _receipt_path(folder, job).unlink(missing_ok=True)
    return [entries[job.file] for job in jobs]


def _make(function: Callable[..., ShardEntry], folder: Path, job: Job) -> str:
    entry = function(folder / job.file, *job.arguments)
    write_text_atomically(_receipt_path(folder, job), entry.model_dump_json())
    return entry.model_dump_json()


def _receipt_path(folder: Path, job: Job) -> Path:
    return folder / f".{job.file}.receipt"


def _receipt(folder: Path, job: Job) -> ShardEntry | None:
    path = _receipt_path(folder, job)
    if not path.is_file() or not (folder / job.file).is_file():
        return None
    entry = ShardEntry.model_validate_json(path.read_bytes())
    if sha256_of(folder / job.file) != entry.sha256:
        return None
    if entry.rows != job.rows:
        raise DataError(f"{folder / job.file} holds {entry.rows} rows, not {job.rows}: remove {folder}")
    return entry
