"""What the allocator takes: gains in range, hidden ones not read, any shape."""

from typing import Any

import numpy as np
import pytest

from components.evaluation.torch_allocator import Allocator
from gfm_ra.goals import SumRate, Weighted
from tests.components.evaluation.torch_allocator.conftest import LINKS, SNAPSHOTS, some_hidden


def test_gains_beyond_the_model_s_range_are_refused_as_by_a_registered_model(
    allocator: Allocator, gain: np.ndarray
) -> None:
    loud = gain.copy()
    loud[1, 2, 2] = 1e20
    assert np.isfinite(allocator.allocate(loud)).all()
    loud[1, 2, 2] = 1e21
    with pytest.raises(ValueError, match="at most 200 dB, got 210 dB"):
        allocator.allocate(loud)


def test_a_negative_count_is_refused(allocator: Allocator, gain: np.ndarray) -> None:
    with pytest.raises(ValueError, match="polish_iterations must be 0 or more, got -1"):
        allocator.allocate(gain, polish_iterations=-1)


@pytest.mark.parametrize("value", [np.nan, -1.0, np.inf])
def test_gains_that_are_none_are_refused(allocator: Allocator, gain: np.ndarray, value: float) -> None:
    wrong = gain.copy()
    wrong[3, 0, 1] = value
    with pytest.raises(ValueError, match="allocate: gains must be finite"):
        allocator.allocate(wrong)


@pytest.mark.parametrize("value", [0.0, 1e9, -5.0, np.nan, np.inf])
def test_hidden_gains_are_not_read(allocator: Allocator, gain: np.ndarray, value: float) -> None:
    hidden = some_hidden()
    power = allocator.allocate(np.where(hidden, value, gain), hidden=hidden)
    np.testing.assert_array_equal(power, allocator.allocate(gain, hidden=hidden))
    assert np.isfinite(power).all()


def test_a_pair_is_hidden_if_either_direction_is(allocator: Allocator, gain: np.ndarray) -> None:
    hidden = some_hidden()
    both = hidden | hidden.swapaxes(-1, -2)
    power = allocator.allocate(gain, hidden=hidden)
    np.testing.assert_array_equal(power, allocator.allocate(gain, hidden=both))
    assert np.abs(power - allocator.allocate(gain)).max() > 1e-3


def test_hiding_nothing_is_giving_everything(allocator: Allocator, gain: np.ndarray) -> None:
    nothing = np.zeros(gain.shape, dtype=bool)
    np.testing.assert_allclose(allocator.allocate(gain, hidden=nothing), allocator.allocate(gain), atol=1e-6)


@pytest.mark.parametrize(
    ("hidden", "problem"),
    [
        (np.zeros((SNAPSHOTS, LINKS, LINKS)), "must be bool"),
        (np.zeros((SNAPSHOTS, LINKS, LINKS), dtype=np.uint8), "must be bool"),
        (np.zeros((LINKS, LINKS), dtype=bool), "of gain's shape"),
        (np.zeros((SNAPSHOTS, LINKS, LINKS + 1), dtype=bool), "of gain's shape"),
        (np.ones((SNAPSHOTS, LINKS, LINKS), dtype=bool), "diagonal"),
    ],
)
def test_a_mask_that_does_not_fit_is_refused(
    allocator: Allocator, gain: np.ndarray, hidden: np.ndarray, problem: str
) -> None:
    with pytest.raises(ValueError, match=problem):
        allocator.allocate(gain, hidden=hidden)


def test_a_mask_may_be_a_list(allocator: Allocator, gain: np.ndarray) -> None:
    hidden = some_hidden()
    expected = allocator.allocate(gain, hidden=hidden)
    np.testing.assert_array_equal(allocator.allocate(gain, hidden=hidden.tolist()), expected)


@pytest.mark.parametrize("asked", [{"polish_iterations": 1}, {"guard": True}], ids=str)
def test_polish_and_guard_need_every_gain(
    allocator: Allocator, gain: np.ndarray, asked: dict[str, Any]
) -> None:
    with pytest.raises(ValueError, match="polish and guard need every gain"):
        allocator.explain(gain, hidden=some_hidden(), **asked)


@pytest.mark.parametrize("leading", [(), (1,), (2, 3), (2, 1, 2)])
@pytest.mark.parametrize("guard", [False, True])
def test_any_leading_shape_gets_the_same_answers(
    allocator: Allocator, gain: np.ndarray, leading: tuple[int, ...], guard: bool
) -> None:
    count = int(np.prod(leading, dtype=int))
    explained = allocator.explain(gain[:count].reshape(*leading, LINKS, LINKS), guard=guard)
    assert explained.power.shape == (*leading, LINKS)
    assert explained.source.shape == leading
    expected = allocator.allocate(gain[:count], guard=guard)
    np.testing.assert_allclose(explained.power.reshape(count, LINKS), expected, atol=1e-6)


def test_a_mask_has_the_leading_shape_of_its_gains(allocator: Allocator, gain: np.ndarray) -> None:
    shape, hidden = (2, 3, LINKS, LINKS), some_hidden()[:6]
    power = allocator.allocate(gain[:6].reshape(shape), hidden=hidden.reshape(shape))
    expected = allocator.allocate(gain[:6], hidden=hidden)
    np.testing.assert_allclose(power.reshape(6, LINKS), expected, atol=1e-6)


@pytest.mark.parametrize("asked", [{}, {"polish_iterations": 3}, {"guard": True}], ids=str)
def test_weights_may_have_the_leading_shape_of_the_gains(
    allocator: Allocator, gain: np.ndarray, asked: dict[str, Any]
) -> None:
    weights = np.random.default_rng(2).uniform(0.1, 4.0, (6, LINKS))
    if allocator.envelope is None:
        asked = {"guard": True} | asked  # without it, a head for one objective has no use for weights
    flat = allocator.allocate(gain[:6], Weighted(SumRate(), weights), **asked)
    goal = Weighted(SumRate(), weights.reshape(2, 3, LINKS))
    power = allocator.allocate(gain[:6].reshape(2, 3, LINKS, LINKS), goal, **asked)
    np.testing.assert_allclose(power.reshape(6, LINKS), flat, atol=1e-5)


@pytest.mark.parametrize("links", [1, 2, 11])
def test_any_number_of_links(allocator: Allocator, links: int) -> None:
    gain = np.random.default_rng(links).exponential(5.0, (3, links, links))
    for guard in (False, True):
        power = allocator.allocate(gain, polish_iterations=2, guard=guard)
        assert power.shape == (3, links)
        assert ((power >= 0) & (power <= 1)).all()
