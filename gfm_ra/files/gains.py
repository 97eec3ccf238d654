"""Gains in the files that people have, read in parts: .npy, .npz, .csv, .tsv, .json, .parquet, .mat, .h5."""

import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from gfm_ra.errors import InputError
from gfm_ra.files.arrays import (
    DB,
    LINEAR,
    UNIT_OF,
    Source,
    Stored,
    as_floats,
    check_numbers,
    check_size,
    choose,
    float_type,
    shown,
)
from gfm_ra.files.hdf5 import hdf5_source
from gfm_ra.files.json_array import json_source
from gfm_ra.files.mat import mat_source
from gfm_ra.files.npy import npy_source, npz_source
from gfm_ra.files.parquet import parquet_source
from gfm_ra.files.tables.source import table_source
from gfm_ra.network import ORIENTATIONS

UNITS = (LINEAR, DB)
RECEIVERS, TRANSMITTERS = ORIENTATIONS
# One matrix is held whole: 3.2 GB of float64 at this many links.
MOST_LINKS = 20_000
# Gains per part: what a model works on at once, so the number of networks costs no memory. A model of 100 MB takes
# some 1.5 KB per gain while it works, and its runtime keeps as much again from the second part on.
PART = 2**16

SOURCES: dict[str, Callable[[Path], Source]] = {
    ".npy": npy_source, ".npz": npz_source, ".csv": table_source, ".tsv": table_source, ".json": json_source,
    ".parquet": parquet_source, ".mat": mat_source, ".h5": hdf5_source, ".hdf5": hdf5_source,
}  # fmt: skip


def source_of(path: Path) -> Source:
    """The arrays of a file, by its ending; the content must fit it.

    Raises:
        InputError: the ending is unknown, or the file is missing, damaged, or something else.
    """
    ending = path.suffix.lower()
    if ending not in SOURCES:
        raise InputError(f"{path} must end in {', '.join(SOURCES)}: save it as one of them")
    return SOURCES[ending](path)


class Gains(NamedTuple):
    """Gains of a file, and how they were understood."""

    path: Path
    networks: int
    links: int
    single: bool  # one matrix [K, K] without an axis of networks
    unit: str  # "linear", in units of noise, or "db"
    unit_from: str  # what said so
    orientation: str
    dtype: np.dtype  # of the parts
    stored: Stored
    unread: tuple[str, ...]  # names of what else the file holds

    def parts(self, most: int = PART) -> Iterator[np.ndarray]:
        """Networks in order, [n, K, K] with row = receiver, so many that a part holds at most `most` gains, or one.

        Unknown gains are NaN.

        Raises:
            InputError: the file is damaged further on.
        """
        area = self.links * self.links
        step = max(1, most // area)
        found = 0
        for rows in self.stored.rows(self.links if self.single else step):
            part = as_floats(rows, self.dtype, self.path).reshape(-1, self.links, self.links)
            found += len(part)
            yield part if self.orientation == RECEIVERS else np.ascontiguousarray(part.swapaxes(-1, -2))
        if found != self.networks:
            raise InputError(f"{self.path} holds {found} of {self.networks} networks: copy or write it again")

    def read(self) -> np.ndarray:
        """All gains at once, [K, K] or [B, K, K] as the file has them.

        Raises:
            InputError: the file is damaged.
        """
        whole = np.concatenate(list(self.parts()))
        return whole[0] if self.single else whole


def open_gains(path: Path, unit: str | None = None, orientation: str = RECEIVERS) -> Gains:
    """Gains of a file, so far only looked at; `parts` reads them.

    `unit` is needed where an array's name does not tell, and must not contradict it. Formats without names are linear
    unless it says otherwise.

    Raises:
        InputError: the file is missing, of an unknown kind, damaged, or holds something else.
    """
    if unit not in (None, *UNITS) or orientation not in ORIENTATIONS:
        raise InputError(f"{unit}, {orientation}: say {' or '.join(UNITS)}, and {' or '.join(ORIENTATIONS)}")
    source = source_of(path)
    name = choose(source, path, tuple(UNIT_OF))
    unit, unit_from = _unit(name, path, unit)
    stored = source.get(name)
    networks, links, single = _size(stored, source.rows_are_networks, path, name)
    unread = tuple(other for other in (*source.names, *source.others) if other != name)
    dtype = float_type(stored.dtype)
    return Gains(path, networks, links, single, unit, unit_from, orientation, dtype, stored, unread)


def _unit(name: str, path: Path, given: str | None) -> tuple[str, str]:
    told = UNIT_OF.get(name.lower())
    if told is None and name and given is None:
        raise InputError(
            f"{path}: the name {shown(name)} does not tell the unit: say --unit linear or --unit db"
        )
    if told == DB and given == LINEAR:
        raise InputError(
            f"{path} calls its gains {shown(name)}, which is in dB: leave out --unit linear, or call them gain"
        )
    if told == LINEAR and given == DB:
        raise InputError(
            f"{path} calls its gains {shown(name)}, which is linear: leave out --db, or call them gain_db"
        )
    if told:
        return told, f"named {shown(name)}"
    return (given, "as given") if given else (LINEAR, "no unit given")


def _size(stored: Stored, rows_are_networks: bool, path: Path, name: str) -> tuple[int, int, bool]:
    """Networks, links, and whether there is no axis of networks."""
    shape = list(stored.shape)
    if rows_are_networks and len(shape) < 3:
        links = math.isqrt(shape[1]) if len(shape) == 2 else 0
        if not links or links * links != shape[1]:
            raise InputError(
                f"{path}: column {shown(name)} must hold K * K numbers in every row, the same K in all"
            )
        shape = [shape[0], links, links]
    check_numbers(path, stored.dtype, name)
    if len(shape) not in (2, 3) or shape[-1] != shape[-2]:
        raise InputError(
            f"{path} must hold gains of shape [K, K] or [B, K, K], not {stored.dtype} {shape}: arrange them so"
        )
    if 0 in shape:
        raise InputError(f"{path} holds no networks: write the gains into it first")
    if shape[-1] > MOST_LINKS:
        raise InputError(f"{path} holds matrices of {shape[-1]} links: at most {MOST_LINKS} are read")
    check_size(path, tuple(shape), stored.dtype.itemsize, path.stat().st_size)
    return (1, shape[-1], True) if len(shape) == 2 else (shape[0], shape[-1], False)
