"""One request, read and checked: gains with a goal, ready to be answered alone or with others like it."""

from collections.abc import Mapping
from typing import Any, NamedTuple, cast

import numpy as np

from gfm_ra.allocator import Allocator
from gfm_ra.energy import KIND_OPTION, KINDS, energy_goal
from gfm_ra.goals import Objective, QoS, SumRate, Weighted
from gfm_ra.inference.comparison import EFFORTS, Effort
from gfm_ra.inference.prompts import GOAL_OF_OPTION, goal_of
from gfm_ra.inference.proven import SEARCHED_LINKS
from gfm_ra.network import Network
from gfm_ra.server.errors import HTTPError
from gfm_ra.server.settings import Limits
from gfm_ra.units import db_to_linear

NUMBERS = tuple(name for name in GOAL_OF_OPTION if name != KIND_OPTION)
OPTIONS = ("goal", *GOAL_OF_OPTION, "weights", "effort", "seed")
DEFAULT_EFFORT: Effort = "balanced"
_LARGEST_SEED = 2**63 - 1
# Microseconds for one pair of links and one network, roughly: what decides whether somebody else must wait for it.
_COST: dict[str, tuple[float, float]] = {"fast": (0.06, 60.0), "balanced": (0.10, 80.0), "best": (1.6, 150.0)}
_SEARCH = 9_000.0  # so small networks are searched exactly
# The same for energy efficiency with more than one pass, and for each call.
_ENERGY_COST, _ENERGY_CALL = {"balanced": 1.0, "best": 14.0}, 6000.0


class Question(NamedTuple):
    """Networks [B, K, K] and what is wanted of them."""

    network: Network
    goal: Objective
    effort: Effort
    seed: int
    remarkable: bool = False  # whether its answer comes with remarks on single networks

    @property
    def links(self) -> int:
        """K."""
        return self.network.links

    @property
    def microseconds(self) -> float:
        """About how long one core needs."""
        if energy_goal(self.goal) is not None and self.effort != "fast":
            return _ENERGY_CALL + len(self.network) * _ENERGY_COST[self.effort] * self.links**2
        pair, network = _COST[self.effort]
        if self.effort == "best" and self.links <= SEARCHED_LINKS:
            network = _SEARCH
        return len(self.network) * (pair * self.links**2 + network)

    @property
    def kind(self) -> tuple[Any, ...] | None:
        """What must be equal for questions to be answered in one call; None: only alone.

        Random starts of effort "best" are keyed by a network's number in the call, and so are remarks: company would
        change them. Gains of other kinds would change the type that all are computed in.
        """
        if self.effort == "best" or self.remarkable:
            return None
        weighted = isinstance(self.goal, Weighted)
        plain = self.goal.objective if isinstance(self.goal, Weighted) else self.goal
        type_of_gains = (self.network.given_db, values_of(self.network).dtype.char)
        return (self.links, plain, weighted, self.effort, self.seed, *type_of_gains)


def values_of(network: Network) -> np.ndarray:
    """Gains in the unit in which they were given."""
    return network.gain_db if network.given_db else network.gain


def question(
    gain: np.ndarray, options: Mapping[str, Any], allocator: Allocator, limits: Limits, *, in_db: bool = True
) -> Question:
    """Check gains [K, K] or [B, K, K], NaN where unknown, and the options that came with them.

    Raises:
        HTTPError: 413 beyond the limits, 422 for what makes no sense.
    """
    _within(gain.shape, limits)
    batch = gain[None] if gain.ndim == 2 else gain
    if batch.ndim != 3 or not len(batch):
        raise HTTPError(422, f"gains must be [K, K] or [B, K, K] with B >= 1, got shape {list(gain.shape)}")
    try:
        network = Network(gain_db=batch) if in_db else Network(gain=batch)
        goal = _goal(options, allocator, (len(batch), network.links))
        effort = options.get("effort", DEFAULT_EFFORT)
        if effort not in EFFORTS:
            raise ValueError(f"effort must be one of {', '.join(EFFORTS)}, got {str(effort)[:40]!r}")
        chosen = cast(Effort, effort)
        allocator.check(goal, chosen, network.survey.unknown > 0)
        remarkable = network.survey.unknown > 0 or bool(allocator.remarks(goal, chosen).beyond)
    except ValueError as error:
        raise HTTPError(422, " ".join(str(error).split())) from None
    remarkable = remarkable or _out_of_reach(network, goal)
    return Question(network, goal, chosen, _seed(options.get("seed", 0)), remarkable)


def _out_of_reach(network: Network, goal: Objective) -> bool:
    """Whether a link cannot have the least rate even alone, which answers remark on."""
    plain = goal.objective if isinstance(goal, Weighted) else goal
    if not isinstance(plain, QoS):
        return False
    own = np.diagonal(values_of(network), axis1=-2, axis2=-1)
    least = float(own.min())
    return float(np.log2(1.0 + (db_to_linear(least) if network.given_db else least))) < plain.min_rate


def _within(shape: tuple[int, ...], limits: Limits) -> None:
    if shape and shape[-1] > limits.max_links:
        raise HTTPError(413, f"K = {shape[-1]} links: at most {limits.max_links} are served (--max-links)")
    if len(shape) == 3 and shape[0] > limits.max_batch:
        raise HTTPError(413, f"{shape[0]} networks in one request: at most {limits.max_batch} (--max-batch)")


def _goal(options: Mapping[str, Any], allocator: Allocator, shape: tuple[int, int]) -> Objective:
    name = options.get("goal")
    if name is not None and not isinstance(name, str):
        raise ValueError(f"goal must be a name, got {str(name)[:40]}")
    told = {key: options.get(key) for key in GOAL_OF_OPTION}
    for key, owner in GOAL_OF_OPTION.items():
        if told[key] is None:
            continue
        told[key] = _option(key, told[key])
        if name != owner:
            raise ValueError(f"{key} belongs to goal {owner}: send both or neither")
    weights = options.get("weights")
    if weights is not None:
        weights = _numbers("weights", weights)
    fixed = allocator.objective
    if fixed is not None and (name not in (None, fixed.name) or weights is not None or any(
        value is not None for value in told.values()
    )):  # fmt: skip
        raise ValueError(f"{allocator.name} is for {fixed.name} alone: leave out the goal and its numbers")
    if fixed is not None:
        return fixed
    return goal_of(SumRate.name if name is None else name, weights, shape, **told)


def _option(name: str, value: object) -> float | str:
    """A goal's number, or the kind of energy efficiency."""
    if name == KIND_OPTION:
        if value not in KINDS:
            raise ValueError(f"{name} must be one of {', '.join(KINDS)}, got {str(value)[:40]!r}")
        return str(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"{name} must be a number, got {str(value)[:40]!r}")
    try:
        return float(value)
    except OverflowError:
        raise ValueError(f"{name} is too large") from None


def _numbers(name: str, given: object) -> np.ndarray:
    try:
        values = np.asarray(given)
    except ValueError:
        raise ValueError(f"{name} must be numbers in rows of the same length") from None
    if values.dtype.kind not in "fiu":
        raise ValueError(f"{name} must be numbers, got {values.dtype}")
    return values


def _seed(given: object) -> int:
    if isinstance(given, bool) or not isinstance(given, int) or not 0 <= given <= _LARGEST_SEED:
        raise HTTPError(422, f"seed must be a whole number from 0 to {_LARGEST_SEED}, got {str(given)[:40]}")
    return given
