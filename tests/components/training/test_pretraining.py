"""Laws of Algorithm 1 as a loop: determinism, resumption, learning, validation."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from components.data.batches import Group
from components.training.checkpoint import MODEL_NAME, model_from_backbone
from components.training.config import PretrainingConfig
from components.training.pretraining import SPEED_METRICS, Pretraining
from components.training.schedule import ScheduleConfig
from components.training.validation import health
from tests.components.training.pretraining_runs import (
    CONDITIONED,
    EPOCHS,
    TINY,
    make,
    run,
    same_bits,
    snapshots,
    weights,
)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Pretraining, Path]:
    """An uninterrupted run, and the folder with the checkpoint of each of its epochs."""
    folder, loop = tmp_path_factory.mktemp("checkpoints"), make()
    run(loop, folder)
    return loop, folder


def test_same_seed_gives_the_same_bits(finished: tuple[Pretraining, Path]) -> None:
    torch.manual_seed(123)  # a global state that must not matter
    again = make()
    assert run(again) == finished[0].history
    assert same_bits(weights(again), weights(finished[0]))


def test_another_seed_gives_other_weights(finished: tuple[Pretraining, Path]) -> None:
    other = make(seed=1)
    run(other)
    assert not same_bits(weights(other), weights(finished[0]))


@pytest.mark.parametrize("epoch", range(EPOCHS))
def test_resumed_run_equals_the_uninterrupted_one(finished: tuple[Pretraining, Path], epoch: int) -> None:
    loop, folder = finished
    resumed = make()
    assert run(resumed, resume_from=folder / str(epoch)) == loop.history
    assert same_bits(weights(resumed), weights(loop))


def test_the_learning_rate_follows_the_schedule(finished: tuple[Pretraining, Path]) -> None:
    rates = [metrics["learning_rate"] for metrics in finished[0].history]  # of the last step of each epoch
    assert rates == pytest.approx([1e-3 * 0.5 * (1 + math.cos(math.pi * step / 15)) for step in (4, 9, 14)])


def test_a_plateau_survives_resumption(tmp_path: Path) -> None:
    update = {"epochs": 5, "learning_rate": 0.05, "schedule": ScheduleConfig(kind="plateau", patience=0)}
    config = TINY.model_copy(update=update)
    whole, resumed = make(config=config), make(config=config)
    history = run(whole, tmp_path)
    assert history[-1]["learning_rate"] < 0.05  # so that forgetting the halvings would show
    assert run(resumed, resume_from=tmp_path / "3") == history
    assert same_bits(weights(resumed), weights(whole))


def test_training_leaves_the_global_generator_alone() -> None:
    before = torch.get_rng_state()
    run(make())
    assert torch.equal(torch.get_rng_state(), before)


def test_ticks_count_every_step_and_every_snapshot_once_per_epoch() -> None:
    loop, ticks = make(), []
    loop.run(lambda metrics, save: None, lambda *tick: ticks.append(tick))
    steps = EPOCHS * (3 + 2)  # 20 and 12 snapshots in batches of 8
    assert [done for done, _, _ in ticks] == list(range(1, steps + 1))
    assert {total for _, total, _ in ticks} == {steps}
    assert sum(snapshots for _, _, snapshots in ticks) == EPOCHS * 32


def test_validation_repeats_exactly_and_changes_nothing() -> None:
    loop = make()
    before = weights(loop)
    first = loop.validate()
    assert loop.validate() == first
    assert same_bits(weights(loop), before)


def test_validation_uses_the_same_masks_after_training_steps() -> None:
    # The mean predictor's error depends on masks and data only: any change of masks would show.
    loop = make()
    before = loop.validate()["mean_predictor_rmse_db"]
    run(loop)
    assert {metrics["mean_predictor_rmse_db"] for metrics in loop.history} == {before}
    assert make(seed=1).validate()["mean_predictor_rmse_db"] != before


def test_embeddings_in_validation_do_not_depend_on_the_batch_size() -> None:
    # Masks are drawn per batch, so only what needs no mask is comparable.
    small = make(config=TINY.model_copy(update={"batch_size": 2})).validate()
    assert small["effective_rank"] == pytest.approx(make().validate()["effective_rank"], rel=1e-4)


def test_metrics_are_consistent_with_each_other(finished: tuple[Pretraining, Path]) -> None:
    for row in finished[0].history:
        total = row["validation_edge_loss"] + TINY.consistency_weight * row["validation_consistency_loss"]
        assert row["validation_loss"] == pytest.approx(total)  # (13)
        unit_db = TINY.backbone.scaling.cross_std_db
        assert row["edge_rmse_db"] == pytest.approx(unit_db * row["validation_edge_loss"] ** 0.5)
        assert -1.0 <= row["validation_consistency_loss"] <= 1.0


def test_predicting_the_mean_costs_the_standard_deviation() -> None:
    wide = [snapshots(400, 6, 5)]
    measured = Pretraining(TINY, wide, [snapshots(400, 6, 6)], 0, Group()).validate()
    assert measured["mean_predictor_rmse_db"] == pytest.approx(15.0, rel=0.03)


def test_loss_falls_below_predicting_the_mean_where_there_is_something_to_learn() -> None:
    def learnable(count: int, seed: int) -> np.ndarray:
        level = np.random.default_rng(seed).normal(0.0, 15.0, (count, 1, 1))  # one number decides all gains
        return np.broadcast_to(7.0 + level, (count, 5, 5)).astype(np.float16)

    config = TINY.model_copy(
        update={"epochs": 12, "learning_rate": 3e-3, "schedule": ScheduleConfig(kind="cosine")}
    )
    loop = Pretraining(config, [learnable(160, 1)], [learnable(40, 2)], 0, Group())
    history = run(loop)
    assert history[-1]["train_loss"] < 0.5 * history[0]["train_loss"]
    assert history[-1]["edge_rmse_db"] < 0.5 * history[-1]["mean_predictor_rmse_db"]
    assert health(config, history[-1] | {"effective_rank": 99.0}) == "healthy"


def test_bfloat16_trains_to_about_the_same_loss(finished: tuple[Pretraining, Path]) -> None:
    half = run(make(config=TINY.model_copy(update={"precision": "bfloat16"})))
    expected = finished[0].history[-1]["validation_loss"]
    assert half[-1]["validation_loss"] == pytest.approx(expected, rel=0.05)
    assert half[-1]["validation_loss"] != expected


def test_accumulated_parts_make_the_same_number_of_updates_and_resume_exactly(tmp_path: Path) -> None:
    config = TINY.model_copy(update={"accumulation": 3})
    whole, resumed = make(config=config), make(config=config)
    history = run(whole, tmp_path)
    assert whole.steps_done == EPOCHS * 5
    assert run(resumed, resume_from=tmp_path / "0") == history
    assert same_bits(weights(resumed), weights(whole))
    assert history[-1]["validation_loss"] == pytest.approx(run(make())[-1]["validation_loss"], rel=0.1)


def test_a_batch_in_parts_has_the_gradient_of_their_weighted_mean() -> None:
    # Parts of 3, 3 and 2 snapshots. The loss that `step` reports is (13) over all of them, each snapshot equally.
    loop = make(config=TINY.model_copy(update={"accumulation": 3, "consistency_weight": 0.0}))
    gain_db = torch.from_numpy(snapshots(8, 4, 9)).float()
    losses = [loop.loss(part, number).value.item() for number, part in enumerate(gain_db.chunk(3))]
    reported = loop.step(gain_db)[0].item()
    assert reported == pytest.approx((3 * losses[0] + 3 * losses[1] + 2 * losses[2]) / 8, rel=1e-5)


def test_speed_is_reported_but_kept_out_of_the_history() -> None:
    loop, reported = make(), []
    loop.run(lambda metrics, save: reported.append(metrics), lambda done, total, snapshots: None)
    assert all(set(SPEED_METRICS) <= set(metrics) for metrics in reported)
    assert not any(set(SPEED_METRICS) & set(row) for row in loop.history)
    assert all(0.0 < metrics["share_of_matmul_peak"] < 1.0 for metrics in reported)


def test_a_paper_run_reports_no_advantage(finished: tuple[Pretraining, Path]) -> None:
    assert not any(name.startswith("advantage") for row in finished[0].history for name in row)


def test_a_paper_run_leaves_a_backbone_only(finished: tuple[Pretraining, Path], tmp_path: Path) -> None:
    finished[0].save_result(tmp_path)
    assert not (tmp_path / MODEL_NAME).exists()
    loaded = model_from_backbone(tmp_path, seed=0).backbone
    assert same_bits(dict(loaded.state_dict()), dict(finished[0].student.encoder.backbone.state_dict()))


@pytest.mark.parametrize(
    ("weight", "frozen"),
    [("consistency_weight", ("encoder.projector.", "predictor.")), ("edge_weight", ("edge_decoder.",))],
)
@pytest.mark.parametrize("config", [TINY, CONDITIONED], ids=["paper", "conditioned"])
def test_what_has_no_loss_does_not_move(
    config: PretrainingConfig, weight: str, frozen: tuple[str, ...]
) -> None:
    loop = make(config=config.model_copy(update={weight: 0.0, "epochs": 1}))
    before = {name: value.detach().clone() for name, value in loop.student.named_parameters()}
    run(loop)
    still = {name for name, value in loop.student.named_parameters() if torch.equal(value, before[name])}
    expected = {name for name in before if name.startswith(frozen)}
    assert expected
    assert expected <= still
    assert not any(name.startswith("encoder.backbone.layers") for name in still)


@pytest.mark.parametrize("absent", [None, "consistency_weight", "edge_weight"])
@pytest.mark.parametrize("feedback_steps", [0, 2])
def test_every_parameter_that_learns_has_a_gradient(absent: str | None, feedback_steps: int) -> None:
    # Ranks would wait for one that has none.
    conditioning = CONDITIONED.conditioning.model_copy(update={"feedback_steps": feedback_steps})
    update = {"conditioning": conditioning} | ({} if absent is None else {absent: 0.0})
    loop = make(config=CONDITIONED.model_copy(update=update))
    loop.step(torch.from_numpy(snapshots(8, 4, 9)).float())
    learning = {name: value for name, value in loop.student.named_parameters() if value.requires_grad}
    assert [name for name, value in learning.items() if value.grad is None] == []


def test_a_teacher_without_pupil_stays_as_it_was() -> None:
    loop = make(config=TINY.model_copy(update={"consistency_weight": 0.0, "epochs": 1}))
    before = {name: value.clone() for name, value in loop.teacher.state_dict().items()}
    run(loop)
    assert same_bits(before, dict(loop.teacher.state_dict()))


def test_something_must_be_learnt() -> None:
    with pytest.raises(ValidationError, match="nothing to learn"):
        PretrainingConfig(edge_weight=0.0, consistency_weight=0.0, utility_weight=0.0)
    for name in ("edge_weight", "consistency_weight", "utility_weight"):
        others = {"edge_weight": 0.0, "consistency_weight": 0.0, "utility_weight": 0.0}
        PretrainingConfig.model_validate(others | {name: 1.0})


def test_larger_gradients_are_shortened_and_smaller_ones_are_left() -> None:
    gain_db = torch.from_numpy(snapshots(8, 4, 9)).float()

    def gradients(limit: float | None) -> tuple[torch.Tensor, float]:
        loop = make(config=TINY.model_copy(update={"max_gradient_norm": limit}))
        reported = loop.step(gain_db)[1].item()
        return torch.cat(
            [p.grad.flatten() for p in loop.student.parameters() if p.grad is not None]
        ), reported

    whole, norm = gradients(None)
    assert whole.norm().item() == pytest.approx(norm, rel=1e-5)
    short, reported = gradients(norm / 10)
    assert reported == pytest.approx(norm, rel=1e-5)  # as it was before
    torch.testing.assert_close(short, whole / 10, rtol=1e-4, atol=1e-9)
    assert torch.equal(gradients(norm * 2)[0], whole)


def test_a_sum_over_masked_edges_weighs_consistency_less_the_more_edges_there_are() -> None:
    torch.manual_seed(0)
    gain_db = torch.randn(6, 5, 5) * 15.0

    def value(kind: str, consistency: float) -> float:
        config = TINY.model_copy(update={"edge_reduction": kind, "consistency_weight": consistency})
        return make(config=config).loss(gain_db, 0).value.item()

    pairs = round(TINY.mask_ratio * 10)
    alone = [value(kind, 0.0) for kind in ("mean", "sum")]
    assert alone[1] == pytest.approx(alone[0] * 2 * 2 * pairs, rel=1e-5)  # two numbers of each directed edge
    both = [value(kind, 0.1) for kind in ("mean", "sum")]
    assert both[1] - alone[1] == pytest.approx(both[0] - alone[0], rel=1e-3)


def test_masked_edges_train_and_are_algorithm_1_s_alone() -> None:
    loop = make(config=TINY.model_copy(update={"masked": "edges"}))
    history = loop.run(lambda *_: None, lambda *_: None)
    assert all(math.isfinite(value) for value in history[-1].values())
    with pytest.raises(ValidationError, match="Algorithm 1's alone"):
        PretrainingConfig(utility_weight=1.0, masked="edges")
