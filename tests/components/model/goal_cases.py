"""Rates and goals that tests of goals as data share."""

import numpy as np
import torch

from gfm_ra.goals import (
    AlphaFair,
    ProportionalFair,
    QoS,
    SumRate,
    Weighted,
)

GRAPHS, LINKS, MANY = 3, 5, 20_000
RATES = np.random.default_rng(0).uniform(0.05, 6.0, (GRAPHS, LINKS))
RATES[:, 0] = 0.2  # below the least rate of QoS in every graph
PER_LINK = np.array([1.0, 3.0, 0.5, 2.0, 0.1])
PER_GRAPH = np.random.default_rng(1).uniform(0.1, 4.0, (GRAPHS, LINKS))
OBJECTIVES = [SumRate(), ProportionalFair(), QoS(), QoS(0.5, 2.0), AlphaFair(0.5), AlphaFair(2.0)]
OBJECTIVES += [Weighted(QoS(), PER_LINK), Weighted(ProportionalFair(), PER_GRAPH)]


def rates() -> torch.Tensor:
    return torch.from_numpy(RATES)
