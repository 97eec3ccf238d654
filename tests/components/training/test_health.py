"""Laws of the signs of life of pre-training."""

import numpy as np
import pytest
import torch

from components.training.health import (
    RAYLEIGH_STD_DB,
    HealthThresholds,
    effective_rank,
    mean_dimension_std,
    noise_floor_db,
    status,
)
from gfm_ra.errors import UserError


@pytest.fixture(scope="module")
def cloud() -> torch.Tensor:
    return torch.randn(5000, 12, generator=torch.Generator().manual_seed(0))


def test_rank_counts_equally_strong_directions(cloud: torch.Tensor) -> None:
    assert effective_rank(cloud) == pytest.approx(12, abs=0.05)
    for directions in (1, 3, 7):
        basis = torch.linalg.qr(torch.randn(40, directions, generator=torch.Generator().manual_seed(1))).Q
        assert effective_rank(cloud[:, :directions] @ basis.T) == pytest.approx(directions, abs=0.05)


def test_rank_is_the_exponential_of_the_entropy_of_singular_values() -> None:
    # Rows +-s_i e_i have the singular values sqrt(2) s_i, shares 1/2, 1/4, 1/4: entropy 1.5 bits.
    points = torch.diag(torch.tensor([2.0, 1.0, 1.0]))
    assert effective_rank(torch.cat([points, -points])) == pytest.approx(2**1.5, rel=1e-9)


def test_rank_ignores_scale_offset_and_rotation(cloud: torch.Tensor) -> None:
    stretched = cloud * torch.linspace(0.1, 2.0, 12)
    rotation = torch.linalg.qr(torch.randn(12, 12, generator=torch.Generator().manual_seed(2))).Q
    moved = 30.0 * stretched @ rotation + 100.0
    assert effective_rank(moved) == pytest.approx(effective_rank(stretched), rel=1e-4)


def test_identical_embeddings_have_the_least_rank_and_no_spread() -> None:
    collapsed = torch.full((100, 8), 3.0)
    assert effective_rank(collapsed) == pytest.approx(1.0)
    assert mean_dimension_std(collapsed) == 0.0


def test_dimension_std_is_the_mean_over_dimensions(cloud: torch.Tensor) -> None:
    scales = torch.tensor([float(n) for n in range(12)])
    assert mean_dimension_std(cloud * scales) == pytest.approx(float(scales.mean()), rel=0.03)


@pytest.mark.parametrize(
    ("edge_rmse_db", "rank", "expected"),
    [(11.0, 30.0, "healthy"), (13.4, 30.0, "plateau"), (14.0, 30.0, "plateau"), (11.0, 3.0, "collapsed")],
)
def test_status(edge_rmse_db: float, rank: float, expected: str) -> None:
    assert status(edge_rmse_db, 13.6, rank, HealthThresholds()) == expected


@pytest.mark.parametrize("broken", [float("nan"), float("inf")])
@pytest.mark.parametrize("which", range(3))
def test_numbers_that_are_not_finite_have_no_status(which: int, broken: float) -> None:
    measured = [11.0, 13.6, 30.0]
    measured[which] = broken
    with pytest.raises(UserError, match=f"^health: .* is {broken}: lower the learning rate"):
        status(*measured, HealthThresholds())


def test_one_embedding_has_no_spread() -> None:
    assert mean_dimension_std(torch.ones(1, 4)) == 0.0
    assert effective_rank(torch.ones(1, 4)) == pytest.approx(1.0)


def test_rayleigh_std_and_noise_floor_agree_with_simulation() -> None:
    generator = np.random.default_rng(0)
    fading_db = 10 * np.log10(generator.exponential(size=400_000))
    assert fading_db.std() == pytest.approx(RAYLEIGH_STD_DB, rel=0.01)
    both_db = fading_db + generator.normal(0.0, 7.0, fading_db.shape)
    assert noise_floor_db(7.0) == pytest.approx(both_db.std(), rel=0.01)
