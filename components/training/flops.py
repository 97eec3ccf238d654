"""How much arithmetic training needs, and how much of it the machine could do."""

import time

import torch

from components.model.backbone import BackboneConfig
from components.model.features import NODE_FEATURE_COUNT
from components.model.prompted import ConditioningConfig

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


def training_flops(
    config: BackboneConfig,
    links: int,
    mask_ratio: float,
    teacher: bool = True,
    conditioning: ConditioningConfig | None = None,
) -> float:
    """Operations of one pre-training step per graph: student forward and backward, teacher forward if there is one."""
    d, hidden = config.width, max(32, config.width // 4)
    projector = 4 * links * d * d
    decoder = 4 * links * d * hidden + 4 * mask_ratio * links * (links - 1) * hidden
    encoder = forward_flops(config, links) + conditioning_flops(config, links, conditioning)
    if not teacher:
        return 3 * (encoder + decoder)
    return 3 * (encoder + 2 * projector + decoder) + encoder + projector


def conditioning_flops(config: BackboneConfig, links: int, conditioning: ConditioningConfig | None) -> float:
    """Operations of what a goal adds to one forward pass: prompt, estimates of hidden gains, feedback, power head."""
    if conditioning is None:
        return 0.0
    d, edges, rank = config.width, links * links, conditioning.estimate_rank + 1
    prompt = 2 * links * d * (4 + d)
    estimates = (
        0 if conditioning.feedback_steps == 0 else config.layers * (4 * links * d * rank + 2 * edges * rank)
    )
    feedback = (config.layers + 1) * conditioning.feedback_steps * (links * d * (2 + 8 + d) + 4 * edges)
    return float(prompt + estimates + feedback + 2 * links * d * d)


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
