"""Which source files of this repository a module runs: its import closure, read from the syntax tree."""

import ast
import hashlib
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LAYERS = ("gfm_ra", "components", "pipelines", "dags", "benchmarks")
STAGE_ROOMS = ("pipelines.stages", "pipelines.studies")
# Compiled sources that a module calls without importing them: folders of C++ below gfm_ra/core.
COMPILED = {
    "gfm_ra/solvers/binding.py": ("gfm_ra/core/common", "gfm_ra/core/solvers"),
    "gfm_ra/inference/network/unrolled.py": ("gfm_ra/core/common", "gfm_ra/core/network", "gfm_ra/core/solvers"),
    "gfm_ra/inference/efforts.py": (
        "gfm_ra/core/common", "gfm_ra/core/efforts", "gfm_ra/core/network", "gfm_ra/core/solvers",
    ),
    "gfm_ra/inference/uncertain/posterior.py": (
        "gfm_ra/core/common", "gfm_ra/core/network", "gfm_ra/core/solvers",
    ),
    "gfm_ra/inference/sparse/passes.py": (
        "gfm_ra/core/common", "gfm_ra/core/efforts", "gfm_ra/core/network", "gfm_ra/core/solvers", "gfm_ra/core/sparse",
    ),
    "gfm_ra/solvers/sparse_binding.py": (
        "gfm_ra/core/common", "gfm_ra/core/efforts", "gfm_ra/core/network", "gfm_ra/core/solvers", "gfm_ra/core/sparse",
    ),
    "gfm_ra/solvers/bands/binding.py": (
        "gfm_ra/core/bands", "gfm_ra/core/common", "gfm_ra/core/efforts", "gfm_ra/core/solvers",
    ),
    "gfm_ra/solvers/proofs/branch_and_bound.py": ("gfm_ra/core/exact",),
    "gfm_ra/core/survey.py": ("gfm_ra/core/common",),
}  # fmt: skip
COMPILED_SUFFIXES = (".cpp", ".hpp")


def import_closure(module: str, root: Path = ROOT) -> tuple[Path, ...]:
    """Source files, relative to `root`, that importing `module` may execute.

    Imports inside functions count as well. Only the repository's own layers are followed. The C++ sources of the
    compiled core count where a module calls them.

    Raises:
        ModuleNotFoundError: `module` is not one of this repository's.
    """
    if _source(module, root) is None:
        raise ModuleNotFoundError(f"{module} is not a module below {root}")
    seen: set[Path] = set()
    pending = [module]
    while pending:
        name = pending.pop()
        path = _source(name, root)
        if path is None or path in seen:
            continue
        seen.add(path)
        package = name.rpartition(".")[0]
        pending += [package] if package else []
        pending += _imports(root / path)
        seen |= _compiled(path, root)
    return tuple(sorted(seen))


def stage_module(name: str, root: Path = ROOT) -> str:
    """The module of a stage: `pipelines.stages.<name>` or `pipelines.studies.<name>`.

    Raises:
        ModuleNotFoundError: neither is there.
    """
    for room in STAGE_ROOMS:
        if _source(f"{room}.{name}", root) is not None:
            return f"{room}.{name}"
    raise ModuleNotFoundError(f"there is no stage {name} in {' or '.join(STAGE_ROOMS)}")


def code_digest(files: Iterable[Path], root: Path = ROOT) -> str:
    """One digest over names and bytes of source files."""
    digest = hashlib.sha256()
    for path in sorted(files):
        digest.update(f"{path}\0".encode())
        digest.update((root / path).read_bytes())
    return digest.hexdigest()


def _compiled(path: Path, root: Path) -> set[Path]:
    folders = COMPILED.get(path.as_posix(), ())
    found = (file for folder in folders for file in (root / folder).iterdir())
    return {file.relative_to(root) for file in found if file.suffix in COMPILED_SUFFIXES}


def _source(module: str, root: Path) -> Path | None:
    base = Path(*module.split("."))
    for candidate in (base.with_suffix(".py"), base / "__init__.py"):
        if base.parts and (root / candidate).is_file():
            return candidate
    return None


def _imports(path: Path) -> list[str]:
    names: list[str] = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            # `from package import name` may name a module or something inside one.
            names += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    return [name for name in names if name.split(".")[0] in LAYERS]
