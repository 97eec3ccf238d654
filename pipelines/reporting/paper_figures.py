"""What each figure of the paper shows, with our numbers: recorded runs to rows of values with intervals."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from components.channel.masking import Masked
from components.evaluation.comparison import IMPUTED, PCGNN_NAME, SCRATCH, VARIANT, Training
from components.evaluation.references import BY_TASK
from components.evaluation.scores import PAPER_REFERENCE
from components.intervals import Interval, Runs
from gfm_ra.goals import OBJECTIVES
from pipelines.reporting.plots import Figure, Row
from pipelines.reporting.report_figures import UNITS
from pipelines.reporting.results import Arm, Results
from pipelines.runtime import paths

IMPUTED_NAME = "WMMSE on imputed gains"
BEST_FOR_IT = "best sum-rate run for it"  # the other reading of WMMSE-Best
ZERO_SHOT = "GFM-RA prompted, zero-shot"
CLASSICAL = {
    "full-reuse": "full reuse",
    "fplinq": "FPLinQ",
    "wmmse": "sum-rate WMMSE, 1 start",
    PAPER_REFERENCE: "WMMSE-Best",
}
SHARES = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5)
UNTRAINED = Training()
ALONE = "one-scenario"  # the study whose models know one scenario
SMALL_MODELS = "variants"  # the study of figures 9 to 11
MASKED: dict[Masked, str] = {"pairs": "pairs of links", "edges": "directed edges"}
READINGS: dict[str, dict[Masked, str]] = {
    name: {"pairs": name, "edges": f"{name}-edges"} for name in ("figure5", "figure10")
}
VARIANT_NAMES = {SCRATCH: "from scratch", paths.PROMPTED: "goal-conditioned"}


def _row(
    panel: str,
    series: str,
    x: Any,  # noqa: ANN401
    found: Interval | None,
    runs: int,
    snapshots: int,
    training: Training = UNTRAINED,
) -> Iterator[Row]:
    """Samples, updates and weights are three things: a row says all of them."""
    if found is not None:
        value, low, high = (round(float(number), 5) for number in found)
        yield {
            "panel": panel, "series": series, "x": x, "value": value, "low": low, "high": high,
            "runs": runs, "snapshots": snapshots, "updates": training.updates, "visits": training.visits,
            "weights": training.weights, "features": training.features,
        }  # fmt: skip


class Variants(NamedTuple):
    """The small models: which of them make up which figure, and what is to be said about each."""

    sizes: Sequence[str]
    mask_ratios: Sequence[str]
    ablation: Sequence[str]
    weights: dict[str, int]  # 6 L d^2, the count that the paper quotes
    rho: dict[str, float]
    depths: Sequence[str]
    layers: dict[str, int]
    scenario: str


class Figures:
    """Makes the figures from a results, whose studies have the names few-shot, paper-recipe, pcgnn, zero-shot,
    imputed and variants."""

    def __init__(self, results: Results, scenarios: Sequence[str], variants: Variants) -> None:
        self.results, self.scenarios, self.variants = results, list(scenarios), variants
        self.arms = results.arms()

    def all(self) -> list[Figure]:
        """Figures 4 to 11 of the paper."""
        return [
            self.objectives(), self.missing("pairs"), self.missing("edges"), self.few_shot("figure6", "sum-rate"),
            self.few_shot("figure7", "proportional-fair"), self.violations(), self.scaling(),
            self.mask_ratio("pairs"), self.mask_ratio("edges"), self.ablation(), self.depth(),
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
                        rows += _row(panel, label, x, found, runs, self.results.rows, training)
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
                    for share in self._shares(arm, masked):
                        values = self._hidden(arm, self.scenarios, share, masked)
                        found, training = self.results.ratio(values, under), self.results.training(arm)
                        panel, runs = f"{UNITS[objective]} / {title}", len(values)
                        rows += _row(panel, label, 100.0 * share, found, runs, self._snapshots(), training)
        return Figure(
            READINGS["figure5"][masked],
            f"Figure 5: part of the channel state is missing, {MASKED[masked]} one by one (mean over D16-D20)",
            f"{MASKED[masked]} hidden, %", "ratio of means", "lines", rows,
        )  # fmt: skip

    def _shares(self, arm: Arm, masked: Masked) -> list[float]:
        return [share for share in SHARES if self.results.runs(arm, share, masked if share else "pairs")]

    def _hidden(self, arm: Arm, where: Sequence[str], share: float, masked: Masked) -> Runs:
        return self.results.column(arm, "score", where, share, masked if share else "pairs")

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
            rows += _row(
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
        where = [self.variants.scenario]
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
                yield from _row(
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
            yield from _row(panel, ZERO_SHOT, shots, found, 1, self._snapshots())

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
                rows += _row(
                    panel, label, arm.shots, found, self.results.runs(arm), self._snapshots(), training
                )
            for method, label in best.items():
                values = self.results.reference(objective, method, column, where)
                reference = under(lambda name, m=method: self.results.reference(objective, m, name, where))
                found = self.results.ratio(values, reference, score=False)
                for count in shots:
                    rows += _row(panel, label, count, found, 1, self._snapshots())
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

    # Figures 9 to 11: small models, each pre-trained anew with every seed.
    def _small(self, names: Sequence[str]) -> Iterator[tuple[str, Arm]]:
        for name in names:
            start = name if name == SCRATCH else f"{VARIANT}{name}"
            yield from ((name, a) for a in sorted(self.arms) if (a.study, a.start) == (SMALL_MODELS, start))

    def _at(
        self, label: str, x: float, arm: Arm, hidden: float = 0.0, masked: Masked = "pairs"
    ) -> Iterator[Row]:
        where = [self.variants.scenario]
        under = self.results.reference(arm.objective, PAPER_REFERENCE, "score", where)
        values = self._hidden(arm, where, hidden, masked)
        found, training = self.results.ratio(values, under), self.results.training(arm)
        panel = f"{UNITS[arm.objective]} / WMMSE-Best, {self.variants.scenario}"
        return _row(panel, label, x, found, len(values), self.results.rows, training)

    def scaling(self) -> Figure:
        """Ratio against model size, by number of samples."""
        rows: list[Row] = []
        for name, arm in self._small(self.variants.sizes):
            rows += self._at(f"{arm.shots:,} samples", self.variants.weights[name], arm)
        rows.sort(key=lambda row: (int(row["series"].split()[0].replace(",", "")), row["x"]))
        return Figure(
            "figure9", "Figure 9: size of the model, every size pre-trained anew with every seed",
            "weights of the layers, 6 L d^2", "ratio of means", "lines", rows, logarithmic=True,
        )  # fmt: skip

    def mask_ratio(self, masked: Masked) -> Figure:
        """Ratio with pairs or directed edges hidden at inference, by pre-training mask ratio."""
        rows: list[Row] = []
        for name, arm in self._small(self.variants.mask_ratios):
            for share in self._shares(arm, masked) if arm == self.most(arm) else ():
                label = f"pre-trained with rho = {self.variants.rho[name]:g}"
                rows += self._at(label, 100.0 * share, arm, share, masked)
        return Figure(
            READINGS["figure10"][masked],
            "Figure 10: mask ratio of pre-training, every one pre-trained anew with every seed",
            f"{MASKED[masked]} hidden at inference, %", "ratio of means", "lines", rows,
        )  # fmt: skip

    def depth(self) -> Figure:
        """Ratio against the number of layers, by number of samples."""
        rows: list[Row] = []
        for name, arm in self._small(self.variants.depths):
            rows += self._at(f"{arm.shots:,} samples", self.variants.layers[name], arm)
        rows.sort(key=lambda row: (int(row["series"].split()[0].replace(",", "")), row["x"]))
        return Figure(
            "depth", "Depth of the model, every depth pre-trained anew with every seed",
            "layers", "ratio of means", "lines", rows, logarithmic=True,
        )  # fmt: skip

    def ablation(self) -> Figure:
        """Ratio against samples by what pre-training consisted of."""
        rows: list[Row] = []
        for name, arm in self._small(self.variants.ablation):
            rows += self._at(VARIANT_NAMES.get(name, name), arm.shots, arm)
        return Figure(
            "figure11", "Figure 11: what pre-training consists of, every kind pre-trained anew with every seed",
            "samples", "ratio of means", "lines", rows, logarithmic=True,
        )  # fmt: skip


def curve(figure: Figure, panel: str, series: str) -> dict[float, Row]:
    """One series of a panel by x."""
    return {row["x"]: row for row in figure.rows if row["panel"] == panel and row["series"] == series}
