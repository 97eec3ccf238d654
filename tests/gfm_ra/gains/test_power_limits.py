"""What powers may be: as the caller says it, or one line says what does not fit."""

import numpy as np
import pytest

from gfm_ra import Network
from gfm_ra.gains.power_limits import PowerLimits

LINKS, BANDS = 4, 3
GAIN = np.ones((BANDS, LINKS, LINKS))
ONE = np.ones((LINKS, LINKS))


def _limits(network: Network) -> PowerLimits:
    assert network.limits is not None
    return network.limits


def test_without_limits_nothing_is_said() -> None:
    for network in (
        Network(ONE),
        Network(ONE, limit=1.0),
        Network(np.ones((2, LINKS, LINKS)), limit=[1] * LINKS),
    ):
        assert network.limits is None
        assert network.bands is None


def test_bands_are_no_networks() -> None:
    network = Network(np.ones((5, BANDS, LINKS, LINKS)), bands=True)
    assert (network.shape, network.bands, network.links) == ((5,), BANDS, LINKS)
    assert _limits(network).per_band.shape == (5, BANDS, LINKS)
    assert _limits(network[1:3]).total.shape == (2, LINKS)
    assert "3 bands" in repr(network)


def test_flattened_networks_keep_their_limits() -> None:
    limit = np.linspace(0.1, 1.0, 2 * 3 * LINKS).reshape(2, 3, LINKS)
    network = Network(
        np.ones((2, 3, LINKS, LINKS)), limit=limit, groups=[0, 0, -1, 1], group_limit=[1.5, 0.5]
    )
    flat = _limits(network.flattened())
    np.testing.assert_array_equal(flat.total, limit.reshape(6, LINKS))
    np.testing.assert_array_equal(flat.group_total, np.tile([1.5, 0.5], (6, 1)))
    assert Network(GAIN, bands=True).flattened().shape == (1,)


def test_groups_are_numbers_or_lists_of_links() -> None:
    numbers = _limits(Network(ONE, groups=[0, -1, 1, 0]))
    lists = _limits(Network(ONE, groups=[[0, 3], [2]]))
    np.testing.assert_array_equal(numbers.group, lists.group)
    np.testing.assert_array_equal(numbers.group_total, [1.0, 1.0])


def test_a_band_is_never_allowed_more_than_the_link() -> None:
    limits = _limits(Network(GAIN, bands=True, limit=[1.0, 0.5, 0.25, 0.0], band_limit=0.4))
    np.testing.assert_array_equal(limits.per_band, np.tile([0.4, 0.4, 0.25, 0.0], (BANDS, 1)))


@pytest.mark.parametrize(
    ("change", "excess"),
    [
        ({}, 0.0),
        ({(0, 0): 0.44}, 0.1),  # more than 0.4 in the band
        ({(0, 1): 0.4, (1, 1): 0.4}, 0.6),  # more than 0.5 in total
        ({(0, 2): 0.3, (1, 3): 0.4, (2, 3): 0.3}, 1 / 3),  # group of links 2 and 3: 0.75
        ({(2, 1): 0.1, (2, 0): 0.1}, np.inf),  # both share
        ({(0, 0): -1e-9}, np.inf),
        ({(0, 0): np.nan}, np.inf),
    ],
)
def test_excess_is_relative_to_the_limit(change: dict[tuple[int, int], float], excess: float) -> None:
    limits = _limits(Network(
        GAIN, bands=True, limit=[1.0, 0.5, 1.0, 1.0], band_limit=0.4, groups=[[2, 3]], group_limit=0.75,
        exclusive=[[0, 1]],
    ))  # fmt: skip
    power = np.zeros((BANDS, LINKS))
    for place, value in change.items():
        power[place] = value
    np.testing.assert_allclose(limits.excess(power), excess, rtol=1e-12)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"gain": ONE, "bands": True}, "[..., F, K, K]"),
        ({"gain": ONE, "bands": 3}, "True or False"),
        ({"gain": ONE, "limit": 1.5}, "limit[0] is 1.5"),
        ({"gain": ONE, "limit": [1.0, np.nan, 1, 1]}, "limit[1] is nan"),
        ({"gain": ONE, "limit": [1.0, 1.0]}, "one per link, [4]"),
        ({"gain": ONE, "band_limit": 0.5}, "needs bands"),
        ({"gain": ONE, "group_limit": 1.0}, "needs groups"),
        ({"gain": ONE, "groups": [0, 2, -1, -1]}, "no link has number 1"),
        ({"gain": ONE, "groups": [[0, 1], [1]]}, "link 1 is in groups 0 and 1"),
        ({"gain": ONE, "groups": [[0], []]}, "has no links"),
        ({"gain": ONE, "groups": [[True, 2]]}, "groups[0] holds True"),
        ({"gain": ONE, "groups": [[0, 1], 2]}, "rows of different lengths"),
        ({"gain": ONE, "groups": [[0, 4]]}, "links are 0 to 3"),
        ({"gain": ONE, "groups": [0.0, 1.0, 1.0, 1.0]}, "whole numbers"),
        ({"gain": ONE, "groups": [[0, 1]], "group_limit": -1.0}, "group_limit[0] is -1"),
        ({"gain": ONE, "groups": [[0, 1]], "transmit_power_w": [1.0, 2.0, 1.0, 1.0]}, "differ in full power"),
        ({"gain": ONE, "exclusive": [-2, 0, 0, 0]}, "0 or more"),
    ],
)
def test_what_does_not_fit_is_named(arguments: dict[str, object], said: str) -> None:
    with pytest.raises(ValueError, match="network: ") as caught:
        Network(**arguments)  # type: ignore[arg-type]
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_powers_are_judged_in_the_shape_that_answers_have() -> None:
    limits = _limits(Network(np.ones((2, LINKS, LINKS)), limit=0.5))
    power = np.full((2, LINKS), 0.5)
    power[1, 2] = 0.75
    np.testing.assert_allclose(limits.excess(power), [0.0, 0.5])
    np.testing.assert_array_equal(limits.excess(power), limits.excess(power[:, None]))
    with pytest.raises(ValueError, match=r"limits: powers must be \[2, 1, 4\]"):
        limits.excess(np.ones(LINKS))


def test_groups_may_be_lists_of_arrays() -> None:
    arrays = _limits(Network(ONE, groups=[np.array([0, 3]), np.array([2])]))
    np.testing.assert_array_equal(arrays.group, [0, -1, 1, 0])
