"""Answers to networks whose gains are not known exactly."""

from typing import Any

import numpy as np
import pytest
import torch

import gfm_ra
from components.channel.torch_rng import torch_stream
from components.channel.worlds.distribution import WorldDistribution
from components.model.unrolled import packaged
from components.model.unrolled.estimate import view
from gfm_ra.goals import Objective, ProportionalFair, QoS, SumRate
from gfm_ra.inference.network.contract import Contract
from gfm_ra.inference.network.unrolled import ENERGY_EFFICIENCY, UNCERTAINTY, UnrolledNetwork
from gfm_ra.inference.uncertain.expected import SAMPLES, mean_rates
from gfm_ra.inference.uncertain.posterior import Posterior, posterior
from gfm_ra.rates import spectral_efficiency
from gfm_ra.solvers import energy_efficient
from gfm_ra.units import to_gain
from gfm_ra.weights.catalogue import find

COUNT, LINKS = 5, 18
GOALS = [SumRate(), ProportionalFair(), QoS()]


@pytest.fixture(scope="module")
def allocator() -> gfm_ra.Allocator:
    found = gfm_ra.load("any-world-3")
    assert isinstance(found.network, UnrolledNetwork)
    found.network.knows = frozenset({UNCERTAINTY})  # it answers, well or not
    return found


