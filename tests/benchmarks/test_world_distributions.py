"""Distributions of test worlds against numerical integration, closed forms, and brute force, written independently."""

from collections.abc import Callable

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import kstest, ncx2, norm

from benchmarks.worlds.families.cellular import sector_gain_db
from benchmarks.worlds.families.hexagonal import Cluster
from benchmarks.worlds.families.laws import Law, fading_db, uma, umi

SPEED = 299_792_458.0


def losses_of_the_table(kind: str, flat_m: float) -> tuple[float, float]:
    """TR 38.901 table 7.4.1-1 at 6 GHz, users at 1.5 m: in sight, out of sight."""
    base_m = {"umi": 10.0, "uma": 25.0}[kind]
    knee_m = 4.0 * (base_m - 1.0) * 0.5 * 6e9 / SPEED
    length_m = np.sqrt(flat_m**2 + (base_m - 1.5) ** 2)
    if kind == "umi":
        near, rest, blocked = (32.4, 21.0), 9.5, 22.4 + 35.3 * np.log10(length_m) + 21.3 * np.log10(6.0)
    else:
        near, rest, blocked = (28.0, 22.0), 9.0, 13.54 + 39.08 * np.log10(length_m) + 20.0 * np.log10(6.0)
    in_sight = near[0] + near[1] * np.log10(length_m) + 20.0 * np.log10(6.0)
    if flat_m > knee_m:
        squared = knee_m**2 + (base_m - 1.5) ** 2
        in_sight = near[0] + 40.0 * np.log10(length_m) + 20.0 * np.log10(6.0) - rest * np.log10(squared)
    return in_sight, max(in_sight, blocked)


def sight_of_the_table(kind: str, flat_m: float) -> float:
    """TR 38.901 table 7.4.2-1, users below 13 m."""
    if flat_m <= 18.0:
        return 1.0
    fall = np.exp(-flat_m / {"umi": 36.0, "uma": 63.0}[kind])
    return 18.0 / flat_m + fall * (1.0 - 18.0 / flat_m)


def mean_over_the_cell(value: Callable[[float], float], spacing_m: float, nearest_m: float) -> float:
    """Mean over a hexagon of a function of the distance from its centre; nearer users stand at `nearest_m`.

    Of a ring of radius r beyond the inscribed circle only the part within the corners counts.
    """
    inner_m, outer_m = spacing_m / 2.0, spacing_m / np.sqrt(3.0)

    def integrand(radius_m: float) -> float:
        outside = 0.0 if radius_m <= inner_m else 12.0 * np.arccos(inner_m / radius_m)
        return value(max(radius_m, nearest_m)) * radius_m * (2.0 * np.pi - outside)

    breaks = sorted({18.0, nearest_m, inner_m})
    total = quad(integrand, 0.0, outer_m, points=breaks, limit=200)[0]
    return total / (np.sqrt(0.75) * spacing_m**2)


CELLS = [("umi", umi(6.0), 200.0, 10.0, (4.0, 7.82)), ("uma", uma(6.0), 500.0, 35.0, (4.0, 6.0))]


