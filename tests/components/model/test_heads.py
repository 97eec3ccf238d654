"""Laws of the decision head, equation (14), and of the power model."""

import numpy as np
import pytest
import torch

from components.model.backbone import BackboneConfig
from components.model.heads import PowerHead, PowerModel

CONFIG = BackboneConfig(layers=1, width=16, heads=4, bias_width=8)


@pytest.fixture(scope="module")
def model() -> PowerModel:
    torch.manual_seed(0)
    return PowerModel(CONFIG).eval().requires_grad_(False)


@pytest.fixture(scope="module")
def gain_db() -> torch.Tensor:
    return 7.0 + 15.0 * torch.randn(4, 6, 6, generator=torch.Generator().manual_seed(1))


def test_head_is_equation_14() -> None:
    torch.manual_seed(0)
    head = PowerHead(8).requires_grad_(False)
    z = torch.randn(2, 3, 8)
    w = {name: value.double().numpy() for name, value in head.named_parameters()}
    for b in range(2):
        for k in range(3):
            hidden = np.maximum(w["mlp.0.weight"] @ z[b, k].double().numpy() + w["mlp.0.bias"], 0.0)
            expected = 1.0 / (1.0 + np.exp(-(w["mlp.2.weight"] @ hidden + w["mlp.2.bias"])[0]))
            assert float(head(z)[b, k]) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("scale", [1.0, 1e4])
def test_powers_stay_between_zero_and_one(scale: float) -> None:
    torch.manual_seed(0)
    power = PowerHead(8)(scale * torch.randn(5, 7, 8))
    assert power.shape == (5, 7)
    assert ((power >= 0) & (power <= 1)).all()


def test_permuting_links_permutes_powers(model: PowerModel, gain_db: torch.Tensor) -> None:
    order = torch.tensor([3, 0, 5, 1, 4, 2])
    permuted = model(gain_db[:, order][:, :, order])
    torch.testing.assert_close(permuted, model(gain_db)[:, order], atol=1e-5, rtol=0)


def test_powers_depend_on_the_gains(model: PowerModel, gain_db: torch.Tensor) -> None:
    assert model(gain_db).std(dim=0).min() > 1e-3


def test_masks_reach_the_backbone(model: PowerModel, gain_db: torch.Tensor) -> None:
    real = torch.arange(6).expand(4, 6) < 4
    expected = model(gain_db[:, :4, :4])
    torch.testing.assert_close(model(gain_db, link_mask=real)[:, :4], expected, atol=1e-5, rtol=0)
    hidden = ~torch.eye(6, dtype=torch.bool).expand(4, 6, 6)
    other = torch.where(hidden, 0.0, gain_db)
    assert torch.equal(model(gain_db, edge_mask=hidden), model(other, edge_mask=hidden))
