"""Laws of the consequences that a goal-conditioned model foresees of its tentative powers."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from components.model.conditioning import Goals, goals_of
from components.model.prompted import (
    _LARGEST_FEATURE,
    _RATE_FLOOR,
    _TINY,
    Channel,
    consequences,
)
from components.model.rates import spectral_efficiency
from gfm_ra.goals import (
    LARGEST_ALPHA,
    LARGEST_MIN_RATE,
    LARGEST_PENALTY,
    AlphaFair,
    Objective,
    ProportionalFair,
    SumRate,
    Weighted,
)
from gfm_ra.units import db_to_linear
from tests.components.model.prompted_models import CONFIG, GRAPHS, LINKS, drawn, make


def channel(seed: int = 0) -> Channel:
    generator = np.random.default_rng(seed)
    gain = 10.0 ** (generator.normal(0.7, 1.5, (GRAPHS, LINKS, LINKS)) + 3.0 * np.eye(LINKS))
    own = torch.from_numpy(np.diagonal(gain, axis1=1, axis2=2).copy())
    return Channel(own, torch.from_numpy(gain * (1 - np.eye(LINKS))))


def powers(seed: int = 1) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(seed).uniform(0.05, 1.0, (GRAPHS, LINKS)))


def literal(power: np.ndarray, own: np.ndarray, crossing: np.ndarray, goal: Goals) -> np.ndarray:
    """The eight features of one graph, link by link."""
    alpha, least, penalty = goal.parameters.double()[0].tolist()
    weights, links = goal.weights.double()[0].tolist(), len(power)
    heard = [1.0 + sum(crossing[k, j] * power[j] for j in range(links)) for k in range(links)]
    signal = [own[k] * power[k] for k in range(links)]
    rate = [math.log2(1.0 + signal[k] / heard[k]) for k in range(links)]
    below = [1.0 / (1.0 + math.exp(-20.0 * (least - rate[k]))) for k in range(links)]
    slope = [weights[k] * ((rate[k] + _RATE_FLOOR) ** -alpha + penalty * below[k]) for k in range(links)]
    unit = sum(slope[k] * rate[k] for k in range(links)) / links
    rows = []
    for k in range(links):
        benefit = slope[k] / unit * own[k] / (heard[k] + signal[k])
        harm = sum(
            crossing[i, k] * slope[i] / unit * signal[i] / (heard[i] * (heard[i] + signal[i]))
            for i in range(links)
        )
        log_benefit, log_harm = math.log(benefit + _TINY), math.log(harm + _TINY)
        missing = min(1.0, max(-1.0, 4.0 * (rate[k] - least)))
        needed = min(10.0, max(_TINY, (2.0**least - 1.0) * heard[k] / own[k]))
        row = [2.0 * power[k] - 1.0, math.log(heard[k]) / 5.0 - 1.0, rate[k] / 4.0 - 1.0]
        row += [log_benefit / 5.0, log_harm / 5.0, (log_benefit - log_harm) / 4.0]
        row += [missing, math.log(needed) / 5.0] if penalty > 0 else [0.0, 0.0]
        rows.append(row)
    return np.clip(rows, -_LARGEST_FEATURE, _LARGEST_FEATURE)


def test_consequences_are_those_of_the_equations_link_by_link() -> None:
    goals, power, gains = drawn(), powers(), channel()
    found = consequences(power, gains, goals, None).numpy()
    for graph in range(GRAPHS):
        own, crossing = (part[graph].numpy() for part in gains)
        expected = literal(power[graph].numpy(), own, crossing, Goals(*(p[graph : graph + 1] for p in goals)))
        np.testing.assert_allclose(found[graph], expected, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize(
    "objective",
    [SumRate(), ProportionalFair(), AlphaFair(2.0), Weighted(SumRate(), np.arange(1.0, LINKS + 1))],
    ids=repr,
)
def test_benefit_less_harm_is_the_derivative_of_the_utility(objective: Objective) -> None:
    gains, goals = channel(), goals_of(objective, GRAPHS, LINKS)
    features = consequences(powers(), gains, goals, None)
    balance = (5.0 * features[..., 3]).exp() - (5.0 * features[..., 4]).exp()
    power = powers().requires_grad_()
    rates = spectral_efficiency(power, gains.crossing + torch.diag_embed(gains.own))
    slope = goals.slope(rates.detach(), floor=_RATE_FLOOR)
    unit = (slope * rates.detach()).mean(-1, keepdim=True)
    (slope / unit * rates).sum().backward()
    assert power.grad is not None
    # Rates are in bits, the balance in nats.
    torch.testing.assert_close(balance, math.log(2.0) * power.grad, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize(
    "parameters", [(0.0, 0.0, 0.0), (1.0, 0.0, 0.0), (10.0, 0.0, 0.0), (0.5, 0.6, 12.0)], ids=str
)
def test_the_gradient_of_consequences_is_the_numerical_one(parameters: tuple[float, float, float]) -> None:
    goals = Goals(torch.tensor([parameters]).double().expand(GRAPHS, 3), drawn().weights.double())
    gains = channel()

    def features(power: torch.Tensor, own: torch.Tensor) -> torch.Tensor:
        return consequences(power, Channel(own, gains.crossing), goals, None)

    leaves = powers().requires_grad_(), gains.own.clone().requires_grad_()
    assert torch.autograd.gradcheck(features, leaves, eps=1e-7, atol=1e-4, rtol=1e-3)


def test_reduced_precision_reaches_neither_consequences_nor_products_of_estimates() -> None:
    gains = Channel(*(part.float() for part in channel()))
    plain = consequences(powers().float(), gains, drawn(), None)
    estimator, seen = make().backbone.hidden_gains, []
    assert estimator is not None
    z = torch.randn(GRAPHS, LINKS, CONFIG.width, generator=torch.Generator().manual_seed(2))
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(consequences(powers().float(), gains, drawn(), None), plain)
        estimate = estimator(z)
        for layer in (estimator.receiver, estimator.transmitter):
            seen.append(layer(z).double())  # what the layers give in reduced precision is exact here
    receiver, transmitter = seen
    expected = receiver[..., 1:] @ transmitter[..., 1:].mT / 2.0 + receiver[..., :1] + transmitter[..., :1].mT
    assert estimate.dtype == torch.float32
    torch.testing.assert_close(estimate.double(), expected, rtol=1e-5, atol=1e-5)


@given(
    parameters=st.tuples(
        st.floats(0, LARGEST_ALPHA), st.floats(0, LARGEST_MIN_RATE), st.floats(0, LARGEST_PENALTY)
    ),
    level=st.sampled_from([0.0, 1e-30, 1e-3, 1.0]),
    seed=st.integers(0, 20),
)
def test_features_are_finite_for_every_accepted_goal_and_gain(
    parameters: tuple[float, float, float], level: float, seed: int
) -> None:
    draws = np.random.default_rng(seed)
    gain_db = draws.choice([-100.0, -30.0, 0.0, 40.0, 200.0], (1, LINKS, LINKS))
    gain = db_to_linear(torch.from_numpy(gain_db).float())
    own, crossing = gain.diagonal(dim1=1, dim2=2), gain * (1 - torch.eye(LINKS))
    weights = torch.from_numpy(draws.choice([1.0, 1e-30, 0.0], (1, LINKS))).float()
    goals = Goals(torch.tensor([parameters]), weights)
    power = level * torch.from_numpy(draws.choice([0.0, 0.3, 1.0], (1, LINKS))).float()
    found = consequences(power, Channel(own, crossing), goals, None)
    assert found.abs().max() <= _LARGEST_FEATURE  # NaN fails


def test_consequences_count_real_links_only() -> None:
    goals, power, gains = drawn(), powers(), channel()
    wide = Channel(torch.nn.functional.pad(gains.own, (0, 2), value=1.0),
                   torch.nn.functional.pad(gains.crossing, (0, 2, 0, 2)))  # fmt: skip
    real = (torch.arange(LINKS + 2) < LINKS).expand(GRAPHS, -1)
    weights = torch.nn.functional.pad(goals.weights, (0, 2), value=30.0)
    found = consequences(
        torch.nn.functional.pad(power, (0, 2)), wide, Goals(goals.parameters, weights), real
    )[:, :LINKS]
    torch.testing.assert_close(found, consequences(power, gains, goals, None))


def test_features_are_bounded_whatever_the_powers() -> None:
    for value in (0.0, 1e-30, 1.0):
        for gain in (1e-10, 1.0, 1e20):
            crossing = gain * (1 - torch.eye(LINKS)).expand(GRAPHS, LINKS, LINKS)
            found = consequences(
                torch.full((GRAPHS, LINKS), value),
                Channel(torch.ones(GRAPHS, LINKS), crossing),
                drawn(),
                None,
            )
            assert found.abs().max() <= _LARGEST_FEATURE
