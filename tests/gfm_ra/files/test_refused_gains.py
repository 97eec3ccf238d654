"""What is no gain matrix, or no file to read, is one line that names the file."""

import os
from pathlib import Path

import h5py
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from gfm_ra.errors import InputError
from gfm_ra.files import extras
from gfm_ra.files.gains import SOURCES, open_gains
from gfm_ra.files.writers import write_array


def save(path: Path, content: object) -> None:
    if isinstance(content, str):
        path.write_text(content)
    elif isinstance(content, dict) and path.suffix == ".parquet":
        pq.write_table(pa.table(content), path)
    elif isinstance(content, dict) and path.suffix == ".h5":
        with h5py.File(path, "w") as file:
            for name, values in content.items():
                file[name] = values
    elif isinstance(content, dict):
        np.savez(path, **content)
    else:
        np.save(path, content)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.npy", "text", "is not a .npy file but text"),
        ("a.npy", np.zeros((2, 3)), r"shape \[K, K\] or \[B, K, K\], not float64 \[2, 3\]"),
        ("a.npy", np.zeros((1, 2, 2, 2)), r"not float64 \[1, 2, 2, 2\]"),
        ("a.npy", np.full((2, 2), 1j), "complex numbers: give real ones"),
        ("a.npy", np.array([["a", "b"], ["c", "d"]]), "holds text, not numbers"),
        ("a.npy", np.zeros((2, 2), bool), "holds true and false"),
        ("a.npy", np.zeros((2, 2), "M8[s]"), "holds dates"),
        ("a.npy", np.zeros((2, 2), [("x", "f8")]), "holds structured records"),
        ("a.npy", np.zeros((0, 2, 2)), "no networks"),
        ("a.npz", "text", "is not a .npz archive but text"),
        ("a.npz", {"one": np.zeros((2, 2)), "two": np.zeros((2, 2))}, "call one of them gain or gain_db"),
        ("a.npz", {"gain": np.zeros((2, 2)), "Gain": np.zeros((2, 2))}, "call one of them"),
        ("a.npz", {"gain": np.array([{}])}, "holds Python objects"),
        ("a.parquet", "text", "is not a Parquet file but text"),
        ("a.parquet", {"gain": [[1.0, 2.0, 3.0]]}, r"K \* K numbers in every row"),
        ("a.parquet", {"gain": [[0.0] * 4, [0.0] * 9, [0.0] * 5]}, r"K \* K numbers in every row"),
        (
            "a.parquet",
            {"gain": [[[0.0], [0.0, 0.0]], [[0.0] * 3, [0.0] * 3]]},
            r"K \* K numbers in every row",
        ),
        ("a.parquet", {"gain": [[1.0], None]}, "rows without a list"),
        ("a.parquet", {"gain": ["a"]}, "lists of numbers"),
        ("a.parquet", {"gain": [1.0, 2.0, 3.0, 4.0]}, "column 'gain' must hold"),
        ("a.parquet", {"x": [[1.0]], "y": [[1.0]]}, "call one of them gain or gain_db"),
        ("a.parquet", {"gain": pa.array([], pa.list_(pa.float64()))}, "no networks"),
        ("a.mat", "text", "is not a MATLAB file of version 5 or later but text"),
        ("a.h5", "text", "is not an HDF5 file but text"),
        ("a.h5", {"gain": "text"}, "holds Python objects, not numbers"),
        ("a.h5", {"gain": 3.0}, "is empty"),
        ("a.h5", {"gain": np.zeros((2, 2), bool)}, "holds true and false"),
        ("a.json", "text", 'an object {"gain_db"'),
        ("a.json", '{"gain": [[1, 2], [3]]}', "a list of 1 ends where others have 2"),
        ("a.json", '{"gain": [[1, "x"], [3, 4]]}', "'\"x\"' is no number; null means unknown"),
        ("a.json", '{"gain": [[1, true], [3, 4]]}', "'true' is no number"),
        ("a.json", '{"gain": [[1, 2], 3]}', "a list must stand here"),
        ("a.json", '{"gain": [[1, [2]], [3, 4]]}', "is no number"),
        ("a.json", '{"gain": [[1, 2], [3, 4]', "the file ends within a value: it is cut off"),
        ("a.json", "[[1, 2], [3, 4]", "closing bracket must stand here"),
        ("a.json", '{"gain": 3}', "holds no arrays"),
        ("a.json", '{"gain": [[1]], "gain": [[2]]}', "holds 'gain' twice"),
        ("a.json", '{"gain": [[1]]} {}', "something follows"),
        ("a.json", "[" * 100_000, "nested too deeply"),
        ("a.json", '{"x": ' * 100_000, "cut off"),
        ("a.json", '{"x": ' + "[" * 9999 + "]" * 9999 + ', "gain": [[1]], "y": {"z": @}}', "no JSON"),
        ("a.xlsx", "text", "must end in .npy, .npz, .csv"),
        ("a", "text", "must end in"),
    ],
)
def test_what_is_no_gain_matrix_is_one_line(tmp_path: Path, name: str, content: object, said: str) -> None:
    save(tmp_path / name, content)
    with pytest.raises(InputError, match=said) as caught:
        open_gains(tmp_path / name).read()
    assert str(tmp_path / name) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("kind", SOURCES)
def test_what_is_no_file_to_read_is_one_line(tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"a{kind}"
    with pytest.raises(InputError, match="is missing"):
        open_gains(path)
    path.touch()
    with pytest.raises(InputError, match="is empty"):
        open_gains(path)
    path.unlink()
    path.mkdir()
    with pytest.raises(InputError, match="is a folder: give a regular file"):
        open_gains(path)
    path.rmdir()
    os.mkfifo(path)
    with pytest.raises(InputError, match="is a pipe"):
        open_gains(path)
    path.unlink()
    path.symlink_to("/dev/zero")
    with pytest.raises(InputError, match="is a device"):
        open_gains(path)
    path.unlink()
    path.symlink_to(path)
    with pytest.raises(InputError, match="cannot be read"):
        open_gains(path)
    with pytest.raises(InputError, match="cannot be read"):
        open_gains(tmp_path / f"{'a' * 300}{kind}")
    with pytest.raises(InputError, match="cannot be read"):
        open_gains(tmp_path / f"a\0{kind}")


@pytest.mark.parametrize(("kind", "package"), [(".parquet", "pyarrow"), (".h5", "h5py")])
def test_a_missing_package_is_named(
    tmp_path: Path, kind: str, package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / f"a{kind}"
    write_array(path, np.ones((2, 2, 2)), "gain")

    def missing(name: str) -> None:
        raise ImportError(name)

    monkeypatch.setattr(extras.importlib, "import_module", missing)
    for act in (lambda: open_gains(path), lambda: write_array(path, np.ones((1, 2)), "power")):
        with pytest.raises(InputError, match=rf"needs {package}: pip install gfm-ra\[files\]"):
            act()
