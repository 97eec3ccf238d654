"""Laws of fine-tuning: warm-up, resumption, and utility without labels, equations (14)-(15)."""

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from components.data import batches
from components.data.batches import Group
from components.model.backbone import BackboneConfig
from components.model.heads import PowerModel
from components.model.inference import allocate_batches
from components.model.prompted import ConditioningConfig, FixedGoal, PromptedModel
from components.training.finetuning import Finetuning, FinetuningConfig, adaptation_loss
from components.training.loop import Metrics
from gfm_ra.goals import AlphaFair, Objective, ProportionalFair, QoS, SumRate

CONFIG = BackboneConfig(layers=1, width=16, heads=4, bias_width=8)
RECIPE = FinetuningConfig(
    warmup_epochs=2, epochs=2, batch_size=8, validate_every=1,
    backbone_learning_rate=1e-3, head_learning_rate=1e-2,
)  # fmt: skip


def snapshots(count: int, links: int, seed: int) -> np.ndarray:
    generator = np.random.default_rng(seed)
    gain_db = generator.normal(7.0, 15.0, (count, links, links))
    gain_db[:, range(links), range(links)] += 30.0
    return gain_db.astype(np.float16)


def make(recipe: FinetuningConfig = RECIPE, objective: Objective | None = None) -> Finetuning:
    torch.manual_seed(0)
    model, train = PowerModel(CONFIG), [snapshots(20, 4, 1), snapshots(12, 6, 2)]
    return Finetuning(recipe, model, objective or SumRate(), train, [snapshots(16, 5, 3)], seed=0)


def make_prompted(recipe: FinetuningConfig, objective: Objective | None = None) -> Finetuning:
    torch.manual_seed(0)
    objective = objective or ProportionalFair()
    model = FixedGoal(PromptedModel(CONFIG, ConditioningConfig(estimate_rank=4)), objective)
    return Finetuning(recipe, model, objective, [snapshots(20, 4, 1)], [snapshots(16, 5, 3)], seed=0)


def bits(module: torch.nn.Module) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in module.state_dict().items()}


def same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return all(torch.equal(one[name], other[name]) for name in one)


def run(loop: Finetuning, folder: Path | None = None, resume_from: Path | None = None) -> list[Metrics]:
    def report(metrics: Metrics, save: Callable[[Path], None]) -> None:
        if folder is not None:
            save(folder / f"{metrics['epoch']:.0f}")

    return loop.run(report, lambda done, total, snapshots: None, resume_from)


def test_backbone_is_frozen_during_warm_up_and_only_then() -> None:
    loop = make()
    start, head, seen = bits(loop.model.backbone), bits(loop.model.head), []
    loop.run(
        lambda metrics, save: seen.append((bits(loop.model.backbone), bits(loop.model.head))),
        lambda done, total, snapshots: None,
    )
    assert [same(backbone, start) for backbone, _ in seen] == [True, True, False, False]
    assert not any(same(now, head) for _, now in seen)


def test_each_part_has_its_own_learning_rate() -> None:
    # Adam's first step has the size of its learning rate, whatever the gradient.
    loop = make(RECIPE.model_copy(update={"warmup_epochs": 0, "epochs": 1, "batch_size": 1000}))
    loop.train = loop.train[:1]
    before = bits(loop.model)
    run(loop)
    moved = {name: (value - before[name]).abs().max().item() for name, value in bits(loop.model).items()}
    assert max(moved[name] for name in moved if name.startswith("backbone")) == pytest.approx(1e-3, rel=0.02)
    assert max(moved[name] for name in moved if name.startswith("head")) == pytest.approx(1e-2, rel=0.02)


@pytest.mark.parametrize("schedule", ["constant", "cosine"])
def test_same_seed_gives_the_same_bits_and_resumption_keeps_them(tmp_path: Path, schedule: str) -> None:
    recipe = RECIPE.model_copy(update={"schedule": schedule})
    whole = make(recipe)
    history = run(whole, tmp_path)
    again = make(recipe)
    assert run(again) == history
    assert same(bits(again.model), bits(whole.model))
    for epoch in range(1, 5):  # two in the warm-up, two after it
        resumed = make(recipe)
        assert run(resumed, resume_from=tmp_path / str(epoch)) == history
        assert same(bits(resumed.model), bits(whole.model)), epoch


