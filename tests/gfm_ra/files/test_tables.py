"""Tables of gains as spreadsheets, pandas, R and MATLAB write them: read alike, or refused where ambiguous."""

import csv
import itertools
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from gfm_ra.errors import InputError
from gfm_ra.files.gains import open_gains

ONE = np.array([[38.5, 10.11, 7.55], [9.52, 33.15, 15.29], [-10.11, 14.49, 37.6]])
TWO = np.stack([ONE, ONE.T + 1.25])
ROWS = ["38.50,10.11,7.55", "9.52,33.15,15.29", "-10.11,14.49,37.60"]
PLAIN = "\n".join(ROWS) + "\n"
GERMAN = PLAIN.replace(",", ";").replace(".", ",")


def read(folder: Path, content: str | bytes, ending: str = ".csv", encoding: str = "utf-8") -> np.ndarray:
    path = folder / f"g{ending}"
    path.write_bytes(content if isinstance(content, bytes) else content.encode(encoding))
    return open_gains(path, "db").read()


def refusal(folder: Path, content: str | bytes, ending: str = ".csv") -> str:
    with pytest.raises(InputError) as caught:
        read(folder, content, ending)
    return str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        PLAIN,
        PLAIN.replace("\n", "\r\n"),  # Windows
        PLAIN.replace("\n", "\r"),  # Macintosh before 2001
        PLAIN.rstrip("\n"),
        PLAIN + "\n\r\n  \n",  # MATLAB and editors leave blank lines
        PLAIN.replace(",", ", "),
        PLAIN.replace(",", ";"),
        GERMAN,
        GERMAN.replace(";", "\t"),
        GERMAN.replace(";", " "),
        GERMAN.replace("\n", ";\n"),  # a separator at the end of every row
        PLAIN.replace("\n", ",,\n") + ",,,,\n,,,,\n",  # Excel: cells that once held something
        PLAIN.replace(",", "\t"),
        PLAIN.replace(",", "  "),  # numpy.savetxt, aligned
        "".join(f"  {row}\n" for row in PLAIN.replace(",", "   ").splitlines()),  # MATLAB's save -ascii
        "sep=;\n" + GERMAN,
        "\n\n" + PLAIN,
        '"38.50","10.11","7.55"\n"9.52","33.15","15.29"\n"-10.11","14.49","37.60"\n',  # everything quoted
        '"38,50","10,11","7,55"\n"9,52","33,15","15,29"\n"-10,11","14,49","37,60"\n',  # LibreOffice, commas twice
        PLAIN.replace("-", "\u2212"),  # the minus of some languages' settings
        "Tx1,Tx2,Tx3\n" + PLAIN,
        "tx 1;tx 2;tx 3\n" + GERMAN,
        "Empf\u00e4nger;S1;S2;S3\n" + "".join(f"E{n};{row}\n" for n, row in enumerate(GERMAN.split())),
        "".join(f"Rx {n},{row}\n" for n, row in enumerate(ROWS)),
        ",0,1,2\n" + "".join(f"{n},{row}\n" for n, row in enumerate(ROWS)),
        "rx,0,1,2\n" + "".join(f"{n},{row}\n" for n, row in enumerate(ROWS)),
        "0,1,2\n" + PLAIN,
        '"","V1","V2","V3"\n' + "".join(f'"{n}",{row}\n' for n, row in enumerate(ROWS, 1)),  # R, write.csv
        '"V1" "V2" "V3"\n' + "".join(f'"{n}" {row.replace(",", " ")}\n' for n, row in enumerate(ROWS, 1)),
        "# gains in dB\n" + PLAIN,
        PLAIN.replace("\n", " # a row\n"),
        "3.850e+01,1.011e+01,7.55E0\n9.52,33.15,15.29\n-1.011e1,14.49,37.60\n",
    ],
)  # fmt: skip
def test_one_network_is_read_however_it_was_written(tmp_path: Path, text: str) -> None:
    for encoding in ("utf-8", "utf-8-sig", "utf-16"):
        np.testing.assert_array_equal(read(tmp_path, text, encoding=encoding), ONE)
    for mark, encoding in ((b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be")):
        np.testing.assert_array_equal(read(tmp_path, mark + text.encode(encoding), ".tsv"), ONE)
    if "\u2212" not in text:
        np.testing.assert_array_equal(read(tmp_path, text, encoding="cp1252"), ONE)


PANDAS = [
    {"sep": sep, "decimal": decimal, "header": header, "index": index, "quoting": quoting}
    for sep, decimal, header, index, quoting in itertools.product(
        ",;\t", ".,", (True, False), (True, False), (csv.QUOTE_MINIMAL, csv.QUOTE_ALL)
    )
]


@pytest.mark.parametrize("options", PANDAS, ids=str)
@pytest.mark.parametrize("links", [2, 3, 4, 5, 9])
def test_what_pandas_writes_is_read(tmp_path: Path, links: int, options: dict) -> None:
    values = np.random.default_rng(links).uniform(-20, 50, (links, links)).round(3)
    np.testing.assert_array_equal(read(tmp_path, pd.DataFrame(values).to_csv(**options)), values)


@pytest.mark.parametrize("named", [True, False])
def test_named_rows_and_columns_of_pandas_are_left_out(tmp_path: Path, named: bool) -> None:
    names = [f"Rx{row}" for row in range(3)]
    frame = pd.DataFrame(
        ONE, index=pd.Index(names, name="receiver" if named else None), columns=["a", "b", "c"]
    )
    np.testing.assert_array_equal(read(tmp_path, frame.to_csv()), ONE)


@pytest.mark.parametrize(
    "text",
    [
        PLAIN + "\n" + "\n".join(",".join(f"{cell:.2f}" for cell in row) for row in TWO[1]),
        "".join(",".join(f"{cell:.2f}" for cell in row) + "\n" for row in TWO.reshape(-1, 3)),
        "".join(",".join(f"{cell:.2f}" for cell in row) + "\n" for row in TWO.reshape(2, 9)),
        "".join(";".join(f"{cell:.2f}" for cell in row).replace(".", ",") + "\n\n" for row in TWO.reshape(2, 9)),
        "a,b,c\n" + PLAIN + "a,b,c\n" + "".join(",".join(f"{c:.2f}" for c in row) + "\n" for row in TWO[1]),
        PLAIN + ",,\n" + "".join(",".join(f"{cell:.2f}" for cell in row) + "\n" for row in TWO[1]),
        pd.DataFrame(TWO.reshape(2, 9)).round(2).to_csv(),
    ],
    ids=["blank line", "below each other", "flat", "flat, blank lines", "a header each", "blank cells", "flat, pandas"],
)  # fmt: skip
def test_several_networks_stand_in_blocks_or_in_rows(tmp_path: Path, text: str) -> None:
    np.testing.assert_allclose(read(tmp_path, text), TWO, atol=0.006)


@pytest.mark.parametrize("word", ["", "nan", "NaN", "NA", "N/A", "#N/A", "null", '""', " "])
def test_empty_cells_and_words_for_unknown_are_nan(tmp_path: Path, word: str) -> None:
    found = read(tmp_path, f"38.5,{word},7.55\n9.52,33.15,15.29\n{word},14.49,37.6\n")
    assert np.isnan(found[0, 1])
    assert np.isnan(found[2, 0])
    assert np.isnan(found).sum() == 2


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "40,5\n31,2\n",
            "row 1, column 1: '40,5' may be the number 40.5 or the numbers 40 and 5: write 40.5",
        ),
        ("1,2\n3,4\n", "may be"),
        ("gain\n40,5\n31,2\n", "row 2, column 1: '40,5' may be"),
        ("1,x\n3,4\n", "row 1, column 2: 'x' is no number"),
        ("1.5,2\n3,4x\n", "row 2, column 2: '4x' is no number"),
        ("a,1.5,2\nb,3,4 dB\n", "row 2, column 3: '4 dB' is no number"),
        ("1.5;2\n3,5;4\n", "row 1, column 1: '1.5' has a point where other cells have a decimal comma"),
        ("1.234,5;2,5\n3,5;4\n", "without thousands marks"),
        ("1.5,2\n3\n", "row 2 has 1 cells where others have 2"),
        ("1.5,2\n3,4\n5,6\n", "3 rows of 2 numbers: each network takes 2 rows"),
        ("1.5,2\n3,4\n\n5,6\n", "from row 4: 1 rows of 2 numbers between blank lines"),
        ("1.5,2+3i\n3,4\n", "row 1, column 2: '2+3i' is complex"),
        ("1.5,2_0\n3,4\n", "digits without marks"),
        ("1.5,#NUM!\n3,4\n", "'#NUM!' is no number"),
        ("a;b\n", "holds no numbers"),
        ("# nothing\n", "holds no numbers"),
        ("\n\n", "holds no numbers"),
        ("", "is empty"),
        ("0,1\n2,3\n0,1\n", "may be"),
        ("0;1;2;3\n4;5;6;7\n8;9;10;11\n12;13;14;15\n", "row 1: this row may be numbers of links or gains"),
    ],
)
def test_what_is_wrong_is_named_by_cell(tmp_path: Path, text: str, said: str) -> None:
    found = refusal(tmp_path, text)
    assert said in found
    assert "g.csv" in found


