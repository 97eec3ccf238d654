"""Where every stage finds and leaves its files: the one place that knows these names."""

from pathlib import Path

DATA = Path("data/simulate")
REFERENCES = Path("data/solve")
PRETRAINED = Path("artifacts/pretrain")
HEADS = Path("artifacts/finetune")
EVALUATION = Path("artifacts/evaluate")
# Of the DAG of the paper's figures.
ABLATIONS = Path("artifacts/ablations")
FEW_SHOT = Path("artifacts/few_shot")
SPEED_QUALITY = Path("artifacts/speed_quality")
FIGURES = Path("artifacts/paper_figures")
SWEEP = Path("artifacts/sweep")
REGISTER = Path("artifacts/register/registered.json")
REPORT = Path("artifacts/report")
# The network for any world, and the folders of weights as they travel in the package.
TRAIN_WORLDS = Path("artifacts/train_worlds")
RELEASE = Path("artifacts/release")
# Learned allocators of the literature, of the DAG of the test worlds.
TRAIN_PEERS = Path("artifacts/train_peers")
METRICS = Path("metrics")
# Every method's means and ratios with intervals, committed; metrics("evaluate") is the headline of it.
RATIOS = METRICS / "ratios.json"
GOAL_STUDY = METRICS / "goal_study-full.json"
# Every value of the figures with its interval, and the status of the paper's claims: made by the DAG of the figures,
# and copied beside the main DAG's metrics when they are to be shown.
PAPER_FIGURES = METRICS / "paper_figures.json"
OVERRIDES = Path("dags/overrides")
# What pre-training makes: Algorithm 1's backbone, and the unrolled network for any goal beyond the paper.
HYBRID, PROMPTED = "hybrid", "prompted"
RELEASE_PARAMS = Path("dags/release/params.yaml")
WORLDS_PARAMS = Path("dags/worlds/params.yaml")
CITIES_PARAMS = Path("dags/cities/params.yaml")


def pretrained(model: str) -> Path:
    """The model folder of a pre-training run."""
    return PRETRAINED / model


def peer(name: str, run: int) -> Path:
    """The folder of one run of a peer's training."""
    return TRAIN_PEERS / name / str(run)


def overrides(from_sweep: bool) -> Path:
    """The file that may override pretrain's parameters: an empty one, or the sweep's choice."""
    return OVERRIDES / f"{str(from_sweep).lower()}.json"


def metrics(stage: str) -> Path:
    """A stage's committed headline: few numbers, the columns of `dvc metrics show`."""
    return METRICS / f"{stage}.json"


def history(stage: str) -> Path:
    """A training stage's committed learning curve."""
    return METRICS / f"{stage}-history.csv"
