"""From channel tensors to networks: antennas, time steps and subcarriers become one gain per pair of links.

Shapes: R receivers with A antennas, T transmitters with B, N time steps, S subcarriers, L links; leading dimensions are
networks. A response is [..., R, A, T, B, N, S] complex, the amplitude that arrives for a unit amplitude that is sent.
"""

from typing import Any, Literal, NamedTuple, get_args

import numpy as np

from gfm_ra.bridges.association import Association, Links, links_of
from gfm_ra.network import Network
from gfm_ra.units import dbm_to_w

Antennas = Literal["mean", "maximum-ratio"]
"""How antennas become one gain.

- mean: the mean of abs(h)^2 over all pairs of antennas, what a random antenna at either end sees.
- maximum-ratio: both ends of a link use the beams of the largest singular value of its own channel, on every subcarrier
  and in every time step; gains of other pairs are what these beams let through.
"""
Over = Literal["mean", "each"]
"""What becomes of time steps or subcarriers: the mean of their gains, or a network each, as a leading dimension."""


class Budget(NamedTuple):
    """Powers as they were given; one of each pair."""

    transmit_power_w: Any
    transmit_power_dbm: Any
    noise_power_w: Any
    noise_power_dbm: Any


class Powers(NamedTuple):
    """Powers of all transmitters and receivers of a channel, in watts."""

    sent_w: np.ndarray  # [..., T], full power
    noise_w: np.ndarray  # [..., R]


class Combining(NamedTuple):
    """How antennas, time steps and subcarriers are combined."""

    antennas: Antennas
    time: Over
    subcarriers: Over


def numbers(what: str, given: Any, kinds: str = "cfiu") -> np.ndarray:  # noqa: ANN401
    """An array of finite numbers from whatever NumPy makes an array of.

    Raises:
        ValueError: it is of other kinds, or holds NaN or infinity; what: its name in messages.
    """
    try:
        values = np.asarray(given)
    except (TypeError, ValueError, RuntimeError) as error:
        raise ValueError(
            f"{what}: NumPy makes no array of it ({str(error)[:80]}): give it as one, tensors by "
            ".detach().cpu().numpy()"
        ) from None
    if values.dtype.kind not in kinds:
        raise ValueError(f"{what}: must be {'complex ' if kinds == 'c' else ''}numbers, got {values.dtype}")
    if not np.isfinite(values).all():
        raise ValueError(f"{what}: holds NaN or infinity at {np.argwhere(~np.isfinite(values))[0].tolist()}")
    return values.astype(np.complex128 if values.dtype.kind == "c" else np.float64)


def mean_path_gain(h: Any) -> np.ndarray:  # noqa: ANN401
    """Mean of abs(h)^2 over antennas, time steps and subcarriers, [..., R, T], linear.

    Args:
        h: [..., R, A, T, B, N, S] complex.

    Raises:
        ValueError: other shapes or numbers.
    """
    return _power(checked_response("channel", h)).mean((-2, -1))


def checked_response(what: str, h: Any) -> np.ndarray:  # noqa: ANN401
    """A response [..., R, A, T, B, N, S] complex128. Raises ValueError for other shapes or numbers."""
    if isinstance(h, list | tuple):
        raise ValueError(
            f"{what}: h must be one complex array, not a {type(h).__name__} of {len(h)}: cir_to_ofdm_channel("
            "frequencies, a, tau) and paths.cfr(..., out_type='numpy') make one"
        )
    values = numbers(f"{what}: h", h, "c")
    if values.ndim < 6 or 0 in values.shape[-6:]:
        raise ValueError(
            f"{what}: h must be [..., receivers, antennas, transmitters, antennas, time steps, subcarriers], got "
            f"{list(values.shape)}"
        )
    return values


def network_of_response(
    what: str, h: np.ndarray, association: Association, combining: Combining, budget: Budget
) -> Network:
    """The network of a response [..., R, A, T, B, N, S].

    Raises:
        ValueError: an association, names or powers that do not fit; what: the bridge's name in messages.
    """
    check_name(what, "antennas", combining.antennas, get_args(Antennas))
    check_name(what, "time", combining.time, get_args(Over))
    check_name(what, "subcarriers", combining.subcarriers, get_args(Over))
    power = _power(h)  # [..., R, T, N, S]
    powers = powers_of(what, budget, power.shape[:-2])
    links = links_of(association, power.mean((-2, -1)) * powers.sent_w[..., None, :])
    beams = combining.antennas == "maximum-ratio"
    gain = (
        _through_beams(_chosen(h, links, -6, -4)) if beams else _chosen(power, links, -4, -3)
    )  # [..., L, L, N, S]
    averaged = {-1: combining.subcarriers == "mean", -2: combining.time == "mean"}
    for axis in (axis for axis, mean in averaged.items() if mean):
        gain = gain.mean(axis, keepdims=True)
    gain = np.moveaxis(gain, (-2, -1), (-4, -3))  # [..., N or 1, S or 1, L, L]
    gain = gain.squeeze(tuple(axis - 2 for axis, mean in averaged.items() if mean))
    return network_of_gain(gain, links, 2 - sum(averaged.values()), powers)


