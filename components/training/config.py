"""Hyperparameters of pre-training."""

from typing import Literal

from pydantic import Field, model_validator

from components.channel.masking import Masked
from components.config import Strict
from components.model.backbone import BackboneConfig
from components.model.conditioning import GoalDistribution, GoalEnvelope
from components.model.prompted import ConditioningConfig
from components.training.health import HealthThresholds
from components.training.precision import Precision
from components.training.schedule import ScheduleConfig


class PretrainingConfig(Strict):
    """Hyperparameters of Algorithm 1; the defaults are Table I."""

    backbone: BackboneConfig = BackboneConfig()
    mask_ratio: float = Field(default=0.3, gt=0, lt=1)  # rho
    masked: Masked = "pairs"  # what is hidden; "edges": directed ones, whose reverse gives the answer away
    # What (8) makes of the masked edges of a graph: their mean, or their sum as it is written, under which the weight
    # of the other terms falls with K and rho. Validation losses are means either way.
    edge_reduction: Literal["mean", "sum"] = "mean"
    edge_weight: float = Field(default=1.0, ge=0)  # of L_edge; (13) has 1
    consistency_weight: float = Field(default=0.1, ge=0)  # lambda of (13)
    utility_weight: float = Field(default=0.0, ge=0)  # mu: beyond the paper; 0 is Algorithm 1
    conditioning: ConditioningConfig = ConditioningConfig()  # counts if utility_weight is above 0
    goals: GoalDistribution = GoalDistribution()  # likewise
    ema_decay: float = Field(default=0.996, gt=0, lt=1)  # tau of (11)
    epochs: int = Field(default=200, ge=1)
    batch_size: int = Field(default=512, ge=1)
    learning_rate: float = Field(default=1e-4, gt=0)
    schedule: ScheduleConfig = ScheduleConfig()
    max_gradient_norm: float | None = Field(
        default=None, gt=0
    )  # larger gradients are shortened; None = Table I
    precision: Precision = "float32"
    accumulation: int = Field(default=1, ge=1)  # parts that a batch is split into to fit the memory
    compile: bool = False  # torch.compile the student
    health: HealthThresholds = HealthThresholds()

    @model_validator(mode="after")
    def _has_something_to_learn(self) -> "PretrainingConfig":
        if self.edge_weight + self.consistency_weight + self.utility_weight == 0:
            raise ValueError("edge_weight, consistency_weight and utility_weight are all 0: nothing to learn")
        if self.goal_conditioned and (self.masked != "pairs" or self.edge_reduction != "mean"):
            raise ValueError(
                "masked edges and sums are Algorithm 1's alone: with utility_weight leave them out"
            )
        return self

    @property
    def goal_conditioned(self) -> bool:
        """Whether the backbone is conditioned on goals and a power head learns with it."""
        return self.utility_weight > 0

    @property
    def unusual_goals(self) -> GoalEnvelope | None:
        """What a model's card says of the goals that it was trained on: nothing if they are the usual ones."""
        envelope = self.goals.envelope()
        return None if envelope == GoalEnvelope() else envelope
