"""Snapshots on disk: Parquet shards of gain matrices in dB, and the manifest that vouches for them."""

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import ValidationError

from components.config import Strict
from gfm_ra.files.columns import column_matrix, matrix_column
from gfm_ra.units import to_gain_db

MANIFEST_NAME = "manifest.json"
COLUMN = "gain_db"
# float16 keeps gain_db within 0.031 dB up to 64 dB and 0.063 dB up to 128 dB; what that does to utilities
# is measured in tests/components/data/test_shards.py. The shards are the data: solvers and models read the same.
STORED_DTYPE = np.float16


class DataError(ValueError):
    """Data on disk is missing, damaged or not what was asked for; the message names file and remedy."""


class ShardEntry(Strict):
    """One shard of a split: its file name relative to the manifest, its rows and its checksum."""

    file: str
    rows: int
    sha256: str


class ScenarioEntry(Strict):
    """One scenario's parameters and its splits, each a list of shards in order."""

    parameters: dict[str, str | float | int]
    splits: dict[str, tuple[ShardEntry, ...]]

    @property
    def links(self) -> int:
        """Number of links K."""
        return int(self.parameters["links"])

    def rows(self, split: str) -> int:
        """Number of snapshots in a split; zero if there is no such split."""
        return sum(shard.rows for shard in self.splits.get(split, ()))


class Manifest(Strict):
    """Table of contents of a simulated data set."""

    seed: int
    scenarios: dict[str, ScenarioEntry]

    def save(self, folder: Path) -> None:
        """Write manifest.json; the bytes depend on nothing but the content."""
        write_text_atomically(folder / MANIFEST_NAME, self.model_dump_json(indent=1) + "\n")

    @classmethod
    def load(cls, folder: Path) -> "Manifest":
        """Read manifest.json.

        Raises:
            DataError: it is missing or damaged.
        """
        path = folder / MANIFEST_NAME
        try:
            return cls.model_validate_json(path.read_bytes())
        except FileNotFoundError:
            raise DataError(f"{path} is missing: run the simulate stage first") from None
        except ValidationError as error:
            raise DataError(
                f"{path} is damaged ({error.error_count()} errors): run the simulate stage again"
            ) from None

    def entry(self, scenario: str) -> ScenarioEntry:
        """The entry of a scenario.

        Raises:
            DataError: the data set does not hold that scenario.
        """
        if scenario not in self.scenarios:
            raise DataError(
                f"scenario {scenario} is not among the simulated ones ({', '.join(self.scenarios)}): "
                "add it to the simulate section of params.yaml"
            )
        return self.scenarios[scenario]


def sha256_of(path: Path) -> str:
    """Hex digest of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_text_atomically(path: Path, text: str) -> None:
    """Write a file so that a reader sees the old content or the new, never a part."""
    partial = path.with_name(f".{path.name}.partial")
    partial.write_text(text)
    os.replace(partial, path)


def write_table(path: Path, table: pa.Table) -> None:
    """Write a Parquet file atomically; the same table gives the same bytes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.partial")
    # Fading is noise: no codec shrinks it, and uncompressed pages can be mapped.
    try:
        pq.write_table(table, partial, compression="none", use_dictionary=False, write_statistics=False)
    except OSError as error:  # Arrow does not say which file
        raise OSError(error.errno, error.strerror, str(path)) from None
    os.replace(partial, path)


def write_shard(path: Path, gain: np.ndarray, metadata: Mapping[str, str]) -> ShardEntry:
    """Store gain [N, K, K] (linear) as gain_db and return its manifest entry (file name without folder)."""
    column = matrix_column(to_gain_db(gain).astype(STORED_DTYPE))
    table = pa.table({COLUMN: column}).replace_schema_metadata(dict(sorted(metadata.items())))
    write_table(path, table)
    return ShardEntry(file=path.name, rows=len(gain), sha256=sha256_of(path))


