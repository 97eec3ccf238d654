"""`gfm-ra doctor`: what is installed, what is missing, and what to do about it."""

import argparse
import os
import platform
import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from typing import NamedTuple

from gfm_ra.cli import workshop
from gfm_ra.core import loader
from gfm_ra.core.objects import BASELINE
from gfm_ra.errors import UserError, redacted
from gfm_ra.extensions import ALLOCATORS, GOALS, OWN_GOALS, WEIGHTS, WORLDS, added
from gfm_ra.solvers.threads import available_threads

OK, NOTE, FAULT = "ok", "note", "FAULT"
_COLOURS = {OK: "32", NOTE: "33", FAULT: "31"}
EXTRAS = {
    "files": (("pyarrow", "scipy", "h5py"), "reads .parquet, .mat and .h5"),
    "registry": (("mlflow", "onnxruntime"), "loads models:/name@alias"),
    "plots": (("matplotlib",), "draws pictures"),
}


class Finding(NamedTuple):
    """What was looked at, how it is, and what to do about it."""

    subject: str
    state: str
    detail: str


def command(chosen: argparse.Namespace) -> int:
    """Print every finding as soon as it is known; 1 if there is a fault."""
    faults = 0
    for finding in examine(cluster=not chosen.no_cluster):
        state = f"{finding.state:>5}"
        if sys.stdout.isatty() and "NO_COLOR" not in os.environ:
            state = f"\033[{_COLOURS[finding.state]}m{state}\033[0m"
        print(f"{state}  {finding.subject}: {redacted(finding.detail)}", flush=True)  # noqa: T201
        faults += finding.state == FAULT
    return 1 if faults else 0


def examine(cluster: bool = True) -> Iterator[Finding]:
    """Every finding as soon as it is known; looking changes nothing."""
    yield Finding(
        "gfm-ra", OK, f"{_version('gfm-ra') or 'not installed'} on Python {platform.python_version()}"
    )
    yield _core()
    yield from _weights()
    for extra, (packages, use) in EXTRAS.items():
        missing = [name for name in packages if _version(name) is None]
        detail = f"{use}; needs {', '.join(missing)}: pip install 'gfm-ra[{extra}]'" if missing else use
        yield Finding(f"[{extra}]", NOTE if missing else OK, detail)
    yield from _extensions()
    clone = workshop.module("pipelines.cli.doctor")
    if clone is not None:
        yield from clone.examine(cluster)  # type: ignore[attr-defined] # pyright: ignore
    elif workshop.is_there():
        yield Finding("clone", NOTE, f"{workshop.ROOT}: its packages are not installed: make install")


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _core() -> Finding:
    try:
        used, have = loader.instruction_set(), ", ".join(loader.available())
        threads = available_threads()
    except (UserError, ValueError) as error:
        return Finding("compiled core", FAULT, str(error))
    detail = f"instruction set {used} (here: {have}), up to {threads} threads"
    # Without fused multiply-adds results differ in their last digits from all other machines'.
    return Finding("compiled core", NOTE if used == BASELINE else OK, detail)


def _weights() -> Iterator[Finding]:
    from gfm_ra.loading import load
    from gfm_ra.weights import catalogue

    for name in catalogue.folders() or [""]:
        try:
            answer = load(name or None).allocate(gain_db=[[30.0, 0.0], [0.0, 30.0]], effort="fast")
        except UserError as error:
            yield Finding("weights", FAULT, str(error))
        else:
            sound = bool(((answer.power >= 0) & (answer.power <= 1)).all())
            yield Finding(
                "weights", OK if sound else FAULT, f"{name} {'answers' if sound else 'gives no powers'}"
            )


def _extensions() -> Iterator[Finding]:
    for group in (GOALS, ALLOCATORS, WEIGHTS, WORLDS):
        try:
            points = added(group)
        except UserError as error:
            yield Finding("extensions", FAULT, str(error))
            continue
        for name, point in points.items():
            if group == GOALS and name in OWN_GOALS:
                yield Finding(
                    "extensions", FAULT, f"{group}: {name!r} of {point.value} hides behind our own goal"
                )
            else:
                yield Finding("extensions", OK, f"{group}: {name} from {point.value}")