def test_whole_numbers_from_zero_that_can_only_be_gains_are_gains(tmp_path: Path) -> None:
    np.testing.assert_array_equal(read(tmp_path, "0;1\n0;1\n"), [[0, 1], [0, 1]])
    np.testing.assert_array_equal(read(tmp_path, "0, 1\n2, 3\n"), [[0, 1], [2, 3]])


def test_one_column_whose_commas_can_only_be_decimal_holds_networks_of_one_link(tmp_path: Path) -> None:
    np.testing.assert_array_equal(read(tmp_path, "40\n31,2\n"), [[[40.0]], [[31.2]]])
    np.testing.assert_array_equal(read(tmp_path, "40.5\n31.2\n"), [[[40.5]], [[31.2]]])


def test_networks_in_rows_that_also_stack_are_told_by_their_own_gains(tmp_path: Path) -> None:
    flat = np.random.default_rng(0).uniform(0, 5, (8, 2, 2))
    flat[:, range(2), range(2)] += 30.0
    stacked = flat.reshape(2, 4, 4)
    text = "".join(",".join(f"{cell:.2f}" for cell in row) + "\n" for row in flat.reshape(8, 4))
    assert "2 networks of 4 links or 8 of 2" in refusal(tmp_path, text)
    blocks = text.splitlines(keepends=True)
    np.testing.assert_allclose(read(tmp_path, "".join([*blocks[:4], "\n", *blocks[4:]])), stacked, atol=0.01)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"1\0.\05\0,\0", "but other data"),
        (b"PK\x03\x04" + b"x" * 50, "but a zip archive"),
        (b"\x1f\x8b" + b"x" * 50, "compressed by gzip"),
        (b"\xff\xfe1\0,", "not a table of numbers"),
        (b"1.5,\x81\x8d\n", "not a table of numbers"),
        (b'"' + b"9" * 200_000 + b'"', "field larger than"),
    ],
)
def test_what_is_no_text_is_refused(tmp_path: Path, content: bytes, said: str) -> None:
    assert said in refusal(tmp_path, content)


def test_how_a_table_was_understood_is_said(tmp_path: Path) -> None:
    path = tmp_path / "g.csv"
    path.write_text("x;a;b;c\n" + "".join(f"r{n};{row}\n" for n, row in enumerate(GERMAN.split())))
    remark = open_gains(path, "db").stored.remark
    assert remark == "separated by semicolons, decimal comma, header row, column of labels"
