"""Goal-conditioned models and goals that their tests share."""

import torch

from components.model.backbone import BackboneConfig
from components.model.conditioning import GoalDistribution, Goals
from components.model.prompted import (
    ConditioningConfig,
    PromptedModel,
)

CONFIG = BackboneConfig(layers=2, width=16, heads=4, bias_width=8, node_features="landmarks")
GRAPHS, LINKS, PADDING = 3, 6, 3


def lively(module: torch.nn.Module) -> None:
    """Parameters that a fresh model leaves at zero, and powers spread over [0, 1]: nothing agrees by being constant."""
    generator = torch.Generator().manual_seed(9)
    with torch.no_grad():
        for name, parameter in module.named_parameters():
            if not parameter.any():
                parameter.copy_(0.3 * torch.randn(parameter.shape, generator=generator))
            if name.endswith("head.mlp.2.weight"):
                parameter.mul_(8.0)


def make(feedback_steps: int = 2, config: BackboneConfig = CONFIG) -> PromptedModel:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = PromptedModel(config, ConditioningConfig(feedback_steps=feedback_steps, estimate_rank=4))
    lively(model)
    return model.eval().requires_grad_(False)


def steep(node_features: str) -> PromptedModel:
    """Tentative powers from 1e-9 to 1, as of a trained model."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        config = BackboneConfig.model_validate(
            {"layers": 2, "width": 16, "heads": 4, "bias_width": 8, "node_features": node_features}
        )
        model = PromptedModel(config, ConditioningConfig(estimate_rank=4)).eval().requires_grad_(False)
    for feedback in model.backbone.feedback:
        feedback.get_parameter("power.weight").mul_(16.0)
    model.head.get_parameter("mlp.2.weight").mul_(8.0)
    return model


def drawn(links: int = LINKS, batch: int = GRAPHS) -> Goals:
    """Different goals with different weights, one per graph."""
    goals = GoalDistribution(weighted_share=1.0).draw(batch, links, torch.Generator().manual_seed(4))
    parameters = torch.tensor([[0.0, 0.0, 0.0], [0.0, 0.6, 12.0], [1.5, 0.0, 0.0]])
    return Goals(parameters[torch.arange(batch) % 3], goals.weights)
