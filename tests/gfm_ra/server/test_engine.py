"""Laws of answering: everybody gets what the library answers, alone or in company, small or large."""

import asyncio
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

import gfm_ra
from gfm_ra.server import engine
from gfm_ra.server.engine import Answer, Engine, answer_together, grouped, parts
from gfm_ra.server.question import Question, question
from gfm_ra.server.settings import Limits

ALLOCATOR = gfm_ra.load()
LIMITS = Limits(max_links=2000, max_batch=5000)
OPTIONS: tuple[dict[str, Any], ...] = (
    {}, {"goal": "qos", "min_rate": 0.4}, {"goal": "proportional-fair", "effort": "fast"},
    {"goal": "alpha-fair", "alpha": 2.0},
    {"weights": [1.0, 2.0, 3.0, 4.0]}, {"goal": "qos", "weights": [4.0, 2.0, 3.0, 1.0]},
    {"effort": "best"}, {"seed": 5},
)  # fmt: skip


def gains(batch: int, links: int, seed: int = 0) -> np.ndarray:
    values = np.random.default_rng([links, seed]).normal(10.0, 15.0, (batch, links, links)).astype(np.float32)
    values[:, range(links), range(links)] += 25.0
    return values


def ask(gain_db: np.ndarray, **options: Any) -> Question:
    return question(gain_db, options, ALLOCATOR, LIMITS)


def expected(asked: Question) -> Answer:
    found = ALLOCATOR.allocate(asked.network, goal=asked.goal, effort=asked.effort, seed=asked.seed)
    return Answer(found.power, found.notes)


def answers(questions: Sequence[Question]) -> list[Answer]:
    async def all_at_once() -> list[Answer]:
        served = Engine(lambda count: None)
        try:
            return await asyncio.gather(*(served.answer(asked, ALLOCATOR) for asked in questions))
        finally:
            served.close()

    return asyncio.run(all_at_once())


def test_company_changes_no_bit_of_an_answer() -> None:
    questions = [ask(gains(1 + n % 3, (4, 7)[n % 2], n), **{
        name: value for name, value in OPTIONS[n % len(OPTIONS)].items() if name != "weights" or n % 2 == 0
    }) for n in range(64)]  # fmt: skip
    for asked, found in zip(questions, answers(questions), strict=True):
        alone = expected(asked)
        np.testing.assert_array_equal(found.power, alone.power)
        assert found.notes == alone.notes


def test_notes_are_those_of_one_s_own_networks() -> None:
    usual, odd, hidden = ask(gains(1, 4)), ask(np.full((2, 4, 4), -40.0, np.float32)), gains(1, 4)
    hidden[0, 0, 1] = np.nan
    unreachable = gains(1, 4)
    unreachable[0, 2, 2] = -30.0
    questions = [usual, odd, ask(hidden), ask(unreachable, goal="qos"), ask(gains(1, 4), goal="qos"), usual]
    found = answers(questions)
    assert [answer.notes for answer in found] == [expected(asked).notes for asked in questions]
    assert found[0].notes == ()
    assert any("own gain" in note for note in found[1].notes)
    assert "unknown" in " ".join(found[2].notes)
    assert "out of reach" in " ".join(found[3].notes)


@pytest.mark.parametrize("effort", ["fast", "balanced", "best"])
def test_a_large_question_is_answered_in_parts_as_a_whole(
    effort: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "PART", 500.0)
    monkeypatch.setattr(engine, "SMALL", 1000.0)
    weights = np.random.default_rng(1).uniform(0.5, 2.0, (40, 6))
    odd = gains(40, 6)
    odd[:25] = odd[:25, ::-1]  # misplaced links, but not in most rows of all
    odd[3, 0, 1] = np.nan
    odd[39, 2, 2] = -60.0
    options = ({}, {"weights": weights}, {"goal": "qos"}, {"goal": "alpha-fair", "alpha": 7.0})
    for gain_db, chosen in ((gains(40, 6), options[0]), *((odd, each) for each in options)):
        asked = ask(gain_db, effort=effort, **chosen)
        assert len(parts(asked)) > 1
        (found,), whole = answers([asked]), expected(asked)
        np.testing.assert_array_equal(found.power, whole.power)
        assert found.notes == whole.notes


def test_those_of_a_kind_are_answered_in_one_call() -> None:
    kinds = [
        ask(gains(1, 4)), ask(gains(2, 4)), ask(gains(1, 5)), ask(gains(1, 4), goal="qos"),
        ask(gains(1, 4), effort="best"), ask(gains(1, 4), effort="best"),
        ask(gains(1, 4).astype(np.float64)), ask(gains(1, 4), goal="qos"),
        ask(gains(1, 4), weights=[1.0, 1, 1, 2]), ask(gains(1, 4), weights=[2.0, 1, 1, 2]),
    ]  # fmt: skip
    assert grouped([(asked, ALLOCATOR) for asked in kinds]) == [[0, 1], [2], [3, 7], [4], [5], [6], [8, 9]]


def test_another_model_s_questions_are_another_kind() -> None:
    other = gfm_ra.load()
    assert grouped([(ask(gains(1, 4)), ALLOCATOR), (ask(gains(1, 4)), other)]) == [[0], [1]]


def test_together_they_are_one_call(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[int] = []
    allocate = gfm_ra.Allocator.allocate

    def counted(self: gfm_ra.Allocator, network: gfm_ra.Network, **options: Any) -> gfm_ra.Allocation:
        calls.append(len(network))
        return allocate(self, network, **options)

    monkeypatch.setattr(gfm_ra.Allocator, "allocate", counted)
    answer_together(ALLOCATOR, [ask(gains(1, 4, n)) for n in range(5)])
    assert calls == [5]


def test_a_question_that_fails_harms_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    allocate = gfm_ra.Allocator.allocate

    def sometimes(self: gfm_ra.Allocator, network: gfm_ra.Network, **options: Any) -> gfm_ra.Allocation:
        if (network.gain_db[:, 0, 0] > 99.0).any():
            raise RuntimeError("broken")
        return allocate(self, network, **options)

    monkeypatch.setattr(gfm_ra.Allocator, "allocate", sometimes)
    bad = gains(1, 4)
    bad[0, 0, 0] = 100.0

    async def both() -> list[Answer | BaseException]:
        served = Engine(lambda count: None)
        try:
            tasks = [served.answer(ask(gain_db), ALLOCATOR) for gain_db in (gains(1, 4), bad, gains(1, 4))]
            return await asyncio.gather(*tasks, return_exceptions=True)
        finally:
            served.close()

    first, second, third = asyncio.run(both())
    assert isinstance(second, RuntimeError)
    assert isinstance(first, Answer)
    assert isinstance(third, Answer)
