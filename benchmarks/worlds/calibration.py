"""Which path loss agrees with the paper, by each reading of its WMMSE-Best: `python -m benchmarks.worlds.calibration`.

The paper prints no path-loss constants. Its figure 4(c) gives the QoS utility over that of WMMSE-Best for the sum rate,
3.0 at K = 80, and figure 5(c) more than 1.6. WMMSE-Best may be the best of 100 sum-rate runs by sum rate, or by the QoS
utility ("yields the maximum utility"). What the best of 100 runs with QoS weights reaches is printed in units of both,
for every path loss of the simulator.
"""

import argparse
from collections.abc import Sequence
from dataclasses import replace
from typing import get_args

import numpy as np

from components.channel.scenario import SCENARIOS, PathLossName
from components.channel.simulator import simulate
from components.evaluation.references import reference_solvers
from components.intervals import ratio_of_means
from gfm_ra.goals import QoS, SumRate
from gfm_ra.rates import spectral_efficiency

NAMES = ("D16", "D17", "D18", "D19", "D20")
SEED, STARTS, ITERATIONS = 1, 100, 100
_BY_SUM, _BY_QOS, _OWN = "best-sum-rate", "sum-rate-chosen-by-qos", "best-qos"


def utilities(name: str, path_loss: PathLossName, count: int) -> dict[str, np.ndarray]:
    """QoS utility of each reference on `count` snapshots, [N]."""
    gain = simulate(replace(SCENARIOS[name], path_loss=path_loss), count, SEED)
    solvers = reference_solvers(STARTS, ITERATIONS, SEED, 0, by_task=True)
    powers = {solver: solvers[solver](gain) for solver in (_BY_SUM, _BY_QOS, _OWN)}
    rates = {solver: spectral_efficiency(power, gain) for solver, power in powers.items()}
    found = {solver: np.asarray(QoS().utility(each)) for solver, each in rates.items()}
    found["sum rate per link"] = np.asarray(SumRate().utility(rates[_BY_SUM])) / gain.shape[-1]
    return found


def main(arguments: Sequence[str] | None = None) -> None:
    """Print one row per path loss and scenario."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=100, help="snapshots of each scenario")
    rows = parser.parse_args(arguments).rows
    print(
        "| path loss | scenario | sum rate per link | QoS per link, sum-rate WMMSE "
        "| QoS WMMSE over best by sum rate | over best by QoS |"
    )
    print("|---|---|---|---|---|---|")
    for path_loss in get_args(PathLossName):
        for name in NAMES:
            found = utilities(name, path_loss, rows)
            by_sum = ratio_of_means(found[_OWN], found[_BY_SUM], SEED)
            by_qos = ratio_of_means(found[_OWN], found[_BY_QOS], SEED)
            links = SCENARIOS[name].links
            print(
                f"| {path_loss} | {name} | {found['sum rate per link'].mean():.2f} | "
                f"{found[_BY_SUM].mean() / links:.2f} | {by_sum.value:.3f} [{by_sum.low:.3f}, {by_sum.high:.3f}] | "
                f"{by_qos.value:.3f} [{by_qos.low:.3f}, {by_qos.high:.3f}] |",
                flush=True,
            )


if __name__ == "__main__":
    main()
