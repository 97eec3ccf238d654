"""Adaptation is never for the worse, serves an own utility, and its result loads like any weights."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

import gfm_ra
from components.channel.torch_rng import torch_stream
from components.channel.worlds.distribution import WorldDistribution
from components.model.conditioning import Goals
from components.model.unrolled import packaged
from components.training import adapt
from components.training.adaptation.result import save
from components.training.adaptation.samples import FewSamplesConfig
from components.training.adaptation.utility import OwnUtility
from gfm_ra.errors import InputError
from gfm_ra.goals import AlphaFair
from gfm_ra.inference.network import unrolled
from gfm_ra.inference.noise import noise
from gfm_ra.inference.prompts import prompt_of
from gfm_ra.weights import catalogue


def gains_db(count: int = 24, links: int = 8, seed: int = 1) -> np.ndarray:
    return WorldDistribution().draw_of("pairs", count, links, torch_stream(seed, "test", "adapt")).numpy()


def strongly_fair(rates: Tensor) -> Tensor:
    """Alpha-fairness with alpha = 3, which nobody tells the network."""
    return -(rates + 1e-3).pow(-2.0).sum(-1) / 2.0


def power_of(found: gfm_ra.Allocator, gain_db: np.ndarray, goal: object = None) -> np.ndarray:
    return found.allocate(gain_db=gain_db, goal=goal, effort="fast").power  # type: ignore[arg-type]


def test_an_own_utility_finds_its_prompt_and_loads_again(tmp_path: Path) -> None:
    found = adapt(gains_db(), utility=strongly_fair)
    assert found.adapted
    assert found.difference.low > 0
    assert found.told is not None
    assert found.told[0] > 1
    save(found, tmp_path / "mine")
    goal = OwnUtility(strongly_fair)
    loaded, fresh = gfm_ra.load(tmp_path / "mine"), gains_db(seed=2)
    assert np.array_equal(power_of(loaded, fresh, goal), power_of(found.allocator(), fresh, goal))
    assert not np.array_equal(power_of(loaded, fresh, goal), power_of(gfm_ra.load(), fresh, goal))
    # Other goals are answered as before.
    assert np.array_equal(power_of(loaded, fresh, "qos"), power_of(gfm_ra.load(), fresh, "qos"))
    from_prompt = goal.utility(loaded.allocate(gain_db=fresh, goal=goal, effort="fast").rate)  # type: ignore[arg-type]
    from_parent = goal.utility(gfm_ra.load().allocate(gain_db=fresh, goal=goal, effort="fast").rate)  # type: ignore[arg-type]
    assert from_prompt.mean() > from_parent.mean()


@pytest.mark.parametrize("way", ["lora", "full"])
def test_what_is_not_better_on_the_held_back_half_is_thrown_away(way: str, tmp_path: Path) -> None:
    hostile = FewSamplesConfig(learning_rate=0.5, epochs=3, max_gradient_norm=None)
    found = adapt(gains_db(), "proportional-fair", way=way, config=hostile)  # type: ignore[arg-type]
    assert not found.adapted
    assert found.difference.low <= 0
    assert found.told is None
    save(found, tmp_path / "mine")
    kept, parent = np.load(tmp_path / "mine" / "network.npz"), np.load(catalogue.find().network)
    assert all(np.array_equal(kept[name], parent[name]) for name in parent.files)


def test_weights_learn_an_own_utility_beyond_the_prompt_and_equal_seeds_give_equal_bytes(
    tmp_path: Path,
) -> None:
    short = FewSamplesConfig(learning_rate=1e-3, epochs=20, batch_size=16)
    runs = [adapt(gains_db(48), utility=strongly_fair, way="full", config=short) for _ in range(2)]
    for number, found in enumerate(runs):
        save(found, tmp_path / f"run-{number}")
    assert runs[0].adapted
    assert not np.array_equal(
        runs[0].network.power.bias.detach().numpy(),
        packaged.load(catalogue.find()).power.bias.detach().numpy(),
    )
    assert (tmp_path / "run-0/network.npz").read_bytes() == (tmp_path / "run-1/network.npz").read_bytes()


def test_packaged_weights_come_back_to_torch_as_they_are() -> None:
    card, gain_db = catalogue.find(), gains_db(3)
    network = packaged.load(card)
    compiled = unrolled.read(card.network, card.text["network"]["architecture"])
    given = noise(0, 2, 8)
    prompt = prompt_of(AlphaFair(2.0), 3, 8)

    with torch.no_grad():
        expected = network(
            torch.from_numpy(gain_db),
            Goals(torch.from_numpy(np.array(prompt.parameters)), torch.from_numpy(np.array(prompt.weights))),
            torch.from_numpy(given.copy()).permute(1, 0, 2).expand(3, -1, -1, -1),
        ).power
    found = compiled.draws(10.0 ** (gain_db.astype(np.float64) / 10.0), prompt, given)
    np.testing.assert_allclose(found, expected.permute(0, 2, 1).numpy(), atol=1e-4)


def test_several_sizes_are_adapted_together() -> None:
    found = adapt([gains_db(6, 5), gains_db(8, 9)], utility=strongly_fair)
    assert found.samples == 14


@pytest.mark.parametrize(
    ("utility", "said"),
    [
        (lambda rates: -rates.sum(-1), "must grow"),
        (lambda rates: rates.sum(), "one number per network"),
        (lambda rates: rates.detach().sum(-1), "slopes"),
        (lambda rates: rates[..., 0], "must grow"),
    ],
)
def test_a_utility_that_does_not_grow_everywhere_is_refused(utility: object, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        adapt(gains_db(), utility=utility)  # type: ignore[arg-type]


def test_too_few_or_unknown_gains_and_full_folders_are_one_line(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="at least 4 networks"):
        adapt(gains_db(3))
    with pytest.raises(ValueError, match="held back"):
        adapt([gains_db(1, links) for links in (2, 3, 4, 5)])
    unknown = gains_db()
    unknown[0, 0, 1] = np.nan
    with pytest.raises(ValueError, match="must be known"):
        adapt(unknown)
    with pytest.raises(ValueError, match="not both"):
        adapt(gains_db(), "qos", utility=strongly_fair)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").touch()
    with pytest.raises(InputError, match="there already"):
        save(adapt(gains_db(8, 3)), tmp_path / "full")
