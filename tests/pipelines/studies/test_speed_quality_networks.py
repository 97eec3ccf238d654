"""An unrolled network takes part in quality against time: in the compiled core, with the powers that are scored."""

from pathlib import Path

import numpy as np
import torch

from components.model.inference import allocate_batches
from components.model.unrolled.network import UnrolledConfig, UnrolledNetwork
from components.training.worlds.config import WorldsConfig
from components.training.worlds.folder import load_any_goal_model, save_unrolled
from gfm_ra.goals import SumRate
from pipelines.studies.speed_quality_timing import SpeedQualityConfig, graphs, methods


def test_what_is_timed_is_what_is_scored(tmp_path: Path) -> None:
    torch.manual_seed(0)
    sizes = UnrolledConfig(width=8, hidden=8, steps=3)
    folder = tmp_path / "unrolled"
    folder.mkdir()
    save_unrolled(folder, UnrolledNetwork(sizes), WorldsConfig(network=sizes))
    config = SpeedQualityConfig(
        scenarios=("D16",),
        rows=4,
        prompted={"prompted": str(folder)},
        one_goal={},
        iterations=(1,),
        starts=(2,),
    )
    timed = {each.method: each for each in methods(config, graphs(config, tmp_path))}
    gain_db = np.random.default_rng(0).normal(12.0, 15.0, (4, 6, 6)).astype(np.float32)
    expected = allocate_batches(load_any_goal_model(folder), gain_db, SumRate())
    np.testing.assert_allclose(timed["prompted"].call(gain_db)(), expected, atol=1e-5)
    refined = timed["prompted+polish"].call(gain_db)()
    assert refined.shape == (4, 6)
