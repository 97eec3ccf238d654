"""How good a model is: scores on validation or test snapshots, as ratios to WMMSE, and paired comparisons of two."""

import itertools
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from components.channel.worlds.validation import KINDS, networks
from components.data.shards import DataError, Manifest, load_split
from components.evaluation.references import read_references
from components.evaluation.scores import score
from components.intervals import Interval, mean_difference, ratio_of_means
from components.model.conditioning import goals_of
from components.training.worlds.validation import score as worlds_score
from gfm_ra.goals import by_name
from gfm_ra.rates import spectral_efficiency
from gfm_ra.solvers import wmmse
from gfm_ra.units import LARGEST_GAIN_DB as LIMIT_DB
from gfm_ra.units import to_gain
from pipelines.registry import pyfunc_program, versions
from pipelines.runtime import paths

REFERENCE_STARTS = 10  # of WMMSE with the objective's own weights; best start counts
FOREIGN_LINKS = (12, 40)
FOREIGN_NETWORKS = 30  # of every kind and size
Powers = Callable[[np.ndarray, str], np.ndarray]  # gain_db [N, K, K] and an objective's name -> power [N, K]
Scores = dict[tuple[str, str], np.ndarray]  # by objective and scenario, one number per snapshot
Measure = Callable[
    [str, np.ndarray, np.ndarray], np.ndarray
]  # objective, power [N, K], gain_db [N, K, K] -> [N]


class Snapshots:
    """Snapshots by objective and scenario, and what a reference reaches on them."""

    def __init__(
        self,
        gains: dict[tuple[str, str], np.ndarray],
        reference: Scores,
        seed: int,
        measure: Measure = score,
    ) -> None:
        self.gains, self.reference, self.seed, self.measure = gains, reference, seed, measure

    def scores(self, powers: Powers) -> Scores:
        """What a way to set powers is worth on every snapshot."""
        return scores_of(self.gains, powers, self.measure)

    def ratios(self, scored: Scores, confidence: float) -> dict[tuple[str, str], Interval]:
        """Ratio to WMMSE by objective and scenario, with bootstrap intervals."""
        return {
            key: ratio_of_means(values, self.reference[key], self.seed, confidence=confidence)
            for key, values in scored.items()
        }

    def mean_ratio(self, scored: Scores, objective: str) -> float:
        """Ratio to WMMSE under one objective, mean over scenarios."""
        ratios = [
            scored[key].mean() / reference.mean()
            for key, reference in self.reference.items()
            if key[0] == objective
        ]
        return float(np.mean(ratios))

    def margin(self, challenger: Scores, champion: Scores, confidence: float) -> Interval:
        """How much higher the challenger's ratio to the reference is, over all snapshots, paired, with its interval."""
        differences = [
            (challenger[key] - champion[key]) / max(abs(float(reference.mean())), 1e-9)
            for key, reference in self.reference.items()
        ]
        joined = np.concatenate(differences)
        return mean_difference(joined, np.zeros_like(joined), self.seed, confidence=confidence)


def scores_of(gains: dict[tuple[str, str], np.ndarray], powers: Powers, measure: Measure = score) -> Scores:
    """What a way to set powers is worth on every snapshot."""
    return {key: measure(key[0], powers(gain_db, key[0]), gain_db) for key, gain_db in gains.items()}


def validation_snapshots(scenarios: Sequence[str], objectives: Sequence[str], seed: int) -> Snapshots:
    """The validation snapshots of some scenarios, compared with WMMSE of REFERENCE_STARTS starts, which runs here."""
    gains = _gains(scenarios, objectives, "val")
    return Snapshots(gains, scores_of(gains, _solved(seed)), seed)


def foreign_snapshots(objectives: Sequence[str], seed: int) -> dict[str, Snapshots]:
    """Networks of other worlds than the scenarios', by kind, drawn and solved here."""
    found = {}
    for kind in KINDS:
        gains = {
            (objective, f"K = {links}"): networks(kind, FOREIGN_NETWORKS, links).clip(-LIMIT_DB, LIMIT_DB)
            for objective in objectives
            for links in FOREIGN_LINKS
        }
        reference = scores_of(gains, _solved(seed), positive_score)
        found[kind] = Snapshots(gains, reference, seed, positive_score)
    return found


def positive_score(objective: str, power: np.ndarray, gain_db: np.ndarray) -> np.ndarray:
    """The number per snapshot by which foreign worlds are compared: a QoS utility may be near zero there, and a ratio
    to it would mean nothing."""
    rates = spectral_efficiency(power.astype(np.float32), to_gain(gain_db))
    return worlds_score(rates, by_name(objective))


def _solved(seed: int) -> Powers:
    def solved(gain_db: np.ndarray, objective: str) -> np.ndarray:
        return wmmse(to_gain(gain_db), by_name(objective), starts=REFERENCE_STARTS, seed=seed)

    return solved


def solved_snapshots(scenarios: Sequence[str], objectives: Sequence[str], seed: int) -> Snapshots:
    """The test snapshots of some scenarios, compared with the best that stage solve found for each objective.

    Raises:
        DataError: they were not simulated or not solved, or the two do not belong together.
    """
    gains, solved = _gains(scenarios, objectives, "test"), Manifest.load(paths.REFERENCES)
    reference: Scores = {}
    for (objective, scenario), gain_db in gains.items():
        entries = solved.entry(scenario).splits.get("test", ())
        powers = read_references(paths.REFERENCES, entries)[f"best-{objective}"] if entries else np.empty(0)
        if len(powers) != len(gain_db):
            raise DataError(
                f"{paths.REFERENCES} holds {len(powers)} solved test snapshots of {scenario}, {paths.DATA} "
                f"{len(gain_db)}: run the solve stage again"
            )
        reference[objective, scenario] = score(objective, powers, gain_db)
    return Snapshots(gains, reference, seed)


def _gains(
    scenarios: Sequence[str], objectives: Sequence[str], split: str
) -> dict[tuple[str, str], np.ndarray]:
    manifest = Manifest.load(paths.DATA)
    gains = {name: load_split(paths.DATA, manifest, name, split).astype(np.float32) for name in scenarios}
    return {key: gains[key[1]] for key in itertools.product(objectives, scenarios)}


def registered_powers(model_uri: str, any_goal: bool) -> Powers:
    """A registered model as a way to set powers; one for any goal is told the objective."""
    predict = versions.load(model_uri)
    if any_goal:
        return lambda gain_db, objective: predict(gain_db, goal=objective)
    return lambda gain_db, _: predict(gain_db)


def graph_powers(graph: Path, any_goal: bool) -> Powers:
    """The same for an exported graph."""
    run = pyfunc_program.open_graph(graph)
    if not any_goal:
        return lambda gain_db, _: run(gain_db)
    return lambda gain_db, objective: run(gain_db, goals_of(by_name(objective), *gain_db.shape[:2]))