def reported() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Gains in dB with NaN, their deviations and their limits, [COUNT, LINKS, LINKS]."""
    gain_db = WorldDistribution().draw_of("pairs", COUNT, LINKS, torch_stream(4, "expected")).numpy()
    weak = np.sort(gain_db, axis=-1)[..., -7:-6]
    hidden = (gain_db < weak) & ~np.eye(LINKS, dtype=bool)
    at_most = np.where(hidden, weak, np.inf).astype(np.float32)
    return np.where(hidden, np.nan, gain_db), np.full_like(gain_db, 3.0), at_most


def network() -> gfm_ra.Network:
    gain_db, deviation_db, at_most_db = reported()
    return gfm_ra.Network(gain_db=gain_db, uncertainty_db=deviation_db, at_most_db=at_most_db)


def known(allocator: gfm_ra.Allocator) -> Posterior:
    assert isinstance(allocator.network, UnrolledNetwork)
    given = network()
    return posterior(allocator.network, given.gain, Contract(given.uncertainty_db, given.at_most_db))


def test_estimates_are_those_of_the_trained_network(allocator: gfm_ra.Allocator) -> None:
    gain_db, deviation_db, at_most_db = (torch.from_numpy(part) for part in reported())
    trained = packaged.load(find("any-world-3"))
    hidden = gain_db.isnan()
    seen = view(gain_db.nan_to_num(0.0), hidden, None, at_most_db, deviation_db)
    with torch.no_grad():
        estimate = trained.estimator(seen)
        expected_db = seen.filled(gain_db, estimate._replace(reckoned=estimate.guess)).numpy()
    found = known(allocator)
    np.testing.assert_allclose(found.mean_db, expected_db, atol=2e-3)
    other = 15.0 * estimate.deviation.numpy()
    mixed = 3.0 * np.sqrt(1.0 - 9.0 / (9.0 + other**2))
    expected = np.where(hidden.numpy(), other, np.where(np.eye(LINKS, dtype=bool), 3.0, mixed))
    np.testing.assert_allclose(found.deviation_db, expected, rtol=1e-4)


def test_samples_have_the_means_and_deviations_and_stay_below_limits(allocator: gfm_ra.Allocator) -> None:
    found = known(allocator)
    assert found.at_most_db is not None
    samples_db = 10.0 * np.log10(found.samples(2000, 1))
    assert (samples_db <= found.at_most_db + 1e-3).all()
    free = np.isinf(found.at_most_db)
    np.testing.assert_allclose(samples_db.mean(0)[free], found.mean_db[free], atol=0.01)
    np.testing.assert_allclose(samples_db.std(0)[free], found.deviation_db[free], rtol=0.1)
    np.testing.assert_array_equal(found.samples(7, 3), found.samples(7, 3))


def test_far_above_its_limit_a_gain_is_drawn_from_the_tail() -> None:
    mean = np.full((1, 1, 1), 40.0, np.float32)
    found = Posterior(mean, np.full_like(mean, 2.0), np.full_like(mean, 20.0))
    samples_db = 10.0 * np.log10(found.samples(4000, 0))
    assert (samples_db <= 20.0 + 1e-3).all()
    # The mean of that tail is some deviation^2 / distance below the limit: 4 / 20 dB.
    assert 20.0 - samples_db.mean() == pytest.approx(0.2, abs=0.05)


@pytest.mark.parametrize("goal", GOALS, ids=lambda goal: goal.name)
def test_more_effort_is_never_worse_on_the_samples(allocator: gfm_ra.Allocator, goal: Objective) -> None:
    samples = known(allocator).samples(SAMPLES["balanced"], 0).astype(np.float64)

    def mean(power: np.ndarray) -> np.ndarray:
        rates = spectral_efficiency(np.broadcast_to(power.astype(np.float64), samples.shape[:-1]), samples)
        return np.asarray(goal.utility(rates)).mean(0)

    fast, balanced = (
        allocator.allocate(network(), goal=goal, effort=effort) for effort in ("fast", "balanced")
    )
    np.testing.assert_allclose(balanced.utility, mean(balanced.power), rtol=1e-6)
    slack = 1e-9 * np.abs(balanced.utility)
    assert (balanced.utility >= mean(fast.power) - slack).all()
    assert (balanced.utility >= mean(np.ones_like(fast.power)) - slack).all()
    assert {str(name).partition(", ")[2] for name in balanced.source} == {"expected"}
    assert np.isfinite(balanced.rate).all()
    assert any("means over 32 samples" in note for note in balanced.notes)


def test_rates_of_any_powers_are_those_that_answers_tell(allocator: gfm_ra.Allocator) -> None:
    assert isinstance(allocator.network, UnrolledNetwork)
    answer = allocator.allocate(network())
    powers = np.stack([answer.power, np.ones_like(answer.power)])
    rates = mean_rates(allocator.network, network(), powers, SAMPLES["balanced"])
    np.testing.assert_allclose(rates[0], answer.rate, rtol=1e-6)
    assert (rates[1].sum(-1) < rates[0].sum(-1)).all()


def test_gains_that_are_said_to_be_exact_are_answered_as_such(allocator: gfm_ra.Allocator) -> None:
    gain_db = WorldDistribution().draw_of("pairs", 3, 30, torch_stream(5, "expected")).numpy()
    certain = gfm_ra.Network(gain_db=gain_db, uncertainty_db=0.0)
    assert isinstance(allocator.network, UnrolledNetwork)
    found = allocator.allocate(certain, effort="fast")
    from gfm_ra.inference.noise import noise
    from gfm_ra.inference.prompts import prompt_of

    expected = allocator.network.draws(to_gain(gain_db), prompt_of(SumRate(), 3, 30), noise(0, 1, 30))[:, 0]
    np.testing.assert_allclose(found.power, expected, atol=1e-4)
    rates = spectral_efficiency(found.power.astype(np.float64), to_gain(gain_db).astype(np.float64))
    np.testing.assert_allclose(found.rate, rates, rtol=1e-4)


@pytest.mark.parametrize("effort", ["fast", "balanced"])
def test_a_network_alone_is_answered_as_in_a_batch(allocator: gfm_ra.Allocator, effort: Any) -> None:
    gain_db, deviation_db, at_most_db = reported()
    alone = gfm_ra.Network(gain_db=gain_db[1], uncertainty_db=deviation_db[1], at_most_db=at_most_db[1])
    one, many = (allocator.allocate(given, effort=effort) for given in (alone, network()))
    np.testing.assert_array_equal(one.power, many.power[1])
    np.testing.assert_allclose(one.rate, many.rate[1], rtol=1e-9)
    assert one.utility == pytest.approx(many.utility[1], rel=1e-9)


def test_weights_that_know_nothing_of_uncertainty_say_so() -> None:
    with pytest.raises(ValueError, match="knows nothing of uncertain gains"):
        gfm_ra.load("any-world-3").allocate(network())


def test_uncertain_gains_cannot_be_certified(allocator: gfm_ra.Allocator) -> None:
    with pytest.raises(ValueError, match="uncertain: nothing can be proven"):
        allocator.allocate(gfm_ra.Network(gain_db=[[9.0, 1.0], [2.0, 8.0]], uncertainty_db=1.0), certify=True)


@pytest.mark.parametrize("effort", ["balanced", "best"])
def test_of_efficiency_no_answer_is_worse_than_the_solver_s_on_the_likely_gains(effort: Any) -> None:
    found = gfm_ra.load("any-world-3")
    assert isinstance(found.network, UnrolledNetwork)
    found.network.knows = frozenset({UNCERTAINTY, ENERGY_EFFICIENCY})
    gain_db = WorldDistribution().draw_of("pairs", 3, 12, torch_stream(6, "expected")).numpy()
    goal = gfm_ra.EnergyEfficiency(0.5)
    exact = gfm_ra.Network(gain_db=gain_db, uncertainty_db=0.0)
    answer = found.allocate(exact, goal=goal, effort=effort)
    gain = to_gain(gain_db)
    solved = energy_efficient(gain, goal, starts=1 if effort == "balanced" else 100)
    rates = spectral_efficiency(solved.astype(np.float64), gain.astype(np.float64))
    assert (answer.utility >= np.asarray(goal.utility(rates, solved)) * (1 - 1e-4)).all()


def test_weights_that_know_no_efficiency_refuse_it_of_uncertain_gains(allocator: gfm_ra.Allocator) -> None:
    with pytest.raises(ValueError, match="knows no energy efficiency of uncertain gains"):
        allocator.allocate(network(), goal=gfm_ra.EnergyEfficiency(0.5))


def test_beyond_what_was_trained_answers_are_compared_and_say_so(allocator: gfm_ra.Allocator) -> None:
    answer = allocator.allocate(network(), goal="alpha-fair", alpha=9.0, effort="fast")
    assert all(str(name).endswith("expected, extrapolated") for name in answer.source)
    assert any("alpha = 9" in note for note in answer.notes)
    balanced = allocator.allocate(network(), goal="alpha-fair", alpha=9.0)
    np.testing.assert_array_equal(answer.power, balanced.power)


def test_no_network_and_explanations_of_uncertain_ones(allocator: gfm_ra.Allocator) -> None:
    nothing = allocator.allocate(gfm_ra.Network(gain_db=np.zeros((0, 6, 6)), uncertainty_db=3.0))
    assert nothing.power.shape == (0, 6)
    with pytest.raises(ValueError, match="explain: gains are uncertain"):
        allocator.allocate(network()).explain(index=0)


def test_under_rules_rates_and_price_are_means_over_the_same_samples(allocator: gfm_ra.Allocator) -> None:
    rules = gfm_ra.Rules(protected_gain=np.ones((1, LINKS)), interference_cap=1.0)
    free, answer = allocator.allocate(network()), allocator.allocate(network(), rules=rules)
    assert (answer.power.sum(-1) <= 1.0 + 1e-6).all()
    samples = known(allocator).samples(SAMPLES["balanced"], 0).astype(np.float64)
    power = np.broadcast_to(answer.power.astype(np.float64), samples.shape[:-1])
    np.testing.assert_allclose(answer.rate, spectral_efficiency(power, samples).mean(0), rtol=1e-6)
    np.testing.assert_allclose(answer.price, free.utility - answer.utility)
    assert all(str(name).endswith("expected, under rules") for name in answer.source)
