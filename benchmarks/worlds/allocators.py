"""What is measured beside the references: a model of the package at its efforts, and anybody's function."""

import importlib
import traceback
from collections.abc import Callable, Sequence
from typing import cast

import numpy as np

from gfm_ra.errors import InputError
from gfm_ra.goals import Objective
from gfm_ra.inference.comparison import Effort
from gfm_ra.loading import load

Method = Callable[[np.ndarray, Objective], np.ndarray]
"""Gain float32 [N, K, K] and goal -> power [N, K]."""
_ROUNDING = 1e-6


def of_package(source: str | None, efforts: Sequence[str]) -> dict[str, Method]:
    """A model that `gfm_ra.load` finds, once per effort."""
    if not efforts:
        return {}
    allocator = load(source)

    def method(effort: str) -> Method:
        return lambda gain, goal: allocator.allocate(gain=gain, goal=goal, effort=cast(Effort, effort)).power

    return {f"{allocator.name} {effort}": method(effort) for effort in efforts}


def of_function(spec: str) -> Method:
    """The function that `module:function` names, its answers checked.

    Raises InputError in one line if there is none, or, when called, if it fails or answers no powers.
    """
    module_name, _, name = spec.partition(":")
    if not module_name or not name:
        raise InputError(f"--allocator {spec}: name it module:function")
    try:
        module = importlib.import_module(module_name)
    except Exception as error:
        raise InputError(f"--allocator {spec}: {module_name} cannot be imported: {_told(error)}") from error
    function = getattr(module, name, None)
    if not callable(function):
        raise InputError(f"--allocator {spec}: {module_name} has no function {name}")

    def method(gain: np.ndarray, goal: Objective) -> np.ndarray:
        try:
            answer = function(gain.copy(), goal)
        except Exception as error:
            frames = traceback.extract_tb(error.__traceback__)
            # The line of the module itself, however deep in a library it went wrong.
            where = [frame for frame in frames if frame.filename == module.__file__] or frames
            place = f"{where[-1].filename}:{where[-1].lineno}"
            raise InputError(f"--allocator {spec}: it failed in {place}: {_told(error)}") from error
        return _checked(answer, gain, f"--allocator {spec}, {goal.name}")

    return method


def _checked(answer: object, gain: np.ndarray, what: str) -> np.ndarray:
    power = np.asarray(answer)
    if power.shape != gain.shape[:2] or power.dtype.kind not in "fiub":
        expected = f"{gain.shape[:2]} numbers"
        raise InputError(f"{what}: powers must be {expected}, it answered {power.dtype} {power.shape}")
    wrong = ~((power >= -_ROUNDING) & (power <= 1.0 + _ROUNDING))  # NaN is wrong too
    if wrong.any():
        network, link = np.argwhere(wrong)[0]
        value = f"{power[network, link]} for link {link} of network {network}"
        raise InputError(f"{what}: powers are parts of full power, 0 to 1, it answered {value}")
    return np.clip(power.astype(np.float64), 0.0, 1.0)


def _told(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"
