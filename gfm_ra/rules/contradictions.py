"""Rules that cannot hold together: one line that names the two, the link, cell or receiver, and the network."""

from typing import NamedTuple, NoReturn

import numpy as np

from gfm_ra.rules.bounds import PowerBounds, interference
from gfm_ra.rules.shapes import Size

_SLACK = 1 + 1e-9


class Part(NamedTuple):
    """What one rule says of every power, or of every sum over bands."""

    name: str
    value: np.ndarray  # [B, F, K] or [B, K]


def check_pairs(
    parts: tuple[tuple[list[Part], list[Part]], tuple[list[Part], list[Part]]], size: Size
) -> None:
    """Compare every lower with every upper bound, of sums over bands, of powers, and of one with the other.

    Raises ValueError for the first pair that contradicts itself.
    """
    (low_totals, high_totals), (lows, highs) = parts
    over_bands = [Part(each.name, each.value.sum(-2)) for each in highs]
    from_bands = [Part(each.name, each.value.sum(-2)) for each in lows]
    for lower, upper in (
        *((low, high) for low in low_totals for high in (*high_totals, *over_bands)),
        *((low, high) for low in lows for high in highs),
        *((low, high) for low in from_bands for high in high_totals),
    ):
        wrong = lower.value > upper.value * _SLACK
        if wrong.any():
            _refuse_pair(lower, upper, wrong, size)


def _refuse_pair(lower: Part, upper: Part, wrong: np.ndarray, size: Size) -> NoReturn:
    place = tuple(int(index) for index in np.argwhere(wrong)[0])
    band = f" in band {place[1]}" if len(place) == 3 else ""
    who = f"link {place[-1]}{band}{_of_network(place[0], size)}"
    least, most = float(lower.value[place]), float(upper.value[place])
    demands = {"floor": "the floor wants", "ramp": "the ramp from its previous power leaves it"}[lower.name]
    allows = {"limit": "its limit", "ramp": "the ramp from its previous power"}[upper.name]
    raise ValueError(
        f"rules: {who}: {demands} at least {least:.6g}, {allows} allows at most {most:.6g}: change one of them"
    )


def check_sums(bounds: PowerBounds, size: Size) -> None:
    """Compare least powers with orthogonal sharing, budgets and caps, and cells with what their links may have.

    Raises ValueError for the first rules that contradict each other.
    """
    _check_sharing(bounds, size)
    needed = np.maximum(bounds.low_total, bounds.low.sum(-2))  # [B, K]
    for number, members in enumerate(bounds.group):
        least, most = needed[:, members].sum(-1), bounds.group_total[:, number]
        what = f"floors and ramps of the links of group {number}{{where}} want {{least}}, its group_limit is {{most}}"
        _check(least, most, what, size)
    found = interference(bounds.low, bounds)
    for number in range(bounds.cap.shape[-1]):
        what = f"floors and ramps alone give protected receiver {number}{{where}} an I/N of {{least}}"
        _check(
            found[:, number], bounds.cap[:, number], what + ", its interference_cap is {most} (linear)", size
        )
    reach = np.minimum(bounds.high.sum(-2), bounds.high_total)
    short = needed > reach * _SLACK
    if short.any():
        network, link = (int(index) for index in np.argwhere(short)[0])
        raise ValueError(
            f"rules: link {link}{_of_network(network, size)}: floor or ramp want at least {needed[network, link]:.6g}, "
            f"limits and interference_cap allow at most {reach[network, link]:.6g}: change one of them"
        )
    for number, members in enumerate(bounds.cell):
        least, most = bounds.cell_least[:, number], reach[:, members].sum(-1)
        what = f"never_silent[{number}]{{where}} wants {{least}}, limits, ramps and interference_cap of its links allow"
        _check(least, most, what + " {most}", size)


def refuse_together(conflict: list[str], network: int, size: Size, sharing: bool) -> NoReturn:
    """Refuse rules of which no two alone contradict each other, but several together do."""
    where = f" in{_of_network(network, size).removeprefix(' of')}" if size.leading else ""
    how = " with the bands that sharing leaves" if sharing else ""
    conflict = conflict or ["floors, ramps and exclusive"]
    raise ValueError(
        f"rules:{where} no powers obey {' and '.join(conflict)} together{how}: change one of them"
    )


def _check_sharing(bounds: PowerBounds, size: Size) -> None:
    bands = bounds.low.shape[-2]
    for members in bounds.sharing:
        both = (bounds.low[..., members] > 0).sum(-1) > 1  # [B, F]
        if both.any():
            network, band = (int(index) for index in np.argwhere(both)[0])
            links = np.flatnonzero(members & (bounds.low[network, band] > 0))[:2]
            _refuse_sharing(links, f"both must have power in band {band}", network, size)
        many = (bounds.low_total[:, members] > 0).sum(-1) > bands
        if many.any():
            network = int(np.flatnonzero(many)[0])
            links = np.flatnonzero(members & (bounds.low_total[network] > 0))
            what = f"all must have power, in {bands} band{'s' * (bands > 1)}"
            _refuse_sharing(links, what, network, size)


def _refuse_sharing(links: np.ndarray, what: str, network: int, size: Size) -> NoReturn:
    who = f"links {', '.join(map(str, links[:8]))}{_of_network(network, size)}"
    raise ValueError(
        f"rules: {who}: by floor or ramp {what}, but exclusive lets one of them have power in each band: change one "
        "of them"
    )


def _check(least: np.ndarray, most: np.ndarray, what: str, size: Size) -> None:
    wrong = least > most * _SLACK
    if wrong.any():
        network = int(np.flatnonzero(wrong)[0])
        said = what.format(
            least=f"{least[network]:.6g}", most=f"{most[network]:.6g}", where=_of_network(network, size)
        )
        raise ValueError(f"rules: {said}: change one of them")


def _of_network(network: int, size: Size) -> str:
    if not size.leading:
        return ""
    place = np.unravel_index(network, size.leading)
    return f" of network {', '.join(str(int(index)) for index in place)}"
