"""How many cores there are to use: the processor's, less what affinity and control groups take away."""

import os
from pathlib import Path

_CONTROL_GROUPS, _OWN_GROUPS = Path("/sys/fs/cgroup"), Path("/proc/self/cgroup")


def cores() -> int:
    """Cores that this process may use: its affinity and its control groups' quota."""
    there = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min([there, *_limits_of_quotas()])


def _limits_of_quotas() -> list[int]:
    """Whole cores' worth of time that this process's control group and those above it grant, where they set one."""
    limits = []
    for folder in _own_groups():
        text = _read(
            folder / "cpu.max"
        ).split()  # version 2: "quota period", in microseconds, or "max period"
        quota, period = text if len(text) == 2 else (
            _read(folder / "cpu.cfs_quota_us").strip(), _read(folder / "cpu.cfs_period_us").strip(),
        )  # fmt: skip
        if quota.isdigit() and period.isdigit() and int(period) > 0:
            limits.append(max(1, round(int(quota) / int(period))))
    return limits


def _own_groups() -> list[Path]:
    """Folders of this process's control groups and of all above them; inside a container the root's alone."""
    folders = {_CONTROL_GROUPS, _CONTROL_GROUPS / "cpu"}
    for line in _read(_OWN_GROUPS).splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers and "cpu" not in controllers.split(","):
            continue
        top = _CONTROL_GROUPS / "cpu" if controllers else _CONTROL_GROUPS
        own = top / path.lstrip("/")
        folders |= {own, *(parent for parent in own.parents if top in parent.parents)}
    return sorted(folders)


def _read(path: Path) -> str:
    """A small file's text, or nothing where there is none: not every system has control groups."""
    try:
        return path.read_text()
    except OSError:
        return ""