@pytest.mark.parametrize(("kind", "law", "spacing_m", "nearest_m", "shadowing_db"), CELLS)
def test_path_gains_to_the_own_site_are_distributed_as_the_integral_over_the_cell_says(
    kind: str, law: Law, spacing_m: float, nearest_m: float, shadowing_db: tuple[float, float]
) -> None:
    generator, cluster = np.random.default_rng(5), Cluster(1, spacing_m)
    users = cluster.users(400, 40, nearest_m, generator)
    offset = users - np.repeat(cluster.sites(), 40, axis=0)
    gain_db, factor = law.draw(np.hypot(offset[..., 0], offset[..., 1]).ravel(), generator)

    def share_below(level_db: float, flat_m: float) -> float:
        sight = sight_of_the_table(kind, flat_m)
        parts = zip((sight, 1.0 - sight), losses_of_the_table(kind, flat_m), shadowing_db, strict=True)
        return sum(weight * norm.cdf(level_db, -loss_db, spread_db) for weight, loss_db, spread_db in parts)

    error = 4.0 * 0.5 / np.sqrt(gain_db.size)
    sight = mean_over_the_cell(lambda flat_m: sight_of_the_table(kind, flat_m), spacing_m, nearest_m)
    assert (factor > 0).mean() == pytest.approx(sight, abs=error)
    for level_db in np.quantile(gain_db, [0.02, 0.1, 0.3, 0.5, 0.7, 0.9, 0.98]):
        expected = mean_over_the_cell(
            lambda flat_m, at=level_db: share_below(at, flat_m), spacing_m, nearest_m
        )
        assert (gain_db <= level_db).mean() == pytest.approx(expected, abs=error)
    # A law 1 dB off would be seen.
    middle = float(np.median(gain_db))
    off = mean_over_the_cell(lambda flat_m: share_below(middle + 1.0, flat_m), spacing_m, nearest_m)
    assert abs(off - 0.5) > 2.0 * error


@pytest.mark.parametrize("factor", [0.3, 3.0, 30.0])
def test_rice_fading_is_a_noncentral_chi_square(factor: float) -> None:
    power = 10.0 ** (fading_db(np.full(40_000, factor), np.random.default_rng(6)) / 10.0)
    scale = 2.0 * (1.0 + factor)
    assert kstest(scale * power, ncx2(2, 2.0 * factor).cdf).pvalue > 1e-3
    assert kstest(scale * power, ncx2(2, 2.2 * factor + 0.1).cdf).pvalue < 1e-3


@pytest.mark.parametrize(("rings", "cells"), [(1, 7), (2, 19)])
def test_wrapped_distances_are_the_least_over_a_whole_lattice_of_images(rings: int, cells: int) -> None:
    """A cluster of i^2 + i j + j^2 cells repeats at steps of (i, j) cells and that turned by 60 degrees."""
    spacing_m, (i, j) = 150.0, {7: (2, 1), 19: (3, 2)}[cells]
    assert i * i + i * j + j * j == cells
    first = spacing_m * (i + j * np.exp(1j * np.pi / 3.0))  # on the complex plane
    second = first * np.exp(1j * np.pi / 3.0)
    steps = np.arange(-4, 5)
    lattice = (steps[:, None] * first + steps * second).ravel()
    cluster, generator = Cluster(rings, spacing_m), np.random.default_rng(7)
    users = cluster.users(20, 5, 10.0, generator)
    there = users @ np.array([1.0, 1j])  # [N, U]
    sites = cluster.sites() @ np.array([1.0, 1j])
    away = there[:, :, None, None] - sites[:, None] - lattice  # [N, U, S, L]
    offsets = cluster.offsets(users)
    assert np.allclose(np.hypot(offsets[..., 0], offsets[..., 1]), np.abs(away).min(-1), atol=1e-6)
    # The images of the cells meet without gaps or overlaps: the lattice's cell is as large as the cluster.
    assert abs((np.conj(first) * second).imag) == pytest.approx(cells * np.sqrt(0.75) * spacing_m**2)


def test_three_sectors_serve_a_third_of_all_directions_each() -> None:
    """Where the nearest sector's pattern is 12 (60 / 65)^2 = 10.22 dB down, two sectors are equally strong."""
    azimuth_deg = np.arange(0.5, 360.0, 1.0)
    turned_deg = (azimuth_deg[:, None] - np.array([30.0, 150.0, 270.0]) + 540.0) % 360.0 - 180.0
    pattern_db = sector_gain_db(turned_deg)
    assert np.bincount(pattern_db.argmax(1)).tolist() == [120, 120, 120]
    assert pattern_db.max(1).min() == pytest.approx(-12.0 * (59.5 / 65.0) ** 2)
