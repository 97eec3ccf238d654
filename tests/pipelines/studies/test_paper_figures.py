"""From small models to claims: the stages of the figures for real, as small as they can be."""

import json
import shutil
from collections.abc import Callable, Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import yaml

from components.data.shards import Manifest, load_split, sha256_of
from components.evaluation.comparison import read_rows
from components.evaluation.references import read_references
from components.evaluation.scores import score
from pipelines.cluster.session import session
from pipelines.runtime import paths
from pipelines.runtime.errors import UserError
from pipelines.runtime.stage import Stage
from pipelines.stages import solve
from pipelines.studies import ablations, few_shot, paper_figures, speed_quality
from pipelines.studies.few_shot_config import FewShotStudyConfig
from tests.pipelines.studies.figure_sections import Tree, sections

FIGURES = (
    *(f"figure{number}" for number in range(4, 12)),
    "figure5-edges", "figure10-edges", "depth", "depth-ranks", "network-sizes",
)  # fmt: skip


@pytest.fixture(scope="module")
def ray_session() -> Iterator[None]:
    with session():
        yield


@pytest.fixture(scope="module")
def made(
    ray_session: None, module_workspace: Path, simulated: Path, run_stage: Callable[[Stage], str]
) -> Path:
    """A folder in which every stage has run."""
    shutil.copytree(simulated, paths.DATA)
    params = yaml.safe_load(Path("params.yaml").read_text()) | sections(module_workspace)
    params["solve"]["by_task"] = True
    Path("params.yaml").write_text(yaml.safe_dump(params))
    for module in (solve, ablations, few_shot, speed_quality, paper_figures):
        assert "done in" in run_stage(module.STAGE)
    return module_workspace


def rows(made: Path) -> list[Tree]:
    return read_rows(made / paths.FEW_SHOT / "runs.parquet")  # type: ignore[return-value]


def test_every_arm_has_its_seeds_and_what_depends_on_none_has_one(made: Path) -> None:
    found: dict[tuple[str, str, str, int], set[int]] = {}
    for row in rows(made):
        found.setdefault((row["study"], row["start"], row["objective"], row["shots"]), set()).add(row["run"])
    config = FewShotStudyConfig.model_validate_json(json.dumps(sections(made)["few_shot"]))
    expected = {(name, *arm) for name, study in config.studies.items() for arm in study.arms()}
    assert set(found) == expected
    for (study, *_), runs in found.items():
        assert runs == ({0} if study in ("zero-shot", "imputed") else {0, 1})


def test_hidden_pairs_are_judged_where_they_were_asked_for(made: Path) -> None:
    shares = {(row["study"], row["shots"]): set() for row in rows(made)}
    for row in rows(made):
        shares[row["study"], row["shots"]].add(row["hidden"])
    assert shares["few-shot", 8] == {0.0}
    for arm in (("few-shot", 16), ("pcgnn", 8), ("pcgnn", 40), ("zero-shot", 0), ("imputed", 0)):
        assert shares[arm] == {0.0, 0.5}


def test_edges_and_pairs_are_two_masks(made: Path) -> None:
    found = {
        (row["start"], row["masked"]): row["score"]
        for row in rows(made)
        if row["study"] in ("zero-shot", "imputed") and row["objective"] == "sum-rate"
        and row["hidden"] == 0.5 and row["scenario"] == "far"
    }  # fmt: skip
    assert len(found) == 4
    for start in ("prompted", "imputed-wmmse"):
        assert not np.array_equal(found[start, "pairs"], found[start, "edges"])
    # Of edges that one end does not see, the other end reports the gains: imputation fills a quarter instead of half.
    assert found["imputed-wmmse", "edges"].mean() > found["imputed-wmmse", "pairs"].mean()


def test_arms_of_a_study_train_for_as_many_updates_whatever_their_samples(made: Path) -> None:
    updates: dict[str, set[int]] = {}
    for row in rows(made):
        updates.setdefault(row["study"], set()).add(row["updates"])
        assert (row["updates"] == 0) == (row["study"] in ("zero-shot", "imputed"))
        if row["updates"]:
            visits = row["updates"] * 8 / (row["shots"] * (1 if row["study"] == "one-scenario" else 2))
            assert row["visits"] == pytest.approx(visits, abs=1e-3)
            assert row["weights"] > 0
            assert row["features"] in ("landmarks", "direct")
    assert all(
        updates[study] == {4} for study in updates if study not in ("until-it-stops", "zero-shot", "imputed")
    )
    assert updates["until-it-stops"] <= {4, 6, 8, 10, 12}
    figures = json.loads((made / paths.PAPER_FIGURES).read_text())["figures"]
    assert {row["updates"] for row in figures["figure9"]["rows"]} == {4}


