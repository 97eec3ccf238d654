"""A stream depends on its key and on nothing else."""

import subprocess
import sys

import numpy as np
import pytest

from components.channel.rng import stream

KEYS = [
    (1,),
    (2,),
    (1, "a"),
    (1, "b"),
    (1, "a", "b"),
    (1, "ab"),
    (1, 1),
    (1, "1"),
    (1, 12, 3),
    (1, 1, 23),
    (-1,),
]


def test_same_key_same_numbers():
    assert stream(7, "D1", "train", 3).bytes(64) == stream(7, "D1", "train", 3).bytes(64)


def test_every_key_has_its_own_stream():
    assert len({stream(*key).bytes(16) for key in KEYS}) == len(KEYS)


def test_numpy_integers_are_integers():
    assert stream(3, np.int64(4)).bytes(16) == stream(3, 4).bytes(16)


@pytest.mark.parametrize("part", [1.0, None, True, ("a",)])
def test_other_key_types_are_refused(part):
    with pytest.raises(TypeError, match="stream key takes integers and strings"):
        stream(1, part)


def test_stream_is_the_same_in_another_process_with_another_hash_seed():
    code = "from components.channel.rng import stream; print(stream(5, 'D1', 2).bytes(16).hex())"
    run = [sys.executable, "-c", code]
    answers = {
        subprocess.run(
            run, env={"PYTHONHASHSEED": seed}, capture_output=True, text=True, check=True
        ).stdout.strip()
        for seed in ("1", "2")
    }
    assert answers == {stream(5, "D1", 2).bytes(16).hex()}
