"""The recorded runs and references, and any ratio between them with its interval."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from components.channel.masking import Masked
from components.data.shards import Manifest, load_split
from components.evaluation.comparison import Entry, Training, entry, read_rows
from components.evaluation.references import read_references
from components.intervals import Interval, Runs, mean_ratio
from gfm_ra.goals import OBJECTIVES, by_name


class Arm(NamedTuple):
    """What was run: the key of everything that is recorded about it."""

    study: str
    start: str
    objective: str
    shots: int


class Results:
    """Runs of stage few_shot and the classical references on the same snapshots."""

    def __init__(self, runs: Path, data: Path, references: Path, rows: int, seed: int) -> None:
        self.seed, self.rows = seed, rows
        self._runs: dict[tuple[Arm, Masked, float, int], dict[str, dict[str, Any]]] = {}
        for row in read_rows(runs):
            arm = Arm(row["study"], row["start"], row["objective"], row["shots"])  # type: ignore[arg-type]
            hidden = (row["masked"], float(row["hidden"]), int(row["run"]))  # type: ignore[arg-type]
            key: tuple[Arm, Masked, float, int] = (arm, *hidden)  # type: ignore[assignment]
            self._runs.setdefault(key, {})[str(row["scenario"])] = row
        manifest, solved = Manifest.load(data), Manifest.load(references)
        self.links = {name: found.links for name, found in manifest.scenarios.items()}
        self._references: dict[tuple[str, str, str], Entry] = {}
        for scenario in solved.scenarios:
            gain_db = load_split(data, manifest, scenario, "test", rows)
            powers = read_references(references, solved.entry(scenario).splits["test"])
            for objective in OBJECTIVES:
                for method, power in powers.items():
                    found = entry(by_name(objective), scenario, gain_db, power[:rows], power[:rows])
                    self._references[objective, scenario, method] = found

    def arms(self) -> list[Arm]:
        """Everything that was run."""
        return list(dict.fromkeys(arm for arm, *_ in self._runs))

    def runs(self, arm: Arm, hidden: float = 0.0, masked: Masked = "pairs") -> int:
        """How many seeds an arm has."""
        return sum(key[:3] == (arm, masked, hidden) for key in self._runs)

    def training(self, arm: Arm) -> Training:
        """What an arm's training consisted of, by its first seed."""
        first = min(key for key in self._runs if key[:3] == (arm, "pairs", 0.0))
        row = next(iter(self._runs[first].values()))
        return Training(*(row[name] for name in Training._fields))

    def ranks(self, arm: Arm) -> np.ndarray:
        """`rank_shares` of every run of an arm, [runs, layers]."""
        keys = sorted(key for key in self._runs if key[:3] == (arm, "pairs", 0.0))
        return np.array([next(iter(self._runs[key].values()))["ranks"] for key in keys])

    def column(
        self, arm: Arm, name: str, scenarios: Sequence[str], hidden: float = 0.0, masked: Masked = "pairs"
    ) -> list[list[np.ndarray]]:
        """One column of an arm, runs x scenarios of [N]."""
        keys = sorted(key for key in self._runs if key[:3] == (arm, masked, hidden))
        return [[self._runs[key][scenario][name] for scenario in scenarios] for key in keys]

    def shares(self, arm: Arm, masked: Masked) -> list[float]:
        """Which shares of what is hidden an arm was evaluated with, none among them."""
        found = {key[2] for key in self._runs if key[0] == arm and (key[1] == masked or key[2] == 0.0)}
        return sorted(found)

    def hidden(self, arm: Arm, where: Sequence[str], share: float, masked: Masked) -> Runs:
        """Scores of an arm with a share hidden, runs x scenarios of [N]."""
        return self.column(arm, "score", where, share, masked if share else "pairs")

    def reference(
        self, objective: str, method: str, name: str, scenarios: Sequence[str]
    ) -> list[list[np.ndarray]]:
        """One column of a classical method, as a single run."""
        found = [self._references[objective, scenario, method] for scenario in scenarios]
        return [[getattr(each, name) for each in found]]

    def solved(self, objective: str, method: str) -> bool:
        """Whether stage solve has answers of a classical method."""
        return any(key[0] == objective and key[2] == method for key in self._references)

    def constant(self, scenarios: Sequence[str]) -> list[list[np.ndarray]]:
        """The number of links on every snapshot."""
        return [[np.full(self.rows, float(self.links[scenario])) for scenario in scenarios]]

    def ratio(self, values: Runs, reference: Runs, score: bool = True) -> Interval | None:
        """Ratio with interval, or None where it says nothing: nothing was run, or the reference is zero or below.

        A reference that is a `score` must be positive on most snapshots: sum-rate WMMSE silences links, and under
        proportional fairness that scores zero.
        """
        if not values:
            return None
        typical = np.median if score else np.mean
        if min(float(typical(group)) for run in reference for group in run) <= 0.0:
            return None
        found = mean_ratio(values, reference, self.seed)
        return found if np.isfinite(found).all() else None
