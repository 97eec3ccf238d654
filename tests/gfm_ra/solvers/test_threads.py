"""A batch is cut into parts that cover it once."""

import pytest

from gfm_ra import processors
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


def test_the_variable_of_our_own_comes_first(monkeypatch):
    monkeypatch.setattr(processors.os, "sched_getaffinity", lambda process: set(range(16)))
    monkeypatch.setattr(processors, "_limits_of_quotas", list)
    monkeypatch.setenv("OMP_NUM_THREADS", "8")
    assert threads.available_threads() == 8
    monkeypatch.setenv("GFM_RA_THREADS", "3")
    assert threads.available_threads() == 3
    monkeypatch.setenv("GFM_RA_THREADS", "many")
    with pytest.raises(ValueError, match="GFM_RA_THREADS=many"):
        threads.available_threads()


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({}, 16),
        ({"cpu.max": "max 100000\n"}, 16),
        ({"cpu.max": "250000 100000\n"}, 2),
        ({"cpu.max": "50000 100000\n"}, 1),
        (
            {
                "cpu.max": "max 100000\n",
                "pods/cpu.max": "400000 100000\n",
                "pods/one/cpu.max": "max 100000\n",
            },
            4,
        ),
        ({"cpu/cpu.cfs_quota_us": "300000\n", "cpu/cpu.cfs_period_us": "100000\n"}, 3),
        ({"cpu/cpu.cfs_quota_us": "-1\n", "cpu/cpu.cfs_period_us": "100000\n"}, 16),
    ],
    ids=["none", "unlimited", "2.5 cores", "half a core", "of a parent", "version 1", "version 1 unlimited"],
)
def test_quotas_of_control_groups_are_respected(files, expected, tmp_path, monkeypatch):
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    own = tmp_path / "own"
    own.write_text("0::/pods/one\n")
    monkeypatch.setattr(processors, "_CONTROL_GROUPS", tmp_path)
    monkeypatch.setattr(processors, "_OWN_GROUPS", own)
    monkeypatch.setattr(processors.os, "sched_getaffinity", lambda process: set(range(16)))
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.delenv("GFM_RA_THREADS", raising=False)
    assert threads.available_threads() == expected
