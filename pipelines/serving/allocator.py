"""A registered model with refinement and the fallback of `components.evaluation.torch_allocator`."""

from collections.abc import Callable

import numpy as np

from components.evaluation.torch_allocator import Allocator
from gfm_ra.goals import Objective


def served_allocator(predict: Callable[[np.ndarray], np.ndarray], objective: Objective) -> Allocator:
    """An allocator around a registered model, which was already told its goal."""

    def powers(gain_db: np.ndarray, _: Objective, hidden: np.ndarray | None) -> np.ndarray:
        if hidden is not None:
            raise ValueError("allocate: a registered model needs every gain")
        try:
            return predict(gain_db)
        except (
            ArithmeticError
        ):  # some network has no powers: the others do, and the fallback answers that one
            return np.concatenate([_answer(predict, network[None]) for network in gain_db])

    return Allocator(powers, objective)


def _answer(predict: Callable[[np.ndarray], np.ndarray], gain_db: np.ndarray) -> np.ndarray:
    try:
        return predict(gain_db)
    except ArithmeticError:
        return np.full(gain_db.shape[:2], np.nan, np.float32)