@pytest.mark.parametrize("schedule", ["constant", "cosine"])
def test_learning_rates_follow_the_schedule(schedule: str) -> None:
    loop, seen = make(RECIPE.model_copy(update={"schedule": schedule})), []
    loop.run(
        lambda metrics, save: None,
        lambda done, total, snapshots: seen.append([group["lr"] for group in loop.optimizer.param_groups]),
    )
    # 5 steps per epoch; two epochs of warm-up at full rate, then down to zero over the other two.
    falling = [
        0.5 * (1 + math.cos(math.pi * step / 10)) if schedule == "cosine" else 1.0 for step in range(10)
    ]
    expected = np.outer([1.0] * 10 + falling, [1e-3, 1e-2])
    np.testing.assert_allclose(seen, expected, rtol=1e-6)


def test_reports_come_at_the_chosen_epochs_and_at_the_end() -> None:
    recipe = RECIPE.model_copy(update={"warmup_epochs": 1, "epochs": 4, "validate_every": 2})
    assert [metrics["epoch"] for metrics in run(make(recipe))] == [2, 4, 5]


@pytest.mark.parametrize("objective", [SumRate(), ProportionalFair(), QoS()], ids=lambda o: o.name)
def test_utility_rises_on_training_and_on_new_snapshots(objective: Objective) -> None:
    loop = make(RECIPE.model_copy(update={"warmup_epochs": 5, "epochs": 20}), objective)
    before = loop.validate()
    history = run(loop)
    assert history[-1]["train_utility_per_link"] > history[0]["train_utility_per_link"]
    assert history[-1]["validation_utility_per_link"] > before + 0.02 * abs(before)


def test_objectives_lead_to_different_powers() -> None:
    recipe = RECIPE.model_copy(update={"warmup_epochs": 5, "epochs": 20})
    spread = {}
    for objective in (SumRate(), ProportionalFair()):
        loop = make(recipe, objective)
        run(loop)
        spread[objective.name] = allocate_batches(loop.model, loop.validation[0]).min(axis=1).mean()
    assert spread["proportional-fair"] > spread["sum-rate"]  # fairness silences nobody


def test_reported_utility_is_equation_15_per_link() -> None:
    gain_db = torch.from_numpy(snapshots(3, 4, 5)).float()
    power = torch.rand(3, 4, generator=torch.Generator().manual_seed(0))
    total = 0.0
    for b in range(3):
        for k in range(4):
            gain = [10 ** (gain_db[b, k, j].item() / 10) for j in range(4)]
            heard = sum(gain[j] * power[b, j].item() for j in range(4) if j != k)
            rate = math.log2(1 + gain[k] * power[b, k].item() / (heard + 1))
            total += rate - 15.0 * max(0.0, 0.3 - rate)
    reported = adaptation_loss(power, gain_db, QoS(), "utility").reported.item()
    assert reported == pytest.approx(total / 12, rel=1e-5)


def test_validation_in_parts_is_validation_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    loop = make()
    whole = loop.validate()
    monkeypatch.setattr(batches, "_LARGEST_PART_GAINS", 3 * 5**2)  # parts of 3 of the 16 snapshots
    assert loop.validate() == pytest.approx(whole, rel=1e-6)


@pytest.mark.parametrize("validation", [[], [np.zeros((0, 5, 5), np.float16)]])
def test_validation_without_snapshots_is_refused(validation: list[np.ndarray]) -> None:
    with pytest.raises(ValueError, match="validation data sets with at least one snapshot"):
        Finetuning(RECIPE, PowerModel(CONFIG), SumRate(), [snapshots(8, 4, 1)], validation, seed=0)


def test_a_recipe_without_epochs_is_refused() -> None:
    with pytest.raises(ValidationError, match="nothing would be trained"):
        FinetuningConfig(warmup_epochs=0, epochs=0)


def test_several_processes_are_refused() -> None:
    with pytest.raises(ValueError, match="one process"):
        Finetuning(RECIPE, PowerModel(CONFIG), SumRate(), [], [], 0, Group(0, 2))


def test_prompt_tuning_changes_the_prompt_alone() -> None:
    loop = make_prompted(RECIPE.model_copy(update={"adapt": "prompt"}))
    before = bits(loop.model)
    run(loop)
    moved = {name for name, value in bits(loop.model).items() if not torch.equal(value, before[name])}
    assert moved == {"backbone.prompt.tuned"}


def test_prompt_tuning_raises_the_utility() -> None:
    update = {"adapt": "prompt", "warmup_epochs": 0, "epochs": 20, "head_learning_rate": 0.1}
    loop = make_prompted(RECIPE.model_copy(update=update))
    before = loop.validate()
    assert run(loop)[-1]["validation_utility_per_link"] > before + 0.02 * abs(before)


