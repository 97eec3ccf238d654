"""Laws of the allocator: polish and guard never lose, hidden gains are not read, any folder and any shape."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from components.data.shards import DataError
from components.evaluation.torch_allocator import GUARD_ITERATIONS, Allocator
from components.model.backbone import BackboneConfig
from components.model.conditioning import GoalEnvelope
from components.model.heads import PowerModel
from components.model.prompted import ConditioningConfig, PromptedModel
from components.training.checkpoint import BACKBONE_NAME, MODEL_NAME, ModelCard, save_model
from gfm_ra.goals import AlphaFair, Objective, ProportionalFair, QoS, SumRate, Weighted
from gfm_ra.rates import spectral_efficiency
from gfm_ra.solvers import full_reuse, wmmse

CONFIG = BackboneConfig(layers=1, width=16, heads=4, bias_width=8, node_features="landmarks")
CONDITIONING = ConditioningConfig(estimate_rank=4)
SNAPSHOTS, LINKS = 24, 5
OBJECTIVES = [SumRate(), ProportionalFair(), QoS(), AlphaFair(2.0)]
OBJECTIVES += [Weighted(SumRate(), np.arange(1.0, LINKS + 1))]
KINDS = ["tuned", "prompted"]


def make(kind: str) -> PowerModel | PromptedModel:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        model = PowerModel(CONFIG) if kind == "tuned" else PromptedModel(CONFIG, CONDITIONING)
    with torch.no_grad():  # spread the powers over [0, 1]
        model.head.state_dict()["mlp.2.weight"].mul_(8.0)
    return model


@pytest.fixture(scope="module", params=KINDS)
def allocator(request: pytest.FixtureRequest) -> Allocator:
    return Allocator.of(make(request.param), SumRate())


@pytest.fixture(scope="module")
def gain() -> np.ndarray:
    gain_db = np.random.default_rng(0).normal(7.0, 12.0, (SNAPSHOTS, LINKS, LINKS)) + 15.0 * np.eye(LINKS)
    return (10.0 ** (gain_db / 10.0)).astype(np.float32)


def some_hidden() -> np.ndarray:
    hidden = np.random.default_rng(1).random((SNAPSHOTS, LINKS, LINKS)) < 0.3
    return hidden & ~np.eye(LINKS, dtype=bool)


def utility(power: np.ndarray, gain: np.ndarray, objective: Objective) -> np.ndarray:
    return objective.utility(spectral_efficiency(power.astype(np.float64), gain.astype(np.float64)))


def never_less(ours: np.ndarray, theirs: np.ndarray) -> bool:
    return bool((ours >= theirs - 1e-4 * np.maximum(1.0, np.abs(theirs))).all())


def unchecked(allocator: Allocator, gain: np.ndarray, objective: Objective) -> np.ndarray:
    """The model's own powers; a tuned one has only those of its own objective."""
    return allocator.allocate(gain, objective if allocator.envelope else None)


# --- polish and guard ---


@pytest.mark.parametrize("objective", OBJECTIVES, ids=repr)
def test_polish_never_lowers_the_utility(
    allocator: Allocator, gain: np.ndarray, objective: Objective
) -> None:
    plain = utility(unchecked(allocator, gain, objective), gain, objective)
    polished = allocator.explain(gain, objective, polish_iterations=5)
    assert never_less(utility(polished.power, gain, objective), plain)
    assert utility(polished.power, gain, objective).mean() > plain.mean()
    assert set(polished.source) == {"polished"}


def test_polish_starts_from_the_models_powers(allocator: Allocator, gain: np.ndarray) -> None:
    expected = wmmse(gain, QoS(), iterations=1, initial_power=unchecked(allocator, gain, QoS()))
    polished = allocator.allocate(gain, QoS(), polish_iterations=1)
    np.testing.assert_allclose(polished, expected, atol=1e-6)


