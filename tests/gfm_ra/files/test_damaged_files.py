"""Whatever a file holds, every reader answers or refuses it in one line: no other exception, no crash, no hang."""

import json
import os
import select
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import numpy as np
import pytest

from tests.gfm_ra.files.damage import damaged_files, seeds

ENDINGS = (".npy", ".npz", ".csv", ".tsv", ".json", ".parquet", ".mat", ".h5")
SECONDS_PER_FILE = 600  # a busy machine takes a second, endless work takes this
ANSWERED = "answered"


class Reader:
    """The process that reads: it may crash or hang, and is then told apart from the test."""

    def __init__(self, root: Path, said: IO[str]) -> None:
        script = Path(__file__).with_name("reader_process.py")
        self._process = subprocess.Popen(
            [sys.executable, "-W", "error", str(script)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=said, text=True,
            env=os.environ | {"PYTHONPATH": os.pathsep.join([str(root), *sys.path])},
        )  # fmt: skip

    def ask(self, path: Path) -> list[str]:
        """What came of a file: without a unit, in dB, as weights."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(path, file=self._process.stdin, flush=True)
        ready, _, _ = select.select([self._process.stdout], [], [], SECONDS_PER_FILE)
        assert ready, f"{path} is read without end"
        line = self._process.stdout.readline()
        assert line, f"{path} ended the process: {self._process.wait()}"
        answers = json.loads(line)
        assert isinstance(answers, list), f"{path}: {answers}"
        return answers

    def end(self) -> None:
        self._process.kill()
        self._process.communicate()


@pytest.fixture
def reader(root: Path, tmp_path: Path) -> Iterator[Reader]:
    said = tmp_path / "stderr"
    with said.open("w") as file:
        process = Reader(root, file)
        try:
            yield process
        finally:
            process.end()
    assert said.read_text() == ""  # no library says anything by itself


def read_damaged(reader: Reader, folder: Path, ending: str, count: int, seed: int) -> Counter[str]:
    """Read damaged files and check every answer; how many were answered in a way, and refused in all."""
    outcomes: Counter[str] = Counter()
    for path in damaged_files(folder, ending, count, seed):
        answers = reader.ask(path)
        for said in answers:
            assert said == ANSWERED or (path.name in said and "\n" not in said and len(said) < 400), said
        outcomes["answered" if ANSWERED in answers else "refused"] += 1
        path.unlink()
    return outcomes


@pytest.mark.parametrize("ending", ENDINGS)
def test_valid_files_are_answered(reader: Reader, tmp_path: Path, ending: str) -> None:
    for number, content in enumerate(seeds(np.random.default_rng(0))[ending]):
        path = tmp_path / f"{number}{ending}"
        path.write_bytes(content)
        assert reader.ask(path)[1] == ANSWERED


@pytest.mark.parametrize("ending", ENDINGS)
def test_damaged_files_are_answered_or_refused_in_one_line(
    reader: Reader, tmp_path: Path, ending: str
) -> None:
    outcomes = read_damaged(reader, tmp_path, ending, 10 if ending == ".h5" else 40, seed=0)
    assert outcomes["refused"] > 0


@pytest.mark.slow
@pytest.mark.parametrize("ending", ENDINGS)
def test_many_damaged_files_are_answered_or_refused_in_one_line(
    reader: Reader, tmp_path: Path, ending: str
) -> None:
    outcomes = read_damaged(reader, tmp_path, ending, 200 if ending == ".h5" else 1000, seed=1)
    print(ending, dict(outcomes))  # noqa: T201 (the count, for people: pytest -s)
    assert outcomes["refused"] > outcomes.total() / 4
