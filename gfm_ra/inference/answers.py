"""Answers to networks [B, K, K], by the compiled core in one call or put together from its parts."""

from itertools import pairwise
from typing import NamedTuple, Protocol

import numpy as np

from gfm_ra.candidates import are_powers
from gfm_ra.goal_family import is_ours
from gfm_ra.goals import Objective
from gfm_ra.inference import efforts
from gfm_ra.inference.comparison import Effort, best_draw, compared, draws_of, refined
from gfm_ra.inference.network.contract import contract_of
from gfm_ra.inference.network.unrolled import ENERGY_EFFICIENCY, UnrolledNetwork
from gfm_ra.inference.noise import noise
from gfm_ra.inference.onnx_graph import OnnxGraph
from gfm_ra.inference.prompts import Prompt, part_of, prompt_of, selected
from gfm_ra.network import Network
from gfm_ra.rates import spectral_efficiency
from gfm_ra.units import LARGEST_GAIN_DB, LEAST_GAIN_DB

_UNCHECKED = "model, unchecked"


class PowerNetwork(Protocol):
    """What computes powers in one pass."""

    any_goal: bool
    takes_unknown: bool

    def powers(self, gain_db: np.ndarray, prompt: Prompt, threads: int | None = None) -> np.ndarray:
        """Powers float32 [B, K] of gain_db float32 [B, K, K], NaN where unknown; nobody has checked them."""
        ...


class Answers(NamedTuple):
    """Powers of B networks, what they lead to, where they come from, and whose own answers were refused."""

    power: np.ndarray  # float32 [B, K]
    rate: np.ndarray  # float64 [B, K], bit/s/Hz
    source: np.ndarray  # object [B]
    refused: np.ndarray  # bool [B]


class Question(NamedTuple):
    """What is asked of B networks."""

    network: Network
    gain: np.ndarray  # [B, K, K], linear, NaN where unknown
    unknown: np.ndarray  # [B] bool: whether any gain is
    goal: Objective
    effort: Effort
    extrapolates: bool  # the goal lies outside what the network was trained for
    seed: int
    first_index: int  # of the first network, which keys random starts
    threads: int | None


def compiled(model: UnrolledNetwork, asked: Question) -> Answers:
    """Answers under a goal of the family, networks with unknown gains apart from the others."""
    if not asked.network.survey.unknown:
        return _known(model, asked, slice(0, len(asked.gain)))
    count, links, _ = asked.gain.shape
    found = Answers(
        np.empty((count, links), np.float32),
        np.empty((count, links)),
        np.empty(count, object),
        np.empty(count, bool),
    )
    # Random starts are keyed by a network's number: networks that follow each other are answered together.
    edges = [0, *(int(edge) + 1 for edge in np.flatnonzero(np.diff(asked.unknown))), count]
    for begin, end in pairwise(edges):
        rows = slice(begin, end)
        part = _unknown(model, asked, rows) if asked.unknown[begin] else _known(model, asked, rows)
        for to, values in zip(found, part, strict=True):
            to[rows] = values
    return found


def composed(model: PowerNetwork, asked: Question) -> Answers:
    """Answers of any network and under any goal."""
    unknown, gain, goal = asked.unknown, asked.gain, asked.goal
    answers = _answers(model, asked)  # [B, D, K]
    power = answers[:, 0].copy()
    usable = are_powers(power)
    source = np.where(unknown, _UNCHECKED, "model").astype(object)
    # Full power is the answer that needs no gains.
    power[~usable & unknown] = 1.0
    source[~usable & unknown] = "full-reuse"
    compares = ~unknown & (~usable | (asked.effort != "fast") | asked.extrapolates)
    last = np.flatnonzero(~unknown & ~compares)
    if last.size and _drawing(model) is not None:
        aim = selected(goal, last)
        power[last] = best_draw(answers[last], gain[last], aim)
        if is_ours(goal):
            power[last] = refined(power[last], gain[last], aim, asked.threads)
    checked = np.flatnonzero(compares)
    if checked.size:
        power[checked], source[checked] = compared(
            answers[checked],
            gain[checked],
            selected(goal, checked),
            "balanced" if asked.effort == "fast" else asked.effort,
            asked.seed,
            asked.first_index + checked,
            asked.threads,
        )
    rate = spectral_efficiency(power.astype(np.float64), gain.astype(np.float64))
    return Answers(power, rate, source, ~usable)


def _known(model: UnrolledNetwork, asked: Question, rows: slice) -> Answers:
    gain = asked.gain[rows]
    goal = part_of(asked.goal, rows.start, rows.stop)
    found = efforts.answers(
        model,
        gain,
        goal,
        prompt_of(goal, gain.shape[0], gain.shape[1], model.told),
        asked.effort,
        asked.extrapolates,
        asked.seed,
        asked.first_index + rows.start,
        asked.threads,
    )
    return Answers(found.power, found.rate, efforts.SOURCES[found.source], found.refused != 0)


def _unknown(model: UnrolledNetwork, asked: Question, rows: slice) -> Answers:
    """Whatever the effort, one pass: without the gains nothing can be compared."""
    gain = asked.gain[rows]
    count, links, _ = gain.shape
    goal = part_of(asked.goal, rows.start, rows.stop)
    power = model.draws(
        gain, prompt_of(goal, count, links, model.told), noise(asked.seed, 1, links), asked.threads
    )[:, 0]
    usable = are_powers(power)
    power[~usable] = 1.0
    source = np.where(usable, _UNCHECKED, "full-reuse").astype(object)
    return Answers(power, np.full((count, links), np.nan), source, ~usable)


def _drawing(model: PowerNetwork) -> UnrolledNetwork | OnnxGraph | None:
    """The network, if it takes noise: an unrolled one, compiled or as a graph."""
    if isinstance(model, UnrolledNetwork):
        return model
    return model if isinstance(model, OnnxGraph) and model.takes_noise else None


def _answers(model: PowerNetwork, asked: Question) -> np.ndarray:
    """What the network says, [B, D, K]: several answers if it takes noise, and all gains are known."""
    gain, unknown = asked.gain, asked.unknown
    count, links, _ = gain.shape
    prompt = prompt_of(asked.goal, count, links, model.told if isinstance(model, UnrolledNetwork) else None)
    drawing = _drawing(model)
    if drawing is None:
        limited = np.clip(asked.network.gain_db, LEAST_GAIN_DB, LARGEST_GAIN_DB).astype(
            np.float32
        )  # NaN stays
        return model.powers(limited, prompt, asked.threads)[:, None]
    draws = draws_of(asked.effort, links)
    answers = _drawn(drawing, gain, prompt, asked, draws)
    if draws > 1 and unknown.any():
        # Nothing can be compared there.
        chosen = Prompt(prompt.parameters[unknown], prompt.weights[unknown])
        answers[unknown] = _drawn(drawing, gain[unknown], chosen, asked, 1)
    return answers


def _drawn(
    model: UnrolledNetwork | OnnxGraph, gain: np.ndarray, prompt: Prompt, asked: Question, draws: int
) -> np.ndarray:
    """Answers [B, D, K]; a network that knows energy efficiency is told what circuits consume."""
    given = noise(asked.seed, draws, gain.shape[-1])
    if isinstance(model, UnrolledNetwork) and ENERGY_EFFICIENCY in model.knows:
        return model.draws(gain, prompt, given, asked.threads, contract_of(asked.goal, len(gain)))
    return model.draws(gain, prompt, given, asked.threads)