def test_a_model_without_a_prompt_has_none_to_tune() -> None:
    with pytest.raises(ValueError, match='adapt "prompt" needs a goal-conditioned model'):
        make(RECIPE.model_copy(update={"adapt": "prompt"}))


@pytest.mark.parametrize("adapt", ["full", "frozen", "lora", "prompt"])
def test_a_goal_conditioned_model_adapts_and_resumes_in_every_way(tmp_path: Path, adapt: str) -> None:
    recipe = RECIPE.model_copy(update={"adapt": adapt})
    whole, resumed = make_prompted(recipe), make_prompted(recipe)
    history = run(whole, tmp_path)
    assert run(resumed, resume_from=tmp_path / "3") == history
    assert same(bits(resumed.model), bits(whole.model))
    backbone, fresh = bits(whole.model.backbone), bits(make_prompted(RECIPE).model.backbone)
    assert same(backbone, fresh) == (adapt == "frozen")


@pytest.mark.parametrize("objective", [SumRate(), ProportionalFair(), QoS(), AlphaFair(2.0)], ids=repr)
def test_the_scaled_loss_trains(objective: Objective) -> None:
    update = {"warmup_epochs": 5, "epochs": 20, "loss": "scaled"}
    loop = make(RECIPE.model_copy(update=update), objective)
    before = loop.validate()
    assert run(loop)[-1]["validation_utility_per_link"] > before + 0.02 * abs(before)


def test_the_scaled_loss_pulls_every_graph_with_the_same_strength() -> None:
    gain_db = torch.from_numpy(snapshots(3, 4, 5)).float()
    power = torch.rand(3, 4, generator=torch.Generator().manual_seed(0))
    quiet = gain_db.clone()
    quiet[0] -= 40.0  # rates near zero, so a utility far below the others'

    def loss(part: slice) -> float:
        return adaptation_loss(power[part], quiet[part], AlphaFair(2.0), "scaled").value.item()

    alone = [loss(slice(b, b + 1)) for b in range(3)]
    assert loss(slice(3)) == pytest.approx(np.mean(alone), rel=1e-5)
    assert alone == pytest.approx([-1.0] * 3, rel=1e-4)


def test_the_backbones_rate_rises_over_the_first_steps_of_the_second_stage() -> None:
    rates: list[tuple[float, float]] = []
    loop = make(RECIPE.model_copy(update={"rise_updates": 4, "schedule": "constant"}))
    step = loop.optimizer.step

    def watched(*arguments: object) -> object:
        rates.append((loop.optimizer.param_groups[0]["lr"], loop.optimizer.param_groups[1]["lr"]))
        return step(*arguments)

    loop.optimizer.step = watched  # type: ignore[method-assign]
    run(loop)
    per_epoch = len(rates) // loop.settings.epochs
    second = rates[loop.config.warmup_epochs * per_epoch :]
    full = loop.config.backbone_learning_rate
    assert [backbone for backbone, _ in second[:5]] == pytest.approx(
        [full * part for part in (0.25, 0.5, 0.75, 1, 1)]
    )
    assert {head for _, head in rates} == {loop.config.head_learning_rate}


@pytest.mark.parametrize("count", [8, 20, 200])
def test_updates_do_not_depend_on_the_number_of_samples(count: int) -> None:
    recipe = RECIPE.model_copy(update={"updates_per_epoch": 3})
    torch.manual_seed(0)
    loop = Finetuning(
        recipe, PowerModel(CONFIG), SumRate(), [snapshots(count, 4, 1)], [snapshots(4, 4, 2)], seed=0
    )
    run(loop)
    assert loop.steps_done == 12


PATIENT = RECIPE.model_copy(
    update={
        "epochs": 40,
        "patience": 3,
        "updates_per_epoch": 2,
        "backbone_learning_rate": 0.05,
        "head_learning_rate": 0.3,
    }
)


def test_patience_stops_where_validation_does_not_rise_and_keeps_the_best_weights() -> None:
    loop = make(PATIENT)
    history = run(loop)
    reached = [metrics["validation_utility_per_link"] for metrics in history if metrics["epoch"] > 2]
    best = reached.index(max(reached))
    assert len(reached) == best + 1 + 3 < 40
    assert loop.reached == max(reached) > reached[-1]
    assert loop.validate() == pytest.approx(max(reached), rel=1e-6)


def test_a_patient_run_resumes_to_the_same_bits(tmp_path: Path) -> None:
    whole = make(PATIENT)
    history = run(whole, tmp_path)
    resumed = make(PATIENT)
    assert run(resumed, resume_from=tmp_path / "4") == history
    assert same(bits(whole.model), bits(resumed.model))
