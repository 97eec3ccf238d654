"""Laws of counted arithmetic: by hand, against what PyTorch counts, and how it grows."""

from itertools import pairwise

import pytest
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from components.model.backbone import Backbone, BackboneConfig
from components.model.conditioning import goals_of
from components.model.prompted import ConditioningConfig, PromptedModel
from components.training.flops import conditioning_flops, forward_flops, matmul_peak, training_flops
from gfm_ra.goals import SumRate

CONFIG = BackboneConfig(layers=2, width=64, heads=4, bias_width=8)
CONDITIONING = ConditioningConfig(feedback_steps=2, estimate_rank=6)


def counted(module: torch.nn.Module, *inputs: object) -> int:
    """Operations of the matrix products that a pass really makes."""
    with torch.no_grad(), FlopCounterMode(display=False) as counter, sdpa_kernel(SDPBackend.MATH):
        module(*inputs)
    return counter.get_total_flops()


@pytest.mark.parametrize("kind", ["direct", "statistics", "landmarks"])
@pytest.mark.parametrize("links", [1, 5, 20])
def test_a_forward_pass_costs_what_pytorch_counts(kind: str, links: int) -> None:
    config = CONFIG.model_validate(CONFIG.model_dump() | {"node_features": kind})
    assert forward_flops(config, links) == counted(Backbone(config), torch.zeros(1, links, links))


@pytest.mark.parametrize("feedback_steps", [0, 1, 3])
def test_conditioning_adds_about_what_pytorch_counts(feedback_steps: int) -> None:
    conditioning, links = CONDITIONING.model_copy(update={"feedback_steps": feedback_steps}), 20
    gain_db, hidden = torch.zeros(1, links, links), ~torch.eye(links, dtype=torch.bool).unsqueeze(0)
    whole = counted(PromptedModel(CONFIG, conditioning), gain_db, goals_of(SumRate(), 1, links), hidden)
    added = whole - counted(Backbone(CONFIG), gain_db)
    # Sums of products within the feedback are no matrix products to PyTorch.
    assert conditioning_flops(CONFIG, links, conditioning) == pytest.approx(added, rel=0.05)


def test_a_training_step_counted_by_hand() -> None:
    config, links, ratio = BackboneConfig(layers=1, width=4, heads=2, bias_width=3), 2, 0.5
    encoder = 2 * links * (1 * 4 + 4 * 4)  # h_kk -> 4 -> 4
    bias = 2 * links**2 * (2 * 3 + 3 * 2)  # e_kj -> 3 -> one per head
    products = (
        2 * links * (3 * 16 + 16 + 16 + 16)
    )  # queries, keys and values; output; two of the feed-forward
    attention = 2 * (2 * links**2 * 4)  # scores and mixing
    forward = encoder + bias + products + attention
    assert forward_flops(config, links) == forward
    projector = 2 * links * (16 + 16)
    masked = ratio * links * (links - 1)
    decoder = 2 * links * 2 * 4 * 32 + masked * 2 * 32 * 2  # per link as either end, then per hidden edge
    student, backward = forward + 2 * projector + decoder, 2  # twice the forward pass
    teacher = forward + projector
    assert training_flops(config, links, ratio) == (1 + backward) * student + teacher
    assert training_flops(config, links, ratio, teacher=False) == (1 + backward) * (forward + decoder)


def test_everything_that_is_asked_for_costs_something() -> None:
    plain = training_flops(CONFIG, 10, 0.3, teacher=False)
    assert training_flops(CONFIG, 10, 0.3) > plain
    assert training_flops(CONFIG, 10, 0.6, teacher=False) > plain
    added = conditioning_flops(CONFIG, 10, CONDITIONING)
    assert added > 0
    assert training_flops(CONFIG, 10, 0.3, False, CONDITIONING) == pytest.approx(plain + 3 * added)
    assert training_flops(CONFIG, 10, 0.3, True, CONDITIONING) == pytest.approx(
        training_flops(CONFIG, 10, 0.3) + 4 * added  # the teacher is conditioned too
    )
    assert conditioning_flops(CONFIG, 10, None) == 0


@pytest.mark.parametrize("conditioning", [None, CONDITIONING], ids=["plain", "conditioned"])
def test_cost_grows_faster_than_the_number_of_links(conditioning: ConditioningConfig | None) -> None:
    costs = [training_flops(CONFIG, links, 0.3, True, conditioning) for links in (5, 10, 20, 40)]
    for half, whole in pairwise(costs):
        assert 2 * half < whole < 4 * half


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_peak_is_positive_and_leaves_the_global_generator_alone(dtype: torch.dtype) -> None:
    before = torch.get_rng_state()
    assert matmul_peak(torch.device("cpu"), dtype, seconds=0.01) > 1e6
    assert torch.equal(torch.get_rng_state(), before)
