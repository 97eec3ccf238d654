"""What a link may spend in a band: what it spends there and what is left, or the part of one band more."""

import numpy as np
import pytest

from gfm_ra.inference.bands.shares import even_shares, shares, within_band
from gfm_ra.network import Network


def limits(**options):
    return Network(np.ones((1, 4, 3, 3)), bands=True, **options).limits


def test_even_shares_split_every_budget_over_the_bands():
    assert even_shares(limits())[0] == pytest.approx(np.full((4, 3), 0.25))
    found = even_shares(limits(limit=[1, 0.4, 1], groups=[0, 0, -1], group_limit=0.8, band_limit=0.15))
    assert found[0, 0] == pytest.approx([0.15, 0.1, 0.15])


def test_active_links_keep_their_power_and_silent_ones_would_join():
    power = np.zeros((1, 4, 3))
    power[0, :2, 0], power[0, 1, 1] = [0.7, 0.3], 0.6
    found = shares(power, 0, limits())[0]
    # Link 0 keeps 0.7; link 1 uses one band and has 0.4 left, a half if it joined; link 2 has all.
    assert found == pytest.approx([0.7, 0.5, 1.0])
    assert shares(power, 0, limits(band_limit=0.4))[0] == pytest.approx([0.4, 0.4, 0.4])


def test_a_group_counts_as_one():
    power = np.zeros((1, 4, 3))
    power[0, 0, 0], power[0, 1, 1] = 0.6, 0.4
    found = shares(power, 0, limits(groups=[0, 0, -1]))[0]
    assert found == pytest.approx([0.6, 0.6, 1.0])  # link 1 could have what link 0 has there
    assert shares(power, 2, limits(groups=[0, 0, -1]))[0] == pytest.approx([1 / 3, 1 / 3, 1.0])


def test_links_of_a_group_have_its_share_together():
    found = within_band(np.array([[0.3, 0.3, 0.9]]), np.array([[0.3, 0.3, 1.0]]), limits(groups=[0, 0, -1]))
    assert found[0] == pytest.approx([0.15, 0.15, 0.9])
