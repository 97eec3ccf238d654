"""Outputs: written in parts, whole or not at all, and never over an input."""

import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

import h5py
import numpy as np
import pyarrow.parquet as pq
import pytest
from scipy.io import loadmat

from gfm_ra.errors import InputError
from gfm_ra.files.writers import check_writable, write_array, writing

READ_BACK = {
    ".npy": np.load,
    ".npz": lambda path: np.load(path)["power"],
    ".csv": lambda path: np.loadtxt(path, delimiter=","),
    ".tsv": np.loadtxt,
    ".json": lambda path: np.array(json.loads(path.read_text())["power"]),
    ".parquet": lambda path: np.array(pq.read_table(path)["power"].to_pylist()),
    ".mat": lambda path: loadmat(path)["power"],
    ".h5": lambda path: h5py.File(path)["power"][()],
    ".hdf5": lambda path: h5py.File(path)["power"][()],
}
POWER = np.random.default_rng(0).uniform(size=(5, 3)).astype(np.float32)
POWER[0] = [0.0, 1.0, 0.5]


@pytest.mark.parametrize("kind", READ_BACK)
def test_parts_make_the_file_that_other_programs_read(tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"p{kind}"
    with writing(path, POWER.shape, POWER.dtype, "power") as write:
        for start in range(0, 5, 2):
            write(POWER[start : start + 2])
        assert not path.exists()
    np.testing.assert_allclose(READ_BACK[kind](path), POWER, rtol=1e-6)
    assert os.listdir(tmp_path) == [path.name]
    write_array(path, POWER[0], "power")
    np.testing.assert_allclose(np.ravel(READ_BACK[kind](path)), POWER[0], rtol=1e-6)


@pytest.mark.parametrize("kind", [".npy", ".npz"])
def test_numpy_s_files_are_those_that_numpy_writes(tmp_path: Path, kind: str) -> None:
    write_array(tmp_path / f"a{kind}", POWER, "power")
    np.save(tmp_path / "b.npy", POWER) if kind == ".npy" else np.savez(tmp_path / "b.npz", power=POWER)
    assert (tmp_path / f"a{kind}").read_bytes() == (tmp_path / f"b{kind}").read_bytes()


def test_no_row_of_a_csv_may_be_read_as_a_number_with_a_decimal_comma(tmp_path: Path) -> None:
    write_array(tmp_path / "p.csv", np.array([[1.0, 0.0], [0.0, 1.0]]), "power")
    assert (tmp_path / "p.csv").read_text() == "1.0,0.0\n0.0,1.0\n"


@pytest.mark.parametrize("kind", READ_BACK)
def test_an_interrupt_leaves_nothing_behind(tmp_path: Path, kind: str) -> None:
    def parts() -> Iterator[np.ndarray]:
        yield POWER[:2]
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_parts(tmp_path / f"p{kind}", parts())
    assert os.listdir(tmp_path) == []


def write_parts(path: Path, parts: Iterable) -> None:
    with writing(path, POWER.shape, POWER.dtype, "power") as write:
        for part in parts:
            write(part)


@pytest.mark.parametrize("kind", READ_BACK)
def test_what_fails_leaves_the_old_file_and_nothing_else(tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"p{kind}"
    path.write_text("old")
    for parts, said in (([POWER[:2]], "2 of 5 rows came"), ([POWER, "x"], "could not convert")):
        with pytest.raises(ValueError, match=said):
            write_parts(path, parts)
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == [path.name]


@pytest.mark.parametrize("kind", READ_BACK)
def test_a_disk_that_is_full_is_named_by_the_output(
    tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / f"p{kind}"

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.replace", full)
    with pytest.raises(OSError, match="No space left") as caught:
        write_array(path, POWER, "power")
    assert caught.value.filename == str(path)
    assert os.listdir(tmp_path) == []


def test_the_target_of_a_link_is_replaced_and_the_link_stays(tmp_path: Path) -> None:
    (tmp_path / "real.npy").write_text("old")
    (tmp_path / "link.npy").symlink_to("real.npy")
    write_array(tmp_path / "link.npy", POWER, "power")
    assert (tmp_path / "link.npy").is_symlink()
    np.testing.assert_array_equal(np.load(tmp_path / "real.npy"), POWER)


def test_an_ending_in_capitals_is_kept(tmp_path: Path) -> None:
    write_array(tmp_path / "P.NPY", np.ones((1, 2)), "power")
    assert os.listdir(tmp_path) == ["P.NPY"]


def test_what_cannot_be_an_output_is_said_before_any_work(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is no folder"):
        check_writable(tmp_path / "none" / "a.npy")
    with pytest.raises(InputError, match="must end in"):
        check_writable(tmp_path / "a.xlsx")
    (tmp_path / "folder.npy").mkdir()
    with pytest.raises(InputError, match="no regular file"):
        check_writable(tmp_path / "folder.npy")
    (tmp_path / "null.npy").symlink_to("/dev/null")
    with pytest.raises(InputError, match="no regular file"):
        check_writable(tmp_path / "null.npy")


def test_an_output_that_is_an_input_is_found_behind_every_spelling(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    gains, weights = Path("g.csv"), Path("w.csv")
    gains.write_text("1.5,2\n3,4\n")
    weights.write_text("1.5\n2\n")
    Path("sub").mkdir()
    Path("symbolic.csv").symlink_to("g.csv")
    os.link("g.csv", "hard.csv")
    Path("other").symlink_to(".", target_is_directory=True)
    for name in (
        "g.csv",
        "./g.csv",
        "sub/../g.csv",
        "symbolic.csv",
        "hard.csv",
        "other/g.csv",
        tmp_path / "g.csv",
    ):
        with pytest.raises(InputError, match=r"is the same file as g\.csv: name another file"):
            check_writable(Path(name), [gains, weights])
    with pytest.raises(InputError, match=r"is the same file as w\.csv"):
        check_writable(Path("sub/../w.csv"), [gains, weights])
    check_writable(Path("p.csv"), [gains, weights])
