"""Unmodified clients of Triton and KServe, in an environment of their own: they read what the library answers."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import gfm_ra
from tests.servers import Server, free_port

pytestmark = pytest.mark.slow
HERE = Path(__file__).parent / "clients"
GAIN_DB = np.random.default_rng(1).normal(10.0, 15.0, (2, 6, 6)).astype(np.float32)
GAIN_DB[:, range(6), range(6)] += 25.0


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("clients")
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    program = str(folder / "bin/python")
    install = [program, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*install, "-r", str(HERE / "requirements.txt")], check=True, timeout=900)
    return program


@pytest.fixture(scope="module")
def server(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[int, int]]:
    port, calls = free_port(), free_port()
    program = str(Path(sys.executable).with_name("gfm-ra"))
    command = [program, "serve", "--port", str(port), "--grpc-port", str(calls)]
    found = Server(command, port, "/v2/health/ready", root, tmp_path_factory.mktemp("server"))
    yield port, calls
    found.end()


@pytest.fixture(scope="module")
def expected() -> dict[str, np.ndarray]:
    allocator, hidden = gfm_ra.load(), GAIN_DB.copy()
    hidden[:, 0, 1] = np.nan
    return {
        "plain": allocator.allocate(gain_db=GAIN_DB).power,
        "asked": allocator.allocate(gain_db=GAIN_DB, goal="qos", min_rate=0.4).power,
        "version": allocator.allocate(gain_db=GAIN_DB, effort="best", seed=5).power,
        "hidden": allocator.allocate(gain_db=hidden, effort="fast").power,
        "weighted": allocator.allocate(gain_db=GAIN_DB, weights=np.arange(1.0, 7.0)).power,
        "qos": allocator.allocate(gain_db=GAIN_DB, goal="qos").power,
    }


def told(python: str, script: str, server: tuple[int, int], folder: Path) -> dict[str, Any]:
    np.save(folder / "gains.npy", GAIN_DB)
    words = [python, str(HERE / script), *map(str, server), str(folder / "gains.npy")]
    done = subprocess.run(words, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


def test_triton_s_clients_read_the_library_s_powers(
    python: str, server: tuple[int, int], expected: dict[str, np.ndarray], tmp_path: Path
) -> None:
    found = told(python, "triton.py", server, tmp_path)
    for way in ("http", "grpc"):
        assert found[way]["about"] == "gfm-ra"
        assert found[way]["inputs"][0] == "gain_db"
        assert "speed" in found[way]["refused"]
        for name, power in found[way]["power"].items():
            right = expected.get(name, expected["plain"])
            np.testing.assert_allclose(power, right, atol=1e-6, err_msg=f"{way}, {name}")
    assert set(found["http"]["power"]) == set(found["grpc"]["power"]) | {"json"}


def test_kserve_s_clients_read_the_library_s_powers(
    python: str, server: tuple[int, int], expected: dict[str, np.ndarray], tmp_path: Path
) -> None:
    found = told(python, "kserve_client.py", server, tmp_path)
    for way in ("rest", "grpc"):
        np.testing.assert_allclose(np.reshape(found[way], (2, 6)), expected["qos"], atol=1e-6)
