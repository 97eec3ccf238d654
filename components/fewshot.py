"""What a backbone is worth downstream: adapted with few samples, compared with WMMSE-Best on validation data."""

import numpy as np
from pydantic import Field

from components.config import Strict
from components.evaluation import model_powers, score
from components.finetuning import Finetuning, FinetuningConfig
from components.heads import PowerModel
from components.objectives import SumRate, by_name
from components.shards import to_gain
from components.solvers import wmmse


class FewShotConfig(Strict):
    """The downstream trial by which backbones are compared."""

    objective: str = SumRate.name
    scenario: str = "D16"
    shots: int = Field(default=64, ge=1)
    val_rows: int = Field(default=200, ge=1)
    reference_starts: int = Field(default=20, ge=1)
    recipe: FinetuningConfig = FinetuningConfig()


def few_shot_ratio(
    model: PowerModel, train: np.ndarray, val: np.ndarray, config: FewShotConfig, seed: int
) -> float:
    """Mean validation score after adaptation over that of WMMSE's best start.

    Args:
        model: the power model to adapt, changed in place; its backbone is what is being judged.
        train: gain_db [shots, K, K].
        val: gain_db [N, K, K], never the test split.
        config: recipe and reference.
        seed: of batches and reference starts.
    """
    loop = Finetuning(config.recipe, model, by_name(config.objective), [train], [val], seed)
    loop.run(lambda metrics, save: None, lambda done, total, count: None)
    powers = wmmse(to_gain(val), by_name(config.objective), starts=config.reference_starts, seed=seed)
    reached = score(config.objective, model_powers(model, val), val).mean()
    return float(reached / score(config.objective, powers, val).mean())
