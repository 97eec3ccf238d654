"""Adapting to a goal from few networks: only what was asked for changes, it learns, and seeds decide every bit."""

import numpy as np
import pytest
import torch

from components.channel.torch_rng import seeded, torch_stream
from components.channel.worlds.distribution import WorldDistribution
from components.model.inference import allocate_batches
from components.model.lora import LoRAConfig
from components.model.unrolled.network import UnrolledConfig, UnrolledNetwork
from components.training.adaptation.adapt import Way, fit
from components.training.adaptation.samples import FewSamples, FewSamplesConfig, ToldNetwork, Trained
from gfm_ra.goals import ProportionalFair
from gfm_ra.rates import spectral_efficiency
from gfm_ra.units import to_gain

GAINS_DB = WorldDistribution().draw_of("pairs", 24, 8, torch_stream(3, "test")).numpy()


def network() -> UnrolledNetwork:
    with seeded(7, "test"):
        return UnrolledNetwork(UnrolledConfig(width=12, hidden=16, steps=4))


GOAL, TOLD = ProportionalFair(), (1.0, 0.0, 0.0)
ENVELOPE = {"alpha": (0.0, 5.0), "min_rate": (0.0, 6.0), "penalty": (0.0, 200.0)}


def adapted(way: Trained, rate: float = 1e-2, seed: int = 1) -> ToldNetwork:
    model = ToldNetwork(network(), TOLD)
    config = FewSamplesConfig(lora=LoRAConfig(rank=4), learning_rate=rate, epochs=10, batch_size=8)
    FewSamples(config, model, GOAL, way, [GAINS_DB], seed).run(lambda *_: None, lambda *_: None)
    return model


def worth(model: ToldNetwork) -> float:
    rates = spectral_efficiency(allocate_batches(model, GAINS_DB), to_gain(GAINS_DB))
    return float(GOAL.utility(rates).mean())


@pytest.mark.parametrize("way", ["lora", "full"])
def test_it_gets_better_at_its_goal(way: Trained) -> None:
    assert worth(adapted(way)) > worth(ToldNetwork(network(), TOLD)) + 0.1


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


def test_a_rank_above_the_network_s_size_is_refused() -> None:
    config = FewSamplesConfig(lora=LoRAConfig(rank=13))
    with pytest.raises(ValueError, match="rank 13 exceeds the network's 12"):
        FewSamples(config, ToldNetwork(network(), TOLD), GOAL, "lora", [GAINS_DB], 1)


def test_more_samples_take_fewer_passes_but_at_least_two() -> None:
    few, many = [GAINS_DB], [np.repeat(GAINS_DB, 200, axis=0)]
    assert FewSamplesConfig().epochs_of(few) == 75
    assert FewSamplesConfig().epochs_of(many) == 2
    assert FewSamplesConfig(epochs=3).epochs_of(many) == 3


@pytest.mark.parametrize(
    ("way", "rate", "better"), [("full", 1e-2, True), ("full", 10.0, False), ("lora", 10.0, False)]
)
def test_what_is_not_better_on_the_held_back_half_is_thrown_away(way: Way, rate: float, better: bool) -> None:
    given = network()
    found = fit(given, GOAL, [GAINS_DB], way, ENVELOPE, 1, FewSamplesConfig(learning_rate=rate))
    assert found.adapted == better == (found.difference.low > 0)
    assert (found.network is given) != better
    assert better or (found.told is None and found.difference.value < 0)
    before = network().state_dict()
    assert all(torch.equal(value, before[name]) for name, value in given.state_dict().items())
