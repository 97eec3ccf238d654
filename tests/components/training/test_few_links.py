"""Networks of one, two and three links: training, validation and adaptation are defined."""

import json
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from components.data import batches
from components.data.batches import Group
from components.evaluation.few_shot import FewShotConfig, evaluate
from components.evaluation.reference_score import reference_score
from components.model.backbone import BackboneConfig
from components.model.heads import PowerModel
from components.model.prompted import ConditioningConfig
from components.training.config import PretrainingConfig
from components.training.finetuning import Finetuning, FinetuningConfig
from components.training.loop import Metrics, TrainingLoop
from components.training.pretraining import Pretraining
from components.training.validation import health
from gfm_ra.errors import UserError
from gfm_ra.goals import STANDARD, Objective

SIZE = BackboneConfig(layers=1, width=16, heads=4, bias_width=8, node_features="landmarks")
PAPER = PretrainingConfig(backbone=SIZE, epochs=2, batch_size=8)
CONDITIONING = ConditioningConfig(estimate_rank=4)
CONDITIONED = PAPER.model_copy(update={"utility_weight": 1.0, "conditioning": CONDITIONING})
RECIPE = FinetuningConfig(warmup_epochs=1, epochs=1, batch_size=4, validate_every=1)


def snapshots(count: int, links: int, seed: int) -> np.ndarray:
    gain_db = np.random.default_rng(seed).normal(7.0, 15.0, (count, links, links))
    gain_db[:, range(links), range(links)] += 30.0
    return gain_db.astype(np.float16)


def pretraining(config: PretrainingConfig, links: tuple[int, ...], rows: int = 12) -> Pretraining:
    train, val = ([snapshots(count, k, k + count) for k in links] for count in (rows, 5))
    return Pretraining(config, train, val, 1, Group())


def run(loop: TrainingLoop, folder: Path, resume_from: Path | None = None) -> list[Metrics]:
    def report(metrics: Metrics, save: Callable[[Path], None]) -> None:
        assert all(map(math.isfinite, metrics.values())), metrics
        if resume_from is None:
            save(folder / str(len(loop.history)))

    return loop.run(report, lambda done, total, count: None, resume_from)


@pytest.mark.parametrize("links", [(1,), (2,), (3,), (1, 2), (1, 6)])
@pytest.mark.parametrize("config", [PAPER, CONDITIONED], ids=["paper", "conditioned"])
def test_pretraining_measures_finite_numbers_and_resumes(
    config: PretrainingConfig, links: tuple[int, ...], tmp_path: Path
) -> None:
    history = run(pretraining(config, links), tmp_path)
    assert run(pretraining(config, links), tmp_path, tmp_path / "1") == history
    json.dumps(history, allow_nan=False)
    status = health(config, history[-1])  # refuses numbers that are not finite
    assert status != "healthy" or links != (1,)  # without pairs there is no edge to learn


@pytest.mark.parametrize("mask_ratio", [0.01, 0.1, 0.3])
@pytest.mark.parametrize("links", [2, 3])
def test_small_networks_and_small_ratios_have_an_edge_loss(links: int, mask_ratio: float) -> None:
    config = PAPER.model_copy(update={"mask_ratio": mask_ratio})
    measured = pretraining(config, (links,)).validate()
    assert measured["edge_rmse_db"] > 0.0
    assert measured["mean_predictor_rmse_db"] > 0.0


def test_networks_of_one_link_do_not_dilute_the_edge_loss_of_others() -> None:
    alone, beside = (pretraining(PAPER, links).validate() for links in ((6,), (6, 1)))
    alike = pretraining(PAPER, (6,))
    alike.validator.mean_edge = pretraining(PAPER, (6, 1)).validator.mean_edge
    assert beside["edge_rmse_db"] == alone["edge_rmse_db"]
    assert beside["mean_predictor_rmse_db"] == alike.validate()["mean_predictor_rmse_db"]


def test_where_all_networks_are_one_link_no_edge_is_predicted() -> None:
    measured = pretraining(PAPER, (1,)).validate()
    assert measured["edge_rmse_db"] == measured["mean_predictor_rmse_db"] == 0.0
    assert measured["validation_loss"] == pytest.approx(0.1 * measured["validation_consistency_loss"])


@pytest.mark.parametrize(
    ("change", "rows"), [({}, 9), ({"batch_size": 1}, 4), ({"accumulation": 3, "batch_size": 7}, 7)]
)
def test_a_single_link_alone_in_a_batch_is_refused_before_training(change: dict[str, int], rows: int) -> None:
    config = PAPER.model_copy(update=change)
    with pytest.raises(
        UserError, match=r"data set 2 has one link per snapshot .*: choose another batch_size"
    ):
        pretraining(config, (2, 1), rows)
    without = config.model_copy(update={"consistency_weight": 0.0})
    assert pretraining(without, (2, 1), rows).validate()["validation_consistency_loss"] == 0.0


def test_validation_in_parts_is_validation_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    loop = pretraining(CONDITIONED, (1, 3, 6))
    whole = loop.validate()
    monkeypatch.setattr(batches, "_LARGEST_PART_GAINS", 2 * 6**2)
    assert batches.graphs_at_once(6) == 2
    assert batches.graphs_at_once(1000) == 1
    assert loop.validate() == pytest.approx(whole, rel=1e-5)


@pytest.mark.parametrize("links", [1, 2, 3])
@pytest.mark.parametrize("goal", STANDARD, ids=lambda goal: goal.name)
@pytest.mark.parametrize("loss", ["utility", "scaled"])
def test_finetuning_measures_finite_numbers_and_resumes(
    links: int, goal: Objective, loss: str, tmp_path: Path
) -> None:
    recipe = RECIPE.model_copy(update={"loss": loss})

    def make() -> Finetuning:
        model = PowerModel(SIZE)
        for parameter in model.parameters():
            parameter.data.fill_(0.05)
        return Finetuning(recipe, model, goal, [snapshots(5, links, 1)], [snapshots(5, links, 2)], 1)

    history = run(make(), tmp_path)
    assert run(make(), tmp_path, tmp_path / "1") == history
    json.dumps(history, allow_nan=False)


@pytest.mark.parametrize("links", [1, 2, 3])
@pytest.mark.parametrize("config", [PAPER, CONDITIONED], ids=["paper", "conditioned"])
def test_what_backbones_are_compared_by_is_finite(
    config: PretrainingConfig, links: int, tmp_path: Path
) -> None:
    pretraining(config, (links,)).save_result(tmp_path)
    trial = FewShotConfig(shots=4, more_shots=(2,), hidden=(0.3,), reference_starts=2, recipe=RECIPE)
    train, val = snapshots(4, links, 5), snapshots(6, links, 6)
    found = evaluate(tmp_path, train, val, trial, reference_score(val, trial, 1), 1)
    assert {"few_shot_ratio", "few_shot_ratio_2", "hidden_0.3_ratio"} <= set(found)
    assert all(0.0 < value < 1.5 for value in found.values()), found
