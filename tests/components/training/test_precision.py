"""Laws of the number format: "auto" follows the hardware, a named format is what it says, and losses know none."""

import pytest
import torch

from components.channel.masking import random_pair_mask
from components.channel.scenario import SCENARIOS
from components.channel.simulator import simulate
from components.model.backbone import BackboneConfig
from components.model.conditioning import goals_of
from components.model.prompted import ConditioningConfig
from components.training.finetuning import adaptation_loss
from components.training.precision import Precision, autocast, autocast_dtype
from components.training.pretext import Student
from gfm_ra.goals import AlphaFair, Objective, ProportionalFair, QoS, SumRate
from gfm_ra.units import to_gain_db

CPU, GPU = torch.device("cpu"), torch.device("cuda")


def pretend(monkeypatch: pytest.MonkeyPatch, fast: bool) -> None:
    """Hardware that multiplies bfloat16 fast, or does not."""
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: fast)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation=True: fast)


@pytest.mark.parametrize("device", [CPU, GPU], ids=str)
@pytest.mark.parametrize(("fast", "expected"), [(True, torch.bfloat16), (False, torch.float32)])
def test_auto_follows_the_hardware(
    monkeypatch: pytest.MonkeyPatch, device: torch.device, fast: bool, expected: torch.dtype
) -> None:
    pretend(monkeypatch, fast)
    assert autocast_dtype("auto", device) == expected


@pytest.mark.parametrize("device", [CPU, GPU], ids=str)
@pytest.mark.parametrize("fast", [True, False])
@pytest.mark.parametrize(
    ("precision", "expected"), [("float32", torch.float32), ("bfloat16", torch.bfloat16)]
)
def test_a_named_format_is_kept_on_any_hardware(
    monkeypatch: pytest.MonkeyPatch,
    device: torch.device,
    fast: bool,
    precision: Precision,
    expected: torch.dtype,
) -> None:
    pretend(monkeypatch, fast)
    assert autocast_dtype(precision, device) == expected


def test_emulated_bfloat16_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation=True: including_emulation)
    assert autocast_dtype("auto", GPU) == torch.float32


def test_each_device_answers_for_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    pretend(monkeypatch, True)
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: False)
    assert autocast_dtype("auto", CPU) == torch.float32
    assert autocast_dtype("auto", GPU) == torch.bfloat16


def test_an_unknown_device_gets_float32() -> None:
    assert autocast_dtype("auto", torch.device("meta")) == torch.float32


def test_the_question_can_be_asked_here() -> None:
    assert autocast_dtype("auto", CPU) in (torch.float32, torch.bfloat16)


GOALS: list[Objective] = [SumRate(), ProportionalFair(), QoS(), AlphaFair(2.0)]


@pytest.fixture(scope="module")
def gain_db() -> torch.Tensor:
    return torch.from_numpy(to_gain_db(simulate(SCENARIOS["D18"], 4, 3)))


def leaf(gain_db: torch.Tensor) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.rand(gain_db.shape[:2], generator=generator).requires_grad_()


@pytest.mark.parametrize("goal", GOALS, ids=repr)
@pytest.mark.parametrize("kind", ["utility", "scaled"])
def test_the_loss_of_fine_tuning_and_its_gradient_are_those_of_float32(
    gain_db: torch.Tensor, goal: Objective, kind: str
) -> None:
    found = []
    for precision in ("float32", "bfloat16"):
        power = leaf(gain_db)
        with autocast(precision, CPU):
            loss = adaptation_loss(power, gain_db, goal, kind)
        loss.value.backward()
        found.append((loss.value, loss.reported, power.grad))
    for plain, reduced in zip(*found, strict=True):
        assert reduced.dtype == torch.float32
        assert torch.equal(plain, reduced)


@pytest.mark.parametrize("goal", GOALS, ids=repr)
def test_the_loss_of_pretraining_for_goals_and_its_gradient_are_those_of_float32(
    gain_db: torch.Tensor, goal: Objective, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = BackboneConfig(layers=1, width=16, heads=4, bias_width=8)
    student = Student(config, ConditioningConfig(estimate_rank=4))
    monkeypatch.setattr(student, "power", lambda z: z)  # powers that no product in reduced precision has made
    goals, found = goals_of(goal, *gain_db.shape[:2]), []
    for precision in ("float32", "bfloat16"):
        power, tentative = leaf(gain_db), leaf(gain_db)
        with autocast(precision, CPU):
            loss = student._goal_loss(power, (tentative,), gain_db, goals)
        loss.backward()
        found.append((loss, power.grad, tentative.grad))
    for plain, reduced in zip(*found, strict=True):
        assert reduced.dtype == torch.float32
        assert torch.equal(plain, reduced)


def test_errors_of_estimates_are_those_of_float32(gain_db: torch.Tensor) -> None:
    generator = torch.Generator().manual_seed(1)
    student = Student(BackboneConfig(layers=1, width=16, heads=4, bias_width=8), ConditioningConfig())
    mask = random_pair_mask(*gain_db.shape[:2], 0.4, generator)
    estimate, found = torch.randn(gain_db.shape, generator=generator), []
    for precision in ("float32", "bfloat16"):
        with autocast(precision, CPU):
            found.append(student._estimate_loss(estimate, gain_db, mask))
    assert torch.equal(*found)
