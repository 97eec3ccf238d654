"""Budgets turned into what a link may spend in one band: the full power that the network is told of there.

Shapes: B networks, F bands, K links, G groups.
"""

import numpy as np

from gfm_ra.gains.power_limits import PowerLimits

_ACTIVE = 1e-3
"""Of an even share: a band with less power counts as unused."""


def even_shares(limits: PowerLimits) -> np.ndarray:
    """Full powers [B, F, K] of links that use all bands alike, one link of a group at a time."""
    bands = limits.bands
    share = np.minimum(limits.per_band, limits.total[:, None] / bands)
    if limits.groups:
        of_group = _of_links(limits.group_total / bands, limits.group)  # [B, K]
        share = np.minimum(share, of_group[:, None])
    return share


def shares(power: np.ndarray, band: int, limits: PowerLimits) -> np.ndarray:
    """Full powers [B, K] in a band, given powers [B, F, K] float64 in all of them.

    Who is active there has its power, which follows the price of its budget, and what is left of the budget; who is
    silent would share its budget with the bands that it uses. A group counts as one.
    """
    own = _share(power, band, limits.total)
    if not limits.groups:
        return np.minimum(own, limits.per_band[:, band])
    member = (limits.group[:, None] == np.arange(limits.groups)).astype(np.float64)  # [K, G]
    together = power @ member  # [B, F, G]
    of_group = _of_links(_share(together, band, limits.group_total), limits.group)
    left = limits.total - (power.sum(1) - power[:, band])
    in_group = np.minimum(np.where(left > 0, left, own), of_group)
    return np.minimum(np.where(limits.group >= 0, in_group, own), limits.per_band[:, band])


def within_band(power: np.ndarray, share: np.ndarray, limits: PowerLimits) -> np.ndarray:
    """Powers [B, K] of one band, scaled so that no group has more than the largest share of its links."""
    found = power
    for group in range(limits.groups):
        members = limits.group == group
        most = share[:, members].max(-1, keepdims=True)
        together = power[:, members].sum(-1, keepdims=True)
        found = found.copy()
        found[:, members] *= np.minimum(most / np.maximum(together, 1e-300), 1.0)
    return found


def _share(power: np.ndarray, band: int, total: np.ndarray) -> np.ndarray:
    """What budgets total [B, N] leave for a band, of powers [B, F, N]."""
    used = power > _ACTIVE * total[:, None] / power.shape[1]
    left = np.maximum(total - power.sum(1), 0.0)
    joining = np.maximum(total / (used.sum(1) + 1), left)
    return np.where(used[:, band], power[:, band] + left, joining)


def _of_links(values: np.ndarray, group: np.ndarray) -> np.ndarray:
    """Values [B, G] of groups for each link [B, K]; no limit for those without one."""
    return np.where(group >= 0, values[:, group], np.inf)
