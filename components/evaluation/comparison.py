"""Every method on the same test snapshots, recorded snapshot by snapshot: what figures and tables are made from."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from components.channel.imputation import fill_constant, fill_quantile
from components.channel.masking import Masked, random_edge_mask
from components.channel.torch_rng import torch_stream
from components.data.shards import write_table
from components.evaluation.few_shot import hidden_pairs
from components.evaluation.scores import comparable_score, score_of_rates
from components.model.pcgnn.network import PCGNNConfig, fresh_pcgnn
from components.model.prompted import FixedGoal
from components.model.unrolled.single_draw import SingleDraw, SingleDrawOfGoal
from components.training.checkpoint import model_from_backbone
from components.training.finetuning import TunableModel
from components.training.worlds.folder import load_any_goal_model, takes_goals
from gfm_ra.goals import Objective, QoS, SumRate
from gfm_ra.rates import spectral_efficiency
from gfm_ra.solvers import wmmse
from gfm_ra.units import to_gain

PCGNN_NAME, SCRATCH, IMPUTED = "pcgnn", "scratch", "imputed-wmmse"
VARIANT = "variant:"  # a starting point from stage variants, whose seeds are pre-training seeds as well
QUANTILES = (0.5, 0.75, 0.9)
SNAPSHOT_COLUMNS = ("score", "polished", "sum_rate", "violated", "violated_rate")
# From gain_db [N, K, K] and hidden [N, K, K] bool to powers [N, K].
Powers = Callable[[np.ndarray, np.ndarray | None], np.ndarray]


class Label(NamedTuple):
    """Which run a row belongs to."""

    study: str
    start: str  # a model's name, "scratch", "pcgnn" or "imputed-wmmse"
    objective: str
    shots: int
    run: int
    learning_rate: float  # 0 where nothing was trained


class Entry(NamedTuple):
    """One run on one scenario with one share of what is hidden; the arrays are [N], one number per snapshot."""

    scenario: str
    masked: Masked
    hidden: float  # share of them
    score: np.ndarray  # `comparable_score`
    polished: np.ndarray  # the same after a few WMMSE iterations from these powers
    sum_rate: np.ndarray  # bit/s/Hz
    violated: np.ndarray  # links below the least rate of the QoS objective
    violated_rate: np.ndarray  # sum of those links' rates, bit/s/Hz


class Training(NamedTuple):
    """What a run's training consisted of; zeros and empty where nothing was trained."""

    validation: float = 0.0  # utility per link of the weights that are kept
    updates: int = 0
    visits: float = 0.0  # how often each sample was seen on average
    weights: int = 0  # of the whole network
    features: str = ""  # of its nodes
    ranks: tuple[float, ...] = ()  # `rank_shares` of the weights that are kept, where the model has any


def start_model(
    start: str, folder: Path, objective: Objective, seed: int, pcgnn: PCGNNConfig
) -> TunableModel | SingleDrawOfGoal:
    """The model that a run starts from; an unrolled network is only evaluated, not tuned further here.

    Raises:
        DataError: files in `folder` are missing or damaged.
    """
    if start == PCGNN_NAME:
        return fresh_pcgnn(pcgnn, seed)
    if start == SCRATCH:
        return model_from_backbone(folder, seed, pretrained=False)
    if not takes_goals(folder):
        return model_from_backbone(folder, seed)
    model = load_any_goal_model(folder)
    return (
        SingleDrawOfGoal(model, objective) if isinstance(model, SingleDraw) else FixedGoal(model, objective)
    )


def features_of(model: TunableModel | SingleDrawOfGoal) -> str:
    """Which node features a model reads, in the words of its configuration; "direct" is the paper's."""
    config = getattr(model.backbone, "config", None)
    return getattr(config, "node_features", "direct")


