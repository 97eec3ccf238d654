"""Priorities in files: K numbers in a row or a column, however they were written."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from gfm_ra.errors import InputError
from gfm_ra.files.weights import read_weights
from gfm_ra.files.writers import write_array

WEIGHTS = [5.0, 1.5, 0.25]


@pytest.mark.parametrize("kind", [".npy", ".npz", ".csv", ".tsv", ".json", ".parquet", ".mat", ".h5"])
@pytest.mark.parametrize("name", ["weights", "Weights", "priority"])
def test_priorities_may_lie_in_any_format(tmp_path: Path, kind: str, name: str) -> None:
    for values in ([*WEIGHTS], [[*WEIGHTS]]):
        write_array(tmp_path / f"w{kind}", np.array(values), name)
        np.testing.assert_array_equal(read_weights(tmp_path / f"w{kind}", 3), WEIGHTS)


@pytest.mark.parametrize(
    "text",
    ["5,1.5,0.25\n", "5\n1.5\n0.25\n", "5;1,5;0,25\n", "5\n1,5\n0,25\n", "5 1.5 0.25", "weight\n5\n1.5\n0.25\n",
     "\ufeff5\r\n1,5\r\n0,25\r\n", "a,b,c\n5,1.5,0.25\n", "Rx1;5\nRx2;1,5\nRx3;0,25\n", "5,1.5,0.25,\n",
     pd.Series(WEIGHTS).to_csv(), pd.Series(WEIGHTS).to_csv(header=False), pd.Series(WEIGHTS).to_csv(index=False),
     pd.DataFrame([WEIGHTS]).to_csv(), pd.DataFrame([WEIGHTS]).to_csv(index=False)],
)  # fmt: skip
def test_a_row_or_a_column_of_a_table(tmp_path: Path, text: str) -> None:
    (tmp_path / "w.csv").write_text(text)
    np.testing.assert_array_equal(read_weights(tmp_path / "w.csv", 3), WEIGHTS)


def test_the_number_of_links_tells_a_decimal_comma_from_two_numbers(tmp_path: Path) -> None:
    path = tmp_path / "w.csv"
    path.write_text("4,5\n2,5\n")
    np.testing.assert_array_equal(read_weights(path, 2), [4.5, 2.5])
    path.write_text("1,5\n")
    np.testing.assert_array_equal(read_weights(path, 2), [1.0, 5.0])
    np.testing.assert_array_equal(read_weights(path, 1), [1.5])
    path.write_text("weight\n4,5\n2,5\n")
    np.testing.assert_array_equal(read_weights(path, 2), [4.5, 2.5])
    for text in ("1,5\n2,5\n3,0\n", "0,5\n1,5\n2,0\n", "w\n1,5\n2,5\n3,0\n"):
        path.write_text(text)
        with pytest.raises(
            InputError, match="the first column may be row numbers, or its commas decimal ones"
        ):
            read_weights(path, 3)
    path.write_text("0\n1\n1\n")
    np.testing.assert_array_equal(read_weights(path, 3), [0.0, 1.0, 1.0])


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [("w.csv", "1,2\n3,4\n", "must hold 3 numbers, one priority per link"), ("w.csv", "1.5,,2\n", "unknown|numbers"),
     ("w.csv", "1.5,x,2\n", "column 2: 'x'"), ("w.npy", np.ones((3, 3)), "not an array"),
     ("w.npy", np.ones(4), "not an array"), ("w.npy", np.float64(1.0), "not an array"),
     ("w.npy", np.array([1, 2, 3 + 1j]), "numbers: give real"), ("w.npy", np.array(["a", "b", "c"]), "holds text"),
     ("w.npy", np.array([1.0, np.nan, 1.0]), "number 2 unknown"), ("w.json", {"weights": [1, 2]}, "not an array"),
     ("w.json", {"a": [1, 2, 3], "b": [1]}, "call one of them weights"), ("none.csv", None, "is missing")],
)  # fmt: skip
def test_what_is_no_list_of_priorities_is_one_line(
    tmp_path: Path, name: str, content: object, said: str
) -> None:
    path = tmp_path / name
    if isinstance(content, str):
        path.write_text(content)
    elif isinstance(content, dict):
        path.write_text(json.dumps(content))
    elif content is not None:
        np.save(path, content)
    with pytest.raises(InputError, match=said) as caught:
        read_weights(path, 3)
    assert name in str(caught.value)
