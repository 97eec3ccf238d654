"""Whether the kind of networks that are asked for has changed: a sequential test on their familiarity.

Every network with familiarity p multiplies the evidence by the bet p^-1/2 / 2, whose mean is 1 for networks of the
reference; the evidence of all starting points is summed (Shiryaev and Roberts' statistic as an e-detector: Shin,
Ramdas, Rinaldo, arXiv 2203.03532):

    M = (M + 1) p^-1/2 / 2

After n networks that are drawn from the reference independently of each other, the mean of M is n. So false alarms come
at least `run_length` networks apart on the average, and n networks raise one with a probability of at most
n / run_length. Networks that resemble each other, snapshots of one site, are not independent.

All of this is for familiarity that is exactly uniform. A reference is calibrated with finitely many held-out networks,
so that the mean bet differs from 1; where it is above 1, false alarms come sooner (docs/familiarity.md has figures).
"""

import math

RUN_LENGTH = 1e6
"""Networks between false alarms, on the average at least, if familiarity is exactly uniform."""
_LEAST = 1e-6


class Drift:
    """Evidence that networks are not of the reference. Not safe for several threads at once."""

    def __init__(self, run_length: float = RUN_LENGTH) -> None:
        """Without evidence.

        Raises:
            ValueError: a run length that is not above 1.
        """
        if not 1.0 < run_length < math.inf:
            raise ValueError(
                f"drift: run_length must be above 1, networks between false alarms, got {run_length}"
            )
        self.limit = math.log(run_length)
        self.evidence = -math.inf  # log M
        self.alarm = False

    def add(self, familiarity: float) -> bool:
        """Count a network; whether it has raised the alarm. NaN, of a size that the reference lacks, is passed over.

        The alarm ends when the evidence has fallen to half of the limit (both are logarithms). Evidence does not grow
        beyond the limit, so that some 40 usual networks end it.
        """
        if math.isnan(familiarity):
            return False
        bet = -0.5 * math.log(min(max(familiarity, _LEAST), 1.0)) - math.log(2.0)
        self.evidence = min(math.log1p(math.exp(self.evidence)) + bet, self.limit)
        raised = not self.alarm and self.evidence >= self.limit
        self.alarm = raised or (self.alarm and self.evidence > 0.5 * self.limit)
        return raised