@pytest.mark.parametrize("objective", OBJECTIVES, ids=repr)
@pytest.mark.parametrize("polish_iterations", [0, 5])
def test_guarded_answers_are_never_worse_than_any_candidate(
    allocator: Allocator, gain: np.ndarray, objective: Objective, polish_iterations: int
) -> None:
    guarded = allocator.explain(gain, objective, polish_iterations, guard=True)
    candidates = {
        "model": unchecked(allocator, gain, objective),
        "full-reuse": full_reuse(gain),
        "wmmse": wmmse(gain, objective, iterations=GUARD_ITERATIONS),
    }
    if polish_iterations:
        candidates["polished"] = allocator.allocate(gain, objective, polish_iterations)
    reached = utility(guarded.power, gain, objective)
    for power in candidates.values():
        assert never_less(reached, utility(power, gain, objective))
    for name in set(guarded.source):  # an answer is what its source says
        chosen = guarded.source == name
        np.testing.assert_allclose(guarded.power[chosen], candidates[name][chosen], atol=1e-6)


def test_the_guard_takes_the_best_of_each_snapshot_not_of_the_batch(
    allocator: Allocator, gain: np.ndarray
) -> None:
    apart = np.broadcast_to(1e3 * np.eye(LINKS), gain.shape)  # nobody disturbs anybody: full reuse is best
    mixed = np.concatenate([gain[:4], apart[:4]])
    explained = allocator.explain(mixed, guard=True)
    np.testing.assert_allclose(explained.power[4:], 1.0, atol=1e-6)
    np.testing.assert_allclose(explained.power[:4], allocator.allocate(gain[:4], guard=True), atol=1e-6)


def test_a_model_answers_for_itself_unless_asked_otherwise(allocator: Allocator, gain: np.ndarray) -> None:
    explained = allocator.explain(gain)
    assert set(explained.source) == {"model"}
    np.testing.assert_array_equal(explained.power, allocator.allocate(gain))
    assert ((explained.power >= 0) & (explained.power <= 1)).all()


def test_the_goal_is_the_models_own_unless_given(gain: np.ndarray) -> None:
    fair, plain = (Allocator.of(make("prompted"), objective) for objective in (ProportionalFair(), SumRate()))
    np.testing.assert_array_equal(fair.allocate(gain), plain.allocate(gain, ProportionalFair()))
    assert np.abs(fair.allocate(gain) - plain.allocate(gain)).max() > 1e-4
    tuned = Allocator.of(make("tuned"), QoS())
    np.testing.assert_array_equal(tuned.allocate(gain), tuned.allocate(gain, QoS()))
    np.testing.assert_array_equal(
        tuned.allocate(gain, polish_iterations=3), tuned.allocate(gain, QoS(), polish_iterations=3)
    )


@pytest.mark.parametrize(
    "objective",
    [SumRate(), QoS(0.5), QoS(0.3, 1.0), AlphaFair(2.0), Weighted(QoS(), np.arange(1.0, LINKS + 1))],
    ids=repr,
)
def test_a_head_for_one_objective_does_not_ignore_another(gain: np.ndarray, objective: Objective) -> None:
    tuned = Allocator.of(make("tuned"), QoS())
    with pytest.raises(ValueError, match=r"sets powers for QoS\(.*\) alone"):
        tuned.allocate(gain, objective)
    for asked in ({"polish_iterations": 2}, {"guard": True}):  # these know what to do with it
        assert tuned.allocate(gain, objective, **asked).shape == gain.shape[:2]


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, -1.0, 2.0, 1e300])
@pytest.mark.parametrize("objective", OBJECTIVES, ids=repr)
@pytest.mark.parametrize("polish_iterations", [0, 3])
def test_a_model_that_fails_costs_its_networks_nothing_behind_the_guard(
    gain: np.ndarray, objective: Objective, value: float, polish_iterations: int
) -> None:
    def powers(gain_db: np.ndarray, _: Objective, hidden: np.ndarray | None) -> np.ndarray:
        power = np.full(gain_db.shape[:2], 0.5)
        power[::3, 1] = value
        return power

    allocator = Allocator(powers, objective)
    with pytest.raises(ValueError, match=r"not numbers in \[0, 1\] for 8 of 24 networks: use the fallback"):
        allocator.explain(gain, polish_iterations=polish_iterations)
    found = allocator.explain(gain, polish_iterations=polish_iterations, guard=True)
    assert "model" not in found.source[::3]
    assert ((found.power >= 0) & (found.power <= 1)).all()
    assert found.notes == ("the model's powers are not numbers in [0, 1] for 8 of 24 networks",)
    reached = utility(found.power, gain, objective)
    for power in (full_reuse(gain), wmmse(gain, objective, iterations=GUARD_ITERATIONS)):
        assert never_less(reached, utility(power, gain, objective))


