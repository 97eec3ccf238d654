"""What an allocator answers."""

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, overload

import numpy as np

from gfm_ra.goals import Objective, QoS, Weighted
from gfm_ra.inference.prompts import selected
from gfm_ra.network import Network
from gfm_ra.slices.status import SliceAnswer
from gfm_ra.units import w_to_dbm

if TYPE_CHECKING:
    from gfm_ra.explain.explanation import Explanation, LinkExplanation


@dataclass(frozen=True)
class Allocation:
    """Powers, and what they lead to. `...` are the leading dimensions of the gains, none for a single network."""

    power: np.ndarray
    """[..., K], parts of full power in [0, 1]; [..., F, K] with bands."""
    rate: np.ndarray
    """[..., K], bit/s/Hz, sums over bands; NaN for networks with unknown gains; means over samples where the network
    says how certain its gains are."""
    utility: np.ndarray
    """[...], of the goal; NaN for networks with unknown gains; the mean over samples where they are uncertain."""
    source: np.ndarray
    """[...], where the powers come from: model, refined, wmmse, energy-efficient, full-reuse, equal-split or exact;
    "model, unchecked" with unknown gains, "..., expected" with uncertain ones. With slices, where the iterations
    started: refined, wmmse, full-reuse, random, or feasible, the least powers that meet all least rates."""
    below_min_rate: np.ndarray
    """[...], how many links stay below the goal's least rate; 0 for goals without one."""
    notes: tuple[str, ...] = ()
    """What the reader of the powers should know, a line each."""
    transmit_power_w: np.ndarray | None = field(default=None, repr=False)
    """[..., K], full power in watts, where the network knows it."""
    network: Network | None = field(default=None, repr=False, compare=False)
    """What was answered, for `explain`: a reference, no copy."""
    goal: Any = field(default=None, repr=False, compare=False)
    """What for."""
    gap: np.ndarray | None = None
    """[...], how far the utility is from a proven upper bound, if asked for (`certify`): relative; for proportional
    fairness in mean log rate, for QoS relative to the utility above that of a silent network."""
    slices: tuple[SliceAnswer, ...] = ()
    """What every slice gets, in the order in which they were given; empty without slices."""
    price: np.ndarray | None = None
    """[...], what hard rules cost, if given (`rules`): the utility of the answer without them, of the same effort, less
    that of this one; NaN where utilities are. Negative where the search under the rules found better powers."""
    rate_per_band: np.ndarray | None = None
    """[..., F, K], bit/s/Hz, where the network has bands."""

    @property
    def power_dbm(self) -> np.ndarray | None:
        """Powers in dBm, [..., K] or [..., F, K]; minus infinity for a silent link; None unless the network knows full
        powers."""
        full_w = self.transmit_power_w
        if full_w is None:
            return None
        return w_to_dbm(self.power * (full_w if self.rate_per_band is None else full_w[..., None, :]))

    @cached_property
    def familiarity(self) -> np.ndarray:
        """[...], how much the networks are like those that the packaged weights were trained on, in (0, 1].

        The share of held-out training networks of the same size whose gains look at least as unusual: 0.01 says that
        one in a hundred does. NaN for sizes that the training did not have. Computed when it is read; for another
        reference, see `gfm_ra.familiarity`.

        Raises:
            ValueError: this answer knows no gains, as answers to large sparse networks do not.
        """
        from gfm_ra import familiarity

        if self.network is None:
            raise ValueError(
                "familiarity: this answer knows no gains (answers to large sparse networks do not): give all of them "
                "as a matrix, gfm_ra.familiarity.of(Network(gain_db=...))"
            )
        if self.network.bands is not None:
            raise ValueError("familiarity: is of one band: ask gfm_ra.familiarity.of about a Network of each")
        return familiarity.of(self.network)

    @overload
    def explain(self, link: None = None, *, index: int | tuple[int, ...] | None = None) -> "Explanation": ...
    @overload
    def explain(self, link: int, *, index: int | tuple[int, ...] | None = None) -> "LinkExplanation": ...
    def explain(
        self, link: int | None = None, *, index: int | tuple[int, ...] | None = None
    ) -> "Explanation | LinkExplanation":
        """Why the powers are so: every link's own gain, the harm it does, and what switching it would change.

        Args:
            link: one link, of which more is told; all of them unless given. `print` shows the answer in words.
            index: which network of several.

        Raises:
            ValueError: a link or an index that there is not, unknown gains, a goal without `slope(rates)`, or the
                answer to a sparse network of more links than are answered as their matrix.
        """
        from gfm_ra.explain.explanation import explain

        if self.network is None:
            raise ValueError(
                "explain: needs a matrix of gains, which the answer to a sparse network does not hold: if K * K gains "
                "fit into memory, gfm_ra.explain.explanation.explain(network.dense_gain(), answer.power, answer.goal) "
                "explains it without the far field"
            )
        if self.network.limits is not None:
            raise ValueError("explain: explains neither bands nor limits nor budgets of power yet")
        if self.network.is_uncertain:
            raise ValueError("explain: gains are uncertain: explain powers of a network of exact ones")
        flat = self._number(index)
        gain = self.network.flattened()[flat : flat + 1].gain[0]
        power = self.power.reshape(-1, self.power.shape[-1])[flat]
        found = explain(gain, power, selected(self.goal, np.array([flat])), link)
        return found if link is None else found.links[0]

    def _number(self, index: int | tuple[int, ...] | None) -> int:
        """Which network of the row of all."""
        shape = self.power.shape[:-1]
        if index is None and shape:
            raise ValueError(
                f"explain: there are {' x '.join(map(str, shape))} networks: say which one, explain(link, index=...)"
            )
        if not shape:
            if index is not None:
                raise ValueError("explain: this is the answer to a single network: leave the index out")
            return 0
        try:
            return int(np.ravel_multi_index(index if isinstance(index, tuple) else (index,), shape))  # type: ignore[arg-type]
        except (ValueError, TypeError):
            raise ValueError(
                f"explain: there is no network {index}: they are {list(shape)}, numbered from 0"
            ) from None


def missed(rate: np.ndarray, goal: Objective) -> np.ndarray:
    """How many links stay below the goal's least rate, [B], of rates [B, K]."""
    plain = goal.objective if isinstance(goal, Weighted) else goal
    if not isinstance(plain, QoS):
        return np.zeros(len(rate), dtype=int)
    # A rate that rounding puts below the least rate does not miss it; NaN misses nothing.
    return np.asarray((rate < plain.min_rate * (1 - 1e-5)).sum(-1))
