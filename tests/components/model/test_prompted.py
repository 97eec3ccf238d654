"""Laws of the goal-conditioned model: what it may read, what it must not, and the consequences it foresees."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from components.channel.masking import random_pair_mask
from components.model.backbone import BackboneConfig
from components.model.conditioning import GoalDistribution, Goals, goal_loss, goals_of
from components.model.heads import PowerHead
from components.model.prompted import (
    _LARGEST_FEATURE,
    _RATE_FLOOR,
    _TINY,
    Channel,
    ConditioningConfig,
    FixedGoal,
    PromptedModel,
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
    QoS,
    SumRate,
    Weighted,
)
from gfm_ra.units import db_to_linear

CONFIG = BackboneConfig(layers=2, width=16, heads=4, bias_width=8, node_features="landmarks")
GRAPHS, LINKS, PADDING = 3, 6, 3
OBJECTIVES = [SumRate(), ProportionalFair(), QoS(), AlphaFair(2.0)]


def lively(module: torch.nn.Module) -> None:
    """Parameters that a fresh model leaves at zero, and powers spread over [0, 1]: nothing agrees by being constant."""
    generator = torch.Generator().manual_seed(9)
    with torch.no_grad():
        for name, parameter in module.named_parameters():
            if not parameter.any():
                parameter.copy_(0.3 * torch.randn(parameter.shape, generator=generator))
            if name.endswith("head.mlp.2.weight"):
                parameter.mul_(8.0)


def make(feedback_steps: int = 2, config: BackboneConfig = CONFIG) -> PromptedModel:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = PromptedModel(config, ConditioningConfig(feedback_steps=feedback_steps, estimate_rank=4))
    lively(model)
    return model.eval().requires_grad_(False)


@pytest.fixture(scope="module", params=[2, 0], ids=["feedback", "prompt-only"])
def model(request: pytest.FixtureRequest) -> PromptedModel:
    return make(request.param)


def gains_db(links: int = LINKS, seed: int = 0, batch: int = GRAPHS) -> torch.Tensor:
    gain_db = 7.0 + 15.0 * torch.randn(batch, links, links, generator=torch.Generator().manual_seed(seed))
    return gain_db + 35.0 * torch.eye(links)


def drawn(links: int = LINKS, batch: int = GRAPHS) -> Goals:
    """Different goals with different weights, one per graph."""
    goals = GoalDistribution(weighted_share=1.0).draw(batch, links, torch.Generator().manual_seed(4))
    parameters = torch.tensor([[0.0, 0.0, 0.0], [0.0, 0.6, 12.0], [1.5, 0.0, 0.0]])
    return Goals(parameters[torch.arange(batch) % 3], goals.weights)


def hidden(links: int = LINKS, ratio: float = 0.4) -> torch.Tensor:
    return random_pair_mask(GRAPHS, links, ratio, torch.Generator().manual_seed(5))


# --- what the powers depend on ---


@pytest.mark.parametrize("masked", [False, True])
def test_permuting_links_and_weights_permutes_powers(model: PromptedModel, masked: bool) -> None:
    gain_db, goals, mask = gains_db(), drawn(), hidden() if masked else None
    order = torch.randperm(LINKS, generator=torch.Generator().manual_seed(1))
    moved = None if mask is None else mask[:, order][:, :, order]
    power = model(gain_db[:, order][:, :, order], Goals(goals.parameters, goals.weights[:, order]), moved)
    torch.testing.assert_close(power, model(gain_db, goals, mask)[:, order], atol=2e-5, rtol=0)


@pytest.mark.xfail(reason="the eight strongest links are no set where more of them are equal", strict=True)
def test_equal_links_get_equal_powers(model: PromptedModel) -> None:
    gain_db = torch.full((1, 12, 12), 20.0) + 20.0 * torch.eye(12)
    power = model(gain_db, goals_of(SumRate(), 1, 12))
    assert power.max() - power.min() < 1e-4


@pytest.mark.parametrize("steps", [2, 0])
def test_without_landmarks_equal_links_get_equal_powers(steps: int) -> None:
    made = make(steps, CONFIG.model_copy(update={"node_features": "direct"}))
    gain_db = torch.full((1, 12, 12), 20.0) + 20.0 * torch.eye(12)
    power = made(gain_db, goals_of(SumRate(), 1, 12))
    assert power.max() - power.min() < 1e-4


@given(links=st.integers(1, 40), seed=st.integers(0, 1000))
def test_any_number_of_links_gets_powers_that_do_not_depend_on_the_batch(links: int, seed: int) -> None:
    made, gain_db, goals = make(), gains_db(links, seed), drawn(links)
    power = made(gain_db, goals)
    assert ((power >= 0) & (power <= 1)).all()
    one = made(gain_db[1:2], Goals(*(part[1:2] for part in goals)))
    torch.testing.assert_close(power[1:2], one, atol=1e-5, rtol=0)


def test_graphs_of_a_batch_do_not_see_each_others_goals(model: PromptedModel) -> None:
    gain_db, goals = gains_db(), drawn()
    alone = [model(gain_db[b : b + 1], Goals(*(part[b : b + 1] for part in goals))) for b in range(GRAPHS)]
    torch.testing.assert_close(model(gain_db, goals), torch.cat(alone), atol=1e-5, rtol=0)


@pytest.mark.parametrize("garbage_db", [-500.0, 0.0, 150.0, math.nan])
@pytest.mark.parametrize("masked", [False, True])
def test_padding_leaves_real_links_alone(model: PromptedModel, masked: bool, garbage_db: float) -> None:
    gain_db, goals, total = gains_db(), drawn(), LINKS + PADDING
    padded = garbage_db + gains_db(total, seed=7)
    padded[:, :LINKS, :LINKS] = gain_db
    weights = torch.full((GRAPHS, total), 50.0)
    weights[:, :LINKS] = goals.weights
    mask, wide = None, None
    if masked:
        mask, wide = hidden(), torch.zeros(GRAPHS, total, total, dtype=torch.bool)
        wide[:, :LINKS, :LINKS] = mask
    real = (torch.arange(total) < LINKS).expand(GRAPHS, total)
    power = model(padded, Goals(goals.parameters, weights), wide, real)[:, :LINKS]
    torch.testing.assert_close(power, model(gain_db, goals, mask), atol=2e-5, rtol=0)


def test_a_graph_that_is_all_padding_stays_finite(model: PromptedModel) -> None:
    nobody = torch.zeros(GRAPHS, LINKS, dtype=torch.bool)
    assert model(gains_db(), drawn(), hidden(), nobody).isfinite().all()


@pytest.mark.parametrize("replacement_db", [-1000.0, 0.0, 180.0, math.nan])
def test_a_hidden_gain_changes_nothing(model: PromptedModel, replacement_db: float) -> None:
    gain_db, mask = gains_db(), hidden()
    changed = torch.where(mask, replacement_db, gain_db)
    assert torch.equal(model(changed, drawn(), mask), model(gain_db, drawn(), mask))


def test_with_every_pair_hidden_own_gains_and_goal_decide(model: PromptedModel) -> None:
    everything = hidden(ratio=1.0)
    power = model(torch.where(everything, math.nan, gains_db()), drawn(), everything)
    assert power.isfinite().all()
    assert power.std() > 1e-3


def test_every_visible_gain_counts(model: PromptedModel) -> None:
    gain_db, mask, goals = gains_db(), hidden(), drawn()
    before = model(gain_db, goals, mask)
    for row, column in (~mask[0]).nonzero().tolist():
        changed = gain_db.clone()
        changed[0, row, column] += 10.0
        assert not torch.allclose(model(changed, goals, mask)[0], before[0], atol=1e-6), (row, column)


@pytest.mark.parametrize("scale", [0.01, 100.0])
def test_only_the_ratios_of_weights_matter(model: PromptedModel, scale: float) -> None:
    gain_db, goals = gains_db(), drawn()
    scaled = model(gain_db, Goals(goals.parameters, scale * goals.weights))
    torch.testing.assert_close(scaled, model(gain_db, goals), atol=1e-3, rtol=0)


def test_different_goals_give_different_powers(model: PromptedModel) -> None:
    objectives = [*OBJECTIVES, QoS(0.9, 15.0), QoS(0.3, 1.0), Weighted(SumRate(), np.arange(1.0, LINKS + 1))]
    powers = [model(gains_db(), goals_of(objective, GRAPHS, LINKS)) for objective in objectives]
    for one, power in enumerate(powers):
        for other in powers[:one]:
            assert (power - other).abs().max() > 1e-4


@pytest.mark.parametrize("links", [1, 2, 9])
@pytest.mark.parametrize("masked", [False, True])
def test_extreme_gains_give_powers_in_range_and_finite_gradients(links: int, masked: bool) -> None:
    model = make().requires_grad_(True)
    generator = torch.Generator().manual_seed(links)
    corners = torch.tensor([-100.0, 0.0, 200.0, -math.inf])
    batch = 60
    gain_db = corners[torch.randint(4, (batch, links, links), generator=generator)]
    goals = drawn(links, batch)
    mask = random_pair_mask(batch, links, 0.5, generator) if masked else None
    power = model(gain_db, goals, mask)
    assert ((power >= 0) & (power <= 1)).all()
    goal_loss(spectral_efficiency(power, db_to_linear(gain_db)), goals).backward()
    gradients = [parameter.grad for parameter in model.parameters() if parameter.grad is not None]
    assert gradients
    assert all(gradient.isfinite().all() for gradient in gradients)


def test_gains_beyond_the_window_count_as_its_ends(model: PromptedModel) -> None:
    gain_db = 20.0 * gains_db()
    gain_db[0, 1, 2], gain_db[0, 2, 1] = -math.inf, math.inf
    assert (gain_db.abs() > 200.0).any()
    assert torch.equal(model(gain_db, drawn()), model(gain_db.clamp(-100.0, 200.0), drawn()))


# --- consequences ---


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


# --- the model as a power model, and for a whole data set ---


@pytest.mark.parametrize("masked", [False, True])
def test_a_fixed_goal_is_the_model_under_that_goal(model: PromptedModel, masked: bool) -> None:
    mask = hidden() if masked else None
    for objective in (*OBJECTIVES, Weighted(QoS(), np.arange(1.0, LINKS + 1))):
        expected = model(gains_db(), goals_of(objective, GRAPHS, LINKS), mask)
        assert torch.equal(FixedGoal(model, objective)(gains_db(), mask), expected)


def test_a_model_of_parts_shares_them(model: PromptedModel) -> None:
    same = PromptedModel.of(model.backbone, model.head)
    mine, theirs = dict(model.named_parameters()), dict(same.named_parameters())
    assert mine.keys() == theirs.keys()
    assert all(theirs[name] is parameter for name, parameter in mine.items())
    other = PromptedModel.of(model.backbone, PowerHead(CONFIG.width))
    assert other.backbone is model.backbone
    assert torch.equal(same(gains_db(), drawn()), model(gains_db(), drawn()))
