"""DeepMIMO data sets, version 3 (lists of dictionaries) and 4 (`Dataset`, `MacroDataset`); DeepMIMO is not needed.

Version 3: `dataset[i]["user"]["channel"]` is the channel from active base station i to all users: [users, user
antennas, base station antennas, subcarriers or paths]. Version 4: the same array is `dataset[i]["channel"]` after
`compute_channels`, where `dataset[i]["ch_params"]` says what its last dimension is. Frequency responses are divided by
the square root of the number of all subcarriers, by which the bridge multiplies them again: gains are those of a
transmitter that spreads its full power over the whole band. Sources: DeepMIMOv3 0.2.9, `construct_deepmimo`; deepmimo
4.0.5, `generator.channel`.
"""

from collections.abc import Sequence
from operator import index
from typing import Any, Literal, get_args

import numpy as np

from gfm_ra.bridges.association import Association
from gfm_ra.bridges.channels import (
    Antennas,
    Budget,
    Combining,
    Over,
    check_name,
    network_of_response,
    numbers,
    shown,
)
from gfm_ra.network import Network

Domain = Literal["frequency", "time"]
_WHAT = "deepmimo"


def network_from_deepmimo(
    dataset: Any,  # noqa: ANN401 (no type of ours)
    users: Sequence[int],
    *,
    base_stations: Sequence[int] | None = None,
    domain: Domain | None = None,
    total_subcarriers: int | None = None,
    association: Association = "strongest",
    antennas: Antennas = "mean",
    subcarriers: Over = "mean",
    transmit_power_w: Any = None,  # noqa: ANN401
    transmit_power_dbm: Any = None,  # noqa: ANN401
    noise_power_w: Any = None,  # noqa: ANN401
    noise_power_dbm: Any = None,  # noqa: ANN401
) -> Network:
    """The downlink network of some users and base stations; link k is that of the k-th user that is served.

    Args:
        dataset: of version 3 or 4; with times (a fifth dimension of the channels), gains are means over them.
        users: indices of the users, R.
        base_stations: positions in the data set, T; all of them unless given.
        domain: what the last dimension of the channels is, subcarriers ("frequency") or paths ("time"): version 3's
            `OFDM_channels`. Version 4 says it itself.
        total_subcarriers: version 3's `OFDM["subcarriers"]`, for the domain "frequency". Version 4 says it itself.
        association: which base station serves which user, "strongest" or an array (`association.links_of`).
        antennas: "mean" over all pairs, or "maximum-ratio", beams of every link's own channel ("frequency" only).
        subcarriers: "mean" of the gains, or "each": networks [S, L, L] ("frequency" only).
        transmit_power_w: full power of every base station over the whole band, one number or [T].
        transmit_power_dbm: the same in dBm, instead.
        noise_power_w: noise of every user over the whole band, one number or [R].
        noise_power_dbm: the same in dBm, instead.

    Raises:
        ValueError: a data set without channels or of other shapes, users of different places; what version 3 does not
            say is missing, or contradicts version 4; the association or powers do not fit.
    """
    if domain is not None:
        check_name(_WHAT, "domain", domain, get_args(Domain))
    entries = _entries(dataset, base_stations)
    wanted = np.asarray(users)
    if wanted.ndim != 1 or not wanted.size or wanted.dtype.kind not in "iu":
        raise ValueError(f"{_WHAT}: users must be a list of indices, got {wanted.dtype} {list(wanted.shape)}")
    _check_same_users([_positions(entry, wanted) for entry in entries])
    channels = [_channel(entry, place, wanted) for place, entry in enumerate(entries)]
    shapes = {channel.shape for channel in channels}
    if len(shapes) != 1:
        raise ValueError(
            f"{_WHAT}: base stations have channels of the shapes {sorted(shapes)}: choose some of one shape "
            "(base_stations=)"
        )
    domain = _told(entries, "domain", domain, lambda params: "frequency" if params["freq_domain"] else "time")
    h = np.stack(channels, 2)  # [R, A, T, B, S or paths, N]
    if domain == "frequency":
        h = h * np.sqrt(_subcarriers(entries, total_subcarriers, h.shape[-2]))
    else:
        _check_time_domain(antennas, subcarriers, total_subcarriers)
        # The mean power over a wide band is the sum over paths: one subcarrier with that power.
        h = np.sqrt(np.square(np.abs(h)).sum(-2, keepdims=True)).astype(np.complex128)
    return network_of_response(
        _WHAT,
        h.swapaxes(-1, -2),
        association,
        Combining(antennas, "mean", subcarriers),
        Budget(transmit_power_w, transmit_power_dbm, noise_power_w, noise_power_dbm),
    )


