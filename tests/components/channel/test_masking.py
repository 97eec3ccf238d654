"""Laws of the masks over pairs of links and over directed edges."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from components.channel.masking import random_edge_mask, random_mask, random_pair_mask


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


@given(links=st.integers(2, 12), ratio=st.floats(0.05, 0.95), seed=st.integers(0, 99))
def test_edges_are_hidden_one_by_one_and_every_graph_hides_its_share(
    links: int, ratio: float, seed: int
) -> None:
    mask = random_edge_mask(5, links, ratio, torch.Generator().manual_seed(seed))
    assert not mask.diagonal(dim1=-2, dim2=-1).any()
    expected = max(round(ratio * links * (links - 1)), 1)
    assert (mask.sum((-2, -1)) == expected).all()


def test_of_half_of_the_edges_a_quarter_of_the_pairs_is_hidden_at_both_ends() -> None:
    mask = random_edge_mask(50, 40, 0.5, torch.Generator().manual_seed(1))
    both = (mask & mask.mT).sum((-2, -1)).float() / (40 * 39)
    assert float(both.mean()) == pytest.approx(0.25, abs=0.01)
    again = random_mask("edges", 50, 40, 0.5, torch.Generator().manual_seed(1))
    assert torch.equal(mask, again)
    assert torch.equal(random_mask("pairs", 3, 9, 0.5, torch.Generator().manual_seed(1)), draw(3, 9, 0.5, 1))
