"""Gains files of every format: what is written is read back, in parts, and what is no gain matrix is one clear line."""

import json
from pathlib import Path

import h5py
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from scipy.io import savemat

from gfm_ra.errors import InputError
from gfm_ra.files import json_array
from gfm_ra.files.columns import matrix_column
from gfm_ra.files.gains import PART, TRANSMITTERS, open_gains
from gfm_ra.files.writers import write_array

KINDS = [".npy", ".npz", ".csv", ".tsv", ".json", ".parquet", ".mat", ".h5", ".hdf5"]
NAMELESS = (".npy", ".csv", ".tsv")


@pytest.fixture
def gain() -> np.ndarray:
    return np.random.default_rng(0).exponential(10.0, (5, 4, 4)).astype(np.float32)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("name", "unit"), [("gain", "linear"), ("gain_db", "db")])
def test_what_is_written_is_read_back(
    tmp_path: Path, gain: np.ndarray, kind: str, name: str, unit: str
) -> None:
    write_array(tmp_path / f"a{kind}", gain, name)
    found = open_gains(tmp_path / f"a{kind}", unit if kind in NAMELESS else None)
    assert (found.networks, found.links, found.unit, found.single) == (5, 4, unit, False)
    np.testing.assert_allclose(found.read(), gain, rtol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_parts_are_the_whole_in_order_and_as_small_as_asked(
    tmp_path: Path, gain: np.ndarray, kind: str
) -> None:
    write_array(tmp_path / f"a{kind}", gain, "gain")
    found = open_gains(tmp_path / f"a{kind}")
    parts = list(found.parts(most=2 * 16 + 1))
    assert [len(part) for part in parts] == [2, 2, 1]
    np.testing.assert_allclose(np.concatenate(parts), gain, rtol=1e-6)
    assert [len(part) for part in found.parts(most=1)] == [1] * 5
    assert [len(part) for part in found.parts(most=PART)] == [5]


@pytest.mark.parametrize(
    "kind", [kind for kind in KINDS if kind != ".parquet"]
)  # there each row is a network
def test_one_matrix_is_one_network(tmp_path: Path, gain: np.ndarray, kind: str) -> None:
    write_array(tmp_path / f"a{kind}", gain[0], "gain")
    found = open_gains(tmp_path / f"a{kind}", orientation=TRANSMITTERS)
    assert (found.networks, found.single) == (1, True)
    np.testing.assert_allclose(found.read(), gain[0].T, rtol=1e-6)


@pytest.mark.parametrize(
    "name", ["gain_dB", "Gain_DB", "GAIN_DB", "gain_db", "Gain", "GAIN", "snr_db", "gains", "gain_dBm"]
)
@pytest.mark.parametrize("kind", [".npz", ".json", ".parquet", ".mat", ".h5"])
def test_the_name_tells_the_unit_in_any_case_or_is_refused(tmp_path: Path, kind: str, name: str) -> None:
    path = tmp_path / f"a{kind}"
    write_array(path, np.ones((2, 3, 3)), name)
    if name.lower() in ("gain", "gain_db"):
        unit, other = ("linear", "db") if name.lower() == "gain" else ("db", "linear")
        assert open_gains(path).unit == open_gains(path, unit).unit == unit
        with pytest.raises(InputError, match=f"calls its gains '{name}'"):
            open_gains(path, other)
    else:
        with pytest.raises(InputError, match=f"the name '{name}' does not tell the unit: say --unit"):
            open_gains(path)
        assert open_gains(path, "db").unit == "db"


@pytest.mark.parametrize(
    ("dtype", "read_as"),
    [("f2", "f4"), ("f4", "f4"), ("f8", "f8"), (">f4", "f4"), ("g", "f8"), ("i1", "f8"), ("u2", "f8"), (">i8", "f8"),
     ("c8", "f8"), ("c16", "f8")],
)  # fmt: skip
@pytest.mark.parametrize("kind", [".npy", ".npz"])
def test_numbers_of_any_type_become_floats(tmp_path: Path, kind: str, dtype: str, read_as: str) -> None:
    values = np.arange(18).reshape(2, 3, 3)
    for stored in (values.astype(dtype), np.asfortranarray(values.astype(dtype))):
        path = tmp_path / f"a{kind}"
        np.save(path, stored) if kind == ".npy" else np.savez_compressed(path, gain=stored)
        found = open_gains(path).read()
        assert found.dtype == np.dtype(read_as)
        np.testing.assert_array_equal(found, values)


def test_other_arrays_are_named_and_those_that_change_the_meaning_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    np.savez(path, gain=np.ones((2, 2)), position=np.ones(2))
    assert open_gains(path).unread == ("position",)
    np.savez(path, gain=np.ones((2, 2)), edge_mask=np.ones((2, 2), bool))
    with pytest.raises(InputError, match="'edge_mask', which is not heeded: leave it out"):
        open_gains(path)
    (tmp_path / "a.json").write_text('{"gain": [[1.0]], "unit": "dB"}')
    with pytest.raises(InputError, match="'unit', which is not heeded"):
        open_gains(tmp_path / "a.json")


def test_parquet_columns_may_be_lists_lists_of_lists_or_tensors(tmp_path: Path) -> None:
    rows = np.arange(18.0).reshape(2, 3, 3)
    flat = pa.FixedSizeListArray.from_arrays(pa.array(rows.reshape(-1)), 9)
    columns = {
        "lists": pa.array([row.reshape(-1).tolist() for row in rows]),
        "large lists": pa.array(rows.tolist(), pa.large_list(pa.list_(pa.float32()))),
        "lists of fixed lists": pa.array(rows.tolist(), pa.list_(pa.list_(pa.float64(), 3), 3)),
        "whole numbers": pa.array(rows.astype(int).tolist()),
        "half precision, as in our shards": matrix_column(rows.astype(np.float16)),
        "tensor": pa.ExtensionArray.from_storage(pa.fixed_shape_tensor(pa.float64(), [3, 3]), flat),
        "flat tensor": pa.ExtensionArray.from_storage(pa.fixed_shape_tensor(pa.float64(), [9]), flat),
    }
    path = tmp_path / "a.parquet"
    for what, column in columns.items():
        pq.write_table(pa.table({"gain_db": column, "note": ["a", "b"]}), path)
        np.testing.assert_array_equal(open_gains(path).read(), rows, err_msg=what)
    turned = pa.fixed_shape_tensor(pa.float64(), [3, 3], permutation=[1, 0])
    pq.write_table(pa.table({"gain_db": pa.ExtensionArray.from_storage(turned, flat)}), path)
    np.testing.assert_array_equal(open_gains(path).read(), rows.swapaxes(1, 2))


def test_unknown_gains_are_nan(tmp_path: Path) -> None:
    rows = [[[1.0, None], [2.0, 3.0]]]
    pq.write_table(pa.table({"gain": rows}), tmp_path / "a.parquet")
    (tmp_path / "a.json").write_text(json.dumps({"gain": rows}))
    (tmp_path / "b.json").write_text('{"gain": [[[1, NaN], [2, 3]]]}')
    (tmp_path / "a.csv").write_text("1.0,\n2,3\n")
    np.save(tmp_path / "a.npy", np.array(rows, float))
    for name in ("a.parquet", "a.json", "b.json", "a.csv", "a.npy"):
        found = open_gains(tmp_path / name).read().reshape(2, 2)
        np.testing.assert_array_equal(found, [[1.0, np.nan], [2.0, 3.0]], err_msg=name)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("indent", [None, 1])
def test_json_may_be_laid_out_and_encoded_as_its_writer_likes(
    tmp_path: Path, gain: np.ndarray, indent: int | None, encoding: str
) -> None:
    path, values = tmp_path / "a.json", gain.tolist()
    others = {"note": 'a [\u00e9] \\" {', "area": {"side_m": [1, 2]}, "K": 4, "on": True, "none": None}
    for content in (values, {**others, "gain": values}, {"gain": values, **others}):
        path.write_text(json.dumps(content, indent=indent, ensure_ascii=False), encoding=encoding)
        np.testing.assert_array_equal(open_gains(path).read(), gain)


def test_large_json_is_read_in_pieces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_array, "_MOST_MAPPED_BYTES", 4096)
    gain = np.random.default_rng(0).exponential(10.0, (40, 20, 20))
    (tmp_path / "a.json").write_text(json.dumps({"x": gain[0].tolist(), "gain": gain.tolist()}))
    np.testing.assert_array_equal(open_gains(tmp_path / "a.json").read(), gain)


