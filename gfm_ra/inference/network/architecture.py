"""Sizes of an unrolled network, and the arrays of weights that they mean."""

from typing import Any, NamedTuple

import numpy as np

from gfm_ra.inference.noise import NOISE

_FEATURES, _START_FEATURES, _MESSAGES = 10, 14, 3
_ESTIMATOR_FEATURES, _ESTIMATOR_KINDS, _ESTIMATOR_SUMS = 6, 8, 2
_LOG_DEVIATION = float(np.log(8.0 / 15.0))  # as components/model/unrolled/estimate.py has it before training


class EstimatorSizes(NamedTuple):
    """Sizes of the estimate of hidden gains, as components/model/unrolled/estimate.py names them."""

    width: int
    hidden: int
    rounds: int
    values: int
    rank: int

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Shape of every array of weights, by its name."""
        found = _linear("estimator.start", self.width, _ESTIMATOR_FEATURES)
        for number in range(self.rounds):
            name = f"estimator.rounds.{number}"
            found |= _linear(f"{name}.value", self.values, self.width)
            read = self.width + _ESTIMATOR_KINDS * self.values + _ESTIMATOR_SUMS
            found |= _linear(f"{name}.into", self.hidden, read) | self._guess(f"{name}.guess")
            found |= _linear(f"{name}.out", self.width, self.hidden)
        found |= self._guess("estimator.guess") | _linear("estimator.excess", 2, self.width)
        return found | _linear("estimator.spread", 2, self.width)

    def added(self) -> dict[str, np.ndarray]:
        """Weights that older files lack, as they are before training."""
        return {
            "estimator.spread.weight": np.zeros((2, self.width), np.float32),
            "estimator.spread.bias": np.full(2, _LOG_DEVIATION / 2, np.float32),
        }

    def _guess(self, name: str) -> dict[str, tuple[int, ...]]:
        sides = (_linear(f"{name}.{side}", self.rank + 1, self.width) for side in ("receiver", "transmitter"))
        return {f"{name}.reverse": ()} | next(sides) | next(sides)


class Architecture(NamedTuple):
    """Sizes of an unrolled network, as components/model/unrolled/network.py names them."""

    width: int
    hidden: int
    steps: int
    values: int
    shared: bool
    first_noise: float  # factor of the first draw's noise
    estimator: EstimatorSizes

    @property
    def sent(self) -> int:
        """How many numbers a link sends its neighbours in a step."""
        return _FEATURES + self.values

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Shape of every array of weights, by its name."""
        width, sent = self.width, self.sent
        found = _linear("start.0", self.hidden, _START_FEATURES + NOISE) | _linear(
            "start.2", width, self.hidden
        )
        for step in range(1 if self.shared else self.steps):
            name = f"steps.{step}"
            found |= _linear(f"{name}.power", 1, width)
            found |= _linear(f"{name}.into", self.hidden, width + _FEATURES + _MESSAGES * sent)
            found |= _linear(f"{name}.out", width, self.hidden)
            if self.values:
                found |= _linear(f"{name}.value", self.values, width)
        return found | self.estimator.shapes() | _linear("power", 1, width)


def sizes_of(architecture: dict[str, Any]) -> Architecture:
    """Sizes by their names. Raises TypeError or KeyError for others than those that are computed here."""
    return Architecture(**{**architecture, "estimator": EstimatorSizes(**architecture["estimator"])})


def _linear(name: str, rows: int, terms: int) -> dict[str, tuple[int, ...]]:
    return {f"{name}.weight": (rows, terms), f"{name}.bias": (rows,)}
