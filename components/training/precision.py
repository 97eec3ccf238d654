"""In which number format products are computed while training."""

from typing import Literal

import torch

# "auto" is bfloat16 where the hardware multiplies it faster than float32, float32 elsewhere.
Precision = Literal["auto", "float32", "bfloat16"]


def autocast_dtype(precision: Precision, device: torch.device) -> torch.dtype:
    """The format that a choice means on a device."""
    if precision == "auto":
        return torch.bfloat16 if _multiplies_bfloat16(device) else torch.float32
    return torch.bfloat16 if precision == "bfloat16" else torch.float32


def autocast(precision: Precision, device: torch.device) -> torch.autocast:
    """The context in which products are computed so."""
    chosen = autocast_dtype(precision, device)
    return torch.autocast(device.type, torch.bfloat16, enabled=chosen == torch.bfloat16)


def _multiplies_bfloat16(device: torch.device) -> bool:
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    # Matrix tiles; AVX-512's own bfloat16 products gain little, and without either they are emulated.
    return device.type == "cpu" and torch.cpu._is_amx_tile_supported()