def powers_of(what: str, budget: Budget, shape: tuple[int, ...]) -> Powers:
    """Powers in watts for a channel of the shape [..., R, T].

    Raises:
        ValueError: not exactly one of a pair is given, or they are not positive or do not fit; what: the bridge's name.
    """
    *batch, receivers, transmitters = shape
    return Powers(
        _positive(
            what, "transmit_power", budget.transmit_power_w, budget.transmit_power_dbm, (*batch, transmitters)
        ),
        _positive(what, "noise_power", budget.noise_power_w, budget.noise_power_dbm, (*batch, receivers)),
    )


def network_of_gain(gain: np.ndarray, links: Links, extra: int, powers: Powers) -> Network:
    """The network of path gains [..., E..., L, L] of links; extra: how many dimensions E stand before the links."""
    batch = gain.shape[: gain.ndim - 2 - extra]
    between = (1,) * extra
    sent = np.take_along_axis(powers.sent_w, links.transmitter, -1).reshape(*batch, *between, -1)
    noise = np.take_along_axis(powers.noise_w, links.receiver, -1).reshape(*batch, *between, -1)
    return Network(gain * sent[..., None, :] / noise[..., :, None], transmit_power_w=sent)


def chosen_gain(path_gain: np.ndarray, links: Links) -> np.ndarray:
    """Path gains [..., R, T] of all pairs of links, [..., L, L]."""
    return _chosen(path_gain, links, -2, -1)


def check_name(what: str, argument: str, given: object, names: tuple[str, ...]) -> None:
    """Raise ValueError unless it is one of the names."""
    if not isinstance(given, str) or given not in names:
        raise ValueError(f"{what}: {argument} must be one of {', '.join(names)}, got {shown(given)}")


def shown(given: object) -> str:
    """An argument as messages show it: on one line, cut where it is long."""
    text = " ".join(repr(given).split())
    return text if len(text) <= 80 else f"{text[:77]}..."


def _power(h: np.ndarray) -> np.ndarray:
    """Mean power over pairs of antennas, [..., R, T, N, S]."""
    return np.square(np.abs(h)).mean((-5, -3))


def _chosen(values: np.ndarray, links: Links, rows: int, columns: int) -> np.ndarray:
    """Values with receivers and transmitters, at the axes `rows` and `columns`, in the order of links."""
    for indices, axis in ((links.receiver, rows), (links.transmitter, columns)):
        shape = [*indices.shape[:-1], *(1 for _ in range(-rows))]
        shape[axis] = indices.shape[-1]
        values = np.take_along_axis(values, indices.reshape(shape), axis)
    return values


def _through_beams(h: np.ndarray) -> np.ndarray:
    """Gains through the links' own beams: [..., L, A, L, B, N, S] -> [..., L, L, N, S]."""
    own = np.diagonal(h, axis1=-6, axis2=-4)  # [..., A, B, N, S, L]
    own = np.moveaxis(own, (-5, -4), (-2, -1))  # [..., N, S, L, A, B]
    receive, _, send = np.linalg.svd(own, full_matrices=False)
    # [..., N, S, L, A] and [..., N, S, L, B]: singular vectors of the largest singular values
    receive, send = receive[..., :, 0].conj(), send[..., 0, :].conj()
    seen = np.einsum("...nska,...kajbns,...nsjb->...kjns", receive, h, send, optimize=True)
    return np.square(np.abs(seen))


def _positive(what: str, name: str, watts: object, dbm: object, shape: tuple[int, ...]) -> np.ndarray:
    """Powers in watts of the given shape. Raises ValueError unless one of both is given, positive, and fits."""
    if (watts is None) == (dbm is None):
        raise ValueError(f"{what}: give either {name}_w (watts) or {name}_dbm")
    try:
        values = np.asarray(watts if dbm is None else dbm, dtype=np.float64)
        with np.errstate(over="ignore"):  # infinite watts are refused below
            values = np.broadcast_to(values if dbm is None else dbm_to_w(values), shape)
    except (TypeError, ValueError):
        raise ValueError(f"{what}: {name} must be one number or {list(shape)}") from None
    if not np.isfinite(values).all() or (values <= 0).any():
        raise ValueError(f"{what}: {name} must be positive and finite (watts, or dBm with _dbm)")
    return values
