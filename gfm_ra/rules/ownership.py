"""Orthogonal sharing: which of the links that share a receiver or a transmitter has each band."""

import numpy as np

from gfm_ra.rules.bounds import NOTHING, PowerBounds


def owned(wanted: np.ndarray, bounds: PowerBounds) -> np.ndarray:
    """Where links may have power, [B, F, K] bool, for wanted powers [B, F, K].

    A band goes to the link with the largest wanted power, of equal ones the first; before that, links with a least
    power in it get it, then links and cells with a least sum get as many of their best bands as they need, those with
    the fewest usable bands first.
    """
    free = np.ones(wanted.shape, bool)  # bands that the link still may claim, or has
    has = np.zeros(wanted.shape, bool)
    shared = bounds.sharing.any(0)  # [K]
    if not shared.any():
        return free
    peers = bounds.sharing.T.astype(np.float64) @ bounds.sharing  # [K, K], 1 where links share
    np.fill_diagonal(peers, 0.0)
    has[..., ~shared] = True
    forced = (bounds.low > 0) & shared
    has |= forced
    free &= ~_taken(forced, peers)
    usable = bounds.high > NOTHING
    hardness = usable.sum(-2) - 0.5 * np.minimum(bounds.low_total, 1.0)  # [B, K]
    order = np.argsort(np.where(bounds.low_total > 0, hardness, np.inf), axis=-1, kind="stable")
    rows = np.arange(len(wanted))
    for step in range(int((bounds.low_total > 0).sum(-1).max(initial=0))):
        member = np.zeros((len(wanted), wanted.shape[-1]), bool)
        member[rows, order[:, step]] = True
        need = np.take_along_axis(bounds.low_total, order[:, step : step + 1], 1)[:, 0]
        has, free = _claimed(member, need, has, free, wanted, bounds, peers)
    for number, members in enumerate(bounds.cell):
        if (members & shared).any():
            member = np.broadcast_to(members, (len(wanted), len(members)))
            has, free = _claimed(member, bounds.cell_least[:, number], has, free, wanted, bounds, peers)
    return _strongest(wanted, has, free, bounds)


def _taken(has: np.ndarray, peers: np.ndarray) -> np.ndarray:
    """Where another link of the same set has the band, [B, F, K] bool."""
    return has.astype(np.float64) @ peers > 0


def _claimed(
    member: np.ndarray,
    need: np.ndarray,
    has: np.ndarray,
    free: np.ndarray,
    wanted: np.ndarray,
    bounds: PowerBounds,
    peers: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Give the links of `member` [B, K] bands until their largest powers reach `need` [B]."""
    count, size = len(wanted), wanted[0].size
    most = np.minimum(bounds.high, bounds.high_total[:, None, :])
    for _ in range(wanted.shape[-2]):
        reach = np.where(has & member[:, None], most, 0.0)
        reached = np.minimum(reach.sum(-2), bounds.high_total).sum(-1)
        candidate = member[:, None] & free & ~has & (most > NOTHING)
        short = (reached < need * (1 - 1e-9)) & candidate.any((-2, -1))
        if not short.any():
            break
        # Wanted power first; where nothing is wanted, the largest that may be had.
        score = np.where(candidate, wanted + 1e-3 * most, -1.0).reshape(count, size)
        best = score.argmax(-1)
        given = np.zeros((count, size), bool)
        given[np.flatnonzero(short), best[short]] = True
        given = given.reshape(wanted.shape)
        has = has | given
        free = free & ~_taken(given, peers)
    return has, free


def _strongest(wanted: np.ndarray, has: np.ndarray, free: np.ndarray, bounds: PowerBounds) -> np.ndarray:
    """Bands that nobody has yet go to the strongest of those that may have them."""
    has = has.copy()
    for members in bounds.sharing:
        nobody = np.asarray(~has[..., members].any(-1))  # [B, F]
        score = np.where(free[..., members], np.minimum(wanted, bounds.high)[..., members], -1.0)
        first = np.arange(np.count_nonzero(members)) == np.asarray(score.argmax(-1))[..., None]
        has[..., members] |= first & nobody[..., None]
    return has
