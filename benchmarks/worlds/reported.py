"""What is lost where channel state is reported: `python -m benchmarks.worlds.reported`, the packaged weights.

Receivers report the strongest transmitters alone, with errors, in whole steps (`components.channel.reports`). Ratio of
mean scores to WMMSE-Best of the goal with the exact gains, all evaluated there: our efforts; WMMSE with ten starts on
gains of which the unknown ones are imputed once, a chosen distance below the weakest report or as the network estimates
them; stochastic WMMSE on samples of what the network says the gains may be, which is the Bayes answer under it.
"""

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import gfm_ra
from benchmarks.worlds.table import WORLDS
from benchmarks.worlds.world import SEED, TUNING_SEED, networks
from components.channel.reports import SimulatedReports, simulated_reports
from components.data.shards import json_text
from components.evaluation.scores import score_of_rates
from components.intervals import ratio_of_means
from gfm_ra.goals import STANDARD, Objective
from gfm_ra.inference.network.contract import Contract
from gfm_ra.inference.network.unrolled import UnrolledNetwork
from gfm_ra.inference.uncertain.posterior import Posterior, posterior
from gfm_ra.rates import spectral_efficiency
from gfm_ra.solvers import wmmse
from gfm_ra.solvers.stochastic_mmse import stochastic_wmmse
from gfm_ra.units import to_gain

PLACES = ("D18", "umi-downlink", "umi-uplink")
BELOW_DB = (0.0, 3.0, 6.0, 9.0, 12.0, 15.0, 20.0, 30.0)
"""Distances below the weakest report that are tried for what is not reported."""
TUNING, STARTS, SAMPLES = 50, 10, 64
Method = Callable[[SimulatedReports, Objective], np.ndarray]


def imputed(told: SimulatedReports, below_db: float) -> np.ndarray:
    """Linear gains with those that were not reported so far below the weakest report of their receiver."""
    return to_gain(np.where(np.isnan(told.reported_db), told.at_most_db - below_db, told.reported_db))


def known(network: UnrolledNetwork, told: SimulatedReports) -> Posterior:
    """What the network makes of reports."""
    contract = Contract(told.uncertainty_db.astype(np.float32), told.at_most_db.astype(np.float32))
    return posterior(network, to_gain(told.reported_db), contract)


def sampled(network: UnrolledNetwork, told: SimulatedReports, goal: Objective) -> np.ndarray:
    """Stochastic WMMSE on samples, from full power and from WMMSE on the estimates; the better mean utility wins."""
    found = known(network, told)
    samples = found.samples(SAMPLES, SEED)
    starts = (None, wmmse(to_gain(found.mean_db), goal, starts=STARTS))
    powers = np.stack([stochastic_wmmse(samples, goal, 100, start) for start in starts])
    rates = [spectral_efficiency(np.broadcast_to(power, samples.shape[:-1]), samples) for power in powers]
    chosen = np.argmax([np.asarray(goal.utility(each)).mean(0) for each in rates], axis=0)
    return np.take_along_axis(powers, chosen[None, :, None], axis=0)[0]


def methods(allocator: gfm_ra.Allocator, below_db: float) -> dict[str, Method]:
    """What is compared, by name."""
    network = allocator.network
    assert isinstance(network, UnrolledNetwork), "packaged weights of the core"

    def ours(effort: Any) -> Method:  # noqa: ANN401 (a literal of three)
        return lambda told, goal: allocator.allocate(_network(told), goal=goal, effort=effort).power

    return {
        "fast": ours("fast"),
        "balanced": ours("balanced"),
        "best": ours("best"),
        f"imputed {below_db:g} dB below": lambda told, goal: wmmse(
            imputed(told, below_db), goal, starts=STARTS
        ),
        "imputed as estimated": lambda told, goal: wmmse(
            to_gain(known(network, told).mean_db), goal, starts=STARTS
        ),
        f"stochastic WMMSE, {SAMPLES} samples": lambda told, goal: sampled(network, told, goal),
    }


def measure(
    place: str, goal: Objective, given: argparse.Namespace, allocator: gfm_ra.Allocator
) -> dict[str, Any]:
    """One row: every method's ratio with its interval, and its milliseconds per network."""
    rng = np.random.default_rng(given.seed)
    trial_db = networks(WORLDS[place], TUNING, TUNING_SEED)
    trial = _reports(trial_db, given, np.random.default_rng(given.seed + 1))
    below_db = max(
        BELOW_DB, key=lambda tried: _scores(wmmse(imputed(trial, tried), goal), trial_db, goal).mean()
    )
    gain_db = networks(WORLDS[place], given.count)
    told = _reports(gain_db, given, rng)
    reference = _scores(wmmse(to_gain(gain_db), goal, starts=100), gain_db, goal)
    row: dict[str, Any] = {"world": place, "goal": goal.name}
    for name, method in methods(allocator, below_db).items():
        begin = time.perf_counter()
        power = method(told, goal)
        spent = time.perf_counter() - begin
        ratio = ratio_of_means(_scores(power, gain_db, goal), reference, SEED)
        row[name] = [round(float(value), 4) for value in ratio]
        row[f"{name}, ms"] = round(1e3 * spent / given.count, 3)
        print(f"{place:14} {goal.name:18} {name:32} {row[name]}  {row[f'{name}, ms']:.2f} ms", flush=True)
    return row


def _network(told: SimulatedReports) -> gfm_ra.Network:
    return gfm_ra.Network(
        gain_db=told.reported_db, uncertainty_db=told.uncertainty_db, at_most_db=told.at_most_db
    )


def _reports(gain_db: np.ndarray, given: argparse.Namespace, rng: np.random.Generator) -> SimulatedReports:
    return simulated_reports(gain_db, given.strongest, given.step, given.error, rng=rng)


def _scores(power: np.ndarray, gain_db: np.ndarray, goal: Objective) -> np.ndarray:
    return score_of_rates(
        goal, spectral_efficiency(power.astype(np.float64), to_gain(gain_db).astype(np.float64))
    )


def main() -> None:
    """Print every method's ratio; the table goes to a JSON file if asked."""
    parser = argparse.ArgumentParser("python -m benchmarks.worlds.reported", description=__doc__)
    add = parser.add_argument
    add("--worlds", nargs="+", choices=sorted(WORLDS), default=list(PLACES))
    add("--model", help="folder or name of weights (default: the packaged ones)")
    add("--count", type=int, default=200, help="test networks of each world")
    add(
        "--strongest",
        type=int,
        default=8,
        help="transmitters that a receiver reports beside its own (default: 8)",
    )
    add("--step", type=float, default=1.0, help="step of the reports in dB (default: 1)")
    add("--error", type=float, default=3.0, help="standard deviation of their errors in dB (default: 3)")
    add("--seed", type=int, default=1)
    add("--out", type=Path, metavar="JSON")
    given = parser.parse_args()
    allocator = gfm_ra.load(given.model)
    rows = [measure(place, goal, given, allocator) for place in given.worlds for goal in STANDARD]
    if given.out is not None:
        said = {
            "networks": given.count,
            "strongest": given.strongest,
            "step_db": given.step,
            "error_db": given.error,
        }
        given.out.write_text(json_text(said | {"model": allocator.name, "rows": rows}))


if __name__ == "__main__":
    main()
