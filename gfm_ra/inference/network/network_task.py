"""The structs by which the compiled network takes its weights and its work."""

import ctypes

import numpy as np


class Layer(ctypes.Structure):
    """The struct of the core; the arrays must outlive it."""

    _fields_ = (
        ("weights", ctypes.c_void_p),
        ("bias", ctypes.c_void_p),
        ("rows", ctypes.c_int64),
        ("terms", ctypes.c_int64),
    )


class Step(ctypes.Structure):
    """One step's layers."""

    _fields_ = tuple((name, Layer) for name in ("power", "value", "into", "outof"))


class Round(ctypes.Structure):
    """One round of the estimate of hidden gains."""

    _fields_ = (
        *((name, Layer) for name in ("value", "receiver", "transmitter", "into", "outof")),
        ("reverse", ctypes.c_float),
    )


class Estimator(ctypes.Structure):
    """The estimate of hidden gains."""

    _fields_ = (
        *((name, Layer) for name in ("start", "receiver", "transmitter", "excess", "spread")),
        ("rounds", ctypes.POINTER(Round)),
        *((name, ctypes.c_int64) for name in ("round_count", "width", "values")),
        *((name, ctypes.c_float) for name in ("reverse",)),
    )


class NetworkTask(ctypes.Structure):
    """The struct of the same name in gfm_ra/core/network/pass.hpp; the arrays must outlive it."""

    kept: tuple[np.ndarray, ...]  # of them, those that nobody else keeps
    _fields_ = (
        *((name, ctypes.c_void_p) for name in ("gain", "parameters", "weights", "noise", "power")),
        *((name, Layer) for name in ("start_into", "start_outof", "power_layer")),
        ("steps", ctypes.POINTER(Step)),
        ("estimator", Estimator),
        *(
            (name, ctypes.c_int64)
            for name in ("links", "draws", "step_count", "width", "values", "weight_rows")
        ),
        ("first_noise", ctypes.c_float),
        *((name, ctypes.c_void_p) for name in ("uncertainty_db", "at_most_db", "circuit_power", "each")),
    )
