"""What Sionna and DeepMIMO themselves make of channels, where sionna-no-rt, deepmimo, DeepMIMOv3 are installed."""

from typing import Any

import numpy as np
import pytest

from benchmarks.cell_rule import fair_powers
from gfm_ra.bridges import downlink_power_control, network_from_deepmimo, network_from_sionna

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]
POWERS = {"transmit_power_w": 2.0, "noise_power_w": 1e-12}


def test_sionnas_frequency_responses_have_sionnas_path_losses() -> None:
    pytest.importorskip("sionna.phy", reason="sionna-no-rt is optional")
    from sionna.phy import config
    from sionna.phy.channel import RayleighBlockFading, cir_to_ofdm_channel, subcarrier_frequencies
    from sionna.sys import get_pathloss

    config.seed = 3
    a, tau = RayleighBlockFading(4, 2, 4, 3, device="cpu")(5, 6)
    h = cir_to_ofdm_channel(subcarrier_frequencies(12, 15e3).cpu(), 1e-5 * a, tau)
    assert tuple(h.shape) == (5, 4, 2, 4, 3, 6, 12)
    loss, _ = get_pathloss(h)  # [5, 4, 4, 6]
    found = network_from_sionna(h, association=[0, 1, 2, 3], time="each", **POWERS)
    expected = np.moveaxis(2e12 / loss.numpy(), -1, 1)
    np.testing.assert_allclose(found.gain, expected, rtol=1e-4)


@pytest.mark.parametrize("fairness", [0.0, 1.0, 2.0])
def test_sionnas_rule_of_one_cell_is_that_of_the_benchmark(fairness: float) -> None:
    torch = pytest.importorskip("torch")
    sys = pytest.importorskip("sionna.sys", reason="sionna-no-rt is optional")
    rng = np.random.default_rng(0)
    loss, resources = 10 ** rng.uniform(8, 11, (6, 5)), rng.integers(1, 20, (6, 5))
    power, utility = sys.downlink_fair_power_control(
        torch.as_tensor(loss),
        1e-12,
        torch.as_tensor(resources),
        46.0,
        guaranteed_power_ratio=0.5,
        fairness=fairness,
        precision="double",
    )
    ours = fair_powers(1.0 / (loss * 1e-12), resources.astype(float), np.full(6, 10**1.6), 0.5, fairness)
    np.testing.assert_allclose(ours, power.numpy(), rtol=2e-3, atol=2e-3)
    np.testing.assert_allclose(
        resources * np.log1p(ours / resources / loss / 1e-12), utility.numpy(), rtol=1e-3
    )


def test_joint_powers_have_the_shapes_of_sionnas_rule() -> None:
    torch = pytest.importorskip("torch")
    sys = pytest.importorskip("sionna.sys", reason="sionna-no-rt is optional")
    rng = np.random.default_rng(1)
    loss = 10 ** rng.uniform(9, 12, (2, 7, 3, 7))
    own = np.stack([loss[:, cell, :, cell] for cell in range(7)], 1)
    theirs = sys.downlink_fair_power_control(torch.as_tensor(own), 1e-15, 10, 46.0, fairness=1.0)
    ours = downlink_power_control(torch.as_tensor(own), 1e-15, 10, 46.0, fairness=1.0, pathloss_all=loss)
    assert [each.shape for each in ours] == [tuple(each.shape) for each in theirs]


def rays(rng: np.random.Generator, users: int, paths: int) -> dict[str, np.ndarray]:
    """What ray tracing says of one base station: powers in dB, phases in degrees, delays in seconds, angles."""
    angles = {name: rng.uniform(-60.0, 60.0, (users, paths)) for name in ("aoa_az", "aod_az")}
    angles |= {name: rng.uniform(60.0, 120.0, (users, paths)) for name in ("aoa_el", "aod_el")}
    return angles | {
        "power": rng.uniform(-110.0, -80.0, (users, paths)),
        "phase": rng.uniform(-180.0, 180.0, (users, paths)),
        "delay": np.tile(np.arange(paths) * 2e-7, (users, 1)),
    }


def test_deepmimo_4_computes_channels_with_the_power_of_its_rays() -> None:
    deepmimo = pytest.importorskip("deepmimo", reason="deepmimo is optional")
    from deepmimo.datasets.dataset import Dataset, MacroDataset

    rng, traced = np.random.default_rng(2), []
    for place in range(3):
        ray = rays(rng, 4, 3)
        ray["power"][place] += 40.0
        scene = type("Scene", (), {"objects": []})()
        more = {
            "rx_pos": np.arange(12.0).reshape(4, 3),
            "tx_pos": np.full((1, 3), 50.0 * place),
            "scene": scene,
        }
        more |= {"inter": np.zeros((4, 3)), "tx_vel": np.zeros(3), "rx_vel": np.zeros((4, 3))}
        traced.append(Dataset(ray | more))
    dataset = MacroDataset(traced)
    for frequency in (True, False):
        params = deepmimo.ChannelParameters(
            bs_antenna={"shape": [2, 1]},
            ue_antenna={"shape": [1, 1]},
            freq_domain=frequency,
            ofdm={"subcarriers": 64, "selected_subcarriers": np.arange(64), "bandwidth": 5e6},
        )
        dataset.compute_channels(params)
        found = network_from_deepmimo(dataset, [0, 1, 2], **POWERS)
        expected = np.stack([10 ** (each["power"][:3] / 10) for each in traced], 1).sum(-1) * 2e12
        np.testing.assert_allclose(found.gain, expected, rtol=1e-3)


def test_deepmimo_3_makes_channels_with_the_power_of_its_rays() -> None:
    construct = pytest.importorskip("DeepMIMOv3.construct_deepmimo", reason="DeepMIMOv3 is optional")
    from DeepMIMOv3.params import default_params

    rng, dataset, gains = np.random.default_rng(4), [], []
    params: dict[str, Any] = default_params()
    params["OFDM"] |= {"subcarriers": 64, "selected_subcarriers": np.arange(64), "bandwidth": 0.005}
    params["scenario_params"] = {"doppler_available": 0}
    user_antenna = params["ue_antenna"] | {"shape": np.array([1, 1]), "rotation": np.zeros((4, 3))}
    for place in range(3):
        ray = rays(rng, 4, 3)
        ray["power"][place] += 40.0
        names = {"DoD_phi": "aod_az", "DoD_theta": "aod_el", "DoA_phi": "aoa_az", "DoA_theta": "aoa_el"}
        users = [
            {name: ray[ours][user].copy() for name, ours in names.items()}
            | {"phase": ray["phase"][user].copy(), "ToA": ray["delay"][user].copy(), "num_paths": 3}
            | {"power": 10 ** (ray["power"][user] / 10), "LoS": np.zeros(3)}
            for user in range(4)
        ]
        channel, _ = construct.generate_MIMO_channel(
            users, params, params["bs_antenna"] | {"shape": np.array([2, 1])}, user_antenna
        )
        dataset.append({"user": {"channel": channel}})
        gains.append(10 ** (ray["power"][:3] / 10))
    found = network_from_deepmimo(dataset, [0, 1, 2], domain="frequency", total_subcarriers=64, **POWERS)
    np.testing.assert_allclose(found.gain, np.stack(gains, 1).sum(-1) * 2e12, rtol=1e-3)
