"""Channels of MATLAB: QuaDRiGa's coefficients and the path gains of the 5G and Communications Toolboxes.

QuaDRiGa: `h_channel.mat_save(file)` of the [receivers, transmitters] array that `qd_layout.get_channels` returns writes
`channel_00001_Coeffs`, [receive antennas, transmit antennas, paths, snapshots], and `..._Delays` for every pair, with
path loss, shadowing and antenna patterns in them (QuaDRiGa 2.6, `qd_channel.mat_save`).

Toolboxes: `nrCDLChannel` and `nrTDLChannel` give path gains [snapshots, paths, transmit antennas, receive antennas] of
one pair, without path loss.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from gfm_ra.bridges.association import Association
from gfm_ra.bridges.channels import Antennas, Budget, Combining, Over, network_of_response, numbers
from gfm_ra.files.mat import mat_arrays
from gfm_ra.network import Network
from gfm_ra.units import db_to_linear

_QUADRIGA_DIMENSIONS = ("antennas", "antennas", "paths", "snapshots")
_TOOLBOX_DIMENSIONS = (
    "snapshots", "paths", "transmit antennas", "receive antennas", "receivers", "transmitters",
)  # fmt: skip


def read_matlab(path: str | Path) -> dict[str, np.ndarray]:
    """All numeric arrays of a .mat file (`save -v6`, `-v7`), complex ones included, by name.

    Raises:
        InputError: it is damaged, of another kind, or of version 7.3.
    """
    return mat_arrays(Path(path))


def network_from_quadriga(
    channels: str | Path | Mapping[str, Any],
    *,
    frequencies_hz: Any = None,  # noqa: ANN401 (whatever NumPy makes an array of)
    association: Association = "strongest",
    antennas: Antennas = "mean",
    time: Over = "mean",
    transmit_power_w: Any = None,  # noqa: ANN401
    transmit_power_dbm: Any = None,  # noqa: ANN401
    noise_power_w: Any = None,  # noqa: ANN401
    noise_power_dbm: Any = None,  # noqa: ANN401
) -> Network:
    """The network of QuaDRiGa's channels; link k is that of the k-th receiver that is served.

    Args:
        channels: file of `mat_save`, or its arrays by name, of one carrier frequency.
        frequencies_hz: where the response is taken, relative to the carrier, [S]; gains are means over them. Unless
            given, the power of a pair is the sum over its paths, the mean over a wide band.
        association: which transmitter serves which receiver, "strongest" or an array (`association.links_of`).
        antennas: "mean" over all pairs, or "maximum-ratio", beams of every link's own channel; that needs frequencies.
        time: "mean" of the snapshots' gains, or "each": networks [N, L, L].
        transmit_power_w: full power of every transmitter, one number or [T].
        transmit_power_dbm: the same in dBm, instead.
        noise_power_w: noise of every receiver, one number or [R].
        noise_power_dbm: the same in dBm, instead.

    Raises:
        InputError: a file that cannot be read.
        ValueError: channels that are missing or of different shapes, several carriers, beams without frequencies, an
            association or powers that do not fit.
    """
    arrays = channels if isinstance(channels, Mapping) else read_matlab(channels)
    dims = np.asarray(arrays.get("ChannelDims", [])).ravel().astype(int)
    if len(dims) < 2 or dims.min() < 1:
        raise ValueError("quadriga: there is no ChannelDims: give a file of mat_save, or its arrays by name")
    if dims[2:].prod() != 1:
        raise ValueError(
            f"quadriga: channels are {' x '.join(map(str, dims))}: save one carrier at a time, "
            "mat_save(h_channel(:,:,1), file)"
        )
    pairs = [
        [_pair(arrays, _number(arrays, tx * dims[0] + rx), frequencies_hz) for tx in range(dims[1])]
        for rx in range(dims[0])
    ]
    shapes = {pair.shape for row in pairs for pair in row}
    if len(shapes) != 1:
        raise ValueError(
            f"quadriga: antennas or snapshots differ between pairs: {sorted(shapes)} [antennas, antennas, snapshots, "
            "frequencies]"
        )
    return _network(
        "quadriga",
        np.asarray(pairs).transpose(0, 2, 1, 3, 4, 5),  # [R, T, A, B, N, S] -> [R, A, T, B, N, S]
        frequencies_hz is not None,
        association,
        Combining(antennas, time, "mean"),
        Budget(transmit_power_w, transmit_power_dbm, noise_power_w, noise_power_dbm),
    )


def network_from_toolbox(
    path_gains: Any,  # noqa: ANN401
    *,
    path_loss_db: Any,  # noqa: ANN401
    path_delays_s: Any = None,  # noqa: ANN401
    frequencies_hz: Any = None,  # noqa: ANN401
    association: Association = "strongest",
    antennas: Antennas = "mean",
    time: Over = "mean",
    transmit_power_w: Any = None,  # noqa: ANN401
    transmit_power_dbm: Any = None,  # noqa: ANN401
    noise_power_w: Any = None,  # noqa: ANN401
    noise_power_dbm: Any = None,  # noqa: ANN401
) -> Network:
    """The network of MATLAB's path gains; link k is that of the k-th receiver that is served.

    Args:
        path_gains: [N, paths, B, A, R, T] complex, snapshots, paths, transmit and receive antennas as `pathGains` of
            one pair has them, then receivers and transmitters: `all(:, :, :, :, k, j) = pathGains`. Last dimensions
            of 1, which MATLAB drops, may be missing: `pathGains` itself is one receiver and one transmitter.
        path_loss_db: loss between each pair, [R, T] or one number, not negative, for `pathGains` have none; 0 if they
            do.
        path_delays_s: `info(channel).PathDelays`, [paths]; only with frequencies.
        frequencies_hz: where the response is taken, relative to the carrier, [S]; gains are means over them. Unless
            given, the power of a pair is the sum over its paths, the mean over a wide band.
        association: which transmitter serves which receiver, "strongest" or an array (`association.links_of`).
        antennas: "mean" over all pairs, or "maximum-ratio", beams of every link's own channel; that needs frequencies.
        time: "mean" of the snapshots' gains, or "each": networks [N, L, L].
        transmit_power_w: full power of every transmitter, one number or [T].
        transmit_power_dbm: the same in dBm, instead.
        noise_power_w: noise of every receiver, one number or [R].
        noise_power_dbm: the same in dBm, instead.

    Raises:
        ValueError: other shapes or numbers, delays without frequencies or the other way round, beams without
            frequencies, an association or powers that do not fit.
    """
    gains = _padded(
        "toolbox: path_gains", numbers("toolbox: path_gains", path_gains, "c"), _TOOLBOX_DIMENSIONS
    )
    if (path_delays_s is None) != (frequencies_hz is None):
        raise ValueError("toolbox: path_delays_s and frequencies_hz belong together: give both or none")
    coefficients = gains.transpose(4, 3, 5, 2, 0, 1)  # [R, A, T, B, N, paths]
    delays = (
        None if path_delays_s is None else numbers("toolbox: path_delays_s", path_delays_s, "fiu").ravel()
    )
    if delays is not None and len(delays) != gains.shape[1]:
        raise ValueError(f"toolbox: {gains.shape[1]} paths, but {len(delays)} path_delays_s")
    loss_db = numbers("toolbox: path_loss_db", path_loss_db, "fiu")
    try:
        loss_db = np.broadcast_to(loss_db, gains.shape[-2:])
    except ValueError:
        raise ValueError(
            f"toolbox: path_loss_db must be one number or {list(gains.shape[-2:])}, got {list(loss_db.shape)}"
        ) from None
    if (loss_db < 0).any():
        raise ValueError(
            f"toolbox: path_loss_db holds {loss_db.min():g}: a receiver gets more than what is sent; losses are "
            "positive, is it a gain?"
        )
    amplitude = np.sqrt(db_to_linear(-loss_db))[:, None, :, None, None, None]
    return _network(
        "toolbox",
        _response(coefficients, delays, frequencies_hz) * amplitude,
        frequencies_hz is not None,
        association,
        Combining(antennas, time, "mean"),
        Budget(transmit_power_w, transmit_power_dbm, noise_power_w, noise_power_dbm),
    )


def _network(
    what: str, h: np.ndarray, has_phases: bool, association: Association, combining: Combining, budget: Budget
) -> Network:
    if combining.antennas == "maximum-ratio" and not has_phases:
        raise ValueError(f"{what}: maximum-ratio needs a frequency response: say where, frequencies_hz=")
    return network_of_response(what, h, association, combining, budget)


def _number(arrays: Mapping[str, Any], index: int) -> int:
    """The number of the channel at a place of the array, columns first."""
    order = np.asarray(arrays.get("Order", [])).ravel()
    return int(order[index]) if index < len(order) else index + 1


def _pair(arrays: Mapping[str, Any], number: int, frequencies_hz: Any) -> np.ndarray:  # noqa: ANN401
    """The response between one receiver and one transmitter, [A, B, N, S]."""
    name = f"channel_{number:05d}_"
    if f"{name}Coeffs" not in arrays:
        raise ValueError(f"quadriga: {name}Coeffs is missing")
    what = f"quadriga: {name}Coeffs"
    coefficients = _padded(what, numbers(what, arrays[f"{name}Coeffs"], "cf"), _QUADRIGA_DIMENSIONS)
    delays = None
    if frequencies_hz is not None:
        if f"{name}Delays" not in arrays:
            raise ValueError(f"quadriga: {name}Delays is missing, which frequencies_hz needs")
        what = f"quadriga: {name}Delays"
        delays = numbers(what, arrays[f"{name}Delays"], "fiu")
        common = delays.shape == coefficients.shape[2:]  # [paths, snapshots]
        delays = delays[None, None] if common else _padded(what, delays, _QUADRIGA_DIMENSIONS)
        try:
            delays = np.broadcast_to(delays, coefficients.shape).swapaxes(-1, -2)
        except ValueError:
            raise ValueError(
                f"quadriga: {name}Delays {list(delays.shape)} do not fit its Coeffs {list(coefficients.shape)}"
            ) from None
    return _response(coefficients.swapaxes(-1, -2), delays, frequencies_hz)


def _padded(what: str, values: np.ndarray, dimensions: tuple[str, ...]) -> np.ndarray:
    """With the last dimensions of 1 that MATLAB drops.

    Raises:
        ValueError: too many dimensions, a single one, which no array of MATLAB has, or nothing in it.
    """
    if values.ndim == 1 or values.ndim > len(dimensions) or 0 in values.shape:
        raise ValueError(f"{what} must be [{', '.join(dimensions)}], got {list(values.shape)}")
    return values.reshape(values.shape + (1,) * (len(dimensions) - values.ndim))


def _response(coefficients: np.ndarray, delays_s: np.ndarray | None, frequencies_hz: Any) -> np.ndarray:  # noqa: ANN401
    """Paths [..., N, paths] as a response [..., N, S]: at frequencies, or one value of the power of all paths.

    delays_s: [paths] or as the coefficients.
    """
    if delays_s is None:
        power = np.square(np.abs(coefficients)).sum(-1, keepdims=True)
        return np.sqrt(power).astype(np.complex128)
    frequencies = numbers("frequencies_hz", frequencies_hz, "fiu").ravel()
    if not frequencies.size:
        raise ValueError("frequencies_hz: holds none: say where the response is taken, or leave it out")
    phases = np.exp(-2j * np.pi * delays_s[..., None] * frequencies)  # [paths, S] or [..., N, paths, S]
    return (coefficients[..., None] * phases).sum(-2)
