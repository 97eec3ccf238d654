"""A fine-tuned model as an allocator: gains in, powers out, with an optional polish and an optional guard."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from components.checkpoint import load_power_model
from components.finetuning import predict
from components.heads import PowerModel
from components.objectives import Objective, by_name
from components.rates import spectral_efficiency
from components.shards import to_gain_db
from components.solvers import full_reuse, wmmse
from components.solvers.inputs import as_batch

GUARD_ITERATIONS = 100


class Allocation(NamedTuple):
    """Powers [..., K] and, per snapshot, the name of the candidate that they come from [...]."""

    power: np.ndarray
    source: np.ndarray


class Allocator:
    """Sets every transmitter's power with a model that was tuned for one objective."""

    def __init__(self, model: PowerModel, objective: Objective) -> None:
        self.model, self.objective = model.eval(), objective

    @classmethod
    def load(cls, path: str | Path) -> "Allocator":
        """Read a model folder, or the folder or file that holds its weights.

        Raises:
            DataError: it is not a model folder, or its files are damaged.
            ValueError: the model was tuned for no objective that this version knows.
        """
        folder = Path(path)
        model, card = load_power_model(folder if folder.is_dir() else folder.parent)
        return cls(model, by_name(card.objective or "sum-rate"))

    def allocate(
        self,
        gain: np.ndarray,
        objective: Objective | None = None,
        polish_iterations: int = 0,
        guard: bool = False,
    ) -> np.ndarray:
        """Powers in [0, 1] for gain [..., K, K] (linear, units of noise at full power), shape [..., K].

        `explain` says the same and where each answer comes from.
        """
        return self.explain(gain, objective, polish_iterations, guard).power

    def explain(
        self,
        gain: np.ndarray,
        objective: Objective | None = None,
        polish_iterations: int = 0,
        guard: bool = False,
    ) -> Allocation:
        """Powers and their origin.

        Args:
            gain: [..., K, K], row = receiver, column = transmitter, linear.
            objective: what polish and guard maximise; the model's own unless given.
            polish_iterations: WMMSE iterations of the objective that start from the model's powers.
            guard: compare with full reuse and one WMMSE run by their true utility and answer with the best, so
                that the answer is never worse than theirs.

        Raises:
            ValueError: gains are not [..., K, K], finite, non-negative; or a negative count.
        """
        if polish_iterations < 0:
            raise ValueError(f"allocate: polish_iterations must be 0 or more, got {polish_iterations}")
        flat, leading = as_batch(gain, "allocate")
        goal = objective or self.objective
        power = predict(self.model, torch.from_numpy(to_gain_db(flat))).numpy()
        candidates = {"model": power}
        if polish_iterations:
            candidates["polished"] = wmmse(flat, goal, iterations=polish_iterations, initial_power=power)
        if guard:
            candidates["full-reuse"] = full_reuse(flat)
            candidates["wmmse"] = wmmse(flat, goal, iterations=GUARD_ITERATIONS)
        names = list(candidates)
        stacked = np.stack([candidates[name] for name in names])  # [C, B, K]
        chosen = _best(stacked, flat, goal) if guard else np.full(len(flat), len(names) - 1)
        best = np.take_along_axis(stacked, chosen[None, :, None], axis=0)[0]
        return Allocation(best.reshape(*leading, best.shape[-1]), np.array(names)[chosen].reshape(leading))


def _best(powers: np.ndarray, gain: np.ndarray, objective: Objective) -> np.ndarray:
    """Index of the candidate with the best utility per snapshot: powers [C, B, K] -> [B]."""
    utilities = [objective.utility(spectral_efficiency(power, gain)) for power in powers]
    return np.argmax(np.stack(utilities), axis=0)
