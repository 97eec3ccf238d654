"""Downlink power control of several cells at once, called as Sionna SYS's rule for a single one.

Shapes: C cells, U users per cell; leading dimensions are networks. Users of the same index in different cells share
their resources and disturb each other; users of one cell do not.
"""

from typing import Any, Literal, get_args

import numpy as np

from gfm_ra.bridges.channels import check_name, numbers, shown
from gfm_ra.goals import LARGEST_ALPHA, AlphaFair, Objective, ProportionalFair, SumRate, Weighted
from gfm_ra.inference.comparison import Effort
from gfm_ra.network import Network
from gfm_ra.rates import spectral_efficiency
from gfm_ra.units import dbm_to_w

Precision = Literal["single", "double"]
_WHAT = "downlink"
_NATS_PER_BIT = float(np.log(2.0))


def downlink_power_control(
    pathloss: Any,  # noqa: ANN401 (whatever NumPy makes an array of)
    interference_plus_noise: Any,  # noqa: ANN401
    num_allocated_re: Any,  # noqa: ANN401
    bs_max_power_dbm: Any = 56.0,  # noqa: ANN401
    guaranteed_power_ratio: float = 0.0,
    fairness: float = 0.0,
    return_lagrangian: bool = False,
    precision: Precision | None = None,
    *,
    pathloss_all: Any,  # noqa: ANN401
    allocator: Any = None,  # noqa: ANN401 (gfm_ra.Allocator, which need not be imported for it)
    effort: Effort = "balanced",
    seed: int = 0,
) -> tuple[np.ndarray, np.ndarray]:
    """Powers of all users of all cells, decided together; arguments as of `sionna.sys.downlink_fair_power_control`.

    Differences: interference between the cells is decided, not given. Power per resource is at most a cell's full
    power over its allocated resources, and less where that helps others: a cell need not spend all of its power, and
    a user may get none.

    Args:
        pathloss: [..., C, U], linear, of every user from its own base station.
        interference_plus_noise: watts per resource, one number or [..., C, U]: noise, and what comes from outside
            these cells; interference from these cells is added by `pathloss_all`.
        num_allocated_re: resources of every user, one number or [..., C, U], 0 where none are; the same for users of
            the same index, for they share them.
        bs_max_power_dbm: full power of every base station, one number or [..., C].
        guaranteed_power_ratio: must be 0: a guaranteed power would rule out silence, which a joint decision needs.
        fairness: 0 the sum of rates, 1 proportional fairness, up to 10 ever more for the weakest users.
        return_lagrangian: must be False: the decision has no multiplier of a cell's power.
        precision: of the results, "single" or "double" (unless given).
        pathloss_all: [..., C, U, C], linear, to every user from every base station.
        allocator: what decides; `gfm_ra.load()` unless given.
        effort: as of `Allocator.allocate`.
        seed: as of `Allocator.allocate`.

    Returns:
        Power of every user over all its resources in watts, [..., C, U]; and its utility, resources times
        ln(1 + SINR) with the interference that these powers make, [..., C, U].

    Raises:
        ValueError: shapes or numbers that do not fit, or an argument that keeps no meaning.
    """
    if precision is not None:
        check_name(_WHAT, "precision", precision, get_args(Precision))
    _check_meanings(guaranteed_power_ratio, return_lagrangian, fairness)
    own, every = _losses(pathloss, pathloss_all)
    noise_w = _positive("interference_plus_noise", interference_plus_noise, own.shape)
    resources = _resources(num_allocated_re, own.shape)
    full_w = dbm_to_w(_shaped("bs_max_power_dbm", bs_max_power_dbm, own.shape[:-1]))  # [..., C]
    # Watts per resource: every cell spreads its full power over all that it has allocated.
    most_w = full_w / np.maximum(resources.sum(-1), 1.0)
    used = np.swapaxes(resources > 0, -1, -2)  # [..., U, C]
    gain = _gains(every, noise_w, most_w, used)  # [..., U, C, C]
    part = _parts(gain, used, fairness, allocator, effort, seed)  # [..., U, C]
    rate = np.swapaxes(spectral_efficiency(part, gain), -1, -2)  # [..., C, U]
    power_w = np.swapaxes(part, -1, -2) * most_w[..., None] * resources
    kind = np.float32 if precision == "single" else np.float64
    return power_w.astype(kind), (resources * _NATS_PER_BIT * rate).astype(kind)


def _check_meanings(guaranteed_power_ratio: object, return_lagrangian: object, fairness: object) -> None:
    if not _is_number(guaranteed_power_ratio, 0.0):
        raise ValueError(
            f"{_WHAT}: guaranteed_power_ratio must be 0, got {shown(guaranteed_power_ratio)}: users may be silenced "
            "for others; fairness= protects the weakest"
        )
    if not isinstance(return_lagrangian, bool | np.bool_) or return_lagrangian:
        raise ValueError(f"{_WHAT}: return_lagrangian must be False: a joint decision has no such multiplier")
    if not _is_number(fairness, LARGEST_ALPHA):
        raise ValueError(
            f"{_WHAT}: fairness must be one number, at least 0 and at most {LARGEST_ALPHA:g}, got {shown(fairness)}"
        )


