"""A batch is cut into parts that cover it once."""

import pytest

from gfm_ra.solvers import threads


@pytest.mark.parametrize("count", [0, 1, 2, 7, 100])
@pytest.mark.parametrize("number", [1, 2, 5])
def test_parts_cover_the_batch_once(count, number):
    seen = []
    threads.spread(lambda begin, end: seen.extend(range(begin, end)), count, 1, number)
    assert sorted(seen) == list(range(count))


def test_small_work_stays_on_one_thread():
    calls = []
    threads.spread(lambda begin, end: calls.append((begin, end)), 50, 1000, None)
    assert calls == [(0, 50)]


def test_large_work_spreads_and_errors_come_back(monkeypatch):
    monkeypatch.setattr(threads, "available_threads", lambda: 2)

    def fail(begin, end):
        raise RuntimeError(f"part {begin}")

    with pytest.raises(RuntimeError, match="part 0"):
        threads.spread(fail, 50, 10**9, None)


@pytest.mark.parametrize(("limit", "expected"), [("1", 1), ("", None), ("many", None), ("0", None)])
def test_omp_num_threads_is_respected(monkeypatch, limit, expected):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    unlimited = threads.available_threads()
    monkeypatch.setenv("OMP_NUM_THREADS", limit)
    assert threads.available_threads() == (expected or unlimited)
