"""Laws of the plan of batches: coverage, one data set per batch, ranks, keys."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from components.data.batches import Batch, Group, plan_epoch, plan_steps, take

COUNTS = st.lists(st.integers(0, 40), min_size=1, max_size=4)


def as_lists(plan: list[Batch]) -> list[tuple[int, list[int]]]:
    return [(batch.source, batch.rows.tolist()) for batch in plan]


@given(counts=COUNTS, batch_size=st.integers(1, 50), epoch=st.integers(0, 3))
def test_every_snapshot_comes_once_per_epoch(counts: list[int], batch_size: int, epoch: int) -> None:
    plan = plan_epoch(counts, batch_size, 0, "pretrain", epoch)
    seen = sorted((batch.source, int(row)) for batch in plan for row in batch.rows)
    assert seen == [(source, row) for source, count in enumerate(counts) for row in range(count)]


@given(counts=COUNTS, batch_size=st.integers(1, 50))
def test_batches_are_full_but_for_one_per_data_set(counts: list[int], batch_size: int) -> None:
    plan = plan_epoch(counts, batch_size, 0, "pretrain", 0)
    assert all(0 < len(batch.rows) <= batch_size for batch in plan)
    small = [batch.source for batch in plan if len(batch.rows) < batch_size]
    assert len(small) == len(set(small))


def test_plan_depends_on_seed_purpose_and_epoch_only() -> None:
    def plan(seed: int = 1, purpose: str = "pretrain", epoch: int = 2) -> list[tuple[int, list[int]]]:
        return as_lists(plan_epoch([30, 20], 8, seed, purpose, epoch))

    np.random.seed(5)  # noqa: NPY002 (a global state that must not matter)
    torch.manual_seed(5)
    first = plan()
    np.random.seed(6)  # noqa: NPY002
    torch.manual_seed(6)
    assert plan() == first
    assert first not in (plan(seed=2), plan(purpose="finetune"), plan(epoch=3))


def test_data_sets_are_mixed() -> None:
    sources = [batch.source for batch in plan_epoch([200, 200], 10, 0, "pretrain", 0)]
    assert sources != sorted(sources)


@given(rows=st.integers(1, 40), world_size=st.integers(1, 5))
def test_ranks_partition_the_batch(rows: int, world_size: int) -> None:
    source = np.arange(100, dtype=np.float16).reshape(-1, 1, 1)
    batch = Batch(0, np.random.default_rng(rows).permutation(100)[:rows])
    parts = [take([source], batch, Group(rank, world_size)).flatten().tolist() for rank in range(world_size)]
    share = max(1, rows // world_size)
    assert [len(part) for part in parts] == [share] * world_size
    taken = sorted(row for part in parts for row in part)
    if rows >= world_size:
        assert taken == sorted(batch.rows[: share * world_size].tolist())
    else:  # fewer snapshots than ranks: each still gets one, none is left out
        assert set(taken) == set(batch.rows.tolist())


def test_take_reads_the_batch_own_data_set_as_float32() -> None:
    sources = [np.zeros((4, 2, 2), np.float16), np.arange(36, dtype=np.float16).reshape(4, 3, 3)]
    taken = take(sources, Batch(1, np.array([3, 0])), Group())
    assert taken.dtype == torch.float32
    np.testing.assert_array_equal(taken.numpy(), sources[1][[3, 0]])


@pytest.mark.parametrize(("first", "steps"), [(0, 5), (3, 4), (7, 20), (14, 1)])
def test_steps_are_cut_from_passes_one_after_the_other(first: int, steps: int) -> None:
    passes = [batch for epoch in range(9) for batch in plan_epoch([20, 5], 8, 3, "test", epoch)]
    found = plan_steps([20, 5], 8, 3, "test", first, steps)
    assert as_lists(found) == as_lists(passes[first : first + steps])
    assert [batch.place for batch in found] == [batch.place for batch in passes[first : first + steps]]


def test_without_data_there_are_no_steps() -> None:
    assert plan_steps([0, 0], 8, 3, "test", 0, 5) == []
