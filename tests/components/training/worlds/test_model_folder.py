"""A trained unrolled network as a folder: it comes back as it was, and what is no such folder is one line."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from components.data.batches import Group
from components.data.shards import DataError
from components.evaluation.torch_allocator import Allocator
from components.model.inference import allocate_batches
from components.model.unrolled.network import UnrolledConfig
from components.model.unrolled.single_draw import SingleDraw
from components.training.checkpoint import CONFIG_NAME, MODEL_NAME, load_card, load_power_model
from components.training.worlds.config import WorldsConfig
from components.training.worlds.folder import (
    PromptedTraining,
    goals_known,
    load_any_goal_model,
    load_unrolled,
    takes_goals,
)
from gfm_ra.goals import AlphaFair, SumRate
from gfm_ra.units import to_gain

CONFIG = WorldsConfig(
    network=UnrolledConfig(width=8, hidden=8, steps=2),
    batches=2,
    batch_size=4,
)
GAINS_DB = np.random.default_rng(0).normal(12.0, 15.0, (3, 5, 5)).astype(np.float32)


@pytest.fixture
def saved(tmp_path: Path) -> tuple[Path, SingleDraw]:
    loop = PromptedTraining(CONFIG, 1, Group())
    loop.save_result(tmp_path)
    return tmp_path, SingleDraw(loop.network).eval()


def test_it_comes_back_with_the_goals_that_it_knows(saved: tuple[Path, SingleDraw]) -> None:
    folder, model = saved
    loaded = load_any_goal_model(folder)
    expected = allocate_batches(model, GAINS_DB, SumRate())
    np.testing.assert_array_equal(allocate_batches(loaded, GAINS_DB, SumRate()), expected)
    assert takes_goals(folder)
    known = goals_known(folder)
    assert known is not None
    assert (known.max_alpha, known.min_rate, known.max_penalty) == (5.0, (0.01, 6.0), 200.0)
    allocator = Allocator.load(folder)
    np.testing.assert_allclose(allocator.allocate(to_gain(GAINS_DB)), expected, atol=1e-5)
    assert allocator.explain(to_gain(GAINS_DB), AlphaFair(3.0)).notes == ()
    assert "extrapolated" in allocator.explain(to_gain(GAINS_DB), AlphaFair(6.0)).notes[0]


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        (lambda folder: (folder / MODEL_NAME).unlink(), "is missing"),
        (lambda folder: (folder / CONFIG_NAME).unlink(), "is missing"),
        (lambda folder: (folder / CONFIG_NAME).write_text('{"unrolled": {"width": 0}}'), "is damaged"),
        (
            lambda folder: (folder / CONFIG_NAME).write_text(
                (folder / CONFIG_NAME).read_text().replace('"width": 8', '"width": 9')
            ),
            "does not fit",
        ),
    ],
)
def test_what_is_damaged_is_one_line(
    saved: tuple[Path, SingleDraw], harm: Callable[[Path], object], said: str
) -> None:
    folder, _ = saved
    harm(folder)
    with pytest.raises(DataError, match=said) as caught:
        load_unrolled(folder)
    assert "\n" not in str(caught.value)


def test_who_needs_a_backbone_is_told_that_there_is_none(saved: tuple[Path, SingleDraw]) -> None:
    for read in (load_card, load_power_model):
        with pytest.raises(DataError, match="unrolled network, which has no backbone"):
            read(saved[0])
