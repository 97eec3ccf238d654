"""Learning-rate schedules that can be saved in one line of JSON."""

import math
from typing import Literal

from pydantic import Field

from components.config import Strict


class ScheduleConfig(Strict):
    """How the learning rate moves.

    "plateau" is Table I: halve after `patience` epochs without a better validation loss. "cosine" falls to
    zero over the whole run. Both may rise linearly over the first `warmup_steps`.
    """

    kind: Literal["plateau", "cosine"] = "plateau"
    warmup_steps: int = Field(default=0, ge=0)
    patience: int = Field(default=10, ge=0)
    factor: float = Field(default=0.5, gt=0, lt=1)


class Schedule:
    """Multiplier of the base learning rate, by step and by the validation losses seen so far."""

    def __init__(self, config: ScheduleConfig, total_steps: int) -> None:
        self.config = config
        self.total_steps = max(1, total_steps)
        self.scale = 1.0
        self.best: float | None = None
        self.epochs_without_progress = 0

    def multiplier(self, step: int) -> float:
        """Multiplier for the step that comes after so many."""
        warmup = min(1.0, (step + 1) / (self.config.warmup_steps + 1))
        if self.config.kind == "plateau":
            return warmup * self.scale
        return warmup * 0.5 * (1.0 + math.cos(math.pi * min(1.0, step / self.total_steps)))

    def observe(self, validation_loss: float) -> bool:
        """Take note of an epoch's validation loss; True if it is the best so far.

        Raises:
            ValueError: it is not finite: nothing would ever be better than NaN.
        """
        if not math.isfinite(validation_loss):
            raise ValueError(f"schedule: validation loss is {validation_loss}: stop the run")
        if self.best is None or validation_loss < self.best:
            self.best, self.epochs_without_progress = validation_loss, 0
            return True
        self.epochs_without_progress += 1
        if self.epochs_without_progress > self.config.patience:
            self.scale, self.epochs_without_progress = self.scale * self.config.factor, 0
        return False

    def state(self) -> dict[str, float | int | None]:
        """What `restore` needs."""
        return {
            "scale": self.scale,
            "best": self.best,
            "epochs_without_progress": self.epochs_without_progress,
        }

    def restore(self, state: dict[str, float | int | None]) -> None:
        """Continue from a saved state."""
        self.scale = float(state["scale"] or 1.0)
        self.best = state["best"]
        self.epochs_without_progress = int(state["epochs_without_progress"] or 0)
