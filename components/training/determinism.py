"""The same bits from the same seed, where the hardware can promise it."""

import torch


def make_deterministic(device: torch.device) -> None:
    """Let this process use only algorithms that give the same bits every time, on CPU.

    GPUs may choose, but not attention kernels that could differ between training and use of a model.
    """
    if device.type == "cuda":
        # Masks that need a gradient never get cuDNN's kernel; so nobody does.
        torch.backends.cuda.enable_cudnn_sdp(False)
    torch.use_deterministic_algorithms(device.type == "cpu")
    # Nothing here reads what it has not written; filling every new tensor first would cost a twelfth of a step.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
