"""The whole of params.yaml as one typed tree, and the checks that concern more than one section."""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from pydantic import Field, ValidationError, model_validator

from components.config import Strict
from components.evaluation.comparison import IMPUTED, SCRATCH, VARIANT
from pipelines.runtime.errors import UserError, describe_validation
from pipelines.runtime.stage import read_params
from pipelines.stages.control import ControlConfig
from pipelines.stages.evaluate import EvaluateConfig
from pipelines.stages.finetune import FinetuneConfig
from pipelines.stages.goals import GoalsConfig
from pipelines.stages.pretrain import PretrainConfig
from pipelines.stages.register import RegisterConfig
from pipelines.stages.report import ReportConfig
from pipelines.stages.simulate import SimulateConfig
from pipelines.stages.solve import SolveConfig
from pipelines.stages.sweep import SweepConfig
from pipelines.studies.adapt import AdaptConfig, Study
from pipelines.studies.distil import DistilConfig
from pipelines.studies.evidence import EvidenceConfig
from pipelines.studies.frontier import FrontierConfig
from pipelines.studies.variants import VariantsConfig

# What pipelines.reporting.paper_figures makes the paper's figures from.
STUDIES = {"few-shot", "paper-recipe", "pcgnn", "zero-shot", "imputed", "variants"}
Need = tuple[
    str, str, str, int
]  # who needs how many snapshots of which split: (parameter, scenario, split, rows)


def check_data(simulate: SimulateConfig, needs: Iterable[Need]) -> None:
    """Compare what is needed with what will be simulated.

    Raises:
        ValueError: something will be missing.
    """
    for user, scenario, split, rows in needs:
        sizes = simulate.scenarios.get(scenario)
        have = 0 if sizes is None else sizes.model_dump()[split]
        if have < rows:
            raise ValueError(
                f"{user} needs {rows} {split} snapshots of {scenario}, but simulate.scenarios makes {have}"
            )


def sweep_needs(sweep: SweepConfig) -> Sequence[Need]:
    """What a sweep reads."""
    few = sweep.few_shot
    return [
        ("sweep.few_shot", few.scenario, "train", few.most_shots),
        ("sweep.few_shot", few.scenario, "val", few.val_rows),
        *(("sweep.scenarios", name, "train", sweep.train_rows) for name in sweep.scenarios),
        *(("sweep.scenarios", name, "val", sweep.val_rows) for name in sweep.scenarios),
    ]


class SweepParams(Strict):
    """The whole of dags/sweep/params.yaml."""

    seed: int = Field(ge=0)
    simulate: SimulateConfig
    sweep: SweepConfig

    @model_validator(mode="after")
    def _data_will_be_there(self) -> "SweepParams":
        check_data(self.simulate, sweep_needs(self.sweep))
        return self


class CompactParams(Strict):
    """The whole of dags/compact/params.yaml."""

    seed: int = Field(ge=0)
    distil: DistilConfig
    register_: RegisterConfig = Field(alias="register")


class FiguresParams(Strict):
    """The whole of dags/figures/params.yaml."""

    seed: int = Field(ge=0)
    simulate: SimulateConfig
    solve: SolveConfig
    variants: VariantsConfig
    adapt: AdaptConfig
    frontier: FrontierConfig
    evidence: EvidenceConfig

    @model_validator(mode="after")
    def _fits_together(self) -> "FiguresParams":
        adapt, evidence = self.adapt, self.evidence
        check_data(self.simulate, self._needs())
        missing = STUDIES - set(adapt.studies)
        if missing:
            raise ValueError(f"adapt.studies has no {sorted(missing)[0]}, which a figure is made from")
        names = {*evidence.sizes, *evidence.mask_ratios, *evidence.ablation} - {SCRATCH}
        starts = {start for study in adapt.studies.values() for start in study.starts}
        used = names | {start.removeprefix(VARIANT) for start in starts if start.startswith(VARIANT)}
        unknown = used - set(self.variants.variants)
        if unknown:
            raise ValueError(f"variants.variants has no {sorted(unknown)[0]}, which a later section uses")
        unadapted = names - {start.removeprefix(VARIANT) for start in adapt.studies["variants"].starts}
        if unadapted:
            raise ValueError(f"adapt.studies.variants.starts has no {VARIANT}{sorted(unadapted)[0]}")
        if any(study.seeds > self.variants.seeds for study in self._of_variants()):
            raise ValueError(
                "variants.seeds must be at least the seeds of the studies that start from variants"
            )
        judged = {scenario for study in adapt.studies.values() for scenario in study.judged}
        unsolved = {*judged, *self.frontier.scenarios, *evidence.scenarios} - set(self.solve.scenarios)
        if unsolved or "test" not in self.solve.splits:
            raise ValueError(
                "solve must cover the test split of every scenario that a later section judges on"
            )
        if not evidence.rows == adapt.test_rows == self.frontier.rows:
            raise ValueError(
                "evidence.rows, adapt.test_rows and frontier.rows must be the same: runs are paired"
            )
        if adapt.polish_iterations != self.frontier.polish_iterations:
            raise ValueError("adapt.polish_iterations and frontier.polish_iterations must be the same")
        said = f"best of {self.solve.starts} starts, {self.solve.iterations} iterations"
        if evidence.reference != said or evidence.adapted != adapt.models.get("hybrid"):
            raise ValueError(
                f"evidence.reference must be {said!r}, and evidence.adapted what adapt.models.hybrid is"
            )
        unjudged = [
            name
            for name in STUDIES - {"variants"}
            if not set(evidence.scenarios) <= set(adapt.studies[name].judged)
        ]
        if unjudged or evidence.small_scenario not in adapt.studies["variants"].judged:
            where = unjudged[0] if unjudged else "variants"
            raise ValueError(f"adapt.studies.{where}.judged lacks a scenario that the evidence shows")
        return self

    def _of_variants(self) -> list[Study]:
        return [
            study
            for study in self.adapt.studies.values()
            if any(start.startswith(VARIANT) for start in study.starts)
        ]

    def _needs(self) -> list[Need]:
        needs: list[Need] = []
        for name in self.variants.scenarios:
            needs += [("variants.train_rows", name, "train", self.variants.train_rows)]
            needs += [("variants.val_rows", name, "val", self.variants.val_rows)]
        for title, study in self.adapt.studies.items():
            user = f"adapt.studies.{title}"
            if any(study.shots):
                needs += [(user, name, "train", max(study.shots)) for name in study.scenarios]
                needs += [(user, name, "val", self.adapt.val_rows) for name in study.scenarios]
            needs += [(user, name, "test", self.adapt.test_rows) for name in study.judged]
            if IMPUTED in study.starts:
                needs += [(user, name, "val", self.adapt.val_rows) for name in study.judged]
        needs += [("frontier.rows", name, "test", self.frontier.rows) for name in self.frontier.scenarios]
        return needs