def _entries(dataset: Any, base_stations: Sequence[int] | None) -> list[Any]:  # noqa: ANN401
    """What the data set holds of each base station."""
    if hasattr(dataset, "datasets"):
        entries = list(dataset.datasets)
    else:
        entries = list(dataset) if isinstance(dataset, list | tuple) else [dataset]
    if base_stations is None:
        return entries
    places = np.asarray(base_stations)
    if places.ndim != 1 or not places.size or places.dtype.kind not in "iu":
        raise ValueError(f"{_WHAT}: base_stations must be a list of positions, got {base_stations!r}")
    if places.min() < 0 or places.max() >= len(entries):
        raise ValueError(f"{_WHAT}: base_stations are 0 to {len(entries) - 1} here, got {base_stations!r}")
    return [entries[place] for place in places]


def _item(entry: Any, *names: str) -> Any:  # noqa: ANN401
    """What lies under names in an entry; None if there is nothing."""
    for name in names:
        try:
            entry = entry[name]
        except (KeyError, TypeError, IndexError):
            return None
    return entry


def _channel(entry: Any, place: int, users: np.ndarray) -> np.ndarray:  # noqa: ANN401
    """Channels of users, [R, A, B, S or paths, N]."""
    found = _item(entry, "user", "channel")
    found = _item(entry, "channel") if found is None else found
    if found is None:
        raise ValueError(
            f"{_WHAT}: base station {place} of the data set has no channel: version 3 has "
            "dataset[i]['user']['channel'], version 4 has one after dataset.compute_channels()"
        )
    array = np.asarray(found)
    if array.ndim not in (4, 5) or 0 in array.shape:
        raise ValueError(
            f"{_WHAT}: channels must be [users, antennas, antennas, subcarriers or paths] or with times behind, got "
            f"{list(array.shape)}"
        )
    if users.min() < 0 or users.max() >= len(array):
        raise ValueError(f"{_WHAT}: users are 0 to {len(array) - 1}, got {users.min()} to {users.max()}")
    array = numbers(f"{_WHAT}: channel", array[users], "c")
    return array if array.ndim == 5 else array[..., None]


def _positions(entry: Any, users: np.ndarray) -> np.ndarray | None:  # noqa: ANN401
    """Where the users are, in metres, [R, 3]; None if the data set does not say."""
    found = _item(entry, "user", "location")
    found = _item(entry, "rx_pos") if found is None else found
    if found is None or users.min() < 0 or users.max() >= len(found):
        return None
    return np.asarray(found, dtype=np.float64)[users]


def _check_same_users(positions: list[np.ndarray | None]) -> None:
    """Version 4 holds a data set per transmitter and grid of receivers: users of one network are of one grid."""
    known = [position for position in positions if position is not None]
    if any(position.shape != known[0].shape or not np.allclose(position, known[0]) for position in known):
        raise ValueError(
            f"{_WHAT}: the users of these indices are at other places for other base stations: choose the entries of "
            "one receiver grid (base_stations=)"
        )


def _told(entries: list[Any], name: str, given: Any, read: Any) -> Any:  # noqa: ANN401
    """A value that the data set says (version 4), or that is given."""
    said = {read(params) for entry in entries if (params := _item(entry, "ch_params")) is not None}
    if len(said) > 1 or (said and given is not None and said != {given}):
        raise ValueError(
            f"{_WHAT}: {name} is {given!r}, but the data set was computed with {sorted(said, key=str)}"
        )
    if not said and given is None:
        raise ValueError(f"{_WHAT}: {name} is missing: data sets of version 3 do not say it")
    return next(iter(said)) if said else given


def _subcarriers(entries: list[Any], given: object, least: int) -> int:
    """How many subcarriers there are in all, at least those that the channels hold."""
    try:
        # True is a whole number to Python, but says nothing here.
        asked = None if given is None else -1 if isinstance(given, bool) else index(given)  # type: ignore[arg-type]
    except TypeError:
        asked = -1
    if asked is not None and asked < least:
        raise ValueError(
            f"{_WHAT}: total_subcarriers must be a whole number from {least} on, got {shown(given)}"
        )
    total: int = _told(entries, "total_subcarriers", asked, lambda params: int(params["ofdm"]["subcarriers"]))
    if total < least:
        raise ValueError(f"{_WHAT}: the data set says {total} subcarriers, but its channels hold {least}")
    return total


def _check_time_domain(antennas: Antennas, subcarriers: Over, total_subcarriers: int | None) -> None:
    if antennas != "mean" or subcarriers != "mean":
        raise ValueError(
            f"{_WHAT}: channels per path have no subcarriers and no beams: antennas and subcarriers must be mean, or "
            "compute channels in the frequency domain"
        )
    if total_subcarriers is not None:
        raise ValueError(f"{_WHAT}: total_subcarriers is of the domain frequency: leave it out")
