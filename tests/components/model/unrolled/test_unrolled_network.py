"""Laws of the unrolled network: links have no order, padding and hidden gains are never read, noise breaks ties."""

import pytest
import torch
from torch import Tensor

from components.channel.torch_rng import seeded, torch_stream
from components.channel.worlds.distribution import WorldDistribution
from components.model.conditioning import Goals
from components.model.rates import spectral_efficiency
from components.model.unrolled.consequences import Channel, Contract, effects
from components.model.unrolled.network import NOISE, UnrolledConfig, UnrolledNetwork
from components.training.worlds.goals import GoalMixture
from gfm_ra.units import db_to_linear

BATCH, LINKS, DRAWS = 4, 9, 3


def network(**sizes: object) -> UnrolledNetwork:
    with seeded(2, "test"):
        return UnrolledNetwork(
            UnrolledConfig.model_validate({"steps": 4, "values": 2, "estimator": {"rounds": 2}, **sizes})
        )


def case(links: int = LINKS) -> tuple[Tensor, Goals, Tensor]:
    generator = torch_stream(4, "test", links)
    gain_db = WorldDistribution().draw_of("pairs", BATCH, links, generator)
    goals = GoalMixture().draw(BATCH, links, generator)
    return gain_db, goals, torch.randn(BATCH, links, DRAWS, NOISE, generator=generator)


def hidden_of(links: int = LINKS) -> Tensor:
    return GoalMixture(complete_share=0.0).draw_hidden(BATCH, links, torch_stream(5, "test"))  # type: ignore[return-value]


@torch.no_grad()
@pytest.mark.parametrize("links", [1, 2, 3, 17])
def test_powers_are_in_their_range_for_any_number_of_links(links: int) -> None:
    gain_db, goals, noise = case(links)
    passes = network()(gain_db, goals, noise)
    assert passes.power.shape == (BATCH, links, DRAWS)
    assert ((passes.power >= 0) & (passes.power <= 1)).all()
    assert len(passes.tentative) == 4


@torch.no_grad()
@pytest.mark.parametrize("hides", [False, True])
def test_links_have_no_order(hides: bool) -> None:
    gain_db, goals, noise = case()
    hidden = hidden_of() if hides else None
    order = torch.randperm(LINKS, generator=torch_stream(6, "test"))
    moved = network()(
        gain_db[:, order][:, :, order],
        Goals(goals.parameters, goals.weights[:, order]),
        noise[:, order],
        None if hidden is None else hidden[:, order][:, :, order],
    )
    assert torch.allclose(moved.power, network()(gain_db, goals, noise, hidden).power[:, order], atol=1e-5)


@torch.no_grad()
def test_padding_changes_nothing() -> None:
    gain_db, goals, noise = case()
    more = LINKS + 3
    padded = torch.full((BATCH, more, more), 77.0)
    padded[:, :LINKS, :LINKS] = gain_db
    weights = torch.cat([goals.weights, torch.full((BATCH, 3), 5.0)], 1)
    mask = (torch.arange(more) < LINKS).expand(BATCH, -1)
    long_noise = torch.cat([noise, torch.ones(BATCH, 3, DRAWS, NOISE)], 1)
    hidden = torch.zeros(BATCH, more, more, dtype=torch.bool)
    hidden[:, :LINKS, :LINKS] = hidden_of()
    found = network()(padded, Goals(goals.parameters, weights), long_noise, hidden, mask).power
    assert torch.allclose(found[:, :LINKS], network()(gain_db, goals, noise, hidden_of()).power, atol=1e-5)
    assert (found[:, LINKS:] == 0).all()


@torch.no_grad()
def test_hidden_gains_are_never_read() -> None:
    gain_db, goals, noise = case()
    hidden = hidden_of()
    other = torch.where(hidden, torch.nan, gain_db)
    assert torch.equal(
        network()(gain_db, goals, noise, hidden).power, network()(other, goals, noise, hidden).power
    )


@torch.no_grad()
@pytest.mark.parametrize("hides", [False, True])
def test_draws_do_not_know_of_each_other(hides: bool) -> None:
    gain_db, goals, noise = case()
    hidden = hidden_of() if hides else None
    together = network()(gain_db, goals, noise, hidden).power
    # Alone a draw is the first one, whose noise is made smaller.
    louder = noise[:, :, 1:2] / network().config.first_noise
    assert torch.allclose(together[..., 1:2], network()(gain_db, goals, louder, hidden).power, atol=1e-5)
    assert torch.allclose(
        together[..., :1], network()(gain_db, goals, noise[:, :, :1], hidden).power, atol=1e-6
    )


