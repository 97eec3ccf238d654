"""Low-rank adapters: fine-tune a few numbers per layer beside frozen weights, then fold them in.

Source: Hu et al., "LoRA: Low-Rank Adaptation of Large Language Models", ICLR 2022.
"""

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn.functional import linear

from components.channel.rng import stream
from components.config import Strict
from components.model.backbone import Layer


class LoRAConfig(Strict):
    """Size and strength of the adapters: W becomes W + scale / rank * B A."""

    rank: int = Field(default=8, ge=1)
    scale: float = Field(default=16.0, gt=0)


class Adapted(nn.Module):
    """A frozen linear layer with a trainable low-rank term beside it."""

    def __init__(self, base: nn.Linear, config: LoRAConfig, start: Tensor) -> None:
        super().__init__()
        self.base = base
        self.factor = config.scale / config.rank
        self.down = nn.Parameter(start.to(base.weight))  # A [rank, in]
        self.up = nn.Parameter(base.weight.new_zeros(base.out_features, config.rank))  # B [out, rank]

    def forward(self, x: Tensor) -> Tensor:
        """Map x [..., in] to [..., out]."""
        # The term runs beside W instead of within it: no gradient of W's size is ever formed.
        return self.base(x) + self.factor * linear(linear(x, self.down), self.up)

    @torch.no_grad()
    def merged(self) -> nn.Linear:
        """The linear layer with the term folded into its weight."""
        self.base.weight += self.factor * self.up @ self.down
        return self.base


def add_adapters(module: nn.Module, config: LoRAConfig, seed: int) -> list[nn.Parameter]:
    """Give every linear layer of the Transformer layers in `module` an adapter and freeze everything else in it.

    The output stays what it was until the adapters are trained; their start depends on the seed alone.

    Returns:
        The adapters' parameters, the only ones in `module` that still require gradients.

    Raises:
        ValueError: there are adapters already, there is no Transformer layer, or the rank exceeds the width.
    """
    sites = _sites(module)
    _check(module, sites, config)
    module.requires_grad_(False)
    added = []
    for path, parent, name, base in sites:
        bound = base.in_features**-0.5  # what nn.Linear itself starts with
        draws = stream(seed, "finetune", "adapters", path).uniform(
            -bound, bound, (config.rank, base.in_features)
        )
        adapted = Adapted(base, config, torch.from_numpy(draws))
        setattr(parent, name, adapted)
        added += [adapted.down, adapted.up]
    return added


def merge_adapters(module: nn.Module) -> None:
    """Fold the adapters into the weights: the module computes the same, has its former keys and trains as a whole.

    A module without adapters stays as it is.
    """
    for parent in list(module.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, Adapted):
                setattr(parent, name, child.merged())
    module.requires_grad_(True)


def _sites(module: nn.Module) -> list[tuple[str, nn.Module, str, nn.Linear]]:
    """Path, parent, name and layer of every linear layer within a Transformer layer.

    The path counts Transformer layers, so that it is the same for a backbone and for the model around it.
    """
    layers = [layer for layer in module.modules() if isinstance(layer, Layer)]
    return [
        (f"{index}.{path}.{name}", parent, name, child)
        for index, layer in enumerate(layers)
        for path, parent in layer.named_modules()
        for name, child in parent.named_children()
        if isinstance(child, nn.Linear)
    ]


def _check(module: nn.Module, sites: list[tuple[str, nn.Module, str, nn.Linear]], config: LoRAConfig) -> None:
    if any(isinstance(child, Adapted) for child in module.modules()):
        raise ValueError("the module has adapters already: merge them before adding others")
    if not sites:
        raise ValueError(f"{type(module).__name__} has no Transformer layer to adapt: pass a backbone")
    narrowest = min(min(base.in_features, base.out_features) for *_, base in sites)
    if config.rank > narrowest:
        raise ValueError(
            f"rank {config.rank} exceeds the backbone's width {narrowest}: choose a rank well below it"
        )
