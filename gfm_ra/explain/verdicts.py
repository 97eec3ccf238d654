"""Why a link has its power, in one clause."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gfm_ra.explain.explanation import LinkExplanation, Switch

OFF, ON = "off", "on"
SWITCHED = {OFF: "switched off", ON: "at full power"}
SMALL_STEP = 0.01
"""Part of its power that a link is given or taken to see whether a little more or less would be better."""
_FULL, _SILENT = 0.999, 1e-6
_NEARLY_SILENT, _NO_RATE = 1e-2, 1e-3  # a power that gives no rate (bit/s/Hz) counts as silent
_BALANCED = 0.1
"""Part of a link's own gain that a small step must be worth: iterations end before gain and harm are quite equal."""
_BETTER = 1e-3
"""Part of what switching moves that the utility must rise for it to be said."""


def verdict(found: "LinkExplanation") -> str:
    """Why a link has its power."""
    if _is_silent(found):
        return _of_silent(found)
    said = _of_full(found) if found.power >= _FULL else _of_part(found)
    scale = max(abs(switch.itself) + abs(switch.others) for switch in (found.if_off, found.if_on))
    for name, switch in switches(found):
        if switch.change > _BETTER * scale:
            said += f"; {SWITCHED[name]} it would be better by {switch.change:.3g}"
    return said


def switches(found: "LinkExplanation") -> "list[tuple[str, Switch]]":
    """Where the link can be switched: off unless it is silent, on unless it has full power."""
    return [(OFF, found.if_off)] * (found.power > 0) + [(ON, found.if_on)] * (found.power < 1)


def _of_full(found: "LinkExplanation") -> str:
    if found.harm == 0 and found.power_cost == 0:
        return "at full power: it hurts nobody"
    if found.own_gain >= found.harm + found.power_cost:
        return f"at full power: its own gain outweighs {_burden(found)}"
    if found.if_less <= _least(found):
        return f"at full power: its own gain is about {_burden(found)}"
    return f"at full power, though a little less would be better: {_burden(found)} outweighs its own gain"


def _of_part(found: "LinkExplanation") -> str:
    if found.if_more > _least(found):
        return f"held back, though a little more would be better: its own gain outweighs {_burden(found)}"
    if found.if_less > _least(found):
        return f"held back, though a little less would be better: {_burden(found)} outweighs its own gain"
    whom = f" {_who(found.hurts[0].link, len(found.hurts))}" if found.hurts and not found.power_cost else ""
    much = "more than" if found.if_more < -_least(found) else "about as much as"
    return f"held back: more power would cost{whom} {much} it gains"


def _of_silent(found: "LinkExplanation") -> str:
    there = found.if_on
    if there.change > 0:
        return f"silent, though at full power it would add {there.change:.3g}"
    if there.change == 0:
        return "silent: its power changes nothing"
    losers = [effect.link for effect in there.most if effect.amount < 0]
    if losers and there.itself > 0:
        who = _who(losers[0], len(losers))
        said = f"silent: at full power it would gain {there.itself:.3g} and cost {who} {-there.others:.3g}"
    else:
        said = f"silent: at full power it would cost {-there.change:.3g}"
    if found.own_gain > (1 + _BALANCED) * (found.harm + found.power_cost):
        said += "; a little power would gain"
    return said


def _is_silent(found: "LinkExplanation") -> bool:
    return found.power <= _SILENT or (found.power <= _NEARLY_SILENT and found.rate <= _NO_RATE)


def _least(found: "LinkExplanation") -> float:
    """What a small step must be worth."""
    return _BALANCED * SMALL_STEP * found.power * abs(found.own_gain)


def _burden(found: "LinkExplanation") -> str:
    return "the harm" if found.power_cost == 0 else "the harm with the cost of the power"


def _who(link: int, count: int) -> str:
    return f"link {link}{' and others' * (count > 1)}"
