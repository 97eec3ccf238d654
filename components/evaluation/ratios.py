"""Ratios of mean utilities with bootstrap confidence intervals over snapshots."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from components.channel.rng import stream


class Ratio(NamedTuple):
    """A ratio and the ends of its confidence interval."""

    value: float
    low: float
    high: float


def ratio_of_means(
    values: np.ndarray, reference: np.ndarray, seed: int, resamples: int = 1000, confidence: float = 0.95
) -> Ratio:
    """Mean of `values` over mean of `reference` on the same snapshots, with a paired percentile bootstrap.

    Args:
        values: [N], one number per snapshot.
        reference: [N], the reference's number on the same snapshots.
        seed: of the resampling stream.
        resamples: number of bootstrap samples.
        confidence: coverage of the interval.

    Raises:
        ValueError: the two do not belong to the same snapshots, or there are none.
    """
    if values.shape != reference.shape or values.ndim != 1 or not len(values):
        raise ValueError(f"paired values are needed, not shapes {values.shape} and {reference.shape}")
    generator = stream(seed, "bootstrap")
    means = np.empty((resamples, 2))
    pairs = np.stack([values, reference], axis=1).astype(np.float64)
    for resample in range(resamples):
        # Multiplicities instead of gathered rows: one matrix-vector product per resample.
        weight = np.bincount(generator.integers(len(pairs), size=len(pairs)), minlength=len(pairs))
        means[resample] = weight @ pairs
    tail = (1.0 - confidence) / 2.0
    low, high = np.quantile(means[:, 0] / means[:, 1], [tail, 1.0 - tail])
    return Ratio(float(pairs[:, 0].mean() / pairs[:, 1].mean()), float(low), float(high))


def mean_difference(
    values: np.ndarray, reference: np.ndarray, seed: int, resamples: int = 1000, confidence: float = 0.95
) -> Ratio:
    """Mean paired difference values - reference [N] with its bootstrap interval (fields as in `Ratio`)."""
    generator = stream(seed, "bootstrap")
    difference = values.astype(np.float64) - reference
    means = [
        difference[generator.integers(len(difference), size=len(difference))].mean() for _ in range(resamples)
    ]
    tail = (1.0 - confidence) / 2.0
    low, high = np.quantile(means, [tail, 1.0 - tail])
    return Ratio(float(difference.mean()), float(low), float(high))


def mean_over_seeds(values: Sequence[float], confidence: float = 0.95) -> Ratio:
    """Mean over independent seeds with Student's t interval.

    Raises:
        ValueError: fewer than two values; one run says nothing about its spread.
    """
    if len(values) < 2:
        raise ValueError(f"at least two seeds are needed for an interval, not {len(values)}")
    from scipy.special import stdtrit  # for machines that train only, which need no scipy

    mean, spread = float(np.mean(values)), float(np.std(values, ddof=1)) / len(values) ** 0.5
    half = float(stdtrit(len(values) - 1, 0.5 + confidence / 2.0)) * spread
    return Ratio(mean, mean - half, mean + half)
