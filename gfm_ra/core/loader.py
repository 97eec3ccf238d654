"""Finds the core's objects and chooses the one for this processor."""

import ctypes
import importlib.util
import os
from functools import cache
from pathlib import Path

import numpy as np

from gfm_ra.core import objects
from gfm_ra.errors import UserError

PACKAGE = "gfm_ra_core"
VARIABLE = "GFM_RA_INSTRUCTION_SET"
"""Environment variable that forces one of the instruction sets that the processor has."""


@cache
def library() -> ctypes.CDLL:
    """The object for the best instruction set of this processor, or for the one that `VARIABLE` names.

    Raises:
        UserError: the objects are missing, or were compiled from other sources than those beside this file, or the
            variable names an instruction set that is not here.
    """
    return library_for(instruction_set())


def instruction_set() -> str:
    """Name of the instruction set in use. Raises UserError as `library`."""
    have = available()
    wanted = os.environ.get(VARIABLE, "")
    if wanted and wanted not in have:
        raise UserError(
            f"{VARIABLE}={wanted}: this processor has {', '.join(have)}; name one of them or unset it"
        )
    return wanted or have[-1]


@cache
def available() -> tuple[str, ...]:
    """Instruction sets that processor and objects have, the lowest first. Raises UserError as `library`."""
    try:
        names = list(objects.FLAGS[objects.machine()])
    except objects.CompilerError as error:
        raise UserError(str(error)) from None
    # The lowest one runs everywhere and asks the processor about the others.
    return tuple(names[: library_for(names[0]).gfm_ra_levels()])


@cache
def library_for(name: str) -> ctypes.CDLL:
    """The object for one instruction set. Raises UserError as `library`."""
    path = _folder() / objects.object_name(name)
    if not path.is_file():
        raise UserError(f"the compiled core is not installed ({path} is missing): run `make install`")
    loaded = ctypes.CDLL(str(path))
    loaded.gfm_ra_digest.restype = ctypes.c_char_p
    # An installed copy may come without the sources: then it and the objects came together.
    if objects.source_files() and loaded.gfm_ra_digest().decode() != objects.digest():
        raise UserError(
            f"the compiled core in {path.parent} was made from other sources than those in {objects.SOURCES}: "
            "run `make install`"
        )
    return loaded


def _folder() -> Path:
    found = importlib.util.find_spec(PACKAGE)
    if found is None or not found.submodule_search_locations:
        raise UserError(
            f"the compiled core is not installed (there is no package {PACKAGE}): run `make install`"
        )
    return Path(next(iter(found.submodule_search_locations)))


def address(array: np.ndarray) -> int:
    """Where an array's numbers lie."""
    if array.size and array.flags.writeable and array.flags.c_contiguous:
        # A quarter of the time of the general way.
        return ctypes.addressof(ctypes.c_char.from_buffer(array))  # pyright: ignore[reportArgumentType]
    return array.__array_interface__["data"][0]
