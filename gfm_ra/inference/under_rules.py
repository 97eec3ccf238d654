"""Answers under hard rules: repaired, improved where the rules leave something, and what the rules cost."""

from dataclasses import replace
from typing import Any

import numpy as np

from gfm_ra.energy import EnergyEfficiency
from gfm_ra.gains.sparse_network import SparseNetwork
from gfm_ra.goal_family import utility_of
from gfm_ra.goals import SumRate, Weighted
from gfm_ra.inference.allocation import Allocation, missed
from gfm_ra.inference.answers import PowerNetwork
from gfm_ra.inference.comparison import Effort
from gfm_ra.inference.network.contract import Contract
from gfm_ra.inference.network.unrolled import UnrolledNetwork
from gfm_ra.inference.prompts import selected
from gfm_ra.inference.uncertain.expected import means
from gfm_ra.network import Network
from gfm_ra.rates import spectral_efficiency
from gfm_ra.rules.bounds import PowerBounds
from gfm_ra.rules.enforcement import enforced_rows
from gfm_ra.rules.hard_rules import Rules
from gfm_ra.rules.improvement import BALANCED, BEST, improved
from gfm_ra.rules.preparation import bound
from gfm_ra.rules.worth import rates_of

SUFFIX = ", under rules"
"""Ends the source of powers that rules changed."""
_WORK = {"balanced": BALANCED, "best": BEST}
_PART_GAINS = 2**19
"""Gains that are worked on at a time: what bounds the memory."""


def bounds_of(rules: Rules | None, network: Network | SparseNetwork, certify: bool) -> PowerBounds | None:
    """Limits and rules of networks, checked before any work; None without rules.

    Raises ValueError, one line, for rules that do not fit, that contradict each other or the network's limits, or that
    are not answered.
    """
    if rules is None:
        return None
    if not isinstance(rules, Rules):
        raise ValueError(f"allocate: rules must be gfm_ra.Rules, got {type(rules).__name__}")
    if isinstance(network, SparseNetwork):
        raise ValueError(
            "allocate: rules of sparse networks are not answered: give all gains as a matrix, "
            "Network(network.dense_gain())"
        )
    if certify:
        raise ValueError("allocate: nothing can be proven under rules: leave certify out")
    return bound(network.limits, rules, (*network.shape, network.bands or 1, network.links))


def ruled(
    answer: Allocation, bounds: PowerBounds | None, model: PowerNetwork, effort: Effort, seed: int = 0
) -> Allocation:
    """The answer under the bounds: its powers obey them, and rates, utility and price are those of the true powers.

    Without bounds, the answer itself. Powers that obey keep their bits. Others are repaired and, unless the effort is
    fast or gains are unknown or uncertain, improved under the rules.
    """
    if bounds is None:
        return answer
    assert answer.network is not None, "answers to sparse networks are refused before"
    network, shape = answer.network.flattened(), answer.power.shape
    before = answer.power.reshape(bounds.low.shape)
    power = enforced_rows(before, bounds)
    changed = np.flatnonzero((power != before).any((-2, -1)))  # NaN differs
    if effort != "fast" and not network.is_uncertain:
        known = changed[~np.isnan(_gains(network, bounds, changed)).any((-3, -2, -1))]
        power[known] = _improved(
            power[known], before[known], bounds.rows(known), network, known, answer.goal, effort
        )
    rate, utility = _reached(power, changed, answer, network, bounds, model, effort, seed)
    price = np.atleast_1d(answer.utility).reshape(-1).astype(np.float64) - utility
    source = np.atleast_1d(answer.source).reshape(-1).astype(object)
    source[changed] = [f"{source[each]}{SUFFIX}" for each in changed]
    leading = np.shape(answer.utility)
    found = replace(
        answer,
        power=power.reshape(shape),
        rate=rate.reshape(answer.rate.shape),
        utility=utility.reshape(leading)[()],
        source=source.astype(str).reshape(leading)[()],
        below_min_rate=np.asarray(missed(rate, answer.goal)).reshape(leading)[()],
        price=price.reshape(leading)[()],
        rate_per_band=_per_band(answer, power, changed, network, bounds),
    )
    total = Price()
    total.add(found)
    return replace(found, notes=(*answer.notes, total.line()))


def under_rules(
    answer: Allocation, rules: Rules | None, model: PowerNetwork, effort: Effort, seed: int = 0
) -> Allocation:
    """The answer under rules, as of `ruled`; without rules, the answer itself. Raises ValueError as `bounds_of`."""
    if rules is None:
        return answer
    assert answer.network is not None, "answers to sparse networks are refused before"
    return ruled(answer, bounds_of(rules, answer.network, answer.gap is not None), model, effort, seed)


