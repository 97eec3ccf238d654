"""What downstream ratios are ratios to: WMMSE-Best on the validation snapshots, solved once for all backbones."""

import numpy as np

from components.evaluation.few_shot import FewShotConfig
from components.evaluation.scores import score
from gfm_ra.goals import by_name
from gfm_ra.solvers import wmmse
from gfm_ra.units import to_gain


def reference_score(val: np.ndarray, config: FewShotConfig, seed: int) -> float:
    """Mean score of WMMSE's best start on gain_db [N, K, K], which no backbone changes."""
    powers = wmmse(to_gain(val), by_name(config.objective), starts=config.reference_starts, seed=seed)
    return float(score(config.objective, powers, val).mean())