@pytest.mark.parametrize("version", ["v5", "v5 packed", "v7.3"])
@pytest.mark.parametrize("pages_last", [True, False])
def test_matlab_s_pages_are_networks(tmp_path: Path, version: str, pages_last: bool) -> None:
    path, gain_db = tmp_path / "a.mat", np.random.default_rng(0).normal(size=(4, 3, 3))
    as_stored = np.moveaxis(gain_db, 0, 2) if pages_last else gain_db
    if version == "v7.3":  # columns first, behind 512 bytes of MATLAB's own
        with h5py.File(path, "w", userblock_size=512) as file:
            file.create_dataset("gain_db", data=as_stored.T).attrs["MATLAB_class"] = np.bytes_("double")
        content = path.read_bytes()
        path.write_bytes(b"MATLAB 7.3 MAT-file, Platform: GLNXA64".ljust(124) + b"\0\2IM" + content[128:])
    else:
        savemat(path, {"gain_db": as_stored, "K": 3.0}, do_compression=version == "v5 packed")
    np.testing.assert_array_equal(open_gains(path).read(), gain_db)
    if version != "v7.3":
        savemat(path, {"gain_db": np.ones((3, 3, 3))})
        with pytest.raises(InputError, match="3 x 3 x 3, so nothing tells networks from links"):
            open_gains(path)


