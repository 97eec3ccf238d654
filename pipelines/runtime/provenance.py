"""Where a model comes from: its profile, its hash, and what dvc.lock says about the stages that made it."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from components.data.shards import sha256_of
from pipelines.runtime.text import read_text

LOCK = Path("dvc.lock")
TRAINING = ("pretrain", "finetune")  # stages whose scenarios a model has learnt from
UNKNOWN, CUSTOM = "unknown", "custom"
PROFILES = Path("dags/profiles")


def lock_digest(lock: Path = LOCK) -> str:
    """Checksum of dvc.lock, or "unknown" where there is none."""
    return sha256_of(lock) if lock.is_file() else UNKNOWN


def dvc_hash(folder: Path) -> str:
    """The hash under which DVC keeps a folder, as dvc.lock shows it: of its files' names and MD5 sums."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    entries = [
        {"md5": hashlib.md5(path.read_bytes()).hexdigest(), "relpath": path.relative_to(folder).as_posix()}
        for path in files
    ]
    entries.sort(key=lambda entry: entry["relpath"])
    return f"{hashlib.md5(json.dumps(entries, sort_keys=True).encode()).hexdigest()}.dir"


def profile_of(*parameters: Path) -> str:
    """The profile whose values all these parameter files hold, or "custom" if there is none.

    A file's profiles lie in the folder `profiles` beside it; those of params.yaml in dags/profiles.
    """
    found = {_profile(path) for path in parameters}
    return found.pop() if len(found) == 1 else CUSTOM


def _profile(parameters: Path) -> str:
    folder = PROFILES if parameters.parent == Path() else parameters.parent / PROFILES.name
    values = yaml.safe_load(read_text(parameters))
    named = (path.stem for path in sorted(folder.glob("*.yaml")) if yaml.safe_load(read_text(path)) == values)
    return next(named, CUSTOM)


def training_scenarios(folder: Path, lock: Path = LOCK) -> str:
    """What the model in `folder` was trained on, "pretrain: D1, D2; finetune: D16", or "unknown"."""
    found = _walk(str(folder), _stages(lock))
    return "; ".join(f"{kind}: {', '.join(found[kind])}" for kind in TRAINING if kind in found) or UNKNOWN


def _stages(lock: Path) -> dict[str, Any]:
    if not lock.is_file():
        return {}
    try:
        content = yaml.load(read_text(lock), getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except yaml.YAMLError:  # half-written, or in conflict: provenance is no reason to fail
        return {}
    return content.get("stages", {}) if isinstance(content, dict) else {}


def _walk(output: str, stages: Mapping[str, Any]) -> dict[str, list[str]]:
    """Scenarios by kind of training stage, of the stage that made `output` and of those before it."""
    for name, stage in stages.items():
        kind = name.partition("@")[0]
        if kind not in TRAINING or output not in (entry["path"] for entry in stage.get("outs", ())):
            continue
        trees = stage.get("params", {}).values()
        # A section, or the parts of it that the stage depends on: of two that name scenarios the later one counts.
        parts = [part for tree in trees for name, part in tree.items() if name.partition(".")[0] == kind]
        named = [part["scenarios"] for part in parts if isinstance(part, dict) and "scenarios" in part]
        found = {kind: [str(scenario) for scenario in named[-1]] if named else []}
        for entry in stage.get("deps", ()):
            found |= _walk(entry["path"], stages)
        return found
    return {}
