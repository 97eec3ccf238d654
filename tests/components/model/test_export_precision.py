"""Exported graphs set the model's powers in the corners too: rates of 1e-8, gains of 200 dB, any goal and weights."""

from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st

from components.model.conditioning import Goals
from components.model.export import AGREEMENT, INPUT, OUTPUT, PROMPT_INPUTS
from gfm_ra.units import LARGEST_GAIN_DB, LEAST_GAIN_DB
from tests.components.model.prompted_models import steep
from tests.exported import export_once

Case = tuple[np.ndarray, np.ndarray, np.ndarray]  # gain_db [B, K, K], parameters [B, 3], weights [B, K]
GRAPHS = 8


class Pair:
    """A model and its graph."""

    def __init__(self, node_features: str, path: Path) -> None:
        self.model = steep(node_features)
        export_once(self.model, path)
        self.session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])

    def powers(self, inputs: Case) -> tuple[np.ndarray, np.ndarray]:
        """Of the model and of the graph, [B, K] each."""
        gain_db, parameters, weights = inputs
        hidden = torch.from_numpy(np.isnan(gain_db) | np.isnan(gain_db).swapaxes(1, 2))
        goals = Goals(torch.from_numpy(parameters), torch.from_numpy(weights))
        with torch.no_grad():
            expected = self.model(torch.from_numpy(np.nan_to_num(gain_db)), goals, hidden).numpy()
        feed = dict(zip((INPUT, *PROMPT_INPUTS), inputs, strict=True))
        return expected, np.asarray(self.session.run([OUTPUT], feed)[0])


@pytest.fixture(scope="module", params=["statistics", "landmarks"])
def pair(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Pair:
    return Pair(request.param, tmp_path_factory.mktemp("precision") / "model.onnx")


def case(
    seed: int,
    links: int,
    window_db: tuple[float, float],
    goal: tuple[float, float, float],
    weight_decades: float,
    hidden: float = 0.0,
    step_db: float = 0.0,
) -> Case:
    """Graphs of one goal; with a step, gains are multiples of it, so that many are equal."""
    generator = np.random.default_rng(seed)
    gain_db = generator.uniform(*window_db, (GRAPHS, links, links))
    gain_db = step_db * np.round(gain_db / step_db) if step_db else gain_db
    unknown = (generator.random(gain_db.shape) < hidden) & ~np.eye(links, dtype=bool)
    weights = 10.0 ** generator.uniform(-weight_decades, 0.0, (GRAPHS, links))
    weights /= weights.max(axis=1, keepdims=True)
    gain_db[unknown] = np.nan
    parameters = np.tile(np.array(goal, dtype=np.float32), (GRAPHS, 1))
    return gain_db.astype(np.float32), parameters, weights.astype(np.float32)


alphas = st.sampled_from([0.0, 1.0 - 1e-6, 1.0, 1.0 + 1e-6, 2.0, 4.5, 5.0]) | st.floats(0.0, 5.0)
goals = st.builds(lambda alpha: (alpha, 0.0, 0.0), alphas) | st.tuples(
    st.just(0.0), st.floats(1e-3, 100.0), st.floats(0.0, 1e6)
)
LEVELS_DB = st.floats(LEAST_GAIN_DB, LARGEST_GAIN_DB)
CASES = st.builds(
    case,
    seed=st.integers(0, 2**32 - 1),
    links=st.integers(1, 8),
    window_db=st.tuples(LEVELS_DB, LEVELS_DB).filter(lambda ends: ends[1] - ends[0] > 1.0),
    goal=goals,
    weight_decades=st.floats(0.0, 6.0),
    hidden=st.sampled_from([0.0, 0.0, 0.3, 0.8]),
)


@settings(max_examples=300)
@example(case(0, 3, (-100.0, -70.0), (4.5, 0.0, 0.0), 0.0))  # SINR below 1e-7
@example(case(1, 8, (120.0, 200.0), (0.0, 0.0, 0.0), 6.0))
@given(CASES)
def test_graph_and_model_agree_in_the_corners(pair: Pair, inputs: Case) -> None:
    expected, power = pair.powers(inputs)
    assert np.isfinite(expected).all()
    np.testing.assert_allclose(power, expected, rtol=0.0, atol=AGREEMENT)


@pytest.mark.parametrize("pair", ["statistics"], indirect=True)
@pytest.mark.parametrize("step_db", [10.0, 100.0])
@pytest.mark.parametrize("links", [2, 5, 8])
def test_they_agree_where_many_gains_are_equal(pair: Pair, links: int, step_db: float) -> None:
    for seed in range(20):
        for goal in ((0.0, 0.0, 0.0), (5.0, 0.0, 0.0), (0.0, 0.3, 15.0)):
            expected, power = pair.powers(case(seed, links, (-100.0, 200.0), goal, 3.0, 0.2, step_db))
            np.testing.assert_allclose(power, expected, rtol=0.0, atol=AGREEMENT)


@pytest.mark.parametrize("level_db", [-100.0, -30.0, 0.0, 7.0, 195.0])
@pytest.mark.parametrize("alpha", [0.0, 1.0, 5.0])
def test_links_that_are_all_alike_share_the_same_powers_among_them(
    pair: Pair, level_db: float, alpha: float
) -> None:
    # Which landmark comes first is then the runtime's choice, and so is which link gets which power.
    for links in range(1, 9):
        gain_db, parameters, weights = case(0, links, (0.0, 1.0), (alpha, 0.0, 0.0), 0.0)
        expected, power = pair.powers((np.full_like(gain_db, level_db), parameters, weights))
        np.testing.assert_allclose(np.sort(power), np.sort(expected), rtol=0.0, atol=AGREEMENT)


def test_the_model_compared_sets_powers_of_every_size(pair: Pair) -> None:
    gain_db, parameters, weights = case(2, 8, (-100.0, 200.0), (2.0, 0.0, 0.0), 3.0)
    goal = Goals(torch.from_numpy(parameters), torch.from_numpy(weights))
    embedding = pair.model.backbone(torch.from_numpy(gain_db), goal)
    tentative = torch.stack(embedding.tentative)
    assert tentative.min() < 1e-7
    assert tentative.max() > 0.9
    assert pair.model.head(embedding.z).std() > 0.05
