"""Laws of import closures: nothing that runs is left out, and the digest follows the code alone."""

import ast
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from pipelines.runtime.import_closure import COMPILED, LAYERS, code_digest, import_closure

FILES = {
    "components/__init__.py": "",
    "components/base.py": "import math\n",
    "components/middle.py": "def late():\n    from components import base\n    return base\n",
    "components/inner/__init__.py": "from components.inner.part import thing\n",
    "components/inner/part.py": "thing = 1\n",
    "components/unused.py": "",
    "pipelines/__init__.py": "import numpy\n",
    "pipelines/stage.py": "import components.middle as m, os\nfrom components.inner import thing\n",
    "pipelines/circle.py": "import pipelines.square\n",
    "pipelines/square.py": "import pipelines.circle\n",
}


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def names(module: str, tree: Path) -> set[str]:
    return {str(path) for path in import_closure(module, tree)}


def test_closure_holds_packages_and_late_imports_and_nothing_else(tree: Path) -> None:
    assert names("pipelines.stage", tree) == {
        "pipelines/__init__.py", "pipelines/stage.py", "components/__init__.py", "components/middle.py",
        "components/base.py", "components/inner/__init__.py", "components/inner/part.py",
    }  # fmt: skip


def test_circles_end(tree: Path) -> None:
    expected = {"pipelines/__init__.py", "pipelines/circle.py", "pipelines/square.py"}
    assert names("pipelines.circle", tree) == expected


def test_an_unknown_module_is_refused(tree: Path) -> None:
    with pytest.raises(ModuleNotFoundError, match=r"pipelines\.absent"):
        import_closure("pipelines.absent", tree)


def test_digest_follows_names_and_bytes_of_the_closure_only(tree: Path) -> None:
    files = import_closure("pipelines.stage", tree)
    before = code_digest(files, tree)
    (tree / "components/unused.py").write_text("changed = True\n")
    assert code_digest(reversed(files), tree) == before
    assert code_digest(files[1:], tree) != before
    (tree / "components/base.py").write_text("import cmath\n")
    assert code_digest(files, tree) != before


def test_no_module_of_the_repository_imports_relatively(root: Path) -> None:
    # The closure does not follow relative imports, so there must be none.
    sources = [path for layer in LAYERS for path in (root / layer).rglob("*.py")]
    relative = [
        f"{path}:{node.lineno}"
        for path in sources
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ImportFrom) and node.level
    ]
    assert sources
    assert not relative


def test_whatever_python_imports_is_in_the_closure(root: Path) -> None:
    program = (
        "import json, sys, components.evaluation.few_shot\n"
        f"print(json.dumps([m.__file__ for n, m in sys.modules.items() if n.split('.')[0] in {LAYERS}]))"
    )
    answer = subprocess.run(
        [sys.executable, "-c", program], cwd=root, capture_output=True, text=True, check=True
    )
    imported = {str(Path(file).relative_to(root)) for file in json.loads(answer.stdout)}
    assert imported <= {str(path) for path in import_closure("components.evaluation.few_shot")}
    assert len(imported) > 10


def test_compiled_sources_belong_to_the_module_that_calls_them(root: Path) -> None:
    closure = names("gfm_ra.solvers.weighted_mmse", root)
    assert {
        "gfm_ra/core/solvers/links.hpp",
        "gfm_ra/core/common/vectors.hpp",
        "gfm_ra/core/objects.py",
    } <= closure
    assert not any(path.endswith((".hpp", ".cpp")) for path in names("gfm_ra.rates", root))


def test_every_folder_of_compiled_sources_is_called_by_a_module(root: Path) -> None:
    called = {folder for folders in COMPILED.values() for folder in folders}
    there = {str(path.parent.relative_to(root)) for path in (root / "gfm_ra/core").glob("*/*.hpp")}
    assert there == called
    assert all((root / module).is_file() for module in COMPILED)


def test_a_module_names_the_folders_of_the_compiled_functions_that_it_calls(root: Path) -> None:
    exported = re.compile(r"\b(gfm_ra_\w+)\(")
    sources = {path: path.read_text() for path in (root / "gfm_ra/core").glob("*/*.cpp")}
    called = {}
    for module in (root / "gfm_ra").rglob("*.py"):
        functions = set(re.findall(r"\bcore\.(gfm_ra_\w+)", module.read_text()))
        rooms = {
            room
            for path, text in sources.items()
            if functions & set(exported.findall(text))
            for room in rooms_of(path, root / "gfm_ra/core", set())
        }
        if rooms:
            called[str(module.relative_to(root))] = {f"gfm_ra/core/{room}" for room in rooms}
    assert called == {module: set(folders) for module, folders in COMPILED.items()}


def rooms_of(source: Path, core: Path, seen: set[Path]) -> set[str]:
    """Folders of the core that a source is made from, its own included."""
    seen.add(source)
    included = {core / name for name in re.findall(r'#include "([\w/.]+)"', source.read_text())}
    return {source.parent.name}.union(*(rooms_of(path, core, seen) for path in included - seen))
