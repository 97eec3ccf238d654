"""Ranges of parameters, and one random number per network from them."""

import math

import torch
from pydantic import model_validator
from torch import Tensor

from components.config import Strict


class Range(Strict):
    """From `low` to `high`; logarithmic if every octave counts the same."""

    low: float
    high: float
    logarithmic: bool = False

    @model_validator(mode="after")
    def _is_a_range(self) -> "Range":
        if not self.low <= self.high or (self.logarithmic and self.low <= 0):
            raise ValueError(
                f"a range needs low <= high, both positive if logarithmic: {self.low}, {self.high}"
            )
        return self

    def draw(self, shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
        """Independent numbers of a shape, on the generator's device."""
        where = uniform(shape, generator)
        if self.logarithmic:
            low, high = math.log(self.low), math.log(self.high)
            return (low + (high - low) * where).exp()
        return self.low + (self.high - self.low) * where


def uniform(shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
    """Numbers in [0, 1) of a shape, on the generator's device."""
    return torch.rand(shape, generator=generator, device=generator.device)