class Params(Strict):
    """One section per stage, named like the stage."""

    seed: int = Field(ge=0)
    simulate: SimulateConfig
    solve: SolveConfig
    sweep: SweepConfig
    pretrain: PretrainConfig
    finetune: FinetuneConfig
    control: ControlConfig
    evaluate: EvaluateConfig
    goals: GoalsConfig
    register_: RegisterConfig = Field(alias="register")
    report: ReportConfig

    @model_validator(mode="after")
    def _data_will_be_there(self) -> "Params":
        check_data(self.simulate, self._needs())
        wanted = {*self.evaluate.scenarios, self.control.scenario, *self.register_.scenarios}
        unsolved = [name for name in wanted if name not in self.solve.scenarios]
        if unsolved or not {self.evaluate.split, "test"} <= set(self.solve.splits):
            raise ValueError(
                "evaluate.scenarios, control.scenario, register.scenarios and evaluate.split must be among those of "
                "the solve section"
            )
        strangers = [name for name in self.goals.adaptation.goals if name not in self.goals.goals]
        if strangers:
            raise ValueError(
                f"goals.adaptation.goals names {strangers[0]}, which goals.goals does not describe"
            )
        if {"hybrid", "prompted"} - set(self.pretrain.models):
            raise ValueError("pretrain.models must name hybrid and prompted: later stages use both")
        return self

    def _needs(self) -> list[Need]:
        shots = self.finetune.shots
        needs: list[Need] = [*sweep_needs(self.sweep)]
        needs += [
            ("pretrain.scenarios", name, split, 1)
            for name in self.pretrain.scenarios
            for split in ("train", "val")
        ]
        needs += [("finetune.shots", name, "train", shots) for name in self.finetune.scenarios]
        control = self.control
        needs += [("control.shots x control.seeds", control.scenario, "train", control.shots * control.seeds)]
        needs += [("control.scenario", control.scenario, split, 1) for split in ("val", "test")]
        needs += [("finetune.scenarios", name, "val", 1) for name in self.finetune.scenarios]
        needs += [
            ("solve.scenarios", name, split, 1)
            for name in self.solve.scenarios
            for split in self.solve.splits
        ]
        needs += [("register.scenarios", name, "val", 1) for name in self.register_.scenarios]
        goals, few_shot = self.goals, self.goals.adaptation
        needs += [("goals.rows", name, "test", goals.rows) for name in (*goals.scenarios, few_shot.scenario)]
        rows = few_shot.shots * few_shot.seeds
        needs += [("goals.adaptation.shots x seeds", few_shot.scenario, "train", rows)]
        return needs


Tree = TypeVar("Tree", bound=Strict)


def parse_as(tree: type[Tree], values: Any, source: Path) -> Tree:  # noqa: ANN401 (whatever the YAML file holds)
    """A parameter file's content as a typed tree.

    Raises:
        UserError: one line that names every fault.
    """
    try:
        return tree.model_validate_json(json.dumps(values))
    except ValidationError as error:
        raise UserError(f"{source}: {describe_validation(error)}") from None
    except TypeError as error:  # YAML has dates and other values that JSON has not
        raise UserError(f"{source}: {error}") from None


def parse(values: Any, source: Path) -> Params:  # noqa: ANN401 (whatever the YAML file holds)
    """The main DAG's parameters.

    Raises:
        UserError: one line that names every fault.
    """
    return parse_as(Params, values, source)


def load(path: Path) -> Params:
    """Read and check a parameter file.

    Raises:
        UserError: it is missing, not YAML, or wrong; one line that names every fault.
    """
    return parse(read_params(path), path)


def load_sweep(path: Path) -> SweepParams:
    """The same for the parameters of the sweep's own DAG."""
    return parse_as(SweepParams, read_params(path), path)


def load_compact(path: Path) -> CompactParams:
    """The same for the parameters of the small model's DAG."""
    return parse_as(CompactParams, read_params(path), path)


def load_figures(path: Path) -> FiguresParams:
    """The same for the parameters of the DAG of the evidence."""
    return parse_as(FiguresParams, read_params(path), path)
