"""A seed means bytes: digests of simulated gains, which no change of code and no processor may move."""

import dataclasses
import hashlib
import json
import os
import platform
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from numpy._core import _multiarray_umath

from components.channel import simulator
from components.channel.scenario import SCENARIOS, Scenario
from components.channel.simulator import simulate

# Without fused multiply-adds, and on other architectures, sine and exponential may end in other bits.
pytestmark = pytest.mark.skipif(
    platform.machine() != "x86_64" or not _multiarray_umath.__cpu_features__["X86_V3"],
    reason="the digests are those of x86-64 processors with AVX2 and fused multiply-adds",
)
GOLDEN = {
    ("D1", 0): "51b775ebe45251fefe93a8e94f52a79709303182ec9cd197a9ffed259f3e72b1",
    ("D1", 7): "ded9586d7fa52a0f39c97c7961a7ac89a9877524ab5ef6b5cdac20eb83a1d9a4",
    ("D16", 0): "3c86eac3b7ead7d315366234b21905c75ee83601dbe59827e05a821b23a1ac91",
    ("D16", 7): "f165b2a89d380693cab166562b84fbcdf16e77fe56ab4d26d50cf1fe35233652",
    ("D20", 0): "4855facf70e08672bbe2e521577a378b58900901fa993cc300e345c50b3444c0",
    ("D20", 7): "79379b250fbc2c69f29f0844cfdb5d808564c6598b782b1d0d8461c8b2580cde",
    ("itu1411", 0): "305c2e33747864da24f077d161caf7f63e9e6bd6039ee7f9cd851acef6188e55",
    ("itu1411", 7): "aa4d92694d91ac9ffb4a2317f2ccc9bcc32af44e779d6c1d4b8d9d51b848c588",
}
WORLDS = {name: SCENARIOS[name] for name in ("D1", "D16", "D20")}
WORLDS["itu1411"] = dataclasses.replace(SCENARIOS["D16"], path_loss="itu1411")
COUNTS = {"D1": 40, "D16": 40, "D20": 12, "itu1411": 40}  # D20's are worked on in two parts
# numba compiles for Haswell and numpy takes none of its kernels for AVX-512.
AVX2_ONLY = {
    "NUMBA_CPU_NAME": "haswell",
    "NUMBA_CPU_FEATURES": "+avx2,+fma",
    "NPY_DISABLE_CPU_FEATURES": "X86_V4 AVX512_ICL AVX512_SPR",
}
PROGRAM = """
import json, sys, numpy as np
from numpy._core import _multiarray_umath
from components.channel import Scenario, simulate, simulator
gains = [simulate(Scenario(**world), count, seed) for world, count, seed in json.loads(sys.argv[1])]
print(json.dumps({
    "numpy": _multiarray_umath.__cpu_features__["X86_V4"],
    "numba": any("zmm" in text for text in simulator._attenuate.inspect_asm().values()),
}), flush=True)
sys.stdout.buffer.write(b"".join(part.tobytes() for part in gains))
"""


def digest(world: Scenario, count: int, seed: int) -> str:
    return hashlib.sha256(simulate(world, count, seed).tobytes()).hexdigest()


@pytest.mark.parametrize(("name", "seed"), GOLDEN)
def test_gains_of_a_seed_are_the_same_bytes_as_ever(name: str, seed: int) -> None:
    assert digest(WORLDS[name], COUNTS[name], seed) == GOLDEN[name, seed]


def test_the_digests_notice_how_many_gains_are_worked_on_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(simulator, "_CACHED_ENTRIES", simulator._CACHED_ENTRIES // 2)
    assert digest(WORLDS["D20"], COUNTS["D20"], 0) != GOLDEN["D20", 0]


@pytest.mark.skipif(
    not _multiarray_umath.__cpu_features__["X86_V4"], reason="this processor has no AVX-512 to compare with"
)
def test_avx2_and_avx512_give_the_same_bytes(root: Path, tmp_path: Path) -> None:
    asked = [(name, seed) for name, seed in GOLDEN if seed == 7]
    argument = json.dumps([(dataclasses.asdict(WORLDS[name]), COUNTS[name], seed) for name, seed in asked])
    environment = os.environ | AVX2_ONLY | {"NUMBA_CACHE_DIR": str(tmp_path), "PYTHONPATH": str(root)}
    answer = subprocess.run(
        [sys.executable, "-c", PROGRAM, argument], env=environment, capture_output=True, check=False
    )
    assert answer.returncode == 0, answer.stderr.decode()
    about, _, content = answer.stdout.partition(b"\n")
    assert json.loads(about) == {"numpy": False, "numba": False}  # it did run without AVX-512
    gains = np.frombuffer(content, np.float32)
    for name, seed in asked:
        size = COUNTS[name] * WORLDS[name].links ** 2
        part, gains = gains[:size], gains[size:]
        assert hashlib.sha256(part.tobytes()).hexdigest() == GOLDEN[name, seed]
    assert len(gains) == 0
