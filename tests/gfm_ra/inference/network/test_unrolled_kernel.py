"""The unrolled network in the compiled core answers as the one that was trained."""

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from components.channel.torch_rng import seeded, torch_stream
from components.channel.worlds.distribution import FAMILIES, Family, WorldDistribution
from components.model.conditioning import Goals
from components.model.unrolled import packaged
from components.model.unrolled.consequences import NOTHING, Contract
from components.model.unrolled.estimate import EstimatorConfig
from components.model.unrolled.network import UnrolledConfig
from components.model.unrolled.network import UnrolledNetwork as TorchNetwork
from components.training.worlds.goals import GoalMixture
from components.training.worlds.reports import ReportMixture
from gfm_ra.core import loader, objects
from gfm_ra.errors import InputError
from gfm_ra.inference.network.contract import Contract as Told
from gfm_ra.inference.network.unrolled import UnrolledNetwork, noise, read
from gfm_ra.inference.prompts import Prompt

SIZES = (
    UnrolledConfig(),
    UnrolledConfig(
        width=13,
        hidden=17,
        steps=5,
        values=3,
        estimator=EstimatorConfig(width=11, hidden=9, rounds=2, values=7, rank=4),
    ),
    UnrolledConfig(
        width=8,
        hidden=12,
        steps=3,
        values=7,
        shared=True,
        estimator=EstimatorConfig(width=5, hidden=7, rounds=1, values=2, rank=1),
    ),
)


def both(config: UnrolledConfig, folder: Path) -> tuple[TorchNetwork, UnrolledNetwork]:
    with seeded(6, "test"):
        network = TorchNetwork(config).eval()
        for parameter in network.parameters():
            # Larger weights drive every power of the large network to 0, where nothing could differ.
            torch.nn.init.normal_(parameter, std=0.1 if config.width > 20 else 0.25)
    path = folder / "network.npz"
    packaged.save(network, path)
    return network, read(path, packaged.architecture(network))


@torch.no_grad()
def difference(
    pair: tuple[TorchNetwork, UnrolledNetwork],
    gain_db: torch.Tensor,
    goals: Goals,
    draws: int,
    hidden: torch.Tensor | None,
    contract: Contract = NOTHING,
) -> float:
    trained, compiled = pair
    given_noise = noise(3, draws, gain_db.shape[-1])
    expanded = torch.from_numpy(given_noise.copy()).permute(1, 0, 2).expand(len(gain_db), -1, -1, -1)
    expected = trained(gain_db, goals, expanded, hidden, contract=contract).power.permute(0, 2, 1).numpy()
    gain = (10.0 ** (gain_db.double() / 10.0)).float().numpy()
    if hidden is not None:
        gain[hidden.numpy()] = np.nan
    found = compiled.draws(
        gain,
        Prompt(goals.parameters.contiguous().numpy(), goals.weights.contiguous().numpy()),
        given_noise,
        contract=Told(
            *(
                None if part is None else part.float().numpy().reshape(shape)
                for part, shape in zip(contract[1:], [gain.shape, gain.shape, -1, -1], strict=True)
            )
        ),
    )
    return float(np.abs(found - expected).max())


@pytest.mark.parametrize("config", SIZES)
@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("links", [1, 2, 8, 17, 50])
def test_powers_agree_with_the_trained_network(
    config: UnrolledConfig, family: Family, links: int, tmp_path: Path
) -> None:
    generator = torch_stream(7, "test", family, links)
    gain_db = WorldDistribution().draw_of(family, 3, links, generator)
    goals = GoalMixture().draw(3, links, generator)
    hidden = GoalMixture(complete_share=0.0).draw_hidden(3, links, generator)
    pair = both(config, tmp_path)
    if links > 8:
        prompt = Prompt(goals.parameters.numpy(), goals.weights.numpy())
        assert pair[1].powers(gain_db.numpy(), prompt).std() > 1e-3
    assert difference(pair, gain_db, goals, 1, None) < 1e-4
    assert difference(pair, gain_db, goals, 3, hidden) < 1e-4


