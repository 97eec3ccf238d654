"""What an allocation is made for: the gains between all links, with the powers and the noise behind them if known."""

from collections.abc import Callable
from typing import Any, Literal, get_args

import numpy as np

from gfm_ra.core.survey import Survey, survey
from gfm_ra.gains.full_powers import full_powers, positive
from gfm_ra.gains.partial import limits_of_unknown, uncertainties
from gfm_ra.gains.power_limits import PowerLimits, power_limits
from gfm_ra.gains.sparse_network import from_edges
from gfm_ra.units import LARGEST_GAIN, db_to_linear, linear_to_db

Orientation = Literal["rows-are-receivers", "rows-are-transmitters"]
"""What a row of a gain matrix stands for; everywhere inside it is a receiver."""
ORIENTATIONS: tuple[Orientation, ...] = get_args(Orientation)


class Network:
    """Gains of one network, [K, K], or of several of the same size, [..., K, K]; of F bands, [..., F, K, K].

    Row = receiver, column = transmitter; the diagonal holds the links' own gains. Gains are in units of noise at full
    power: what the receiver gets from that transmitter at full power, divided by the receiver's noise. NaN = unknown.
    With bands, noise is that of the band, and full power is all of it in that band: powers are [..., F, K], parts of
    full power whose sum over bands is limited; a link's rate is the sum over bands.
    """

    from_edges = staticmethod(from_edges)

    def __init__(
        self,
        gain: Any = None,  # noqa: ANN401 (whatever NumPy makes an array of)
        *,
        gain_db: Any = None,  # noqa: ANN401
        orientation: Orientation = "rows-are-receivers",
        transmit_power_w: Any = None,  # noqa: ANN401
        transmit_power_dbm: Any = None,  # noqa: ANN401
        uncertainty_db: Any = None,  # noqa: ANN401
        at_most_db: Any = None,  # noqa: ANN401
        bands: bool = False,
        limit: Any = None,  # noqa: ANN401
        band_limit: Any = None,  # noqa: ANN401
        groups: Any = None,  # noqa: ANN401
        group_limit: Any = None,  # noqa: ANN401
        exclusive: Any = None,  # noqa: ANN401
    ) -> None:
        """A network of linear gains or of gains in dB.

        Args:
            gain: [..., K, K], linear; NaN where unknown. The diagonal must be known.
            gain_db: the same in dB, instead of `gain`; `-inf` is a gain of zero.
            orientation: what a row stands for.
            transmit_power_w: full power of every transmitter in watts, one number or [..., K]; only for
                `Allocation.power_dbm`.
            transmit_power_dbm: the same in dBm, instead.
            uncertainty_db: standard deviation in dB of what is known of each gain, one number or [..., K, K], >= 0;
                what it says of unknown gains is not asked. Rows and columns as those of the gains.
            at_most_db: what an unknown gain is at most, in dB over noise, [..., K, K]: a receiver that reports its
                strongest transmitters says that of the others. NaN or inf where nothing is known; must be that where
                the gain itself is known.
            bands: whether the gains are [..., F, K, K], of F bands.
            limit: largest part of full power of each link, over all bands; one number or [..., K] in [0, 1].
            band_limit: the same in each band; one number or [..., F, K].
            groups: links that share a budget, as the users of a base station: the number of each link's group, [K],
                -1 for none, or lists of links.
            group_limit: largest sum of the powers of a group over its links and bands, in units of a link's full
                power; one number or [..., G], 1 unless given. Links of a group have the same full power.
            exclusive: links that share a receiver or a transmitter orthogonally, given as `groups`: at most one of
                them has power in each band.

        Raises:
            ValueError: not exactly one of the gains is given, or they are not real numbers of that shape, infinite,
                negative (linear) or unknown on the diagonal; powers that do not fit; an unknown orientation;
                uncertainties, limits of unknown gains, or limits of powers that do not fit.
        """
        if (gain is None) == (gain_db is None):
            raise ValueError("network: give either gain (linear) or gain_db (dB over noise)")
        values = _array("gain", gain) if gain_db is None else _array("gain_db", gain_db)
        if orientation not in ORIENTATIONS:
            raise ValueError(
                f"network: orientation must be one of {', '.join(ORIENTATIONS)}, not {orientation!r}"
            )
        turned = orientation == "rows-are-transmitters"
        if turned:
            values = values.swapaxes(-1, -2)
        self.given_db = gain_db is not None
        self._values = values
        self.survey = survey(values, self.given_db)
        _check_gains(values, self.given_db, self.survey)
        self.bands = _bands(bands, values)
        powers = (*self.shape, self.links)
        self.transmit_power_w = full_powers(transmit_power_w, transmit_power_dbm, powers)
        self.limits = power_limits(powers, self.bands, limit, band_limit, groups, group_limit, exclusive)
        _check_same_transmitter(self.transmit_power_w, groups, self.limits)
        self.uncertainty_db = uncertainties(uncertainty_db, values, turned)
        self.at_most_db = limits_of_unknown(at_most_db, values, turned)

    @property
    def links(self) -> int:
        """K."""
        return self._values.shape[-1]

    @property
    def shape(self) -> tuple[int, ...]:
        """Leading dimensions: () for a single network."""
        return self._values.shape[: -2 if self.bands is None else -3]

    @property
    def is_uncertain(self) -> bool:
        """Whether deviations of the gains or limits of unknown ones are said."""
        return self.uncertainty_db is not None or self.at_most_db is not None

    @property
    def gain(self) -> np.ndarray:
        """Linear gains [..., K, K] in the floating type that was given; NaN where unknown."""
        return db_to_linear(self._values) if self.given_db else self._values

    @property
    def gain_db(self) -> np.ndarray:
        """Gains in dB [..., K, K]; a gain of zero is -inf; NaN where unknown."""
        if self.given_db:
            return self._values
        return linear_to_db(self._values)

    def __getitem__(self, index: slice) -> "Network":
        """Some of several networks that lie in one row, [B, K, K] or [B, F, K, K]."""
        return self._with(lambda array, _: array[index])

    def flattened(self) -> "Network":
        """The same networks in one row, [B, K, K] or [B, F, K, K]."""
        count = int(np.prod(self.shape))
        return self._with(lambda array, trailing: array.reshape(count, *array.shape[-trailing:]))

    def _with(self, change: Callable[[np.ndarray, int], np.ndarray]) -> "Network":
        """A network of changed arrays; `change` gets each one, and how many of its dimensions are links or bands."""
        part = object.__new__(Network)
        gains = 2 if self.bands is None else 3
        part.given_db, part._values, part.bands = self.given_db, change(self._values, gains), self.bands
        same = part._values.size == self._values.size
        part.survey = self.survey if same else survey(part._values, part.given_db)
        power = self.transmit_power_w
        part.transmit_power_w = None if power is None else change(power, 1)
        for name in ("uncertainty_db", "at_most_db"):
            array = getattr(self, name)
            setattr(part, name, None if array is None else change(array, gains))
        part.limits = None if self.limits is None else self.limits.changed(change)
        return part

    def __len__(self) -> int:
        """Length of the first of the leading dimensions."""
        return len(self._values)

    def __repr__(self) -> str:
        """Size and unit."""
        count = int(np.prod(self.shape))
        bands = "" if self.bands is None else f" in {self.bands} bands"
        return f"Network({count} x {self.links} links{bands}, given {'in dB' if self.given_db else 'linear'})"