@pytest.mark.parametrize(
    ("value", "said"),
    [(np.ones((2, 2)) + 1j, "is complex"), (np.ones((2, 2), bool), "class logical"), ("text", "class char"),
     ({"a": 1.0}, "class struct"), (np.array([1, "a"], object), "class cell"), (np.ones((0, 0)), "holds no networks")],
)  # fmt: skip
def test_other_classes_of_matlab_are_named(tmp_path: Path, value: object, said: str) -> None:
    savemat(tmp_path / "a.mat", {"gain": value})
    with pytest.raises(InputError, match=said):
        open_gains(tmp_path / "a.mat")


def test_hdf5_reads_nothing_from_other_files(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["secret"] = np.ones((2, 2))
    (tmp_path / "raw").write_bytes(np.ones((2, 2)).tobytes())
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["gain"] = h5py.ExternalLink("other.h5", "/secret")
    with pytest.raises(InputError, match="holds no arrays"):
        open_gains(tmp_path / "a.h5")
    with h5py.File(tmp_path / "b.h5", "w") as file:
        file.create_dataset("gain", (2, 2), float, external=[(str(tmp_path / "raw"), 0, 32)])
    with pytest.raises(InputError, match="'gain' lies in other files"):
        open_gains(tmp_path / "b.h5")
    with h5py.File(tmp_path / "c.h5", "w") as file:
        layout = h5py.VirtualLayout((2, 2), float)
        layout[:] = h5py.VirtualSource(str(tmp_path / "other.h5"), "secret", (2, 2))
        file.create_virtual_dataset("gain", layout)
    with pytest.raises(InputError, match="'gain' lies in other files"):
        open_gains(tmp_path / "c.h5")
