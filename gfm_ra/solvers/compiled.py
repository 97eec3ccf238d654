# ruff: noqa: ANN401 (numba publishes no types)
"""How the solvers are compiled: two decorators, and a cache on disk that notices every change it depends
on."""

import hashlib
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, TypeAlias

from numba import njit
from numba.core.caching import FunctionCache
from numba.extending import intrinsic

Real: TypeAlias = Any
"""A number in compiled code, which infers float32 (or an integer type) where Python's types say float64."""

emitted: Callable[[Callable[..., Any]], Callable[..., Any]] = intrinsic(prefer_literal=True)
"""For functions that write their own machine-independent code (LLVM's representation)."""

exact: Callable[[Callable[..., Any]], Callable[..., Any]] = njit(
    nogil=True, error_model="numpy", fastmath={"contract", "arcp"}
)
"""As `inlined`, for functions whose accuracy depends on the order of their operations."""

inlined: Callable[[Callable[..., Any]], Callable[..., Any]] = njit(
    nogil=True, error_model="numpy", fastmath={"contract", "arcp", "reassoc", "nsz"}
)
"""Compile a part of an entry point: sums may be rearranged, NaN and infinity are respected, 1 / 0 is
infinity."""


def entry(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile a function that Python calls, on its first call, and keep the machine code on disk.

    Processes that compile at the same time are safe: each writes its own file and renames it into place.
    """
    dispatcher = inlined(function)
    dispatcher._cache = _DependentCache(function)  # type: ignore[attr-defined]
    return dispatcher


class _DependentCache(FunctionCache):
    """Numba's cache, which looks at the entry point's file alone, keyed by the files that it calls into as
    well."""

    def _index_key(self, sig: Any, codegen: Any) -> tuple[Any, ...]:
        return (*super()._index_key(sig, codegen), _sources_digest())


@cache
def _sources_digest() -> str:
    """Digest of all sources that compiled code is made of: the solvers and the constants of the
    objectives."""
    folder = Path(__file__).parent
    digest = hashlib.sha256()
    for path in (*sorted(folder.glob("*.py")), folder.parent / "goals.py"):
        digest.update(path.read_bytes())
    return digest.hexdigest()
