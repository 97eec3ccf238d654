"""What is lost where gains are unknown: `python -m benchmarks.worlds.hidden`, the packaged weights on D16 to D20.

Ratio of pooled mean scores to WMMSE-Best of the goal with every gain known: one pass that sees part of the pairs, and
the best of ten WMMSE starts on gains imputed by their 75 % quantile.
"""

import argparse
from pathlib import Path

import numpy as np

import gfm_ra
from components.channel.imputation import fill_quantile
from components.channel.masking import random_pair_mask
from components.channel.scenario import OUT_OF_DISTRIBUTION, SCENARIOS
from components.channel.simulator import simulate
from components.channel.torch_rng import torch_stream
from components.data.shards import json_text
from components.evaluation.scores import score_of_rates
from gfm_ra.goals import STANDARD
from gfm_ra.rates import spectral_efficiency
from gfm_ra.solvers import wmmse

SEED = 321


def main() -> None:
    """Print a line per goal and share of hidden pairs."""
    parser = argparse.ArgumentParser("python -m benchmarks.worlds.hidden", description=__doc__)
    parser.add_argument("--count", type=int, default=100, help="networks per scenario")
    parser.add_argument("--out", type=Path, metavar="JSON")
    given, rows = parser.parse_args(), []
    count, allocator = given.count, gfm_ra.load()
    for goal in STANDARD:
        for share in (0.3, 0.5):
            totals = np.zeros(3)  # of the reference, the model and the imputation
            for name in OUT_OF_DISTRIBUTION:
                gain = simulate(SCENARIOS[name], count, SEED)
                hidden = random_pair_mask(
                    count, gain.shape[-1], share, torch_stream(SEED, "hidden", name)
                ).numpy()
                powers = (
                    wmmse(gain, goal, starts=100),
                    allocator.allocate(gain=np.where(hidden, np.nan, gain), goal=goal).power,
                    wmmse(fill_quantile(gain, hidden), goal, starts=10),
                )
                totals += [score_of_rates(goal, spectral_efficiency(power, gain)).sum() for power in powers]
            model, imputed = totals[1:] / totals[0]
            print(f"{goal.name:18} {share:.0%} hidden: model {model:.4f}, imputed {imputed:.4f}")
            rows.append(
                {"goal": goal.name, "hidden": share, "model": round(model, 5), "imputed": round(imputed, 5)}
            )
    if given.out is not None:
        given.out.write_text(json_text({"networks": count, "model": allocator.name, "rows": rows}))


if __name__ == "__main__":
    main()
