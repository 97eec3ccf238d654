"""The objects fit the sources beside them, the processor and the machine's libraries, or one line says what to do."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from gfm_ra.core import loader, objects
from gfm_ra.errors import UserError

SOLVE = "import numpy as np; from gfm_ra.solvers import wmmse; print(wmmse(np.ones((2, 2)))[0])"


@pytest.fixture
def forget():
    """Whatever a test makes the loader remember is forgotten before and after."""
    for function in (loader.library, loader.available, loader.library_for):
        function.cache_clear()
    yield
    for function in (loader.library, loader.available, loader.library_for):
        function.cache_clear()


def python(folder: Path, code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code], cwd=folder, env=os.environ | environment, capture_output=True, text=True
    )


def test_the_best_instruction_set_is_used_unless_another_is_named(monkeypatch):
    monkeypatch.delenv(loader.VARIABLE, raising=False)
    assert loader.instruction_set() == loader.available()[-1]
    for name in loader.available():
        monkeypatch.setenv(loader.VARIABLE, name)
        assert loader.instruction_set() == name


def test_an_instruction_set_that_is_not_here_is_refused_in_one_line(monkeypatch):
    monkeypatch.setenv(loader.VARIABLE, "sse9")
    with pytest.raises(UserError, match=rf"{loader.VARIABLE}=sse9: this processor has") as caught:
        loader.instruction_set()
    assert "\n" not in str(caught.value)


def test_missing_objects_say_make_install(monkeypatch, forget):
    monkeypatch.setattr(loader, "PACKAGE", "gfm_ra_core_that_is_not_there")
    with pytest.raises(UserError, match="make install"):
        loader.library()


def test_objects_of_other_sources_say_make_install(monkeypatch, forget):
    monkeypatch.setattr(objects, "digest", lambda: "of other sources")
    with pytest.raises(UserError, match=r"other sources .* run `make install`") as caught:
        loader.library()
    assert "\n" not in str(caught.value)


def test_the_digest_follows_sources_and_flags(tmp_path):
    copy = tmp_path / "core"
    shutil.copytree(
        objects.SOURCES, copy, ignore=shutil.ignore_patterns("build", "__pycache__", "*.egg-info")
    )
    assert objects.digest(copy) == objects.digest()
    for name in ("solvers/links.hpp", "common/vectors.hpp", "objects.py"):
        before = objects.digest(copy)
        (copy / name).write_text((copy / name).read_text() + "\n")
        assert objects.digest(copy) != before


def test_a_copied_tree_finds_the_objects(tmp_path, root):
    shutil.copytree(
        root / "gfm_ra", tmp_path / "gfm_ra", ignore=shutil.ignore_patterns("build", "__pycache__")
    )
    done = python(tmp_path, SOLVE, PYTHONPATH=str(tmp_path))
    assert done.stdout.strip() == "1.0", done.stderr
    (tmp_path / "gfm_ra/core/solvers/links.hpp").write_text("// changed\n")
    assert "make install" in python(tmp_path, SOLVE, PYTHONPATH=str(tmp_path)).stderr


def test_solving_needs_no_compiler_and_no_home(tmp_path, root):
    code = f"import sys; sys.modules['numba'] = None; {SOLVE}"
    done = python(
        tmp_path, code, PYTHONPATH=str(root), HOME="/nonexistent", PATH="/nonexistent", CXX="/nonexistent"
    )
    assert done.stdout.strip() == "1.0", done.stderr
    assert not list(tmp_path.iterdir())


def test_no_compiler_is_said_in_one_line(monkeypatch):
    monkeypatch.setenv("CXX", "/nowhere/g++ -m64")
    with pytest.raises(
        objects.CompilerError, match=r"CXX names /nowhere/g\+\+.*apt-get install g\+\+"
    ) as caught:
        objects.compiler()
    monkeypatch.delenv("CXX")
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(objects.CompilerError, match=r"there is no C\+\+ compiler.*apt-get install g\+\+"):
        objects.compiler()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", loader.available())
def test_objects_need_the_c_library_alone(name):
    readelf = shutil.which("readelf")
    if readelf is None:
        pytest.skip("readelf is not installed")
    path = loader._folder() / objects.object_name(name)
    told = subprocess.run([readelf, "-d", str(path)], capture_output=True, text=True, check=True).stdout
    needed = [line.rpartition("[")[2].rstrip("]") for line in told.splitlines() if "(NEEDED)" in line]
    assert set(needed) <= {"libc.so.6", "libm.so.6"}  # both are the C library
