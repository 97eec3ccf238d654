"""Where sionna is installed (`pip install -e .[reference]`): our fading against an independent simulator's."""

import numpy as np
import pytest
from scipy.stats import ks_2samp

from components.channel.scenario import Scenario

channel = pytest.importorskip("sionna.phy.channel", reason="sionna-no-rt is an optional reference")

LINKS, SNAPSHOTS = 10, 200


@pytest.fixture(scope="module")
def our_fading(simulated_terms):
    """|h|^2 over what distance leaves, for every pair of every snapshot."""
    scenario = Scenario("flat", LINKS, 5.0, 50.0, shadowing_db=0.0)
    terms = simulated_terms(scenario, SNAPSHOTS, 1, "sionna")
    deterministic = 10.0 ** ((scenario.transmit_snr_db + terms.path_gain_db) / 10.0)
    return terms.gain / deterministic  # [SNAPSHOTS, K, K]


@pytest.fixture(scope="module")
def their_fading():
    sionna_phy = pytest.importorskip("sionna.phy")
    sionna_phy.config.seed = 1
    model = channel.RayleighBlockFading(num_rx=LINKS, num_rx_ant=1, num_tx=LINKS, num_tx_ant=1, device="cpu")
    coefficients, _ = model(batch_size=SNAPSHOTS, num_time_steps=1)
    return np.abs(coefficients.numpy().reshape(SNAPSHOTS, LINKS, LINKS)) ** 2


def test_fading_has_the_distribution_of_sionnas_rayleigh_blocks(our_fading, their_fading):
    assert ks_2samp(our_fading.ravel(), their_fading.ravel()).pvalue > 1e-3


def test_fading_of_another_shape_would_be_noticed(our_fading, their_fading):
    assert ks_2samp(our_fading.ravel() ** 1.2, their_fading.ravel()).pvalue < 1e-3


def test_both_fade_every_pair_on_its_own(our_fading, their_fading):
    for fading in (our_fading, their_fading):
        correlation = np.corrcoef(fading.reshape(SNAPSHOTS, -1)[:, :40], rowvar=False)
        assert np.abs(correlation[~np.eye(40, dtype=bool)]).mean() < 0.08
