"""Sparse networks are answered as their matrices are, and never worse than the classical answers."""

import numpy as np
import pytest

import gfm_ra
from components.channel.city import city_scenario, dense_gain, draw_city, sparse_network
from components.channel.scenario import SCENARIOS
from components.channel.simulator import simulate
from gfm_ra.explain.explanation import explain
from gfm_ra.goals import AlphaFair, ProportionalFair, QoS, SumRate, Weighted
from gfm_ra.inference.noise import noise
from gfm_ra.inference.prompts import prompt_of
from gfm_ra.inference.sparse.passes import SparsePass
from gfm_ra.rates import spectral_efficiency
from gfm_ra.solvers import sparse
from gfm_ra.solvers.proofs.certificate import scale_of
from gfm_ra.solvers.sparse_bounds import upper

GOALS = [SumRate(), ProportionalFair(), QoS(), AlphaFair(0.5), AlphaFair(2.0)]


@pytest.fixture(scope="module")
def allocator():
    return gfm_ra.load()


@pytest.fixture(scope="module")
def city():
    return draw_city(city_scenario(400), 5)


@pytest.fixture(scope="module")
def network(city):
    return sparse_network(city, cells=16)


def network_of(gain, **far):
    receiver, transmitter = np.nonzero((gain > 0) | np.eye(len(gain), dtype=bool))
    return gfm_ra.Network.from_edges(len(gain), receiver, transmitter, gain[receiver, transmitter], **far)


# The pass


@pytest.mark.parametrize("links", [1, 2, 15, 16, 17, 50, 80])
@pytest.mark.parametrize("goal", GOALS, ids=repr)
def test_a_pass_over_all_edges_is_that_over_the_matrix(allocator, goal, links) -> None:
    gain = simulate(SCENARIOS["D20"], 1, 0)[:, :links, :links]
    prompt, given = prompt_of(goal, 1, links), noise(3, 2, links)
    expected = allocator.network.draws(gain, prompt, given)[0]
    passes = SparsePass(allocator.network, network_of(gain[0]))
    for draw in (0, 1):
        np.testing.assert_allclose(passes.draw(prompt, given, draw), expected[draw], atol=2e-3)


def test_weights_reach_the_pass(allocator) -> None:
    gain = simulate(SCENARIOS["D18"], 1, 0)
    goal = Weighted(SumRate(), np.random.default_rng(0).random(50))
    prompt = prompt_of(goal, 1, 50)
    expected = allocator.network.draws(gain, prompt, noise(0, 1, 50))[0, 0]
    found = SparsePass(allocator.network, network_of(gain[0])).draw(prompt, noise(0, 1, 50), 0)
    np.testing.assert_allclose(found, expected, atol=2e-3)


@pytest.mark.parametrize("goal", GOALS, ids=repr)
def test_to_a_pass_a_far_field_is_a_matrix_of_equal_gains(allocator, goal) -> None:
    links = 48
    gain = simulate(SCENARIOS["D18"], 1, 0)[0, :links, :links]
    cell = np.arange(links) % 2
    across = cell[:, None] != cell[None]
    sums = np.random.default_rng(1).lognormal(2.0, 1.0, links)
    far = np.where(np.arange(2) == cell[:, None], 0.0, sums[:, None])
    full = np.where(across, (sums / (links / 2))[:, None], gain).astype(np.float32)
    prompt, given = prompt_of(goal, 1, links), noise(0, 1, links)
    expected = allocator.network.draws(full[None], prompt, given)[0, 0]
    network = network_of(np.where(across, np.float32(0), gain), cell=cell, far_gain=far)
    found = SparsePass(allocator.network, network).draw(prompt, given, 0)
    # The largest gain that a link hears is not known of the far field.
    assert np.abs(found - expected).mean() < 0.02


# Answers


@pytest.mark.parametrize("effort", ["fast", "balanced", "best"])
@pytest.mark.parametrize("goal", GOALS, ids=repr)
def test_a_matrix_written_as_edges_is_answered_as_well(allocator, goal, effort) -> None:
    gain = simulate(SCENARIOS["D20"], 1, 4)[0]
    dense = allocator.allocate(gain=gain, goal=goal, effort=effort)
    found = allocator.allocate(network_of(gain), goal=goal, effort=effort)
    assert found.utility == pytest.approx(float(dense.utility), rel=5e-3)
    np.testing.assert_allclose(
        found.rate, spectral_efficiency(found.power, gain.astype(np.float64)), rtol=1e-5
    )
    assert found.power.shape == (80,)
    assert str(found.source) in ("model", "refined", "wmmse")


@pytest.mark.parametrize("goal", GOALS, ids=repr)
def test_balanced_and_best_are_never_worse_than_what_they_contain(allocator, network, goal) -> None:
    balanced, best = (
        allocator.allocate(network, goal=goal, effort=effort, seed=2) for effort in ("balanced", "best")
    )
    one, many = sparse.wmmse(network, goal, seed=2), sparse.wmmse(network, goal, starts=100, seed=2)
    for answer, power in ((balanced, one), (balanced, np.ones(400)), (best, many), (best, one)):
        assert goal.advantage(answer.rate, network.rates(power)) >= -1e-6


