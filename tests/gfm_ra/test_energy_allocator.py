"""Energy efficiency behind the allocator: what it is compared with, what it is called, and what is refused."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import gfm_ra
from gfm_ra import Allocator, EnergyEfficiency, QoS, Weighted, spectral_efficiency
from gfm_ra.energy import KINDS, Kind
from gfm_ra.inference.comparison import Effort
from gfm_ra.solvers import energy_efficient
from tests.gfm_ra.test_allocator import Stub, gains

COMPARING: tuple[Effort, ...] = ("balanced", "best")
PACKAGED = gfm_ra.load()


def utility(power: np.ndarray, gain_db: np.ndarray, goal: gfm_ra.goals.Objective) -> np.ndarray:
    exact = np.asarray(power, np.float64)
    return goal.utility(spectral_efficiency(exact, 10.0 ** (gain_db / 10.0)), exact)


@given(
    seed=st.integers(0, 999), links=st.integers(1, 8), circuit=st.sampled_from([0.0, 0.01, 1.0, 30.0]),
    kind=st.sampled_from(KINDS), effort=st.sampled_from(COMPARING), weighted=st.booleans(),
    answer=st.sampled_from([None, 0.0, 0.5, 1.0, np.nan, np.inf, -1.0, 2.0, 1e-40]),
)  # fmt: skip
@settings(max_examples=40, deadline=None)
def test_never_below_full_power_or_the_solver(
    seed: int, links: int, circuit: float, kind: Kind, effort: Effort, weighted: bool, answer: float | None
) -> None:
    gain_db, goal = gains(seed, 3, links), EnergyEfficiency(circuit, kind=kind)
    aim = Weighted(goal, 0.1 + np.random.default_rng(seed).random((3, links))) if weighted else goal
    found = Allocator(Stub(answer)).allocate(gain_db=gain_db, goal=aim, effort=effort, seed=seed)
    assert ((found.power >= 0) & (found.power <= 1)).all()
    np.testing.assert_allclose(found.utility, utility(found.power, gain_db, aim), rtol=1e-9)
    starts = {"balanced": 1, "best": 100}[effort]
    ours = energy_efficient(10.0 ** (gain_db / 10.0), aim, starts=starts, seed=seed)
    for other in (ours, np.ones((3, links))):
        assert (found.utility >= utility(other, gain_db, aim) * (1 - 1e-6)).all()
    if answer in (0.0, 0.5, 1e-40):
        given_powers = np.full((3, links), answer, np.float32)
        assert (found.utility >= utility(given_powers, gain_db, aim) * (1 - 1e-9)).all()


@pytest.mark.parametrize("kind", KINDS)
def test_the_packaged_network_s_draws_are_starts(kind: Kind) -> None:
    gain_db = gains(5, 40, 10)
    goal = EnergyEfficiency(10.0, kind=kind)
    found = PACKAGED.allocate(gain_db=gain_db, goal=goal)
    alone = utility(energy_efficient(10.0 ** (gain_db / 10.0), goal), gain_db, goal)
    assert (found.utility >= alone * (1 - 1e-6)).all()
    assert found.utility.mean() > 1.001 * alone.mean()
    full = utility(np.ones((40, 10)), gain_db, goal)
    assert (found.utility > full).all()
    best = PACKAGED.allocate(gain_db=gain_db, goal=goal, effort="best")
    assert (best.utility >= found.utility * (1 - 1e-6)).all()


def test_the_goal_may_be_a_name_with_its_numbers() -> None:
    gain_db = gains(1, 2, 5)
    options = {"circuit_power": 0.5, "amplifier_efficiency": 0.4, "energy_kind": "weighted-sum"}
    named = PACKAGED.allocate(gain_db=gain_db, goal="energy-efficiency", weights=[1, 2, 3, 4, 5], **options)
    goal = Weighted(EnergyEfficiency(0.5, 0.4, "weighted-sum"), np.arange(1.0, 6.0))
    np.testing.assert_array_equal(named.power, PACKAGED.allocate(gain_db=gain_db, goal=goal).power)
    plain = PACKAGED.allocate(gain_db=gain_db, goal="energy-efficiency", circuit_power=1)
    np.testing.assert_array_equal(
        plain.power, PACKAGED.allocate(gain_db=gain_db, goal=EnergyEfficiency(1.0)).power
    )
    assert plain.notes == ()
    assert list(plain.below_min_rate) == [0, 0]


def test_the_source_says_what_won() -> None:
    alone = PACKAGED.allocate(gain_db=[[40.0]], goal="energy-efficiency", circuit_power=0.1)
    assert alone.source == "energy-efficient"
    assert alone.power[0] < 0.2
    busy = PACKAGED.allocate(gain_db=[[0.0]], goal="energy-efficiency", circuit_power=1e4)
    assert busy.source == "full-reuse, extrapolated"
    assert busy.power[0] == 1.0


@pytest.mark.parametrize("effort", COMPARING)
def test_answers_do_not_depend_on_the_batch(effort: Effort) -> None:
    gain_db, weights = gains(3, 5, 6), np.random.default_rng(0).random((5, 6))
    goal = EnergyEfficiency(1.0, kind="weighted-sum")
    whole = PACKAGED.allocate(gain_db=gain_db, goal=goal, weights=weights, effort=effort, seed=4)
    for index in range(5):
        alone = PACKAGED.allocate(
            gain_db=gain_db[index],
            goal=goal,
            weights=weights[index],
            effort=effort,
            seed=4,
            first_index=index,
        )
        np.testing.assert_array_equal(whole.power[index], alone.power)
        assert alone.utility == whole.utility[index]


def test_a_draw_that_is_no_answer_is_not_used_and_it_is_said() -> None:
    found = Allocator(Stub(np.nan)).allocate(gain_db=gains(0, 2, 4), goal=EnergyEfficiency(1.0))
    assert np.isfinite(found.utility).all()
    assert any("out of limits for 2 networks" in note for note in found.notes)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"circuit_power": None}, "energy-efficiency needs circuit_power"),
        ({"circuit_power": -1.0}, "circuit_power must be finite and not negative"),
        ({"circuit_power": np.nan}, "circuit_power must be finite"),
        ({"circuit_power": "1"}, "circuit_power must be a number"),
        ({"amplifier_efficiency": 0.0}, "amplifier_efficiency must be above 0"),
        ({"energy_kind": "harmonic"}, "kind must be one of global, weighted-sum"),
        ({"alpha": 1.0}, "alpha belongs to goal 'alpha-fair'"),
        ({"min_rate": 1.0}, "min_rate belongs to goal 'qos'"),
        ({"goal": "sum-rate"}, "circuit_power belongs to goal 'energy-efficiency'"),
        ({"goal": "qos", "circuit_power": None, "energy_kind": "global"}, "energy_kind belongs to goal"),
        ({"goal": EnergyEfficiency(1.0)}, "goal object"),
        ({"weights": [1.0]}, "one per link"),
    ],
    ids=str,
)
def test_what_does_not_fit_is_refused_in_one_line(arguments: dict, said: str) -> None:
    words = {"gain_db": [[20.0, 0.0], [0.0, 20.0]], "goal": "energy-efficiency", "circuit_power": 1.0}
    with pytest.raises(ValueError, match=said) as refusal:
        PACKAGED.allocate(**(words | arguments))
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"effort": "fast"}, "does not know energy efficiency yet: effort balanced or best"),
        ({"gain_db": [[20.0, np.nan], [0.0, 20.0]]}, "energy efficiency needs every gain"),
    ],
    ids=str,
)
def test_weights_that_do_not_know_it_refuse_one_pass_and_unknown_gains(arguments: dict, said: str) -> None:
    words = {"gain_db": [[20.0, 0.0], [0.0, 20.0]], "goal": "energy-efficiency", "circuit_power": 1.0}
    with pytest.raises(ValueError, match=said):
        gfm_ra.load("any-world-3").allocate(**(words | arguments))
    assert np.isfinite(PACKAGED.allocate(**(words | arguments)).power).all()


def test_one_pass_is_near_the_solver() -> None:
    gain_db, goal = gains(5, 40, 12), EnergyEfficiency(1.0)
    fast, solved = (
        float(np.mean(PACKAGED.allocate(gain_db=gain_db, goal=goal, effort=effort).utility))
        for effort in ("fast", "best")
    )
    assert fast > 0.95 * solved


def test_a_head_refuses_it() -> None:
    head = Allocator(Stub(0.5), QoS(), name="gfm-ra-qos")
    with pytest.raises(ValueError, match="gfm-ra-qos was tuned for qos alone"):
        head.allocate(gain_db=gains(0, 1, 3), goal=EnergyEfficiency(1.0))