def read_shard(folder: Path, entry: ShardEntry, links: int) -> np.ndarray:
    """Read one shard's gain_db [N, K, K] in its stored precision.

    Raises:
        DataError: the file is missing, its bytes are not those that simulate wrote, or they hold something else than
            finite gains of so many links.
    """
    path = folder / entry.file
    if not path.is_file():
        raise DataError(f"{path} is missing although the manifest lists it: run the simulate stage again")
    if sha256_of(path) != entry.sha256:
        raise DataError(
            f"{path} is damaged (its checksum differs from the manifest): run the simulate stage again"
        )
    columns = read_columns(path, entry, "simulate")
    found = {name: values.shape[1] for name, values in columns.items()}
    if found.get(COLUMN) != links**2:
        raise DataError(
            f"{path} holds {found} numbers per snapshot instead of {links} * {links} in {COLUMN}: "
            "run the simulate stage again"
        )
    return columns[COLUMN].reshape(-1, links, links)


def read_columns(path: Path, entry: ShardEntry, stage: str) -> dict[str, np.ndarray]:
    """Every column of a Parquet file as an array [N, width], N from 1 on, by name; `stage` is what makes the file.

    Raises:
        DataError: it is no Parquet file, has other rows than its entry says or none, or a column does not hold a list
            of finite floating-point numbers, as many in every row.
    """
    remedy = f"run the {stage} stage again"
    try:
        table = pq.read_table(path, memory_map=True)
    except (pa.ArrowException, OSError) as error:
        reason = " ".join(str(error).split())[:100]
        raise DataError(f"{path} cannot be read as Parquet ({reason}): {remedy}") from None
    if table.num_rows != entry.rows or entry.rows < 1:
        raise DataError(
            f"{path} holds {table.num_rows} rows and its manifest says {entry.rows}; both must be the same number from "
            f"1 on: {remedy}"
        )
    return {name: _finite_matrix(table, name, path, remedy) for name in table.column_names}


def _finite_matrix(table: pa.Table, name: str, path: Path, remedy: str) -> np.ndarray:
    kind = table.schema.field(name).type
    if not pa.types.is_fixed_size_list(kind) or not pa.types.is_floating(kind.value_type):
        raise DataError(
            f"{path}: column {name} holds {kind} instead of lists of floating-point numbers of one length: {remedy}"
        )
    values = column_matrix(table, name)
    bad = ~np.isfinite(values).all(1)
    if bad.any():
        raise DataError(f"{path}: row {bad.argmax() + 1} of column {name} has a value that is not finite: {remedy}")
    return values


def load_split(
    folder: Path, manifest: Manifest, scenario: str, split: str, rows: int | None = None
) -> np.ndarray:
    """Read the first `rows` snapshots of a split (all if None) as gain_db [N, K, K] in stored precision.

    Raises:
        DataError: the scenario, the split or enough rows are not there, or a shard is missing or damaged.
    """
    entry = manifest.entry(scenario)
    wanted = entry.rows(split) if rows is None else rows
    if wanted < 1 or entry.rows(split) < wanted:
        raise DataError(
            f"{scenario}/{split} holds {entry.rows(split)} snapshots but {max(wanted, 1)} are needed: "
            f"raise its size in the simulate section of params.yaml"
        )
    parts, have = [], 0
    for shard in entry.splits[split]:
        if have >= wanted:
            break
        parts.append(read_shard(folder, shard, entry.links)[: wanted - have])
        have += len(parts[-1])
    return np.concatenate(parts)


def read_json(path: Path) -> Any:  # noqa: ANN401 (whatever the file holds)
    """What a stage has left as JSON.

    Raises:
        DataError: it is missing or damaged.
    """
    try:
        return json.loads(path.read_text())
    except FileNotFoundError:
        raise DataError(f"{path} is missing: run the stage that makes it again") from None
    except ValueError as error:
        raise DataError(f"{path} is damaged ({error}): run the stage that makes it again") from None


def json_text(value: object) -> str:
    """JSON with stable order and layout, for files that DVC hashes."""
    return json.dumps(value, indent=1, sort_keys=True, allow_nan=False) + "\n"
