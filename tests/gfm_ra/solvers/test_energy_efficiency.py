"""The solver of energy efficiency against closed forms and grids, and what it promises."""

from itertools import pairwise

import numpy as np
import pytest
from scipy.special import lambertw

from gfm_ra.energy import KINDS, EnergyEfficiency, Kind
from gfm_ra.goals import Objective, SumRate, Weighted
from gfm_ra.rates import spectral_efficiency
from gfm_ra.solvers import energy_efficient
from gfm_ra.solvers.random_starts import uniform
from tests.gfm_ra.solvers.test_weighted_mmse import random_start

CIRCUIT = (0.01, 1.0, 10.0)


def gains(seed: int, count: int, links: int, crossing_db: float = 20.0) -> np.ndarray:
    """Own gains around 40 dB."""
    draws = np.random.default_rng(seed)
    gain_db = draws.normal(crossing_db, 10.0, (count, links, links))
    gain_db[:, range(links), range(links)] = draws.normal(40.0, 3.0, (count, links))
    return 10.0 ** (gain_db / 10.0)


def utility(power: np.ndarray, gain: np.ndarray, goal: Objective) -> np.ndarray:
    exact = np.asarray(power, np.float64)
    return goal.utility(spectral_efficiency(exact, gain.astype(np.float64)), exact)


def best_of_grid(gain: np.ndarray, goal: Objective, points: int) -> np.ndarray:
    """The best of all powers on a grid that is even in dB, and nothing; [B]."""
    levels = np.concatenate([[0.0], np.logspace(-5.0, 0.0, points)])
    power = np.stack(np.meshgrid(*[levels] * gain.shape[-1], indexing="ij"), -1).reshape(-1, gain.shape[-1])
    return np.array([utility(power, one, goal).max() for one in gain])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("circuit", CIRCUIT)
def test_a_lone_link_has_the_power_of_the_closed_form(kind: Kind, circuit: float) -> None:
    gain = 10.0 ** np.arange(0.0, 9.0)[:, None, None]
    found = energy_efficient(gain, EnergyEfficiency(circuit, 0.35, kind))
    own = gain[:, 0, 0]
    signal = np.exp(1.0 + lambertw((own * 0.35 * circuit - 1.0) / np.e).real) - 1.0
    np.testing.assert_allclose(found[:, 0], np.minimum(signal / own, 1.0), rtol=1e-3)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("circuit", CIRCUIT)
@pytest.mark.parametrize(("links", "points"), [(2, 200), (3, 45)])
def test_ten_starts_reach_the_best_of_a_grid(links: int, points: int, circuit: float, kind: Kind) -> None:
    gain, goal = gains(links, 40, links), EnergyEfficiency(circuit, kind=kind)
    found = utility(energy_efficient(gain, goal, starts=10), gain, goal)
    assert (found >= 0.999 * best_of_grid(gain, goal, points)).mean() >= 0.95


@pytest.mark.parametrize("kind", KINDS)
def test_weights_decide_who_is_served(kind: Kind) -> None:
    gain, weights = gains(5, 30, 2, 35.0), np.array([1.0, 20.0])
    goal = Weighted(EnergyEfficiency(1.0, kind=kind), weights)
    power = energy_efficient(gain, goal, starts=10)
    assert (utility(power, gain, goal) >= 0.999 * best_of_grid(gain, goal, 150)).mean() >= 0.95
    plain = utility(energy_efficient(gain, goal.objective, starts=10), gain, goal)
    assert (utility(power, gain, goal) > 1.05 * plain).mean() > 0.5
    for scale in (1e-12, 1e12):
        scaled = Weighted(goal.objective, scale * weights)
        np.testing.assert_allclose(energy_efficient(gain, scaled, starts=10), power, rtol=1e-5, atol=1e-9)
    each = np.random.default_rng(0).random((30, 2))
    together = energy_efficient(gain, Weighted(goal.objective, each))
    for index in (0, 17):
        alone = energy_efficient(gain[index], Weighted(goal.objective, each[index]))
        np.testing.assert_array_equal(together[index], alone)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("circuit", [0.0, *CIRCUIT])
def test_more_starts_and_iterations_never_give_less(circuit: float, kind: Kind) -> None:
    gain, goal = gains(9, 20, 6, 25.0), EnergyEfficiency(circuit, kind=kind)

    def reached(**words: int) -> np.ndarray:
        return utility(energy_efficient(gain, goal, **words), gain, goal)

    by_starts = [reached(starts=starts) for starts in (1, 2, 5, 20)]
    by_iterations = [reached(iterations=iterations) for iterations in (*range(12), 50, 100)]
    for values in (by_starts, by_iterations):
        for less, more in pairwise(values):
            assert (more >= less * (1 - 1e-6)).all()
    if circuit:  # otherwise powers fall towards 0, where nobody disturbs anybody
        assert (by_starts[-1] > 1.01 * by_starts[0]).any()
    assert (by_iterations[-1] > 1.1 * by_iterations[0]).all()


