"""What powers must obey beyond the network's limits: floors, cells that are never silent, interference caps, ramps."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from gfm_ra.units import LARGEST_GAIN, db_to_linear

NEVER_SILENT_POWER = 0.01
"""Least sum of the powers of a cell that is never silent, unless another one is given: 20 dB below full power."""
_LEAST_SUM = 1e-9
_MOST = {"protected_gain": LARGEST_GAIN, "protected_gain_db": 240.0, "interference_cap_db": 3000.0}
"""Values above are no gains and caps: sums and squares of them would overflow."""


@dataclass(frozen=True, eq=False)
class Rules:
    """Hard rules. Powers are parts of full power; `...` are the leading dimensions of the network's gains, K its links,
    F its bands, R the protected receivers.

    A rule without leading dimensions holds for all networks of a batch.

    Raises ValueError, one line, for numbers that can be no such rules, or rules that need each other; whether they fit
    a network, and contradict neither each other nor its limits, is checked where they are used.
    """

    floor: Any = None
    """Least power: one number, [K] or [..., K] of each link, a sum over bands; or [F, K] or [..., F, K], of each link
    in each band."""
    never_silent: Sequence[Sequence[int]] = ()
    """Cells that must never be silent: lists of their links, no link in two of them."""
    never_silent_power: Any = NEVER_SILENT_POWER
    """Least sum of the powers of each such cell over its links and bands: one number, or one per cell."""
    protected_gain: Any = None
    """What each protected receiver gets from each transmitter at full power, over its noise, linear: [R, K] or
    [..., R, K]; with bands also [R, F, K] or [..., R, F, K], 0 in bands that the receiver does not listen to."""
    protected_gain_db: Any = None
    """The same in dB, instead; `-inf` is a gain of zero."""
    interference_cap: Any = None
    """Largest interference over noise (I/N) at each protected receiver, linear: one number or [R]. It caps the sum of
    gain times power over links and bands."""
    interference_cap_db: Any = None
    """The same in dB, instead. Usual values: -6 dB, or -10 dB, in the fixed service (Recommendation ITU-R F.758); -6
    dB for radars (Recommendation ITU-R M.1461)."""
    previous_power: Any = None
    """Powers before this step, for `ramp` or `ramp_db`: [K] or [..., K], sums over bands; with [F, K] or [..., F, K]
    the ramp holds in each band."""
    ramp: Any = None
    """Largest change of a power in one step, a part of full power: one number, or two (up, down)."""
    ramp_db: Any = None
    """The same in dB, instead: one number, or two (up, down), `inf` for no limit. A power of 0 stays 0."""

    def __post_init__(self) -> None:
        for name in ("floor", "protected_gain", "interference_cap", "previous_power"):
            _numbers(name, getattr(self, name))
        for name in ("protected_gain_db", "interference_cap_db"):
            _numbers(name, getattr(self, name), in_db=True)
        for name in ("ramp", "ramp_db"):
            _ramp(name, getattr(self, name))
        _cells(self.never_silent, self.never_silent_power)
        self._check_together()

    @staticmethod
    def from_file(path: str | Path) -> "Rules":
        """Rules from a JSON file, an object with the names of these fields; see docs/rules.md.

        Raises:
            InputError: it is damaged, or holds something else.
        """
        from gfm_ra.rules.reading import read_rules

        return read_rules(Path(path))

    @property
    def gain(self) -> np.ndarray | None:
        """Gains to protected receivers, linear float64."""
        return _linear(self.protected_gain, self.protected_gain_db)

    @property
    def cap(self) -> np.ndarray | None:
        """Caps on I/N, linear float64."""
        return _linear(self.interference_cap, self.interference_cap_db)

    def __repr__(self) -> str:
        """Names of the rules that are given."""
        given = [each.name for each in fields(self) if each.name != "never_silent_power"]
        said = [name for name in given if (value := getattr(self, name)) is not None and np.size(value)]
        return f"Rules({', '.join(said)})"

    def _check_together(self) -> None:
        for name in ("protected_gain", "interference_cap", "ramp"):
            if getattr(self, name) is not None and getattr(self, f"{name}_db") is not None:
                raise ValueError(f"rules: give either {name} or {name}_db")
        if (self.gain is None) != (self.cap is None):
            missing = "interference_cap" if self.cap is None else "protected_gain"
            raise ValueError(
                f"rules: {missing} is missing: protected receivers need gains and caps, linear or _db"
            )
        ramped = self.ramp is not None or self.ramp_db is not None
        if ramped != (self.previous_power is not None):
            missing = "previous_power" if ramped else "ramp or ramp_db"
            raise ValueError(f"rules: {missing} is missing: a ramp needs the powers before, and these a ramp")


def _linear(linear: object, in_db: object) -> np.ndarray | None:
    if in_db is not None:
        return db_to_linear(np.asarray(in_db, dtype=np.float64))
    return None if linear is None else np.asarray(linear, dtype=np.float64)


def _numbers(name: str, given: object, in_db: bool = False) -> None:
    """Refuse what is no array of finite numbers, not negative unless in dB."""
    if given is None:
        return
    try:
        values = np.asarray(given)
    except ValueError:
        raise ValueError(f"rules: {name} must be numbers, in rows of the same length") from None
    if values.dtype.kind not in "fiu":
        raise ValueError(f"rules: {name} must be numbers, got {values.dtype} {list(values.shape)}")
    wrong = np.isnan(values) | (values == np.inf) | ((values < 0) if not in_db else False)
    if wrong.any():
        place = tuple(int(index) for index in np.argwhere(wrong)[0])
        where = f"{name}{list(place)}" if place else name
        wanted = "a number of dB below infinity" if in_db else "a finite number, 0 or more"
        raise ValueError(f"rules: {where} is {values[place]:g}: it must be {wanted}")
    most = _MOST.get(name, np.inf)
    if (values > most).any():
        raise ValueError(f"rules: {name} holds {values.max():g}, more than {most:g}: check its unit")


def _ramp(name: str, given: object) -> None:
    if given is None:
        return
    try:
        values = np.asarray(given)
    except ValueError:
        raise ValueError(f"rules: {name} must be one number or two of them (up, down), not rows") from None
    if values.dtype.kind not in "fiu" or values.shape not in ((), (2,)) or not (values >= 0).all():
        raise ValueError(
            f"rules: {name} must be one number, 0 or more, or two of them (up, down), got {given!r}"
        )


def _cells(cells: Sequence[Sequence[int]], least: object) -> None:
    """Refuse lists that are no disjoint cells, or least sums that do not fit them."""
    if not isinstance(cells, Sequence) or isinstance(cells, str):
        raise ValueError("rules: never_silent must be lists of links, one per cell")
    owner: dict[int, int] = {}
    for number, links in enumerate(cells):
        if not isinstance(links, Sequence) or isinstance(links, str) or len(links) == 0:
            raise ValueError(f"rules: never_silent[{number}] must be a list of links, got {links!r}")
        for link in links:
            if not isinstance(link, int | np.integer) or isinstance(link, bool) or link < 0:
                raise ValueError(f"rules: never_silent[{number}] holds {link!r}: links are numbers from 0")
            if int(link) in owner:
                raise ValueError(
                    f"rules: link {link} is in never_silent[{owner[int(link)]}] and [{number}]: one cell each"
                )
            owner[int(link)] = number
    _numbers("never_silent_power", least)
    powers = np.asarray(least, dtype=np.float64)
    if powers.shape not in ((), (len(cells),)) or not (powers >= _LEAST_SUM).all():
        raise ValueError(
            f"rules: never_silent_power must be one number from 1e-9 on, or one for each of {len(cells)} cells"
        )