def test_a_rank_is_told_for_every_layer(made: Path) -> None:
    summary = json.loads((made / paths.ABLATIONS / "hybrid" / "0" / "summary.json").read_text())
    assert len(summary["rank_by_layer"]) == 2
    assert all(1.0 <= rank <= 16.0 for rank in summary["rank_by_layer"])


def test_ranks_of_adapted_embeddings_are_shares_of_their_width(made: Path) -> None:
    found = {
        (row["study"], row["start"]): row["ranks"] for row in rows(made) if row["objective"] == "sum-rate"
    }
    assert len(found["few-shot", "hybrid"]) == 2
    assert len(found["pcgnn", "pcgnn"]) == 3
    assert len(found["pcgnn-depth-2", "pcgnn"]) == 2
    assert found["zero-shot", "prompted"] == found["imputed", "imputed-wmmse"] == []
    assert all(0.0 < share <= 1.0 for ranks in found.values() for share in ranks)
    figures = json.loads((made / paths.PAPER_FIGURES).read_text())["figures"]
    assert {row["series"] for row in figures["depth-ranks"]["rows"]} == {"layers: 1", "PCGNN, rounds: 2"}


def test_a_variant_may_learn_from_other_networks(made: Path) -> None:
    links = {
        name: json.loads((made / paths.ABLATIONS / name / "0" / "summary.json").read_text())["links"]
        for name in ("hybrid", "both")
    }
    assert len(links["hybrid"]) == 1
    assert len(links["both"]) == 2
    shown = json.loads((made / paths.PAPER_FIGURES).read_text())["figures"]["network-sizes"]["rows"]
    assert len({row["series"] for row in shown}) == 2


def test_an_arm_takes_the_rate_that_its_first_seed_does_best_with(made: Path) -> None:
    tried: dict[tuple[Any, ...], dict[float, float]] = {}
    for *arm, rate, reached in json.loads((made / paths.FEW_SHOT / "tried.json").read_text()):
        tried.setdefault(tuple(arm), {})[rate] = reached
    two = {arm: by_rate for arm, by_rate in tried.items() if arm[0] == "few-shot"}
    assert all(len(by_rate) == 2 for by_rate in two.values())
    assert len({max(by_rate, key=by_rate.__getitem__) for by_rate in two.values()}) >= 1
    for row in rows(made):
        arm = (row["study"], row["start"], row["objective"], row["shots"])
        if arm in two:
            assert row["learning_rate"] == max(two[arm], key=two[arm].__getitem__)


def test_a_polish_never_loses_much_and_usually_gains(made: Path) -> None:
    whole = [row for row in rows(made) if row["hidden"] == 0.0 and row["objective"] == "sum-rate"]
    assert all(
        row["polished"].mean() > row["score"].mean() for row in whole if row["start"] != "imputed-wmmse"
    )


def test_seeds_differ_in_what_they_learn_from_but_not_in_what_is_hidden(made: Path) -> None:
    first, second = (
        next(row for row in rows(made) if row["study"] == "pcgnn" and row["run"] == run and row["shots"] == 8)
        for run in (0, 1)
    )
    assert not np.array_equal(first["score"], second["score"])
    manifest = Manifest.load(made / paths.DATA)
    parts = [few_shot.samples(manifest, made / paths.DATA, "near", 8, number) for number in (0, 1)]
    assert not np.array_equal(*parts)
    # Not enough for everybody: all seeds share the same.
    assert np.array_equal(
        *(few_shot.samples(manifest, made / paths.DATA, "near", 40, number) for number in (0, 1))
    )


def test_every_figure_is_there_three_times_and_its_values_are_the_committed_ones(made: Path) -> None:
    folder = made / paths.FIGURES
    content = json.loads((made / paths.PAPER_FIGURES).read_text())
    assert set(content["figures"]) == set(FIGURES)
    for name, figure in content["figures"].items():
        assert figure["rows"], name
        table = pq.read_table(folder / f"{name}.parquet").to_pylist()
        assert [row["value"] for row in table] == [row["value"] for row in figure["rows"]]
        assert (folder / f"{name}.png").read_bytes().startswith(b"\x89PNG")
        specification = json.loads((folder / f"{name}.vl.json").read_text())
        assert [row["value"] for row in specification["data"]["values"]] == [
            row["value"] for row in figure["rows"]
        ]
        for row in figure["rows"]:
            assert row["low"] <= row["value"] <= row["high"]