def imputed_answers(
    objective: Objective, val: np.ndarray, iterations: int, masked: Masked, share: float, seed: int
) -> Powers:
    """WMMSE on filled-in gains, the filling being the one that is best on validation snapshots gain_db [N, K, K].

    Of edges that are hidden in one direction, the other end still reports the gains: they are known.
    """
    fills: list[Callable[[np.ndarray, np.ndarray], np.ndarray]] = [
        fill_constant,
        *(lambda gain, hidden, q=q: fill_quantile(gain, hidden, q) for q in QUANTILES),
    ]

    def solve(fill: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> Powers:
        def answer(gain_db: np.ndarray, hidden: np.ndarray | None) -> np.ndarray:
            gain = to_gain(gain_db)
            known = gain if hidden is None else fill(gain, hidden & hidden.swapaxes(-1, -2))
            return wmmse(known, objective, iterations=iterations, threads=1)

        return answer

    mask = mask_of(masked, val.shape, share, seed)
    reached = [float(comparable_score(objective, solve(fill)(val, mask), val).mean()) for fill in fills]
    return solve(fills[int(np.argmax(reached))])


def mask_of(masked: Masked, shape: tuple[int, ...], share: float, seed: int) -> np.ndarray:
    """`hidden_pairs`, or the same for directed edges: [N, K, K] bool, [k, j] hides h_kj and h_jk from link k alone."""
    if masked == "pairs":
        return hidden_pairs(shape, share, seed)
    generator = torch_stream(seed, "fewshot", "hidden edges", f"{share:g}")
    return random_edge_mask(shape[0], shape[-1], share, generator).numpy()


def evaluate(
    powers: Powers,
    objective: Objective,
    scenario: str,
    gain_db: np.ndarray,
    masked: Masked,
    share: float,
    polish_iterations: int,
    seed: int,
) -> Entry:
    """Powers on gain_db [N, K, K] with a share of pairs or edges hidden, evaluated with the true gains."""
    hidden = mask_of(masked, gain_db.shape, share, seed) if share > 0 else None
    power, gain = powers(gain_db, hidden), to_gain(gain_db)
    polished = power
    if hidden is None:  # refinement needs the gains
        polished = wmmse(gain, objective, iterations=polish_iterations, initial_power=power, threads=1)
    return entry(objective, scenario, gain_db, power, polished, masked, share)


def entry(
    objective: Objective,
    scenario: str,
    gain_db: np.ndarray,
    power: np.ndarray,
    polished: np.ndarray,
    masked: Masked = "pairs",
    share: float = 0.0,
) -> Entry:
    """What powers [N, K] are worth on gain_db [N, K, K]."""
    gain = to_gain(gain_db)
    rates = spectral_efficiency(power.astype(np.float32), gain)
    refined = rates if polished is power else spectral_efficiency(polished.astype(np.float32), gain)
    below = rates < QoS().min_rate
    return Entry(
        scenario,
        masked,
        share,
        score_of_rates(objective, rates),
        score_of_rates(objective, refined),
        SumRate().utility(rates),
        below.sum(-1).astype(np.float32),
        np.where(below, rates, 0.0).sum(-1),
    )


def write_entries(path: Path, label: Label, entries: Sequence[Entry], training: Training) -> None:
    """Store a run as Parquet, a row per scenario and share, a list per snapshot column."""
    same = label._asdict() | training._asdict()
    columns: dict[str, object] = {name: [value] * len(entries) for name, value in same.items()}
    columns["ranks"] = pa.array([list(training.ranks)] * len(entries), pa.list_(pa.float64()))
    for name in ("scenario", "masked", "hidden"):
        columns[name] = [getattr(found, name) for found in entries]
    for name in SNAPSHOT_COLUMNS:
        values = [np.asarray(getattr(found, name), dtype=np.float32) for found in entries]
        columns[name] = pa.array([list(row) for row in values], pa.list_(pa.float32()))
    write_table(path, pa.table(columns))


def read_rows(path: Path) -> list[dict[str, object]]:
    """What `write_entries` wrote, one mapping per row, snapshot columns as arrays [N]."""
    table = pq.read_table(path)
    plain = [name for name in table.column_names if name not in SNAPSHOT_COLUMNS]
    rows = table.select(plain).to_pylist()
    for name in SNAPSHOT_COLUMNS:
        column = table.column(name).combine_chunks()
        for row, values in zip(rows, column, strict=True):
            row[name] = values.values.to_numpy()
    return rows