class Price:
    """What rules cost, over answers that come part by part."""

    def __init__(self) -> None:
        self._networks = self._changed = self._priced = 0
        self._lost = self._before = 0.0
        self._ratio = (
            True  # whether utilities have a meaningful ratio: those with penalties or logarithms have not
        )

    def add(self, answer: Allocation) -> None:
        """Count the answers to some networks."""
        assert answer.price is not None, "the answer was not made under rules"
        price = np.atleast_1d(answer.price).reshape(-1)
        changed = [str(name).endswith(SUFFIX) for name in np.atleast_1d(answer.source).reshape(-1)]
        plain = answer.goal.objective if isinstance(answer.goal, Weighted) else answer.goal
        self._ratio = isinstance(plain, SumRate | EnergyEfficiency)
        known = np.isfinite(price)
        self._networks += len(price)
        self._changed += sum(changed)
        self._priced += int(known.sum())
        self._lost += float(price[known].sum())
        self._before += float((np.atleast_1d(answer.utility).reshape(-1) + price)[known].sum())

    def line(self) -> str:
        """Everything in one sentence."""
        if not self._changed:
            return "rules: the answer obeys them, their price is 0"
        which = "" if self._networks == 1 else f" on the mean of {self._priced} networks"
        of = "" if self._networks == 1 else f" in {self._changed} of {self._networks} networks"
        if not self._priced:
            return f"rules: powers were changed{of}; gains are unknown: no price can be said"
        lost, before = self._lost / self._priced, self._before / self._priced
        part = f" ({100 * lost / before:.3g} %)" if self._ratio and before > 0 else ""
        return f"rules: powers were changed{of}; their price is {lost:.4g} of a utility of {before:.4g}{part}{which}"


def _gains(network: Network, bounds: PowerBounds, rows: np.ndarray) -> np.ndarray:
    """Linear gains [B, F, K, K] of some of the networks."""
    bands, links = bounds.low.shape[-2:]
    return _rows(network, rows).gain.reshape(len(rows), bands, links, links)


def _rows(network: Network, rows: np.ndarray) -> Network:
    """Some of the networks of a row."""
    return network[rows]  # type: ignore[index] (an array of numbers selects as a slice does)


def _improved(
    power: np.ndarray,
    before: np.ndarray,
    bounds: PowerBounds,
    network: Network,
    rows: np.ndarray,
    goal: Any,  # noqa: ANN401
    effort: Effort,
) -> np.ndarray:
    """Improved powers of the networks `rows`, part by part."""
    step = max(1, _PART_GAINS // max(1, power[:1].size * power.shape[-1]))
    found = power.copy()
    for begin in range(0, len(rows), step):
        part = slice(begin, begin + step)
        some = bounds.rows(part)
        gain = _gains(network, some, rows[part])
        aim = selected(goal, rows[part])
        found[part] = improved(power[part], before[part], some, gain, aim, _WORK[effort])
    return found


def _per_band(
    answer: Allocation, power: np.ndarray, changed: np.ndarray, network: Network, bounds: PowerBounds
) -> np.ndarray | None:
    """Rates per band as the answer has them, anew where powers changed; NaN where gains are unknown."""
    if answer.rate_per_band is None:
        return None
    found = answer.rate_per_band.reshape(power.shape).copy()
    gain = _gains(network, bounds, changed).astype(np.float64)
    found[changed] = spectral_efficiency(power[changed].astype(np.float64), gain)
    return found.reshape(answer.rate_per_band.shape)


def _reached(
    power: np.ndarray,
    changed: np.ndarray,
    answer: Allocation,
    network: Network,
    bounds: PowerBounds,
    model: PowerNetwork,
    effort: Effort,
    seed: int,
) -> tuple[np.ndarray, np.ndarray]:
    """Rates [B, K] and utilities [B], anew where powers changed; NaN where gains are unknown."""
    rate = answer.rate.reshape(-1, power.shape[-1]).astype(np.float64)
    utility = np.atleast_1d(answer.utility).reshape(-1).astype(np.float64)
    if not changed.size:
        return rate, utility
    goal = selected(answer.goal, changed)
    exact = power[changed].astype(np.float64)
    if network.is_uncertain:
        assert isinstance(model, UnrolledNetwork), "nobody else knows uncertainty"
        part = _rows(network, changed)
        told = Contract(part.uncertainty_db, part.at_most_db)
        rate[changed], utility[changed] = means(
            model, part.gain, told, exact[:, 0].astype(np.float32), goal, effort, seed
        )
        return rate, utility
    rate[changed] = rates_of(exact, _gains(network, bounds, changed).astype(np.float64))
    utility[changed] = utility_of(goal, rate[changed], exact.sum(-2))
    return rate, utility
