"""A registered model that tests of the service serve."""

from pathlib import Path

import pytest
import torch

from components.model.backbone import BackboneConfig
from components.model.export import export_onnx
from components.model.prompted import ConditioningConfig, PromptedModel
from pipelines.registry import aliases, pyfunc_program, versions
from pipelines.runtime import runs
from pipelines.stages.register import PARAMETERS

MODEL = "gfm-ra-prompted"


@pytest.fixture(scope="module")
def model(module_workspace: Path) -> PromptedModel:
    torch.manual_seed(0)
    config = BackboneConfig(layers=1, width=16, heads=4, bias_width=8)
    model = PromptedModel(config, ConditioningConfig()).eval()
    export_onnx(model, Path("model.onnx"))
    runs.connect()
    with runs.run("register", {}) as run:
        graph = {"graph": Path("model.onnx")}
        number = versions.add_version(run, MODEL, pyfunc_program.PATH, graph, ["mlflow"], {}, PARAMETERS)
    aliases.promote(MODEL, number)
    return model
