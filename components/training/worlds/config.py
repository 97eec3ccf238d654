"""Hyperparameters of training for any world."""

from pydantic import Field, model_validator

from components.channel.worlds.distribution import WorldDistribution
from components.config import Strict
from components.model.unrolled.network import UnrolledConfig
from components.training.precision import Precision
from components.training.schedule import ScheduleConfig
from components.training.worlds.goals import GoalMixture
from components.training.worlds.reports import ReportMixture


class WorldsConfig(Strict):
    """What is trained, on what, and for how long."""

    network: UnrolledConfig = UnrolledConfig()
    worlds: WorldDistribution = WorldDistribution()
    goals: GoalMixture = GoalMixture()
    reports: ReportMixture = ReportMixture()
    draws: int = Field(default=1, ge=1)  # answers per network, of which the best counts most
    best_share: float = Field(default=0.8, ge=0, le=1)
    first_share: float = Field(
        default=0.0, ge=0, le=1
    )  # what the first draw counts of several, whether best or not
    # The last epochs may have other draws: what several draws add is learnt in few epochs, each of which takes longer.
    last_epochs: int = Field(default=0, ge=0)
    last_draws: int = Field(default=4, ge=1)
    tentative_weight: float = Field(default=0.5, ge=0)
    estimate_weight: float = Field(default=0.5, ge=0)  # of the squared error of hidden gains
    estimates_only: bool = False  # train nothing but the estimates of hidden gains
    epochs: int = Field(default=60, ge=1)
    batches: int = Field(default=200, ge=1)  # per epoch
    batch_size: int = Field(default=64, ge=1)
    learning_rate: float = Field(default=2e-3, gt=0)
    schedule: ScheduleConfig = ScheduleConfig(kind="cosine", warmup_steps=200)
    max_gradient_norm: float | None = Field(default=1.0, gt=0)
    precision: Precision = "float32"
    accumulation: int = Field(default=1, ge=1)

    @model_validator(mode="after")
    def _last_epochs_are_some_of_all(self) -> "WorldsConfig":
        if self.last_epochs > self.epochs:
            raise ValueError(f"last_epochs {self.last_epochs} are more than epochs {self.epochs}: lower them")
        return self

    @model_validator(mode="after")
    def _estimates_have_something_to_learn_from(self) -> "WorldsConfig":
        if self.estimates_only and self.estimate_weight == 0:
            raise ValueError("estimates_only trains nothing with estimate_weight 0: give it a weight")
        if self.estimates_only and self.goals.complete_share > 0:
            share = self.goals.complete_share
            raise ValueError(
                f"estimates_only: networks without hidden gains (goals.complete_share {share:g}) teach nothing: say 0"
            )
        return self

    def draws_in(self, epoch: int) -> int:
        """Answers per network in an epoch, counted from 0."""
        return self.draws if epoch < self.epochs - self.last_epochs else self.last_draws