def test_answers_hold_on_the_true_gains(allocator, city, network) -> None:
    gain = dense_gain(city)
    found, dense = allocator.allocate(network), allocator.allocate(gain=gain)
    true = spectral_efficiency(found.power.astype(np.float64), gain.astype(np.float64)).sum()
    assert true > 0.99 * dense.utility
    assert true == pytest.approx(float(found.utility), rel=5e-3)


def test_notes_bound_what_the_far_field_can_change(allocator, network) -> None:
    found = allocator.allocate(network, effort="fast")
    (line,) = [note for note in found.notes if note.startswith("far field")]
    least, most = (float(word) for word in line.split("between ")[1].split(" and "))
    assert least < found.utility < most
    assert not [note for note in allocator.allocate(network_of(np.eye(3) + 1)).notes if "far" in note]


def test_the_same_seed_gives_the_same_powers_on_any_number_of_threads(allocator, network) -> None:
    one, two = (allocator.allocate(network, seed=1, threads=threads) for threads in (1, 2))
    np.testing.assert_array_equal(one.power, two.power)
    other = allocator.allocate(network, seed=9, effort="fast")
    assert not np.array_equal(other.power, allocator.allocate(network, seed=1, effort="fast").power)


@pytest.mark.parametrize("goal", GOALS, ids=repr)
def test_a_gap_is_the_distance_from_an_upper_bound(allocator, network, goal) -> None:
    found = allocator.allocate(network, goal=goal, effort="fast", certify=True)
    distance = upper(network, goal) - found.utility
    assert found.gap == pytest.approx(float(distance / scale_of(goal, found.utility, 400)))
    assert 0 < found.gap < 10
    assert allocator.allocate(network, goal=goal, effort="fast").gap is None


def test_few_links_without_a_far_field_are_answered_as_their_matrix(allocator) -> None:
    gain = simulate(SCENARIOS["D16"], 1, 4)[0, :6, :6]
    for options in (
        {"effort": "best"},
        {"certify": True},
        {"goal": "energy-efficiency", "circuit_power": 0.1},
    ):
        found, dense = (
            allocator.allocate(network_of(gain), **options),
            allocator.allocate(gain=gain, **options),
        )
        np.testing.assert_array_equal(found.power, dense.power)
        assert found.gap == dense.gap


def test_full_powers_give_dbm_and_weights_count(allocator) -> None:
    gain = simulate(SCENARIOS["D16"], 1, 4)[0]
    network = network_of(gain, transmit_power_dbm=10.0)
    found = allocator.allocate(network)
    np.testing.assert_allclose(found.power_dbm.max(), 10.0, atol=1e-4)
    weights = np.where(np.arange(20) == 3, 1.0, 1e-4)
    assert allocator.allocate(network, weights=weights).rate[3] > found.rate[3] * (1 - 1e-6)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"goal": "energy-efficiency", "circuit_power": 0.1}, "sum-rate, proportional-fair"),
        ({"weights": np.ones(3)}, "weights must be"),
        ({"threads": 0}, "threads"),
        ({"seed": -1}, "seed"),
        ({"gain": np.eye(2)}, "not both"),
        ({"effort": "most"}, "effort"),
    ],
)
def test_what_is_not_answered_is_refused(allocator, network, options, said) -> None:
    with pytest.raises(ValueError, match=said):
        allocator.allocate(network, **options)


# What is said


@pytest.mark.parametrize("links", [64, 70])
def test_gains_that_look_wrong_are_said_at_any_number_of_links(allocator, links) -> None:
    gain = np.eye(links) * 1e-9
    gain[0, 1], gain[1, 0] = 1e-8, 1e-11
    found = allocator.allocate(network_of(gain), effort="fast")
    assert found.notes == allocator.allocate(gain=gain, effort="fast").notes
    assert found.notes[0].startswith("no own gain is above -30 dB")
    assert found.notes[1].startswith("1 gains outside -100 to 200 dB")
    turned = np.roll(np.eye(links) * 100.0, 1, axis=0) + np.eye(links)
    (line,) = allocator.allocate(network_of(turned), effort="fast").notes
    assert line.startswith("only 0% of the receivers get most from their own transmitter")


def test_an_explanation_needs_a_matrix_and_the_line_says_how(allocator, city) -> None:
    network = sparse_network(city)
    answer = allocator.allocate(network, effort="fast", weights=np.linspace(0.5, 1.0, 400))
    for link in (None, 3):
        with pytest.raises(ValueError, match="needs a matrix") as refused:
            answer.explain(link)
    words = str(refused.value)
    assert "explain(network.dense_gain(), answer.power, answer.goal)" in words
    found = explain(network.dense_gain(), answer.power, answer.goal, 3)
    assert found.links[0].link == 3