def network_from_channel(
    h: Any,  # noqa: ANN401
    *,
    transmit_power_w: Any = None,  # noqa: ANN401
    noise_power_w: Any = None,  # noqa: ANN401
    transmit_power_dbm: Any = None,  # noqa: ANN401
    noise_power_dbm: Any = None,  # noqa: ANN401
    orientation: Orientation = "rows-are-receivers",
) -> Network:
    """The network of complex channel coefficients: `gain[k, j] = abs(h[k, j])**2 * P[j] / N[k]`.

    Args:
        h: [..., K, K] complex amplitudes, or their real magnitudes.
        transmit_power_w: full power P_j of every transmitter, one number or [..., K]; or `transmit_power_dbm`.
        noise_power_w: noise N_k at every receiver, one number or [..., K]; or `noise_power_dbm`.
        orientation: what a row of `h` stands for.

    Raises:
        ValueError: as `Network`; powers or noise that are missing, given twice, or not positive.
    """
    channel = np.asarray(h)
    if channel.dtype.kind not in "cfiu" or channel.ndim < 2 or channel.shape[-1] != channel.shape[-2]:
        raise ValueError(f"channel: h must be numbers [..., K, K], got {channel.dtype} {list(channel.shape)}")
    if orientation not in ORIENTATIONS:
        raise ValueError(
            f"channel: orientation must be one of {', '.join(ORIENTATIONS)}, not {orientation!r}"
        )
    if orientation == "rows-are-transmitters":
        channel = channel.swapaxes(-1, -2)
    channel = channel.astype(np.complex128 if channel.dtype.kind == "c" else np.float64)
    power = _required("transmit_power", transmit_power_w, transmit_power_dbm, channel.shape[:-1])
    noise = _required("noise_power", noise_power_w, noise_power_dbm, channel.shape[:-1])
    gain = np.square(np.abs(channel)) * power[..., None, :] / noise[..., :, None]
    return Network(gain, transmit_power_w=power)


