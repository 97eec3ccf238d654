"""What downstream ratios are ratios to: WMMSE-Best on the validation snapshots, solved once for all backbones."""

import numpy as np

from components.evaluation import score
from components.fewshot import FewShotConfig
from components.objectives import by_name
from components.shards import to_gain
from components.solvers import wmmse


def reference_score(val: np.ndarray, config: FewShotConfig, seed: int) -> float:
    """Mean score of WMMSE's best start on gain_db [N, K, K], which no backbone changes."""
    powers = wmmse(to_gain(val), by_name(config.objective), starts=config.reference_starts, seed=seed)
    return float(score(config.objective, powers, val).mean())
