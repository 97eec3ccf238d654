"""The unfolded WMMSE: with neutral weights it is WMMSE, and whatever the weights it is an equivariant allocator."""

import numpy as np
import pytest
import torch

from benchmarks.plain import wmmse as plain_wmmse
from components.model.unfolded_wmmse.network import UnfoldedWMMSEConfig, fresh_unfolded_wmmse, iterate
from gfm_ra.units import db_to_linear


def gains(batch=3, links=6, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return 15.0 * torch.randn(batch, links, links, generator=generator) + 7.0 + 30.0 * torch.eye(links)


@pytest.fixture
def model():
    return fresh_unfolded_wmmse(UnfoldedWMMSEConfig(), seed=3)


def published(gain_db, scale, offset, layers):
    """The published equations in float64, receiver by receiver, from weights [B, K]."""
    channel = np.sqrt(10.0 ** (gain_db.numpy().astype(np.float64) / 10.0))  # h_kj
    v = np.ones(channel.shape[:2])
    for _ in range(layers):
        u, w, fresh = np.empty_like(v), np.empty_like(v), np.empty_like(v)
        for b, h in enumerate(channel):
            for k in range(len(h)):
                u[b, k] = h[k, k] * v[b, k] / (1.0 + sum(h[k, j] ** 2 * v[b, j] ** 2 for j in range(len(h))))
                w[b, k] = scale[b, k] / (1.0 - u[b, k] * h[k, k] * v[b, k]) + offset[b, k]
            for k in range(len(h)):
                divisor = sum(h[j, k] ** 2 * u[b, j] ** 2 * w[b, j] for j in range(len(h)))
                fresh[b, k] = min(1.0, u[b, k] * h[k, k] * w[b, k] / divisor)
        v = fresh
    return v


def test_a_layer_computes_the_published_equations():
    gain_db, generator = gains(), torch.Generator().manual_seed(1)
    scale, offset = (torch.rand(3, 6, generator=generator) for _ in range(2))
    amplitude, gain = torch.ones(3, 6), db_to_linear(gain_db)
    for layers in (1, 2, 3):
        amplitude = iterate(gain, amplitude, scale, offset)
        expected = published(gain_db, scale.numpy(), offset.numpy(), layers)
        assert np.allclose(amplitude.numpy(), expected, rtol=1e-3, atol=1e-6)


def test_with_neutral_weights_it_is_wmmse(model, monkeypatch):
    def neutral(layer, adjacency):
        return torch.ones(adjacency.shape[:2]), torch.zeros(adjacency.shape[:2])

    gain_db = gains(links=12)
    with torch.no_grad():
        learnt = model(gain_db)
        monkeypatch.setattr(model, "coefficients", neutral)
        power = model(gain_db).numpy()
    expected = plain_wmmse(db_to_linear(gain_db).numpy(), 4)
    assert np.allclose(power, expected, atol=1e-4)
    assert not np.allclose(learnt.numpy(), expected, atol=1e-2)


def test_weights_are_of_a_layers_own_and_between_0_and_1(model):
    adjacency = db_to_linear(gains() / 2.0)
    first, second = (model.coefficients(layer, adjacency / adjacency.amax((1, 2), True)) for layer in (0, 1))
    for a, b in zip(first, second, strict=True):
        assert ((a > 0) & (a <= 1)).all()
        assert not torch.allclose(a, b, atol=1e-3)
    assert not torch.allclose(first[0], first[1], atol=1e-3)


def test_weights_that_are_all_tiny_set_the_same_powers(model):
    """Their common factor cancels, however far below the least float32 they are."""
    powers = []
    for bias in (-20.0, -500.0):
        for head in model.head:
            torch.nn.init.constant_(head.of_itself.bias, bias)
        with torch.no_grad():
            powers.append(model(gains()))
    assert torch.allclose(*powers, atol=1e-4)
    assert (powers[1].amax(1) > 0.5).all()


def test_equal_links_stay_at_full_power_as_in_wmmse(model):
    for head in model.head:
        torch.nn.init.constant_(head.of_all.weight, -50.0)
    with torch.no_grad():
        assert torch.allclose(model(torch.full((1, 10, 10), 20.0)), torch.ones(1, 10), atol=1e-4)


def test_the_order_of_links_does_not_matter(model):
    gain_db, order = gains(), torch.tensor([4, 0, 5, 2, 1, 3])
    with torch.no_grad():
        moved = model(gain_db[:, order][:, :, order])
        assert torch.allclose(moved, model(gain_db)[:, order], atol=1e-4)


def test_hidden_pairs_are_not_read_and_count_as_silent(model):
    gain_db, hidden = gains(batch=1), torch.zeros(1, 6, 6, dtype=torch.bool)
    hidden[0, 0, 1] = hidden[0, 1, 0] = True
    with torch.no_grad():
        poisoned = model(gain_db.masked_fill(hidden, torch.nan), hidden)
        assert torch.equal(poisoned, model(gain_db, hidden))
        assert torch.allclose(poisoned, model(gain_db.masked_fill(hidden, -300.0)), atol=1e-6)
        assert not torch.allclose(poisoned, model(gain_db), atol=1e-4)


@pytest.mark.parametrize("links", [1, 2, 40])
@pytest.mark.parametrize("level_db", [-100.0, 0.0, 160.0])
def test_any_network_gives_powers_and_finite_gradients(model, links, level_db):
    gain_db = (gains(2, links) + level_db).clamp(-100.0, 200.0)
    power = model(gain_db)
    assert power.shape == (2, links)
    assert ((power >= 0) & (power <= 1)).all()
    power.sum().backward()
    assert all(parameter.grad.isfinite().all() for parameter in model.parameters())


def test_a_silent_link_stays_silent_without_a_nan():
    amplitude = iterate(db_to_linear(gains()), torch.zeros(3, 6), torch.ones(3, 6), torch.zeros(3, 6))
    assert amplitude.tolist() == torch.zeros(3, 6).tolist()
