"""How much arithmetic training needs, and how much of it the machine could do."""

import time

import torch

from components.backbone import BackboneConfig
from components.features import NODE_FEATURE_COUNT

_PEAK_SIZE_CPU, _PEAK_SIZE_GPU = 1024, 8192


def forward_flops(config: BackboneConfig, links: int) -> float:
    """Floating-point operations of one forward pass of the backbone for one graph of K links.

    Products only (a multiply-add counts as two); normalisation, softmax and activations are left out, as is
    usual for such shares.
    """
    d, edges = config.width, links * links
    encoder = 2 * links * d * (NODE_FEATURE_COUNT[config.node_features] + d)
    bias = 2 * edges * config.bias_width * (2 + config.heads)
    layers = config.layers * (12 * links * d * d + 4 * edges * d)
    return float(encoder + bias + layers)


def training_flops(config: BackboneConfig, links: int, mask_ratio: float) -> float:
    """Operations of one step of Algorithm 1 per graph: student forward and backward, teacher forward."""
    d, hidden = config.width, max(32, config.width // 4)
    projector = 4 * links * d * d
    decoder = 4 * links * d * hidden + 4 * mask_ratio * links * (links - 1) * hidden
    student = forward_flops(config, links) + 2 * projector + decoder
    return 3 * student + forward_flops(config, links) + projector


def matmul_peak(device: torch.device, dtype: torch.dtype = torch.float32, seconds: float = 0.2) -> float:
    """Best rate of a square matrix product in operations per second, on this process's threads or its GPU."""
    size = _PEAK_SIZE_GPU if device.type == "cuda" else _PEAK_SIZE_CPU
    generator = torch.Generator(device).manual_seed(0)
    a, b = (torch.randn(size, size, device=device, generator=generator).to(dtype) for _ in range(2))
    best, ends = 0.0, time.perf_counter() + seconds
    while best == 0.0 or time.perf_counter() < ends:
        started = time.perf_counter()
        torch.mm(a, b)
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        best = max(best, 2 * size**3 / (time.perf_counter() - started))
    return best