def _is_number(given: object, most: float) -> bool:
    """Whether it is one real number from 0 to `most`; no text, array or truth value."""
    return (
        isinstance(given, int | float | np.integer | np.floating)
        and not isinstance(given, bool)
        and bool(0 <= given <= most)
    )


def _losses(pathloss: Any, pathloss_all: Any) -> tuple[np.ndarray, np.ndarray]:  # noqa: ANN401
    """Losses from the own base stations, [..., C, U], and from all, [..., C, U, C], checked against each other."""
    own = numbers(f"{_WHAT}: pathloss", pathloss, "fiu")
    every = numbers(f"{_WHAT}: pathloss_all", pathloss_all, "fiu")
    if own.ndim < 2 or 0 in own.shape or every.shape != (*own.shape, own.shape[-2]):
        raise ValueError(
            f"{_WHAT}: pathloss must be [..., cells, users] and pathloss_all [..., cells, users, cells], got "
            f"{list(own.shape)} and {list(every.shape)}"
        )
    if (own <= 0).any() or (every <= 0).any():
        raise ValueError(f"{_WHAT}: path losses are linear and positive; are these dB?")
    of_own = np.swapaxes(np.diagonal(every, axis1=-3, axis2=-1), -1, -2)  # [..., C, U]
    if not np.allclose(of_own, own, rtol=1e-3, atol=0.0):
        place = np.argwhere(~np.isclose(of_own, own, rtol=1e-3, atol=0.0))[0]
        raise ValueError(
            f"{_WHAT}: pathloss{place.tolist()} is {own[tuple(place)]:g}, but pathloss_all has "
            f"{of_own[tuple(place)]:g} for that cell: are cells in the same order?"
        )
    return own, every


def _shaped(name: str, given: Any, shape: tuple[int, ...]) -> np.ndarray:  # noqa: ANN401
    """Numbers of a shape, or one for all."""
    values = numbers(f"{_WHAT}: {name}", given, "fiu")
    if values.shape not in ((), shape):
        raise ValueError(f"{_WHAT}: {name} must be one number or {list(shape)}, got {list(values.shape)}")
    return np.broadcast_to(values, shape)


def _positive(name: str, given: Any, shape: tuple[int, ...]) -> np.ndarray:  # noqa: ANN401
    values = _shaped(name, given, shape)
    if (values <= 0).any():
        raise ValueError(f"{_WHAT}: {name} must be positive, in watts")
    return values


def _resources(given: Any, shape: tuple[int, ...]) -> np.ndarray:  # noqa: ANN401
    """Resources of every user, [..., C, U], the same or none for users of the same index."""
    values = _shaped("num_allocated_re", given, shape)
    if (values < 0).any():
        raise ValueError(f"{_WHAT}: num_allocated_re must not be negative")
    most = values.max(-2, keepdims=True)
    if (differs := (values != most) & (values != 0)).any():
        *_, user = np.argwhere(differs)[0]
        raise ValueError(
            f"{_WHAT}: num_allocated_re of user {user} differs between cells: users of the same index share their "
            "resources; order users so, or 0 where a cell has none"
        )
    return values


def _gains(every: np.ndarray, noise_w: np.ndarray, most_w: np.ndarray, used: np.ndarray) -> np.ndarray:
    """Gains of the networks of users of the same index, [..., U, C, C], 0 from and to cells that have none."""
    gain = most_w[..., None, None, :] / (every * noise_w[..., None])  # [..., C, U, C]
    both = used[..., :, None] & used[..., None, :]  # [..., U, C, C]
    return np.where(both, np.swapaxes(gain, -3, -2), 0.0)


def _parts(
    gain: np.ndarray,
    used: np.ndarray,
    fairness: float,
    allocator: Any,  # noqa: ANN401
    effort: Effort,
    seed: int,
) -> np.ndarray:
    """Parts of the largest power per resource, [..., U, C], 0 where a cell has no user."""
    cells = gain.shape[-1]
    flat_gain, flat_used = gain.reshape(-1, cells, cells), used.reshape(-1, cells)
    some = flat_used.any(-1)
    part = np.zeros(flat_used.shape)
    if some.any():
        from gfm_ra.loading import load

        goal: Objective = SumRate() if fairness == 0 else AlphaFair(float(fairness))
        goal = ProportionalFair() if fairness == 1 else goal
        if not flat_used[some].all():
            goal = Weighted(goal, flat_used[some].astype(np.float32))
        decided = load() if allocator is None else allocator
        answer = decided.allocate(Network(flat_gain[some]), goal=goal, effort=effort, seed=seed)
        part[some] = answer.power
    return np.where(flat_used, part, 0.0).reshape(used.shape)
