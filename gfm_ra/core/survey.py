"""What gains look like, in one look over them in the compiled core: what checks and doubts are judged by."""

import ctypes
from functools import cache

import numpy as np

from gfm_ra.core import loader
from gfm_ra.core.loader import address
from gfm_ra.units import LARGEST_GAIN_DB, LEAST_GAIN_DB, db_to_linear

_LINEAR_LIMITS = (float(db_to_linear(LEAST_GAIN_DB)), float(db_to_linear(LARGEST_GAIN_DB)))


class Survey(ctypes.Structure):
    """Counts and extremes of gains in their own unit; NaN counts as unknown and nowhere else.

    least, largest, largest_own : infinite where nothing is known. below, above : positive gains under LEAST_GAIN_DB and
    gains over LARGEST_GAIN_DB. best_rows, best_columns : links whose own gain is the largest of its row, its column.
    """

    _fields_ = (
        *((name, ctypes.c_double) for name in ("least", "largest", "largest_own")),
        *(
            (name, ctypes.c_int64)
            for name in ("unknown", "unknown_own", "below", "above", "best_rows", "best_columns")
        ),
    )


def survey(gain: np.ndarray, in_db: bool) -> Survey:
    """Survey of gain [..., K, K] float32 or float64, linear or in dB."""
    values = np.ascontiguousarray(gain)
    links = values.shape[-1]
    zero, (lower, upper) = (-np.inf, (LEAST_GAIN_DB, LARGEST_GAIN_DB)) if in_db else (0.0, _LINEAR_LIMITS)
    found = Survey()
    core = _core()
    look = core.gfm_ra_survey_float if values.dtype == np.float32 else core.gfm_ra_survey_double
    count = values.size // (links * links)
    if look(address(values), count, links, zero, lower, upper, ctypes.byref(found)) != 0:
        raise MemoryError("the compiled core found no memory to look at gains")
    return found


def _core() -> ctypes.CDLL:
    return _typed(loader.library())


@cache
def _typed(core: ctypes.CDLL) -> ctypes.CDLL:
    for look in (core.gfm_ra_survey_float, core.gfm_ra_survey_double):
        look.argtypes = (
            ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64, *[ctypes.c_double] * 3, ctypes.c_void_p
        )  # fmt: skip
    return core