@pytest.mark.parametrize("kind", KINDS)
def test_never_worse_than_given_powers_or_full_power(kind: Kind) -> None:
    gain, goal = gains(3, 50, 5), EnergyEfficiency(1.0, kind=kind)
    for given in (np.zeros((50, 5)), np.random.default_rng(1).random((50, 5)) ** 6):
        found = utility(energy_efficient(gain, goal, initial_power=given), gain, goal)
        assert (found >= utility(given.astype(np.float32), gain, goal)).all()
        assert (found >= utility(np.ones((50, 5)), gain, goal)).all()
    best = energy_efficient(gain, goal, starts=20)
    kept = energy_efficient(gain, goal, initial_power=best)
    np.testing.assert_allclose(utility(kept, gain, goal), utility(best, gain, goal), rtol=1e-4)
    np.testing.assert_array_equal(energy_efficient(gain, goal, iterations=0), np.ones((50, 5)))


def test_the_best_powers_that_are_met_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    gain, goal, draws = gains(6, 10, 4), EnergyEfficiency(0.1, kind="weighted-sum"), np.random.default_rng(0)
    met: list[np.ndarray] = [np.ones((10, 1, 4))]

    def anywhere(fractions: object, now: object) -> np.ndarray:
        met.append(draws.random((10, 1, 4)) ** 8 if len(met) % 3 else np.full((10, 1, 4), np.nan))
        return met[-1]

    monkeypatch.setattr("gfm_ra.solvers.energy_efficiency._Fractions.target", anywhere)
    found = utility(energy_efficient(gain, goal, iterations=20), gain, goal)
    values = [utility(power[:, 0], gain, goal) for power in met if not np.isnan(power).any()]
    np.testing.assert_allclose(found, np.max(values, axis=0), rtol=1e-5)
    assert len(met) == 21


@pytest.mark.parametrize("kind", KINDS)
def test_an_answer_is_the_same_alone_and_in_any_batch(kind: Kind, monkeypatch: pytest.MonkeyPatch) -> None:
    gain, goal = gains(4, 12, 7), EnergyEfficiency(0.1, kind=kind)
    whole = energy_efficient(gain, goal, starts=4, seed=3)
    assert whole.dtype == np.float32
    for index in range(12):
        alone = energy_efficient(gain[index], goal, starts=4, seed=3, first_index=index)
        np.testing.assert_array_equal(whole[index], alone)
    np.testing.assert_array_equal(
        energy_efficient(gain.reshape(3, 4, 7, 7), goal, starts=4, seed=3).reshape(12, 7), whole
    )
    monkeypatch.setattr("gfm_ra.solvers.energy_efficiency._PART_POWERS", 5 * 4 * 7)
    np.testing.assert_array_equal(energy_efficient(gain, goal, starts=4, seed=3), whole)
    order = np.random.default_rng(0).permutation(7)
    turned = energy_efficient(gain[:, order][:, :, order], goal)
    np.testing.assert_allclose(turned, energy_efficient(gain, goal)[:, order], rtol=1e-5, atol=1e-9)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("circuit", [0.0, 1e-30, 1e30, 1e300])
def test_any_gains_give_powers(circuit: float, kind: Kind) -> None:
    draws = np.random.default_rng(0)
    for gain in (
        np.zeros((2, 3, 3)), 10.0 ** draws.uniform(-10.0, 20.0, (20, 3, 3)), np.full((1, 3, 3), 1e24),
        np.eye(3)[None] * 1e-30, np.ones((1, 1, 1)), np.zeros((0, 3, 3)),
    ):  # fmt: skip
        goal = EnergyEfficiency(circuit, 1e-3, kind)
        power = energy_efficient(gain, goal, starts=3)
        assert power.shape == gain.shape[:-1]
        assert ((power >= 0) & (power <= 1)).all()
        assert np.isfinite(utility(power, gain, goal)).all()


def test_without_circuit_power_the_supremum_is_approached() -> None:
    gain = np.array([[[1e4]], [[1.0]], [[1e-3]]])
    goal = EnergyEfficiency(0.0)
    found = utility(energy_efficient(gain, goal), gain, goal)
    supremum = gain[:, 0, 0] * 0.35 / np.log(2.0)
    assert (found > 0.98 * supremum).all()
    assert (found < supremum).all()


def test_random_starts_are_those_of_the_compiled_solvers() -> None:
    indices = np.array([0, 3, 2**64 - 1], dtype=np.uint64)
    found = uniform(7, indices, np.arange(1, 4), 5)
    for row, index in enumerate(indices):
        for start in range(3):
            expected = np.array(random_start(7, int(index), start + 1, 5), np.float32)
            np.testing.assert_array_equal(found[row, start], expected)


@pytest.mark.parametrize(
    ("goal", "words", "said"),
    [
        (SumRate(), {}, "the goal must be EnergyEfficiency"),
        (Weighted(EnergyEfficiency(1.0), np.ones(3)), {}, "do not fit"),
        (EnergyEfficiency(1.0), {"starts": 0}, "starts must be from 1"),
        (EnergyEfficiency(1.0), {"iterations": -1}, "iterations must be from 0"),
        (EnergyEfficiency(1.0), {"initial_power": [0.5, 2.0]}, "must lie in"),
    ],
)
def test_what_does_not_fit_is_refused(goal: Objective, words: dict, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        energy_efficient(np.eye(2), goal, **words)
    with pytest.raises(ValueError, match="not negative"):
        energy_efficient(-np.eye(2), EnergyEfficiency(1.0))
