"""Gains from a file, powers for three goals, in dBm."""

from pathlib import Path

import numpy as np

import gfm_ra

FULL_POWER_DBM = 23.0


def main() -> None:
    """Print the powers of a small site."""
    gain_db = np.loadtxt(Path(__file__).with_name("site.csv"), delimiter=",")
    network = gfm_ra.Network(gain_db=gain_db, transmit_power_dbm=FULL_POWER_DBM)
    allocator = gfm_ra.load()
    for goal in ("sum-rate", "proportional-fair", "qos"):
        answer = allocator.allocate(network, goal=goal)
        assert answer.power_dbm is not None
        silent = int((answer.power < 1e-3).sum())
        print(
            f"{goal}: {answer.rate.sum():.1f} bit/s/Hz in all, worst link {answer.rate.min():.2f}, {silent} silent"
        )
        print("  dBm:", " ".join(f"{power:.1f}" if power > -20 else "off" for power in answer.power_dbm))
        for note in answer.notes:
            print(f"  note: {note}")


if __name__ == "__main__":
    main()
