"""The whole of params.yaml as one typed tree, and the checks that concern more than one section."""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from pydantic import Field, ValidationError, model_validator

from components.config import Strict
from components.evaluation.comparison import IMPUTED, VARIANT
from pipelines.runtime.errors import UserError, describe_validation
from pipelines.runtime.stage import read_params
from pipelines.stages.evaluate import EvaluateConfig
from pipelines.stages.finetune import FinetuneConfig
from pipelines.stages.goal_study import GoalStudyConfig
from pipelines.stages.pretrain import PretrainConfig
from pipelines.stages.register import RegisterConfig
from pipelines.stages.report import ReportConfig
from pipelines.stages.scratch_baseline import ScratchBaselineConfig
from pipelines.stages.simulate import SimulateConfig
from pipelines.stages.solve import SolveConfig
from pipelines.stages.sweep import SweepConfig
from pipelines.studies.ablations import AblationsConfig
from pipelines.studies.few_shot_config import FewShotStudyConfig, Study
from pipelines.studies.paper_figures import PaperFiguresConfig
from pipelines.studies.release import ReleaseConfig
from pipelines.studies.speed_quality_timing import SpeedQualityConfig
from pipelines.studies.train_worlds import TrainWorldsConfig

# What pipelines.reporting makes the paper's figures from.
STUDIES = {"few-shot", "paper-recipe", "until-it-stops", "pcgnn", "zero-shot", "imputed", "variants"}
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


class ReleaseParams(Strict):
    """The whole of dags/release/params.yaml."""

    seed: int = Field(ge=0)
    train_worlds: TrainWorldsConfig
    release: ReleaseConfig


class FiguresParams(Strict):
    """The whole of dags/figures/params.yaml."""

    seed: int = Field(ge=0)
    simulate: SimulateConfig
    solve: SolveConfig
    ablations: AblationsConfig
    few_shot: FewShotStudyConfig
    speed_quality: SpeedQualityConfig
    paper_figures: PaperFiguresConfig

    @model_validator(mode="after")
    def _fits_together(self) -> "FiguresParams":
        few_shot, paper_figures = self.few_shot, self.paper_figures
        check_data(self.simulate, self._needs())
        missing = STUDIES - set(few_shot.studies)
        if missing:
            raise ValueError(f"few_shot.studies has no {sorted(missing)[0]}, which a figure is made from")
        names = set(paper_figures.variants())
        starts = {start for study in few_shot.studies.values() for start in study.starts}
        used = names | {start.removeprefix(VARIANT) for start in starts if start.startswith(VARIANT)}
        unknown = used - set(self.ablations.variants)
        if unknown:
            raise ValueError(f"ablations.variants has no {sorted(unknown)[0]}, which a later section uses")
        unadapted = paper_figures.adapted_variants() - {
            start.removeprefix(VARIANT) for start in few_shot.studies["variants"].starts
        }
        if unadapted:
            raise ValueError(f"few_shot.studies.variants.starts has no {VARIANT}{sorted(unadapted)[0]}")
        if any(study.seeds > self.ablations.seeds for study in self._of_variants()):
            raise ValueError(
                "ablations.seeds must be at least the seeds of the studies that start from variants"
            )
        evaluated = {scenario for study in few_shot.studies.values() for scenario in study.test_scenarios}
        unsolved = {*evaluated, *self.speed_quality.scenarios, *paper_figures.scenarios} - set(
            self.solve.scenarios
        )
        if unsolved or "test" not in self.solve.splits:
            raise ValueError(
                "solve must cover the test split of every scenario that a later section evaluates on"
            )
        if not paper_figures.rows == few_shot.test_rows == self.speed_quality.rows:
            raise ValueError(
                "paper_figures.rows, few_shot.test_rows and speed_quality.rows must be the same: runs are paired"
            )
        if few_shot.refinement_iterations != self.speed_quality.refinement_iterations:
            raise ValueError(
                "few_shot.refinement_iterations and speed_quality.refinement_iterations must be the same"
            )
        reference = f"best of {self.solve.starts} starts, {self.solve.iterations} iterations"
        if paper_figures.reference != reference or paper_figures.adapted != few_shot.models.get("hybrid"):
            raise ValueError(
                f"paper_figures.reference must be {reference!r}, "
                "and paper_figures.adapted what few_shot.models.hybrid is"
            )
        unevaluated = [
            name
            for name in STUDIES - {"variants"}
            if not set(paper_figures.scenarios) <= set(few_shot.studies[name].test_scenarios)
        ]
        if unevaluated or paper_figures.small_scenario not in few_shot.studies["variants"].test_scenarios:
            where = unevaluated[0] if unevaluated else "variants"
            raise ValueError(
                f"few_shot.studies.{where}.test_scenarios lacks a scenario that the figures show"
            )
        return self

    def _of_variants(self) -> list[Study]:
        return [
            study
            for study in self.few_shot.studies.values()
            if any(start.startswith(VARIANT) for start in study.starts)
        ]

    def _needs(self) -> list[Need]:
        needs: list[Need] = [("ablations", *need) for need in self.ablations.needs()]
        for title, study in self.few_shot.studies.items():
            user = f"few_shot.studies.{title}"
            if any(study.shots):
                needs += [(user, name, "train", max(study.shots)) for name in study.scenarios]
                needs += [(user, name, "val", self.few_shot.val_rows) for name in study.scenarios]
            needs += [(user, name, "test", self.few_shot.test_rows) for name in study.test_scenarios]
            if IMPUTED in study.starts:
                needs += [(user, name, "val", self.few_shot.val_rows) for name in study.test_scenarios]
        needs += [
            ("speed_quality.rows", name, "test", self.speed_quality.rows)
            for name in self.speed_quality.scenarios
        ]
        return needs


