"""Reference allocations: what classical solvers achieve on the snapshots that a model is evaluated on."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa

from components.data.shards import DataError, ShardEntry, matrix_column, read_columns, sha256_of, write_table
from gfm_ra.goals import STANDARD
from gfm_ra.solvers import fplinq, full_reuse, wmmse

Solver = Callable[[np.ndarray], np.ndarray]


def reference_solvers(starts: int, iterations: int, seed: int, first_row: int) -> dict[str, Solver]:
    """The solvers by the name under which their powers are stored.

    "wmmse" is one start from full power; "best-<objective>" is the best of `starts` under that objective, with
    utility-WMMSE weights; for the sum rate that is the paper's WMMSE-Best. Each solves on one thread: the
    caller runs as many of them as there are cores.
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
    return solvers


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
