"""Laws of batching: everybody gets the answer to their own question, whoever else asks what."""

import asyncio

import pytest

from gfm_ra.server.batching import Batcher


class Doubling:
    """Doubles numbers, remembers its runs, fails for negative ones."""

    def __init__(self) -> None:
        self.runs: list[list[int]] = []

    async def answer(self, questions: list[int]) -> list[int]:
        self.runs.append(questions)
        await asyncio.sleep(0.005)
        if min(questions) < 0:
            raise ValueError("negative")
        return [2 * question for question in questions]


async def ask(executor: Doubling, most: int, questions: list[int]) -> list[int | BaseException]:
    batcher = Batcher(executor.answer, most)
    return await asyncio.gather(*(batcher.submit(each) for each in questions), return_exceptions=True)


def test_everybody_gets_the_answer_to_their_own_question() -> None:
    assert asyncio.run(ask(Doubling(), 4, list(range(20)))) == [2 * number for number in range(20)]


def test_what_arrives_at_once_runs_together_and_no_run_is_too_large() -> None:
    executor = Doubling()
    asyncio.run(ask(executor, 4, list(range(10))))
    assert [len(run) for run in executor.runs] == [4, 4, 2]


def test_a_lone_question_runs_at_once() -> None:
    executor = Doubling()

    async def one_after_the_other() -> None:
        batcher = Batcher(executor.answer, 4)
        for number in range(3):
            assert await batcher.submit(number) == 2 * number

    asyncio.run(one_after_the_other())
    assert executor.runs == [[0], [1], [2]]


def test_a_question_that_fails_harms_no_other() -> None:
    good, bad, other = asyncio.run(ask(Doubling(), 8, [1, -1, 3]))
    assert (good, other) == (2, 6)
    assert isinstance(bad, ValueError)


def test_a_question_that_is_given_up_costs_nothing() -> None:
    executor = Doubling()

    async def give_up() -> None:
        batcher = Batcher(executor.answer, 1)
        first = asyncio.create_task(batcher.submit(1))
        second = asyncio.create_task(batcher.submit(2))
        third = asyncio.create_task(batcher.submit(3))
        await asyncio.sleep(0)
        second.cancel()
        assert await asyncio.gather(first, third) == [2, 6]
        with pytest.raises(asyncio.CancelledError):
            await second

    asyncio.run(give_up())
    assert executor.runs == [[1], [3]]
