"""Laws of 8-bit graphs: smaller, any size of network, nearly the same powers."""

from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch

from components.model.backbone import BackboneConfig
from components.model.export import export_onnx
from components.model.heads import PowerModel
from components.model.prompted import ConditioningConfig, PromptedModel
from components.model.quantization import quantize

CONFIG = BackboneConfig(layers=2, width=96, heads=4, bias_width=8, node_features="landmarks")


@pytest.mark.parametrize("prompted", [False, True], ids=["one goal", "prompted"])
def test_powers_hardly_change_and_the_file_shrinks(tmp_path: Path, prompted: bool) -> None:
    torch.manual_seed(0)
    model = PromptedModel(CONFIG, ConditioningConfig()) if prompted else PowerModel(CONFIG)
    whole, small = tmp_path / "whole.onnx", tmp_path / "small.onnx"
    export_onnx(model.eval(), whole)
    quantize(whole, small)
    assert small.stat().st_size < 0.6 * whole.stat().st_size
    sessions = [onnxruntime.InferenceSession(path) for path in (whole, small)]
    for batch, links in ((1, 1), (3, 20)):
        gain_db = np.random.default_rng(links).normal(10.0, 15.0, (batch, links, links))
        inputs = {
            "gain_db": gain_db, "parameters": np.zeros((batch, 3)), "weights": np.ones((batch, links)),
        }  # fmt: skip
        names = [node.name for node in sessions[0].get_inputs()]
        given = {name: inputs[name].astype(np.float32) for name in names}
        one, other = (session.run(["power"], given)[0] for session in sessions)
        np.testing.assert_allclose(other, one, atol=0.05)


def test_a_graph_may_be_replaced_in_place(tmp_path: Path) -> None:
    path = tmp_path / "graph.onnx"
    export_onnx(PowerModel(CONFIG).eval(), path)
    before = path.stat().st_size
    quantize(path, path)
    assert path.stat().st_size < before
    assert [file.name for file in tmp_path.iterdir()] == ["graph.onnx"]
