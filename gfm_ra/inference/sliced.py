"""Answers to networks with slices, made of answers without them."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from gfm_ra.doubts import doubts
from gfm_ra.gains.sparse_network import SparseNetwork
from gfm_ra.goal_family import is_ours, numbers_of
from gfm_ra.goals import Objective
from gfm_ra.inference.allocation import Allocation
from gfm_ra.inference.comparison import Effort
from gfm_ra.inference.whole_numbers import whole
from gfm_ra.network import Network
from gfm_ra.rates import spectral_efficiency
from gfm_ra.slices.answers import Found, Plan, powers
from gfm_ra.slices.goal import Sliced, below, sliced
from gfm_ra.slices.slice import Slice, checked
from gfm_ra.slices.status import joined, notes, statuses

PLANS: dict[Effort, Plan] = {
    "fast": Plan(prompts=1, iterations=30, compared=False, random=0),
    "balanced": Plan(prompts=2, iterations=100, compared=True, random=0),
    "best": Plan(prompts=3, iterations=200, compared=True, random=20),
}
"""What efforts mean with slices: rounds of the network, iterations from every start, further starts."""
_PART_GAINS = 2**19


def with_slices(
    allocate: Callable[..., Allocation],
    network: Network | SparseNetwork,
    slices: Sequence[Slice],
    goal: Objective,
    goal_given: bool,
    effort: Effort,
    certify: bool,
    remarks: Callable[[], list[str]],
    **keys: int | None,
) -> Allocation:
    """The answer to a network with slices.

    Args:
        allocate: what answers without slices.
        network: gains, all known exactly.
        slices: groups of its links.
        goal: of the links in no slice, with the weights of all links.
        goal_given: whether the caller named it.
        effort: as of `Allocator.allocate`.
        certify: refused.
        remarks: what is to be said of the goal, asked for when all else is done.
        keys: seed, first_index and threads of `Allocator.allocate`.

    Raises:
        ValueError: slices that do not fit, or a network or goal that slices are not answered for.
    """
    groups = checked(slices, network.links)
    known = _checked_network(network)
    _check_goal(groups, goal, goal_given, known.links, certify)
    flat, utility = known.flattened(), sliced(groups, goal, known.links)
    seed, first = whole("seed", keys["seed"], 0), whole("first_index", keys["first_index"], 0)
    step = max(1, _PART_GAINS // known.links**2)
    begins = range(0, max(len(flat), 1), step)
    parts = []
    for begin in begins:
        part, aim = flat[begin : begin + step], utility.of(slice(begin, begin + step))
        options = {"effort": effort, "seed": seed, "first_index": first + begin, "threads": keys["threads"]}

        def ask(prompt: Objective, part: Network = part, options: dict[str, Any] = options) -> np.ndarray:
            return allocate(part, goal=prompt, **options).power

        indices = np.arange(len(part), dtype=np.uint64) + np.uint64((first + begin) % 2**64)
        found = powers(part.gain, aim, ask, PLANS[effort], seed, indices)
        parts.append(_part(part, groups, aim, found))
    return _whole(parts, known, utility, remarks())


def _part(network: Network, slices: Sequence[Slice], goal: Sliced, found: Found) -> Allocation:
    """The answer to networks [B, K, K]."""
    power = found.power.astype(np.float64)
    rate = spectral_efficiency(power, network.gain.astype(np.float64))
    told = statuses(slices, power, rate, found.relaxation)
    slow = below(rate, goal.least).sum(-1)
    utility = np.asarray(goal.utility(rate))
    return Allocation(found.power, rate, utility, found.source, slow, slices=told)


def _whole(parts: list[Allocation], network: Network, goal: Sliced, remarks: list[str]) -> Allocation:
    """The answers to the parts of a batch, in the shape of its networks."""
    shape, links = network.shape, network.links

    def together(name: str) -> np.ndarray:
        return np.concatenate([getattr(part, name) for part in parts])

    told = joined([part.slices for part in parts])
    lines = (*doubts(network), *remarks, *notes(told, single=not shape))
    return Allocation(
        together("power").reshape(*shape, links),
        together("rate").reshape(*shape, links),
        together("utility").reshape(shape)[()],
        together("source").astype(str).reshape(shape)[()],
        together("below_min_rate").reshape(shape)[()],
        lines,
        network.transmit_power_w,
        network,
        goal,
        slices=tuple(each.reshaped(shape) for each in told),
    )


def _checked_network(network: Network | SparseNetwork) -> Network:
    if isinstance(network, SparseNetwork):
        raise ValueError("allocate: slices need a matrix of gains: this network is sparse, leave slices out")
    if network.limits is not None:
        raise ValueError(
            "allocate: slices of networks with bands, limits or budgets are not answered: leave one out"
        )
    if network.survey.unknown or network.is_uncertain:
        what = "unknown" if network.survey.unknown else "uncertain"
        raise ValueError(
            f"allocate: slices need known gains, some are {what}: leave slices out, or give the gains"
        )
    return network


def _check_goal(slices: Sequence[Slice], goal: Objective, given: bool, links: int, certify: bool) -> None:
    if certify:
        raise ValueError("allocate: nothing can be proven for slices: leave certify out")
    if not is_ours(goal) or numbers_of(goal) is None:
        raise ValueError(
            "allocate: beside slices the goal must be sum-rate, proportional-fair, alpha-fair or qos, weighted or not"
        )
    if given and sum(len(one.links) for one in slices) == links:
        raise ValueError(
            "allocate: the goal is of links in no slice, but every link is in one: leave it out, slices have goals"
        )
