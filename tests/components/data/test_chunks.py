"""A file cut into pieces comes back bit by bit, or not at all."""

import json
import sys

import numpy as np
import pytest

from components.data.chunks import LIST_NAME, join, main, split
from components.data.shards import DataError


@pytest.fixture
def cut(tmp_path):
    path = tmp_path / "weights.bin"
    path.write_bytes(np.random.default_rng(0).bytes(2500))
    split(path, tmp_path / "pieces", piece_bytes=1000)
    (tmp_path / "back").mkdir()
    return path, tmp_path / "pieces", tmp_path / "back"


def test_there_and_back(cut):
    path, pieces, back = cut
    assert [p.stat().st_size for p in sorted(pieces.glob("weights.bin.*"))] == [1000, 1000, 500]
    assert join(pieces, back).read_bytes() == path.read_bytes()


@pytest.mark.parametrize("harm", ["missing", "flipped", "swapped", "no list", "bad list"])
def test_what_is_wrong_is_named_and_nothing_is_left(cut, harm):
    _, pieces, back = cut
    first, second = pieces / "weights.bin.00000", pieces / "weights.bin.00001"
    if harm == "missing":
        second.unlink()
    elif harm == "flipped":
        second.write_bytes(b"x" + second.read_bytes()[1:])
    elif harm == "swapped":
        a, b = first.read_bytes(), second.read_bytes()
        first.write_bytes(b)
        second.write_bytes(a)
    elif harm == "no list":
        (pieces / LIST_NAME).unlink()
    else:
        (pieces / LIST_NAME).write_text("[]")
    with pytest.raises(DataError, match=r"weights\.bin\.00|pieces\.json"):
        join(pieces, back)
    assert list(back.iterdir()) == []


@pytest.mark.parametrize("name", ["../outside", "/tmp/outside", "a/b"])
def test_a_list_that_names_paths_is_refused(cut, name):
    _, pieces, back = cut
    about = json.loads((pieces / LIST_NAME).read_text())
    (pieces / LIST_NAME).write_text(json.dumps(about | {"file": name}))
    with pytest.raises(DataError, match="not ours"):
        join(pieces, back)


def test_it_is_a_program_too(cut, tmp_path, monkeypatch):
    path, pieces, _ = cut
    for words in (["split", path, tmp_path / "again"], ["join", tmp_path / "again", tmp_path / "there"]):
        monkeypatch.setattr(sys, "argv", ["pieces", *map(str, words)])
        main()
    assert (tmp_path / "there" / path.name).read_bytes() == path.read_bytes()
    (pieces / LIST_NAME).unlink()
    monkeypatch.setattr(sys, "argv", ["pieces", "join", str(pieces), str(tmp_path)])
    with pytest.raises(SystemExit, match="missing"):
        main()