@torch.no_grad()
def test_noise_alone_tells_equal_links_apart() -> None:
    _, goals, noise = case()
    equal = torch.full((BATCH, LINKS, LINKS), 20.0)
    same = Goals(goals.parameters, torch.ones(BATCH, LINKS))
    assert network()(equal, same, torch.zeros_like(noise)).power.std(1).max() < 1e-6
    assert network()(equal, same, noise).power.std(1).min() > 1e-6


@pytest.mark.parametrize("alpha", [0.0, 1.0, 2.0, 5.0, 10.0])
def test_powers_and_gradients_are_finite_for_every_goal_and_gain(alpha: float) -> None:
    model = network()
    gain_db = torch.tensor([-120.0, -100.0, 0.0, 90.0, 200.0])[
        torch.randint(5, (BATCH, LINKS, LINKS), generator=torch_stream(8, "x"))
    ]
    _, _, noise = case()
    goals = Goals(
        torch.tensor([[alpha, 0.0, 0.0]]).expand(BATCH, -1), torch.logspace(-6, 0, LINKS).expand(BATCH, -1)
    )
    power = model(gain_db, goals, noise).power
    spectral_efficiency(power.mT, db_to_linear(gain_db.clamp(-100.0)).unsqueeze(1)).sum().backward()
    assert power.isfinite().all()
    assert all(p.grad is None or p.grad.isfinite().all() for p in model.parameters())


def test_benefit_and_harm_are_the_slopes_of_the_utility() -> None:
    gain_db, _, _ = case()
    gain = db_to_linear(gain_db.double())
    goals = Goals(
        torch.tensor([[1.0, 0.0, 0.0]]).expand(BATCH, -1).double(), torch.ones(BATCH, LINKS).double()
    )
    power = torch.rand(BATCH, LINKS, generator=torch_stream(9, "x")).double().requires_grad_()
    rates = spectral_efficiency(power, gain)
    (rates + 1e-4).log().sum().backward()
    own = gain.diagonal(dim1=1, dim2=2)
    crossing = gain * (1 - torch.eye(LINKS))
    coupling = crossing + crossing.mT
    channel = Channel(own, crossing, coupling, 1.0 + coupling.sum(-1))
    found = effects(power.detach().unsqueeze(-1), channel, goals, None, Contract())
    # Per power, in units of the neighbourhood's mean stake (1 under proportional fairness), of which 1 / ln 2 is the
    # rate's own factor.
    slope = (found.benefit - found.harm).squeeze(-1) / torch.log(torch.tensor(2.0))
    assert torch.allclose(slope, power.grad, rtol=1e-6)  # type: ignore[arg-type]


@torch.no_grad()
def test_links_far_away_are_of_no_account() -> None:
    gain_db, goals, noise = case()
    goals = Goals(goals.parameters, torch.rand(BATCH, 2 * LINKS, generator=torch_stream(3, "x")))
    apart = torch.full((BATCH, 2 * LINKS, 2 * LINKS), -100.0)
    apart[:, :LINKS, :LINKS] = gain_db
    apart[:, LINKS:, LINKS:] = gain_db + 7.0
    both = network()(apart, goals, torch.cat([noise, noise], 1)).power[:, :LINKS]
    alone = network()(gain_db, Goals(goals.parameters, goals.weights[:, :LINKS]), noise).power
    assert torch.allclose(both, alone, atol=1e-4)


@torch.no_grad()
def test_a_price_of_power_lowers_powers_and_nothing_said_is_price_zero() -> None:
    gain_db, goals, noise = case()
    model = network()
    free = model(gain_db, goals, noise, contract=Contract(price=torch.zeros(BATCH, LINKS))).power
    assert torch.equal(free, model(gain_db, goals, noise).power)
    certain = Contract(uncertainty_db=torch.zeros(BATCH, LINKS, LINKS))
    assert torch.equal(model(gain_db, goals, noise, contract=certain).power, free)
    found = model(gain_db, goals, noise, contract=Contract(price=torch.full((BATCH, LINKS), 9.0))).power
    assert not torch.equal(found, free)


def test_bfloat16_training_keeps_the_channel_exact() -> None:
    gain_db, goals, noise = case()
    model = network()
    with torch.autocast("cpu", torch.bfloat16):
        rough = model(gain_db, goals, noise).power
    assert rough.dtype == torch.float32
    assert (rough - model(gain_db, goals, noise).power).abs().max() < 0.05
