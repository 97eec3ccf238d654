"""How good an allocator is in worlds that it was never trained or chosen in: `python -m benchmarks.worlds.foreign`.

Ratio to WMMSE-Best of the same goal (100 starts, 100 iterations), mean over mean with a 95 % bootstrap interval, and
the first percentile of the ratio network by network. Networks come from NumPy's PCG64; gains are in units of noise at
full power, row = receiver, column = transmitter.
"""

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

import gfm_ra
from components.channel.scenario import SCENARIOS, Scenario
from components.channel.simulator import simulate
from components.evaluation.intervals import ratio_of_means
from components.training.worlds.validation import score
from gfm_ra.goals import AlphaFair, Objective, ProportionalFair, QoS, SumRate
from gfm_ra.inference.comparison import EFFORTS
from gfm_ra.rates import spectral_efficiency
from gfm_ra.solvers import full_reuse, wmmse
from gfm_ra.units import db_to_linear

SEED = 20_261_126
GOALS: dict[str, Objective] = {
    "sum-rate": SumRate(),
    "proportional-fair": ProportionalFair(),
    "alpha 0.5": AlphaFair(0.5),
    "alpha 2": AlphaFair(2.0),
    "qos": QoS(),
}
Draw = Callable[[np.random.Generator, int], np.ndarray]  # count networks, gain [count, K, K]


def independent(links: int, mean_db: float = 20.0) -> Draw:
    """Every gain Rayleigh with the same mean."""
    return lambda draw, count: db_to_linear(mean_db) * draw.exponential(size=(count, links, links))


def equal(links: int) -> Draw:
    """Every gain 20 dB: only one link should send."""
    return lambda draw, count: np.full((count, links, links), 100.0)


def log_normal(links: int, spread_db: float = 15.0, mean_db: float = 10.0) -> Draw:
    """Every gain log-normal with the same law."""
    return lambda draw, count: db_to_linear(draw.normal(mean_db, spread_db, (count, links, links)))


def on_top(copies: int, pairs: int) -> Draw:
    """D1-like networks in which every pair stands `copies` times at the same place."""

    def drawn(draw: np.random.Generator, count: int) -> np.ndarray:
        scenario = Scenario("few pairs", pairs, 2.0, 65.0, area_m=300.0)
        gain = simulate(scenario, count, int(draw.integers(2**31)))
        return np.repeat(np.repeat(gain, copies, axis=1), copies, axis=2)

    return drawn


def d2d(gap_db: float) -> Draw:
    """Links of 30 to 70 m with ITU-R P.1411 loss, all gains lowered by an SNR gap."""

    def drawn(draw: np.random.Generator, count: int) -> np.ndarray:
        scenario = Scenario("d2d", 50, 30.0, 70.0, path_loss="itu1411")
        return simulate(scenario, count, int(draw.integers(2**31))) / db_to_linear(gap_db)

    return drawn


def uplink(cells: int = 7, users: int = 4) -> Draw:
    """Hexagonal cells of 250 m radius, users uniform round their station, which all its links share; NLOS loss
    of 3GPP TR 36.814 (131.1 + 42.8 log10 d_km), shadowing 8 dB, Rayleigh, 23 dBm in 10 MHz, noise figure 5 dB."""

    def drawn(draw: np.random.Generator, count: int) -> np.ndarray:
        angles = np.arange(6) * np.pi / 3 + np.pi / 6
        ring = 250.0 * np.sqrt(3.0) * np.stack([np.cos(angles), np.sin(angles)], -1)
        stations = np.concatenate([np.zeros((1, 2)), ring])[:cells]
        served = np.repeat(np.arange(cells), users)
        radius = 250.0 * np.sqrt(draw.uniform(0.02, 1.0, (count, cells * users)))
        turn = draw.uniform(0.0, 2.0 * np.pi, radius.shape)
        at = stations[served] + radius[..., None] * np.stack([np.cos(turn), np.sin(turn)], -1)
        distance = np.linalg.norm(
            at[:, None, :, :] - stations[None, :, None, :], axis=-1
        )  # [count, cells, K]
        loss_db = 131.1 + 42.8 * np.log10(np.maximum(distance, 10.0) / 1e3)
        gain_db = 23.0 - loss_db - 8.0 * draw.standard_normal(distance.shape) + 99.0
        gain = db_to_linear(gain_db) * draw.exponential(size=distance.shape)
        return gain[:, served, :]

    return drawn


def home(name: str) -> Draw:
    """A test scenario of the paper."""
    return lambda draw, count: simulate(SCENARIOS[name], count, int(draw.integers(2**31)))


WORLDS: dict[str, Draw] = {
    "home D16": home("D16"),
    "home D18": home("D18"),
    "home D20": home("D20"),
    "independent 20": independent(20),
    "independent 50": independent(50),
    "all equal 10": equal(10),
    "two on top 16": on_top(2, 8),
    "three on top 15": on_top(3, 5),
    "log-normal 20": log_normal(20),
    "d2d 50": d2d(0.0),
    "d2d 50, 6 dB gap": d2d(6.0),
    "uplink 7 x 4": uplink(),
}


def main(arguments: Sequence[str] | None = None) -> None:
    """Print a line per world and goal."""
    parser = argparse.ArgumentParser("python -m benchmarks.worlds.foreign", description=__doc__)
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--worlds", nargs="+", choices=[*WORLDS], default=[*WORLDS])
    parser.add_argument("--goals", nargs="+", choices=[*GOALS], default=[*GOALS])
    parser.add_argument("--efforts", nargs="+", choices=EFFORTS, default=[*EFFORTS])
    parser.add_argument("--weights", help="a name or a folder; the newest in the package unless given")
    given = parser.parse_args(arguments)
    named = None if given.weights is None else Path(given.weights) if "/" in given.weights else given.weights
    allocator = gfm_ra.load(named)
    print(
        f"{'world':18} {'goal':18} {'1 run':>7} {'full':>7}", *(f"{effort:>30}" for effort in given.efforts)
    )
    for number, (name, drawn) in enumerate(WORLDS.items()):
        if name not in given.worlds:
            continue
        draw = np.random.Generator(np.random.PCG64([SEED, number]))
        gain = drawn(draw, given.count).astype(np.float32)
        for title in given.goals:
            goal = GOALS[title]

            def scored(power: np.ndarray, gain: np.ndarray = gain, goal: Objective = goal) -> np.ndarray:
                return score(spectral_efficiency(power.astype(np.float64), gain.astype(np.float64)), goal)

            best = scored(wmmse(gain, goal, starts=100))
            plain = [
                scored(wmmse(gain, goal)).mean() / best.mean(),
                scored(full_reuse(gain)).mean() / best.mean(),
            ]
            cells = []
            for effort in given.efforts:
                found = scored(allocator.allocate(gain=gain, goal=goal, effort=effort).power)
                ratio = ratio_of_means(found, best, 0)
                low = np.percentile(found / best, 1)
                cells.append(f"{ratio.value:7.4f} [{ratio.low:.4f}, {ratio.high:.4f}] {low:5.3f}")
            print(f"{name:18} {title:18}", *(f"{value:7.4f}" for value in plain), *cells, flush=True)


if __name__ == "__main__":
    main()
