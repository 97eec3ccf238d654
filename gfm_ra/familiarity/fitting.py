"""References from networks that somebody has: statistics of half of them, calibrated with the other half.

Shapes: n networks, K links, H shares of hidden gains, S statistics.
"""

from collections.abc import Iterable, Sequence

import numpy as np

from gfm_ra.familiarity.gaussians import Gaussians
from gfm_ra.familiarity.packaged import TRAINED, load
from gfm_ra.familiarity.reference import LEVELS, REACH, Reference, refuse_listed
from gfm_ra.familiarity.statistics import NAMES, statistics
from gfm_ra.gains.sparse_network import SparseNetwork
from gfm_ra.network import Network

LEAST = 100
"""Networks of about one size that a reference needs."""
HIDDEN = (0.0, 0.5, 0.8)
"""Shares of hidden gains that references of fully known networks are calibrated for."""
_LEAST_SPREAD = 1e-2
_BLOCK = 2**19  # gains that are looked at together


def fit(
    networks: Network | Iterable[Network],
    name: str = "own",
    seed: int = 0,
    background: Reference | str | None = TRAINED,
) -> Reference:
    """A reference of networks, of one size or of several.

    Where all gains are known, networks with hidden gains are calibrated too, by hiding pairs at random; where some are
    unknown, the reference is of networks with gains unknown as they are here.

    Args:
        networks: some of one size, or several such; at least LEAST of about each size, better thousands.
        name: what the reference is called.
        seed: of the halves and of what is hidden.
        background: networks of all kinds, to compare with; None for no such comparison.

    Raises:
        ValueError: too few networks of a size, or networks of listed gains only.
    """
    several = [networks] if isinstance(networks, Network | SparseNetwork) else networks
    given = [_flattened(each) for each in several]
    if not given:
        raise ValueError("familiarity: there are no networks to make a reference of")
    unknown = sum(each.survey.unknown for each in given)
    crossing = sum(len(each) * each.links * (each.links - 1) for each in given)
    hidden = (unknown / max(crossing, 1),) if unknown else HIDDEN
    generator = np.random.default_rng(seed)
    groups = _of_one_size([(each.links, _seen(each, () if unknown else HIDDEN, generator)) for each in given])
    parts = [_halves(values, generator) for _, values in groups]
    links = np.array([links for links, _ in groups])
    own = _fitted(links, np.array(hidden), [first for first, _ in parts])
    behind = load(background).own if isinstance(background, str) else background and background.own
    held_out = [second for _, second in parts]
    reference = Reference(name, own, behind, np.zeros(0), np.array([len(values) for values in held_out]))
    return reference._replace(unusualness=_calibrated(reference, held_out))


def _flattened(network: Network) -> Network:
    refuse_listed(network)
    return network.flattened()


def _seen(network: Network, hidden: Sequence[float], generator: np.random.Generator) -> np.ndarray:
    """Statistics of n networks, [n, H, S], as they are or with shares of their pairs hidden."""
    step = max(1, _BLOCK // network.links**2)
    parts = []
    for begin in range(0, len(network), step):
        gain_db = network[begin : begin + step].gain_db
        shown = [hide(gain_db, share, generator) for share in hidden] or [gain_db]
        parts.append(np.stack([statistics(each) for each in shown], axis=1))
    return np.concatenate(parts) if parts else np.zeros((0, len(hidden) or 1, len(NAMES)))


def hide(gain_db: np.ndarray, share: float, generator: np.random.Generator) -> np.ndarray:
    """Gains with that share of the pairs of links unknown, both directions of each."""
    row, column = np.triu_indices(gain_db.shape[-1], 1)
    hidden = round(share * len(row))
    if not hidden:
        return gain_db
    order = generator.random((len(gain_db), len(row))).argpartition(hidden - 1, axis=-1)[:, :hidden]
    found, each = gain_db.copy(), np.arange(len(gain_db))[:, None]
    found[each, row[order], column[order]] = np.nan
    found[each, column[order], row[order]] = np.nan
    return found


def _of_one_size(seen: list[tuple[int, np.ndarray]]) -> list[tuple[int, np.ndarray]]:
    """Statistics put together where numbers of links lie within REACH of the smallest one of a group."""
    groups: list[tuple[list[int], list[np.ndarray]]] = []
    for links, values in sorted(seen, key=lambda each: each[0]):
        if not groups or links > groups[-1][0][0] * REACH:
            groups.append(([], []))
        groups[-1][0].extend([links] * max(len(values), 1))
        groups[-1][1].append(values)
    found = [(round(np.exp(np.mean(np.log(links)))), np.concatenate(values)) for links, values in groups]
    for links, values in found:
        if len(values) < LEAST:
            raise ValueError(
                f"familiarity: only {len(values)} networks of about {links} links: a reference needs {LEAST} of each "
                "size, better thousands: give more, or leave that size out"
            )
    return found


def _halves(values: np.ndarray, generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    values = values[generator.permutation(len(values))]
    return values[: len(values) // 2], values[len(values) // 2 :]


def _fitted(links: np.ndarray, hidden: np.ndarray, halves: list[np.ndarray]) -> Gaussians:
    """Normal distributions of statistics [n, H, S] of each number of links."""
    means, spreads, whitening = [], [], []
    for values in halves:
        mean, spread = values.mean(0), np.maximum(values.std(0), _LEAST_SPREAD)
        standard = ((values - mean) / spread).reshape(-1, values.shape[-1])
        count = standard.shape[-1]
        shrunk = count / (len(values) + count)  # few networks say little about correlations
        correlation = (1.0 - shrunk) * (standard.T @ standard) / len(standard) + shrunk * np.eye(count)
        means.append(mean)
        spreads.append(spread)
        whitening.append(np.linalg.inv(np.linalg.cholesky(correlation)))
    return Gaussians(links, hidden, np.array(means), np.array(spreads), np.array(whitening))


def _calibrated(reference: Reference, held_out: list[np.ndarray]) -> np.ndarray:
    """Unusualness [N, H, Q] that shares of the held-out networks, statistics [n, H, S] each, reach."""
    own = reference.own
    found = np.zeros((len(held_out), len(own.hidden), len(LEVELS)))
    for place, values in enumerate(held_out):
        for column, share in enumerate(own.hidden):
            unknown = np.full(len(values), share)
            unusual = np.sort(reference.compared(values[:, column], int(own.links[place]), unknown))
            # Of n held-out networks and the one in question, a share `level` of n + 1 is at least so unusual.
            ranks = (1.0 - LEVELS) * (len(values) + 1) - 1.0
            found[place, column] = np.interp(ranks, np.arange(len(values)), unusual)
    return found
