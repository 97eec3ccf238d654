"""Links that belong together: what the network proposes for a band may be right for some of them and not for others.

Shapes: B networks, F bands, K links, P parts.
"""

import numpy as np

from gfm_ra.inference.bands.problem import Problem

MOST_PARTS = 16
"""Networks of more parts are changed as a whole."""


def parts_of(problem: Problem) -> np.ndarray:
    """Which links form each part, bool [B, P, K]; no link where a network has more than MOST_PARTS, or one.

    Parts are groups with a budget, links that share orthogonally, or else links of one transmitter or one receiver.
    """
    count, _, links = problem.shape
    limits = problem.limits
    for numbers in (limits.group, limits.sharing):
        if numbers.max(initial=-1) > 0:
            return np.repeat(_masks(np.where(numbers < 0, links, numbers)[None]), count, axis=0)
    gain = problem.gain[:, 0].astype(np.float64)  # what is shared is shared in every band
    for axis in (-2, -1):  # the same column: one transmitter; the same row: one receiver
        prints = gain.sum(axis)  # [B, K]
        first = (prints[:, :, None] == prints[:, None, :]).argmax(-1)  # [B, K]
        if (first != np.arange(links)).any():
            return _masks(first)
    return np.zeros((count, 0, links), dtype=bool)


def _masks(label: np.ndarray) -> np.ndarray:
    """Masks bool [B, P, K] of labels [B, K]."""
    rows = [np.unique(row) for row in label]
    most = max((len(row) for row in rows if 1 < len(row) <= MOST_PARTS), default=0)
    found = np.zeros((len(label), most, label.shape[1]), dtype=bool)
    for index, names in enumerate(rows):
        if 1 < len(names) <= MOST_PARTS:
            found[index, : len(names)] = label[index] == names[:, None]
    return found
