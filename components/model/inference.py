"""What a model answers for a data set, batch by batch."""

import numpy as np
import torch
from torch import Tensor, nn

from components.model.conditioning import goals_of
from components.model.prompted import PromptedModel
from components.model.unrolled.single_draw import SingleDraw, SingleDrawOfGoal
from gfm_ra.goals import Objective, Weighted

AnyGoalModel = PromptedModel | SingleDraw
"""Models that are told the goal."""
_LARGEST_BATCH = 256
# A forward pass takes some 200 bytes for each gain of a batch: less than half a gigabyte, however many links.
_LARGEST_BATCH_GAINS = 2**21


@torch.no_grad()
def allocate_batches(
    model: nn.Module,
    gain_db: np.ndarray | Tensor,
    goal: Objective | None = None,
    hidden: np.ndarray | None = None,
    batch_size: int | None = None,
) -> np.ndarray:
    """Powers [N, K] float32 that a model sets for gain_db [N, K, K], in batches that bound the memory.

    Args:
        model: on whatever device; it is put into evaluation mode.
        gain_db: in any precision, on any device.
        goal: for a model for any goal, and for no other.
        hidden: [N, K, K] bool, True where a gain is unknown; a pair counts as hidden if either direction is, except
            for the unrolled network.
        batch_size: by default as many snapshots as the memory should allow.

    Raises:
        ValueError: the goal is missing, not wanted, or its weights do not fit.
    """
    _check(model, goal, len(gain_db))
    links = gain_db.shape[-1]
    step = batch_size or batch_step(links)
    device = next(model.parameters()).device
    model.eval()
    parts = [np.zeros((0, links), dtype=np.float32)]  # what no snapshots give
    for start in range(0, len(gain_db), step):
        part = torch.as_tensor(gain_db[start : start + step]).to(device).float()
        goals = () if goal is None else (goals_of(goal, len(part), links, start).to(device),)
        mask = None
        if hidden is not None:
            mask = torch.from_numpy(hidden[start : start + step]).to(device)
            mask = mask if isinstance(model, SingleDraw | SingleDrawOfGoal) else mask | mask.mT
        parts.append(model(part, *goals, mask).float().cpu().numpy())
    return np.concatenate(parts)


def batch_step(links: int) -> int:
    """How many networks of K links a forward pass takes at once."""
    return max(1, min(_LARGEST_BATCH, _LARGEST_BATCH_GAINS // links**2))


def _check(model: nn.Module, goal: Objective | None, count: int) -> None:
    if isinstance(model, AnyGoalModel) != (goal is not None):
        wanted = "needs a goal" if goal is None else "has its goal already: give none"
        raise ValueError(f"allocate: a {type(model).__name__} {wanted}")
    rows = np.shape(goal.weights)[:-1] if isinstance(goal, Weighted) else ()
    if rows not in ((), (1,), (count,)):
        raise ValueError(f"goal: weights of shape {rows} x K do not fit {count} snapshots")
