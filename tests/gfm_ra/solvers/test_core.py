"""The compiled core: agreement with float64, the same bits by every road, exceptions instead of crashes."""

import numpy as np
import pytest

from components.channel.scenario import SCENARIOS
from components.channel.simulator import simulate
from gfm_ra.core import loader
from gfm_ra.goals import AlphaFair, ProportionalFair, QoS, SumRate, Weighted
from gfm_ra.rates import spectral_efficiency
from gfm_ra.solvers import binding, fplinq, full_reuse, greedy, wmmse
from gfm_ra.solvers.binding import Task

GOALS = [SumRate(), ProportionalFair(), QoS(), AlphaFair(0.5), AlphaFair(2.0), AlphaFair(10.0)]
FUSED = [name for name in loader.available() if name != "baseline"]


@pytest.fixture
def use(monkeypatch):
    """Switch to another instruction set."""
    return lambda name: monkeypatch.setattr(
        binding, "_core", lambda: binding._typed(loader.library_for(name))
    )


@pytest.fixture
def reference():
    import importlib.util
    from pathlib import Path

    spec = importlib.util.spec_from_file_location("reference", Path(__file__).with_name("reference.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def utility(power, gain, goal):
    return goal.utility(spectral_efficiency(power.astype(np.float64), gain.astype(np.float64)))


def hard(links, count=6, seed=0):
    """Gains over 100 dB of range, independent of each other, some of them 0."""
    generator = np.random.default_rng(seed)
    gain = 10 ** generator.uniform(-4, 6, (count, links, links))
    return np.where(generator.random(gain.shape) < 0.05, 0, gain).astype(np.float32)


# Agreement with float64


@pytest.mark.slow
@pytest.mark.parametrize("name", ["D1", "D10", "D16", "D20"])
def test_every_one_of_a_thousand_snapshots_agrees_with_float64(name, reference):
    gain = simulate(SCENARIOS[name], 1000, 11)
    expected = utility(reference.wmmse(gain, SumRate(), 100, full_reuse(gain)), gain, SumRate())
    np.testing.assert_allclose(utility(wmmse(gain), gain, SumRate()), expected, rtol=5e-6)


@pytest.mark.parametrize("name", loader.available())
@pytest.mark.parametrize("links", [1, 2, 3, 5, 8, 15, 16, 17, 31, 33, 50, 64, 65, 100, 129, 200])
def test_any_number_of_links_agrees_with_float64(links, name, use, reference):
    use(name)
    # Few iterations: where one link takes over from another, rounding grows until that has happened.
    gain = hard(links, 3)
    for goal in (SumRate(), ProportionalFair()):
        expected = utility(reference.wmmse(gain, goal, 10, full_reuse(gain)), gain, goal)
        reached = utility(wmmse(gain, goal, iterations=10), gain, goal)
        np.testing.assert_allclose(reached, expected, rtol=3e-6, atol=3e-6 * links)


def test_three_thousand_iterations_agree_with_float64(reference):
    gain = simulate(SCENARIOS["D16"], 20, 5)
    expected = utility(reference.wmmse(gain, SumRate(), 3000, full_reuse(gain)), gain, SumRate())
    np.testing.assert_allclose(utility(wmmse(gain, iterations=3000), gain, SumRate()), expected, rtol=3e-6)


@pytest.mark.parametrize("goal", [QoS(), AlphaFair(2.0)], ids=repr)
def test_first_damped_steps_agree_with_float64(goal, reference):
    # Later ones swing at the goal's bends, where rounding decides; the mean is compared below.
    gain = simulate(SCENARIOS["D16"], 50, 5)
    for iterations in (1, 2, 4):
        expected = utility(reference.wmmse(gain, goal, iterations, full_reuse(gain)), gain, goal)
        np.testing.assert_allclose(
            utility(wmmse(gain, goal, iterations=iterations), gain, goal), expected, rtol=3e-4
        )
    expected = utility(reference.wmmse(gain, goal, 100, full_reuse(gain)), gain, goal).mean()
    assert utility(wmmse(gain, goal), gain, goal).mean() == pytest.approx(expected, rel=2e-3)


# The same bits


@pytest.mark.skipif(len(FUSED) < 2, reason=f"needs two instruction sets with fused multiply-add, has {FUSED}")
@pytest.mark.parametrize("tolerance", [None, 1e-3])
@pytest.mark.parametrize("goal", GOALS, ids=repr)
@pytest.mark.parametrize("links", [1, 7, 17, 35, 50])
def test_instruction_sets_give_the_same_bits(links, goal, tolerance, use):
    gain = np.concatenate([hard(links), simulate(SCENARIOS["D18"], 15, 2)[:, :links, :links]])
    for starts in (1, 5, 19, 40):
        answers = []
        for name in FUSED:
            use(name)
            answers.append(wmmse(gain, goal, starts, 25, seed=4, tolerance=tolerance))
        assert all(np.array_equal(answers[0], other) for other in answers[1:])


@pytest.mark.parametrize("goal", GOALS, ids=repr)
def test_greedy_is_the_same_on_all_instruction_sets(goal, use):
    gain = simulate(SCENARIOS["D17"], 20, 3)
    answers = []
    for name in loader.available():
        use(name)
        answers.append(greedy(gain, goal))
    assert all(np.array_equal(answers[0], other) for other in answers[1:])


def test_the_baseline_agrees_in_utility(use):
    gain = simulate(SCENARIOS["D18"], 20, 3)
    values = []
    for name in (
        ("baseline", loader.available()[-1]) if "baseline" in loader.available() else loader.available()
    ):
        use(name)
        values.append(utility(wmmse(gain, starts=10), gain, SumRate()))
    np.testing.assert_allclose(values[0], values[-1], rtol=1e-6)


@pytest.mark.parametrize("tolerance", [None, 1e-3])
@pytest.mark.parametrize(
    "goal", [*GOALS, Weighted(QoS(), np.linspace(0.1, 1, 35))], ids=lambda goal: goal.name
)
@pytest.mark.parametrize("name", loader.available())
def test_batch_starts_and_threads_change_no_bit(name, goal, tolerance, use):
    use(name)
    gain = simulate(SCENARIOS["D17"], 21, 3)
    options = {"iterations": 20, "seed": 3, "tolerance": tolerance}
    for starts in (1, 12):
        together = wmmse(gain, goal, starts, threads=1, **options)
        assert np.array_equal(wmmse(gain, goal, starts, threads=3, **options), together)
        for i in (0, 8, 20):
            assert np.array_equal(wmmse(gain[i], goal, starts, first_index=i, **options), together[i])


@pytest.mark.parametrize("goal", GOALS, ids=repr)
def test_a_start_ends_at_the_same_powers_whatever_stands_beside_it(goal):
    # All starts but one are worthless copies of the same powers: the winner must be the lone start's answer.
    gain = simulate(SCENARIOS["D1"], 4, 3)
    lone = wmmse(gain, goal, iterations=20)
    for starts in (2, 8, 17, 33, 40):
        best = wmmse(gain, goal, starts, iterations=20)
        worse = utility(best, gain, goal) < utility(lone, gain, goal) - 1e-4
        assert not worse.any()
        same = np.array_equal(wmmse(gain, goal, starts, iterations=20, seed=9)[0], lone[0])
        assert same or utility(best, gain, goal)[0] >= utility(lone, gain, goal)[0] - 1e-4


# Hostile input


@pytest.mark.parametrize("links", [1, 3, 17])
@pytest.mark.parametrize("goal", [*GOALS, AlphaFair(10.0), QoS(1e30, 1e38), QoS(0.0, 0.0)], ids=repr)
def test_extremes_never_give_nan(links, goal):
    values = np.array([0, 1e-45, 1e-38, 1e-30, 1, 1e15, 1e24], np.float32)
    gain = np.random.default_rng(1).choice(values, (8, links, links))
    for starts in (1, 3, 9):
        power = wmmse(gain, goal, starts, iterations=200)
        assert ((power >= 0) & (power <= 1)).all()  # NaN fails both
    assert np.isin(greedy(gain, goal), (0, 1)).all()


@pytest.mark.parametrize(
    "change",
    [
        lambda gain: gain[:, ::-1, ::-1],
        lambda gain: np.asfortranarray(gain),
        lambda gain: gain.astype(">f4"),
        lambda gain: np.broadcast_to(gain, (2, *gain.shape))[0],
        lambda gain: np.frombuffer(b"\0" + gain.tobytes(), np.uint8)[1:].view(np.float32).reshape(gain.shape),
    ],
    ids=["reversed", "fortran", "big-endian", "broadcast", "unaligned"],
)
def test_any_layout_in_memory_is_read_right(change):
    gain = simulate(SCENARIOS["D1"], 3, 1)
    given = change(gain)
    assert np.array_equal(wmmse(given), wmmse(np.array(given, dtype=np.float32, order="C")))
    assert np.array_equal(greedy(given), greedy(np.array(given, dtype=np.float32, order="C")))


def test_empty_batches_and_no_iterations():
    assert wmmse(np.zeros((0, 5, 5))).shape == (0, 5)
    assert greedy(np.zeros((2, 0, 5, 5))).shape == (2, 0, 5)
    assert fplinq(np.zeros((0, 3, 3))).shape == (0, 3)
    start = np.full((1, 4), 0.3, np.float32)
    np.testing.assert_allclose(wmmse(np.ones((1, 4, 4)), iterations=0, initial_power=start), start, rtol=1e-6)


@pytest.mark.parametrize("name", loader.available())
def test_nan_anywhere_is_refused(name, use):
    use(name)
    for links in (1, 4, 5, 9):
        for place in range(links * links):
            gain = np.ones(links * links, np.float32)
            gain[place] = np.nan
            with pytest.raises(ValueError, match="finite"):
                wmmse(gain.reshape(links, links))


@pytest.mark.parametrize("option", ["starts", "iterations", "threads"])
@pytest.mark.parametrize(
    ("value", "error"), [(2**31, ValueError), (2**70, ValueError), (-1, ValueError), (2.5, TypeError)]
)
def test_counts_that_do_not_fit_are_refused(option, value, error):
    with pytest.raises(error):
        wmmse(np.ones((2, 2)), **{option: value})


def test_numbers_too_large_for_the_core_wrap_as_whole_numbers_do():
    gain = simulate(SCENARIOS["D1"], 1, 1)
    for seed in (-1, 2**63 - 1, 2**200):
        assert np.isfinite(wmmse(gain, starts=3, iterations=3, seed=seed, first_index=seed)).all()


def test_more_links_than_memory_is_an_exception():
    with pytest.raises(MemoryError):
        wmmse(np.broadcast_to(np.float32(1), (3_000_000, 3_000_000)))
    nothing = np.ones((1, 1), np.float32)
    goal = binding.CompiledGoal(binding.Kind.SUM_RATE, 0.0, 0.0, nothing)
    problem: Task = binding.task(nothing, goal, nothing, iterations=1)
    problem.links = 1 << 26  # the core would need 2^54 bytes; it must give up before it reads anything
    with pytest.raises(MemoryError, match="solve fewer links"):
        binding.wmmse(problem, 0, 1)