def test_powers_of_another_shape_are_refused(gain: np.ndarray) -> None:
    allocator = Allocator(lambda gain_db, goal, hidden: np.ones((2, 3)), SumRate())
    with pytest.raises(ValueError, match=r"the model gave powers \(2, 3\)"):
        allocator.allocate(gain, guard=True)


@pytest.mark.parametrize("scale", [1e-300, 1e-12, 1e-6, 1e12, 1e30, 1e300])
@pytest.mark.parametrize("asked", [{}, {"polish_iterations": 3}, {"guard": True}], ids=str)
def test_a_common_factor_of_the_weights_changes_no_bit_of_the_powers(
    gain: np.ndarray, scale: float, asked: dict[str, Any]
) -> None:
    allocator = Allocator.of(make("prompted"), SumRate())
    weights = 2.0 ** np.arange(LINKS)  # powers of two: scaling rounds nothing but the factor itself
    for plain in (SumRate(), ProportionalFair(), AlphaFair(1.5)):
        expected = allocator.allocate(gain, Weighted(plain, weights), **asked)
        np.testing.assert_array_equal(
            allocator.allocate(gain, Weighted(plain, scale * weights), **asked), expected
        )


@pytest.mark.parametrize(
    ("objective", "beyond"),
    [
        (AlphaFair(3.0), "alpha 3 is above 2"),
        (QoS(1.5, 15.0), "min_rate 1.5 is outside 0.1 to 1"),
        (QoS(0.3, 45.0), "penalty 45 is above 30"),
        (Weighted(AlphaFair(2.5), np.arange(1.0, LINKS + 1)), "alpha 2.5 is above 2"),
    ],
    ids=repr,
)
def test_beyond_the_trained_goals_refinement_decides_and_the_notes_say_so(
    gain: np.ndarray, objective: Objective, beyond: str
) -> None:
    allocator = Allocator.of(make("prompted"), SumRate())
    found, guarded = allocator.explain(gain, objective), allocator.explain(gain, objective, guard=True)
    (note,) = found.notes
    assert note.startswith(f"extrapolated: {beyond}")
    np.testing.assert_array_equal(found.power, guarded.power)
    assert "wmmse" in found.source
    # Of unknown gains there is no true utility: only the note is left.
    assert allocator.explain(gain, objective, hidden=some_hidden()).notes == found.notes


def test_within_the_trained_goals_nothing_is_noted(gain: np.ndarray) -> None:
    allocator = Allocator.of(make("prompted"), SumRate())
    for objective in (*OBJECTIVES, QoS(0.1, 30.0), QoS(50.0, 0.0), QoS(0.0, 99.0), AlphaFair(0.0)):
        found = allocator.explain(gain, objective)
        assert found.notes == ()
        assert set(found.source) == {"model"}
    narrow = Allocator.of(make("prompted"), SumRate(), GoalEnvelope(max_alpha=0.5))
    assert narrow.explain(gain, AlphaFair(0.7)).notes != ()
    assert narrow.explain(gain, ProportionalFair()).notes == ()  # trained by its name


def test_gains_beyond_the_model_s_range_are_refused_as_by_a_registered_model(
    allocator: Allocator, gain: np.ndarray
) -> None:
    loud = gain.copy()
    loud[1, 2, 2] = 1e20
    assert np.isfinite(allocator.allocate(loud)).all()
    loud[1, 2, 2] = 1e21
    with pytest.raises(ValueError, match="at most 200 dB, got 210 dB"):
        allocator.allocate(loud)


