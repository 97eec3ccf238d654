"""A trained model as an allocator: gains in, powers out, with optional refinement and fallback."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from components.model.conditioning import GoalEnvelope
from components.model.heads import PowerModel
from components.model.inference import AnyGoalModel, allocate_batches
from components.training.checkpoint import holds_unrolled, load_card, load_power_model
from components.training.worlds.folder import goals_known, load_any_goal_model, takes_goals
from gfm_ra.candidates import are_powers, best_candidate
from gfm_ra.goals import Objective, SumRate, Weighted, by_name
from gfm_ra.solvers import full_reuse, wmmse
from gfm_ra.solvers.inputs import as_batch
from gfm_ra.units import LARGEST_GAIN_DB, db_to_linear, to_gain_db

GUARD_ITERATIONS = 100
# From gain_db [B, K, K], a goal and hidden [B, K, K] bool to powers [B, K].
Powers = Callable[[np.ndarray, Objective, np.ndarray | None], np.ndarray]


class Allocation(NamedTuple):
    """Powers [..., K], per snapshot the name of the candidate that they come from [...], and what the caller should
    know."""

    power: np.ndarray
    source: np.ndarray
    notes: tuple[str, ...] = ()


class Allocator:
    """Sets every transmitter's power, with a head that was tuned for one objective or with a model for any goal.

    envelope: the goals that a model for any goal was trained on; None for a model of one objective.
    """

    def __init__(self, powers: Powers, objective: Objective, envelope: GoalEnvelope | None = None) -> None:
        self.powers, self.objective, self.envelope = powers, objective, envelope

    @classmethod
    def of(
        cls, model: PowerModel | AnyGoalModel, objective: Objective, envelope: GoalEnvelope | None = None
    ) -> "Allocator":
        """The allocator of a model; `objective` is what it was tuned for, or what it is told unless told otherwise.

        envelope: of a model for any goal; the usual one unless given.
        """
        any_goal = isinstance(model, AnyGoalModel)

        def powers(gain_db: np.ndarray, goal: Objective, hidden: np.ndarray | None) -> np.ndarray:
            return allocate_batches(model, gain_db, goal if any_goal else None, hidden)

        return cls(powers, objective, (envelope or GoalEnvelope()) if any_goal else None)

    @classmethod
    def load(cls, path: str | Path) -> "Allocator":
        """Read a model folder, or the folder or file that holds its weights.

        Raises:
            DataError: it is not a model folder, or its files are damaged.
            ValueError: the model was tuned for no objective that this version knows.
        """
        folder = Path(path) if Path(path).is_dir() else Path(path).parent
        told = None if holds_unrolled(folder) else load_card(folder).objective
        objective = by_name(told or SumRate.name)
        if takes_goals(folder):
            return cls.of(load_any_goal_model(folder), objective, goals_known(folder))
        return cls.of(load_power_model(folder)[0], objective)

    def allocate(
        self,
        gain: np.ndarray,
        objective: Objective | None = None,
        polish_iterations: int = 0,
        guard: bool = False,
        hidden: np.ndarray | None = None,
    ) -> np.ndarray:
        """Powers in [0, 1] for gain [..., K, K] (linear, units of noise at full power), shape [..., K].

        `explain` says the same and where each answer comes from.
        """
        return self.explain(gain, objective, polish_iterations, guard, hidden).power

    def explain(
        self,
        gain: np.ndarray,
        objective: Objective | None = None,
        polish_iterations: int = 0,
        guard: bool = False,
        hidden: np.ndarray | None = None,
    ) -> Allocation:
        """Powers and their origin.

        Args:
            gain: [..., K, K], row = receiver, column = transmitter, linear.
            objective: the goal; by default the model's own, sum rate for a goal-conditioned one. Of a model for one
                objective, another one is what refinement and fallback maximise.
            polish_iterations: WMMSE iterations of the objective that start from the model's powers.
            guard: compare with full reuse and one WMMSE run by their true utility and answer with the best, so
                that the answer is never worse than theirs. It is done unasked, and `notes` says "extrapolated", where
                the goal lies outside the envelope that the model was trained on.
            hidden: [..., K, K] bool, True where a gain between two links is unknown; `gain` is not read there.

        Raises:
            ValueError: gains are not [..., K, K], finite, non-negative, at most LARGEST_GAIN_DB; `hidden` does not fit
                or hides a link's own gain; a negative count; another objective than the model's without polish and
                guard; polish or guard without all gains, whose true utility nobody knows; a model whose powers are
                none, without guard.
        """
        if polish_iterations < 0:
            raise ValueError(f"allocate: polish_iterations must be 0 or more, got {polish_iterations}")
        if hidden is not None:
            hidden = np.asarray(hidden)
            gain = _without(gain, hidden, bool(polish_iterations) or guard)
        flat, leading = as_batch(gain, "allocate")
        _check_range(flat)
        goal = _flattened(objective or self.objective, leading)
        self._check_goal(goal, bool(polish_iterations) or guard)
        notes = self._notes(goal)
        guard = guard or (bool(notes) and hidden is None)
        mask = None if hidden is None else hidden.reshape(flat.shape)
        power = _as_float32(self.powers(to_gain_db(flat), goal, mask), flat.shape[:-1])
        sound = are_powers(power)  # [B]
        if not sound.all():
            said = (
                f"the model's powers are not numbers in [0, 1] for {np.sum(~sound)} of {len(flat)} networks"
            )
            if not guard:
                raise ValueError(f"allocate: {said}: use the fallback (guard)")
            notes = (*notes, said)
        candidates = {"model": power}
        if polish_iterations:
            start = np.where(sound[:, None], power, np.float32(1))
            candidates["polished"] = wmmse(flat, goal, iterations=polish_iterations, initial_power=start)
        if guard:
            candidates["full-reuse"] = full_reuse(flat)
            candidates["wmmse"] = wmmse(flat, goal, iterations=GUARD_ITERATIONS)
        names = list(candidates)
        stacked = np.stack([candidates[name] for name in names])  # [C, B, K]
        chosen = best_candidate(stacked, flat, goal) if guard else np.full(len(flat), len(names) - 1)
        best = np.take_along_axis(stacked, chosen[None, :, None], axis=0)[0]
        source = np.array(names)[chosen].reshape(leading)
        return Allocation(best.reshape(*leading, best.shape[-1]), source, notes)

    def _check_goal(self, goal: Objective, checked: bool) -> None:
        if self.envelope is None and goal != self.objective and not checked:
            raise ValueError(
                f"allocate: this model sets powers for {self.objective!r} alone, not for {goal!r}: "
                "let polish or guard decide, or take a model for any goal"
            )

    def _notes(self, goal: Objective) -> tuple[str, ...]:
        beyond = "" if self.envelope is None else self.envelope.beyond(goal)
        return (f"extrapolated: {beyond}",) if beyond else ()


def _check_range(gain: np.ndarray) -> None:
    # float32 rounds, and so does the way there and back through decibels.
    if gain.size and gain.max() > 1.0001 * db_to_linear(LARGEST_GAIN_DB):
        raise ValueError(
            f"allocate: gains must be at most {LARGEST_GAIN_DB:g} dB, got {to_gain_db(gain.max()):.0f} dB: "
            "are they in units of noise at full power?"
        )


def _as_float32(power: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    with np.errstate(over="ignore", under="ignore"):  # what overflows is no power either way
        power = np.asarray(power).astype(np.float32, copy=False)
    if power.shape != shape:
        raise ValueError(f"allocate: the model gave powers {power.shape} for gains of {shape} links")
    return power


def _flattened(goal: Objective, leading: tuple[int, ...]) -> Objective:
    """The goal for snapshots in one row, whose weights may have come with the gains' leading dimensions."""
    if isinstance(goal, Weighted) and np.ndim(goal.weights) > 2 and np.shape(goal.weights)[:-1] == leading:
        return Weighted(goal.objective, np.reshape(goal.weights, (-1, np.shape(goal.weights)[-1])))
    return goal


def _without(gain: np.ndarray, hidden: np.ndarray, needs_all: bool) -> np.ndarray:
    """The gains with unknown ones replaced by a value that nobody reads."""
    gain = np.asarray(gain)
    if hidden.dtype != bool or hidden.shape != gain.shape or gain.ndim < 2:
        raise ValueError(
            f"allocate: hidden must be bool of gain's shape {gain.shape}, got {hidden.dtype} {hidden.shape}"
        )
    if np.diagonal(hidden, axis1=-2, axis2=-1).any():
        raise ValueError("allocate: a link's own gain (the diagonal) must be known")
    if needs_all:
        raise ValueError("allocate: polish and guard need every gain; leave them out or give all of them")
    return np.where(hidden, 0.0, gain)
