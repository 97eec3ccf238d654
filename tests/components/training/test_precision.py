"""Laws of the number format: "auto" follows the hardware, a named format is what it says."""

import pytest
import torch

from components.training.precision import Precision, autocast_dtype

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
