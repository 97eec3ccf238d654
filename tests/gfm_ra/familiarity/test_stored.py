"""What is no reference of networks, or a damaged one, is refused in one line that names the file."""

import io
from pathlib import Path
from zipfile import ZipFile

import numpy as np
import pytest

from gfm_ra import InputError
from gfm_ra.familiarity.packaged import HOME, load
from gfm_ra.familiarity.stored import read

Arrays = dict[str, np.ndarray]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A reference with a background."""
    load(HOME).save(tmp_path / "own.npz")
    return tmp_path / "own.npz"


@pytest.fixture
def arrays(path: Path) -> Arrays:
    with np.load(path) as stored:
        return dict(stored)


def refused(path: Path) -> str:
    with pytest.raises(InputError, match=path.name) as raised:
        read(path)
    assert "\n" not in str(raised.value)
    return str(raised.value)


@pytest.mark.parametrize("damage", ["missing", "folder", "text", "cut", "other", "single"])
def test_what_is_no_reference_is_refused(path: Path, damage: str) -> None:
    if damage in ("missing", "folder"):
        path.unlink()
    if damage == "folder":
        path.mkdir()
    elif damage == "text":
        path.write_text("no reference")
    elif damage == "cut":
        path.write_bytes(path.read_bytes()[:3000])
    elif damage == "other":
        np.savez(path, gain=np.ones((3, 3)))
    elif damage == "single":
        with path.open("wb") as file:
            np.save(file, np.ones(3))
    refused(path)


def test_flipped_bits_are_refused_or_change_nothing(path: Path, arrays: Arrays) -> None:
    whole, generator = path.read_bytes(), np.random.default_rng(0)
    # Anywhere, and in the directory at the end, whose bits say how the arrays are packed.
    places = [
        *generator.integers(0, len(whole), 200),
        *generator.integers(len(whole) - 1500, len(whole), 400),
    ]
    intact, refusals = read(path), 0
    for place, bit in zip(places, generator.integers(0, 8, len(places)), strict=True):
        damaged = bytearray(whole)
        damaged[place] ^= 1 << bit
        path.write_bytes(damaged)
        try:
            again = read(path)
        except InputError:
            refusals += 1
        else:
            np.testing.assert_array_equal(again.unusualness, intact.unusualness)
            np.testing.assert_array_equal(again.own.whitening, intact.own.whitening)
    assert refusals > 300


@pytest.mark.parametrize("header", ["{'descr': '<f4', ", "{'descr': '<f4', 'shape': (3", "{1: 2}", "(" * 300])
def test_array_headers_that_cannot_be_parsed_are_refused(path: Path, arrays: Arrays, header: str) -> None:
    packed = io.BytesIO()
    np.lib.format.write_array(packed, arrays["mean"])
    text = header.encode().ljust(len(packed.getvalue()) - arrays["mean"].nbytes - 11) + b"\n"
    with ZipFile(path, "w") as archive:
        for name, values in arrays.items():
            with archive.open(f"{name}.npy", "w") as file:
                if name == "mean":
                    file.write(packed.getvalue()[:10] + text)
                else:
                    np.lib.format.write_array(file, values)
    assert "is no reference of networks" in refused(path)


VERSIONS = {
    "another number": {"format": 99},
    "several": {"format": [1, 2]},
    "text": {"format": "a"},
    "no whole number": {"format": 1.5},
    "one statistic": {"statistics": 3.0},
    "other statistics": {"statistics": ["a", "b"]},
    "text for levels": {"levels": ["a"]},
}


@pytest.mark.parametrize("case", VERSIONS)
def test_other_versions_are_refused(path: Path, arrays: Arrays, case: str) -> None:
    np.savez(path, **arrays | VERSIONS[case])
    assert "another version" in refused(path)


@pytest.mark.parametrize("name", ["mean", "spread", "whitening", "hidden", "unusualness", "background_mean"])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_values_that_are_no_numbers_are_refused(path: Path, arrays: Arrays, name: str, value: float) -> None:
    arrays[name].reshape(-1)[-1] = value
    np.savez(path, **arrays)
    assert name in refused(path)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("spread", 0.0), ("spread", -1.0), ("background_spread", 0.0), ("links", 0), ("links", -2), ("links", 10**6),
        ("background_links", 0), ("hidden", -0.1), ("hidden", 0.9), ("held_out", 0), ("unusualness", 1e9),
    ],
)  # fmt: skip
def test_values_that_are_out_of_range_are_refused(
    path: Path, arrays: Arrays, name: str, value: float
) -> None:
    arrays[name].reshape(-1)[0] = value
    np.savez(path, **arrays)
    assert name in refused(path)


@pytest.mark.parametrize("name", ["mean", "unusualness", "held_out", "links", "name"])
def test_arrays_of_another_kind_are_refused(path: Path, arrays: Arrays, name: str) -> None:
    kind = np.int64 if name == "name" else np.str_
    np.savez(path, **arrays | {name: np.zeros(arrays[name].shape).astype(kind)})
    assert name in refused(path)


@pytest.mark.parametrize(
    "name", ["mean", "whitening", "unusualness", "held_out", "hidden", "background_spread"]
)
def test_arrays_that_do_not_fit_each_other_are_refused(path: Path, arrays: Arrays, name: str) -> None:
    np.savez(path, **arrays | {name: arrays[name][:-1]})
    assert "do not fit" in refused(path)


@pytest.mark.parametrize("name", ["background_links", "background_mean", "mean", "held_out"])
def test_arrays_that_are_missing_are_named(path: Path, arrays: Arrays, name: str) -> None:
    del arrays[name]
    np.savez(path, **arrays)
    assert name in refused(path)


def test_arrays_that_no_reference_has_are_named(path: Path, arrays: Arrays) -> None:
    np.savez(path, **arrays, extra=np.ones(2))
    assert "extra" in refused(path)
