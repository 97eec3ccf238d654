"""Least rates of slices are met whenever they can be, and nothing else is given up for it that need not be."""

import numpy as np
import pytest

import gfm_ra
from gfm_ra import Slice
from gfm_ra.goals import SumRate
from gfm_ra.rates import spectral_efficiency
from gfm_ra.slices.admission import admitted
from gfm_ra.slices.channel import Channel
from gfm_ra.slices.repair import Requirements
from gfm_ra.solvers import wmmse

EFFORTS = ("fast", "balanced", "best")


@pytest.fixture(scope="module")
def allocator() -> gfm_ra.Allocator:
    return gfm_ra.load()


def networks(count: int, links: int, seed: int = 0) -> np.ndarray:
    gain_db = np.random.default_rng(seed).uniform(-20.0, 25.0, (count, links, links))
    gain_db[:, range(links), range(links)] += 20.0
    return 10.0 ** (gain_db / 10.0)


@pytest.mark.parametrize("effort", EFFORTS)
@pytest.mark.parametrize("priority", [0.0, 1.0])
def test_they_are_met_exactly_where_the_linear_system_says_so(allocator, effort, priority) -> None:
    gain = networks(60, 8)
    slices = [Slice.urllc([0, 1, 2], least_rate=2.0, priority=priority), Slice.embb(range(3, 8))]
    answer = allocator.allocate(gain=gain, slices=slices, effort=effort)
    can = gfm_ra.exact.feasible(gain[:, :3, :3], 2.0)
    assert 10 < can.feasible.sum() < 50
    np.testing.assert_array_equal(answer.slices[0].status == "adequate", can.feasible)
    np.testing.assert_array_equal(answer.below_min_rate > 0, ~can.feasible)
    np.testing.assert_allclose(answer.slices[0].relaxation, can.relaxation)
    rate = spectral_efficiency(answer.power.astype(np.float64), gain)
    assert (rate[can.feasible, :3] >= 2.0 * (1 - 1e-5)).all()
    assert ((answer.power >= 0) & (answer.power <= 1)).all()


@pytest.mark.parametrize(("factor", "status"), [(1 - 1e-6, "adequate"), (1 + 1e-4, "insufficient")])
def test_also_next_to_the_limit(allocator, factor, status) -> None:
    gain = networks(20, 6)
    for one in gain:
        most = float(gfm_ra.exact.max_min(one[:3, :3])[1])
        slices = [Slice.urllc([0, 1, 2], least_rate=factor * most), Slice.embb([3, 4, 5])]
        assert allocator.allocate(gain=one, slices=slices, effort="fast").slices[0].status == status


def test_without_interference_powers_are_known(allocator) -> None:
    gain = np.diag([100.0, 50.0, 200.0])
    slices = [Slice.urllc([0], least_rate=3.0), Slice.miot([1], least_rate=0.1)]
    power = allocator.allocate(gain=gain, slices=slices).power
    np.testing.assert_allclose(power, [7 / 100, (2**0.1 - 1) / 50, 1.0], rtol=1e-5)


@pytest.mark.parametrize("effort", EFFORTS)
def test_three_links_are_as_good_as_a_grid_of_powers(allocator, effort) -> None:
    gain = networks(12, 3, seed=3)
    can = np.asarray(gfm_ra.exact.feasible(gain[:, :1, :1], 2.0).feasible)
    answer = allocator.allocate(gain=gain, slices=[Slice.urllc([0], least_rate=2.0)], effort=effort)
    levels = np.concatenate([[0.0], np.logspace(-4, 0, 60)])
    others = np.stack(np.meshgrid(levels, levels, indexing="ij"), -1).reshape(-1, 2)
    best = []
    for one in gain[can]:
        first = 3.0 * (1.0 + others @ one[0, 1:]) / one[0, 0]
        power = np.concatenate([first[:, None], others], axis=1)[first <= 1.0]
        best.append(spectral_efficiency(power, one)[:, 1:].sum(-1).max())
    ratio = answer.utility[can] / np.array(best)
    assert len(ratio) > 8
    assert ratio.mean() > 0.94
    assert effort == "fast" or (ratio > 0.99).all()


def test_what_is_beyond_least_rates_counts_by_priority(allocator) -> None:
    gain = networks(30, 6)
    none, much = (
        allocator.allocate(gain=gain, slices=[Slice.urllc([0, 1], least_rate=0.5, priority=priority)])
        for priority in (0.0, 10.0)
    )
    can = none.slices[0].status == "adequate"
    np.testing.assert_allclose(none.rate[can][:, :2], 0.5, rtol=1e-4)
    assert much.slices[0].rate.mean() > none.slices[0].rate.mean() + 1.0
    assert much.utility[can].mean() > none.utility[can].mean()
    np.testing.assert_allclose(much.utility, 10 * much.rate[:, :2].sum(-1) + much.rate[:, 2:].sum(-1))


def test_slices_that_come_first_go_first(allocator) -> None:
    # Each of the two can have 5 bit/s/Hz alone; together they cannot.
    gain = np.array([[1000.0, 500.0], [500.0, 1000.0]])
    first, second = Slice.urllc([0], least_rate=5.0, name="a"), Slice.urllc([1], least_rate=5.0, name="b")
    for order in ([first, second], [second, first]):
        answer = allocator.allocate(gain=gain, slices=order)
        assert [each.status for each in answer.slices] == ["adequate", "insufficient"]
        assert answer.slices[1].links_below == 1
        assert 0 < answer.slices[1].relaxation < 1
        assert "1 of 1 links below the least rate of 5 bit/s/Hz" in answer.notes[-1]


def test_what_is_admitted_can_be_met_and_nothing_could_be_added() -> None:
    gain, least = networks(40, 6, seed=5), np.full(6, 2.5)
    targets = admitted(gain, least, [np.arange(3), np.arange(3, 6)])
    left_out = 0
    for one, asked in zip(gain, targets, strict=True):
        assert not asked.any() or gfm_ra.exact.feasible(one, asked).feasible
        for link in np.flatnonzero(asked == 0):
            more = asked.copy()
            more[link] = 2.5
            left_out += 1
            assert not gfm_ra.exact.feasible(one, more).feasible
    assert left_out > 10


def test_repaired_powers_meet_targets_from_any_powers() -> None:
    gain = networks(50, 8, seed=7)
    can = np.asarray(gfm_ra.exact.feasible(gain[:, :3, :3], 1.5).feasible)
    channel, targets = Channel(gain[can]), np.zeros((int(can.sum()), 8))
    targets[:, :3] = 1.5
    none = np.zeros((0, 8), dtype=bool), np.zeros((len(targets), 0))
    required = Requirements(channel, targets, np.arange(3), *none, raises=True)
    for seed in range(20):
        start = np.random.default_rng(seed).random(targets.shape) ** 4
        for power in required.met(start):
            assert ((power >= 0) & (power <= 1)).all()
            assert (channel.rates(power)[:, :3] >= 1.5 * (1 - 1e-5)).all()


@pytest.mark.parametrize("effort", ["balanced", "best"])
def test_slices_that_ask_for_nothing_are_never_below_wmmse(allocator, effort) -> None:
    gain = networks(40, 10, seed=2)
    answer = allocator.allocate(gain=gain, slices=[Slice.embb(range(10))], effort=effort)
    starts = 1 if effort == "balanced" else 100
    run = spectral_efficiency(wmmse(gain, SumRate(), starts=starts).astype(np.float64), gain).sum(-1)
    assert (answer.utility >= run * (1 - 1e-6)).all()
