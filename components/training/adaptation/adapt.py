"""`components.training.adapt`: the packaged network made to fit a user's own site or utility, never for the worse."""

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
import torch

from components.channel.rng import stream
from components.intervals import Interval, mean_difference
from components.model.unrolled import packaged
from components.model.unrolled.network import UnrolledNetwork
from components.training.adaptation.prompt_search import best_numbers
from components.training.adaptation.samples import FewSamples, FewSamplesConfig, ToldNetwork
from components.training.adaptation.utility import OwnUtility, Utility, check_increasing
from components.training.determinism import deterministic
from gfm_ra.allocator import Allocator
from gfm_ra.goal_family import GOAL_OF_NUMBER, Numbers, numbers_of
from gfm_ra.goals import Objective, SumRate, Weighted
from gfm_ra.inference.network import unrolled
from gfm_ra.inference.network.architecture import sizes_of
from gfm_ra.inference.prompts import goal_of
from gfm_ra.units import LARGEST_GAIN_DB, LEAST_GAIN_DB, to_gain
from gfm_ra.weights import catalogue
from gfm_ra.weights.card import Card, read_card

Way = Literal["prompt", "lora", "full"]
Envelope = dict[str, tuple[float, float]]
_SEARCHED = 64  # networks that the search for numbers looks at
_NOTHING: Numbers = (0.0, 0.0, 0.0)


@dataclass(frozen=True)
class Adaptation:
    """What adaptation found; `save` of components/training/adaptation/result.py writes it as a folder of weights."""

    network: UnrolledNetwork
    told: Numbers | None
    """Numbers that the network is told for the goal; None for the goal's own."""
    goal: Objective | OwnUtility
    way: Way
    parent: Card
    samples: int
    seed: int
    difference: Interval
    """Mean utility per network over that of the parent on the held-back half, with its 95 % interval."""
    adapted: bool
    """Whether this is better than the parent beyond that interval; else network and numbers are the parent's."""

    def allocator(self) -> Allocator:
        """An allocator with these weights."""
        return allocator_of(self.network, self.goal, self.told, self.parent.envelope, self.knows)

    @property
    def knows(self) -> frozenset[str]:
        """What the parent was trained for beside exact gains; of weights that were adapted with these, nobody knows."""
        return self.parent.knows if self.way == "prompt" or not self.adapted else frozenset()


def adapt(
    gain_db: np.ndarray | Sequence[np.ndarray],
    goal: str | Objective | None = None,
    *,
    utility: Utility | None = None,
    way: Way = "prompt",
    weights: str | Path | None = None,
    seed: int = 1,
    config: FewSamplesConfig | None = None,
) -> Adaptation:
    """Adapt packaged weights to networks like given ones.

    Half of the networks is held back: what is not better there, by the 95 % interval of paired differences of what
    effort "fast" answers, is thrown away, and the weights stay as they were.

    Args:
        gain_db: [N, K, K] in dB over noise, row = receiver; or several such arrays of different K. All known.
        goal: name or object of a goal that networks know; sum rate unless given.
        utility: instead of a goal, a strictly increasing function of rates [..., K] to [...], of torch's functions.
        way: "prompt" looks for the numbers to tell the network; "lora" and "full" train low-rank terms or all weights
            after that.
        weights: name of packaged weights or a folder; the newest unless given.
        seed: of the halves and of training.
        config: rates and epochs of training, for experts.

    Raises:
        ValueError: gains that do not fit or are fewer than 4 networks, a goal that networks do not know, a utility
            that falls somewhere.
        InputError: weights that are not there, or are no unrolled network.
    """
    arrays = _arrays(gain_db)
    aim = _aim(goal, utility, max(array.shape[-1] for array in arrays))
    parent = (
        read_card(Path(weights))
        if weights is not None and Path(weights).is_dir()
        else catalogue.find(None if weights is None else str(weights))
    )
    if parent.kind != "unrolled":
        raise ValueError(
            f"adapt: {parent.full_name} is a network of kind {parent.kind}, which is not adapted here"
        )
    network = packaged.load(parent)
    fitted = fit(network, aim, arrays, way, parent.envelope, seed, config or FewSamplesConfig())
    samples = sum(len(array) for array in arrays)
    return Adaptation(
        fitted.network, fitted.told, aim, way, parent, samples, seed, fitted.difference, fitted.adapted
    )


class Fitted(NamedTuple):
    """A network made to fit, or left as it was; fields as in `Adaptation`."""

    network: UnrolledNetwork
    told: Numbers | None
    difference: Interval
    adapted: bool


