"""Figures 9 to 11, depth and sizes of networks: small models, each pre-trained anew with every seed."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from components.channel.masking import Masked
from components.evaluation.comparison import PCGNN_NAME, SCRATCH, VARIANT
from components.evaluation.scores import PAPER_REFERENCE
from components.intervals import Interval
from pipelines.reporting.figure_rows import MASKED, READINGS, row_of
from pipelines.reporting.plots import Figure, Row
from pipelines.reporting.report_figures import UNITS
from pipelines.reporting.results import Arm, Results
from pipelines.runtime import paths

STUDY = "variants"  # the study of figures 9 to 11
PCGNN_DEPTHS = "pcgnn-depth-"  # how the studies of PCGNN with more or fewer rounds begin
SIZES = "network-sizes"  # the study of models that saw networks of other sizes
VARIANT_NAMES = {SCRATCH: "from scratch", paths.PROMPTED: "goal-conditioned"}


class Variants(NamedTuple):
    """The small models: which of them make up which figure, and what is to be said about each."""

    sizes: Sequence[str]
    mask_ratios: Sequence[str]
    ablation: Sequence[str]
    weights: dict[str, int]  # 6 L d^2, the count that the paper quotes
    rho: dict[str, float]
    depths: Sequence[str]
    layers: dict[str, int]
    links: dict[str, Sequence[int]]  # K of the networks that it was pre-trained on
    scenario: str


class SmallModels:
    """Makes the figures from results whose studies have the names above."""

    def __init__(self, results: Results, scenarios: Sequence[str], variants: Variants) -> None:
        self.results, self.scenarios, self.variants = results, list(scenarios), variants
        self.arms = sorted(results.arms())

    def all(self) -> list[Figure]:
        """Every figure of small models."""
        return [
            self.scaling(), self.mask_ratio("pairs"), self.mask_ratio("edges"), self.ablation(), self.depth(),
            self.ranks(), self.network_sizes(),
        ]  # fmt: skip

    def scaling(self) -> Figure:
        """Ratio against model size, by number of samples."""
        rows: list[Row] = []
        for name, arm in self._small(self.variants.sizes):
            rows += self._at(f"{arm.shots:,} samples", self.variants.weights[name], arm)
        rows.sort(key=_samples_then_x)
        return Figure(
            "figure9", "Figure 9: size of the model, every size pre-trained anew with every seed",
            "weights of the layers, 6 L d^2", "ratio of means", "lines", rows, logarithmic=True,
        )  # fmt: skip

    def mask_ratio(self, masked: Masked) -> Figure:
        """Ratio with pairs or directed edges hidden at inference, by pre-training mask ratio."""
        rows: list[Row] = []
        for name, arm in self._small(self.variants.mask_ratios):
            most = max(a.shots for _, a in self._small([name]))
            for share in self.results.shares(arm, masked) if arm.shots == most else ():
                label = f"pre-trained with rho = {self.variants.rho[name]:g}"
                rows += self._at(label, 100.0 * share, arm, share, masked)
        return Figure(
            READINGS["figure10"][masked],
            "Figure 10: mask ratio of pre-training, every one pre-trained anew with every seed",
            f"{MASKED[masked]} hidden at inference, %", "ratio of means", "lines", rows,
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

    def depth(self) -> Figure:
        """Ratio against the number of layers, by number of samples; PCGNN's against its rounds."""
        rows: list[Row] = []
        for name, arm in self._small(self.variants.depths):
            rows += self._at(f"{arm.shots:,} samples", self.variants.layers[name], arm)
        for arm in self._pcgnn():
            rows += self._at(f"{arm.shots:,} samples, PCGNN", self.results.ranks(arm).shape[1], arm)
        rows.sort(key=_samples_then_x)
        return Figure(
            "depth", "Depth of the model, every depth pre-trained anew with every seed",
            "layers, or rounds of PCGNN", "ratio of means", "lines", rows, logarithmic=True,
        )  # fmt: skip

    def ranks(self) -> Figure:
        """What share of their width the links' embeddings use, layer by layer, with the most samples."""
        rows: list[Row] = []
        shown = [*self._small(self.variants.depths), *((PCGNN_NAME, arm) for arm in self._pcgnn())]
        for name, arm in shown:
            if arm.shots != max(a.shots for _, a in shown if a[:3] == arm[:3]):
                continue
            found, training = self.results.ranks(arm), self.results.training(arm)
            first, told = (1, "PCGNN, rounds") if name == PCGNN_NAME else (0, "layers")
            label = f"{told}: {found.shape[1] - 1 + first}"
            for number, column in enumerate(found.T, first):
                spread = Interval(float(np.mean(column)), float(column.min()), float(column.max()))
                rows += row_of("rank / width", label, number, spread, len(found), 20, training)
        return Figure(
            "depth-ranks", "Effective rank of the adapted links' embeddings within a network (range over seeds)",
            "after layer or round", "rank / width", "lines", rows,
        )  # fmt: skip

    def network_sizes(self) -> Figure:
        """Ratio against K by what sizes of networks pre-training saw."""
        rows: list[Row] = []
        for arm in self.arms:
            name = arm.start.removeprefix(VARIANT)
            if arm.study != SIZES or name not in self.variants.links:
                continue
            label = f"pre-trained with K = {', '.join(map(str, self.variants.links[name]))}"
            for scenario in self.scenarios:
                under = self.results.reference(arm.objective, PAPER_REFERENCE, "score", [scenario])
                values = self.results.column(arm, "score", [scenario])
                found, training = self.results.ratio(values, under), self.results.training(arm)
                panel = f"{UNITS[arm.objective]} / WMMSE-Best, {arm.shots:,} samples"
                x = self.results.links[scenario]
                rows += row_of(panel, label, x, found, len(values), self.results.rows, training)
        return Figure(
            "network-sizes", "Sizes of the networks that pre-training saw (D16-D20)",
            "links", "ratio of means", "lines", rows,
        )  # fmt: skip

    def _small(self, names: Sequence[str]) -> Iterator[tuple[str, Arm]]:
        for name in names:
            start = name if name == SCRATCH else f"{VARIANT}{name}"
            yield from ((name, a) for a in self.arms if (a.study, a.start) == (STUDY, start))

    def _pcgnn(self) -> list[Arm]:
        return [arm for arm in self.arms if arm.study.startswith(PCGNN_DEPTHS)]

    def _at(
        self, label: str, x: float, arm: Arm, hidden: float = 0.0, masked: Masked = "pairs"
    ) -> Iterator[Row]:
        where = [self.variants.scenario]
        under = self.results.reference(arm.objective, PAPER_REFERENCE, "score", where)
        values = self.results.hidden(arm, where, hidden, masked)
        found, training = self.results.ratio(values, under), self.results.training(arm)
        panel = f"{UNITS[arm.objective]} / WMMSE-Best, {self.variants.scenario}"
        return row_of(panel, label, x, found, len(values), self.results.rows, training)


def _samples_then_x(row: Row) -> tuple[str, int, float]:
    samples, _, method = row["series"].partition(" samples")
    return method, int(samples.replace(",", "")), row["x"]
