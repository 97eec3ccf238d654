"""`gfm-ra allocate` and files: exit code 2 and one line for bad ones, nothing half-written, inputs untouched."""

import io
import os
import zipfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from gfm_ra.allocator import Allocator
from gfm_ra.cli import allocate as command_line
from gfm_ra.cli.main import run
from gfm_ra.inference.prompts import Prompt

GAIN_DB = np.array([[38.5, 10.11, 7.55], [9.52, 33.15, 15.29], [-10.11, 14.49, 37.6]])
ROWS = [",".join(f"{cell:.2f}" for cell in row) for row in GAIN_DB]


class Model:
    """Stands in for a network: a link's power tells its row of gains."""

    any_goal, takes_unknown = True, True

    def __init__(self) -> None:
        self.shapes: list[tuple[int, ...]] = []
        self.fails_at = 0

    def powers(self, gain_db: np.ndarray, prompt: Prompt, threads: int | None = None) -> np.ndarray:
        self.shapes.append(gain_db.shape)
        if len(self.shapes) == self.fails_at:
            raise ValueError("gain_db holds NaN")
        if (prompt.weights != 1).any():
            return prompt.weights
        return power(gain_db).astype(np.float32)


@pytest.fixture
def model(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Model:
    found = Model()
    monkeypatch.setattr(command_line, "load", lambda _: Allocator(found))
    monkeypatch.chdir(tmp_path)
    return found


def ask(*words: str) -> int:
    """The exit code of the command."""
    with pytest.raises(SystemExit) as ended:
        run(["allocate", *words, "--effort", "fast"])
    return int(ended.value.code or 0)


def power(gain_db: np.ndarray) -> np.ndarray:
    return 1.0 / (1.0 + np.exp(-gain_db.sum(-1) / 1000.0))


def npy(values: np.ndarray) -> bytes:
    out = io.BytesIO()
    np.save(out, values)
    return out.getvalue()


def packed(values: np.ndarray) -> bytes:
    out = io.BytesIO()
    np.savez_compressed(out, gain_db=values)
    return out.getvalue()


def damaged_compressed() -> bytes:
    content = bytearray(packed(np.random.default_rng(0).normal(40.0, 1.0, (9, 9, 9))))
    content[len(content) // 2] ^= 16
    return bytes(content)


def zipped_csv() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("gain.csv", "\n".join(ROWS))
    return out.getvalue()


BAD = {
    "damaged_header.npy": (npy(GAIN_DB).replace(b"(3, 3), }", b"(3, 3   "), "the header of its array is damaged"),
    "cut.npy": (npy(GAIN_DB)[:-9], "is cut off"),
    "text.npy": (b"1,2\n3,4\n", "is not a .npy file but text"),
    "zipped.npy": (packed(GAIN_DB), "but a zip archive: call it .npz"),
    "damaged_compressed.npz": (damaged_compressed(), "is a damaged archive"),
    "zipped_csv.npz": (zipped_csv(), "holds no arrays but gain.csv"),
    "decimalcomma_onecol.csv": (b"40,5\n31,2\n", "may be the number 40.5 or the numbers 40 and 5"),
    "empty.csv": (b"", "is empty"),
    "blank.csv": (b"\n\n", "holds no numbers"),
    "cell.csv": (b"1.5,x\n3,4\n", "row 1, column 2: 'x' is no number"),
    "deep.json": (b"[" * 100_000, "nested too deeply"),
    "cut.parquet": (b"PAR1" + bytes(99), "is a damaged Parquet file"),
    "complex.npy": (npy(GAIN_DB + 1j), "holds complex numbers"),
    "objects.npy": (npy(GAIN_DB).replace(b"'<f8'", b"'|O' "), "Python objects"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_a_bad_file_is_one_line_and_exit_code_2(
    model: Model, capfd: pytest.CaptureFixture[str], name: str
) -> None:
    content, said = BAD[name]
    Path(name).write_bytes(content)
    assert ask(name, "p.npy", "--db") == 2
    (line,) = capfd.readouterr().err.splitlines()
    assert line.startswith("gfm-ra: ")
    assert name in line
    assert said in line
    assert os.listdir() == [name]
    assert model.shapes == []  # found before any work


@pytest.mark.parametrize(
    "content",
    ["\n".join(ROWS), "\ufeff" + "\r\n".join(ROWS), "\n".join(ROWS).replace(",", ";"),
     "\n".join(ROWS).replace(",", ";").replace(".", ",")],
    ids=["plain", "bom", "semicolon", "decimal comma"],
)  # fmt: skip
def test_what_spreadsheets_export_is_answered(model: Model, content: str) -> None:
    Path("g.csv").write_text(content, newline="")
    assert ask("g.csv", "p.npy", "--db") == 0
    np.testing.assert_allclose(np.load("p.npy"), power(GAIN_DB), rtol=1e-6)


def test_arrow_s_tensor_column_and_names_in_any_case_are_answered(
    model: Model, capfd: pytest.CaptureFixture[str]
) -> None:
    storage = pa.FixedSizeListArray.from_arrays(pa.array(GAIN_DB.reshape(-1)), 9)
    column = pa.ExtensionArray.from_storage(pa.fixed_shape_tensor(pa.float64(), [3, 3]), storage)
    pq.write_table(pa.table({"gain_db": column}), "tensor.parquet")
    np.savez("case_name.npz", gain_dB=GAIN_DB)
    for name in ("tensor.parquet", "case_name.npz"):
        assert ask(name, "p.npy") == 0
        np.testing.assert_allclose(np.load("p.npy").reshape(3), power(GAIN_DB), rtol=1e-6)
    assert "case_name.npz: 1 network of 3 links, in dB (named 'gain_dB')" in capfd.readouterr().err


@pytest.mark.parametrize("other", ["sub/../g.csv", "link.csv", "hard.csv", "./g.csv"])
def test_gains_and_weights_are_never_overwritten(
    model: Model, capfd: pytest.CaptureFixture[str], other: str
) -> None:
    Path("g.csv").write_text("\n".join(ROWS))
    Path("sub").mkdir()
    Path("link.csv").symlink_to("g.csv")
    os.link("g.csv", "hard.csv")
    np.save("g.npy", GAIN_DB)
    assert ask("g.csv", other, "--db") == 2
    assert "is the same file as g.csv" in capfd.readouterr().err
    assert ask("g.npy", other, "--db", "--weights", "g.csv") == 2
    assert "is the same file as g.csv" in capfd.readouterr().err
    assert Path("g.csv").read_text() == "\n".join(ROWS)


def test_what_looks_like_a_mistake_is_said_or_with_strict_refused(
    model: Model, capfd: pytest.CaptureFixture[str]
) -> None:
    np.save("absolute_pathgain.npy", 10 ** ((GAIN_DB - 130.0) / 10.0))
    assert ask("absolute_pathgain.npy", "p.npy", "--strict") == 2
    (line,) = capfd.readouterr().err.splitlines()
    assert "no own gain is above -30 dB over noise" in line
    assert not Path("p.npy").exists()
    assert ask("absolute_pathgain.npy", "p.npy") == 0
    said = capfd.readouterr().err.splitlines()[1:3]  # behind the summary of the file
    assert [("no own gain" in line, "count as -100 dB" in line) for line in said] == [
        (True, False),
        (False, True),
    ]
    np.save("sensible.npy", GAIN_DB)
    assert ask("sensible.npy", "p.npy", "--db", "--strict") == 0
    assert len(capfd.readouterr().err.splitlines()) == 2  # what was understood, and what came out


def test_rows_may_be_transmitters(model: Model, capfd: pytest.CaptureFixture[str]) -> None:
    np.save("g.npy", GAIN_DB.T)
    assert ask("g.npy", "p.npy", "--unit", "dB", "--orientation", "rows-are-transmitters") == 0
    np.testing.assert_allclose(np.load("p.npy"), power(GAIN_DB), rtol=1e-6)
    assert ask("g.npy", "p.npy", "--orientation", "sideways") == 2
    assert "sideways" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("words", "said"),
    [(["--unit", "watt"], "invalid choice: 'watt'"),
     (["--db", "--unit", "linear"], "say one of them"), (["--unit", "linear"], "say --db if they are in dB"),
     (["--db", "--alpha", "2"], "alpha belongs to goal 'alpha-fair'")],
)  # fmt: skip
def test_words_that_do_not_fit_are_refused(
    model: Model,
    capfd: pytest.CaptureFixture[str],
    words: list[str],
    said: str,
) -> None:
    np.save("g.npy", GAIN_DB)
    assert ask("g.npy", "p.npy", *words) == 2
    assert said in capfd.readouterr().err
    assert os.listdir() == ["g.npy"]


def large(count: int = 3, links: int = 600) -> np.ndarray:
    gain_db = np.random.default_rng(0).normal(0.0, 5.0, (count, links, links)).astype(np.float32)
    gain_db[:, range(links), range(links)] += 60.0
    return gain_db


@pytest.mark.parametrize("kind", [".npy", ".npz", ".parquet"])
def test_many_gains_are_answered_in_parts(model: Model, kind: str) -> None:
    gain_db = large()
    np.savez("g.npz", gain_db=gain_db)
    np.save("g.npy", gain_db)
    pq.write_table(pa.table({"gain_db": list(gain_db.reshape(3, -1))}), "g.parquet")
    assert ask(f"g{kind}", "p.npy", "--unit", "db") == 0
    assert model.shapes == [(1, 600, 600)] * 3
    np.testing.assert_allclose(np.load("p.npy"), power(gain_db), rtol=1e-4)


def test_a_model_gets_few_gains_at_once(model: Model) -> None:
    np.save("g.npy", large(60, 50))
    assert ask("g.npy", "p.npy", "--db") == 0
    assert model.shapes == [(26, 50, 50), (26, 50, 50), (8, 50, 50)]


def test_a_part_that_is_refused_leaves_nothing_behind(
    model: Model, capfd: pytest.CaptureFixture[str]
) -> None:
    np.save("g.npy", large())
    Path("p.npy").write_text("old")
    model.fails_at = 2
    assert ask("g.npy", "p.npy", "--db") == 2
    assert "gain_db holds NaN" in capfd.readouterr().err
    assert sorted(os.listdir()) == ["g.npy", "p.npy"]
    assert Path("p.npy").read_text() == "old"


def test_trouble_at_run_time_is_exit_code_1(
    model: Model, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    np.save("g.npy", GAIN_DB)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("os.replace", full)
        assert ask("g.npy", "p.npy", "--db") == 1
    *_, line = capfd.readouterr().err.splitlines()
    assert line.startswith("gfm-ra: p.npy: no space left on the disk")
    assert os.listdir() == ["g.npy"]


@pytest.mark.parametrize("text", ["1\n2\n3\n", "1;2;3\n", "1,2,3\n", "weight\n1,0\n2\n3,0\n"])
def test_priorities_may_be_a_row_or_a_column(
    model: Model, capfd: pytest.CaptureFixture[str], text: str
) -> None:
    np.save("g.npy", GAIN_DB)
    Path("w.csv").write_text(text)
    assert ask("g.npy", "p.npy", "--db", "--weights", "w.csv") == 0
    np.testing.assert_allclose(np.load("p.npy"), np.array([1, 2, 3]) / 3, rtol=1e-6)
    capfd.readouterr()
    np.savez("w.npz", np.ones(3))
    os.replace("w.npz", "w_zip.npy")
    assert ask("g.npy", "q.npy", "--db", "--weights", "w_zip.npy") == 2
    (line,) = capfd.readouterr().err.splitlines()
    assert "w_zip.npy is not a .npy file but a zip archive: call it .npz" in line
