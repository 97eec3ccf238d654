"""The training loop of the unrolled network."""

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.functional import huber_loss

from components.channel.torch_rng import seeded, torch_stream
from components.data.batches import Group
from components.data.online import OnlineWorlds
from components.model.unrolled.consequences import Contract
from components.model.unrolled.estimate import view
from components.model.unrolled.network import NOISE, Passes, UnrolledNetwork
from components.training.checkpoint import CONFIG_NAME, MODEL_NAME, save_tensors
from components.training.loop import Epoch, LoopConfig, Loss, Metrics, TrainingLoop
from components.training.schedule import Schedule
from components.training.worlds.config import WorldsConfig
from components.training.worlds.loss import utility_losses
from components.training.worlds.reports import Reports
from components.training.worlds.validation import Validator
from gfm_ra.units import LARGEST_GAIN_DB, LEAST_GAIN_DB, db_to_linear

_LINEAR_BEYOND = 2.0  # standardised
_SURPRISE_WEIGHT = 0.1  # of what the deviations learn, which nothing else depends on


class WorldsTraining(TrainingLoop):
    """Steps on networks, goals and hidden gains that are drawn anew for every batch."""

    def __init__(self, config: WorldsConfig, seed: int, group: Group) -> None:
        self.config = config
        with seeded(seed, "worlds", "weights"):
            self.network = UnrolledNetwork(config.network).to(group.device)
        settings = LoopConfig(
            "worlds", config.epochs, config.batch_size, precision=config.precision,
            accumulation=config.accumulation, max_gradient_norm=config.max_gradient_norm,
        )  # fmt: skip
        source = OnlineWorlds(config.worlds, config.batches * config.batch_size, seed, group.device)
        super().__init__(settings, self.network, [list(self.network.parameters())], [source], seed, group)
        self.schedule = Schedule(config.schedule, config.epochs * self.steps_per_epoch)
        # Seeds of runs are small numbers: nothing is ever trained on the validation stream.
        self.validator = Validator(config.worlds, 2**40)

    def loss(self, gain_db: Tensor, part: int) -> Loss:
        """Utility of the answers, and the error of the estimates of hidden gains."""
        config, (batch, links) = self.config, gain_db.shape[:2]
        drawing = torch_stream(
            self.seed, "worlds", "batch", self.steps_done, part, self.group.rank, device=gain_db.device
        )
        goals = config.goals.draw(batch, links, drawing)
        hidden = config.goals.draw_hidden(batch, links, drawing)
        draws = config.draws_in(self.epochs_done)
        noise = torch.randn(batch, links, draws, NOISE, generator=drawing, device=drawing.device)
        goals, circuit_power, each = config.goals.draw_energy(goals, drawing)
        told = config.reports.draw(gain_db, hidden, drawing)
        contract = Contract(
            uncertainty_db=told.uncertainty_db,
            at_most_db=told.at_most_db,
            circuit_power=circuit_power,
            each=each,
        )
        passes: Passes = self.forward(
            told.gain_db, goals, noise, told.hidden, contract=contract, estimates_only=config.estimates_only
        )
        total = torch.zeros((), device=gain_db.device)
        if not config.estimates_only:
            gain = db_to_linear(gain_db.clamp(LEAST_GAIN_DB, LARGEST_GAIN_DB))
            shares = (config.tentative_weight, config.best_share, config.first_share)
            total = total + utility_losses(passes, gain, goals, *shares, contract=contract).mean()
        if told.hidden is not None and config.estimate_weight > 0:
            total = total + config.estimate_weight * _estimate_loss(passes, gain_db, told)
        # What a batch leaves without a gradient would make ranks wait.
        left = self.network if config.estimates_only else self.network.estimator
        total = total + 0.0 * sum(parameter.sum() for parameter in left.parameters())
        return Loss(total, total)

    def clipped_together(self) -> Sequence[list[nn.Parameter]]:
        """Estimates apart: a utility's steep gradient must not shorten their steps."""
        estimator = {id(parameter) for parameter in self.network.estimator.parameters()}
        rest = [parameter for parameter in self.network.parameters() if id(parameter) not in estimator]
        return [rest, list(self.network.estimator.parameters())]

    def learning_rates(self) -> Sequence[float]:
        """One for all of the network."""
        return [self.config.learning_rate * self.schedule.multiplier(self.steps_done)]

    def measure(self, epoch: Epoch) -> Metrics:
        """Training loss and validation ratios, and whether this epoch is the best."""
        metrics = {"epoch": float(self.epochs_done - 1), "train_loss": epoch.reported}
        metrics |= {"gradient_norm": epoch.gradient_norm} | self.validator.measure(
            self.network, self.group.device
        )
        if self.config.estimates_only:  # powers are not trained yet
            metrics["validation_loss"] = metrics["estimate_error"]
        metrics["learning_rate"] = self.optimizer.param_groups[0]["lr"]
        metrics["best"] = float(self.schedule.observe(metrics["validation_loss"]))
        return metrics

    def speed(self, epoch: Epoch) -> Metrics:
        """Seconds of an epoch."""
        return {"seconds": epoch.seconds}

    def adaptive_schedule(self) -> Schedule:
        """That of the learning rate."""
        return self.schedule

    def modules(self) -> dict[str, nn.Module]:
        """The network."""
        return {"network": self.network}

    def save_result(self, folder: Path) -> None:
        """Write weights and configuration into an existing folder."""
        save_tensors(folder / MODEL_NAME, dict(self.network.state_dict()))
        (folder / CONFIG_NAME).write_text(self.config.model_dump_json(indent=2) + "\n")


def _estimate_loss(passes: Passes, gain_db: Tensor, told: Reports) -> Tensor:
    """Mean squared error of the standardised estimates of the hidden gains, beyond 30 dB only linear in the error, and
    how badly their deviations fit."""
    assert passes.estimate is not None, "where gains are hidden, they are estimated"
    assert told.hidden is not None, "only where gains are hidden"
    seen = view(told.gain_db, told.hidden, None, told.at_most_db)
    target = seen.target(gain_db)
    error = huber_loss(passes.estimate.mean, target, reduction="none", delta=_LINEAR_BEYOND)
    surprise = passes.estimate.surprise(target, seen.limit)
    return ((2.0 * error + _SURPRISE_WEIGHT * surprise) * told.hidden).sum() / told.hidden.sum().clamp_min(1)
