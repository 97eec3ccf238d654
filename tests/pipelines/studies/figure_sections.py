"""Parameters of the figures' chain, as small as they can be."""

from pathlib import Path
from typing import Any

from pipelines.runtime import paths

Tree = dict[str, Any]
RECIPE = {"warmup_epochs": 0, "epochs": 2, "updates_per_epoch": 2, "batch_size": 8}
PATIENT = {
    "warmup_epochs": 1,
    "epochs": 5,
    "updates_per_epoch": 2,
    "validate_every": 1,
    "patience": 1,
    "batch_size": 8,
}


def sections(folder: Path) -> Tree:
    """Parameters of the DAG's sections in a folder."""
    here = str(folder / paths.ABLATIONS)
    common = {"scenarios": ["near", "far"], "test_scenarios": ["near", "far"], "recipe": RECIPE, "seeds": 2}
    one = {
        "shots": [0],
        "scenarios": ["near"],
        "test_scenarios": ["near", "far"],
        "hidden": [0.5],
        "masked": ["pairs", "edges"],
        "seeds": 1,
    }
    both = {"hidden": [0.5], "masked": ["pairs", "edges"]}
    small = {"layers": 1, "width": 8, "heads": 2, "bias_width": 4, "node_features": "landmarks"}
    return {
        "ablations": {
            "scenarios": ["near"], "train_rows": 16, "val_rows": 8, "seeds": 2,
            "base": {"backbone": small | {"width": 16}, "epochs": 2, "batch_size": 8, "learning_rate": 1e-3},
            "variants": {
                "hybrid": {}, "generative": {"consistency_weight": 0.0}, "rho-0.5": {"mask_ratio": 0.5},
                "prompted": {"utility_weight": 10.0}, "small": {"backbone": small}, "directed": {"masked": "edges"},
                "literal-lambda": {"edge_reduction": "sum"}, "both": {},
            },
            "training_sets": {"both": {"scenarios": ["near", "far"], "train_rows": 8}},
        },
        "few_shot": {
            "models": {"hybrid": f"{here}/hybrid/0", "prompted": f"{here}/prompted/0"},
            "test_rows": 20, "val_rows": 8,
            "studies": {
                "few-shot": common | both | {"starts": ["hybrid", "scratch"], "shots": [8, 16],
                                             "learning_rates": [1e-4, 1e-2]},
                "until-it-stops": common | {"starts": ["hybrid", "scratch"], "objectives": ["sum-rate"], "shots": [8],
                                            "recipe": PATIENT},
                "one-scenario": common | {"starts": ["hybrid"], "objectives": ["sum-rate"], "shots": [8],
                                          "scenarios": ["far"], "test_scenarios": ["far"]},
                "paper-recipe": common | {"starts": ["hybrid", "scratch"], "objectives": ["sum-rate"], "shots": [8]},
                "pcgnn": common | both | {"starts": ["pcgnn"], "shots": [8, 40], "hidden_shots": [8, 40]},
                "pcgnn-depth-2": common | {"starts": ["pcgnn"], "objectives": ["sum-rate"], "shots": [8],
                                           "pcgnn": {"rounds": 2}},
                "network-sizes": common | {"starts": ["variant:hybrid", "variant:both"], "objectives": ["sum-rate"],
                                           "shots": [8]},
                "zero-shot": one | {"starts": ["prompted"]},
                "imputed": one | {"starts": ["imputed-wmmse"]},
                "variants": common | both | {
                    "starts": ["variant:hybrid", "scratch", "variant:generative", "variant:prompted",
                               "variant:rho-0.5", "variant:small", "variant:directed", "variant:literal-lambda"],
                    "objectives": ["sum-rate"], "shots": [8, 16],
                },
            },
        },
        "speed_quality": {
            "scenarios": ["far"], "rows": 20, "iterations": [1, 20], "starts": [4], "batches": [1, 4], "seconds": 0.01,
            "prompted": {"prompted": f"{here}/prompted/0"},
            "one_goal": {"hybrid": f"{here}/hybrid/0", "variant:small": f"{here}/small/0"},
        },
        "paper_figures": {
            "profile": "test", "reference": "best of 4", "adapted": f"{here}/hybrid/0", "rows": 20,
            "scenarios": ["near", "far"], "small_scenario": "far",
            "sizes": ["small", "hybrid"], "mask_ratios": ["hybrid", "rho-0.5"],
            "ablation": ["scratch", "generative", "hybrid", "directed", "literal-lambda", "prompted"],
            "depths": ["small", "hybrid"], "training_sets": ["hybrid", "both"],
        },
    }  # fmt: skip
