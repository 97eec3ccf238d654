"""Networks of many worlds: what every family promises, and that a stream decides everything."""

import pytest
import torch

from components.channel.torch_rng import torch_stream
from components.channel.worlds.distribution import FAMILIES, Family, WorldDistribution
from components.channel.worlds.layouts import downlink, pairs
from components.channel.worlds.propagation import Propagation
from components.channel.worlds.ranges import Range
from gfm_ra.units import LARGEST_GAIN_DB, LEAST_GAIN_DB

WORLDS = WorldDistribution()


def drawn(family: Family, links: int = 12, batch: int = 16, seed: int = 3) -> torch.Tensor:
    return WORLDS.draw_of(family, batch, links, torch_stream(seed, "test"))


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("links", [1, 2, 7, 40])
def test_every_family_has_networks_of_any_size(family: Family, links: int) -> None:
    gain_db = drawn(family, links)
    assert gain_db.shape == (16, links, links)
    assert gain_db.dtype == torch.float32
    assert gain_db.isfinite().all()
    assert gain_db.min() >= LEAST_GAIN_DB
    assert gain_db.max() <= LARGEST_GAIN_DB


@pytest.mark.parametrize("family", FAMILIES)
def test_the_stream_decides_everything(family: Family) -> None:
    assert torch.equal(drawn(family), drawn(family))
    assert not torch.equal(drawn(family), drawn(family, seed=4))


@pytest.mark.parametrize("family", [family for family in FAMILIES if family != "home"])
def test_median_own_gains_cover_their_range(family: Family) -> None:
    median = drawn(family, batch=400).diagonal(dim1=1, dim2=2).median(1).values
    assert median.min() > -1e-3
    assert median.max() < 60.0 + 1e-3
    assert torch.histc(median, 4, 0.0, 60.0).min() > 60  # of 100 expected in each quarter


def test_users_of_one_station_hear_every_other_station_alike() -> None:
    gain_db = drawn("downlink", 30)
    layout = downlink(
        torch.full((4, 1), 500.0), 30, torch.full((4, 1), 5.0), torch.ones(4, 1), torch_stream(1, "x")
    )
    assert all(len(set(row.tolist())) <= 5 for row in layout.sender)
    # Columns of links with the same transmitter are the same column.
    alike = (gain_db.unsqueeze(-1) == gain_db.unsqueeze(-2)).all(1)  # [B, K, K]
    assert alike.sum((1, 2)).float().mean() > 40  # more than the diagonal


def test_links_of_one_receiver_hear_alike_in_the_uplink() -> None:
    gain_db = drawn("uplink", 30)
    alike = (gain_db.unsqueeze(1) == gain_db.unsqueeze(2)).all(-1)
    assert alike.sum((1, 2)).float().mean() > 40


def test_a_user_is_served_by_the_nearest_station() -> None:
    layout = downlink(
        torch.full((8, 1), 300.0), 40, torch.full((8, 1), 6.0), torch.full((8, 1), 1e-3), torch_stream(2, "x")
    )
    distance = layout.distances()
    own = distance.diagonal(dim1=1, dim2=2)
    assert (own.unsqueeze(-1) <= distance + 1e-3).all()


def test_free_space_follows_its_law() -> None:
    one = Range(low=2.0, high=2.0)
    law = Propagation(
        near_exponent=one, far_exponent=one, shadowing_db=Range(low=0.0, high=0.0), blocked_share=0.0,
        fading_shares=(0.0, 0.0, 1.0),
    )  # fmt: skip
    generator = torch_stream(5, "x")
    layout = pairs(torch.full((3, 1), 400.0), torch.full((3, 9), 20.0), generator)
    expected = -20.0 * layout.distances().clamp_min(1.0).log10()
    assert torch.allclose(law.gain_db(layout, generator), expected, atol=1e-4)
    assert torch.allclose(layout.distances().diagonal(dim1=1, dim2=2), torch.tensor(20.0), atol=1e-2)


@pytest.mark.parametrize(("shares", "variance"), [((1.0, 0.0, 0.0), 1.0), ((0.0, 0.0, 1.0), 0.0)])
def test_fading_has_mean_one(shares: tuple[float, float, float], variance: float) -> None:
    still = Range(low=2.0, high=2.0)
    law = Propagation(
        near_exponent=still, far_exponent=still, shadowing_db=Range(low=0.0, high=0.0), blocked_share=0.0,
        fading_shares=shares,
    )  # fmt: skip
    generator = torch_stream(6, "x")
    layout = pairs(torch.full((40, 1), 400.0), torch.full((40, 30), 20.0), generator)
    fading = 10.0 ** (
        (law.gain_db(layout, generator) + 20.0 * layout.distances().clamp_min(1.0).log10()) / 10.0
    )
    assert float(fading.mean()) == pytest.approx(1.0, rel=0.03)
    assert float(fading.var()) == pytest.approx(variance, abs=0.08)


def test_families_come_in_their_shares() -> None:
    generator = torch_stream(7, "x")
    found = [WORLDS.draw_family(generator) for _ in range(2000)]
    for family, share in zip(FAMILIES, WORLDS.shares, strict=True):
        assert found.count(family) / 2000 == pytest.approx(share, abs=0.04)


@pytest.mark.parametrize(("low", "high", "logarithmic"), [(2.0, 1.0, False), (0.0, 1.0, True)])
def test_ranges_that_are_none_are_refused(low: float, high: float, logarithmic: bool) -> None:
    with pytest.raises(ValueError, match="a range needs low <= high"):
        Range(low=low, high=high, logarithmic=logarithmic)
