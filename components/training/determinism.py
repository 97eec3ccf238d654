"""The same bits from the same seed, where the hardware can promise it."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def deterministic(device: torch.device) -> Iterator[None]:
    """Let this process use only algorithms that give the same bits every time, on CPU; afterwards as before.

    GPUs may choose, but not attention kernels that could differ between training and use of a model.
    """
    algorithms = torch.are_deterministic_algorithms_enabled()
    warn_only = torch.is_deterministic_algorithms_warn_only_enabled()
    fill = torch.utils.deterministic.fill_uninitialized_memory  # type: ignore[attr-defined]
    attention = torch.backends.cuda.cudnn_sdp_enabled()
    try:
        if device.type == "cuda":
            # Masks that need a gradient never get cuDNN's kernel; so nobody does.
            torch.backends.cuda.enable_cudnn_sdp(False)
        torch.use_deterministic_algorithms(device.type == "cpu")
        # Nothing here reads what it has not written; filling every new tensor first would cost a twelfth of a step.
        torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
        yield
    finally:
        torch.backends.cuda.enable_cudnn_sdp(attention)
        torch.use_deterministic_algorithms(algorithms, warn_only=warn_only)
        torch.utils.deterministic.fill_uninitialized_memory = fill  # type: ignore[attr-defined]
