"""Confidence intervals: of means and ratios over test snapshots, over training seeds, and over both.

All that is resampled is resampled here, by one percentile bootstrap: whoever asks with the same seed and the same
number of snapshots gets the same draws, so intervals of two methods are paired.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from components.channel.rng import stream

RESAMPLES = 1000
# Runs x groups (scenarios) of [N_g]: one number per snapshot of each group.
Runs = Sequence[Sequence[np.ndarray]]


class Interval(NamedTuple):
    """A value and the ends of its confidence interval."""

    value: float
    low: float
    high: float


def ratio_of_means(
    values: np.ndarray,
    reference: np.ndarray,
    seed: int,
    resamples: int = RESAMPLES,
    confidence: float = 0.95,
) -> Interval:
    """Mean of `values` over mean of `reference` on the same snapshots, with a paired percentile bootstrap.

    Args:
        values: [N], one number per snapshot.
        reference: [N], the reference's number on the same snapshots.
        seed: of the resampling stream.
        resamples: number of bootstrap samples.
        confidence: coverage of the interval.

    Raises:
        ValueError: the two do not belong to the same snapshots, there are none, a value is not finite, or the
            reference's are all 0.
    """
    if values.shape != reference.shape or values.ndim != 1 or not len(values):
        raise ValueError(f"paired values are needed, not shapes {values.shape} and {reference.shape}")
    pairs = np.stack([values, reference], axis=1).astype(np.float64)
    if not np.isfinite(pairs).all() or not reference.any():
        raise ValueError("values must be finite, and those of a reference not all 0: check what was measured")
    sums = _resampled_sums([pairs], seed, resamples)[0]
    value = float(pairs[:, 0].mean() / pairs[:, 1].mean())
    return Interval(value, *_ends(sums[:, 0] / sums[:, 1], confidence))


def mean_difference(
    values: np.ndarray,
    reference: np.ndarray,
    seed: int,
    resamples: int = RESAMPLES,
    confidence: float = 0.95,
) -> Interval:
    """Mean paired difference values - reference [N] with its bootstrap interval.

    Raises:
        ValueError: a value is not finite.
    """
    _check_finite(values, reference)
    difference = values.astype(np.float64) - reference
    sums = _resampled_sums([difference[:, None]], seed, resamples)[0]
    return Interval(float(difference.mean()), *_ends(sums[:, 0] / len(difference), confidence))


def mean_ratio(values: Runs, reference: Runs, seed: int, confidence: float = 0.95) -> Interval:
    """Mean over groups of sum(values) / sum(reference), averaged over runs, with its interval.

    Args:
        values: runs x groups of [N_g]; a method without training has one run.
        reference: the same shape, or one run that serves all; snapshot by snapshot what `values` is compared with.
        seed: of the resampling stream.
        confidence: coverage.

    With one run: percentile bootstrap over snapshots, each group resampled by itself. With several: Student's t over
    runs and the bootstrap's half-width of their mean, added in squares, since runs share their snapshots.

    Raises:
        ValueError: values and reference do not belong together, or one is not finite.
    """
    if len(reference) not in (1, len(values)) or any(
        [len(part) for part in run] != [len(part) for part in reference[0]] for run in (*values, *reference)
    ):
        raise ValueError("values and reference must have the same groups of the same snapshots")
    _check_finite(*(part for run in (*values, *reference) for part in run))
    groups = [np.stack(columns, axis=1).astype(float) for columns in zip(*values, *reference, strict=True)]
    sums = _resampled_sums(groups, seed, RESAMPLES)
    shared = reference if len(reference) > 1 else [reference[0]] * len(values)
    # On some snapshots there may be nothing to count (violations): then a ratio is 0 / 0.
    with np.errstate(divide="ignore", invalid="ignore"):
        parts = [each[:, : len(values)] / each[:, len(values) :] for each in sums]  # groups of [R, runs]
        runs = [_mean_of_ratios(run, under) for run, under in zip(values, shared, strict=True)]
    low, high = _ends(np.mean(parts, axis=(0, 2)), confidence)
    if len(runs) == 1:
        return Interval(runs[0], low, high)
    mean, over_runs, _ = mean_over_seeds(runs, confidence)
    half = float(np.hypot(mean - over_runs, (high - low) / 2.0))
    return Interval(mean, mean - half, mean + half)


def _check_finite(*values: np.ndarray) -> None:
    # One that is not would drop out with the resamples that draw it, and leave an interval of the others.
    if not all(np.isfinite(part).all() for part in values):
        raise ValueError("values must be finite: check what was measured")


def _mean_of_ratios(run: Sequence[np.ndarray], reference: Sequence[np.ndarray]) -> float:
    parts = [v.sum(dtype=float) / r.sum(dtype=float) for v, r in zip(run, reference, strict=True)]
    return float(np.mean(parts))


def mean_over_seeds(values: Sequence[float], confidence: float = 0.95) -> Interval:
    """Mean over independent seeds with Student's t interval.

    Raises:
        ValueError: fewer than two values; one run says nothing about its spread.
    """
    if len(values) < 2:
        raise ValueError(f"at least two seeds are needed for an interval, not {len(values)}")
    from scipy.special import stdtrit  # for machines that train only, which need no scipy

    mean, spread = float(np.mean(values)), float(np.std(values, ddof=1)) / len(values) ** 0.5
    half = float(stdtrit(len(values) - 1, 0.5 + confidence / 2.0)) * spread
    return Interval(mean, mean - half, mean + half)


def _resampled_sums(groups: Sequence[np.ndarray], seed: int, resamples: int) -> list[np.ndarray]:
    """Column sums [R, C] over rows drawn with replacement, for each group [N, C]; all columns share the draws."""
    generator = stream(seed, "bootstrap")
    found = []
    for columns in groups:
        count, sums = len(columns), np.empty((resamples, columns.shape[1]))
        for resample in range(resamples):
            # Multiplicities instead of gathered rows: one matrix-vector product per resample.
            weight = np.bincount(generator.integers(count, size=count), minlength=count)
            sums[resample] = weight @ columns
        found.append(sums)
    return found


def _ends(resampled: np.ndarray, confidence: float) -> tuple[float, float]:
    """The percentiles that leave the confidence between them; resamples without a value (0 / 0) do not count."""
    tail = (1.0 - confidence) / 2.0
    low, high = np.nanquantile(resampled, [tail, 1.0 - tail])
    return float(low), float(high)
