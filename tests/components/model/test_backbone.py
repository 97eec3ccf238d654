"""Laws of the interference-aware graph Transformer, equations (4)-(5)."""

import math
from typing import get_args

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from components.channel.masking import random_pair_mask
from components.model.backbone import Backbone, BackboneConfig
from components.model.features import NodeFeatures

CONFIG = BackboneConfig(layers=2, width=16, heads=4, bias_width=8)


def make(config: BackboneConfig) -> Backbone:
    torch.manual_seed(0)
    backbone = Backbone(config).eval()
    with (
        torch.no_grad()
    ):  # as after training: at its initial zero the mask vector could be forgotten unnoticed
        backbone.mask_vector.copy_(torch.tensor([0.7, -1.3]))
    return backbone.requires_grad_(False)


@pytest.fixture(scope="module", params=get_args(NodeFeatures))
def backbone(request: pytest.FixtureRequest) -> Backbone:
    """One for every kind of node feature: the laws hold for all of them."""
    return make(CONFIG.model_copy(update={"node_features": request.param}))


def gains_db(batch: int, links: int, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return 7.0 + 15.0 * torch.randn(batch, links, links, generator=generator)


def hidden(batch: int, links: int, ratio: float = 0.4) -> torch.Tensor:
    return random_pair_mask(batch, links, ratio, torch.Generator().manual_seed(1))


# --- equations (4)-(5), loop by loop, in float64 NumPy ---


def linear(weights: dict[str, np.ndarray], name: str, x: np.ndarray) -> np.ndarray:
    return weights[f"{name}.weight"].reshape(-1, len(x)) @ x + weights[f"{name}.bias"]


def layer_norm(weights: dict[str, np.ndarray], name: str, x: np.ndarray) -> np.ndarray:
    normal = (x - x.mean()) / math.sqrt(((x - x.mean()) ** 2).mean() + 1e-5)
    return normal * weights[f"{name}.weight"] + weights[f"{name}.bias"]


def two_layers(weights: dict[str, np.ndarray], first: str, second: str, x: np.ndarray) -> np.ndarray:
    return linear(weights, second, np.maximum(linear(weights, first, x), 0.0))


def literal_attention(
    weights: dict[str, np.ndarray], name: str, z: list[np.ndarray], e: dict[tuple[int, int], np.ndarray]
) -> list[np.ndarray]:
    """(4) and (5) up to the output projection: receiver k attends to every transmitter j, head by head."""
    width, heads = CONFIG.width, CONFIG.heads
    head_width = width // heads
    rows = [linear(weights, f"{name}.query_key_value", row) for row in z]
    mixed = [np.zeros(width) for _ in z]
    for m in range(heads):
        part = slice(m * head_width, (m + 1) * head_width)
        for k in range(len(z)):
            scores = []
            for j in range(len(z)):
                query, key = rows[k][:width][part], rows[j][width : 2 * width][part]
                bias = two_layers(weights, "bias_projector.hidden", "bias_projector.out", e[k, j])[m]
                scores.append(query @ key / math.sqrt(head_width) + bias)
            attention = np.exp(scores) / np.exp(scores).sum()
            for j in range(len(z)):
                mixed[k][part] += attention[j] * rows[j][2 * width :][part]
    return mixed


def literal(backbone: Backbone, gain_db: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """z^(L) of one graph from the equations; node features h_kk, edge features e_kj = [h_kj, h_jk]."""
    weights = {name: value.double().numpy() for name, value in backbone.state_dict().items()}
    scaling, links = CONFIG.scaling, len(gain_db)
    node = (np.diag(gain_db) - scaling.direct_mean_db) / scaling.direct_std_db
    cross = (gain_db - scaling.cross_mean_db) / scaling.cross_std_db
    e = {
        (k, j): weights["mask_vector"] if mask[k, j] else np.array([cross[k, j], cross[j, k]])
        for k in range(links)
        for j in range(links)
    }
    z = [two_layers(weights, "node_encoder.0", "node_encoder.2", node[k : k + 1]) for k in range(links)]
    for number in range(CONFIG.layers):
        name = f"layers.{number}"
        mixed = literal_attention(
            weights, name, [layer_norm(weights, f"{name}.attention_norm", row) for row in z], e
        )
        z = [row + linear(weights, f"{name}.output", mixed[k]) for k, row in enumerate(z)]
        normed = [layer_norm(weights, f"{name}.feedforward_norm", row) for row in z]
        first, second = f"{name}.feedforward.0", f"{name}.feedforward.2"
        z = [row + two_layers(weights, first, second, normed[k]) for k, row in enumerate(z)]
    return np.stack([layer_norm(weights, "norm", row) for row in z])


@pytest.mark.parametrize("masked", [False, True])
def test_equals_the_literal_equations(masked: bool) -> None:
    backbone, gain_db = make(CONFIG), gains_db(2, 6)
    mask = hidden(2, 6) if masked else None
    embedded = backbone(gain_db, edge_mask=mask).numpy()
    for graph in range(2):
        graph_mask = mask[graph].numpy() if mask is not None else np.zeros((6, 6), bool)
        expected = literal(backbone, gain_db[graph].double().numpy(), graph_mask)
        np.testing.assert_allclose(embedded[graph], expected, atol=2e-5)


# --- laws ---


@settings(max_examples=25)
@given(links=st.integers(1, 12), seed=st.integers(0, 10**6))
def test_permuting_links_permutes_embeddings(backbone: Backbone, links: int, seed: int) -> None:
    gain_db, mask = gains_db(2, links, seed), hidden(2, links)
    order = torch.randperm(links, generator=torch.Generator().manual_seed(seed))
    expected = backbone(gain_db, edge_mask=mask)[:, order]
    permuted = backbone(gain_db[:, order][:, :, order], edge_mask=mask[:, order][:, :, order])
    torch.testing.assert_close(permuted, expected, atol=2e-5, rtol=0)


@pytest.mark.parametrize("links", [1, 2, 3, 20, 81])
def test_takes_any_number_of_links(backbone: Backbone, links: int) -> None:
    embedded = backbone(gains_db(3, links))
    assert embedded.shape == (3, links, CONFIG.width)
    assert embedded.isfinite().all()


def test_graphs_of_a_batch_do_not_see_each_other(backbone: Backbone) -> None:
    gain_db = gains_db(3, 5)
    alone = torch.cat([backbone(graph.unsqueeze(0)) for graph in gain_db])
    torch.testing.assert_close(backbone(gain_db), alone, atol=1e-5, rtol=0)


@pytest.mark.parametrize("garbage_db", [-500.0, 0.0, 150.0])
def test_padding_leaves_real_links_alone(backbone: Backbone, garbage_db: float) -> None:
    gain_db = gains_db(2, 5)
    padded = garbage_db + gains_db(2, 9, seed=7)
    padded[:, :5, :5] = gain_db
    real = torch.arange(9).expand(2, 9) < 5
    torch.testing.assert_close(backbone(padded, link_mask=real)[:, :5], backbone(gain_db), atol=1e-5, rtol=0)
    assert not torch.allclose(backbone(padded)[:, :5], backbone(gain_db), atol=1e-3)


def test_a_graph_that_is_all_padding_stays_finite(backbone: Backbone) -> None:
    assert backbone(gains_db(1, 4), link_mask=torch.zeros(1, 4, dtype=torch.bool)).isfinite().all()


@pytest.mark.parametrize("replacement_db", [-1000.0, 0.0, 180.0, math.nan])
def test_hidden_pairs_do_not_influence_the_output(backbone: Backbone, replacement_db: float) -> None:
    gain_db, mask = gains_db(2, 7), hidden(2, 7)
    changed = torch.where(mask, replacement_db, gain_db)
    assert torch.equal(backbone(changed, edge_mask=mask), backbone(gain_db, edge_mask=mask))


def test_every_visible_gain_influences_the_output(backbone: Backbone) -> None:
    gain_db, mask = gains_db(1, 5), hidden(1, 5)
    before = backbone(gain_db, edge_mask=mask)
    for row, column in (~mask[0]).nonzero().tolist():
        changed = gain_db.clone()
        changed[0, row, column] += 10.0
        assert not torch.allclose(backbone(changed, edge_mask=mask), before, atol=1e-6), (row, column)


def test_silence_counts_as_the_floor(backbone: Backbone) -> None:
    gain_db = gains_db(1, 4)
    gain_db[0, 1, 2] = -math.inf  # a gain of zero in dB
    floored = gain_db.clamp_min(-100.0)
    assert torch.equal(backbone(gain_db), backbone(floored))


@pytest.mark.parametrize(
    ("layers", "width", "published"), [(4, 512, 6.3e6), (6, 768, 21.2e6), (8, 1024, 50.3e6)]
)
def test_sizes_are_the_published_ones(layers: int, width: int, published: float) -> None:
    # Counted: all parameters of the L layers, each 6 d^2 weights and 10 d biases and norms. Not counted:
    # node encoder (d^2), phi_B, mask vector; they add 4.5 % at (4, 512), less at the larger sizes.
    with torch.device("meta"):
        backbone = Backbone(BackboneConfig(layers=layers, width=width, heads=32))
    counted = sum(parameter.numel() for parameter in backbone.layers.parameters())
    assert abs(counted / published - 1.0) < 0.03
    everything = sum(parameter.numel() for parameter in backbone.parameters())
    assert 1.0 < everything / counted < 1.05


def test_table_one_is_the_default() -> None:
    config = BackboneConfig()
    assert (config.layers, config.width, config.heads, config.node_features) == (6, 768, 32, "direct")


def test_heads_that_do_not_divide_the_width_are_refused_in_one_line() -> None:
    with pytest.raises(ValidationError) as caught:
        BackboneConfig(width=100, heads=32)
    (fault,) = caught.value.errors()
    assert "width 100" in fault["msg"]
    assert "heads 32" in fault["msg"]
    assert "\n" not in fault["msg"]
