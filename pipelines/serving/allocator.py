"""A registered model with the polish and the guard of `components.evaluation.torch_allocator`."""

from collections.abc import Callable

import numpy as np

from components.evaluation.torch_allocator import Allocator
from gfm_ra.goals import Objective
from gfm_ra.units import to_gain_db


class ServedAllocator(Allocator):
    """Like `Allocator`, with the powers of a registered model, which was already told its goal."""

    def __init__(self, predict: Callable[[np.ndarray], np.ndarray], objective: Objective) -> None:
        self.predict, self.objective = predict, objective

    def _powers(self, gain: np.ndarray, goal: Objective, hidden: np.ndarray | None) -> np.ndarray:
        if hidden is not None:
            raise ValueError("allocate: a registered model needs every gain")
        return self.predict(to_gain_db(gain))
