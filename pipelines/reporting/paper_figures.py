"""What figures 4 to 8 of the paper show, with our numbers: recorded runs to rows of values with intervals."""

from collections.abc import Iterator, Sequence
from typing import Any

from components.channel.masking import Masked
from components.evaluation.comparison import IMPUTED, PCGNN_NAME, SCRATCH, Training
from components.evaluation.references import BY_TASK
from components.evaluation.scores import PAPER_REFERENCE
from components.intervals import Runs
from gfm_ra.goals import OBJECTIVES
from pipelines.reporting.figure_rows import (
    BEST_FOR_IT,
    IMPUTED_NAME,
    MASKED,
    READINGS,
    UNTRAINED,
    ZERO_SHOT,
    row_of,
)
from pipelines.reporting.plots import Figure, Row
from pipelines.reporting.report_figures import UNITS
from pipelines.reporting.results import Arm, Results
from pipelines.runtime import paths

CLASSICAL = {
    "full-reuse": "full reuse",
    "fplinq": "FPLinQ",
    "wmmse": "sum-rate WMMSE, 1 start",
    PAPER_REFERENCE: "WMMSE-Best",
}
ALONE = "one-scenario"  # the study whose models know one scenario


class Figures:
    """Makes the figures from results whose studies have the names few-shot, paper-recipe, pcgnn, zero-shot and imputed.

    `alone`: the scenario of study one-scenario.
    """

    def __init__(self, results: Results, scenarios: Sequence[str], alone: str) -> None:
        self.results, self.scenarios, self.alone = results, list(scenarios), alone
        self.arms = results.arms()

    def all(self) -> list[Figure]:
        """Figures 4 to 8 of the paper."""
        return [
            self.objectives(), self.missing("pairs"), self.missing("edges"), self.few_shot("figure6", "sum-rate"),
            self.few_shot("figure7", "proportional-fair"), self.violations(),
        ]  # fmt: skip

    # Figure 4.
    def objectives(self) -> Figure:
        """Every objective against K: classical methods, PCGNN, adapted heads, the prompted model."""
        rows: list[Row] = []
        for objective in OBJECTIVES:
            for reference, title in self._references(objective):
                panel = f"{UNITS[objective]} / {title}"
                for scenario in self.scenarios:
                    x, where = f"K = {self.results.links[scenario]}", [scenario]
                    under = self.results.reference(objective, reference, "score", where)
                    for label, values, runs, training in self._contenders(objective, where):
                        found = self.results.ratio(values, under)
                        rows += row_of(panel, label, x, found, runs, self.results.rows, training)
        return Figure(
            "figure4", "Figure 4: three objectives on networks that pre-training never saw (D16-D20)",
            "number of links", "ratio of means", "bars", rows,
        )  # fmt: skip

    def _references(self, objective: str) -> list[tuple[str, str]]:
        own, chosen = (f"best-{objective}", "best WMMSE for it"), (f"{BY_TASK}{objective}", BEST_FOR_IT)
        found = {
            "sum-rate": [(PAPER_REFERENCE, "WMMSE-Best")],
            "proportional-fair": [chosen, own],
            "qos": [(PAPER_REFERENCE, "WMMSE-Best"), chosen, own],
        }[objective]
        return [(method, title) for method, title in found if self.results.solved(objective, method)]

    def _contenders(self, objective: str, where: Sequence[str]) -> Iterator[tuple[str, Any, int, Training]]:
        for method, label in CLASSICAL.items():
            if method != PAPER_REFERENCE or objective != "sum-rate":
                yield label, self.results.reference(objective, method, "score", where), 1, UNTRAINED
        for label, arm in self.trained(objective):
            values = self.results.column(arm, "score", where)
            yield label, values, self.results.runs(arm), self.results.training(arm)

    def trained(self, objective: str) -> list[tuple[str, Arm]]:
        """Learned methods with as many samples as they were given, by label."""
        found = []
        for arm in sorted(self.arms, key=lambda arm: (arm.start != PCGNN_NAME, arm.shots)):
            if arm.objective != objective:
                continue
            if arm.study == "pcgnn":
                found.append((f"PCGNN, {arm.shots:,} samples", arm))
            elif arm == self.most(Arm("few-shot", paths.HYBRID, objective, 0)):
                found.append((f"GFM-RA, {arm.shots:,} samples", arm))
            elif arm.study == "zero-shot" and arm.start == paths.PROMPTED:
                found.append((ZERO_SHOT, arm))
        return found

    def most(self, arm: Arm) -> Arm:
        """The same with the most samples that were tried."""
        return arm._replace(shots=max((a.shots for a in self.arms if a[:3] == arm[:3]), default=0))

    # Figure 5.
    def missing(self, masked: Masked) -> Figure:
        """Ratio against the share of hidden pairs or directed edges, the mean over the scenarios."""
        rows: list[Row] = []
        for objective in OBJECTIVES:
            methods = [
                *self.trained(objective),
                (IMPUTED_NAME, Arm("imputed", IMPUTED, objective, 0)),
            ]
            for reference, title in self._references(objective):
                under = self.results.reference(objective, reference, "score", self.scenarios)
                for label, arm in methods:
                    for share in self.results.shares(arm, masked):
                        values = self.results.hidden(arm, self.scenarios, share, masked)
                        found, training = self.results.ratio(values, under), self.results.training(arm)
                        panel, runs = f"{UNITS[objective]} / {title}", len(values)
                        rows += row_of(panel, label, 100.0 * share, found, runs, self._snapshots(), training)
        return Figure(
            READINGS["figure5"][masked],
            f"Figure 5: part of the channel state is missing, {MASKED[masked]} one by one (mean over D16-D20)",
            f"{MASKED[masked]} hidden, %", "ratio of means", "lines", rows,
        )  # fmt: skip

    def _snapshots(self) -> int:
        return self.results.rows * len(self.scenarios)

    # Figures 6 and 7.
    def few_shot(self, name: str, objective: str) -> Figure:
        """Ratio against samples, pre-trained and from scratch, by each recipe; zero-shot as a level."""
        reference, title = self._references(objective)[-1]
        under = self.results.reference(objective, reference, "score", self.scenarios)
        panel, rows = f"{UNITS[objective]} / {title}", []
        for label, arm in self._curves(objective):
            values = self.results.column(arm, "score", self.scenarios)
            rows += row_of(
                panel,
                label,
                arm.shots,
                self.results.ratio(values, under),
                self.results.runs(arm),
                self._snapshots(),
                self.results.training(arm),
            )
        rows += self._levels(objective, panel, "score", under)
        rows += self._alone(objective, reference, title)
        return Figure(
            name, f"Figure {name[-1]}: {UNITS[objective]} against the number of samples (mean over D16-D20)",
            "samples of each scenario", "ratio of means", "lines", rows, logarithmic=True,
        )  # fmt: skip

    def _curves(self, objective: str) -> Iterator[tuple[str, Arm]]:
        recipes = {
            "few-shot": "", "paper-recipe": ", the paper's rates", "until-it-stops": ", until validation stops rising",
        }  # fmt: skip
        starts = {paths.HYBRID: "pre-trained", SCRATCH: "from scratch"}
        for study, recipe in recipes.items():
            for start, told in starts.items():
                for arm in sorted(a for a in self.arms if a[:3] == (study, start, objective)):
                    yield told + recipe, arm

    def _alone(self, objective: str, reference: str, title: str) -> Iterator[Row]:
        """One scenario's own models beside those of all scenarios, tested there."""
        where = [self.alone]
        under = self.results.reference(objective, reference, "score", where)
        studies = {ALONE: f"of {where[0]} alone", "few-shot": "of all scenarios"}
        for study, told in studies.items():
            for arm in sorted(a for a in self.arms if (a.study, a.objective) == (study, objective)):
                if not any(a[:3] == (ALONE, *arm[1:3]) for a in self.arms):
                    continue
                start = "from scratch" if arm.start == SCRATCH else "pre-trained"
                values, panel = (
                    self.results.column(arm, "score", where),
                    f"{UNITS[objective]} / {title}, {where[0]}",
                )
                found, training = self.results.ratio(values, under), self.results.training(arm)
                yield from row_of(
                    panel, f"{start}, {told}", arm.shots, found, len(values), self.results.rows, training
                )

    def _levels(
        self, objective: str, panel: str, column: str, under: Runs, own_under: str | None = None
    ) -> Iterator[Row]:
        """The prompted model without any sample, drawn across the whole width."""
        arm = Arm("zero-shot", paths.PROMPTED, objective, 0)
        values = self.results.column(arm, column, self.scenarios)
        reference = self.results.column(arm, own_under, self.scenarios) if own_under else under
        for shots in sorted({a.shots for _, a in self._curves(objective)}):
            found = self.results.ratio(values, reference, score=column == "score")
            yield from row_of(panel, ZERO_SHOT, shots, found, 1, self._snapshots())

    # Figure 8.
    def violations(self) -> Figure:
        """QoS: what it costs in sum rate, and what the links below the least rate get."""
        rows: list[Row] = []
        where, objective = self.scenarios, "qos"
        best = {PAPER_REFERENCE: "WMMSE-Best", "best-qos": "best WMMSE for QoS"}
        for panel, column, denominator in (
            ("sum rate / WMMSE-Best's", "sum_rate", None),
            ("mean rate of links below Rmin, bit/s/Hz", "violated_rate", "violated"),
            ("share of links below Rmin", "violated", "links"),
            ("QoS utility / best WMMSE for QoS", "score", "best"),
        ):
            shots = sorted({arm.shots for _, arm in self._curves(objective)})

            def under(of: Any, denominator: str | None = denominator) -> Any:  # noqa: ANN401
                fixed = {
                    None: self.results.reference(objective, PAPER_REFERENCE, "sum_rate", where),
                    "links": self.results.constant(where),
                    "best": self.results.reference(objective, "best-qos", "score", where),
                }
                return fixed[denominator] if denominator in fixed else of(denominator)

            for label, arm in self._curves(objective):
                values = self.results.column(arm, column, where)
                reference = under(lambda name, arm=arm: self.results.column(arm, name, where))
                found = self.results.ratio(values, reference, score=False)
                training = self.results.training(arm)
                rows += row_of(
                    panel, label, arm.shots, found, self.results.runs(arm), self._snapshots(), training
                )
            for method, label in best.items():
                values = self.results.reference(objective, method, column, where)
                reference = under(lambda name, m=method: self.results.reference(objective, m, name, where))
                found = self.results.ratio(values, reference, score=False)
                for count in shots:
                    rows += row_of(panel, label, count, found, 1, self._snapshots())
            rows += self._levels(
                objective,
                panel,
                column,
                under(lambda name: []),
                denominator if denominator == "violated" else None,
            )
        return Figure(
            "figure8", "Figure 8: quality of service against the number of samples (mean over D16-D20)",
            "samples of each scenario", "", "lines", rows, logarithmic=True,
        )  # fmt: skip
