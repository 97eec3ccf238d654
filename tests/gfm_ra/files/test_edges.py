"""Sparse networks come out of files as they went in, and what is no network is refused in one line."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import gfm_ra
from gfm_ra.errors import InputError
from gfm_ra.files.edges import holds_edges, read_edges, read_positions, write_edges

RECEIVER, TRANSMITTER, GAIN = (
    np.array([0, 1, 2, 0, 2]),
    np.array([0, 1, 2, 2, 1]),
    np.array([5.0, 6, 7, 1, 0.5]),
)


def network(far=False, dtype=np.float64):
    sums = (
        {"cell": [0, 1, 0], "far_gain": np.ones((3, 2)), "far_largest": 0.5 * np.ones((3, 2))} if far else {}
    )
    return gfm_ra.Network.from_edges(3, RECEIVER, TRANSMITTER, GAIN.astype(dtype), **sums)


@pytest.mark.parametrize("ending", ["parquet", "npz"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_network_comes_back_as_it_was_written(tmp_path, ending, dtype) -> None:
    path = tmp_path / f"city.{ending}"
    write_edges(path, network(dtype=dtype))
    found = read_edges(path)
    assert holds_edges(path)
    assert found.own.dtype == dtype
    np.testing.assert_array_equal(found.dense_gain(), network().dense_gain())
    assert list(tmp_path.iterdir()) == [path]


def test_the_far_field_comes_back_from_npz_and_is_refused_in_parquet(tmp_path) -> None:
    write_edges(tmp_path / "city.npz", network(far=True))
    found, power = read_edges(tmp_path / "city.npz"), np.array([0.2, 1.0, 0.7])
    for side, expected in zip(found.rate_bounds(power), network(far=True).rate_bounds(power), strict=True):
        np.testing.assert_array_equal(side, expected)
    with pytest.raises(InputError, match=r"far field: write \.npz"):
        write_edges(tmp_path / "city.parquet", network(far=True))
    assert not (tmp_path / "city.parquet").exists()


def test_positions_come_back_from_npz_and_change_no_network(tmp_path) -> None:
    position_m = np.array([[0.0, 1.0], [2.5, 3.0], [4.0, 5.0]])
    write_edges(tmp_path / "placed.npz", network(far=True), position_m)
    write_edges(tmp_path / "city.npz", network(far=True))
    np.testing.assert_array_equal(read_positions(tmp_path / "placed.npz"), position_m)
    assert read_positions(tmp_path / "city.npz") is None
    np.testing.assert_array_equal(
        read_edges(tmp_path / "placed.npz").own, read_edges(tmp_path / "city.npz").own
    )
    with pytest.raises(InputError, match=r"positions: write \.npz"):
        write_edges(tmp_path / "city.parquet", network(), position_m)
    write_edges(tmp_path / "city.parquet", network())
    assert read_positions(tmp_path / "city.parquet") is None


def test_a_column_in_db_says_so_by_its_name(tmp_path) -> None:
    path = tmp_path / "city.parquet"
    columns = {"transmitter": TRANSMITTER, "gain_db": 10 * np.log10(GAIN), "receiver": RECEIVER}
    pq.write_table(pa.table(columns), path)
    np.testing.assert_allclose(read_edges(path).dense_gain(), network().dense_gain())


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        (
            {"receiver": RECEIVER, "transmitter": TRANSMITTER},
            "a sparse network has receiver, transmitter, and one of",
        ),
        ({"receiver": RECEIVER, "gain": GAIN}, "a sparse network has"),
        (
            {"receiver": RECEIVER, "transmitter": TRANSMITTER, "gain": GAIN, "gain_db": GAIN},
            "one of gain and gain_db",
        ),
        (
            {"receiver": RECEIVER, "transmitter": TRANSMITTER, "gain": GAIN, "mask": GAIN},
            "'mask', which is not heeded",
        ),
        (
            {"receiver": RECEIVER, "transmitter": TRANSMITTER, "gain": [1.0, None, 1, 1, 1]},
            "gain of row 1 is empty",
        ),
        (
            {"receiver": RECEIVER, "transmitter": TRANSMITTER, "gain": -GAIN},
            r"city.parquet: network: gain\[0\] is -5",
        ),
        (
            {"receiver": list("abcde"), "transmitter": TRANSMITTER, "gain": GAIN},
            "city.parquet: receiver must be whole numbers",
        ),
        (
            {"receiver": [[0], [1], [2], [0], [2]], "transmitter": TRANSMITTER, "gain": GAIN},
            "receiver must be whole numbers",
        ),
        (
            {"receiver": [0.0, 1.0, np.nan, 0.0, 2.0], "transmitter": TRANSMITTER, "gain": GAIN},
            "receiver must be whole numbers.* float64",
        ),
        (
            {"receiver": RECEIVER, "transmitter": list("abcde"), "gain": GAIN},
            "transmitter must be whole numbers",
        ),
        (
            {"receiver": RECEIVER + 1, "transmitter": TRANSMITTER, "gain": GAIN},
            "link 0 has no edge to itself",
        ),
    ],
)
def test_tables_that_are_no_network_are_refused(tmp_path, columns, said) -> None:
    path = tmp_path / "city.parquet"
    pq.write_table(pa.table(columns), path)
    with pytest.raises(InputError, match=said):
        read_edges(path)


@pytest.mark.parametrize("dtype", ["uint8", "uint32", "uint64", "int16", ">i8"])
def test_whole_numbers_of_any_kind_say_where_rows_start(tmp_path, dtype) -> None:
    path = tmp_path / "city.npz"
    write_edges(path, network())
    stored = dict(np.load(path))
    for name in ("row_start", "transmitter"):
        stored[name] = stored[name].astype(dtype)
    np.savez(path, **stored)
    np.testing.assert_array_equal(read_edges(path).dense_gain(), network().dense_gain())


@pytest.mark.parametrize(
    "start",
    [
        [0, 2, 3],
        [0, 2, 1, 5],
        [1, 2, 3, 5],
        [0.0, 2, 3, 5],
        [[0, 2, 3, 5]],
        3,
        [],
        np.array([0, 3, 2, 4, 5], np.uint32),
        np.array([0, 2**64 - 2, 3, 5], np.uint64),
        [0, 2**63 - 1, -2, 5],
    ],
)
def test_rows_that_do_not_rise_to_the_end_are_refused(tmp_path, start) -> None:
    path = tmp_path / "city.npz"
    np.savez(path, row_start=start, transmitter=TRANSMITTER, gain=GAIN)
    with pytest.raises(InputError, match="row_start must be whole numbers"):
        read_edges(path)


def test_other_files_hold_no_edges(tmp_path) -> None:
    np.savez(tmp_path / "dense.npz", gain=np.eye(3))
    np.save(tmp_path / "dense.npy", np.eye(3))
    assert not holds_edges(tmp_path / "dense.npz")
    assert not holds_edges(tmp_path / "dense.npy")
    (tmp_path / "torn.parquet").write_bytes(b"PAR1 and nothing else")
    with pytest.raises(InputError, match="damaged Parquet"):
        holds_edges(tmp_path / "torn.parquet")
    with pytest.raises(InputError, match="must end in"):
        read_edges(tmp_path / "dense.npy")
