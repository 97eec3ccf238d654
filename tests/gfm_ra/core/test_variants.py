"""Variants of the core that are built for tests only: for another machine, and with sanitizers."""

import os
import shutil
import subprocess
import sys

import numpy as np
import pytest

from components.channel.scenario import SCENARIOS
from components.channel.simulator import simulate
from gfm_ra.core import loader, objects
from gfm_ra.goals import AlphaFair, ProportionalFair, QoS, SumRate
from gfm_ra.solvers import wmmse

pytestmark = pytest.mark.slow
CROSS, EMULATOR = shutil.which("aarch64-linux-gnu-g++"), shutil.which("qemu-aarch64")
GOALS = {SumRate(): (0, 0, 0), ProportionalFair(): (1, 0, 0), QoS(): (2, 0.3, 15), AlphaFair(2.0): (3, 2, 0)}


@pytest.fixture(scope="module")
def harness(tmp_path_factory):
    if CROSS is None or EMULATOR is None:
        pytest.skip("needs a cross-compiler and an emulator: apt-get install g++-aarch64-linux-gnu qemu-user")
    program = tmp_path_factory.mktemp("neon") / "harness"
    sources = [str(path) for path in objects.source_files() if path.suffix == ".cpp"]
    flags = [*objects.COMMON_FLAGS, *objects.FLAGS["aarch64"][objects.NEON], '-DGFM_RA_DIGEST="tests"']
    main = os.path.join(os.path.dirname(__file__), "harness.cpp")
    command = [CROSS, *flags, f"-I{objects.SOURCES}", main, *sources, "-static", "-o", str(program)]
    subprocess.run(command, check=True)
    return program


@pytest.mark.skipif(
    loader.available()[-1] == objects.BASELINE, reason="this processor has no fused multiply-add"
)
@pytest.mark.parametrize("starts", [1, 3, 20])
@pytest.mark.parametrize("goal", GOALS, ids=repr)
def test_neon_gives_the_bits_of_this_processor(harness, tmp_path, goal, starts):
    for links in (1, 7, 20):
        gain = np.ascontiguousarray(simulate(SCENARIOS["D16"], 9, 2)[:, :links, :links])
        gain.tofile(tmp_path / "gains")
        words = [str(word) for word in (links, len(gain), *GOALS[goal], starts, 15)]
        subprocess.run([EMULATOR, harness, tmp_path / "gains", tmp_path / "powers", *words], check=True)
        powers = np.fromfile(tmp_path / "powers", np.float32).reshape(len(gain), links)
        assert np.array_equal(powers, wmmse(gain, goal, starts, iterations=15, seed=4))


# Variables on the stack stay unwatched: watching them takes the compiler very long on code that is all inlined.
ADDRESS = ("-O2", "-fsanitize=address", "--param", "asan-stack=0", "-fno-sanitize-address-use-after-scope")
UNDEFINED = (
    "-O1", "-fno-sanitize-recover=all",
    "-fsanitize=alignment,bounds,float-cast-overflow,null,shift,signed-integer-overflow",
)  # fmt: skip


@pytest.mark.parametrize(
    ("flags", "runtime"), [(ADDRESS, "libasan.so"), (UNDEFINED, "libubsan.so")], ids=["address", "undefined"]
)
def test_tests_of_the_core_pass_with_sanitizers(flags, runtime, tmp_path, root):
    # One instruction set is compiled anew (minutes), the others are as installed.
    name = "avx2" if "avx2" in loader.available() else loader.available()[-1]
    package = tmp_path / loader.PACKAGE
    shutil.copytree(loader._folder(), package)
    compiler = objects.compiler()
    subprocess.run([*compiler, *objects.command(name, package, objects.machine(), flags)], check=True)
    ask = [*compiler, f"-print-file-name={runtime}"]
    library = subprocess.run(ask, capture_output=True, text=True, check=True).stdout.strip()
    environment = os.environ | {
        "PYTHONPATH": f"{tmp_path}:{root}", "LD_PRELOAD": library, "PYTHONMALLOC": "malloc", "OMP_NUM_THREADS": "1",
        "ASAN_OPTIONS": "detect_leaks=0:allocator_may_return_null=1", loader.VARIABLE: name,
    }  # fmt: skip
    tests = [
        *(f"tests/gfm_ra/solvers/{name}.py" for name in ("test_core", "test_wmmse_laws", "test_scheduling")),
        "tests/gfm_ra/inference/test_compiled_efforts.py",
        "tests/gfm_ra/solvers/test_sparse.py",
        "tests/gfm_ra/inference/sparse/test_sparse_answers.py",
    ]
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "-m", "not slow", *tests]
    done = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, (done.stdout + done.stderr)[-5000:]
