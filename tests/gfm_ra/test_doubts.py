"""What looks wrong about gains is judged alike for arrays and for files, at once and part by part."""

from pathlib import Path

import numpy as np
import pytest

from gfm_ra import Network
from gfm_ra.doubts import Findings, doubts, listed
from gfm_ra.files.gains import open_gains
from gfm_ra.files.plausibility import survey
from gfm_ra.gains.sparse_network import SparseNetwork


def test_what_looks_wrong_is_said() -> None:
    assert doubts(Network(gain_db=[[30.0, 0.0], [3.0, 25.0]])) == []
    assert "divided by" in doubts(Network(gain_db=[[-90.0, -120.0], [-130.0, -95.0]]))[0]
    assert "2 gains outside -100" in " ".join(doubts(Network(gain_db=[[-90.0, -120.0], [-130.0, -95.0]])))
    assert "same order" in doubts(Network(gain_db=[[3.0, 30.0], [25.0, 0.0]]))[0]
    assert doubts(Network(gain_db=[[5.0]])) == []


SUSPECT_DB = {
    "nothing": [[30.0, 0.0], [3.0, 25.0]],
    "path gains": [[-40.0, -60.0], [-50.0, -30.0]],
    "the least own gain that passes": [[-29.0, -60.0], [-50.0, -40.0]],
    "clipped below": [[30.0, -130.0], [-110.0, 25.0]],
    "clipped above": [[210.0, 0.0], [3.0, 205.0]],
    "transposed": [[0.0, 30.0, -np.inf], [40.0, 10.0, 5.0], [3.0, 4.0, 50.0]],
    "unknown": [[0.0, np.nan, 30.0], [40.0, 10.0, np.nan], [3.0, np.nan, 50.0]],
    "all at once": [[-140.0, -40.0, -120.0], [-50.0, -60.0, -180.0], [-70.0, -90.0, -101.0]],
}
SUBJECTS = (("no own gain",), ("count as",), ("their own transmitter",))


def subjects(lines: list[str] | tuple[str, ...]) -> list[bool]:
    """Of which of the subjects something is said."""
    return [any(word in line for line in lines for word in words) for words in SUBJECTS]


@pytest.mark.parametrize("unit", ["db", "linear"])
@pytest.mark.parametrize("name", SUSPECT_DB)
def test_files_and_arrays_are_suspected_of_the_same(name: str, unit: str, tmp_path: Path) -> None:
    values = np.array(SUSPECT_DB[name])
    values = values if unit == "db" else 10.0 ** (values / 10.0)
    np.save(tmp_path / "gains.npy", values)
    of_array = doubts(Network(gain_db=values) if unit == "db" else Network(gain=values))
    of_file = survey(open_gains(tmp_path / "gains.npy", unit)).notes
    assert subjects(of_array) == subjects(of_file)
    assert any(subjects(of_array)) == (name not in ("nothing", "the least own gain that passes"))


def test_findings_do_not_depend_on_the_parts() -> None:
    gain_db = np.random.default_rng(0).uniform(-150.0, 230.0, (9, 4, 4))
    gain_db[2, 1, 0] = np.nan
    whole, piecewise = Findings(given_db=True), Findings(given_db=True)
    whole.add(gain_db)
    for begin in range(0, 9, 2):
        piecewise.add(gain_db[begin : begin + 2])
    piecewise.add(gain_db[:0])
    assert piecewise == whole
    assert min(whole.below, whole.above, whole.unknown, whole.best_rows, whole.best_columns) > 0
    linear = Findings(given_db=False)
    linear.add(10.0 ** (gain_db / 10.0))
    assert (linear.below, linear.above, linear.best_rows) == (whole.below, whole.above, whole.best_rows)


def edges_of(gain: np.ndarray, **far: object) -> SparseNetwork:
    receiver, transmitter = np.nonzero((gain > 0) | np.eye(len(gain), dtype=bool))
    return Network.from_edges(len(gain), receiver, transmitter, gain[receiver, transmitter], **far)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", [name for name in SUSPECT_DB if name != "unknown"])
def test_edges_and_their_matrix_are_suspected_of_the_same(name: str, dtype: type) -> None:
    gain = (10.0 ** (np.array(SUSPECT_DB[name]) / 10.0)).astype(dtype)
    assert doubts(edges_of(gain)) == doubts(Network(gain))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_findings_over_edges_are_those_over_their_matrix(share: float, dtype: type) -> None:
    generator = np.random.default_rng(1)
    gain = 10.0 ** generator.uniform(-15.0, 23.0, (30, 30))
    gain = np.where(np.eye(30, dtype=bool) | (generator.random((30, 30)) < share), gain, 0.0).astype(dtype)
    gain[7, 7] = 0.0
    matrix = Findings(given_db=False)
    matrix.add(gain[None])
    assert listed(edges_of(gain)) == matrix
    assert min(matrix.below, matrix.above) > 0
    assert (matrix.best_rows < 30) == (share > 0)


def test_a_far_field_counts_by_its_largest_gains_alone() -> None:
    gain, sums = np.diag([4.0, 5.0, 6.0]), np.full((3, 1), 20.0)
    assert doubts(edges_of(gain, cell=[0, 0, 0], far_gain=sums)) == []
    below, above = np.full((3, 1), 4.0), np.array([[10.0], [10.0], [3.0]])
    assert doubts(edges_of(gain, cell=[0, 0, 0], far_gain=sums, far_largest=below)) == []
    (line,) = doubts(edges_of(gain, cell=[0, 0, 0], far_gain=sums, far_largest=above))
    assert line.startswith("only 33% of the receivers")
