"""Answers to networks of several bands: limits, rates, promises of efforts, closed forms, and what is refused."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest

import gfm_ra
from gfm_ra.network import Network
from gfm_ra.solvers import bands

EFFORTS = ("fast", "balanced", "best")
_PLACE = Path(__file__).parents[2] / "solvers" / "bands_reference.py"
_SPEC = importlib.util.spec_from_file_location("bands_reference", _PLACE)
reference = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(reference)


@pytest.fixture(scope="module")
def allocator():
    return gfm_ra.load()


def gains(seed, count, bands_, links, own=100.0, hidden=0.0):
    """Rayleigh gains [B, F, K, K], own ones stronger; some crossing ones unknown."""
    generator = np.random.default_rng(seed)
    gain = 10 * generator.exponential(size=(count, bands_, links, links)) * (1 + own / 10 * np.eye(links))
    unknown = (generator.random(gain.shape) < hidden) & ~np.eye(links, dtype=bool)
    return np.where(unknown, np.nan, gain)


def limits_of(generator, links):
    """Random options of a network with K links."""
    options = {"limit": generator.uniform(0.1, 1, links)}
    if generator.random() < 0.7:
        options |= {"groups": np.arange(links) % 2, "group_limit": generator.uniform(0.1, 1.5, 2)}
    if generator.random() < 0.5:
        options["exclusive"] = np.arange(links) % 2
    return options


@pytest.mark.parametrize("hidden", [0.0, 0.3])
@pytest.mark.parametrize("goal", ["sum-rate", "proportional-fair", "qos"])
@pytest.mark.parametrize("seed", range(6))
def test_no_answer_breaks_a_limit(allocator, seed, goal, hidden):
    generator = np.random.default_rng([seed, 7])
    links, bands_ = int(generator.integers(2, 11)), int(generator.integers(1, 5))
    network = Network(gains(seed, 8, bands_, links, hidden=hidden), bands=True, **limits_of(generator, links))
    answer = allocator.allocate(network, goal=goal, effort=EFFORTS[seed % 3])
    assert answer.power.shape == (8, bands_, links)
    assert network.limits.excess(answer.power).max() <= 1e-6


def test_rates_are_sums_over_bands(allocator):
    gain = gains(1, 4, 3, 5)
    network = Network(gain.reshape(2, 2, 3, 5, 5), bands=True, transmit_power_w=2.0)
    answer = allocator.allocate(network, goal="proportional-fair")
    each = reference.rates(gain, answer.power.reshape(4, 3, 5)).reshape(2, 2, 3, 5)
    np.testing.assert_allclose(answer.rate_per_band, each, rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(answer.rate, each.sum(-2), rtol=1e-6)
    np.testing.assert_allclose(
        answer.utility, gfm_ra.ProportionalFair().utility(answer.rate), rtol=1e-9, atol=1e-9
    )
    power_w = 10 ** (answer.power_dbm / 10 - 3)
    np.testing.assert_allclose(power_w, 2 * answer.power, rtol=1e-5, atol=1e-30)
    assert answer.source.shape == answer.below_min_rate.shape == (2, 2)


@pytest.mark.parametrize("goal", [gfm_ra.SumRate(), gfm_ra.ProportionalFair(), gfm_ra.QoS(min_rate=4.0)])
def test_balanced_is_never_worse_than_16_wmmse_runs_or_the_even_split(allocator, goal):
    gain = gains(2, 20, 3, 6).astype(np.float32)
    network = Network(gain, bands=True, groups=[0, 0, 0, 1, 1, 1])
    answer = allocator.allocate(network, goal=goal, effort="balanced")
    run = bands.wmmse(network.gain, network.limits, goal, starts=16, iterations=100)
    even = np.full_like(run, 1 / 9)
    for other in (run, even):
        rates = reference.rates(network.gain, other.astype(np.float64)).sum(1)
        assert (answer.utility >= goal.utility(rates) - 1e-6).all()


def test_best_is_never_worse_than_the_best_of_100_wmmse_runs(allocator):
    network = Network(gains(3, 4, 2, 5).astype(np.float32), bands=True)
    answer = allocator.allocate(network, effort="best")
    runs = bands.wmmse(network.gain, network.limits, starts=100, iterations=100)
    rates = reference.rates(network.gain, runs.astype(np.float64)).sum((1, 2))
    assert (answer.utility >= rates - 1e-5).all()


@pytest.mark.parametrize("effort", ["balanced", "best"])
def test_without_interference_powers_fill_water(allocator, effort):
    own = np.random.default_rng(4).exponential(3.0, (5, 6, 3))
    gain = own[..., None] * np.eye(3)
    answer = allocator.allocate(Network(gain, bands=True), effort=effort)
    level = np.zeros((5, 1, 3))
    for bit in range(1, 60):  # the level whose powers add up to 1, found bit by bit
        trial = level + 8.0 * 0.5**bit
        level = np.where(np.maximum(trial - 1 / own, 0).sum(1, keepdims=True) <= 1, trial, level)
    exact = np.log2(1 + own * np.maximum(level - 1 / own, 0)).sum((1, 2))
    np.testing.assert_allclose(answer.utility, exact, rtol=1e-3)


def test_two_links_in_two_bands_are_near_the_best_of_a_grid(allocator):
    network = Network(gains(5, 30, 2, 2, own=30.0), bands=True)
    answer = allocator.allocate(network, effort="best")
    part = np.linspace(0, 1, 41)
    pairs = np.array(
        [(a, b) for a in part for b in part if a + b <= 1 + 1e-9]
    )  # a link's powers in both bands
    best = np.zeros(30)
    for first in pairs:
        power = np.stack([np.broadcast_to(first, pairs.shape), pairs], -1)  # [P, F, K]
        each = [reference.rates(gain[None], power) for gain in network.gain]  # of [P, F, K]
        rates = np.stack(each)
        best = np.maximum(best, rates.sum((-1, -2)).max(1))
    assert (answer.utility / best).mean() >= 0.995


def test_a_single_band_with_limits_of_links_is_the_network_with_scaled_gains(allocator):
    gain, limit = gains(6, 5, 1, 6)[:, 0], np.array([1.0, 0.5, 0.25, 1.0, 0.1, 0.0])
    answer = allocator.allocate(Network(gain, limit=limit), goal="proportional-fair", certify=True)
    plain = allocator.allocate(Network(gain * limit), goal="proportional-fair", certify=True)
    np.testing.assert_allclose(answer.power, plain.power * limit, rtol=1e-6)
    np.testing.assert_array_equal(answer.rate, plain.rate)
    np.testing.assert_array_equal(answer.gap, plain.gap)
    assert answer.power.shape == (5, 6)
    assert answer.rate_per_band is None
    assert (answer.power <= limit).all()


def test_gains_of_a_transmitter_without_power_need_not_be_known(allocator):
    gain, limit = gains(6, 1, 1, 4)[0, 0], np.array([0.0, 0.5, 1.0, 1.0])
    known = allocator.allocate(Network(gain, limit=limit))
    hidden = gain.copy()
    hidden[1:, 0] = np.nan
    for most_db in (None, np.where(np.isnan(hidden), 10.0, np.nan), np.full((4, 4), np.inf)):
        answer = allocator.allocate(Network(hidden, limit=limit, at_most_db=most_db))
        assert answer.power[0] == 0
        if most_db is None:
            np.testing.assert_array_equal(answer.power, known.power)
            np.testing.assert_array_equal(answer.rate, known.rate)


@pytest.mark.parametrize("effort", ["balanced", "best"])
def test_nobody_who_may_have_power_is_an_answer(allocator, effort):
    answer = allocator.allocate(Network(gains(6, 1, 1, 4)[0, 0], limit=0.0), effort=effort, certify=True)
    assert (answer.power == 0).all()
    assert (answer.utility, answer.gap) == (0.0, 0.0)


def test_a_single_band_with_a_budget_keeps_its_shape(allocator):
    network = Network(gains(7, 1, 1, 4)[0, 0], groups=[[0, 1], [2, 3]], group_limit=0.5)
    answer = allocator.allocate(network)
    assert answer.power.shape == (4,)
    assert answer.rate_per_band is None
    assert network.limits.excess(answer.power[None]) <= 1e-6


@pytest.mark.parametrize("effort", EFFORTS)
def test_a_network_is_answered_alike_alone_and_in_a_batch(allocator, effort):
    network = Network(gains(8, 5, 2, 4), bands=True, groups=[0, 0, 1, 1])
    together = allocator.allocate(network, effort=effort, goal="qos", weights=np.arange(20).reshape(5, 4) + 1)
    alone = allocator.allocate(
        network[3:4], effort=effort, goal="qos", weights=[13, 14, 15, 16], first_index=3
    )
    np.testing.assert_allclose(together.power[3], alone.power[0], rtol=1e-4, atol=1e-6)


def test_some_unknown_gains_leave_other_networks_known(allocator):
    gain = gains(9, 3, 2, 4)
    gain[1, 0, 0, 1] = np.nan
    answer = allocator.allocate(Network(gain, bands=True))
    assert np.isnan(answer.utility).tolist() == [False, True, False]
    assert answer.source[1] == "model, unchecked"
    assert "nothing could be compared" in answer.notes[-1]


def test_a_network_that_answers_nonsense_breaks_nothing(allocator, monkeypatch):
    monkeypatch.setattr(
        type(allocator.network), "draws", lambda self, gain, prompt, noise, threads=None: np.full(
            (len(gain), len(noise), gain.shape[-1]), np.nan, np.float32
        ),
    )  # fmt: skip
    network = Network(gains(10, 3, 2, 4), bands=True, groups=[0, 0, 1, 1])
    answer = allocator.allocate(network)
    assert network.limits.excess(answer.power).max() <= 1e-6
    assert np.isfinite(answer.utility).all()
    assert "3 networks: it was not used" in answer.notes[-1]


def test_least_rates_that_are_out_of_reach_are_said(allocator):
    network = Network([[[1.0, 0], [0, 1000.0]]] * 2, bands=True)
    answer = allocator.allocate(network, goal="qos", min_rate=5.0)
    assert "1 link cannot reach 5 bit/s/Hz alone" in answer.notes[0]
    assert answer.below_min_rate == 1


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"certify": True}, "nothing is proven"),
        ({"goal": "energy-efficiency", "circuit_power": 0.5}, "bands, limits and budgets are answered for"),
    ],
)
def test_what_is_not_answered_is_refused_in_a_line(allocator, options, said):
    with pytest.raises(ValueError, match=said):
        allocator.allocate(Network(gains(1, 1, 2, 3), bands=True), **options)


def test_uncertain_gains_explanations_and_familiarity_are_refused(allocator):
    gain = gains(1, 1, 2, 3)
    with pytest.raises(ValueError, match="need exact or unknown"):
        allocator.allocate(Network(gain, bands=True, uncertainty_db=3.0))
    answer = allocator.allocate(Network(gain, bands=True))
    with pytest.raises(ValueError, match="explains neither bands"):
        answer.explain(index=0)
    with pytest.raises(ValueError, match="is of one band"):
        _ = answer.familiarity


def test_an_uplink_with_shared_receivers_raises_no_doubt_and_one_in_another_order_does(allocator):
    gain = gains(11, 2, 2, 6, own=1e4)
    gain[:, :, [1, 2, 4, 5]] = gain[:, :, [0, 0, 3, 3]]  # two receivers, three transmitters each
    for link, receiver in enumerate((0, 0, 0, 3, 3, 3)):
        gain[:, :, receiver // 3 * 3 : receiver // 3 * 3 + 3, link] = 1e4
    assert allocator.allocate(Network(gain, bands=True), effort="fast").notes == ()
    turned = allocator.allocate(Network(np.roll(gain, 3, axis=-1), bands=True), effort="fast")
    assert "in the same order" in turned.notes[0]