def test_a_bar_is_the_ratio_of_means_on_the_same_snapshots(made: Path) -> None:
    content = json.loads((made / paths.PAPER_FIGURES).read_text())
    found = {
        (row["panel"], row["series"], row["x"]): row["value"] for row in content["figures"]["figure4"]["rows"]
    }
    data, references = made / paths.DATA, made / paths.REFERENCES
    gain_db = load_split(data, Manifest.load(data), "far", "test", 20)
    powers = read_references(references, Manifest.load(references).entry("far").splits["test"])
    for objective, panel, reference in (
        ("qos", "QoS utility / best sum-rate run for it", "sum-rate-chosen-by-qos"),
        ("sum-rate", "sum rate / WMMSE-Best", "best-sum-rate"),
        ("qos", "QoS utility / best WMMSE for it", "best-qos"),
    ):
        full, best = (
            score(objective, powers[name][:20], gain_db).mean() for name in ("full-reuse", reference)
        )
        assert found[panel, "full reuse", "K = 8"] == pytest.approx(full / best, abs=2e-5)
    (own,) = [r for r in rows(made) if (r["study"], r["objective"], r["scenario"], r["hidden"])
              == ("zero-shot", "sum-rate", "far", 0.0)]  # fmt: skip
    best = score("sum-rate", powers["best-sum-rate"][:20], gain_db).mean()
    zero_shot = found["sum rate / WMMSE-Best", "GFM-RA prompted, zero-shot", "K = 8"]
    assert zero_shot == pytest.approx(own["score"].mean() / best, abs=2e-5)


def test_violations_are_shares_and_rates_below_the_least_rate(made: Path) -> None:
    figure = json.loads((made / paths.PAPER_FIGURES).read_text())["figures"]["figure8"]["rows"]
    by_panel: dict[str, list[Tree]] = {}
    for row in figure:
        by_panel.setdefault(row["panel"], []).append(row)
    assert len(by_panel) == 4
    assert all(0.0 <= row["value"] <= 1.0 for row in by_panel["share of links below Rmin"])
    assert all(0.0 <= row["value"] < 0.3 for row in by_panel["mean rate of links below Rmin, bit/s/Hz"])
    best = {row["value"] for row in by_panel["sum rate / WMMSE-Best's"] if row["series"] == "WMMSE-Best"}
    assert best == {1.0}


def test_speed_quality_times_and_evaluates_every_method(made: Path) -> None:
    content = json.loads((made / paths.PAPER_FIGURES).read_text())["speed_quality"]
    methods = {row["method"] for row in content["rows"]}
    networks = {"pcgnn", "prompted", "hybrid", "variant:small"}
    assert methods == {"full-reuse", "wmmse-1", "wmmse-20", "starts-4"} | networks | {
        f"{name}+polish" for name in networks
    }
    assert all(row["ms"] > 0 for row in content["rows"])
    assert {(row["links"], row["batch"]) for row in content["findings"]} == {(8, 1), (8, 4)}


def test_every_claim_has_a_status(made: Path) -> None:
    found = json.loads((made / paths.PAPER_FIGURES).read_text())["claims"]
    evaluated = [row for row in found if row["status"] != "not measured"]
    assert len(evaluated) >= len(found) - 1  # the profile has no mask ratio but two


def test_what_is_done_is_not_done_again(made: Path, run_stage: Callable[[Stage], str]) -> None:
    before = {path: sha256_of(path) for path in (made / paths.ABLATIONS).rglob("*") if path.is_file()}
    run_stage(ablations.STAGE)
    assert {path: sha256_of(path) for path in before} == before


def test_an_interrupted_variant_goes_on_to_the_same_bits(made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = ablations.AblationsConfig.model_validate_json(json.dumps(sections(made)["ablations"]))
    arguments = (
        config,
        "hybrid",
        1,
        (made / paths.DATA),
        made / "again" / "0",
        made / "again" / "checkpoint",
    )
    keep = ablations.replace_checkpoint

    def once(folder: Path, save: Callable[[Path], None]) -> None:
        keep(folder, save)
        raise KeyboardInterrupt

    monkeypatch.setattr(ablations, "replace_checkpoint", once)
    with pytest.raises(KeyboardInterrupt):
        ablations.pretrain_variant(*arguments)
    monkeypatch.setattr(ablations, "replace_checkpoint", keep)
    assert not (made / "again" / "0").exists()
    ablations.pretrain_variant(*arguments)
    for path in (made / "again" / "0").iterdir():
        assert path.read_bytes() == (made / paths.ABLATIONS / "hybrid" / "0" / path.name).read_bytes()


def test_a_missing_model_is_named_before_anything_is_trained(
    made: Path, run_stage: Callable[[Stage], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    params = yaml.safe_load(Path("params.yaml").read_text())
    broken = deepcopy(params)
    broken["few_shot"]["studies"]["variants"]["starts"] += ["variant:nobody"]
    Path("params.yaml").write_text(yaml.safe_dump(broken))
    try:
        with pytest.raises(UserError, match="nobody"):
            run_stage(few_shot.STAGE)
    finally:
        Path("params.yaml").write_text(yaml.safe_dump(params))
