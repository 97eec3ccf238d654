"""What `pip install .` brings: this package and its core alone, ready to answer, beside whatever else is there."""

import os
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
from setuptools import find_packages

LARGEST_WHEEL_BYTES = 15_000_000
QUESTION = "import gfm_ra; print(gfm_ra.load().allocate(gain_db=[[30.0, 3.0], [1.0, 28.0]]).source)"


def test_only_this_package_is_packed(root: Path) -> None:
    chosen = tomllib.loads((root / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"]["find"]
    found = find_packages(str(root), include=chosen["include"])
    assert {name.partition(".")[0] for name in found} == {"gfm_ra"}
    assert {
        "gfm_ra.cli",
        "gfm_ra.core",
        "gfm_ra.files",
        "gfm_ra.inference",
        "gfm_ra.solvers",
        "gfm_ra.weights",
    } <= {*found}


def test_importing_it_imports_nothing_heavy(root: Path) -> None:
    heavy = (
        "numpy",
        "torch",
        "ray",
        "mlflow",
        "dvc",
        "onnxruntime",
        "scipy",
        "pyarrow",
        "pipelines",
        "components",
    )
    script = f"import sys, gfm_ra; print([name for name in {heavy!r} if name in sys.modules])"
    found = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, cwd=root, check=True
    )
    assert found.stdout.strip() == "[]"
    script = f"import sys; {QUESTION}; print([name for name in {heavy[1:]!r} if name in sys.modules])"
    found = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, cwd=root, check=True
    )
    assert found.stdout.splitlines()[-1] == "[]"


def test_an_answer_leaves_nothing_in_the_home_folder(root: Path, tmp_path: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("XDG_", "ORT_"))}
    script = f"{QUESTION}; import time; time.sleep(1)"
    subprocess.run(
        [sys.executable, "-c", script],
        cwd=root,
        check=True,
        env=environment | {"HOME": str(tmp_path)},
        timeout=120,
    )
    assert list(tmp_path.rglob("*")) == []


@pytest.fixture(scope="module")
def wheel(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of the tracked files, as a clone would build it."""
    copy, out = tmp_path_factory.mktemp("copy"), tmp_path_factory.mktemp("wheel")
    tracked = subprocess.run(["git", "ls-files", "-z"], capture_output=True, cwd=root, check=True).stdout
    for name in filter(None, tracked.decode().split("\0")):
        if (root / name).is_file():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            (copy / name).write_bytes((root / name).read_bytes())
    pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
    subprocess.run([*pip, "--wheel-dir", str(out), str(copy)], check=True, timeout=600)
    (made,) = out.glob("*.whl")
    return made


@pytest.mark.slow
def test_the_wheel_holds_the_package_and_its_core_and_is_small(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    top = {name.partition("/")[0] for name in names}
    assert {name for name in top if not name.endswith(".dist-info")} == {"gfm_ra", "gfm_ra_core"}
    assert any(name.endswith("/network.npz") for name in names)
    assert wheel.stat().st_size <= LARGEST_WHEEL_BYTES
    assert "-py3-none-" in wheel.name


@pytest.mark.slow
def test_it_answers_beside_strangers_and_without_home_or_a_place_to_write(
    wheel: Path, tmp_path: Path
) -> None:
    # Numpy comes from this environment; everything else of it stays outside.
    site = tmp_path / "site"
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(site)]
    subprocess.run([*pip, str(wheel)], check=True, timeout=300)
    for name in ("components", "pipelines", "dags"):
        (site / name).mkdir()
        (site / name / "__init__.py").write_text("WHOSE = 'a stranger'\n")
    (site / "pipelines" / "cli").mkdir()
    for name in ("__init__", "main", "doctor", "models"):
        (site / "pipelines" / "cli" / f"{name}.py").write_text("raise SystemExit('a stranger runs')\n")
    for folder, _, _ in os.walk(site):
        Path(folder).chmod(0o555)
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(site)}
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, *words],
            capture_output=True,
            text=True,
            cwd=elsewhere,
            env=environment,
            timeout=120,
        )

    try:
        script = f"{QUESTION}; import components; print(components.WHOSE, gfm_ra.__file__)"
        found = run("-c", script)
        assert found.returncode == 0, found.stderr
        source, rest = found.stdout.splitlines()
        assert source in ("refined", "model", "wmmse", "full-reuse")
        assert rest == f"a stranger {site / 'gfm_ra' / '__init__.py'}"
        main = ("-c", "import sys; from gfm_ra.cli import main; sys.argv[0] = 'gfm-ra'; main()")
        listed = run(*main, "models", "list")
        assert listed.returncode == 0, listed.stderr
        assert "stranger" not in listed.stdout + listed.stderr
        assert run(*main, "doctor").returncode == 0
        refused = run(*main, "simulate", "gains.npy")
        assert refused.returncode == 1
        assert "command of a clone" in refused.stderr
        assert "Traceback" not in refused.stderr
    finally:
        for folder, _, _ in os.walk(site):
            Path(folder).chmod(0o755)
