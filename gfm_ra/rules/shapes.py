"""Rules as arrays of a network's shape: which of the shapes that a rule may have was given."""

from typing import NamedTuple, NoReturn

import numpy as np

from gfm_ra.rules.hard_rules import Rules


class Size(NamedTuple):
    """What networks are like."""

    leading: tuple[int, ...]  # leading dimensions of the gains
    bands: int  # F, 1 without bands
    links: int  # K

    @property
    def networks(self) -> int:
        """Number of networks, B."""
        return int(np.prod(self.leading))


def per_link(name: str, given: object, size: Size) -> tuple[np.ndarray | None, np.ndarray | None]:
    """A rule of sums over bands [B, K], or of each band [B, F, K]; the other one is None, both if nothing is given."""
    if given is None:
        return None, None
    values = np.asarray(given, dtype=np.float64)
    leading, bands, links = size
    if leading == (bands,) and bands > 1 and values.shape == (bands, links):
        _refuse_ambiguous(name, values, f"of each network or of each band: give {[*leading, bands, links]}")
    if values.ndim == 0 or values.shape in ((links,), (*leading, links)):
        return _rows(values, leading, (links,)), None
    if values.shape in ((*leading, bands, links), (bands, links)) and (
        values.ndim != 2 or not leading or bands > 1
    ):
        return None, _rows(values, leading, (bands, links))
    wanted = f"[{links}] or {[*leading, links]}" if leading else f"[{links}]"
    if bands > 1:
        wanted += f", or in each band {[*leading, bands, links]}"
    raise ValueError(f"rules: {name} must be one number, {wanted}, got {list(values.shape)}")


def protected(rules: Rules, size: Size) -> tuple[np.ndarray, np.ndarray]:
    """Gains to protected receivers [B, R, F, K] and caps [B, R]; R is 0 without any."""
    leading, bands, links = size
    gain, cap = rules.gain, rules.cap
    if gain is None or cap is None:
        return np.zeros((size.networks, 0, bands, links)), np.zeros((size.networks, 0))
    given, depth = gain, gain.ndim - len(leading)
    each_network = depth == 2 and bool(leading) and gain.shape[:-2] == leading
    each_band = bands > 1 and gain.ndim == 3 and gain.shape[-2:] == (bands, links)
    if each_network and each_band:
        wanted = [*leading, "R", bands, links]
        _refuse_ambiguous(
            "protected_gain", gain, f"of each network or of each band: give [{', '.join(map(str, wanted))}]"
        )
    if gain.ndim == 2 or (depth == 2 and (bands == 1 or each_network)):
        gain = gain[..., None, :]  # the same in every band
        gain = np.broadcast_to(gain, (*gain.shape[:-2], bands, links)) if gain.shape[-1] == links else gain
    known = gain.ndim == 3 or gain.shape[:-3] == leading
    if gain.ndim < 3 or not known or gain.shape[-2:] != (bands, links):
        wanted = f"[R, {bands}, {links}] or " if bands > 1 else ""
        raise ValueError(
            f"rules: protected_gain must be {wanted}[R, {links}], R protected receivers, with or without the "
            f"networks' leading dimensions {list(leading)}, got {list(given.shape)}"
        )
    receivers = gain.shape[-3]
    if cap.shape not in ((), (receivers,), (*leading, receivers)):
        raise ValueError(
            f"rules: interference_cap must be one number or one for each of {receivers} protected receivers, got "
            f"{list(cap.shape)}"
        )
    return _rows(gain, leading, (receivers, bands, links)), _rows(cap, leading, (receivers,))


def cells(rules: Rules, size: Size) -> tuple[np.ndarray, np.ndarray]:
    """Links of each cell that is never silent, [C, K] bool, and least sums [B, C]."""
    member = np.zeros((len(rules.never_silent), size.links), bool)
    for number, links in enumerate(rules.never_silent):
        for link in links:
            if link >= size.links:
                raise ValueError(
                    f"rules: never_silent[{number}] holds {link}: links are 0 to {size.links - 1}"
                )
            member[number, link] = True
    least = np.asarray(rules.never_silent_power, dtype=np.float64)
    return member, np.broadcast_to(least, (size.networks, len(member)))


def _rows(values: np.ndarray, leading: tuple[int, ...], shape: tuple[int, ...]) -> np.ndarray:
    """An array of one row per network; one for all is not copied."""
    count = int(np.prod(leading))
    if leading and values.shape == (*leading, *shape):
        return values.reshape(count, *shape)
    return np.broadcast_to(values, (count, *shape))


def _refuse_ambiguous(name: str, values: np.ndarray, readings: str) -> NoReturn:
    raise ValueError(
        f"rules: {name} {list(values.shape)} can be {readings}, or answer the networks one by one"
    )
