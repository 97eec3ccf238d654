"""Laws of the unrolled network as a model for any goal: the packaged noise, hidden directions, padding."""

import numpy as np
import torch

from components.channel.torch_rng import seeded
from components.model.conditioning import goals_of
from components.model.inference import allocate_batches
from components.model.unrolled import packaged
from components.model.unrolled.network import UnrolledConfig, UnrolledNetwork
from components.model.unrolled.single_draw import SEED, SingleDraw, SingleDrawOfGoal
from gfm_ra.goals import ProportionalFair, QoS
from gfm_ra.inference.network import unrolled
from gfm_ra.inference.noise import noise
from gfm_ra.inference.prompts import prompt_of


def model() -> SingleDraw:
    with seeded(3, "test"):
        return SingleDraw(UnrolledNetwork(UnrolledConfig(width=8, hidden=12, steps=4))).eval()


def gains_db(count: int = 5, links: int = 6) -> np.ndarray:
    return np.random.default_rng(links).normal(12.0, 15.0, (count, links, links)).astype(np.float32)


def test_its_powers_are_those_of_the_core_s_first_draw(tmp_path) -> None:
    single = model()
    packaged.save(single.network, tmp_path / "network.npz")
    core = unrolled.read(tmp_path / "network.npz", packaged.architecture(single.network))
    gain_db, goal = gains_db(), QoS(0.5, 20.0)
    gain = (10.0 ** (gain_db.astype(np.float64) / 10.0)).astype(np.float32)
    expected = core.draws(gain, prompt_of(goal, 5, 6), noise(SEED, 1, 6))[:, 0]
    np.testing.assert_allclose(allocate_batches(single, gain_db, goal, batch_size=2), expected, atol=1e-5)


def test_a_direction_may_be_hidden_alone() -> None:
    single, gain_db, hidden = model(), gains_db(), np.zeros((5, 6, 6), bool)
    hidden[:, 0, 3] = True
    found = allocate_batches(single, gain_db, ProportionalFair(), hidden)
    both = allocate_batches(single, gain_db, ProportionalFair(), hidden | hidden.swapaxes(1, 2))
    assert np.abs(found - both).max() > 1e-5
    other = np.where(hidden, 99.0, gain_db).astype(np.float32)
    np.testing.assert_array_equal(allocate_batches(single, other, ProportionalFair(), hidden), found)


@torch.no_grad()
def test_padding_changes_nothing_and_a_fixed_goal_is_the_model_under_that_goal() -> None:
    single, gain_db = model(), torch.from_numpy(gains_db())
    padded = torch.full((5, 9, 9), 77.0)
    padded[:, :6, :6] = gain_db
    mask = (torch.arange(9) < 6).expand(5, -1)
    alone = single(gain_db, goals_of(QoS(), 5, 6))
    found = SingleDrawOfGoal(single, QoS())(padded, None, mask)
    torch.testing.assert_close(found[:, :6], alone, atol=1e-5, rtol=0)
    assert (found[:, 6:] == 0).all()
