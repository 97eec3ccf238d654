"""The exported graph, the network that was trained and the compiled core set the same powers for the same noise."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch

from components.channel.torch_rng import seeded
from components.model import export
from components.model.conditioning import goals_of
from components.model.export import AGREEMENT, export_onnx
from components.model.unrolled import packaged
from components.model.unrolled.network import UnrolledNetwork
from gfm_ra.goals import AlphaFair, Objective, ProportionalFair, QoS, SumRate, Weighted
from gfm_ra.inference.names import INPUT, NOISE_INPUT, OUTPUT, PROMPT_INPUTS
from gfm_ra.inference.network import unrolled
from gfm_ra.inference.prompts import Prompt
from tests.exported import export_once, lively_unrolled

Answer = Callable[
    [np.ndarray, Objective, np.ndarray], np.ndarray
]  # gain_db, goal, noise [D, K, 2] -> [B, D, K]
GOALS = (
    SumRate(),
    ProportionalFair(),
    QoS(),
    QoS(5.0, 150.0),
    AlphaFair(0.5),
    AlphaFair(3.0),
    AlphaFair(10.0),
)


@pytest.fixture(scope="module")
def network() -> UnrolledNetwork:
    return lively_unrolled()


@pytest.fixture(scope="module")
def exported(network: UnrolledNetwork, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("export") / "model.onnx"
    export_once(network, path)
    return path


@pytest.fixture(scope="module")
def graph(exported: Path) -> Answer:
    session = onnxruntime.InferenceSession(exported, providers=["CPUExecutionProvider"])
    assert {node.name for node in session.get_inputs()} == {INPUT, *PROMPT_INPUTS, NOISE_INPUT}

    def answer(gain_db: np.ndarray, goal: Objective, noise: np.ndarray) -> np.ndarray:
        goals = goals_of(goal, *gain_db.shape[:2])
        given = dict(zip(PROMPT_INPUTS, (part.contiguous().numpy() for part in goals), strict=True))
        return np.asarray(session.run([OUTPUT], {INPUT: gain_db, NOISE_INPUT: noise} | given)[0])

    return answer


@pytest.fixture(scope="module")
def core(network: UnrolledNetwork, tmp_path_factory: pytest.TempPathFactory) -> Answer:
    path = tmp_path_factory.mktemp("core") / "network.npz"
    packaged.save(network, path)
    compiled = unrolled.read(path, packaged.architecture(network))

    def answer(gain_db: np.ndarray, goal: Objective, noise: np.ndarray) -> np.ndarray:
        goals = goals_of(goal, *gain_db.shape[:2])
        prompt = Prompt(*(part.contiguous().numpy() for part in goals))
        return compiled.draws((10.0 ** (gain_db.astype(np.float64) / 10.0)).astype(np.float32), prompt, noise)

    return answer


@torch.no_grad()
def trained(network: UnrolledNetwork, gain_db: np.ndarray, goal: Objective, noise: np.ndarray) -> np.ndarray:
    given, known = torch.from_numpy(noise.copy()).transpose(0, 1), torch.from_numpy(gain_db)
    hidden = known.isnan()
    passes = network(
        known.nan_to_num(0.0),
        goals_of(goal, *gain_db.shape[:2]),
        given.expand(len(gain_db), -1, -1, -1),
        hidden if hidden.any() else None,
    )
    return passes.power.transpose(1, 2).numpy()


def gains_db(batch: int, links: int, spread_db: float = 20.0, hidden: float = 0.0) -> np.ndarray:
    generator = np.random.default_rng([batch, links])
    gain_db = generator.normal(10.0, spread_db, (batch, links, links)).clip(-200.0, 200.0)
    unknown = (generator.random(gain_db.shape) < hidden) & ~np.eye(links, dtype=bool)
    return np.where(unknown, np.nan, gain_db).astype(np.float32)


@pytest.mark.parametrize("goal", GOALS, ids=str)
@pytest.mark.parametrize("links", [1, 2, 7, 50])
@pytest.mark.parametrize(("spread_db", "hidden"), [(20.0, 0.0), (20.0, 0.4), (150.0, 0.0), (150.0, 0.4)])
def test_graph_network_and_core_agree(
    network: UnrolledNetwork,
    graph: Answer,
    core: Answer,
    goal: Objective,
    links: int,
    spread_db: float,
    hidden: float,
) -> None:
    gain_db, noise = gains_db(3, links, spread_db, hidden), unrolled.noise(3, 2, links)
    power = graph(gain_db, goal, noise)
    assert power.shape == (3, 2, links)
    np.testing.assert_allclose(power, trained(network, gain_db, goal, noise), atol=AGREEMENT)
    np.testing.assert_allclose(power, core(gain_db, goal, noise), atol=AGREEMENT)
    assert links < 7 or goal != SumRate() or spread_db > 20 or power.std() > 0.01


def test_gains_at_the_ends_and_steep_weights_agree(
    network: UnrolledNetwork, graph: Answer, core: Answer
) -> None:
    ends = np.array([-200.0, -100.0, 0.0, 200.0], np.float32)
    gain_db = ends[np.random.default_rng(1).integers(0, 4, (4, 6, 6))]
    goal, noise = Weighted(AlphaFair(10.0), np.logspace(-6, 0, 6)), unrolled.noise(0, 1, 6)
    power = graph(gain_db, goal, noise)
    np.testing.assert_allclose(power, trained(network, gain_db, goal, noise), atol=AGREEMENT)
    np.testing.assert_allclose(power, core(gain_db, goal, noise), atol=AGREEMENT)


@pytest.mark.parametrize("hidden", [0.0, 0.4])
def test_the_graph_follows_links_that_change_places_with_their_noise(graph: Answer, hidden: float) -> None:
    gain_db, noise = gains_db(2, 9, hidden=hidden), unrolled.noise(1, 3, 9)
    order = np.random.default_rng(0).permutation(9)
    moved = graph(gain_db[:, order][:, :, order], QoS(), noise[:, order])
    np.testing.assert_allclose(moved, graph(gain_db, QoS(), noise)[..., order], atol=AGREEMENT)
    assert np.abs(moved - graph(gain_db[:, order][:, :, order], QoS(), noise)).max() > 1e-3


def test_the_same_network_gives_the_same_bytes(
    network: UnrolledNetwork, exported: Path, tmp_path: Path
) -> None:
    export_onnx(network, tmp_path / "other.onnx")
    assert (tmp_path / "other.onnx").read_bytes() == exported.read_bytes()


def test_a_graph_of_other_weights_is_refused(network: UnrolledNetwork, exported: Path) -> None:
    with seeded(6, "test"):
        other = UnrolledNetwork(network.config).eval()
    with pytest.raises(ValueError, match="powers differ"):
        export._compare(export._flat(other), exported)
