"""Laws of sampling that stores nothing: no snapshot comes twice, and a resumed run draws the same again."""

import itertools

import numpy as np
import pytest
import torch

from components.channel.scenario import SCENARIOS
from components.data.batches import Batch, Group, plan_epoch, take
from components.data.online import OnlineSnapshots

CPU = torch.device("cpu")


def source(seed: int = 1, count: int = 10) -> OnlineSnapshots:
    return OnlineSnapshots(SCENARIOS["D16"], count, seed, CPU)


def epoch_of(number: int, batch_size: int, world_size: int, count: int = 10) -> list[np.ndarray]:
    """All snapshots of an epoch, over all ranks."""
    plan = plan_epoch([count], batch_size, 1, "pretrain", number)
    ranks = [Group(rank, world_size) for rank in range(world_size)]
    return [one.numpy() for batch in plan for rank in ranks for one in take([source(count=count)], batch, rank)]


@pytest.mark.parametrize(("batch_size", "world_size"), [(1, 1), (2, 2), (3, 1), (10, 1), (2, 4)])
def test_no_snapshot_of_a_run_comes_twice(batch_size: int, world_size: int) -> None:
    drawn = [one.tobytes() for epoch in range(3) for one in epoch_of(epoch, batch_size, world_size)]
    assert len(drawn) >= 30 - 3  # a remainder that ranks cannot share is left out
    assert len(set(drawn)) == len(drawn)


def test_an_epoch_taken_up_again_draws_the_same() -> None:
    assert all(map(np.array_equal, epoch_of(2, 3, 2), epoch_of(2, 3, 2)))


def test_each_part_of_the_key_matters() -> None:
    keys = [("pretrain", 0, 0, 0), ("finetune", 0, 0, 0), ("pretrain", 1, 0, 0), ("pretrain", 0, 1, 0), ("pretrain", 0, 0, 1)]
    drawn = [source().draw(2, *key) for key in keys] + [source(seed=2).draw(2, *keys[0])]
    assert not any(torch.equal(one, other) for one, other in itertools.combinations(drawn, 2))


def test_a_slice_is_the_same_sample_every_time_and_is_not_trained_on() -> None:
    assert source()[:3].shape == (3, 20, 20)
    assert source()[:256].shape == (10, 20, 20)
    assert torch.equal(source()[:3], source()[:3])
    assert not torch.equal(source()[:3], source()[3:6])
    trained = {one.tobytes() for one in epoch_of(0, 3, 1)}
    assert not trained & {one.numpy().tobytes() for one in source()[:10]}


def test_batches_outside_a_plan_are_refused() -> None:
    with pytest.raises(ValueError, match="planned epoch"):
        take([source()], Batch(0, np.arange(3)), Group())
