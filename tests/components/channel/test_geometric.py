"""Random geometric networks: the law of the own link in closed form, and the square that transmitters fill."""

import numpy as np
import pytest
from scipy.integrate import quad

from components.channel.geometric import EXPONENT, NOISE_DB, draw_geometric

LINKS = 20


def mean_log10_distance(half_side: float) -> float:
    """E log10 of the distance of a point uniform in a square from its centre, by integration over the angle."""
    # In the triangle 0 <= y <= x <= s: the mean of ln r is the integral of ln(r) r dr dt over 2 / s^2 of its area.
    inner = quad(
        lambda t: 0.5 * (half_side / np.cos(t)) ** 2 * (np.log(half_side / np.cos(t)) - 0.5), 0, np.pi / 4
    )
    return inner[0] / (0.5 * half_side**2) / np.log(10.0)


def test_own_gains_have_the_mean_of_their_law() -> None:
    gain_db = draw_geometric(LINKS, 2000, np.random.default_rng(1)).astype(np.float64)
    own = np.diagonal(gain_db, axis1=1, axis2=2)
    # The mean of ln of an exponential is minus Euler's constant.
    fading_db = -10.0 * np.euler_gamma / np.log(10.0)
    expected = fading_db - 10.0 * EXPONENT * mean_log10_distance(LINKS / 4.0) - NOISE_DB
    assert own.mean() == pytest.approx(expected, abs=0.3)


def test_other_transmitters_are_farther_the_larger_the_network() -> None:
    for links in (10, 20):
        gain_db = draw_geometric(links, 400, np.random.default_rng(2))
        cross = gain_db[:, ~np.eye(links, dtype=bool)]
        # Mean distance of two uniform points in a square is 0.5214 of its side; the receiver's offset adds little.
        typical = -10.0 * EXPONENT * np.log10(0.5214 * 2 * links) - NOISE_DB
        assert np.median(cross) == pytest.approx(typical, abs=4.0)


def test_networks_are_those_of_the_generator() -> None:
    first, second = (draw_geometric(5, 3, np.random.default_rng(7)) for _ in range(2))
    assert np.array_equal(first, second)
    assert first.dtype == np.float32
    assert first.shape == (3, 5, 5)
