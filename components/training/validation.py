"""Validation of pre-training: both losses, the signs of life, and the advantage under each named goal."""

from collections.abc import Sequence

import numpy as np
import torch
import torch.distributed as dist
from torch import Tensor

from components.channel.masking import random_mask
from components.channel.torch_rng import torch_stream
from components.data.batches import Batch, Group, Snapshots, graphs_at_once, take
from components.model.conditioning import advantage, goals_of
from components.model.features import cross_gains, edge_features
from components.model.rates import spectral_efficiency
from components.training.config import PretrainingConfig
from components.training.health import effective_rank, mean_dimension_std, status
from components.training.loop import Metrics
from components.training.precision import autocast
from components.training.pretext import Student, Task, Teacher
from gfm_ra.errors import UserError
from gfm_ra.goals import STANDARD
from gfm_ra.units import db_to_linear

RANK_ROWS = 4096  # embeddings from which the effective rank is computed
MEAN_ROWS = 256  # snapshots of each data set from which the mean gain is computed


class Validator:
    """Measures student and teacher on the validation split of one rank, with the same masks every time."""

    def __init__(
        self,
        config: PretrainingConfig,
        student: Student,
        teacher: Teacher,
        data: Sequence[np.ndarray],
        mean_edge: float,
        seed: int,
        group: Group,
    ) -> None:
        if not any(map(len, data)):
            raise UserError(
                "pretrain: there are no validation snapshots: give at least one data set with some"
            )
        self.config, self.student, self.teacher, self.data = config, student, teacher, data
        self.mean_edge, self.seed, self.group = mean_edge, seed, group

    @torch.no_grad()
    def measure(self) -> Metrics:
        """Both losses and the signs of life on the validation split, with the same masks every time."""
        self._share_buffers()
        self.student.eval()
        self.teacher.eval()
        batches = [
            Batch(source, np.arange(start, min(start + self.config.batch_size, len(gains))))
            for source, gains in enumerate(self.data)
            for start in range(0, len(gains), self.config.batch_size)
        ]
        sums = torch.zeros(5 + len(STANDARD), dtype=torch.float64)
        embeddings: list[Tensor] = []
        for index, batch in enumerate(batches):
            if index % self.group.world_size == self.group.rank:
                sums += self._validate_batch(index, batch, embeddings)
        rows = torch.cat(embeddings) if embeddings else torch.zeros(2, self.config.backbone.width)
        signs = torch.tensor(
            [effective_rank(rows[:RANK_ROWS]), mean_dimension_std(rows[:RANK_ROWS])], dtype=torch.float64
        )
        if self.group.world_size > 1:
            # On the training device: nccl does not exchange what lies in main memory.
            sums, signs = sums.to(self.group.device), signs.to(self.group.device)
            dist.all_reduce(sums)
            dist.broadcast(signs, src=0)
        return self._summary(sums, signs)

    def _share_buffers(self) -> None:
        # Moments of batch normalisation are each rank's own. Rank 0's are what a checkpoint holds, so they are what
        # validation must use everywhere: otherwise a resumed run would measure something else.
        if self.group.world_size > 1:
            for buffer in (*self.student.buffers(), *self.teacher.buffers()):
                dist.broadcast(buffer, src=0)

    def _validate_batch(self, index: int, batch: Batch, embeddings: list[Tensor]) -> Tensor:
        gain_db = take(self.data, batch, Group(device=self.group.device))
        generator = torch_stream(self.seed, "pretrain", "validation-mask", index)
        count, links, _ = gain_db.shape
        config = self.config
        mask = random_mask(config.masked, count, links, config.mask_ratio, generator, gain_db.device)
        step = graphs_at_once(links)
        parts = zip(gain_db.split(step), mask.split(step), strict=True)
        return torch.stack([self._validate_part(some, hidden, embeddings) for some, hidden in parts]).sum(0)

    def _validate_part(self, gain_db: Tensor, mask: Tensor, embeddings: list[Tensor]) -> Tensor:
        """What a part of a batch adds to the sums of `measure`: every mean times what it is a mean over."""
        count, links, _ = gain_db.shape
        named = [goals_of(objective, count, links).to(gain_db.device) for objective in STANDARD]
        goals = named[0] if self.config.goal_conditioned else None
        with autocast(self.config.precision, self.group.device):
            target = self.teacher(gain_db, goals) if self.config.consistency_weight > 0 else None
            losses = self.student(gain_db, mask, Task(True, target, goals))
            embedded = [self.student.encoder.embed(gain_db, one).z for one in (named if goals else [None])]
        if sum(map(len, embeddings)) < RANK_ROWS:
            embeddings.append(embedded[0].flatten(0, 1).float().cpu())
        edges, nodes = float(mask.sum()), count * links
        truth = edge_features(gain_db, self.config.backbone.scaling)[:, mask]
        # Without hidden pairs there is no mean, and nothing that it could weigh.
        spread = float((truth - self.mean_edge).square().mean()) if edges else 0.0
        values = [float(losses.edge) * edges, spread * edges, edges, float(losses.consistency) * nodes, nodes]
        return torch.tensor([*values, *self._advantages(gain_db, embedded)], dtype=torch.float64)

    def _advantages(self, gain_db: Tensor, embedded: list[Tensor]) -> list[float]:
        """Advantage over full reuse under each named goal, weighted by nodes; zeros if not conditioned."""
        if not self.config.goal_conditioned:
            return [0.0] * len(STANDARD)
        gain, nodes = db_to_linear(gain_db), gain_db.shape[0] * gain_db.shape[1]
        full = spectral_efficiency(torch.ones_like(gain_db[..., 0]), gain)
        found = []
        for z, objective in zip(embedded, STANDARD, strict=True):
            with autocast(self.config.precision, self.group.device):
                power = self.student.power(z)
            rates = spectral_efficiency(power, gain)
            found.append(float(advantage(rates, full, objective).mean()) * nodes)
        return found

    def _summary(self, sums: Tensor, signs: Tensor) -> Metrics:
        config = self.config
        # No hidden pair anywhere, where every network is one link: nothing was predicted, and nothing wrong.
        edge, spread = (float(total / sums[2]) if sums[2] else 0.0 for total in sums[:2])
        consistency = float(sums[3] / sums[4])
        advantages = (sums[5:] / sums[4]).tolist() if config.goal_conditioned else []
        # The estimate inside a conditioned backbone is a means, not an end: only what it leads to counts.
        loss = config.edge_weight * edge + config.consistency_weight * consistency
        loss -= config.utility_weight * sum(advantages) / len(STANDARD)
        unit_db = config.backbone.scaling.cross_std_db
        summary = {
            "validation_loss": loss,
            "validation_edge_loss": edge,
            "validation_consistency_loss": consistency,
            "edge_rmse_db": edge**0.5 * unit_db,
            "mean_predictor_rmse_db": spread**0.5 * unit_db,
            "effective_rank": float(signs[0]),
            "embedding_std": float(signs[1]),
        }
        names = [f"advantage_{objective.name}" for objective in STANDARD]
        return summary | dict(zip(names, advantages, strict=False))


@torch.no_grad()
def mean_edge_feature(train: Sequence[Snapshots], config: PretrainingConfig) -> float:
    """What predict-the-mean would predict: the mean standardised cross gain of the training data.

    0, the mean of all scenarios, where there are no cross gains.
    """
    sums = torch.zeros(2, dtype=torch.float64)
    for gains in train:
        some = torch.as_tensor(gains[:MEAN_ROWS])
        some = some[: graphs_at_once(some.shape[-1])].cpu().float()
        cross = cross_gains(some, config.backbone.scaling)
        off_diagonal = ~torch.eye(cross.shape[-1], dtype=torch.bool)
        values = cross[:, off_diagonal].double()
        sums += torch.tensor([values.sum(), values.numel()], dtype=torch.float64)
    return float(sums[0] / sums[1]) if sums[1] else 0.0


def health(config: PretrainingConfig, last: Metrics) -> str:
    """The status of a finished run: "healthy", "plateau" or "collapsed".

    Raises:
        UserError: one of its measures is not a finite number.
    """
    return status(last["edge_rmse_db"], last["mean_predictor_rmse_db"], last["effective_rank"], config.health)
