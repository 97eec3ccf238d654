"""Training takes no more threads than control groups and the environment grant."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from components.training import __main__ as train
from gfm_ra import processors


@pytest.fixture(autouse=True)
def _sixteen_cores(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A process on sixteen cores, for which torch starts four threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(4)
    monkeypatch.setattr(processors.os, "sched_getaffinity", lambda process: set(range(16)))
    for name in ("GFM_RA_THREADS", "OMP_NUM_THREADS"):
        monkeypatch.delenv(name, raising=False)
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize(("quota", "expected"), [([2], 2), ([8], 4), ([], 4)])
def test_quotas_of_control_groups_bound_torch(
    monkeypatch: pytest.MonkeyPatch, quota: list[int], expected: int
) -> None:
    monkeypatch.setattr(processors, "_limits_of_quotas", lambda: quota)
    train.bound_threads()
    assert torch.get_num_threads() == expected


def test_a_variable_that_is_no_number_stops_training_in_one_line(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("GFM_RA_THREADS", "many")
    with pytest.raises(SystemExit, match=r"^GFM_RA_THREADS=many: [^\n]*$"):
        train.main(["--simulate", "1", "--out", str(tmp_path / "out"), "--device", "cpu"])
    assert not (tmp_path / "out").exists()
