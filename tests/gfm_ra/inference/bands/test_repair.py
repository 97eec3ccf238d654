"""Whatever powers come, repaired ones obey every limit, and powers that obey them stay as they are."""

import numpy as np
import pytest

from gfm_ra.inference.bands.repair import repaired
from gfm_ra.network import Network


def random_limits(generator, count=3):
    """Limits of random networks with bands, budgets and orthogonal sharing, some of them 0."""
    bands, links = int(generator.integers(1, 5)), int(generator.integers(1, 9))
    gain = generator.exponential(size=(count, bands, links, links))
    groups = np.unique(generator.integers(-1, 3, links), return_inverse=True)[1] - 1
    sharing = np.unique(generator.integers(-1, 3, links), return_inverse=True)[1] - 1
    drawn = [generator.random(shape) for shape in ((count, links), (count, bands, links))]
    for values in drawn:
        values[generator.random(values.shape) < 0.1] = 0.0
    most = int(groups.max(initial=-1)) + 1
    budget = generator.random((count, most)) * 2 if most else None
    return Network(
        gain,
        bands=True,
        limit=drawn[0],
        band_limit=drawn[1],
        groups=groups,
        exclusive=sharing,
        group_limit=budget,
    ).limits


@pytest.mark.parametrize("seed", range(60))
def test_whatever_comes_obeys_afterwards(seed):
    generator = np.random.default_rng(seed)
    limits = random_limits(generator)
    power = generator.standard_normal(limits.per_band.shape) * 10.0 ** generator.integers(-3, 6)
    power[generator.random(power.shape) < 0.2] = generator.choice([np.nan, np.inf, -np.inf, 1e300, 0.0])
    found = repaired(power, limits)
    assert found.dtype == np.float32
    assert limits.excess(found).max() < 1e-12
    again = repaired(found, limits)
    np.testing.assert_allclose(again, found, rtol=1e-6)


def test_powers_within_the_limits_stay_as_they_are():
    limits = Network(np.ones((1, 2, 3, 3)), bands=True, groups=[0, 0, -1], exclusive=[0, 0, -1]).limits
    power = np.array([[[0.25, 0, 0.5], [0, 0.75, 0.5]]], dtype=np.float32)
    np.testing.assert_array_equal(repaired(power, limits), power)


def test_the_link_worth_most_keeps_a_shared_band_with_all_the_power_there():
    limits = Network(np.ones((1, 1, 3, 3)), bands=True, exclusive=[0, 0, -1]).limits
    power = np.array([[[0.2, 0.3, 0.4]]])
    np.testing.assert_allclose(repaired(power, limits), [[[0, 0.5, 0.4]]], rtol=1e-6)
    worth = np.array([[[2.0, 1.0, 0.0]]])
    np.testing.assert_allclose(repaired(power, limits, worth), [[[0.5, 0, 0.4]]], rtol=1e-6)


def test_a_link_without_power_claims_no_band():
    limits = Network(np.ones((1, 1, 2, 2)), bands=True, exclusive=[0, 0]).limits
    found = repaired(np.array([[[0.0, 0.3]]]), limits, np.array([[[5.0, 1.0]]]))
    np.testing.assert_allclose(found, [[[0, 0.3]]], rtol=1e-6)