def _array(name: str, given: object) -> np.ndarray:
    values = np.asarray(given)
    if values.dtype == object:  # None, which JSON's null becomes, is an unknown gain
        try:
            values = values.astype(np.float64)
        except (TypeError, ValueError):
            raise ValueError(
                f"network: {name} must be numbers [..., K, K] with rows of the same length"
            ) from None
    if values.dtype.kind not in "fiu":
        why = "; complex channels go through network_from_channel" if values.dtype.kind == "c" else ""
        raise ValueError(f"network: {name} must be real numbers, got {values.dtype}{why}")
    if values.ndim < 2 or values.shape[-1] != values.shape[-2] or values.shape[-1] == 0:
        raise ValueError(f"network: {name} must be [..., K, K] with K >= 1, got shape {list(values.shape)}")
    if values.dtype not in (np.float32, np.float64):
        values = values.astype(np.float64)
    return values if values.dtype.isnative else values.astype(values.dtype.newbyteorder("="))


def _check_gains(values: np.ndarray, in_db: bool, seen: Survey) -> None:
    name = "gain_db" if in_db else "gain"
    if seen.unknown_own:
        where = _place(np.isnan(np.diagonal(values, axis1=-2, axis2=-1)))
        raise ValueError(
            f"network: {name} of link {where} itself is unknown: a link's own gain must be known"
        )
    if seen.largest == np.inf or (not in_db and seen.least < 0):
        place = np.argwhere((values == np.inf) | ((values < 0) if not in_db else False))[0]
        value = values[tuple(place)]
        hint = ": linear gains are not negative; are these dB (gain_db=)?" if value < 0 else ""
        raise ValueError(f"network: {name}[{', '.join(map(str, place))}] is {value:g}{hint}")
    most = float(linear_to_db(LARGEST_GAIN)) if in_db else LARGEST_GAIN
    if seen.largest > most:
        hint = ": are these linear gains (gain=)?" if in_db else ": are these dB (gain_db=)?"
        raise ValueError(f"network: {name} holds {seen.largest:g}, more than {most:g}{hint}")


def _place(wrong: np.ndarray) -> str:
    *network, link = (int(index) for index in np.argwhere(wrong)[0])
    return f"{link}" + (f" of network {', '.join(map(str, network))}" if network else "")


def _bands(bands: bool, values: np.ndarray) -> int | None:
    """F of gains [..., F, K, K]; None where there are no bands."""
    if not isinstance(bands, bool | np.bool_):
        raise ValueError(
            f"network: bands says whether gains are [..., F, K, K]: True or False, not {bands!r}"
        )
    if not bands:
        return None
    if values.ndim < 3 or values.shape[-3] == 0:
        raise ValueError(f"network: with bands, gains must be [..., F, K, K], got shape {list(values.shape)}")
    return values.shape[-3]


def _check_same_transmitter(
    full_power_w: np.ndarray | None, groups: object, limits: PowerLimits | None
) -> None:
    if full_power_w is None or groups is None or limits is None:
        return
    for number in range(limits.groups):
        powers = full_power_w[..., limits.group == number]
        if (powers != powers[..., :1]).any():
            raise ValueError(
                f"network: links of group {number} differ in full power: a budget is in units of their common one"
            )


def _required(name: str, watts: object, dbm: object, shape: tuple[int, ...]) -> np.ndarray:
    if (watts is None) == (dbm is None):
        raise ValueError(f"channel: give either {name}_w (watts) or {name}_dbm")
    return positive(name.replace("_", " "), watts, dbm, shape)