def fit(
    network: UnrolledNetwork,
    goal: Objective | OwnUtility,
    arrays: list[np.ndarray],
    way: Way,
    envelope: Envelope,
    seed: int,
    config: FewSamplesConfig,
) -> Fitted:
    """What `adapt` does, of any unrolled network, which stays as it is; goals without weights.

    Args:
        arrays: gains in dB, [N, K, K] each, all known.
        envelope: least and largest trained value of each of the goal's numbers.

    Raises:
        ValueError: no two networks of one size.
    """
    train, held = _halves(arrays, seed)
    before = _utilities(allocator_of(network, goal, None, envelope), goal, held)
    with deterministic(torch.device("cpu")):
        told = _told(network, goal, envelope, train)
        candidate = network if way == "prompt" else copy.deepcopy(network)
        if way != "prompt":
            numbers = told or (numbers_of(goal) if isinstance(goal, Objective) else None) or _NOTHING
            loop = FewSamples(config, ToldNetwork(candidate, numbers), goal, way, train, seed)
            loop.run(lambda *_: None, lambda *_: None)
            candidate.eval().requires_grad_(False)
    after = _utilities(allocator_of(candidate, goal, told, envelope), goal, held)
    difference = mean_difference(after, before, seed)
    better = difference.low > 0
    return Fitted(candidate if better else network, told if better else None, difference, better)


def _arrays(given: np.ndarray | Sequence[np.ndarray]) -> list[np.ndarray]:
    arrays = [given] if isinstance(given, np.ndarray) else list(given)
    found = []
    for array in arrays:
        values = np.asarray(array, np.float32)
        if values.ndim != 3 or values.shape[1] != values.shape[2]:
            raise ValueError(f"adapt: gain_db must be [N, K, K], got shape {list(values.shape)}")
        if np.isnan(values).any():
            raise ValueError("adapt: every gain must be known (there are NaN): leave such networks out")
        found.append(values.clip(LEAST_GAIN_DB, LARGEST_GAIN_DB))
    if sum(len(array) for array in found) < 4:
        raise ValueError("adapt: at least 4 networks are needed: half of them are held back")
    return found


def _aim(goal: str | Objective | None, utility: Utility | None, links: int) -> Objective | OwnUtility:
    if utility is not None:
        if goal is not None:
            raise ValueError("adapt: give a goal or a utility, not both")
        check_increasing(utility, links)
        return OwnUtility(utility)
    aim = goal_of(goal or SumRate.name, None, (links,))
    if isinstance(aim, Weighted) or numbers_of(aim) is None:
        raise ValueError("adapt: this goal is none that networks know, without weights: give it as utility=")
    return aim


def _halves(arrays: list[np.ndarray], seed: int) -> tuple[list[np.ndarray], list[np.ndarray]]:
    train, held = [], []
    for number, array in enumerate(arrays):
        order = stream(seed, "adapt", "halves", number).permutation(len(array))
        middle = (len(array) + 1) // 2
        train += [array[order[:middle]]]
        held += [array[order[middle:]]] if middle < len(array) else []
    if not held:
        raise ValueError("adapt: at least two networks of one size are needed: half of them are held back")
    return train, held


def allocator_of(
    network: UnrolledNetwork,
    goal: Objective | OwnUtility,
    told: Numbers | None,
    envelope: Envelope,
    knows: frozenset[str] = frozenset(),
) -> Allocator:
    """What answers with a network's weights, which is told these numbers for a goal, None for the goal's own; `knows`
    as its card says it."""
    arrays = packaged.arrays(network)
    compiled = unrolled.UnrolledNetwork(sizes_of(packaged.architecture(network)), arrays)
    compiled.knows = knows
    if told is not None:
        compiled.told[numbers_of(goal) if isinstance(goal, Objective) else None] = told
    return Allocator(compiled, None, envelope, "adapted")


def _utilities(allocator: Allocator, goal: Objective | OwnUtility, arrays: list[np.ndarray]) -> np.ndarray:
    """Utility per link of what effort fast answers, [N] over all arrays."""
    return np.concatenate(
        [
            np.atleast_1d(
                allocator.allocate(gain=to_gain(array), goal=goal, effort="fast").utility  # type: ignore[arg-type]
            )
            / array.shape[-1]
            for array in arrays
        ]
    )


def _told(
    network: UnrolledNetwork,
    goal: Objective | OwnUtility,
    envelope: Envelope,
    train: list[np.ndarray],
) -> Numbers | None:
    """The numbers that serve the goal best on some of the training half; None for the goal's own."""
    few = [array[: max(1, _SEARCHED // len(train))] for array in train]
    own = (numbers_of(goal) if isinstance(goal, Objective) else None) or _NOTHING
    allocator = allocator_of(network, goal, own, envelope)
    key = numbers_of(goal) if isinstance(goal, Objective) else None
    compiled = allocator.network
    assert isinstance(compiled, unrolled.UnrolledNetwork), "adaptation is of unrolled networks"

    def merit(numbers: Numbers) -> float:
        compiled.told[key] = numbers
        return float(_utilities(allocator, goal, few).mean())

    alpha, least, penalty = (envelope.get(name, (0.0, 0.0))[1] for name in GOAL_OF_NUMBER)
    found = best_numbers(merit, own, (alpha, least, penalty))
    return None if found == own else found
