"""The core's choice between answers, for draws that are given: any, and such as no network of ours answers."""

import ctypes
import subprocess
from types import SimpleNamespace

import numpy as np
import pytest

from gfm_ra.core import loader, objects
from gfm_ra.core.loader import address
from gfm_ra.goals import AlphaFair, Objective, ProportionalFair, QoS, SumRate, Weighted
from gfm_ra.inference import efforts
from gfm_ra.inference.comparison import (
    EFFORTS,
    REFINEMENT_ITERATIONS,
    STARTS,
    Effort,
    compared,
    draws_of,
)
from gfm_ra.inference.network.network_task import NetworkTask
from gfm_ra.inference.prompts import Prompt, prompt_of
from gfm_ra.rates import spectral_efficiency
from gfm_ra.solvers import full_reuse, wmmse

SEED, FIRST = 7, 3
GOALS: list[Objective] = [SumRate(), ProportionalFair(), QoS(1.0, 5.0), AlphaFair(0.5), AlphaFair(3.0)]
HOSTILE = (np.nan, np.inf, -np.inf, -1.0, 2.0, -1e-45, float(np.nextafter(np.float32(1), np.float32(2))))
COMPARING: tuple[Effort, ...] = ("balanced", "best")


class GivenDraws:
    """Stands where a network does, and answers what it was made with, [B, D, K]."""

    def __init__(self, draws: np.ndarray) -> None:
        self.draws = draws

    def task(self, gain: np.ndarray, prompt: Prompt, noise: np.ndarray, power: np.ndarray) -> NetworkTask:
        power[...] = self.draws
        return NetworkTask(gain=address(gain), power=address(power), links=gain.shape[-1], draws=len(noise))

    def work(self, count: int, links: int, draws: int) -> int:
        return 0


