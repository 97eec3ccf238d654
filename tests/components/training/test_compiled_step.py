"""A compiled student computes what the plain one does, for every number of links."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from components.channel.scenario import SCENARIOS
from components.data.batches import Group
from components.data.online import OnlineSnapshots
from components.model.backbone import BackboneConfig
from components.training.config import PretrainingConfig
from components.training.pretraining import Pretraining

pytestmark = [
    pytest.mark.slow,
    # Of what torch.compile imports and touches.
    pytest.mark.filterwarnings("ignore"),
    pytest.mark.skipif(shutil.which("g++") is None, reason="torch.compile needs a compiler on CPU"),
]
BACKBONE = BackboneConfig(layers=2, width=16, heads=4, bias_width=8, node_features="landmarks")
BATCH, STEPS = 4, 2


def losses(compiled: bool) -> np.ndarray:
    """Loss and gradient norm of some steps on graphs of 20 and 35 links, [2 STEPS, 2]."""
    sources = [OnlineSnapshots(SCENARIOS[name], 8, 1, torch.device("cpu")) for name in ("D1", "D2")]
    config = PretrainingConfig(
        backbone=BACKBONE,
        utility_weight=10.0,
        batch_size=BATCH,
        learning_rate=1e-3,
        compile=compiled,
    )
    loop = Pretraining(config, sources, [source[:2].numpy() for source in sources], 1, Group())
    return np.array([loop.step(source[:BATCH]).numpy() for _ in range(STEPS) for source in sources])


def test_losses_and_gradients_are_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path))
    torch._dynamo.reset()
    plain, compiled = (losses(how) for how in (False, True))
    assert np.isfinite(plain).all()
    assert compiled == pytest.approx(plain, rel=2e-4)
