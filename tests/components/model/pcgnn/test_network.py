"""PCGNN: published sizes, equivariance, and nothing read from behind a mask."""

import pytest
import torch

from components.model.pcgnn.network import PCGNN, PCGNNConfig, fresh_pcgnn


def gains(batch=3, links=6, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return 15.0 * torch.randn(batch, links, links, generator=generator) + 7.0 + 30.0 * torch.eye(links)


@pytest.fixture
def model():
    return fresh_pcgnn(PCGNNConfig(), seed=3)


def direct_reading(model, gain_db, hidden=None):
    """The published equations, link by link."""
    messages, scaling = model.backbone, model.config.scaling
    batch, links, _ = gain_db.shape
    power = torch.ones(batch, links)
    cross = (gain_db - scaling.cross_mean_db) / scaling.cross_std_db
    own = (gain_db.diagonal(dim1=1, dim2=2) - scaling.direct_mean_db) / scaling.direct_std_db
    for _ in range(model.config.rounds):
        nodes = torch.stack([own, torch.ones_like(own), power], -1)
        fresh = torch.empty_like(power)
        for b in range(batch):
            for k in range(links):
                heard = []
                for j in range(links):
                    if j == k or (hidden is not None and hidden[b, k, j]):
                        continue
                    edge = torch.stack([cross[b, k, j], cross[b, j, k]])
                    first = torch.relu(messages.of_node(nodes[b, j]) + messages.of_edge(edge))
                    heard.append(torch.relu(messages.message(first)))
                stacked = torch.stack(heard) if heard else torch.zeros(1, 32)
                state = torch.relu(messages.update(torch.cat([nodes[b, k], stacked.amax(0)])))
                fresh[b, k] = torch.sigmoid(model.head(state)).squeeze()
        power = fresh
    return power


def test_it_computes_the_published_equations(model):
    gain_db = gains()
    with torch.no_grad():
        assert torch.allclose(model(gain_db), direct_reading(model, gain_db), atol=1e-6)


def test_hidden_pairs_send_no_message(model):
    gain_db = gains(batch=1)
    hidden = torch.zeros(1, 6, 6, dtype=torch.bool)
    hidden[0, 0, 1] = hidden[0, 1, 0] = hidden[0, 2, 5] = hidden[0, 5, 2] = True
    with torch.no_grad():
        assert torch.allclose(model(gain_db, hidden), direct_reading(model, gain_db, hidden), atol=1e-6)
        poisoned = gain_db.masked_fill(hidden, float("nan"))
        assert torch.equal(model(poisoned, hidden), model(gain_db, hidden))


def test_gradients_do_not_depend_on_the_shortcut_for_the_maximum():
    model, gain_db = fresh_pcgnn(PCGNNConfig(), 1), gains()
    model(gain_db).square().sum().backward()
    fast = [p.grad.clone() for p in model.parameters()]
    model.zero_grad()
    direct_reading(model, gain_db).square().sum().backward()
    assert all(torch.allclose(a, p.grad, atol=1e-5) for a, p in zip(fast, model.parameters(), strict=True))


def test_the_order_of_links_does_not_matter(model):
    gain_db, order = gains(), torch.tensor([4, 0, 5, 2, 1, 3])
    with torch.no_grad():
        moved = model(gain_db[:, order][:, :, order])
        assert torch.allclose(moved, model(gain_db)[:, order], atol=1e-6)


def test_padding_changes_nothing_for_real_links(model):
    gain_db = gains()
    padded = torch.full((3, 8, 8), float("nan"))
    padded[:, :6, :6] = gain_db
    real = torch.arange(8).expand(3, 8) < 6
    with torch.no_grad():
        assert torch.allclose(model(padded, link_mask=real)[:, :6], model(gain_db), atol=1e-6)


@pytest.mark.parametrize("links", [1, 2, 40])
def test_any_number_of_links_gives_powers(model, links):
    power = model(gains(2, links))
    assert power.shape == (2, links)
    assert ((power >= 0) & (power <= 1)).all()


def test_it_has_the_published_sizes():
    # 5 -> 16 -> 32 and 35 -> 16 -> 1, biases included.
    assert sum(p.numel() for p in PCGNN(PCGNNConfig()).parameters()) == 96 + 544 + 576 + 17


def test_the_seed_decides_the_weights():
    first, again, other = (fresh_pcgnn(PCGNNConfig(), seed)(gains()) for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


@pytest.mark.parametrize("links", [2, 6])
def test_a_diverged_network_answers_with_nan_not_as_if_nobody_sent(model, links):
    with torch.no_grad():
        model.backbone.message.weight[3, 2] = torch.nan
        assert model(gains(links=links)).isnan().all()


def test_a_message_that_is_no_number_counts_alike_in_both_forms(model):
    gain_db = gains(batch=2)
    gain_db[0, 1, 4] = torch.nan  # reaches links 1 and 4 at once, all others a round later
    with torch.no_grad():
        heard, absent = model(gain_db), torch.eye(6, dtype=torch.bool).expand(2, 6, 6)
        nodes = torch.ones(2, 6, 3)
        compiled = model.backbone._strongest(nodes, gain_db, absent)
        tensors = model.double().backbone._strongest(nodes.double(), gain_db.double(), absent)
    assert heard.isnan().any(-1).tolist() == [True, False]
    assert compiled.isnan().all(-1)[0].tolist() == [False, True, False, False, True, False]
    assert torch.allclose(compiled.double(), tensors, atol=1e-4, equal_nan=True)