@pytest.fixture(scope="module")
def given_core(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    path = tmp_path_factory.mktemp("given") / "given.so"
    source = objects.SOURCES.parents[1] / "tests/gfm_ra/core/given_draws.cpp"
    flags = [flag for flag in objects.COMMON_FLAGS if flag != "-O3"]  # time to compile; the bits are the same
    chosen = objects.FLAGS[objects.machine()][loader.instruction_set()]
    command = [*objects.compiler(), *flags, "-O1", *chosen, f"-I{objects.SOURCES}", str(source)]
    subprocess.run([*command, *objects.LINK_FLAGS, "-o", str(path)], check=True)
    library = ctypes.CDLL(str(path))
    library.effort_of_given_draws.argtypes = (ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64)
    return library


@pytest.fixture
def use_given(given_core: ctypes.CDLL, monkeypatch: pytest.MonkeyPatch) -> None:
    core = SimpleNamespace(gfm_ra_effort=given_core.effort_of_given_draws)
    monkeypatch.setattr(efforts, "_core", lambda: core)


def gains(count: int, links: int) -> np.ndarray:
    draw = np.random.default_rng(links)
    gain = draw.exponential(30.0, (count, links, links)) * (1.0 + 20.0 * np.eye(links))
    return gain.astype(np.float32)


def answers(
    draws: np.ndarray, gain: np.ndarray, goal: Objective, effort: Effort, compares: bool = False
) -> efforts.Answers:
    prompt = prompt_of(goal, len(gain), gain.shape[-1])
    network = GivenDraws(draws)
    return efforts.answers(network, gain, goal, prompt, effort, compares, SEED, FIRST, 1)  # type: ignore[arg-type]


def some_draws(count: int, draws: int, links: int, hostile_share: float) -> np.ndarray:
    draw = np.random.default_rng(count + draws + links)
    power = draw.random((count, draws, links)).astype(np.float32)
    spoilt = draw.random((count, draws)) < hostile_share
    one = np.eye(links, dtype=bool)[draw.integers(links, size=(count, draws))] & spoilt[..., None]
    power[one] = draw.choice(np.array(HOSTILE, np.float32), int(one.sum()))
    return power


def candidates(
    draws: np.ndarray, gain: np.ndarray, goal: Objective, effort: Effort
) -> tuple[np.ndarray, np.ndarray]:
    """Every answer that is compared, [C, B, K], from the public solvers, and its source [C, B]."""
    sound = np.all((draws >= 0) & (draws <= 1), -1)  # [B, D]
    starts = np.where(sound[..., None], draws, np.float32(1.0))
    found = [
        wmmse(gain, goal, iterations=REFINEMENT_ITERATIONS, initial_power=start)
        for start in np.swapaxes(starts, 0, 1)
    ]
    sources = [np.where(column, "refined", "wmmse") for column in sound.T]
    found += [
        wmmse(gain, goal, starts=STARTS[effort], seed=SEED, first_index=FIRST, threads=1),
        full_reuse(gain),
    ]
    sources += [np.full(len(gain), "wmmse"), np.full(len(gain), "full-reuse")]
    return np.stack(found), np.stack(sources)


@pytest.mark.parametrize("effort", COMPARING)
@pytest.mark.parametrize("weighted", [False, True], ids=["equal", "weighted"])
@pytest.mark.parametrize("goal", GOALS, ids=repr)
@pytest.mark.parametrize(("count", "links"), [(13, 1), (21, 2), (9, 8), (7, 17), (3, 33), (2, 80)])
@pytest.mark.usefixtures("use_given")
def test_the_best_of_the_solvers_own_answers_wins_to_the_bit(
    goal: Objective, weighted: bool, effort: Effort, count: int, links: int
) -> None:
    if weighted:
        goal = Weighted(goal, np.random.default_rng(5).exponential(1.0, (count, links)) + 1e-3)
    gain, draws = gains(count, links), some_draws(count, draws_of(effort, links), links, 0.4)
    found = answers(draws, gain, goal, effort)
    expected, sources = candidates(draws, gain, goal, effort)
    merits = goal.merit(spectral_efficiency(expected.astype(np.float64), gain.astype(np.float64)))  # [C, B]
    best = merits.max(0)
    for b in range(count):
        same = (expected[:, b] == found.power[b]).all(-1)  # [C]
        assert same.any(), "an answer that no solver gives"
        assert merits[same, b].max() >= best[b] - 1e-12 * abs(best[b])
        assert efforts.SOURCES[found.source[b]] in sources[same, b]
    exact = spectral_efficiency(found.power.astype(np.float64), gain.astype(np.float64))
    np.testing.assert_allclose(found.rate, exact, rtol=1e-13, atol=1e-15)
    refused = ~np.all((draws[:, 0] >= 0) & (draws[:, 0] <= 1), -1)
    assert np.array_equal(found.refused != 0, refused)


@pytest.mark.parametrize("goal", GOALS, ids=repr)
@pytest.mark.usefixtures("use_given")
def test_what_is_put_together_of_parts_chooses_the_same(goal: Objective) -> None:
    gain, draws = gains(60, 6), some_draws(60, draws_of("best", 6), 6, 0.4)
    found = answers(draws, gain, goal, "best")
    power, source = compared(draws, gain, goal, "best", SEED, FIRST + np.arange(60), 1)
    merits = [goal.merit(spectral_efficiency(each.astype(np.float64), gain)) for each in (found.power, power)]
    np.testing.assert_allclose(*merits, rtol=1e-12)
    same = (found.power == power).all(-1)
    assert np.array_equal(efforts.SOURCES[found.source[same]], source[same])
    assert same.mean() > 0.3  # elsewhere two candidates are equally good to the last digits


@pytest.mark.parametrize("value", HOSTILE)
@pytest.mark.parametrize("effort", EFFORTS)
@pytest.mark.usefixtures("use_given")
def test_draws_that_are_no_powers_never_win_and_take_no_credit(effort: Effort, value: float) -> None:
    gain = gains(8, 5)
    draws = np.full((8, draws_of(effort, 5), 5), 0.5, np.float32)
    draws[..., 2] = value
    found = answers(draws, gain, SumRate(), effort)
    assert ((found.power >= 0) & (found.power <= 1)).all()
    assert found.refused.all()
    assert set(efforts.SOURCES[found.source]) <= {"wmmse", "full-reuse"}
    utility = found.rate.sum(-1)
    for other in (wmmse(gain), full_reuse(gain)):
        assert (utility >= spectral_efficiency(other.astype(np.float64), gain).sum(-1) - 1e-9).all()


@pytest.mark.usefixtures("use_given")
def test_of_equal_answers_the_first_wins() -> None:
    gain = gains(4, 1)  # alone and from full power, a link stays there
    for effort in COMPARING:
        sound = np.ones((4, draws_of(effort, 1), 1), np.float32)
        assert set(efforts.SOURCES[answers(sound, gain, SumRate(), effort).source]) == {"refined"}
        spoilt = np.full_like(sound, np.nan)
        assert set(efforts.SOURCES[answers(spoilt, gain, SumRate(), effort).source]) == {"wmmse"}
    alone = np.ones((4, 1, 1), np.float32)
    assert set(efforts.SOURCES[answers(alone, gain, SumRate(), "fast").source]) == {"model"}
    assert set(efforts.SOURCES[answers(alone, gain, SumRate(), "fast", True).source]) == {"refined"}


@pytest.mark.usefixtures("use_given")
def test_effort_fast_compares_nothing_where_its_draw_is_an_answer() -> None:
    gain = gains(30, 6)
    draws = some_draws(30, 1, 6, 0.3)
    sound = np.all((draws[:, 0] >= 0) & (draws[:, 0] <= 1), -1)
    assert 0 < sound.sum() < 30
    found = answers(draws, gain, QoS(1.0, 5.0), "fast")
    refined = wmmse(
        gain[sound], QoS(1.0, 5.0), iterations=REFINEMENT_ITERATIONS, initial_power=draws[sound, 0]
    )
    assert np.array_equal(found.power[sound], refined)
    assert set(efforts.SOURCES[found.source[sound]]) == {"model"}
    assert "model" not in set(efforts.SOURCES[found.source[~sound]])


@pytest.mark.usefixtures("use_given")
def test_full_power_wins_where_the_iterations_rounding_left_it() -> None:
    links, goal = 3, AlphaFair(3.0)
    draw = np.random.default_rng(0)
    gain = (draw.exponential(1e-3, (4000, links, links)) * (1.0 + 50.0 * np.eye(links))).astype(np.float32)
    found = answers(
        np.full((4000, draws_of("balanced", links), links), np.nan, np.float32), gain, goal, "balanced"
    )
    full = found.source == list(efforts.SOURCES).index("full-reuse")
    assert full.any()
    assert (found.power[full] == 1.0).all()
