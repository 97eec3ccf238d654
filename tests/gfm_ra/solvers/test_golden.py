"""The very bits of the solvers' powers, on gains that are exact in float32.

Instruction sets with a fused multiply-add give the same bits, so AVX2, AVX-512 and NEON share one set of digests.
"""

import hashlib

import numpy as np
import pytest

from gfm_ra.core import loader
from gfm_ra.goals import AlphaFair, ProportionalFair, QoS, SumRate, Weighted
from gfm_ra.rates import spectral_efficiency
from gfm_ra.solvers import binding, greedy, wmmse

LINKS, COUNT = 19, 5
WEIGHTS = np.arange(1.0, LINKS + 1)
GOALS = [
    SumRate(), ProportionalFair(), QoS(), AlphaFair(0.5), AlphaFair(1 + 1e-6), AlphaFair(2.0),
    Weighted(SumRate(), WEIGHTS), Weighted(QoS(0.5, 4.0), WEIGHTS),
]  # fmt: skip
DIGESTS = {
    "sum-rate 0, seed 0, 1 starts": "5a2ebc672c45c13d",
    "sum-rate 0, seed 1, 7 starts": "d78a7376672d1d2c",
    "sum-rate 0, seed 2, 40 starts": "cd7a5c7af99ed948",
    "proportional-fair 1, seed 0, 1 starts": "1111ceaa5724c0ea",
    "proportional-fair 1, seed 1, 7 starts": "9d534fa8b343a852",
    "proportional-fair 1, seed 2, 40 starts": "dbb94e53ceb21590",
    "qos 2, seed 0, 1 starts": "c87c9a6124d278b9",
    "qos 2, seed 1, 7 starts": "d7fa524afe85b78d",
    "qos 2, seed 2, 40 starts": "1db13bf829f2a4dd",
    "alpha-fair 3, seed 0, 1 starts": "d9c4b4dc541a0a8e",
    "alpha-fair 3, seed 1, 7 starts": "0ec31080b89066e4",
    "alpha-fair 3, seed 2, 40 starts": "a580388de2db651d",
    "alpha-fair 4, seed 0, 1 starts": "66bd78d8754171ef",
    "alpha-fair 4, seed 1, 7 starts": "563561ce446636ca",
    "alpha-fair 4, seed 2, 40 starts": "4dbb63bcec0136e1",
    "alpha-fair 5, seed 0, 1 starts": "bb9c0ab80fa9a159",
    "alpha-fair 5, seed 1, 7 starts": "5fb5589c8d0063ec",
    "alpha-fair 5, seed 2, 40 starts": "21cdae08bcb93713",
    "weighted 6, seed 0, 1 starts": "36347a9aa1235901",
    "weighted 6, seed 1, 7 starts": "a1facf73c411f95f",
    "weighted 6, seed 2, 40 starts": "6c4a27708dc8fb9e",
    "weighted 7, seed 0, 1 starts": "6f9c748770fbe7fd",
    "weighted 7, seed 1, 7 starts": "8dd97e23c0a63296",
    "weighted 7, seed 2, 40 starts": "cfc1a4ef7c5ecac7",
    "greedy sum-rate 0": "b5a58ec6e8d2ef96",
    "greedy proportional-fair 1": "787b14d480881e00",
    "greedy qos 2": "d4363d4597e8db11",
    "greedy alpha-fair 3": "4a10095d8b89e4c9",
    "greedy alpha-fair 4": "787b14d480881e00",
    "greedy alpha-fair 5": "abb501a5aa50d918",
    "greedy weighted 6": "78416fc80d3895f0",
    "greedy weighted 7": "5908ba99f7753463",
}


def gains():
    """Whole numbers times powers of two, by a generator that is written out here."""
    state, values = 1, []
    for _ in range(COUNT * LINKS * LINKS):
        state = (state * 6364136223846793005 + 1442695040888963407) % 2**64
        values.append((1 + (state >> 40) % 2**20) * 2.0 ** ((state >> 33) % 28 - 30))
    gain = np.array(values, np.float32).reshape(COUNT, LINKS, LINKS)
    gain[:, range(LINKS), range(LINKS)] *= np.float32(256.0)
    return gain


def cases():
    for goal in GOALS:
        for seed, starts in ((0, 1), (1, 7), (2, 40)):
            yield f"{goal.name} {GOALS.index(goal)}, seed {seed}, {starts} starts", goal, seed, starts


def digest(power):
    return hashlib.sha256(np.ascontiguousarray(power, dtype="<f4").tobytes()).hexdigest()[:16]


@pytest.mark.parametrize("name", [name for name in loader.available() if name != loader.objects.BASELINE])
def test_powers_are_the_same_bits_as_ever(name, monkeypatch):
    monkeypatch.setattr(binding, "_core", lambda: binding._typed(loader.library_for(name)))
    gain = gains()
    found = {
        label: digest(wmmse(gain, goal, starts, iterations=20, seed=seed))
        for label, goal, seed, starts in cases()
    }
    found |= {f"greedy {goal.name} {at}": digest(greedy(gain, goal)) for at, goal in enumerate(GOALS)}
    assert found == DIGESTS


def test_without_fused_multiply_add_the_utility_is_the_same_to_a_millionth(monkeypatch):
    if len(loader.available()) == 1:
        pytest.skip("this processor has one instruction set")
    gain = gains()
    few = [(goal, starts) for goal in (SumRate(), ProportionalFair(), AlphaFair(2.0)) for starts in (1, 7)]

    def merits():
        powers = [wmmse(gain, goal, starts, iterations=20).astype(np.float64) for goal, starts in few]
        return [
            goal.merit(spectral_efficiency(power, gain)) for (goal, _), power in zip(few, powers, strict=True)
        ]

    best = merits()
    monkeypatch.setattr(binding, "_core", lambda: binding._typed(loader.library_for("baseline")))
    np.testing.assert_allclose(merits(), best, rtol=1e-6, atol=1e-6)
