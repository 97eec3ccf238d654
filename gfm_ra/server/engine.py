"""Questions to answers: small ones of a kind together, large ones part by part, and neither in the other's way."""

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple, TypeVar

import numpy as np

from gfm_ra.allocator import Allocator
from gfm_ra.doubts import doubts
from gfm_ra.goals import Objective, Weighted
from gfm_ra.inference.allocation import Allocation
from gfm_ra.network import Network
from gfm_ra.server.batching import Batcher
from gfm_ra.server.question import Question, values_of

T = TypeVar("T")
# Microseconds of work: what is less is answered together with others; what is less still, on the event loop itself,
# since handing it to a thread and back takes longer than it keeps others waiting.
SMALL, INLINE, PART = 20_000.0, 2_000.0, 50_000.0
TOGETHER = 64  # questions in one call, at most


class Answer(NamedTuple):
    """Powers float32 [B, K], and what their reader should know."""

    power: np.ndarray
    notes: tuple[str, ...]


class Engine:
    """Answers by whichever allocator a question comes with."""

    def __init__(self, observe: Callable[[int], None]) -> None:
        self._observe = observe  # told how many questions every call answers
        # The core works outside the interpreter lock, so the event loop goes on meanwhile.
        self._small, self._large = ThreadPoolExecutor(1, "small"), ThreadPoolExecutor(1, "large")
        self._batcher: Batcher[tuple[Question, Allocator], Answer] = Batcher(self._together, TOGETHER)

    async def answer(self, question: Question, allocator: Allocator) -> Answer:
        """Powers for one question."""
        if question.microseconds <= SMALL:
            return await self._batcher.submit((question, allocator))
        # Large ones take turns part by part; one that is given up stops at the next part.
        network, remarks = question.network, allocator.remarks(question.goal, question.effort)
        rows = (network[begin:end] for begin, end in parts(question))
        answers = allocator.parts(rows, question.goal, question.effort, remarks, question.seed)
        powers: list[np.ndarray] = []
        while (power := await self.run_large(_next, answers)) is not None:
            powers.append(power)
        return Answer(np.concatenate(powers), (*doubts(network), *remarks.lines(single=False)))

    async def run_large(self, work: Callable[..., T], *arguments: Any) -> T:  # noqa: ANN401
        """Something long, in the thread of the large ones."""
        return await asyncio.get_running_loop().run_in_executor(self._large, work, *arguments)

    async def _together(self, asked: list[tuple[Question, Allocator]]) -> list[Answer]:
        answers: dict[int, Answer] = {}
        for positions in grouped(asked):
            chosen = [asked[position][0] for position in positions]
            allocator = asked[positions[0]][1]
            self._observe(len(chosen))
            if sum(question.microseconds for question in chosen) <= INLINE:
                found = answer_together(allocator, chosen)
            else:
                loop = asyncio.get_running_loop()
                found = await loop.run_in_executor(self._small, answer_together, allocator, chosen)
            answers |= dict(zip(positions, found, strict=True))
        return [answers[position] for position in range(len(asked))]

    def close(self) -> None:
        """End the threads; what is under way ends first."""
        self._small.shutdown()
        self._large.shutdown()


def grouped(asked: list[tuple[Question, Allocator]]) -> list[list[int]]:
    """Positions of questions that can be answered in one call."""
    groups: dict[Any, list[int]] = {}
    for position, (question, allocator) in enumerate(asked):
        kind = question.kind
        key = position if kind is None else (id(allocator), kind)
        groups.setdefault(key, []).append(position)
    return list(groups.values())


def answer_together(allocator: Allocator, questions: list[Question]) -> list[Answer]:
    """Answers to questions of one kind, in one call; each is the one that it would get alone."""
    if len(questions) == 1:
        return [_answered(allocator, questions[0])]
    values = np.concatenate([values_of(question.network) for question in questions])
    first = questions[0]
    network = Network(gain_db=values) if first.network.given_db else Network(gain=values)
    counts = [len(question.network) for question in questions]
    goal = _joined([question.goal for question in questions], counts)
    threads = _threads(sum(question.microseconds for question in questions))
    found = allocator.allocate(network, goal=goal, effort=first.effort, seed=first.seed, threads=threads)
    if set(found.notes) - set(doubts(network)):  # remarks that nobody expected, on networks by their number
        return [_answered(allocator, question) for question in questions]
    powers = np.split(found.power, np.cumsum(counts)[:-1])
    return [
        Answer(power, tuple(doubts(question.network)))
        for power, question in zip(powers, questions, strict=True)
    ]


def parts(question: Question) -> list[tuple[int, int]]:
    """Where a question is cut into parts of some milliseconds, or of one network: the first, and one past the last."""
    count = len(question.network)
    step = max(1, int(PART / (question.microseconds / count)))
    return [(begin, min(begin + step, count)) for begin in range(0, count, step)]


def _next(answers: Iterator[Allocation]) -> np.ndarray | None:
    found = next(answers, None)
    return None if found is None else found.power


def _answered(allocator: Allocator, question: Question) -> Answer:
    found = allocator.allocate(
        question.network, goal=question.goal, effort=question.effort, seed=question.seed,
        threads=_threads(question.microseconds),
    )  # fmt: skip
    return Answer(found.power, found.notes)


def _threads(microseconds: float) -> int | None:
    """One for what is done soon; otherwise as many as the work is worth."""
    return 1 if microseconds <= INLINE else None


def _joined(goals: list[Objective], counts: list[int]) -> Objective:
    """One goal for all: weights are put one below the other."""
    first = goals[0]
    if not isinstance(first, Weighted):
        return first
    links = np.shape(first.weights)[-1]
    rows = [
        np.broadcast_to(np.asarray(goal.weights), (count, links))
        for goal, count in zip(goals, counts, strict=True)
        if isinstance(goal, Weighted)
    ]
    return Weighted(first.objective, np.concatenate(rows))
