"""Many small questions in few calls: what has arrived, or arrives while a call is under way, is answered together."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

Asked = TypeVar("Asked")
Answered = TypeVar("Answered")


class Batcher(Generic[Asked, Answered]):
    """Nobody waits for company: a batch is what the event loop has read by the time it gets to answering."""

    def __init__(self, answer: Callable[[list[Asked]], Awaitable[list[Answered]]], most: int) -> None:
        self._answer, self._most = answer, most
        self._waiting: deque[tuple[Asked, asyncio.Future[Answered]]] = deque()
        self._worker: asyncio.Task[None] | None = None

    async def submit(self, asked: Asked) -> Answered:
        """The answer to one question, or what answering it alone raises."""
        future: asyncio.Future[Answered] = asyncio.get_running_loop().create_future()
        self._waiting.append((asked, future))
        if self._worker is None:
            self._worker = asyncio.create_task(self._drain())
        return await future

    async def _drain(self) -> None:
        try:
            while self._waiting:
                taken = [self._waiting.popleft() for _ in range(min(self._most, len(self._waiting)))]
                batch = [(asked, future) for asked, future in taken if not future.done()]  # not given up
                if batch:
                    await self._settle(batch)
        finally:
            self._worker = None

    async def _settle(self, batch: list[tuple[Asked, asyncio.Future[Answered]]]) -> None:
        try:
            answers = await self._answer([asked for asked, _ in batch])
        # Whatever a call may raise belongs to whoever asked for it.
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
