"""What powers of a network may be: per link and band, per link in total, per group of links; orthogonal sharing.

Powers are parts of full power. Where there are bands, a transmitter's part of full power is spread over them.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

NO_GROUP = -1


@dataclass(frozen=True)
class PowerLimits:
    """Limits of powers [..., F, K]; F is 1 where there are no bands. `...` are the leading dimensions of the gains."""

    total: np.ndarray
    """[..., K] float64 in [0, 1]: a link's largest sum over bands."""
    per_band: np.ndarray
    """[..., F, K] float64 in [0, 1]: a link's largest power in each band; never above `total`."""
    group: np.ndarray
    """[K] int64: the number of each link's group, from 0; -1 for none."""
    group_total: np.ndarray
    """[..., G] float64 >= 0: a group's largest sum over its links and bands."""
    sharing: np.ndarray
    """[K] int64: of links with the same number, from 0, at most one has power in each band; -1 for none."""

    @property
    def bands(self) -> int:
        """F."""
        return self.per_band.shape[-2]

    @property
    def groups(self) -> int:
        """G."""
        return self.group_total.shape[-1]

    def changed(self, change: Callable[[np.ndarray, int], np.ndarray]) -> "PowerLimits":
        """Limits of changed arrays; `change` gets each one and how many of its last dimensions are not networks'."""
        return PowerLimits(
            change(self.total, 1),
            change(self.per_band, 2),
            self.group,
            change(self.group_total, 1),
            self.sharing,
        )

    def excess(self, power: np.ndarray) -> np.ndarray:
        """By how much powers [..., F, K] exceed what they may be, as a part of each limit: the largest, [...].

        Without bands, powers are [..., K] as answers have them, or [..., 1, K].

        0 where all limits hold; inf where a limit of 0, or of orthogonal sharing, is broken, or a power is negative or
        not finite.

        Raises ValueError for powers of another shape.
        """
        power = np.asarray(power, dtype=np.float64)  # sums of float32 could exceed a limit by their rounding
        if power.shape == self.total.shape and self.bands == 1:
            power = power[..., None, :]
        if power.shape[-2:] != self.per_band.shape[-2:]:
            raise ValueError(
                f"limits: powers must be {list(self.per_band.shape)}, bands before links, got {list(power.shape)}"
            )
        found = np.maximum(
            _beyond(power, self.per_band).max((-1, -2)), _beyond(power.sum(-2), self.total).max(-1)
        )
        if self.groups:
            found = np.maximum(found, _beyond(self.group_sums(power), self.group_total).max(-1))
        for number in range(int(self.sharing.max(initial=NO_GROUP)) + 1):
            active = (power[..., self.sharing == number] != 0).sum(-1)  # [..., F]
            found = np.where((active > 1).any(-1), np.inf, found)
        wrong = ~(np.isfinite(power) & (power >= 0))
        return np.where(wrong.any((-1, -2)), np.inf, found)

    def group_sums(self, power: np.ndarray) -> np.ndarray:
        """Sums over the links and bands of each group, [..., G], of powers [..., F, K]."""
        member = self.group[:, None] == np.arange(self.groups)  # [K, G]
        return np.asarray(power.sum(-2) @ member.astype(power.dtype))


def power_limits(
    shape: tuple[int, ...],
    bands: int | None,
    limit: object,
    band_limit: object,
    groups: object,
    group_limit: object,
    exclusive: object,
) -> PowerLimits | None:
    """Limits as a caller gives them, for powers of shape [..., K]; None where powers may be anything up to full power.

    Raises ValueError for numbers or shapes that do not fit.
    """
    links = shape[-1]
    if group_limit is not None and groups is None:
        raise ValueError("network: group_limit needs groups: say which links share the budget")
    if band_limit is not None and bands is None:
        raise ValueError(
            "network: band_limit needs bands: give gains [..., F, K, K] and bands=True, or use limit"
        )
    total = _parts("limit", limit, shape, "one per link", 1.0)
    per_band = _parts(
        "band_limit", band_limit, (*shape[:-1], bands or 1, links), "one per band and link", 1.0
    )
    group = _numbers("groups", groups, links)
    sharing = _numbers("exclusive", exclusive, links)
    count = int(group.max(initial=NO_GROUP)) + 1
    group_total = _parts("group_limit", group_limit, (*shape[:-1], count), "one per group", np.inf, 1.0)
    plain = bands is None and (total == 1).all() and count == 0 and (sharing == NO_GROUP).all()
    if plain:
        return None
    return PowerLimits(total, np.minimum(per_band, total[..., None, :]), group, group_total, sharing)


def _parts(
    name: str, given: object, shape: tuple[int, ...], each: str, most: float, unless_given: float = 1.0
) -> np.ndarray:
    """Parts of full power of a shape, float64, in [0, most]."""
    if given is None:
        return np.full(shape, unless_given)
    try:
        found = np.broadcast_to(np.asarray(given, dtype=np.float64), shape).copy()
    except (TypeError, ValueError):
        raise ValueError(f"network: {name} must be one number or {each}, {list(shape)}") from None
    wrong = ~((found >= 0) & (found <= most))
    if wrong.any():
        place = tuple(int(index) for index in np.argwhere(wrong)[0])
        unit = "a part of full power, 0 to 1" if most == 1 else "in units of full power, 0 or more"
        raise ValueError(f"network: {name}{list(place)} is {found[place]:g}: it is {unit}")
    return found


def _numbers(name: str, given: object, links: int) -> np.ndarray:
    """Numbers of groups, int64 [K], from [K] numbers or from lists of links."""
    if given is None:
        return np.full(links, NO_GROUP, dtype=np.int64)
    wanted = (
        f"network: {name} must be a number per link, [{links}] whole numbers (-1: none), or lists of links"
    )
    if (
        isinstance(given, Sequence)
        and len(given)
        and all(isinstance(each, Sequence | np.ndarray) for each in given)
    ):
        return _numbered(name, given, links)
    try:
        found = np.asarray(given)
    except ValueError:
        raise ValueError(f"{wanted}, got rows of different lengths") from None
    if found.shape != (links,) or found.dtype.kind not in "iu":
        raise ValueError(f"{wanted}, got {found.dtype} {list(found.shape)}")
    found = found.astype(np.int64)
    if found.min() < NO_GROUP:
        raise ValueError(f"network: {name} holds {found.min()}: numbers are 0 or more, or -1 for none")
    used = np.unique(found[found >= 0])
    if used.size and used[-1] != used.size - 1:
        missing = next(number for number in range(used[-1]) if number not in used)
        raise ValueError(
            f"network: {name} must be numbered from 0 without gaps: no link has number {missing}"
        )
    return found


def _numbered(name: str, lists: Sequence[Sequence[int]], links: int) -> np.ndarray:
    found = np.full(links, NO_GROUP, dtype=np.int64)
    for number, members in enumerate(lists):
        if len(members) == 0:
            raise ValueError(f"network: {name}[{number}] has no links: leave it out")
        for link in members:
            if isinstance(link, bool) or not isinstance(link, int | np.integer) or not 0 <= link < links:
                raise ValueError(f"network: {name}[{number}] holds {link!r}: links are 0 to {links - 1}")
            if found[link] != NO_GROUP:
                raise ValueError(f"network: link {link} is in {name} {found[link]} and {number}: one each")
            found[link] = number
    return found


def _beyond(power: np.ndarray, most: np.ndarray) -> np.ndarray:
    """Parts by which powers exceed their limits."""
    over = np.maximum(power - most, 0.0)
    return np.asarray(np.divide(over, most, out=np.where(over > 0, np.inf, 0.0), where=most > 0))
