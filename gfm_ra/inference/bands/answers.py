"""Answers to networks of several bands, or with budgets: candidates by effort, the best of them, within the limits.

Shapes: B networks, F bands (1 where there are none), K links.
"""

from dataclasses import replace
from itertools import pairwise
from typing import NamedTuple, Protocol

import numpy as np

from gfm_ra.doubts import doubts
from gfm_ra.goal_family import is_ours, numbers_of
from gfm_ra.goals import Objective
from gfm_ra.inference.allocation import Allocation, missed
from gfm_ra.inference.answers import PowerNetwork
from gfm_ra.inference.bands.chains import answered
from gfm_ra.inference.bands.hidden import completed
from gfm_ra.inference.bands.limited import is_scaling, scaled_back, scaled_gains
from gfm_ra.inference.bands.notes import notes_of
from gfm_ra.inference.bands.problem import Problem
from gfm_ra.inference.bands.proposals import Proposals
from gfm_ra.inference.comparison import Effort
from gfm_ra.inference.network.unrolled import UnrolledNetwork
from gfm_ra.inference.prompts import part_of
from gfm_ra.inference.whole_numbers import whole
from gfm_ra.network import Network

_PART_GAINS = 2**19
"""Gains that are worked on at a time: what bounds the memory."""
UNCHECKED = "model, unchecked"


class Allocates(Protocol):
    """An allocator."""

    network: PowerNetwork

    def allocate(
        self,
        network: Network,
        *,
        goal: Objective,
        effort: Effort,
        seed: int,
        first_index: int,
        threads: int | None,
        certify: bool,
    ) -> Allocation:
        """Powers for networks without limits."""
        ...


class _Asked(NamedTuple):
    """What is asked of networks [B] that lie in a row."""

    model: UnrolledNetwork
    goal: Objective
    effort: Effort
    seed: int
    first_index: int
    threads: int | None


class _Part(NamedTuple):
    """Answers to B networks."""

    power: np.ndarray  # float32 [B, F, K]
    each: np.ndarray  # float64 [B, F, K], rates per band; NaN where gains are unknown
    source: np.ndarray  # object [B]
    refused: np.ndarray  # bool [B]: whether an answer of the network was none


def allocation(
    allocator: Allocates,
    network: Network,
    goal: Objective,
    effort: Effort,
    seed: int = 0,
    first_index: int = 0,
    threads: int | None = None,
    certify: bool = False,
) -> Allocation:
    """Powers [..., F, K], or [..., K] without bands, that obey the network's limits.

    allocator : has the model, and answers a single band whose links are limited alone: a network with scaled gains.
    Raises ValueError for a model, a goal, uncertain gains or a certificate that such networks are not answered with.
    """
    if numbers_of(goal) is None or not is_ours(goal):
        raise ValueError(
            "allocate: bands, limits and budgets are answered for sum-rate, proportional-fair, alpha-fair and qos, "
            "with or without weights"
        )
    if is_scaling(network):
        plain = allocator.allocate(
            scaled_gains(network), goal=goal, effort=effort, seed=seed, first_index=first_index, threads=threads,
            certify=certify,
        )  # fmt: skip
        return scaled_back(plain, network, goal)
    model = allocator.network
    if not isinstance(model, UnrolledNetwork):
        raise ValueError(
            "allocate: bands and budgets need weights in the packaged format: load another model"
        )
    if network.is_uncertain:
        raise ValueError(
            "allocate: bands and budgets need exact or unknown (NaN) gains: make the Network without uncertainty_db "
            "and at_most_db"
        )
    if certify:
        raise ValueError("allocate: nothing is proven of bands and budgets: leave certify out")
    seed, first_index = whole("seed", seed, 0), whole("first_index", first_index, 0)
    threads = None if threads is None else whole("threads", threads, 1)
    found = _answer(network.flattened(), _Asked(model, goal, effort, seed, first_index, threads))
    return _shaped(found, network, goal, (*doubts(network), *notes_of(network, goal, effort, found.refused)))


def _answer(network: Network, asked: _Asked) -> _Part:
    """Answers to networks [B, ...] in a row, part by part."""
    gain = network.gain if network.bands else network.gain[:, None]
    unknown = np.zeros(len(gain), dtype=bool)  # [B]
    if network.survey.unknown:
        unknown = np.asarray(np.isnan(gain).any((1, 2, 3)))
    step = max(1, _PART_GAINS // max(1, gain[:1].size))
    # Random starts are keyed by a network's number: networks that follow each other are answered together.
    changes = (int(edge) + 1 for edge in np.flatnonzero(np.diff(unknown)))
    edges = sorted({0, *changes, *range(0, len(gain), step), len(gain)})
    parts = [
        _part(network, gain[begin:end], bool(unknown[begin]), begin, asked) for begin, end in pairwise(edges)
    ]
    if not parts:
        empty = np.empty(gain.shape[:-1])
        return _Part(empty.astype(np.float32), empty, np.empty(0, object), np.empty(0, bool))
    return _Part(*(np.concatenate(each) for each in zip(*parts, strict=True)))


def _part(network: Network, gain: np.ndarray, unknown: bool, begin: int, asked: _Asked) -> _Part:
    """Answers to networks gain [B, F, K, K] from number `begin` on, with unknown gains or without any."""
    limits = network.limits
    assert limits is not None, "networks with limits are asked about"
    rows = slice(begin, begin + len(gain))
    goal = part_of(asked.goal, rows.start, rows.stop)
    whole_gain = completed(asked.model, gain) if unknown else gain
    problem = Problem(whole_gain, limits.changed(lambda array, _: array[rows]), goal)
    proposals = Proposals(asked.model, problem, gain, asked.seed, asked.threads)
    effort: Effort = "fast" if unknown else asked.effort
    first = asked.first_index + begin
    power, source = answered(problem, proposals, effort, asked.seed, first, asked.threads)
    each = problem.rates(power)
    if unknown:
        each, source = np.full_like(each, np.nan), np.full(len(gain), UNCHECKED, dtype=object)
    return _Part(power, each, source, proposals.refused)


def _shaped(found: _Part, network: Network, goal: Objective, notes: tuple[str, ...]) -> Allocation:
    """The answers in the shape of the networks."""
    shape, links = network.shape, network.links
    rate = found.each.sum(1)  # [B, K]
    utility = np.asarray(goal.utility(rate))
    answer = Allocation(
        found.power.reshape(*shape, *((network.bands,) if network.bands else ()), links),
        rate.reshape(*shape, links),
        utility.reshape(shape)[()],
        found.source.astype(str).reshape(shape)[()],
        missed(rate, goal).reshape(shape)[()],
        notes,
        network.transmit_power_w,
        network,
        goal,
    )
    if network.bands is None:
        return answer
    return replace(answer, rate_per_band=found.each.reshape(*shape, network.bands, links))
