"""Explanations in words: the one text behind the library, `gfm-ra explain` and `gfm-ra allocate --explain`."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from gfm_ra.explain.verdicts import SWITCHED, switches, verdict
from gfm_ra.goals import SumRate

if TYPE_CHECKING:
    from gfm_ra.explain.explanation import Effect, Explanation, LinkExplanation, Switch

_WORTH_A_WORD = 1e-3
"""Smallest part of a harm or of a change that is named."""
_NOTHING = 1e-9
"""Below it a number is shown as 0."""


def of_network(found: "Explanation") -> str:
    """A table and a line per link; of a single one also who would gain and lose if it was switched."""
    links = len(found.harm_matrix)
    unit = " bit/s/Hz" if found.goal == SumRate.name else ""
    return f"{found.goal} {found.utility:.6g}{unit}, {links} link{'s' * (links > 1)}\n{of_links(found.links)}"


def of_links(links: "Sequence[LinkExplanation]") -> str:
    """The same without the utility."""
    lines = [*_key(links), "", *_table(links), "", *map(_line, links)]
    if len(links) == 1:
        lines += [f"{SWITCHED[name]}: {_switched(switch)}" for name, switch in switches(links[0])]
    return "\n".join(lines)


def _key(links: "Sequence[LinkExplanation]") -> list[str]:
    """What the columns and lines say."""
    unit = "bit/s/Hz" if links[0].goal == SumRate.name else "utility"
    lines = [
        f"own gain, harm: {unit} per full power that more power would give the link and take from the others",
        "if off, if on: exact change of the utility with the link at no or full power, all others kept",
        "disturbed most by: the largest part of noise and interference at the link's receiver",
    ]
    return [*lines, "cost: utility per full power that the power itself costs"] if _costs(links) else lines


def _costs(links: "Sequence[LinkExplanation]") -> bool:
    return any(found.power_cost != 0 for found in links)


def _table(links: "Sequence[LinkExplanation]") -> list[str]:
    """Numbers in columns under their names."""
    costs = _costs(links)
    head = ["link", "power", "rate", "own gain", "harm", *["cost"] * costs, "if off", "if on", "hurts most"]
    rows = [head]
    for found in links:
        numbers = [found.power, found.rate, found.own_gain, found.harm, *[found.power_cost] * costs]
        numbers += [found.if_off.change, found.if_on.change]
        named = ", ".join(str(effect.link) for effect in _named(found.hurts, found.harm))
        rows.append([str(found.link), *map(_number, numbers), named])
    widths = [max(len(row[column]) for row in rows) for column in range(len(head))]
    return ["  ".join(word.rjust(width) for word, width in zip(row, widths, strict=True)) for row in rows]


def _line(found: "LinkExplanation") -> str:
    """Power, rate, source of loss, who is hurt most, and why, in one line."""
    by = "noise" if found.disturbed_by is None else f"link {found.disturbed_by}"
    named = [f"link {link} ({_number(amount)})" for link, amount in _named(found.hurts, found.harm)]
    return (
        f"link {found.link}: power {_number(found.power)}, {_number(found.rate)} bit/s/Hz; disturbed most by {by} "
        f"({100 * found.disturbed_share:.0f} %); hurts {', '.join(named) or 'nobody'}; {verdict(found)}"
    )


def _switched(switch: "Switch") -> str:
    named = _named(switch.most, switch.others)
    rest = switch.others - sum(amount for _, amount in named)
    words = [f"itself {switch.itself:+.3g}", *(f"link {link} {amount:+.3g}" for link, amount in named)]
    words += [f"the rest {rest:+.3g}"] * (abs(rest) > _WORTH_A_WORD * abs(switch.others))
    return f"{switch.change:+.3g} in all: {', '.join(words)}"


def _named(effects: "Sequence[Effect]", whole: float) -> "list[Effect]":
    """Those that are worth a word."""
    return [effect for effect in effects if abs(effect.amount) >= max(_WORTH_A_WORD * abs(whole), _NOTHING)]


def _number(value: float) -> str:
    """Three digits; what is next to nothing is 0."""
    return "0" if abs(value) < _NOTHING else f"{value:.3g}"
