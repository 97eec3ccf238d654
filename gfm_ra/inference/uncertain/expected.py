"""Answers to networks whose gains are not known exactly: by the largest mean utility over samples of what they may be.

Shapes: B networks, K links, D draws, S samples.
"""

from typing import NamedTuple

import numpy as np

from gfm_ra.candidates import are_powers
from gfm_ra.energy import energy_goal
from gfm_ra.goal_family import utility_of
from gfm_ra.goals import Objective
from gfm_ra.inference.comparison import STARTS, Effort, draws_of
from gfm_ra.inference.network.contract import Contract, contract_of
from gfm_ra.inference.network.unrolled import UnrolledNetwork
from gfm_ra.inference.noise import noise
from gfm_ra.inference.prompts import part_of, prompt_of
from gfm_ra.inference.uncertain.posterior import Posterior, posterior
from gfm_ra.network import Network
from gfm_ra.rates import spectral_efficiency
from gfm_ra.solvers.energy_efficiency import energy_efficient
from gfm_ra.solvers.stochastic_mmse import stochastic_wmmse
from gfm_ra.solvers.weighted_mmse import wmmse
from gfm_ra.units import db_to_linear

SAMPLES: dict[Effort, int] = {"fast": 32, "balanced": 32, "best": 64}
"""Samples by which answers are compared and rates are predicted."""
ITERATIONS: dict[Effort, int] = {"fast": 0, "balanced": 20, "best": 100}
"""Of stochastic WMMSE from every candidate."""
_PART_GAINS = 2**22
"""Gains of samples that are worked on at a time: what bounds the memory."""
_MODEL, _REFINED, _WMMSE, _ENERGY, _FULL = (
    f"{name}, expected" for name in ("model", "refined", "wmmse", "energy-efficient", "full-reuse")
)


class ExpectedAnswers(NamedTuple):
    """Powers of B networks, the rates and the utility that they lead to on the mean, and where they come from."""

    power: np.ndarray  # float32 [B, K]
    rate: np.ndarray  # float64 [B, K], bit/s/Hz
    utility: np.ndarray  # float64 [B]
    source: np.ndarray  # object [B]
    refused: np.ndarray  # bool [B]: whether the network's first draw was no answer


