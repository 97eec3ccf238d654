"""Which transmitter serves which receiver: the links of a network among all pairs of a channel.

Shapes: R receivers, T transmitters, L links; leading dimensions are networks.
"""

from typing import Any, Literal, NamedTuple

import numpy as np

Association = Literal["strongest"] | Any
"""How links are chosen: "strongest", or an array (`links_of`)."""


class Links(NamedTuple):
    """The links of networks, in the order of their receivers."""

    receiver: np.ndarray  # [..., L], index of each link's receiver
    transmitter: np.ndarray  # [..., L]


def strongest(
    path_gain: Any = None,  # noqa: ANN401 (whatever NumPy makes an array of)
    *,
    path_gain_db: Any = None,  # noqa: ANN401
) -> np.ndarray:
    """The transmitter that each receiver gets most from, [..., R]; the first one among equals.

    Args:
        path_gain: [..., R, T], linear, 0 where nothing arrives; NaN where unknown. Multiplied by full powers [T] if
            these differ.
        path_gain_db: the same in dB, instead; -inf where nothing arrives.

    Raises:
        ValueError: not exactly one of both is given; other shapes; negative linear gains; a receiver that gets nothing
            from any transmitter.
    """
    if (path_gain is None) == (path_gain_db is None):
        raise ValueError("association: give either path_gain (linear) or path_gain_db")
    gain = np.asarray(path_gain if path_gain_db is None else path_gain_db)
    if gain.dtype.kind not in "fiu" or gain.ndim < 2 or 0 in gain.shape:
        raise ValueError(
            f"association: path gains must be real numbers [..., receivers, transmitters], got {gain.dtype} "
            f"{list(gain.shape)}"
        )
    if path_gain_db is None and (gain < 0).any():
        raise ValueError(
            f"association: path_gain holds {gain[gain < 0][0]:g}: linear gains are not negative; is it in dB "
            "(path_gain_db=)?"
        )
    ordered = np.where(np.isnan(gain), -np.inf, gain.astype(np.float64))
    least = 0.0 if path_gain_db is None else -np.inf
    nothing = ordered.max(-1) <= least
    if nothing.any():
        raise ValueError(
            f"association: receiver {_place(nothing)} gets nothing from any transmitter: leave it out of the channel"
        )
    return ordered.argmax(-1)


def links_of(association: Association, received: np.ndarray) -> Links:
    """The links, one per transmitter at most.

    Args:
        association: "strongest", every receiver belongs to the transmitter that it gets most from where all send with
            full power; whole numbers [R] or [..., R], the transmitter that serves each receiver, -1 for receivers that
            are left out; or 0 and 1 [R, T] for all networks, at most one 1 in a row. Transmitters that serve nobody are
            left out: silent.
        received: what arrives from each transmitter at full power, path gain times power, [..., R, T], linear; NaN
            where unknown.

    Raises:
        ValueError: it does not fit, two receivers share a transmitter, or networks differ in how many links they have.
            "strongest" also if a transmitter serves nobody, since nothing says that it is silent.
    """
    *batch, receivers, transmitters = received.shape
    if isinstance(association, str):
        if association != "strongest":
            raise ValueError(
                f"association: must be 'strongest' or an array, not {association!r}: the transmitter of each receiver"
            )
        serving = strongest(received)
        if receivers < transmitters:
            raise ValueError(
                f"association: {transmitters} transmitters and {receivers} receivers: say with association= which "
                "transmitter serves which receiver; those that serve nobody are then silent"
            )
    else:
        serving = _serving(np.asarray(association), tuple(batch), receivers, transmitters)
    _check_one_each(serving, transmitters)
    served = serving >= 0
    counts = served.sum(-1)
    if counts.size and (counts.min() != counts.max() or counts.min() == 0):
        raise ValueError(
            f"association: all networks must have as many links, at least 1, got {counts.min()} to {counts.max()}"
        )
    # Receivers that are served come first, in their order.
    receiver = np.argsort(~served, axis=-1, kind="stable")[..., : int(counts.max())]
    return Links(receiver, np.take_along_axis(serving, receiver, -1))


def _serving(given: np.ndarray, batch: tuple[int, ...], receivers: int, transmitters: int) -> np.ndarray:
    """The transmitter of each receiver, [..., R], -1 where there is none."""
    if given.dtype.kind not in "iub":
        raise ValueError(
            f"association: must be whole numbers, each receiver's transmitter, or a table of 0 and 1, not {given.dtype}"
        )
    table, indices = (
        given.shape == (receivers, transmitters),
        given.shape in {(receivers,), (*batch, receivers)},
    )
    if given.dtype.kind == "b":
        indices = False
    if table and indices:
        raise ValueError(
            f"association: {list(given.shape)} may be a table, or transmitters of several networks: give a table as "
            "true and false, or [receivers] for all networks"
        )
    if table:
        if not np.isin(given, (0, 1)).all() or (given.astype(int).sum(-1) > 1).any():
            raise ValueError(
                "association: a table holds 0 and 1 with at most one 1 per row: a receiver has one transmitter"
            )
        serving = np.where(given.any(-1), given.argmax(-1), -1)
    elif indices:
        serving = given.astype(np.intp)
    else:
        raise ValueError(
            f"association: must be [{receivers}] or {[*batch, receivers]}, each receiver's transmitter, or a table "
            f"[{receivers}, {transmitters}], got {list(given.shape)}"
        )
    if (serving >= transmitters).any() or (serving < -1).any():
        raise ValueError(
            f"association: must be 0 to {transmitters - 1}, or -1 for none, got {serving.min()} to {serving.max()}"
        )
    return np.broadcast_to(serving, (*batch, receivers))


def _check_one_each(serving: np.ndarray, transmitters: int) -> None:
    """Refuse transmitters that serve two receivers of a network."""
    several = np.stack([(serving == each).sum(-1) for each in range(transmitters)], -1) > 1  # [..., T]
    if several.any():
        *network, transmitter = (int(index) for index in np.argwhere(several)[0])
        both = np.flatnonzero(serving[tuple(network)] == transmitter)[:2]
        where = f" in network {', '.join(map(str, network))}" if network else ""
        raise ValueError(
            f"association: receivers {both[0]} and {both[1]} both belong to transmitter {transmitter}{where}: a "
            "network has one link per transmitter; choose with association=, -1 for a receiver that waits"
        )


def _place(wrong: np.ndarray) -> str:
    *network, receiver = (int(index) for index in np.argwhere(wrong)[0])
    return f"{receiver}" + (f" of network {', '.join(map(str, network))}" if network else "")
