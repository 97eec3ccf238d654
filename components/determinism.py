"""The same bits from the same seed, where the hardware can promise it."""

import torch


def make_deterministic(device: torch.device) -> None:
    """Let this process use only algorithms that give the same bits every time, on CPU; GPUs are left as they are."""
    torch.use_deterministic_algorithms(device.type == "cpu")
    # Nothing here reads what it has not written; filling every new tensor first would cost a twelfth of a step.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
