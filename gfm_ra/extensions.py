"""What other installed packages add, by entry points: goals, allocators, weights and worlds.

A package names its additions in its pyproject.toml:

    [project.entry-points."gfm_ra.goals"]
    max-min = "my_package:MaxMin"

- `gfm_ra.goals`: what makes a goal of its numbers: an object with `name`, `utility(rates)` or `utility(rates, power)`,
  and, so that WMMSE can work for it, `slope(rates)`.
- `gfm_ra.allocators`: what makes an object like `gfm_ra.allocator.PowerNetwork`; `gfm_ra.load(name)` puts it behind the
  same efforts and comparisons as our own networks.
- `gfm_ra.weights`: a folder of weights, or a function that says where it is.
- `gfm_ra.worlds`: a function from (count, seed) to linear gains [count, K, K], for `gfm-ra simulate --scenario NAME`.
"""

from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Any

from gfm_ra.energy import EnergyEfficiency
from gfm_ra.errors import UserError
from gfm_ra.goals import AlphaFair, ProportionalFair, QoS, SumRate

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

GOALS, ALLOCATORS, WEIGHTS, WORLDS = "gfm_ra.goals", "gfm_ra.allocators", "gfm_ra.weights", "gfm_ra.worlds"
OWN_GOALS: dict[str, Callable[..., Any]] = {
    kind.name: kind for kind in (SumRate, ProportionalFair, QoS, AlphaFair, EnergyEfficiency)
}


@cache
def added(group: str) -> "dict[str, EntryPoint]":
    """Entry points of a group by name; nothing is imported yet.

    Raises:
        UserError: two packages use the same name.
    """
    from importlib.metadata import entry_points  # takes as long as everything else here

    found: dict[str, EntryPoint] = {}
    for point in entry_points(group=group):
        if point.name in found and found[point.name].value != point.value:
            raise UserError(
                f"{group}: {point.name!r} is both {found[point.name].value} and {point.value}: uninstall one of them"
            )
        found[point.name] = point
    return found


def loaded(group: str, name: str) -> Any:  # noqa: ANN401 (whatever the other package put there)
    """What an entry point names. Raises UserError if it cannot be imported."""
    point = added(group)[name]
    try:
        return point.load()
    except (ImportError, AttributeError) as error:
        raise UserError(f"{group}: {name!r} ({point.value}) cannot be loaded: {error}") from None


def goal_kind(name: str) -> Callable[..., Any] | None:
    """What makes a goal of a name from its numbers, ours or another package's; None if there is none.

    Raises:
        UserError: the other package cannot be imported.
    """
    if name in OWN_GOALS:
        return OWN_GOALS[name]
    return loaded(GOALS, name) if name in added(GOALS) else None


def goal_names() -> list[str]:
    """Names of every goal that there is, ours first."""
    return [*OWN_GOALS, *(name for name in added(GOALS) if name not in OWN_GOALS)]