def expected(
    model: UnrolledNetwork,
    gain: np.ndarray,
    told: Contract,
    goal: Objective,
    effort: Effort,
    seed: int,
    first_index: int = 0,
    threads: int | None = None,
) -> ExpectedAnswers:
    """Answers to networks of linear gains [B, K, K], NaN where unknown, as certain as `told` says.

    Fast is one pass. Balanced and best compare passes, WMMSE on the most likely gains and full power by their mean
    utility over samples, and go on from the first pass, or from all of these, by stochastic WMMSE; `first_index`, the
    first network's number, keys WMMSE's random starts.
    """
    count, links, _ = gain.shape
    if count == 0:
        nothing = np.empty((0, links))
        return ExpectedAnswers(
            nothing.astype(np.float32), nothing, np.empty(0), np.empty(0, object), np.empty(0, bool)
        )
    step = max(1, _PART_GAINS // (SAMPLES[effort] * links * links))
    parts = []
    for begin in range(0, count, step):
        rows = slice(begin, min(begin + step, count))
        some = Contract(*(None if part is None else part[rows] for part in told))
        aim = part_of(goal, rows.start, rows.stop)
        parts.append(_answered(model, gain[rows], some, aim, effort, seed, first_index + begin, threads))
    return ExpectedAnswers(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def mean_rates(
    model: UnrolledNetwork, network: Network, powers: np.ndarray, count: int, seed: int = 0
) -> np.ndarray:
    """Mean rates of powers [P, R, K] over samples of what the model says that uncertain gains may be, [P, R, K].

    network: R networks, leading dimensions in one row; count: samples, the same ones for all powers.
    """
    flat = network.flattened()
    found = np.empty(powers.shape)
    step = max(1, _PART_GAINS // (count * flat.links**2))
    for begin in range(0, len(flat), step):
        some = flat[begin : begin + step]
        known = posterior(model, some.gain, Contract(some.uncertainty_db, some.at_most_db))
        samples = known.samples(count, seed).astype(np.float64)  # [S, B, K, K]
        for mean, power in zip(found, powers, strict=True):
            part = np.broadcast_to(power[begin : begin + step], samples.shape[:-1])
            mean[begin : begin + step] = spectral_efficiency(part, samples).mean(0)
    return found


def means(
    model: UnrolledNetwork,
    gain: np.ndarray,
    told: Contract,
    power: np.ndarray,
    goal: Objective,
    effort: Effort,
    seed: int,
) -> tuple[np.ndarray, np.ndarray]:
    """Mean rates [B, K] and utilities [B] of powers [B, K] over the samples by which `expected` compares."""
    count, links, _ = gain.shape
    rates, utility = np.empty((count, links)), np.empty(count)
    step = max(1, _PART_GAINS // (SAMPLES[effort] * links * links))
    for begin in range(0, count, step):
        rows = slice(begin, min(begin + step, count))
        some = Contract(*(None if part is None else part[rows] for part in told))
        samples = posterior(model, gain[rows], some).samples(SAMPLES[effort], seed)
        aim = part_of(goal, rows.start, rows.stop)
        _, rates[rows], utility[rows] = _means(power[rows], samples, aim)
    return rates, utility


def _answered(
    model: UnrolledNetwork,
    gain: np.ndarray,
    told: Contract,
    goal: Objective,
    effort: Effort,
    seed: int,
    first_index: int,
    threads: int | None,
) -> ExpectedAnswers:
    count, links, _ = gain.shape
    draws = 1 if effort == "fast" else draws_of(effort, links)
    contract = contract_of(goal, count, told.uncertainty_db, told.at_most_db)
    prompt = prompt_of(goal, count, links, model.told)
    drawn = model.draws(gain, prompt, noise(seed, draws, links), threads, contract)  # [B, D, K]
    usable = are_powers(drawn[:, 0])
    # Full power stands in for what is no answer.
    drawn = np.where(are_powers(drawn)[..., None], drawn, np.float32(1.0))
    known = posterior(model, gain, told)
    samples = known.samples(SAMPLES[effort], seed)  # [S, B, K, K]
    candidates = [(_MODEL, drawn[:, draw]) for draw in range(draws)]
    if effort != "fast":
        candidates.append((_FULL, np.ones((count, links), np.float32)))
        likely = db_to_linear(np.minimum(known.mean_db, _no_more(known)))
        if energy_goal(goal) is not None:
            solved = energy_efficient(likely, goal, starts=STARTS[effort], seed=seed, first_index=first_index)
            candidates.append((_ENERGY, solved))
        else:
            candidates.append(
                (
                    _WMMSE,
                    wmmse(
                        likely,
                        goal,
                        starts=STARTS[effort],
                        seed=seed,
                        first_index=first_index,
                        threads=threads,
                    ),
                )
            )
            starts = [power for _, power in candidates[: 1 if effort == "balanced" else None]]
            candidates += [
                (_REFINED, stochastic_wmmse(samples, goal, ITERATIONS[effort], start)) for start in starts
            ]
    return _best(candidates, samples, goal, usable)


def _no_more(known: Posterior) -> np.ndarray | float:
    return np.inf if known.at_most_db is None else known.at_most_db


def _best(
    candidates: list[tuple[str, np.ndarray]], samples: np.ndarray, goal: Objective, usable: np.ndarray
) -> ExpectedAnswers:
    """The candidates with the largest mean utility; of equal ones the first."""
    power, rate, utility = _means(candidates[0][1], samples, goal)
    source = np.where(usable, candidates[0][0], _FULL).astype(object)
    for name, given in candidates[1:]:
        found = _means(given, samples, goal)
        better = found[2] > utility  # NaN never is
        power, rate = (
            np.where(better[:, None], new, old) for new, old in zip(found, (power, rate), strict=False)
        )
        utility = np.where(better, found[2], utility)
        source[better] = name
    return ExpectedAnswers(power, rate, utility, source, ~usable)


def _means(
    power: np.ndarray, samples: np.ndarray, goal: Objective
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Powers, and the mean rates [B, K] and mean utility [B] of them over samples [S, B, K, K]."""
    exact = power.astype(np.float64)
    rates = spectral_efficiency(np.broadcast_to(exact, samples.shape[:-1]), samples.astype(np.float64))
    utility = np.stack([np.asarray(utility_of(goal, each, exact)) for each in rates])
    return power, rates.mean(0), utility.mean(0)
