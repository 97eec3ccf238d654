"""Adapting to a goal from few networks: only what was asked for changes, it learns, and seeds decide every bit."""

from typing import Literal

import numpy as np
import pytest
import torch

from components.channel.torch_rng import seeded, torch_stream
from components.channel.worlds.distribution import WorldDistribution
from components.model.inference import allocate_batches
from components.model.lora import LoRAConfig
from components.model.unrolled.network import UnrolledConfig, UnrolledNetwork
from components.training.worlds.few_samples import FewSamples, FewSamplesConfig, PromptedNetwork
from gfm_ra.goals import AlphaFair, ProportionalFair, SumRate
from gfm_ra.rates import spectral_efficiency
from gfm_ra.units import to_gain

GAINS_DB = WorldDistribution().draw_of("pairs", 24, 8, torch_stream(3, "test")).numpy()


def network() -> UnrolledNetwork:
    with seeded(7, "test"):
        return UnrolledNetwork(UnrolledConfig(width=12, hidden=16, steps=4))


def adapted(way: Literal["prompt", "lora", "full"], rate: float = 1e-2, seed: int = 1) -> PromptedNetwork:
    model = PromptedNetwork(network(), ProportionalFair())
    config = FewSamplesConfig(adapt=way, lora=LoRAConfig(rank=4), learning_rate=rate, epochs=10, batch_size=8)
    FewSamples(config, model, [GAINS_DB], seed).run(lambda *_: None, lambda *_: None)
    return model


def worth(model: PromptedNetwork) -> float:
    rates = spectral_efficiency(allocate_batches(model, GAINS_DB), to_gain(GAINS_DB))
    return float(ProportionalFair().utility(rates).mean())


@pytest.mark.parametrize("way", ["lora", "full"])
def test_it_gets_better_at_its_goal(way: Literal["lora", "full"]) -> None:
    assert worth(adapted(way)) > worth(PromptedNetwork(network(), ProportionalFair())) + 0.1


def test_a_prompt_moves_and_the_weights_stay() -> None:
    model, before = adapted("prompt"), network().state_dict()
    assert model.offset.abs().max() > 0
    assert all(torch.equal(value, before[name]) for name, value in model.network.state_dict().items())


def test_low_rank_terms_are_folded_into_the_layers_of_the_steps_alone() -> None:
    found, before = adapted("lora").network.state_dict(), network().state_dict()
    assert set(found) == set(before)
    changed = {name for name in found if not torch.equal(found[name], before[name])}
    assert changed == {f"steps.{n}.{layer}.weight" for n in range(4) for layer in ("into", "out")}
    ranks = {int(torch.linalg.matrix_rank(found[name] - before[name], rtol=1e-3)) for name in changed}
    assert max(ranks) <= 4


def test_the_same_seed_gives_the_same_bits() -> None:
    one, same, other = adapted("full"), adapted("full"), adapted("full", seed=2)
    np.testing.assert_array_equal(allocate_batches(one, GAINS_DB), allocate_batches(same, GAINS_DB))
    assert not np.array_equal(allocate_batches(one, GAINS_DB), allocate_batches(other, GAINS_DB))


def test_offsets_never_make_a_number_of_the_goal_negative() -> None:
    model = PromptedNetwork(network(), AlphaFair(0.5))
    with torch.no_grad():
        model.offset -= 5.0
    assert (model.prompt(3, 8).parameters == 0).all()


def test_a_rank_above_the_network_s_size_is_refused() -> None:
    config = FewSamplesConfig(adapt="lora", lora=LoRAConfig(rank=13))
    with pytest.raises(ValueError, match="rank 13 exceeds the network's 12"):
        FewSamples(config, PromptedNetwork(network(), SumRate()), [GAINS_DB], 1)
