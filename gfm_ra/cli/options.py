"""Options of commands that set powers: the goal, how much work an answer is worth, and what measurements are like."""

import argparse


def add_goal_options(one: argparse.ArgumentParser) -> None:
    """What powers are set for, and by whom."""
    one.add_argument("--goal", help="sum-rate (default), proportional-fair, alpha-fair, qos, energy-efficiency, or "
                     "another package's")  # fmt: skip
    one.add_argument("--alpha", type=float, help="fairness of alpha-fair")
    one.add_argument("--min-rate", type=float, help="least rate of qos, bit/s/Hz (default: 0.3)")
    one.add_argument("--penalty", type=float, help="of qos, per missing bit/s/Hz (default: 15)")
    one.add_argument("--circuit-power", type=float,
                     help="of energy-efficiency: of one link, in units of its full power")  # fmt: skip
    one.add_argument("--amplifier-efficiency", type=float, help="of energy-efficiency (default: 0.35)")
    one.add_argument("--energy-kind", choices=("global", "weighted-sum"),
                     help="of energy-efficiency: one ratio (default), or the sum of the links' own")  # fmt: skip
    one.add_argument("--weights", metavar="FILE", help="K priorities, one per link")
    one.add_argument("--effort", choices=("fast", "balanced", "best"),
                     help="one pass; never below WMMSE (default); never below the best of 100 WMMSE runs")  # fmt: skip
    one.add_argument("--seed", type=int, help="of the random starts of effort best (default: 0)")
    one.add_argument("--model", metavar="NAME", help="weights: a name, a folder, or models:/name@alias")


def add_measurement_options(one: argparse.ArgumentParser) -> None:
    """Where measurements are and how they were made."""
    one.add_argument("reports", metavar="REPORTS", help="JSON or CSV of reports, counters or a scan")
    one.add_argument("--cells", metavar="CELLS", required=True, help="CSV of the cells or access points")
    one.add_argument("--terminals", choices=("rounds", "weakest", "newest"), default="rounds",
                     help="of a cell with several: all in turn (default), or one of them")  # fmt: skip
    one.add_argument("--uplink", action="store_true", help="levels are those of terminals' SRS at the cells")
    one.add_argument("--noise-figure", type=float, metavar="DB",
                     help="of the receivers (default: 9; uplink: the cells' own, or 5)")  # fmt: skip
    one.add_argument(
        "--error", type=float, metavar="DB", help="deviation of one measurement, 0 to 40 (default: 2)"
    )
    one.add_argument("--speed", type=float, metavar="M/S", help="of terminals, for ages (default: 0.83)")
    one.add_argument("--max-age", type=float, metavar="S", help="of reports that count (default: 900)")
    one.add_argument("--now", metavar="TIME", help="time of use (default: that of the newest report)")
