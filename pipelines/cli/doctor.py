"""What `gfm-ra doctor` looks at in a clone: packages, disk, cluster and tracker, each with a remedy."""

import os
import re
import shutil
from collections.abc import Callable, Iterator
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import TYPE_CHECKING

from gfm_ra.cli.doctor import FAULT, NOTE, OK, Finding
from gfm_ra.latency import typical_gains
from gfm_ra.processors import cores
from pipelines.registry import versions
from pipelines.registry.aliases import CANDIDATE, CHAMPION, alias_version, names_with, usable_alias
from pipelines.runtime import runs
from pipelines.runtime.errors import EXPECTED, UserError, one_line
from pipelines.runtime.stage import MIN_FREE_BYTES
from pipelines.runtime.tracking.database import is_new

if TYPE_CHECKING:
    from packaging.requirements import Requirement

DISTRIBUTION = "gfm-ra"
EXTRAS = ("pipelines", "files", "registry", "server", "plots")


def examine(cluster: bool = True) -> Iterator[Finding]:
    """Every finding as soon as it is known; looking changes nothing."""
    yield from _packages()
    yield _disk()
    yield _memory()
    if cluster:
        yield _cluster()
    yield from _tracker()


def _packages() -> Iterator[Finding]:
    from packaging.requirements import Requirement  # comes with mlflow

    try:
        named = map(Requirement, requires(DISTRIBUTION) or [])
        wanted = [requirement for requirement in named if _is_needed(requirement)]
    except PackageNotFoundError:
        yield Finding("packages", FAULT, f"{DISTRIBUTION} is not installed: `make install`")
        return
    faults = []
    for requirement in wanted:
        try:
            found = version(requirement.name)
        except PackageNotFoundError:
            faults.append(f"{requirement.name} is missing")
            continue
        # A local suffix such as +cpu is no other version.
        if not requirement.specifier.contains(re.sub(r"\+.*", "", found), prereleases=True):
            faults.append(f"{requirement.name} is {found}, not {requirement.specifier}")
    for fault in faults:
        yield Finding("packages", FAULT, f"{fault}: `make install`")
    if not faults:
        yield Finding("packages", OK, f"{len(wanted)} of {len(wanted)} as required")


def _is_needed(requirement: "Requirement") -> bool:
    """Whether a clone needs it, by the package itself or by the extras that `pipelines` consists of."""
    marker = requirement.marker
    return requirement.name != DISTRIBUTION and (
        marker is None or any(marker.evaluate({"extra": extra}) for extra in EXTRAS)
    )


def _disk() -> Finding:
    free = shutil.disk_usage(Path.cwd()).free
    detail = f"{free / 2**30:.1f} GiB free here"
    if free < MIN_FREE_BYTES:
        return Finding("disk", FAULT, f"{detail}: a stage needs {MIN_FREE_BYTES / 2**20:.0f} MiB")
    return Finding("disk", OK, detail)


def _memory() -> Finding:
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    detail = f"{cores()} cores, {total:.0f} GiB"
    if total < 4.0:
        return Finding("machine", NOTE, f"{detail}: the laptop profile wants 4 GiB or more")
    return Finding("machine", OK, detail)


def _cluster() -> Finding:
    address = os.environ.get("RAY_ADDRESS")
    if not address:
        return Finding("Ray", OK, f"{version('ray')}, on this machine (RAY_ADDRESS is not set)")
    import ray

    from pipelines.cluster.session import cpus, gpus, session

    try:
        with session():
            nodes = sum(node["Alive"] for node in ray.nodes())
            return Finding("Ray", OK, f"{address}: {nodes} nodes, {cpus()} CPUs, {gpus()} GPUs")
    except UserError as error:
        return Finding("Ray", FAULT, str(error))


def _tracker() -> Iterator[Finding]:
    uri = runs.tracking_uri()
    database = runs.database_of(uri)
    if database is not None and is_new(database):
        yield Finding("MLflow", NOTE, f"{uri}: not there yet; `make repro` makes it")
        return
    try:
        runs.connect(create=False)
        # Ours only: loading a model runs what is in it.
        names = [name for name in names_with(CHAMPION, CANDIDATE) if name.startswith(f"{DISTRIBUTION}-")]
    except EXPECTED as error:
        yield Finding("MLflow", FAULT, one_line(error))
        return
    yield _experiment(uri)
    if not names:
        yield Finding("models", NOTE, "none are registered yet: `make repro` registers them")
    for name in names:
        yield _guarded(name, lambda name=name: _answers(name))


def _experiment(uri: str) -> Finding:
    """Whether stages can log runs: models answer without, but no chain can finish."""
    try:
        runs.check_experiment()
    except EXPECTED as error:
        return Finding("MLflow", FAULT, one_line(error))
    return Finding("MLflow", OK, f"{version('mlflow')} at {uri}")


def _answers(name: str) -> str:
    alias = usable_alias(name)
    power = versions.load(f"models:/{name}@{alias}")(typical_gains(2, 5))
    return f"{alias}, version {alias_version(name, alias)}, answers for {power.shape[1]} links"


def _guarded(subject: str, look: Callable[[], str]) -> Finding:
    try:
        return Finding(subject, OK, look())
    # Whatever keeps a model from answering is the finding.
    except Exception as error:
        remedy = "if the registry was moved or copied: `gfm-ra models relocate`"
        return Finding(subject, FAULT, f"{' '.join(str(error).split())[:300]}; {remedy}")
