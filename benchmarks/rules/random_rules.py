"""Random networks with random limits and rules that some powers obey, and powers from bad sources."""

from typing import Any, NamedTuple

import numpy as np

from gfm_ra.gains.power_limits import PowerLimits, power_limits
from gfm_ra.rules.hard_rules import Rules

MOST_LINKS, MOST_BANDS = 10, 4


class Case(NamedTuple):
    """Networks of one size that share the lists of groups, sharing links and cells; numbers differ."""

    limits: PowerLimits | None
    rules: Rules
    power: np.ndarray  # [B, F, K], float32 or float64, whatever a source may answer


def case(seed: int, count: int) -> Case:
    """A random case of `count` networks; the same for the same seed."""
    rng = np.random.default_rng((seed, 0))
    links, bands = int(rng.integers(1, MOST_LINKS + 1)), int(rng.integers(1, MOST_BANDS + 1))
    sharing = _numbers(rng, links) if rng.random() < 0.4 else np.full(links, -1)
    witness = _witness(
        rng, count, bands, links, sharing
    )  # what keeps limits and rules free of contradictions
    limits = _limits(rng, witness, sharing)
    return Case(limits, _rules(rng, witness), _powers(rng, witness.shape))


def _numbers(rng: np.random.Generator, links: int) -> np.ndarray:
    """Numbers of groups [K] without gaps, -1 for none."""
    drawn = rng.integers(-1, max(1, links // 2), links)
    used = np.unique(drawn[drawn >= 0])
    return np.where(drawn >= 0, np.searchsorted(used, drawn), -1)


def _witness(rng: np.random.Generator, count: int, bands: int, links: int, sharing: np.ndarray) -> np.ndarray:
    """Powers [B, F, K] with sums over bands of at most 1, some of 0, one per band of those that share."""
    power = rng.random((count, bands, links)) ** rng.choice([1.0, 4.0])
    power *= rng.random((count, bands, links)) < rng.choice([0.5, 0.9, 1.0])
    power /= np.maximum(power.sum(-2, keepdims=True), 1.0)
    for number in range(int(sharing.max(initial=-1)) + 1):
        members = np.flatnonzero(sharing == number)
        chosen = rng.integers(0, len(members), (count, bands, 1))
        power[..., members] *= np.arange(len(members)) == chosen
    return power


def _limits(rng: np.random.Generator, witness: np.ndarray, sharing: np.ndarray) -> PowerLimits | None:
    count, bands, links = witness.shape
    group = _numbers(rng, links) if rng.random() < 0.5 else np.full(links, -1)
    member = group[:, None] == np.arange(group.max(initial=-1) + 1)
    sums = witness.sum(-2) @ member
    return power_limits(
        (count, links), bands if bands > 1 else None,
        np.minimum(witness.sum(-2) * _loose(rng, (count, links)) + 1e-3, 1.0) if rng.random() < 0.5 else None,
        np.minimum(witness * _loose(rng, witness.shape) + 1e-3, 1.0) if bands > 1 and rng.random() < 0.5 else None,
        group, sums * _loose(rng, sums.shape) + 1e-3 if member.size else None, sharing,
    )  # fmt: skip


def _loose(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Factors from 1 on, some of them exactly 1."""
    return 1.0 + rng.random(shape) * rng.choice([0.0, 0.2, 2.0], shape)


def _rules(rng: np.random.Generator, witness: np.ndarray) -> Rules:
    count, bands, links = witness.shape
    told: dict[str, Any] = {}
    total = witness.sum(-2)
    if rng.random() < 0.6:
        floor = witness if bands > 1 and rng.random() < 0.3 else total
        told["floor"] = floor * rng.random(floor.shape) * (rng.random(floor.shape) < 0.6)
    if rng.random() < 0.6:
        receivers = int(rng.integers(1, 4))
        shape = (count, receivers, bands, links)
        gain = 10.0 ** rng.uniform(-3, 3, shape) * (rng.random(shape) < 0.8)
        if bands == 1 or rng.random() < 0.5:
            gain = np.broadcast_to(gain[:, :, :1], shape)
        told["protected_gain"] = gain if bands > 1 else gain[:, :, 0]
        harm = (gain * witness[:, None]).sum((-2, -1))
        told["interference_cap"] = harm * _loose(rng, harm.shape) + 1e-6
    if rng.random() < 0.5:
        before = witness if bands > 1 and rng.random() < 0.3 else total
        ramp = rng.choice([0.01, 0.1, 0.5])
        told["previous_power"] = np.clip(before + rng.uniform(-ramp, ramp, before.shape), 0.0, 1.0)
        told["ramp"] = ramp
    number = _numbers(rng, links)
    cells = [np.flatnonzero(number == cell).tolist() for cell in range(number.max() + 1)]
    least = [float(witness[..., cell].sum((-2, -1)).min()) for cell in cells]
    if cells and rng.random() < 0.5 and min(least) > 1e-6:
        told |= {
            "never_silent": cells,
            "never_silent_power": [most * rng.uniform(0.1, 1.0) for most in least],
        }
    return Rules(**told)


def _powers(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Powers whose kind differs from network to network: random, full, none, NaN, infinite, negative, too large."""
    count = shape[0]
    power = rng.random(shape) ** rng.choice([1.0, 6.0])
    kind = rng.integers(0, 8, count)[:, None, None]
    power = np.where(kind == 1, 1.0, np.where(kind == 2, 0.0, np.where(kind == 3, power * 1e6, power)))
    bad = rng.choice([np.nan, np.inf, -np.inf, -1.0, -1e-30], shape)
    some = rng.random(shape) < 0.3
    power = np.where((kind == 4) & some | (kind == 5), bad, power)
    power = np.where(kind == 6, np.where(rng.random(shape) < 0.5, 1.0, 0.0), power)
    return power.astype(np.float32 if rng.random() < 0.5 else np.float64)