@pytest.mark.parametrize("config", SIZES)
@pytest.mark.parametrize("links", [1, 2, 8, 17, 50])
def test_powers_agree_where_gains_are_uncertain_limited_or_paid_for(
    config: UnrolledConfig, links: int, tmp_path: Path
) -> None:
    generator = torch_stream(8, "test", links)
    gain_db = WorldDistribution().draw_of("pairs", 4, links, generator)
    goals = GoalMixture().draw(4, links, generator)
    told = ReportMixture(share=1.0, strongest_share=0.8).draw(gain_db, None, generator)
    paid = Contract(
        circuit_power=torch.tensor([[0.0], [0.4], [2.0], [-1.0]]),
        each=torch.tensor([[False], [True], [False], [False]]),
    )
    pair = both(config, tmp_path)
    reports = Contract(uncertainty_db=told.uncertainty_db, at_most_db=told.at_most_db)
    assert difference(pair, told.gain_db, goals, 2, told.hidden, reports) < 1e-4
    assert difference(pair, told.gain_db, goals, 1, None, Contract(uncertainty_db=told.uncertainty_db)) < 1e-4
    assert difference(pair, told.gain_db, goals, 1, told.hidden, Contract(at_most_db=told.at_most_db)) < 1e-4
    assert difference(pair, gain_db, goals, 2, None, paid) < 1e-4
    assert (
        difference(
            pair,
            told.gain_db,
            goals,
            2,
            told.hidden,
            paid._replace(**reports._asdict() | {"circuit_power": paid.circuit_power, "each": paid.each}),
        )
        < 1e-4
    )


@settings(max_examples=60, deadline=None)
@given(
    links=st.integers(1, 12),
    seed=st.integers(0, 2**31),
    alpha=st.one_of(st.floats(0, 10), st.sampled_from([1.0, 1.0 + 1e-6, 2.0])),
    least=st.sampled_from([0.0, 1e-3, 0.3, 6.0, 100.0]),
    penalty=st.sampled_from([0.0, 0.5, 15.0, 1e6]),
    spread=st.sampled_from([0.0, 1.0, 5.0]),
)
def test_powers_agree_at_the_edges_of_what_is_accepted(
    links: int,
    seed: int,
    alpha: float,
    least: float,
    penalty: float,
    spread: float,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    generator = torch_stream(seed, "edges")
    levels = torch.tensor([-100.0, -30.0, 0.0, 20.0, 20.0, 80.0, 195.0, 200.0])
    gain_db = levels[torch.randint(len(levels), (2, links, links), generator=generator)]
    weights = (spread * torch.randn(2, links, generator=generator)).exp()
    goals = Goals(
        torch.tensor([[alpha, least, penalty if least else 0.0]]).expand(2, -1),
        weights / weights.amax(-1, keepdim=True),
    )
    assert difference(both(SIZES[1], tmp_path_factory.mktemp("edges")), gain_db, goals, 2, None) < 1e-4


def test_neither_batch_nor_threads_change_a_bit(tmp_path: Path) -> None:
    _, compiled = both(SIZES[1], tmp_path)
    generator = torch_stream(9, "test")
    gain = (10.0 ** (WorldDistribution().draw_of("pairs", 40, 21, generator) / 10.0)).numpy()
    prompt = Prompt(np.zeros((40, 3), np.float32), np.ones((40, 21), np.float32))
    together = compiled.draws(gain, prompt, noise(0, 2, 21), threads=2)
    alone = [
        compiled.draws(gain[i : i + 1], Prompt(prompt.parameters[:1], prompt.weights[:1]), noise(0, 2, 21))
        for i in range(40)
    ]
    assert np.array_equal(together, np.concatenate(alone))


def test_every_instruction_set_with_fused_products_gives_the_same_bits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, compiled = both(SIZES[1], tmp_path)
    generator = torch_stream(11, "test")
    gain = (10.0 ** (WorldDistribution().draw_of("home", 6, 23, generator) / 10.0)).numpy()
    gain[::2, 0, 1:4] = np.nan
    prompt = Prompt(np.tile(np.array([[0.0, 0.3, 15.0]], np.float32), (6, 1)), np.ones((6, 23), np.float32))
    found = []
    for name in loader.available():
        if name != objects.BASELINE:  # without a fused unit a multiply-add rounds twice
            monkeypatch.setenv(loader.VARIABLE, name)
            loader.library.cache_clear()
            found.append(compiled.draws(gain, prompt, noise(0, 2, 23)))
    monkeypatch.undo()
    loader.library.cache_clear()
    assert found
    assert all(np.array_equal(found[0], each) for each in found)


def test_noise_is_keyed_by_seed_draw_and_link() -> None:
    assert np.array_equal(noise(1, 3, 20)[:2, :7], noise(1, 2, 7))
    assert not np.array_equal(noise(1, 1, 7), noise(2, 1, 7))
    assert abs(float(noise(0, 4, 5000).std()) - 1.0) < 0.02


def test_weights_that_do_not_fit_are_one_line(tmp_path: Path) -> None:
    network, _ = both(SIZES[1], tmp_path)
    sizes = packaged.architecture(network)
    with pytest.raises(InputError, match="do not fit the architecture"):
        read(tmp_path / "network.npz", {**sizes, "width": 14})
    with pytest.raises(InputError, match="use the version that made it"):
        read(tmp_path / "network.npz", {**sizes, "attention": 2})
    (tmp_path / "broken.npz").write_bytes(b"PK\3\4 nothing")
    with pytest.raises(InputError, match="is damaged"):
        read(tmp_path / "broken.npz", sizes)
