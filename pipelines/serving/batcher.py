"""Many small requests in few runs: what arrives while one run is under way is answered together in the next."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

Question = TypeVar("Question")
Answer = TypeVar("Answer")


class Batcher(Generic[Question, Answer]):
    """Nobody waits for company: a lone request runs at once, and only a busy worker makes batches.

    (Ray Serve's own batching closes a batch when its waiting time is over, even if an earlier one still runs: without a
    waiting time every batch has one request in it.)
    """

    def __init__(self, answer: Callable[[list[Question]], Awaitable[list[Answer]]], most: int) -> None:
        self._answer, self._most = answer, most
        self._waiting: deque[tuple[Question, asyncio.Future[Answer]]] = deque()
        self._worker: asyncio.Task[None] | None = None

    async def submit(self, question: Question) -> Answer:
        """The answer to one question, or what answering it alone raises."""
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._waiting.append((question, future))
        if self._worker is None or self._worker.done():
            self._worker = asyncio.create_task(self._drain())
        return await future

    async def _drain(self) -> None:
        while self._waiting:
            taken = [self._waiting.popleft() for _ in range(min(self._most, len(self._waiting)))]
            batch = [(question, future) for question, future in taken if not future.done()]  # not given up
            if batch:
                await self._settle(batch)

    async def _settle(self, batch: list[tuple[Question, asyncio.Future[Answer]]]) -> None:
        try:
            answers = await self._answer([question for question, _ in batch])
        # Whatever a run may raise belongs to whoever asked for it.
        except Exception as error:
            if len(batch) == 1:
                if not batch[0][1].done():
                    batch[0][1].set_exception(error)
                return
            # One of them is to blame: the others get their answers.
            for alone in batch:
                await self._settle([alone])
            return
        for (_, future), answer in zip(batch, answers, strict=True):
            if not future.done():
                future.set_result(answer)