class Params(Strict):
    """One section per stage, named like the stage."""

    seed: int = Field(ge=0)
    simulate: SimulateConfig
    solve: SolveConfig
    sweep: SweepConfig
    pretrain: PretrainConfig
    finetune: FinetuneConfig
    scratch_baseline: ScratchBaselineConfig
    evaluate: EvaluateConfig
    goal_study: GoalStudyConfig
    register_: RegisterConfig = Field(alias="register")
    report: ReportConfig

    @model_validator(mode="after")
    def _data_will_be_there(self) -> "Params":
        check_data(self.simulate, self._needs())
        wanted = {*self.evaluate.scenarios, self.scratch_baseline.scenario, *self.register_.scenarios}
        unsolved = [name for name in wanted if name not in self.solve.scenarios]
        if unsolved or not {self.evaluate.split, "test"} <= set(self.solve.splits):
            raise ValueError(
                "evaluate.scenarios, scratch_baseline.scenario, register.scenarios and evaluate.split must be "
                "among those of section solve"
            )
        strangers = [name for name in self.goal_study.adaptation.goals if name not in self.goal_study.goals]
        if strangers:
            raise ValueError(
                f"goal_study.adaptation.goals names {strangers[0]}, which goal_study.goals does not describe"
            )
        if {"hybrid", "prompted"} - set(self.pretrain.models):
            raise ValueError("pretrain.models must name hybrid and prompted: later stages use both")
        return self

    def _needs(self) -> list[Need]:
        shots = self.finetune.shots
        needs: list[Need] = [*sweep_needs(self.sweep)]
        needs += [
            ("pretrain.hybrid.scenarios", name, split, 1)
            for name in self.pretrain.of_hybrid().scenarios
            for split in ("train", "val")
        ]
        needs += [("finetune.shots", name, "train", shots) for name in self.finetune.scenarios]
        baseline = self.scratch_baseline
        rows = baseline.shots * baseline.seeds
        needs += [("scratch_baseline.shots x scratch_baseline.seeds", baseline.scenario, "train", rows)]
        needs += [("scratch_baseline.scenario", baseline.scenario, split, 1) for split in ("val", "test")]
        needs += [("finetune.scenarios", name, "val", 1) for name in self.finetune.scenarios]
        needs += [
            ("solve.scenarios", name, split, 1)
            for name in self.solve.scenarios
            for split in self.solve.splits
        ]
        needs += [("register.scenarios", name, "val", 1) for name in self.register_.scenarios]
        study, adaptation = self.goal_study, self.goal_study.adaptation
        evaluated = (*study.scenarios, adaptation.scenario)
        needs += [("goal_study.rows", name, "test", study.rows) for name in evaluated]
        rows = adaptation.shots * adaptation.seeds
        needs += [("goal_study.adaptation.shots x seeds", adaptation.scenario, "train", rows)]
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


def load_release(path: Path) -> ReleaseParams:
    """The same for the parameters of the packaged weights' DAG."""
    return parse_as(ReleaseParams, read_params(path), path)


def load_figures(path: Path) -> FiguresParams:
    """The same for the parameters of the DAG of the paper's figures."""
    return parse_as(FiguresParams, read_params(path), path)
