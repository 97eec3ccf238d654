"""A registered model that tests of the service serve."""

from pathlib import Path

import pytest

from components.model.prompted import PromptedModel
from pipelines.registry import aliases, pyfunc_program, versions
from pipelines.runtime import runs
from pipelines.stages.register import PARAMETERS
from tests.exported import export_once, lively_prompted

MODEL = "gfm-ra-prompted"


@pytest.fixture(scope="module")
def model(module_workspace: Path) -> PromptedModel:
    model = lively_prompted()
    export_once(model, Path("model.onnx"))
    runs.connect()
    with runs.run("register", {}) as run:
        graph = {"graph": Path("model.onnx")}
        number = versions.add_version(run, MODEL, pyfunc_program.PATH, graph, ["mlflow"], {}, PARAMETERS)
    aliases.promote(MODEL, number)
    return model
