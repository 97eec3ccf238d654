"""Laws of the ONNX export: the same powers at any size, the same bytes, nothing of this machine in them."""

import logging
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch

import components.model.export
from components.model.backbone import BackboneConfig
from components.model.conditioning import GoalDistribution, Goals
from components.model.export import AGREEMENT, INPUT, OUTPUT, PROMPT_INPUTS, export_onnx
from components.model.heads import PowerModel
from components.model.prompted import PromptedModel
from tests.components.model.prompted_models import steep
from tests.exported import export_once


@pytest.fixture(scope="module", params=["direct", "landmarks"])
def model(request: pytest.FixtureRequest) -> PowerModel:
    torch.manual_seed(0)
    config = BackboneConfig(layers=2, width=16, heads=4, bias_width=8, node_features=request.param)
    model = PowerModel(config)
    with torch.no_grad():  # spread the powers over [0, 1], so that agreement is not agreement on a constant
        model.head.mlp[2].weight.mul_(8.0)
    return model


@pytest.fixture(scope="module")
def graph(model: PowerModel, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("export") / "model.onnx"
    export_onnx(model, path)
    return path


@pytest.fixture(scope="module")
def session(graph: Path) -> onnxruntime.InferenceSession:
    return onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])


@pytest.mark.parametrize("links", [1, 2, 7, 50])
@pytest.mark.parametrize("batch", [1, 3, 64])
def test_graph_and_model_set_the_same_powers(
    model: PowerModel, session: onnxruntime.InferenceSession, batch: int, links: int
) -> None:
    gain_db = np.random.default_rng(links).normal(20.0, 15.0, (batch, links, links)).astype(np.float32)
    (power,) = session.run([OUTPUT], {INPUT: gain_db})
    with torch.no_grad():
        expected = model(torch.from_numpy(gain_db)).numpy()
    assert power.shape == (batch, links)
    np.testing.assert_allclose(power, expected, atol=1e-4)
    assert links < 7 or expected.std() > 0.01


def test_gains_beyond_the_window_agree_too(model: PowerModel, session: onnxruntime.InferenceSession) -> None:
    gain_db = np.random.default_rng(0).normal(0.0, 400.0, (1, 9, 9)).astype(np.float32)
    with torch.no_grad():
        expected = model(torch.from_numpy(gain_db)).numpy()
    np.testing.assert_allclose(session.run([OUTPUT], {INPUT: gain_db})[0], expected, atol=1e-4)


@pytest.mark.parametrize("model", ["landmarks"], indirect=True)
def test_same_model_gives_the_same_bytes_and_logging_stays_as_it_was(
    model: PowerModel, graph: Path, tmp_path: Path
) -> None:
    logger = logging.getLogger("torch.onnx")
    before, level = logger.level, logging.INFO + 1
    logger.setLevel(level)
    try:
        export_onnx(model, tmp_path / "other-name.onnx")
        assert logger.level == level
    finally:
        logger.setLevel(before)
    assert (tmp_path / "other-name.onnx").read_bytes() == graph.read_bytes()


def test_nothing_of_this_machine_is_in_the_file(graph: Path, root: Path) -> None:
    content = graph.read_bytes()
    for trace in (str(root), str(graph.parent), "site-packages", "components/", ".py", "/root", "/home"):
        assert trace.encode() not in content, trace


def test_the_file_is_alone_and_valid(graph: Path) -> None:
    assert [path.name for path in graph.parent.iterdir()] == [graph.name]  # no external weights
    onnx.checker.check_model(onnx.load(graph), full_check=True)


def test_a_graph_that_disagrees_is_refused(model: PowerModel, graph: Path) -> None:
    torch.manual_seed(1)
    other = PowerModel(model.backbone.config).eval()
    with pytest.raises(ValueError, match="powers differ"):
        components.model.export._compare(other, graph)
    assert AGREEMENT <= 1e-4


@pytest.fixture(scope="module")
def prompted() -> PromptedModel:
    return steep("landmarks")


@pytest.fixture(scope="module")
def prompted_session(
    prompted: PromptedModel, tmp_path_factory: pytest.TempPathFactory
) -> onnxruntime.InferenceSession:
    path = tmp_path_factory.mktemp("prompted") / "model.onnx"
    export_once(prompted, path)
    return onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])


@pytest.mark.parametrize("links", [1, 2, 7, 40])
@pytest.mark.parametrize("batch", [1, 3, 16])
def test_a_goal_conditioned_graph_sets_the_models_powers(
    prompted: PromptedModel, prompted_session: onnxruntime.InferenceSession, batch: int, links: int
) -> None:
    gain_db = np.random.default_rng(links).normal(20.0, 15.0, (batch, links, links)).astype(np.float32)
    goals = GoalDistribution(weighted_share=0.5).draw(batch, links, torch.Generator().manual_seed(links))
    given = dict(zip(PROMPT_INPUTS, (part.numpy() for part in goals), strict=True)) | {INPUT: gain_db}
    assert {node.name for node in prompted_session.get_inputs()} == set(given)
    power = np.asarray(prompted_session.run([OUTPUT], given)[0])
    with torch.no_grad():
        expected = prompted(torch.from_numpy(gain_db), goals).numpy()
    assert power.shape == (batch, links)
    np.testing.assert_allclose(power, expected, atol=AGREEMENT)
    assert links < 7 or expected.std() > 0.01


def test_a_goal_conditioned_graph_reads_its_goal(prompted_session: onnxruntime.InferenceSession) -> None:
    gain_db = np.random.default_rng(0).normal(20.0, 15.0, (2, 6, 6)).astype(np.float32)
    plain = Goals(torch.zeros(2, 3), torch.ones(2, 6))
    fair = plain._replace(parameters=torch.tensor([[1.0, 0.0, 0.0]] * 2))
    weighted = plain._replace(weights=torch.arange(1.0, 7.0).expand(2, 6))
    powers = []
    for goals in (plain, fair, weighted):
        given = dict(zip(PROMPT_INPUTS, (part.numpy() for part in goals), strict=True)) | {INPUT: gain_db}
        powers.append(np.asarray(prompted_session.run([OUTPUT], given)[0]))
    assert np.abs(powers[1] - powers[0]).max() > 1e-3
    assert np.abs(powers[2] - powers[0]).max() > 1e-3
