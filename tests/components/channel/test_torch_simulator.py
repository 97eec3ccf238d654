"""The tensor simulator obeys the laws of the compiled one: layouts exactly, gains in their moments."""

import dataclasses

import numpy as np
import pytest
import torch
from scipy import stats

from components.channel import placement, simulator, torch_simulator
from components.channel.scenario import SCENARIOS, Scenario
from components.channel.simulator import simulate
from components.channel.torch_simulator import draw_gain_db, draw_layouts


def test_the_bounds_are_those_of_the_compiled_simulator():
    ours = (torch_simulator.RECEIVER_REDRAWS, torch_simulator.LAYOUT_REDRAWS, torch_simulator.FADING_FLOOR)
    assert ours == (placement.RECEIVER_REDRAWS, placement.LAYOUT_REDRAWS, simulator.FADING_FLOOR)


def generator(seed=1):
    return torch.Generator().manual_seed(seed)


CROWDED = Scenario("crowded", links=80, min_distance_m=30.0, max_distance_m=70.0, area_m=400.0)


@pytest.mark.parametrize("scenario", [*(SCENARIOS[name] for name in ("D1", "D10", "D15", "D18")), CROWDED])
def test_layouts_obey_every_rule(scenario):
    transmitters, receivers = draw_layouts(scenario, 50, generator())
    distance = torch.cdist(receivers, transmitters)
    own = distance.diagonal(dim1=1, dim2=2)
    assert (own >= scenario.min_distance_m - 1e-3).all()
    assert (own <= scenario.max_distance_m + 1e-3).all()
    for positions in (transmitters, receivers):
        assert (positions >= 0).all()
        assert (positions <= scenario.area_m).all()
    others = distance + torch.diag_embed(torch.full_like(own, torch.inf))
    assert (others > own.unsqueeze(-1) - 1e-3).all()


@pytest.mark.parametrize("name", ["D1", "D10", "D15", "D16", "D20"])
def test_gains_have_the_same_distribution(name):
    count = 400
    tensors = draw_gain_db(SCENARIOS[name], count, generator()).numpy()
    compiled = 10.0 * np.log10(simulate(SCENARIOS[name], count, seed=2))
    own = ~np.eye(tensors.shape[-1], dtype=bool)
    for select in (~own, own):
        ours, theirs = (values[:, select] for values in (tensors, compiled))
        # Snapshots are independent, gains within one are not: the standard error is that of snapshot means.
        for moment in (lambda x: x.mean(1), lambda x: x.std(1), lambda x: np.quantile(x, 0.05, axis=1)):
            a, b = moment(ours), moment(theirs)
            error = np.hypot(a.std() / count**0.5, b.std() / count**0.5)
            assert abs(a.mean() - b.mean()) < 4.0 * error
    diagonals = [np.diagonal(values, axis1=1, axis2=2)[:, 0] for values in (tensors, compiled)]
    assert stats.ks_2samp(*diagonals).pvalue > 1e-3


def test_shadowing_and_fading_can_be_switched_off():
    plain = dataclasses.replace(SCENARIOS["D16"], shadowing_db=0.0, fading="none")
    gain_db = draw_gain_db(plain, 3, generator())
    transmitters, receivers = draw_layouts(plain, 3, generator())
    distance = torch.cdist(receivers, transmitters).clamp_min(1.0)
    loss = 39.0 + 20.0 * distance.log10() + 20.0 * (distance / 100.0).clamp_min(1.0).log10()
    assert torch.allclose(gain_db, plain.transmit_snr_db - loss, atol=1e-3)


def test_the_generator_decides_everything():
    first, again, other = (draw_gain_db(SCENARIOS["D16"], 4, generator(seed)) for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert first.dtype == torch.float32


@pytest.mark.parametrize("area_m", [380.0, 400.0, 420.0])
def test_crowded_layouts_that_the_compiled_simulator_completes_are_completed(area_m):
    crowded = dataclasses.replace(CROWDED, area_m=area_m)
    for seed in range(3):
        assert len(placement.place(crowded, 4, np.random.default_rng(seed)).receivers) == 4
        assert len(draw_layouts(crowded, 4, generator(seed))[0]) == 4


def test_a_hopeless_scenario_is_named_within_bounds():
    crowd = Scenario("crowd", links=60, min_distance_m=90.0, max_distance_m=100.0, area_m=100.0)
    with pytest.raises(ValueError, match=r"'crowd'.*fewer links"):
        draw_gain_db(crowd, 2, generator())
