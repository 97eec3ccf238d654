"""Laws of goal-conditioned pre-training, beyond the paper: utility, results, teachers."""

from pathlib import Path

import numpy as np
import pytest
import torch

from components.model.conditioning import GoalDistribution, advantage, goals_of
from components.model.rates import spectral_efficiency
from components.training.checkpoint import load_prompted_model, model_from_backbone
from components.training.loop import Metrics
from components.training.pretraining import Pretraining
from gfm_ra.goals import STANDARD
from gfm_ra.units import db_to_linear
from tests.components.training.pretraining_runs import CONDITIONED, make, run, same_bits, weights


@pytest.fixture(scope="module")
def conditioned(tmp_path_factory: pytest.TempPathFactory) -> tuple[Pretraining, Path]:
    """An uninterrupted goal-conditioned run, and the folder with the checkpoint of each of its epochs."""
    folder, loop = tmp_path_factory.mktemp("conditioned"), make(config=CONDITIONED)
    run(loop, folder)
    return loop, folder


def mean_advantage(metrics: Metrics) -> float:
    return float(np.mean([metrics[f"advantage_{objective.name}"] for objective in STANDARD]))


def test_advantage_over_full_reuse_is_reported_and_rises() -> None:
    config = CONDITIONED.model_copy(update={"epochs": 8, "learning_rate": 3e-3, "edge_weight": 0.1})
    loop = make(config=config, scale=4)
    before = mean_advantage(loop.validate())
    history = run(loop)
    assert mean_advantage(history[-1]) > before + 0.02
    assert mean_advantage(history[-1]) > mean_advantage(history[0])


@pytest.mark.parametrize("epoch", range(2))
def test_a_resumed_conditioned_run_equals_the_uninterrupted_one(
    conditioned: tuple[Pretraining, Path], epoch: int
) -> None:
    loop, folder = conditioned
    resumed = make(config=CONDITIONED)
    assert run(resumed, resume_from=folder / str(epoch)) == loop.history
    assert same_bits(weights(resumed), weights(loop))


def test_conditioned_metrics_are_consistent_with_each_other(conditioned: tuple[Pretraining, Path]) -> None:
    for row in conditioned[0].history:
        total = (
            row["validation_edge_loss"] + CONDITIONED.consistency_weight * row["validation_consistency_loss"]
        )
        total -= CONDITIONED.utility_weight * mean_advantage(row)
        assert row["validation_loss"] == pytest.approx(total)


def test_the_result_is_a_prompted_model_and_a_backbone(
    conditioned: tuple[Pretraining, Path], tmp_path: Path
) -> None:
    loop, _ = conditioned
    loop.save_result(tmp_path)
    model, power_model = load_prompted_model(tmp_path), model_from_backbone(tmp_path, seed=0)
    backbone = loop.student.encoder.backbone
    assert same_bits(dict(model.backbone.state_dict()), dict(backbone.state_dict()))
    assert same_bits(dict(power_model.backbone.state_dict()), dict(model.backbone.backbone.state_dict()))
    # What is loaded reaches what training reported.
    total, nodes = np.zeros(len(STANDARD)), 0
    for gains in loop.validator.data:
        gain_db = torch.from_numpy(gains).float()
        full = spectral_efficiency(torch.ones(gain_db.shape[:2]), db_to_linear(gain_db))
        for number, objective in enumerate(STANDARD):
            with torch.no_grad():
                power = model(gain_db, goals_of(objective, len(gains), gains.shape[-1]))
            rates = spectral_efficiency(power, db_to_linear(gain_db))
            total[number] += advantage(rates, full, objective).sum().item() * gains.shape[-1]
        nodes += gains.shape[0] * gains.shape[1]
    reported = [loop.history[-1][f"advantage_{objective.name}"] for objective in STANDARD]
    np.testing.assert_allclose(total / nodes, reported, rtol=1e-4, atol=1e-6)


def test_utility_alone_trains_the_backbone_and_the_head() -> None:
    update = {"edge_weight": 0.0, "consistency_weight": 0.0, "epochs": 1}
    loop = make(config=CONDITIONED.model_copy(update=update))
    before = {name: value.detach().clone() for name, value in loop.student.named_parameters()}
    run(loop)
    still = {name for name, value in loop.student.named_parameters() if torch.equal(value, before[name])}
    assert not any(
        name.startswith(("head.", "encoder.backbone.prompt.", "encoder.backbone.feedback")) for name in still
    )


def test_goals_are_drawn_anew_at_every_step_and_hide_as_their_distribution_says() -> None:
    complete = CONDITIONED.model_copy(update={"goals": GoalDistribution(complete_share=1.0), "epochs": 1})
    loop, seen = make(config=complete), []
    forward = loop.forward

    def watch(gain_db: torch.Tensor, mask: torch.Tensor, task):
        seen.append((mask, task.goals.parameters))
        return forward(gain_db, mask, task)

    loop.forward = watch
    run(loop)
    assert not any(mask.any() for mask, _ in seen)
    assert len({tuple(parameters.flatten().tolist()) for _, parameters in seen}) == len(seen)