def test_a_negative_count_is_refused(allocator: Allocator, gain: np.ndarray) -> None:
    with pytest.raises(ValueError, match="polish_iterations must be 0 or more, got -1"):
        allocator.allocate(gain, polish_iterations=-1)


@pytest.mark.parametrize("value", [np.nan, -1.0, np.inf])
def test_gains_that_are_none_are_refused(allocator: Allocator, gain: np.ndarray, value: float) -> None:
    wrong = gain.copy()
    wrong[3, 0, 1] = value
    with pytest.raises(ValueError, match="allocate: gains must be finite"):
        allocator.allocate(wrong)


# --- hidden gains ---


@pytest.mark.parametrize("value", [0.0, 1e9, -5.0, np.nan, np.inf])
def test_hidden_gains_are_not_read(allocator: Allocator, gain: np.ndarray, value: float) -> None:
    hidden = some_hidden()
    power = allocator.allocate(np.where(hidden, value, gain), hidden=hidden)
    np.testing.assert_array_equal(power, allocator.allocate(gain, hidden=hidden))
    assert np.isfinite(power).all()


def test_a_pair_is_hidden_if_either_direction_is(allocator: Allocator, gain: np.ndarray) -> None:
    hidden = some_hidden()
    both = hidden | hidden.swapaxes(-1, -2)
    power = allocator.allocate(gain, hidden=hidden)
    np.testing.assert_array_equal(power, allocator.allocate(gain, hidden=both))
    assert np.abs(power - allocator.allocate(gain)).max() > 1e-3


def test_hiding_nothing_is_giving_everything(allocator: Allocator, gain: np.ndarray) -> None:
    nothing = np.zeros(gain.shape, dtype=bool)
    np.testing.assert_allclose(allocator.allocate(gain, hidden=nothing), allocator.allocate(gain), atol=1e-6)


@pytest.mark.parametrize(
    ("hidden", "problem"),
    [
        (np.zeros((SNAPSHOTS, LINKS, LINKS)), "must be bool"),
        (np.zeros((SNAPSHOTS, LINKS, LINKS), dtype=np.uint8), "must be bool"),
        (np.zeros((LINKS, LINKS), dtype=bool), "of gain's shape"),
        (np.zeros((SNAPSHOTS, LINKS, LINKS + 1), dtype=bool), "of gain's shape"),
        (np.ones((SNAPSHOTS, LINKS, LINKS), dtype=bool), "diagonal"),
    ],
)
def test_a_mask_that_does_not_fit_is_refused(
    allocator: Allocator, gain: np.ndarray, hidden: np.ndarray, problem: str
) -> None:
    with pytest.raises(ValueError, match=problem):
        allocator.allocate(gain, hidden=hidden)


def test_a_mask_may_be_a_list(allocator: Allocator, gain: np.ndarray) -> None:
    hidden = some_hidden()
    expected = allocator.allocate(gain, hidden=hidden)
    np.testing.assert_array_equal(allocator.allocate(gain, hidden=hidden.tolist()), expected)


@pytest.mark.parametrize("asked", [{"polish_iterations": 1}, {"guard": True}], ids=str)
def test_polish_and_guard_need_every_gain(
    allocator: Allocator, gain: np.ndarray, asked: dict[str, Any]
) -> None:
    with pytest.raises(ValueError, match="polish and guard need every gain"):
        allocator.explain(gain, hidden=some_hidden(), **asked)


# --- shapes ---


@pytest.mark.parametrize("leading", [(), (1,), (2, 3), (2, 1, 2)])
@pytest.mark.parametrize("guard", [False, True])
def test_any_leading_shape_gets_the_same_answers(
    allocator: Allocator, gain: np.ndarray, leading: tuple[int, ...], guard: bool
) -> None:
    count = int(np.prod(leading, dtype=int))
    explained = allocator.explain(gain[:count].reshape(*leading, LINKS, LINKS), guard=guard)
    assert explained.power.shape == (*leading, LINKS)
    assert explained.source.shape == leading
    expected = allocator.allocate(gain[:count], guard=guard)
    np.testing.assert_allclose(explained.power.reshape(count, LINKS), expected, atol=1e-6)


