"""Laws of the masks over pairs of links."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from components.channel.masking import random_pair_mask


def draw(batch: int, links: int, ratio: float | torch.Tensor, seed: int = 0) -> torch.Tensor:
    return random_pair_mask(batch, links, ratio, torch.Generator().manual_seed(seed))


@given(links=st.integers(1, 30), ratio=st.floats(0.0, 1.0), seed=st.integers(0, 10**6))
def test_both_directions_are_hidden_and_the_diagonal_never(links: int, ratio: float, seed: int) -> None:
    mask = draw(3, links, ratio, seed)
    assert torch.equal(mask, mask.transpose(1, 2))
    assert not mask.diagonal(dim1=1, dim2=2).any()


@given(links=st.integers(2, 30), ratio=st.floats(0.0, 1.0))
def test_every_graph_hides_exactly_its_share(links: int, ratio: float) -> None:
    pairs = links * (links - 1) // 2
    hidden = draw(4, links, ratio).sum(dim=(1, 2)) / 2
    wanted = max(ratio * pairs, float(ratio > 0))
    assert (hidden - wanted).abs().max() <= 0.5 + 1e-4
    assert hidden.unique().numel() == 1


@pytest.mark.parametrize(("links", "ratio"), [(2, 0.3), (2, 1e-6), (3, 0.1), (20, 0.001)])
def test_a_share_above_zero_hides_at_least_one_pair(links: int, ratio: float) -> None:
    assert (draw(5, links, ratio).sum(dim=(1, 2)) == 2).all()
    assert not draw(5, links, 0.0).any()


def test_one_link_has_nothing_to_hide() -> None:
    assert draw(4, 1, 0.9).shape == (4, 1, 1)
    assert not draw(4, 1, 0.9).any()


def test_a_ratio_that_was_drawn_may_hide_nothing() -> None:
    # Goals are trained with complete graphs too; what small ratios give must not depend on this rule.
    assert draw(2, 2, torch.tensor([0.3, 0.6])).sum(dim=(1, 2)).tolist() == [0, 2]


def test_each_graph_may_have_its_own_ratio() -> None:
    hidden = draw(3, 21, torch.tensor([0.0, 0.5, 1.0])).sum(dim=(1, 2)) / 2
    assert hidden.tolist() == [0, 105, 210]


def test_depends_on_the_generator_and_on_nothing_else() -> None:
    torch.manual_seed(1)
    before, first = torch.get_rng_state(), draw(2, 9, 0.3, seed=5)
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(2)
    assert torch.equal(draw(2, 9, 0.3, seed=5), first)
    assert not torch.equal(draw(2, 9, 0.3, seed=6), first)


def test_consecutive_draws_differ() -> None:
    generator = torch.Generator().manual_seed(0)
    first, second = (random_pair_mask(1, 12, 0.3, generator) for _ in range(2))
    assert not torch.equal(first, second)


def test_every_pair_is_hidden_equally_often() -> None:
    graphs, links, ratio = 4000, 6, 1 / 3
    share = draw(graphs, links, ratio).float().mean(dim=0)
    off_diagonal = share[~torch.eye(links, dtype=torch.bool)]
    five_sigma = 5 * (ratio * (1 - ratio) / graphs) ** 0.5
    assert (off_diagonal - ratio).abs().max() < five_sigma
