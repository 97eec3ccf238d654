"""Laws of the training loop, whatever it learns: checks, clipping, parts of a batch, checkpoints."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from components.data.batches import Group, plan_epoch
from components.training import loop as module
from components.training.loop import Epoch, LoopConfig, Loss, Metrics, TrainingLoop
from gfm_ra.errors import UserError

SETTINGS = LoopConfig("toy", epochs=3, batch_size=4)


class Toy(TrainingLoop):
    """Two numbers that learn mean and spread of the gains; the loss is broken at one step if that is wanted."""

    def __init__(self, settings: LoopConfig = SETTINGS, broken_at: int | None = None, rows: int = 10) -> None:
        self.model, self.broken_at = nn.Linear(1, 1), broken_at
        with torch.no_grad():
            for parameter in self.model.parameters():
                parameter.fill_(0.5)
        train = [np.random.default_rng(links).normal(5.0, 1.0, (rows, links, links)) for links in (2, 3)]
        super().__init__(settings, self.model, [list(self.model.parameters())], train, 1, Group())

    def loss(self, gain_db: Tensor, part: int) -> Loss:
        error = (self.forward(gain_db.flatten(1).mean(1, keepdim=True)) - 1.0).square().mean()
        return Loss(error * (torch.nan if self.steps_done == self.broken_at else 1.0), error)

    def learning_rates(self) -> Sequence[float]:
        return (0.01,)

    def measure(self, epoch: Epoch) -> Metrics:
        return {"epoch": float(self.epochs_done), "loss": epoch.reported, "norm": epoch.gradient_norm}

    def modules(self) -> dict[str, nn.Module]:
        return {"model": self.model}


def run(loop: Toy, folder: Path | None = None, resume_from: Path | None = None) -> list[Metrics]:
    def report(metrics: Metrics, save: Callable[[Path], None]) -> None:
        if folder is not None:
            save(folder / f"{metrics['epoch']:.0f}")

    return loop.run(report, lambda done, total, count: None, resume_from)


STEPS = 6  # per epoch: 10 snapshots of each of two sizes, in batches of 4


@pytest.mark.parametrize("step", [0, 1, STEPS - 1, STEPS, 2 * STEPS + 3])
@pytest.mark.parametrize("at_once", [1, 4, 64])
def test_a_loss_that_is_not_finite_stops_the_run_and_names_the_step(
    step: int, at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_CHECKED_AT_ONCE", at_once)
    loop = Toy(broken_at=step)
    # Which of the two data sets the step takes is the plan's business.
    source = plan_epoch([10, 10], 4, 1, "toy", step // STEPS)[step % STEPS].source
    where = rf"on data set {source + 1} of 2 \({source + 2} links\)"
    message = (
        f"^toy: loss is not finite at step {step + 1}, or its gradient, {where}: lower the learning rate$"
    )
    with pytest.raises(UserError, match=message):
        run(loop)
    assert len(loop.history) == step // STEPS  # epochs before it are kept, its own is not


def test_gains_that_are_not_finite_are_named_as_the_cause() -> None:
    loop = Toy()
    loop.train[1][:, 0, 1] = np.nan  # type: ignore[index]
    with pytest.raises(UserError, match=r"on data set 2 of 2 \(3 links\): its gains are not finite"):
        run(loop)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_metric_that_is_not_finite_stops_the_run_and_is_not_reported(
    value: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    loop, reported = Toy(), []
    monkeypatch.setattr(loop, "measure", lambda epoch: {"epoch": 1.0, "validation_loss": value})
    with pytest.raises(UserError, match=f"^toy: validation_loss is {value} after epoch 1: lower"):
        loop.run(lambda metrics, save: reported.append(metrics), lambda done, total, count: None)
    assert not reported
    assert not loop.history


def test_training_data_without_snapshots_are_refused() -> None:
    with pytest.raises(UserError, match=r"^toy: there are no training snapshots"):
        Toy(rows=0)


@pytest.mark.parametrize("report_every", [1, 2])
@pytest.mark.parametrize("epoch", [2])
def test_a_resumed_run_equals_the_uninterrupted_one(tmp_path: Path, report_every: int, epoch: int) -> None:
    settings = SETTINGS._replace(epochs=5, report_every=report_every)
    whole, resumed = Toy(settings), Toy(settings)
    history = run(whole, tmp_path)
    assert run(resumed, resume_from=tmp_path / str(epoch)) == history
    assert resumed.steps_done == whole.steps_done == 5 * STEPS
    assert [row["epoch"] for row in history] == ([1, 2, 3, 4, 5] if report_every == 1 else [2, 4, 5])
    for one, other in zip(resumed.model.parameters(), whole.model.parameters(), strict=True):
        assert torch.equal(one, other)


def test_a_batch_in_parts_has_the_gradient_of_the_whole() -> None:
    gain_db = torch.from_numpy(np.random.default_rng(0).normal(5.0, 1.0, (8, 2, 2))).float()
    found = []
    for accumulation in (1, 3):
        loop = Toy(SETTINGS._replace(accumulation=accumulation))
        reported = loop.step(gain_db)
        found.append([*reported, *(p.grad for p in loop.model.parameters())])
    for whole, parts in zip(*found, strict=True):
        torch.testing.assert_close(whole, parts)


def test_gradients_are_shortened_to_the_limit() -> None:
    gain_db = torch.full((4, 2, 2), 50.0)
    free, held = Toy(), Toy(SETTINGS._replace(max_gradient_norm=1.0))
    assert free.step(gain_db)[1] == held.step(gain_db)[1] > 1.0  # what is reported is the length before
    grads = torch.cat([p.grad.flatten() for p in held.model.parameters() if p.grad is not None])
    assert grads.norm().item() == pytest.approx(1.0, rel=1e-4)


def test_products_take_the_precision_asked_for() -> None:
    gain_db = torch.from_numpy(np.random.default_rng(0).normal(5.0, 1.0, (8, 2, 2))).float()
    exact, rounded = (
        Toy(SETTINGS._replace(precision=kind)).step(gain_db)[0] for kind in ("float32", "bfloat16")
    )
    assert exact != rounded
    assert exact.item() == pytest.approx(rounded.item(), rel=0.05)
