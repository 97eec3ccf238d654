"""A file with the right checksum but other contents than gains or powers is refused in one line that names it."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from components.data.shards import COLUMN, DataError, ShardEntry, read_shard, sha256_of, write_table
from components.evaluation.references import read_references
from gfm_ra.files.columns import matrix_column

LINKS = 3
GOOD = np.zeros((2, LINKS**2), np.float16)


def holding(value: float) -> np.ndarray:
    values = GOOD.copy()
    values[1, 4] = value
    return values


def without_a_list() -> pa.Array:
    return pa.array([[0.0] * LINKS**2, None], pa.list_(pa.float16(), LINKS**2))


CONTENTS = {
    "no rows": ({COLUMN: matrix_column(GOOD[:0])}, "holds 0 rows"),
    "another name": ({"gain": matrix_column(GOOD)}, "instead of 3 \\* 3"),
    "other links": ({COLUMN: matrix_column(GOOD[:, :4])}, "instead of 3 \\* 3"),
    "whole numbers": ({COLUMN: matrix_column(GOOD.astype(np.int32))}, "holds fixed_size_list.*int32"),
    "plain numbers": ({COLUMN: pa.array([1.0, 2.0])}, "holds double"),
    "ragged": ({COLUMN: pa.array([[1.0] * 9, [2.0]])}, "holds list"),
    "a null": ({COLUMN: without_a_list()}, "cannot be read as Parquet"),
    "NaN": ({COLUMN: matrix_column(holding(np.nan))}, "row 2 .* not finite"),
    "infinity": ({COLUMN: matrix_column(holding(-np.inf))}, "row 2 .* not finite"),
}


def entry_of(path: Path, rows: int) -> ShardEntry:
    return ShardEntry(file=path.name, rows=rows, sha256=sha256_of(path))


def refused(path: Path, message: str) -> object:
    return pytest.raises(DataError, match=rf"^[^\n]*{path.name}[^\n]*{message}[^\n]*stage again$")


@pytest.mark.parametrize(("columns", "message"), CONTENTS.values(), ids=CONTENTS)
def test_shards_with_other_contents_are_refused(
    tmp_path: Path, columns: dict[str, pa.Array], message: str
) -> None:
    path = tmp_path / "shard.parquet"
    write_table(path, table := pa.table(columns))
    with refused(path, message):
        read_shard(tmp_path, entry_of(path, table.num_rows), LINKS)


def test_shards_of_other_length_than_their_manifest_says_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "shard.parquet"
    write_table(path, pa.table({COLUMN: matrix_column(GOOD)}))
    with refused(path, "holds 2 rows and its manifest says 3"):
        read_shard(tmp_path, entry_of(path, 3), LINKS)


def test_what_is_no_parquet_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "shard.parquet"
    path.write_text("gains")
    with refused(path, "cannot be read as Parquet"):
        read_shard(tmp_path, entry_of(path, 1), LINKS)


@pytest.mark.parametrize("kind", [np.float16, np.float32, np.float64])
def test_any_floating_point_precision_is_read(tmp_path: Path, kind: type[np.floating]) -> None:
    path = tmp_path / "shard.parquet"
    write_table(path, pa.table({COLUMN: matrix_column(GOOD.astype(kind))}))
    gain_db = read_shard(tmp_path, entry_of(path, 2), LINKS)
    assert (gain_db.dtype, gain_db.shape) == (kind, (2, LINKS, LINKS))


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"wmmse": GOOD[:, :2], "full-reuse": GOOD[:, :3]}, "other solvers or links"),
        ({"wmmse": GOOD[:, :3]}, "other solvers or links"),
        ({"wmmse": holding(np.nan)[:, 3:6], "full-reuse": GOOD[:, :3]}, "row 2 .* not finite"),
    ],
    ids=["links", "solvers", "NaN"],
)
def test_references_with_other_contents_are_refused(
    tmp_path: Path, columns: dict[str, np.ndarray], message: str
) -> None:
    paths = [tmp_path / "first.parquet", tmp_path / "second.parquet"]
    good = {"wmmse": GOOD[:, :3], "full-reuse": GOOD[:, :3]}
    for path, content in zip(paths, (good, columns), strict=True):
        write_table(path, pa.table({name: matrix_column(values) for name, values in content.items()}))
    with refused(paths[1], message):
        read_references(tmp_path, tuple(entry_of(path, 2) for path in paths))
