"""Laws of node and edge features: what a link is told about itself before any attention."""

import math
from typing import get_args

import pytest
import torch

from components.channel.masking import random_pair_mask
from components.model.features import (
    LANDMARKS,
    NODE_FEATURE_COUNT,
    GainScaling,
    NodeFeatures,
    edge_features,
    node_features,
)

SCALING = GainScaling(direct_mean_db=40.0, direct_std_db=10.0, cross_mean_db=5.0, cross_std_db=20.0)
KINDS = get_args(NodeFeatures)


def gains_db(batch: int, links: int, seed: int = 0) -> torch.Tensor:
    return 7.0 + 15.0 * torch.randn(batch, links, links, generator=torch.Generator().manual_seed(seed))


def hidden(batch: int, links: int) -> torch.Tensor:
    return random_pair_mask(batch, links, 0.4, torch.Generator().manual_seed(1))


def test_edge_features_are_both_directions_standardised() -> None:
    gain_db = gains_db(2, 3)
    features = edge_features(gain_db, SCALING)
    for b, k, j in [(0, 0, 1), (1, 2, 0), (1, 1, 1)]:
        pair = torch.stack([gain_db[b, k, j], gain_db[b, j, k]])
        torch.testing.assert_close(features[:, b, k, j], (pair - 5.0) / 20.0)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("links", [1, 2, LANDMARKS, 20])
def test_width_does_not_depend_on_the_number_of_links(kind: NodeFeatures, links: int) -> None:
    features = node_features(gains_db(2, links), SCALING, kind, None, None)
    assert features.shape == (2, links, NODE_FEATURE_COUNT[kind])
    assert features.isfinite().all()
    torch.testing.assert_close(features[..., 0], (gains_db(2, links).diagonal(dim1=1, dim2=2) - 40.0) / 10.0)


def test_statistics_are_those_of_the_visible_gains_received_and_caused() -> None:
    gain_db, mask = gains_db(2, 6), hidden(2, 6)
    features = node_features(gain_db, SCALING, "statistics", mask, None)
    cross = (gain_db.double() - 5.0) / 20.0
    for b in range(2):
        for k in range(6):
            seen = [j for j in range(6) if j != k and not mask[b, k, j]]
            for values, start in ((cross[b, k, seen], 1), (cross[b, seen, k], 4)):
                expected = torch.stack([values.mean(), values.std(correction=0), values.max()])
                torch.testing.assert_close(features[b, k, start : start + 3].double(), expected)


def test_landmarks_are_the_strongest_links_in_order() -> None:
    links = 12
    gain_db = gains_db(1, links)
    gain_db[0].fill_diagonal_(0.0).add_(
        torch.diag(5.0 * torch.arange(links).flip(0).roll(5))
    )  # far apart: no near ties
    features = node_features(gain_db, SCALING, "landmarks", None, None)[0, :, 7:]
    strongest = sorted(range(links), key=lambda k: -gain_db[0, k, k].item())[:LANDMARKS]
    cross = (gain_db[0] - 5.0) / 20.0
    for k in range(links):
        received = [0.0 if j == k else cross[k, j].item() for j in strongest]
        caused = [0.0 if j == k else cross[j, k].item() for j in strongest]
        assert features[k].tolist() == pytest.approx(received + caused, abs=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_links_with_equal_direct_gains_may_come_in_any_order(kind: NodeFeatures) -> None:
    # Stored gains are float16: equal direct gains are common, and must not make the order of links matter.
    gain_db = gains_db(3, 20)
    diagonal = torch.arange(20)
    gain_db[:, diagonal, diagonal] = 40.0
    order = torch.randperm(20, generator=torch.Generator().manual_seed(2))
    expected = node_features(gain_db, SCALING, kind, None, None)[:, order]
    permuted = node_features(gain_db[:, order][:, :, order], SCALING, kind, None, None)
    torch.testing.assert_close(permuted, expected, atol=1e-5, rtol=0)


@pytest.mark.parametrize("kind", KINDS)
def test_hidden_and_padded_entries_are_never_read(kind: NodeFeatures) -> None:
    gain_db, mask = gains_db(2, 6), hidden(2, 6)
    real = torch.arange(6).expand(2, 6) < 5
    expected = node_features(gain_db, SCALING, kind, mask, real)[:, :5]
    garbled = torch.where(mask, math.nan, gain_db)
    garbled[:, 5, :] = 150.0
    garbled[:, :, 5] = math.nan
    assert torch.equal(node_features(garbled, SCALING, kind, mask, real)[:, :5], expected)


@pytest.mark.parametrize("kind", ["statistics", "landmarks"])
def test_a_link_that_hears_nobody_gets_zeros(kind: NodeFeatures) -> None:
    everything = ~torch.eye(5, dtype=torch.bool).expand(1, 5, 5)
    assert not node_features(gains_db(1, 5), SCALING, kind, everything, None)[..., 1:].any()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("links", [1, 2, 3, 12])
def test_gradients_are_those_of_finite_differences(kind: NodeFeatures, links: int) -> None:
    gain_db, mask = gains_db(1, links).double(), hidden(1, links) if links > 2 else None
    assert torch.autograd.gradcheck(
        lambda given: node_features(given, SCALING, kind, mask, None), gain_db.requires_grad_()
    )


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("links", [2, 9])
def test_equal_gains_have_a_gradient(kind: NodeFeatures, links: int) -> None:
    # All deviations are exactly 0 here, where a square root has no slope.
    gain_db = torch.full((1, links, links), 20.0, requires_grad=True)
    node_features(gain_db, SCALING, kind, None, None).square().sum().backward()
    assert gain_db.grad is not None
    assert gain_db.grad.isfinite().all()


@pytest.mark.parametrize("kind", KINDS)
def test_asking_for_a_gradient_changes_no_bit(kind: NodeFeatures) -> None:
    gain_db, mask = gains_db(3, 15), hidden(3, 15)
    plain = node_features(gain_db, SCALING, kind, mask, None)
    assert torch.equal(node_features(gain_db.requires_grad_(), SCALING, kind, mask, None), plain)
