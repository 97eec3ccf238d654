"""WMMSE on tensors is the compiled solver's iteration."""

import numpy as np
import pytest
import torch

from components.channel.scenario import SCENARIOS
from components.channel.simulator import simulate
from components.evaluation.scores import score
from components.evaluation.torch_wmmse import wmmse
from gfm_ra.goals import AlphaFair, ProportionalFair, QoS, SumRate
from gfm_ra.rates import spectral_efficiency
from gfm_ra.solvers import wmmse as compiled

OBJECTIVES = (SumRate(), ProportionalFair(), QoS())


@pytest.fixture(scope="module", params=["D16", "D18"])
def gain(request):
    return simulate(SCENARIOS[request.param], 40, seed=3)


@pytest.mark.parametrize("objective", OBJECTIVES, ids=lambda objective: objective.name)
@pytest.mark.parametrize("iterations", [1, 5, 100])
def test_one_start_gives_the_same_utilities(gain, objective, iterations):
    power = wmmse(torch.from_numpy(gain), objective, iterations=iterations).numpy()
    expected = compiled(gain, objective, iterations=iterations)
    gain_db = (10.0 * np.log10(gain)).astype(np.float32)
    ours, theirs = (score(objective.name, values, gain_db) for values in (power, expected))
    # Damped steps turn on the sign of tiny differences: after a hundred of them, other roundings end elsewhere.
    close = 2e-3 if (objective.name, iterations) == ("qos", 100) else 1e-4
    assert np.median(np.abs(ours - theirs) / np.abs(theirs)) < close
    assert ours.mean() == pytest.approx(theirs.mean(), rel=3e-3)
    if iterations == 1:
        assert np.abs(power - expected).max() < 1e-3


@pytest.mark.parametrize("objective", OBJECTIVES, ids=lambda objective: objective.name)
def test_the_best_of_many_starts_is_as_good(gain, objective):
    generator = torch.Generator().manual_seed(1)
    many = wmmse(torch.from_numpy(gain), objective, starts=20, generator=generator).numpy()
    gain_db = (10.0 * np.log10(gain)).astype(np.float32)
    ours = score(objective.name, many, gain_db)
    theirs = score(objective.name, compiled(gain, objective, starts=20, seed=1), gain_db)
    one = score(objective.name, compiled(gain, objective), gain_db)
    assert ours.mean() == pytest.approx(theirs.mean(), rel=6e-3)
    assert ours.mean() > one.mean()
    assert ((many >= 0) & (many <= 1)).all()


@pytest.mark.parametrize("objective", OBJECTIVES, ids=lambda objective: objective.name)
def test_given_powers_are_polished_like_by_the_compiled_solver(gain, objective):
    first = np.random.default_rng(0).uniform(size=gain.shape[:2]).astype(np.float32)
    power = wmmse(torch.from_numpy(gain), objective, iterations=5, initial_power=torch.from_numpy(first))
    expected = compiled(gain, objective, iterations=5, initial_power=first)
    gain_db = (10.0 * np.log10(gain)).astype(np.float32)
    before, ours, theirs = (score(objective.name, each, gain_db) for each in (first, power.numpy(), expected))
    assert (ours >= before - 1e-4 * np.abs(before)).all()
    assert np.median(np.abs(ours - theirs) / np.abs(theirs)) < 1e-3


@pytest.mark.parametrize("objective", OBJECTIVES, ids=lambda objective: objective.name)
@pytest.mark.parametrize("level", [1e-20, 1e-6, 1.0, 1e12, 1e16, 1e20, 1e23])
def test_gains_of_any_size_give_the_utility_of_the_compiled_solver(objective, level):
    shape = np.array(
        [
            [[1.0, 0.9], [0.9, 0.9]],
            [[1.0, 0.0], [1e-3, 0.5]],
            [[0.1, 1.0], [1e-9, 0.3]],
            [[1.0, 1.0], [1.0, 1.0]],
        ]
    )
    gain = (level * shape).astype(np.float32)
    for kind in (torch.float32, torch.float64):
        power = wmmse(torch.from_numpy(gain).to(kind), objective, iterations=300)
        assert ((power >= 0) & (power <= 1)).all()
        ours, theirs = (
            objective.utility(spectral_efficiency(each.astype(np.float64), gain.astype(np.float64)))
            for each in (power.numpy(), compiled(gain, objective, iterations=300))
        )
        # Under QoS the steps turn on the sign of tiny differences, so other roundings end elsewhere.
        rtol = 2e-2 if objective == QoS() else 2e-3
        np.testing.assert_allclose(ours, theirs, rtol=rtol, atol=1e-6)


def test_of_two_links_that_drown_each_other_one_is_silenced_at_200_db():
    power = wmmse(torch.tensor([[[1e20, 0.9e20], [0.9e20, 0.9e20]]]), SumRate())
    torch.testing.assert_close(power, torch.tensor([[1.0, 0.0]]))


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -1.0, 1e25])
def test_impossible_gains_and_powers_are_refused(value):
    gain = torch.ones(2, 3, 3)
    with pytest.raises(ValueError, match="powers must be finite"):
        wmmse(gain, SumRate(), initial_power=torch.full((2, 3), value))
    gain[1, 0, 2] = value
    with pytest.raises(ValueError, match="gains must be finite"):
        wmmse(gain, SumRate())


def test_another_objective_is_refused():
    with pytest.raises(ValueError, match="AlphaFair"):
        wmmse(torch.ones(1, 2, 2), AlphaFair(2.0))
