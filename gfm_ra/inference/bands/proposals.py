"""What the network proposes, band by band: weights shared by all bands, coupled by the budgets and by the goal's slope.

Shapes: B networks, F bands, K links, D draws.
"""

import numpy as np

from gfm_ra.candidates import are_powers
from gfm_ra.goals import SumRate, Weighted
from gfm_ra.inference.bands.cells import parts_of
from gfm_ra.inference.bands.problem import Problem
from gfm_ra.inference.bands.repair import one_per_band, scaled
from gfm_ra.inference.bands.shares import even_shares, shares, within_band
from gfm_ra.inference.network.unrolled import UnrolledNetwork
from gfm_ra.inference.noise import noise
from gfm_ra.inference.prompts import Prompt, prompt_of

_BIT = 1.0 / np.log(2.0)


class Proposals:
    """The network, asked about one band at a time."""

    def __init__(
        self, model: UnrolledNetwork, problem: Problem, gain: np.ndarray, seed: int, threads: int | None
    ) -> None:
        """gain: what the network reads, [B, F, K, K], NaN where unknown; the problem's are completed."""
        self._model, self._problem, self._gain = model, problem, gain.astype(np.float32)
        self._seed, self._threads = seed, threads
        self._parts = parts_of(problem)  # [B, P, K]
        self.refused = np.zeros(len(gain), dtype=bool)

    def all_at_once(self, draws: int) -> list[np.ndarray]:
        """Powers [B, F, K] within the limits, one per draw, of an even split of every budget over the bands.

        All bands are asked together, at the goal's values where a link has its rate alone.
        """
        problem = self._problem
        count, bands, links = problem.shape
        share = even_shares(problem.limits)
        alone = np.log1p(problem.own * share) * _BIT  # [B, F, K]
        value = problem.value(alone)
        rows = count * bands
        found = self._powers(
            self._gain.reshape(rows, links, links),
            share.reshape(rows, links),
            value.reshape(rows, links),
            draws,
        )
        found = found.reshape(count, bands, draws, links)
        return [problem.repaired(found[:, :, draw]) for draw in range(draws)]

    def exchanged(self, power: np.ndarray, draws: int = 1) -> np.ndarray:
        """Powers at least as good as those given [B, F, K], within the limits, after one round over the bands.

        In each band the network sets powers anew at the current shares of the budgets, with links weighed by what the
        band is worth to them. What raises a network's utility is kept: all of it, or that of some of its cells.
        """
        problem = self._problem
        power = power.astype(np.float64)
        each = problem.rates(power)
        for band in range(problem.shape[1]):
            share = shares(power, band, problem.limits)
            offered = np.log1p(problem.own[:, band] * share / problem.interference(power)[:, band]) * _BIT
            value = problem.value_in(band, each, offered)
            answers = self._powers(self._gain[:, band], share, value, draws)  # [B, D, K]
            for draw in range(draws):
                proposed = self._allowed(answers[:, draw], share, value, band)
                power, each = self._accepted(power, each, band, proposed)
        return power

    def _allowed(self, proposed: np.ndarray, share: np.ndarray, value: np.ndarray, band: int) -> np.ndarray:
        """Powers [B, K] of a band in which groups have their share and one of those that share has power."""
        limits = self._problem.limits
        claim = value * np.log1p(self._problem.own[:, band] * proposed)
        alone = one_per_band(proposed[:, None], limits, claim[:, None])[:, 0]
        return within_band(np.minimum(alone, limits.per_band[:, band]), share, limits)

    def _accepted(
        self, power: np.ndarray, each: np.ndarray, band: int, proposed: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Powers and rates per band [B, F, K] after what is better of proposed powers [B, K] of a band."""
        problem = self._problem
        now = power[:, band, None]  # [B, 1, K]
        mixed = np.where(self._parts, proposed[:, None], now)  # [B, P, K]
        changed = self._changed(power, band, np.concatenate([proposed[:, None], mixed], axis=1))
        rates = problem.rates_of(changed)  # [C, B, F, K]
        merit = problem.goal.merit(rates.sum(-2))  # [C, B]
        helps = merit[1:] > problem.goal.merit(each.sum(-2))  # [P, B]
        if (helps.sum(0) > 1).any():
            together = (self._parts & helps.T[:, :, None]).any(1)  # [B, K]
            joint = self._changed(power, band, np.where(together, proposed, power[:, band])[:, None])
            changed, rates = (
                np.concatenate([changed, joint]),
                np.concatenate([rates, problem.rates_of(joint)]),
            )
            merit = problem.goal.merit(rates.sum(-2))
        first = np.nan_to_num(merit, nan=-np.inf).argmax(0)[None, :, None, None]
        best, offered = (np.take_along_axis(array, first, 0)[0] for array in (changed, rates))
        better = problem.better(offered, each)[:, None, None]
        return np.where(better, best, power), np.where(better, offered, each)

    def _changed(self, power: np.ndarray, band: int, of_band: np.ndarray) -> np.ndarray:
        """Powers [C, B, F, K] within budgets, with those of a band replaced by of_band [B, C, K]."""
        found = np.repeat(power[None], of_band.shape[1], axis=0)
        found[:, :, band] = of_band.swapaxes(0, 1)
        return scaled(found, self._problem.limits)

    def _powers(self, gain: np.ndarray, share: np.ndarray, value: np.ndarray, draws: int) -> np.ndarray:
        """Powers float64 [N, D, K] of one-band networks [N, K, K] with full powers and values of rate [N, K]."""
        links = gain.shape[-1]
        told = gain * share[:, None, :].astype(np.float32)
        answers = self._model.draws(
            told, self._prompt(value), noise(self._seed, draws, links), self._threads
        ).astype(np.float64)
        usable = are_powers(answers)  # [N, D]
        per_network = usable[:, 0].reshape(len(self.refused), -1)
        self.refused |= ~per_network.all(-1)
        return np.where(usable[..., None], answers, 0.0) * share[:, None]

    def _prompt(self, value: np.ndarray) -> Prompt:
        """Weighted sum rate, as the network is told it."""
        silent = value.max(-1, keepdims=True) <= 0
        weighted = Weighted(SumRate(), np.where(silent, 1.0, value))
        return prompt_of(weighted, len(value), value.shape[-1], self._model.told)