def test_a_mask_has_the_leading_shape_of_its_gains(allocator: Allocator, gain: np.ndarray) -> None:
    shape, hidden = (2, 3, LINKS, LINKS), some_hidden()[:6]
    power = allocator.allocate(gain[:6].reshape(shape), hidden=hidden.reshape(shape))
    expected = allocator.allocate(gain[:6], hidden=hidden)
    np.testing.assert_allclose(power.reshape(6, LINKS), expected, atol=1e-6)


@pytest.mark.parametrize("asked", [{}, {"polish_iterations": 3}, {"guard": True}], ids=str)
def test_weights_may_have_the_leading_shape_of_the_gains(
    allocator: Allocator, gain: np.ndarray, asked: dict[str, Any]
) -> None:
    weights = np.random.default_rng(2).uniform(0.1, 4.0, (6, LINKS))
    if allocator.envelope is None:
        asked = {"guard": True} | asked  # without it, a head for one objective has no use for weights
    flat = allocator.allocate(gain[:6], Weighted(SumRate(), weights), **asked)
    goal = Weighted(SumRate(), weights.reshape(2, 3, LINKS))
    power = allocator.allocate(gain[:6].reshape(2, 3, LINKS, LINKS), goal, **asked)
    np.testing.assert_allclose(power.reshape(6, LINKS), flat, atol=1e-5)


@pytest.mark.parametrize("links", [1, 2, 11])
def test_any_number_of_links(allocator: Allocator, links: int) -> None:
    gain = np.random.default_rng(links).exponential(5.0, (3, links, links))
    for guard in (False, True):
        power = allocator.allocate(gain, polish_iterations=2, guard=guard)
        assert power.shape == (3, links)
        assert ((power >= 0) & (power <= 1)).all()


# --- folders ---


def save(folder: Path, kind: str, objective: str | None = None) -> PowerModel | PromptedModel:
    model = make(kind)
    conditioning = CONDITIONING if kind == "prompted" else None
    card = ModelCard(backbone=CONFIG, objective=objective, conditioning=conditioning)
    save_model(folder, model, card, MODEL_NAME)
    return model


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("named", ["folder", "file", "text"])
def test_both_kinds_of_models_load_from_their_folder_or_a_file_in_it(
    tmp_path: Path, gain: np.ndarray, kind: str, named: str
) -> None:
    model = save(tmp_path, kind)
    path = {"folder": tmp_path, "file": tmp_path / MODEL_NAME, "text": str(tmp_path)}[named]
    loaded = Allocator.load(path)
    assert loaded.objective == SumRate()
    np.testing.assert_array_equal(loaded.allocate(gain), Allocator.of(model, SumRate()).allocate(gain))


@pytest.mark.parametrize("kind", KINDS)
def test_a_loaded_model_keeps_its_objective(tmp_path: Path, kind: str) -> None:
    save(tmp_path, kind, "qos")
    assert Allocator.load(tmp_path).objective == QoS()


def test_an_objective_of_another_version_is_refused(tmp_path: Path) -> None:
    save(tmp_path, "tuned", "max-min")
    with pytest.raises(ValueError, match="'max-min' is unknown"):
        Allocator.load(tmp_path)


@pytest.mark.parametrize("kind", KINDS)
def test_a_folder_without_a_model_is_named(tmp_path: Path, kind: str) -> None:
    with pytest.raises(DataError, match="not a model folder"):
        Allocator.load(tmp_path)
    save(tmp_path, kind)
    (tmp_path / MODEL_NAME).rename(tmp_path / BACKBONE_NAME)
    with pytest.raises(DataError, match=MODEL_NAME):
        Allocator.load(tmp_path)
