"""Laws of gains files: what is written is read back, and whatever is no gain matrix is one clear line."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from gfm_ra.files.gains import check_writable, read_gains, write_array
from pipelines.runtime.errors import UserError


@pytest.mark.parametrize("kind", [".npy", ".npz", ".csv", ".parquet"])
@pytest.mark.parametrize(("name", "db"), [("gain", False), ("gain_db", True)])
def test_what_is_written_is_read_back(tmp_path: Path, kind: str, name: str, db: bool) -> None:
    gains = np.random.default_rng(0).exponential(10.0, (3, 4, 4)).astype(np.float32)
    write_array(tmp_path / f"a{kind}", gains, name)
    found = read_gains(tmp_path / f"a{kind}")
    np.testing.assert_allclose(found.values, gains, rtol=1e-6)
    # Formats without names do not tell the unit.
    assert found.db is (db if kind in (".npz", ".parquet") else None)


def test_a_csv_of_one_network_is_that_network(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("# a comment\n1, 2\n3, 4\n")
    np.testing.assert_array_equal(read_gains(tmp_path / "a.csv").values, [[1.0, 2.0], [3.0, 4.0]])


def test_parquet_rows_may_be_lists_of_lists(tmp_path: Path) -> None:
    rows = [[[1.0, 2.0], [3.0, 4.0]], [[5.0, 6.0], [7.0, 8.0]]]
    pq.write_table(pa.table({"gain_db": rows, "note": ["a", "b"]}), tmp_path / "a.parquet")
    np.testing.assert_array_equal(read_gains(tmp_path / "a.parquet").values, rows)


def save(path: Path, content: object) -> None:
    if isinstance(content, str):
        path.write_text(content)
    elif isinstance(content, dict) and path.suffix == ".parquet":
        pq.write_table(pa.table(content), path)
    elif isinstance(content, dict):
        np.savez(path, **content)
    else:
        np.save(path, content)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.npy", "text", "not a .npy file"),
        ("a.npy", np.zeros((2, 3)), r"shape \[K, K\] or \[B, K, K\], not float64 \[2, 3\]"),
        ("a.npy", np.zeros((2, 2), complex), "not complex128"),
        ("a.npy", np.array([["a", "b"], ["c", "d"]]), "not <U1"),
        ("a.npy", np.zeros((0, 2, 2)), "no networks"),
        ("a.npz", "text", "not a .npz file"),
        ("a.npz", {"one": np.zeros((2, 2)), "two": np.zeros((2, 2))}, "call one of them gain or gain_db"),
        ("a.csv", "1,2\n3\n", "not a table of numbers"),
        ("a.csv", "1,2\n3,x\n", "not a table of numbers"),
        ("a.csv", "1,2\n3,4\n5,6\n", "3 rows of 2 numbers"),
        ("a.parquet", "text", "not a Parquet file"),
        ("a.parquet", {"gain": [[1.0, 2.0, 3.0]]}, r"K \* K numbers in every row"),
        ("a.parquet", {"gain": [[1.0, None, 3.0, 4.0]]}, "without gaps"),
        ("a.parquet", {"gain": ["a"]}, "lists of numbers"),
        ("a.parquet", {"x": [[1.0]], "y": [[1.0]]}, "call one of them gain or gain_db"),
        ("a.mat", "text", "must end in"),
    ],
)
def test_what_is_no_gain_matrix_is_one_line(tmp_path: Path, name: str, content: object, said: str) -> None:
    save(tmp_path / name, content)
    with pytest.raises(UserError, match=said) as caught:
        read_gains(tmp_path / name)
    assert "a." in str(caught.value)


@pytest.mark.parametrize("kind", [".npy", ".npz", ".csv", ".parquet"])
def test_a_missing_file_is_one_line(tmp_path: Path, kind: str) -> None:
    with pytest.raises(UserError, match="is missing"):
        read_gains(tmp_path / f"none{kind}")


def test_an_output_that_cannot_be_written_is_said_before_any_work(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="is no folder"):
        check_writable(tmp_path / "none" / "a.npy")
    with pytest.raises(UserError, match="must end in"):
        check_writable(tmp_path / "a.xlsx")


@pytest.mark.parametrize(
    "rows",
    [[1.0, 2.0, 3.0, 4.0], [[0.0] * 4, [0.0] * 9, [0.0] * 5], [[[0.0], [0.0, 0.0]], [[0.0] * 3, [0.0] * 3]]],
    ids=["no lists", "rows of several sizes", "ragged"],
)
def test_a_parquet_column_without_matrices_is_refused(tmp_path: Path, rows: list) -> None:
    pq.write_table(pa.table({"gain": rows}), tmp_path / "g.parquet")
    with pytest.raises(UserError, match="column gain must hold"):
        read_gains(tmp_path / "g.parquet")


@pytest.mark.parametrize("kind", [".npy", ".npz", ".csv", ".parquet"])
def test_a_write_that_fails_leaves_the_old_file(
    tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / f"powers{kind}"
    path.write_text("old")
    with monkeypatch.context() as patch:
        patch.setattr("os.replace", refuse)
        with pytest.raises(OSError, match="full"):
            write_array(path, np.ones((1, 2)), "power")
    assert [found.name for found in tmp_path.iterdir()] == [path.name]
    assert path.read_text() == "old"


def refuse(*_: object) -> None:
    raise OSError("the disk is full")


def test_an_ending_in_capitals_is_kept(tmp_path: Path) -> None:
    write_array(tmp_path / "P.NPY", np.ones((1, 2)), "power")
    assert [path.name for path in tmp_path.iterdir()] == ["P.NPY"]
