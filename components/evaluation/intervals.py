"""Confidence intervals of results that scatter over test snapshots and over training runs alike."""

from collections.abc import Sequence

import numpy as np

from components.channel.rng import stream
from components.evaluation.ratios import Ratio, mean_over_seeds

RESAMPLES = 1000
Runs = Sequence[
    Sequence[np.ndarray]
]  # runs x groups of [N_g]: one number per snapshot of each group (a scenario)


def mean_ratio(values: Runs, reference: Runs, seed: int, confidence: float = 0.95) -> Ratio:
    """Mean over groups of sum(values) / sum(reference), averaged over runs, with its interval.

    Args:
        values: runs x groups of [N_g]; a method without training has one run.
        reference: the same shape, or one run that serves all; snapshot by snapshot what `values` is compared with.
        seed: of the resampling stream; the same snapshots are drawn for every method.
        confidence: coverage.

    With one run: percentile bootstrap over snapshots, each group resampled by itself. With several: Student's t over
    runs and the bootstrap's half-width of their mean, added in squares, since runs share their snapshots.

    Raises:
        ValueError: values and reference do not belong together.
    """
    if len(reference) not in (1, len(values)) or any(
        [len(part) for part in run] != [len(part) for part in reference[0]] for run in (*values, *reference)
    ):
        raise ValueError("values and reference must have the same groups of the same snapshots")
    runs = np.array([_ratio(run, _of(reference, number)) for number, run in enumerate(values)])
    tail = (1.0 - confidence) / 2.0
    counts = [_multiplicities(len(group), number, seed) for number, group in enumerate(values[0])]
    resampled = np.mean(
        [_resampled(run, _of(reference, number), counts) for number, run in enumerate(values)], axis=0
    )
    low, high = (float(end) for end in np.nanquantile(resampled, [tail, 1.0 - tail]))
    if len(runs) == 1:
        return Ratio(float(runs[0]), low, high)
    mean, over_runs, _ = mean_over_seeds(runs.tolist(), confidence)
    half = float(np.hypot(mean - over_runs, (high - low) / 2.0))
    return Ratio(mean, mean - half, mean + half)


def _of(reference: Runs, number: int) -> Sequence[np.ndarray]:
    return reference[number if len(reference) > 1 else 0]


def _ratio(run: Sequence[np.ndarray], reference: Sequence[np.ndarray]) -> float:
    with np.errstate(divide="ignore", invalid="ignore"):
        parts = [v.sum(dtype=float) / r.sum(dtype=float) for v, r in zip(run, reference, strict=True)]
    return float(np.mean(parts))


def _multiplicities(count: int, group: int, seed: int) -> np.ndarray:
    """How often each resample draws each snapshot, [R, N]."""
    return stream(seed, "bootstrap", group).multinomial(count, np.full(count, 1.0 / count), size=RESAMPLES)


def _resampled(
    run: Sequence[np.ndarray], reference: Sequence[np.ndarray], counts: Sequence[np.ndarray]
) -> np.ndarray:
    with np.errstate(divide="ignore", invalid="ignore"):
        parts = [
            (c @ v.astype(float)) / (c @ r.astype(float))
            for c, v, r in zip(counts, run, reference, strict=True)
        ]
    return np.mean(parts, axis=0)  # [R]
