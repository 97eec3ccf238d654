"""A network of which only the strong gains are listed, with the rest as sums per receiver and cell of transmitters.

Shapes: K links, E crossing gains between different links, C cells. Gains are linear, in units of noise at full power.
"""

from typing import Any, NamedTuple

import numpy as np

from gfm_ra.gains.far_field import FarField, far_field
from gfm_ra.gains.full_powers import full_powers
from gfm_ra.units import LARGEST_GAIN, db_to_linear, linear_to_db

MOST_LINKS = 2**31 - 1


class Rows(NamedTuple):
    """Crossing gains in compressed rows: those of row k lie from `start[k]` to `start[k + 1]`, by rising `other`."""

    start: np.ndarray  # int64 [K + 1]
    other: np.ndarray  # int32 [E]: the link at the other end
    gain: np.ndarray  # [E], the floating type that was given


class SparseNetwork:
    """K links of which only some of the K * K gains are listed; `Network.from_edges` makes it.

    A gain that is not listed is zero, or a part of the far field. Every link's own gain is listed.
    """

    def __init__(
        self,
        own: np.ndarray,
        by_receiver: Rows,
        by_transmitter: Rows,
        far: FarField | None = None,
        transmit_power_w: np.ndarray | None = None,
    ) -> None:
        """A network of checked parts: own [K]; the same crossing gains in rows of receivers and of transmitters."""
        self.own, self.by_receiver, self.by_transmitter = own, by_receiver, by_transmitter
        self.far, self.transmit_power_w = far, transmit_power_w

    @property
    def links(self) -> int:
        """K."""
        return len(self.own)

    @property
    def shape(self) -> tuple[int, ...]:
        """(): a single network, in the words of `Network`."""
        return ()

    @property
    def edges(self) -> int:
        """Listed gains, the links' own ones included."""
        return len(self.own) + len(self.by_receiver.other)

    def __repr__(self) -> str:
        """Sizes."""
        cells = f", {self.far.cells} cells" if self.far else ""
        return f"SparseNetwork({self.links} links, {self.edges} gains{cells})"

    def listed(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Receiver, transmitter and gain of every listed gain, [K + E] each, by receiver, then transmitter."""
        rows, links = self.by_receiver, np.arange(self.links, dtype=np.int32)
        receiver = np.concatenate([links, np.repeat(links, np.diff(rows.start))])
        transmitter = np.concatenate([links, rows.other])
        order = np.lexsort((transmitter, receiver))
        gain = np.concatenate([self.own, rows.gain])
        return receiver[order], transmitter[order], gain[order]

    def dense_gain(self) -> np.ndarray:
        """Gains as a matrix [K, K], row = receiver, column = transmitter; the far field is left out."""
        gain = np.zeros((self.links, self.links), dtype=self.own.dtype)
        receiver, transmitter, values = self.listed()
        gain[receiver, transmitter] = values
        return gain

    def rates(self, power: np.ndarray) -> np.ndarray:
        """Rates float64 [K] in bit/s/Hz of powers [K]; far transmitters count at the mean power of their cell."""
        return self._rates(power, 0.0 if self.far is None else self.far.interference(power))

    def rate_bounds(self, power: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Least and largest rates float64 [K] that the far field leaves possible at powers [K].

        The sums of the far field are taken as exact; how the powers are spread within a cell is what is not known.
        """
        if self.far is None:
            exact = self.rates(power)
            return exact, exact
        least, most = self.far.bounds(power)
        return self._rates(power, most), self._rates(power, least)

    def _rates(self, power: np.ndarray, far: np.ndarray | float) -> np.ndarray:
        power = np.asarray(power, dtype=np.float64)
        if power.shape != (self.links,):
            raise ValueError(
                f"network: powers must be [K], one per link, {[self.links]}, not {list(power.shape)}"
            )
        rows = self.by_receiver
        heard = rows.gain.astype(np.float64) * power[rows.other]  # [E]
        receiver = np.repeat(np.arange(self.links), np.diff(rows.start))
        near = np.bincount(receiver, heard, minlength=self.links)
        return np.log1p(self.own.astype(np.float64) * power / (near + far + 1.0)) / np.log(2.0)


def from_edges(
    links: int,
    receiver: Any,  # noqa: ANN401 (whatever NumPy makes an array of)
    transmitter: Any,  # noqa: ANN401
    gain: Any = None,  # noqa: ANN401
    *,
    gain_db: Any = None,  # noqa: ANN401
    cell: Any = None,  # noqa: ANN401
    far_gain: Any = None,  # noqa: ANN401
    far_largest: Any = None,  # noqa: ANN401
    transmit_power_w: Any = None,  # noqa: ANN401
    transmit_power_dbm: Any = None,  # noqa: ANN401
) -> SparseNetwork:
    """A network of `links` links of which only the listed gains are there: `gfm_ra.Network.from_edges`.

    Args:
        links: K, from 1 on.
        receiver: [E], number of the receiving link of each edge, from 0.
        transmitter: [E], the same of the transmitting link. Each pair is there once, and every link's own is there.
        gain: [E], linear, in units of noise at full power; at least 0, none unknown.
        gain_db: the same in dB, instead; `-inf` is a gain of zero.
        cell: [K], whole numbers from 0: where each transmitter stands, for a far field.
        far_gain: [K, C], linear: what each receiver gets at full power from those transmitters of a cell that are not
            listed. It counts at the mean power of the cell's transmitters.
        far_largest: [K, C], the largest gain in each of these sums; narrows `rate_bounds`.
        transmit_power_w: full power of every transmitter in watts, one number or [K].
        transmit_power_dbm: the same in dBm, instead.

    Raises:
        ValueError: edges that are repeated, out of range or do not fit each other, a gain that is no number or out of
            range, an own gain that is missing, a far field or powers that do not fit; the line names the edge.
    """
    if (gain is None) == (gain_db is None):
        raise ValueError("network: give either gain (linear) or gain_db (dB over noise), one per edge")
    if isinstance(links, bool) or not isinstance(links, int | np.integer) or not 1 <= links <= MOST_LINKS:
        raise ValueError(f"network: links must be a whole number from 1 to {MOST_LINKS}, got {links!r}")
    count = int(links)
    rows, columns = _ends("receiver", receiver, count), _ends("transmitter", transmitter, count)
    values = _gains(gain, gain_db)
    if not len(rows) == len(columns) == len(values):
        raise ValueError(
            f"network: {len(rows)} receivers, {len(columns)} transmitters and {len(values)} gains: give one of each "
            "per edge"
        )
    # One whole number orders edges by receiver, then by transmitter.
    place = rows * count + columns
    order = np.argsort(place, kind="stable")
    _refuse_repeated(place, order, count)
    rows, columns, values = rows[order], columns[order], values[order]
    crossing = rows != columns
    own = values[~crossing]
    if len(own) < count:
        # These numbers rise, so the first that is not its own place comes after the gap; memory for K is not needed.
        there = rows[~crossing]
        missing = int(np.argmax(np.append(there != np.arange(len(there)), True)))
        raise ValueError(
            f"network: link {missing} has no edge to itself: a link's own gain must be there ({count - len(own)} are "
            "missing)"
        )
    rows, columns, values = rows[crossing], columns[crossing], values[crossing]
    turned = np.argsort(columns * count + rows, kind="stable")
    return SparseNetwork(
        own,
        _compressed(rows, columns, values, count),
        _compressed(columns[turned], rows[turned], values[turned], count),
        far_field(cell, far_gain, far_largest, count),
        full_powers(transmit_power_w, transmit_power_dbm, (count,)),
    )


def _ends(name: str, given: object, links: int) -> np.ndarray:
    """Numbers of links, int64 [E]."""
    values = np.asarray(given)
    if values.ndim != 1 or values.dtype.kind not in "iu":
        raise ValueError(
            f"network: {name} must be whole numbers [E], the number of a link per edge, got {values.dtype} "
            f"{list(values.shape)}"
        )
    outside = (values < 0) | (values >= links)
    if outside.any():
        edge = int(np.argmax(outside))
        raise ValueError(
            f"network: {name}[{edge}] is {values[edge]}: links are numbered from 0 to {links - 1}"
        )
    return values.astype(np.int64)


def _gains(gain: object, gain_db: object) -> np.ndarray:
    """Linear gains [E], float32 or float64."""
    name, given = ("gain", gain) if gain_db is None else ("gain_db", gain_db)
    values = np.asarray(given)
    if values.ndim != 1 or values.dtype.kind not in "fiu":
        raise ValueError(
            f"network: {name} must be real numbers [E], one per edge, got {values.dtype} {list(values.shape)}"
        )
    values = values.astype(np.float32 if values.dtype == np.float32 else np.float64)
    in_db = gain_db is not None
    most = float(linear_to_db(LARGEST_GAIN)) if in_db else LARGEST_GAIN
    wrong = ~(values <= most) | (False if in_db else values < 0)
    if wrong.any():
        edge = int(np.argmax(wrong))
        value = values[edge]
        hint = f"at most {most:g}" if in_db else f"from 0 to {most:g}"
        if np.isnan(value):
            hint = "unknown gains are for a dense Network; leave out edges that are not there"
        elif value < 0:
            hint += "; are these dB (gain_db=)?"
        raise ValueError(f"network: {name}[{edge}] is {value:g}: {hint}")
    return db_to_linear(values) if in_db else values


def _refuse_repeated(place: np.ndarray, order: np.ndarray, links: int) -> None:
    ordered = place[order]
    repeated = ordered[1:] == ordered[:-1]
    if repeated.any():
        at = int(np.argmax(repeated))
        receiver, transmitter = divmod(int(ordered[at]), links)
        raise ValueError(
            f"network: edges {order[at]} and {order[at + 1]} both go from transmitter {transmitter} to receiver "
            f"{receiver}: give each gain once"
        )


def _compressed(rows: np.ndarray, others: np.ndarray, gain: np.ndarray, links: int) -> Rows:
    start = np.zeros(links + 1, dtype=np.int64)
    np.cumsum(np.bincount(rows, minlength=links), out=start[1:])
    return Rows(start, others.astype(np.int32), np.ascontiguousarray(gain))
