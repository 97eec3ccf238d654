"""Rates as tensors against NumPy's, and their gradients."""

import numpy as np
import torch

from components.channel.scenario import SCENARIOS
from components.channel.simulator import simulate
from components.model.rates import spectral_efficiency
from gfm_ra import rates


def test_numpy_and_torch_agree_and_keep_their_type():
    gain = simulate(SCENARIOS["D1"], 8, 3)
    power = np.random.default_rng(1).random((8, 20), dtype=np.float32)
    in_numpy = rates.spectral_efficiency(power, gain)
    in_torch = spectral_efficiency(torch.from_numpy(power), torch.from_numpy(gain))
    assert in_numpy.dtype == np.float32
    assert in_torch.dtype == torch.float32
    np.testing.assert_allclose(in_torch.numpy(), in_numpy, rtol=2e-6)


def test_torch_gradient_matches_finite_differences():
    gain = torch.from_numpy(simulate(SCENARIOS["D1"], 1, 3)[0, :4, :4]).double()
    power = torch.tensor([0.3, 0.9, 0.5, 0.1], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda p: spectral_efficiency(p, gain), (power,))


def test_gradient_is_finite_at_silence():
    gain = torch.from_numpy(simulate(SCENARIOS["D5"], 2, 3))
    power = torch.zeros(2, 80, requires_grad=True)
    spectral_efficiency(power, gain).sum().backward()
    assert torch.isfinite(power.grad).all()


def test_reduced_precision_does_not_reach_rates_and_their_gradients():
    gain = torch.from_numpy(simulate(SCENARIOS["D18"], 20, 3))
    power = torch.rand(20, 50, generator=torch.Generator().manual_seed(0))
    answers = []
    for reduced in (False, True):
        leaf = power.clone().requires_grad_()
        with torch.autocast("cpu", torch.bfloat16, enabled=reduced):
            rates_found = spectral_efficiency(leaf, gain)
        rates_found.log().sum().backward()
        answers.append((rates_found, leaf.grad))
    (plain, plain_gradient), (reduced, reduced_gradient) = answers
    assert reduced.dtype == torch.float32
    assert torch.equal(reduced, plain)
    assert torch.equal(reduced_gradient, plain_gradient)


def test_powers_in_half_precision_give_rates_in_that_of_the_gains():
    gain = torch.from_numpy(simulate(SCENARIOS["D1"], 2, 3))
    power = torch.rand(2, 20, generator=torch.Generator().manual_seed(0)).bfloat16()
    assert torch.equal(spectral_efficiency(power, gain), spectral_efficiency(power.float(), gain))
