"""Where every stage finds and leaves its files: the one place that knows these names."""

from pathlib import Path

DATA = Path("data/simulate")
REFERENCES = Path("data/solve")
BACKBONE = Path("artifacts/pretrain")
HEADS = Path("artifacts/finetune")
EVALUATION = Path("artifacts/evaluate")
SWEEP = Path("artifacts/sweep")
REGISTER = Path("artifacts/register/registered.json")
REPORT = Path("artifacts/report")
METRICS = Path("metrics")
# Every method's means and ratios with intervals, committed; metrics("evaluate") is the headline of it.
RATIOS = METRICS / "ratios.json"
OVERRIDES = Path("dags/overrides")


def overrides(from_sweep: bool) -> Path:
    """The file that may override pretrain's parameters: an empty one, or the sweep's choice."""
    return OVERRIDES / f"{str(from_sweep).lower()}.json"


def metrics(stage: str) -> Path:
    """A stage's committed headline: few numbers, the columns of `dvc metrics show`."""
    return METRICS / f"{stage}.json"


def history(stage: str) -> Path:
    """A training stage's committed learning curve."""
    return METRICS / f"{stage}-history.csv"
