"""Reference allocations: what classical solvers achieve on the snapshots that a model is evaluated on."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa

from components.channel.rng import stream
from components.data.shards import DataError, ShardEntry, matrix_column, read_columns, sha256_of, write_table
from gfm_ra.goals import STANDARD, Objective
from gfm_ra.rates import spectral_efficiency
from gfm_ra.solvers import fplinq, full_reuse, wmmse

Solver = Callable[[np.ndarray], np.ndarray]


BY_TASK = "sum-rate-chosen-by-"
"""Before an objective's name: the best of many sum-rate runs by that objective's utility."""


def reference_solvers(
    starts: int, iterations: int, seed: int, first_row: int, by_task: bool = False
) -> dict[str, Solver]:
    """The solvers by the name under which their powers are stored.

    "wmmse" is one start from full power; "best-<objective>" is the best of `starts` under that objective, with
    utility-WMMSE weights; for the sum rate that is the paper's WMMSE-Best. With `by_task`, `BY_TASK` + objective is the
    best of as many sum-rate runs by that objective's utility, the other reading of WMMSE-Best. Each solves on one
    thread: the caller runs as many of them as there are cores.
    """
    solvers: dict[str, Solver] = {
        "full-reuse": full_reuse,
        "fplinq": lambda gain: fplinq(gain, iterations=iterations, threads=1),
        "wmmse": lambda gain: wmmse(gain, iterations=iterations, threads=1),
    }
    for goal in STANDARD:
        solvers[f"best-{goal.name}"] = lambda gain, goal=goal: wmmse(
            gain,
            goal,
            starts=starts,
            iterations=iterations,
            seed=seed,
            first_index=first_row,
            threads=1,
        )
    if by_task:
        for goal in STANDARD[1:]:
            solvers[f"{BY_TASK}{goal.name}"] = lambda gain, goal=goal: sum_rate_runs_chosen_by(
                goal, gain, starts, iterations, seed, first_row
            )
    return solvers


def sum_rate_runs_chosen_by(
    goal: Objective, gain: np.ndarray, starts: int, iterations: int, seed: int, first_row: int = 0
) -> np.ndarray:
    """Of sum-rate WMMSE from full power and from random powers the best by another goal, [N, K] for gain [N, K, K]."""
    count, links, _ = gain.shape
    best, best_rates = np.empty((count, links), np.float32), np.zeros((count, links))
    for start in range(starts):
        draws = [stream(seed, "by-task", first_row + row, start).random(links) for row in range(count)]
        initial = np.ones((count, links)) if start == 0 else np.stack(draws)
        power = wmmse(gain, iterations=iterations, initial_power=initial.astype(np.float32), threads=1)
        rates = spectral_efficiency(power.astype(np.float64), gain.astype(np.float64))
        better = np.full(count, True) if start == 0 else goal.advantage(rates, best_rates) > 0
        best[better], best_rates[better] = power[better], rates[better]
    return best


def write_references(path: Path, gain: np.ndarray, solvers: dict[str, Solver]) -> ShardEntry:
    """Solve gain [N, K, K] with every solver and store the powers, one column per solver."""
    columns = {name: matrix_column(solve(gain).astype(np.float32)) for name, solve in solvers.items()}
    write_table(path, pa.table(columns))
    return ShardEntry(file=path.name, rows=len(gain), sha256=sha256_of(path))


def read_references(folder: Path, entries: tuple[ShardEntry, ...]) -> dict[str, np.ndarray]:
    """Powers [N, K] by solver name, shards joined in order.

    Raises:
        DataError: a file is missing or damaged, or holds anything but powers of as many links as the others.
    """
    parts: list[dict[str, np.ndarray]] = []
    for entry in entries:
        path = folder / entry.file
        if not path.is_file() or sha256_of(path) != entry.sha256:
            raise DataError(f"{path} is missing or damaged: run the solve stage again")
        parts.append(read_columns(path, entry, "solve"))
        if _shapes(parts[-1]) != _shapes(parts[0]):
            raise DataError(
                f"{path} holds other solvers or links than {entries[0].file}: run the solve stage again"
            )
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _shapes(powers: dict[str, np.ndarray]) -> list[tuple[str, int]]:
    return [(name, power.shape[1]) for name, power in powers.items()]
