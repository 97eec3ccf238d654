"""Allocators of small models, and gains, that their tests share."""

import numpy as np
import pytest
import torch

from components.evaluation.torch_allocator import Allocator
from components.model.backbone import BackboneConfig
from components.model.heads import PowerModel
from components.model.prompted import ConditioningConfig, PromptedModel
from gfm_ra.goals import AlphaFair, ProportionalFair, QoS, SumRate, Weighted

CONFIG = BackboneConfig(layers=1, width=16, heads=4, bias_width=8, node_features="landmarks")
CONDITIONING = ConditioningConfig(estimate_rank=4)
SNAPSHOTS, LINKS = 24, 5
OBJECTIVES = [SumRate(), ProportionalFair(), QoS(), AlphaFair(2.0)]
OBJECTIVES += [Weighted(SumRate(), np.arange(1.0, LINKS + 1))]
KINDS = ["tuned", "prompted"]


def make(kind: str) -> PowerModel | PromptedModel:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        model = PowerModel(CONFIG) if kind == "tuned" else PromptedModel(CONFIG, CONDITIONING)
    with torch.no_grad():  # spread the powers over [0, 1]
        model.head.state_dict()["mlp.2.weight"].mul_(8.0)
    return model


@pytest.fixture(scope="module", params=KINDS)
def allocator(request: pytest.FixtureRequest) -> Allocator:
    return Allocator.of(make(request.param), SumRate())


@pytest.fixture(scope="module")
def gain() -> np.ndarray:
    gain_db = np.random.default_rng(0).normal(7.0, 12.0, (SNAPSHOTS, LINKS, LINKS)) + 15.0 * np.eye(LINKS)
    return (10.0 ** (gain_db / 10.0)).astype(np.float32)


def some_hidden() -> np.ndarray:
    hidden = np.random.default_rng(1).random((SNAPSHOTS, LINKS, LINKS)) < 0.3
    return hidden & ~np.eye(LINKS, dtype=bool)
