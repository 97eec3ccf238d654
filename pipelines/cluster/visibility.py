"""Paths that every node of a joined cluster must see: looked for on each before work starts there."""

from collections.abc import Sequence
from pathlib import Path

import ray
from ray.exceptions import RayError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from components.data.shards import MANIFEST_NAME, sha256_of
from pipelines.runtime.errors import UserError

ANSWER_WITHIN_S = 300.0  # a node's first task may have to wait for the code


def look(paths: Sequence[Path]) -> list[str | None]:
    """What lies at each path: the checksum of a file or of a folder's manifest, "" for another folder, else None."""
    return [_content(path) for path in paths]


def _content(path: Path) -> str | None:
    manifest = path / MANIFEST_NAME
    if manifest.is_file():
        return sha256_of(manifest)
    if path.is_file():
        return sha256_of(path)
    return "" if path.exists() else None


def check_visible(paths: Sequence[Path]) -> None:
    """Look for paths on every node but this one.

    Raises:
        UserError: a node does not see one, sees other content there, or does not answer.
    """
    here = ray.get_runtime_context().get_node_id()
    others = [node for node in ray.nodes() if node["Alive"] and node["NodeID"] != here]
    if not others or not paths:
        return
    expected = look(paths)
    task, asked = ray.remote(look), {}
    for node in others:
        there = NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)
        asked[task.options(num_cpus=0, max_retries=0, scheduling_strategy=there).remote(list(paths))] = node
    _, silent = ray.wait(list(asked), num_returns=len(asked), timeout=ANSWER_WITHIN_S)
    for reference, node in asked.items():
        name = f"node {node['NodeManagerAddress']} ({node['NodeID'][:12]})"
        if reference in silent:
            raise UserError(
                f"{name} has not looked for {paths[0]} in {ANSWER_WITHIN_S:.0f} s: remove it from the cluster"
            )
        _compare(name, paths, expected, _answer(reference))


def _answer(reference: ray.ObjectRef) -> list[str | None] | None:
    try:
        return ray.get(reference)
    except RayError:  # a node that was lost meanwhile will be given no work
        return None


def _compare(
    name: str, paths: Sequence[Path], expected: list[str | None], found: list[str | None] | None
) -> None:
    for path, here, there in zip(paths, expected, found or expected, strict=True):
        if there is None and here is not None:
            raise UserError(
                f"{name} does not see {path}: put the clone on a file system that all nodes mount at the same place"
            )
        if there != here:
            raise UserError(
                f"{name} sees another {path} than this machine: put the clone on a file system that all nodes share"
            )
