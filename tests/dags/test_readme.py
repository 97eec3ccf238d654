"""README.md and docs/results.md say what the committed metrics files and the folders say."""

import json
import re
from pathlib import Path

import pytest

from dags import readme
from dags.params import Params
from dags.readme import claims, filled, measured, pages, summary
from pipelines.runtime.stage import parse_section, read_params

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.release
def test_the_made_parts_are_up_to_date(monkeypatch):
    monkeypatch.chdir(ROOT)
    for page, parts in pages().items():
        text = page.read_text()
        assert all(f"<!-- {part} -->" in text for part in parts)
        assert filled(text, parts) == text, "run `make readme`"


def test_the_readme_is_short_and_its_links_lead_somewhere():
    text = (ROOT / "README.md").read_text()
    assert len(text.splitlines()) <= 150
    links = re.findall(r"\]\(([^)#:]+)\)", text)
    assert len(links) > 5
    assert [link for link in links if not (ROOT / link).is_file()] == []


@pytest.mark.release
def test_the_evidence_that_is_shown_is_what_its_dag_left():
    shown, made = ROOT / "metrics/paper_figures.json", ROOT / "dags/figures/metrics/paper_figures.json"
    assert shown.read_bytes() == made.read_bytes(), "run `make figures`"


@pytest.mark.release
def test_every_number_of_the_claims_comes_from_the_evidence():
    evidence = json.loads((ROOT / "metrics/paper_figures.json").read_text())
    known = {f"{row[key]:.3f}" for figure in evidence["figures"].values() for row in figure["rows"]
             for key in ("value", "low", "high")}  # fmt: skip
    known |= {f"{row['value']:.3f}" for row in evidence["speed_quality"]["rows"]}
    times = {f"{row['ms']:.3g}" for row in evidence["speed_quality"]["rows"]}
    page = claims(ROOT / "metrics")
    shown = re.findall(r"(?<![\d.])\d+\.\d{3}(?!\d)", page)
    assert len(shown) > 50
    # Differences between two values of a figure are made in reporting/claim_rules.py and stand in the file as text.
    both = [found for row in evidence["claims"] for found in (row, row.get("other")) if found]
    measured = " ".join(found["measured"] for found in both)
    assert {number for number in shown if number not in known | times and number not in measured} == set()
    assert set(re.findall(r"in ([\d.e-]+) ms", page)) <= times


class Numbers:
    """Numbers that no text would hold by chance, each different, in the order in which they are asked for."""

    def __init__(self):
        self.given = []

    def one(self):
        self.given.append(7.1234 + len(self.given))
        return self.given[-1]

    def ratio(self):
        return [self.one() for _ in range(3)]


@pytest.fixture
def made_up(tmp_path):
    """A folder of metrics as the stages write them, with made-up numbers, and those numbers."""
    numbers = Numbers()

    def entry():
        return {"mean": 1.0, "to_strong": numbers.ratio(), "to_paper": numbers.ratio()}

    def one_goal():
        return {
            key: numbers.ratio() for key in ("zero-shot", "with_fallback", "wmmse-for-the-goal", "full-reuse")
        }

    def by_share():
        return {
            key: {k: numbers.ratio() for k in ("zero-shot", "imputed-wmmse")} for key in ("0", "0.1", "0.5")
        }

    summary = ("edge_rmse_db", "mean_predictor_rmse_db", "noise_floor_db", "effective_rank")
    ratios = [f"ratio_{name.replace('-', '_')}" for name in readme.OBJECTIVES]
    table = {"snapshots": 50} | {method: entry() for method in readme.METHODS}
    # Where the reference silences links there is no ratio to it.
    silent = {method: {k: v for k, v in entry().items() if k != "to_paper"} for method in readme.METHODS}
    content = {
        "ratios": {
            "sum-rate": {"D16": table},
            "proportional-fair": {"D16": {"snapshots": 50} | silent},
            "qos": {"D16": table},
        },
        "goal_study-full": {
            "snapshots": 50,
            "goals": {"alpha-3": {"D16": one_goal()}},
            "missing": {name: {"D16": by_share()} for name in readme.OBJECTIVES},
        },
        "pretrain-hybrid": {"status": "healthy"} | {name: numbers.one() for name in summary},
        "pretrain-prompted": {name: numbers.one() for name in ratios},
    }
    for name, values in content.items():
        (tmp_path / f"{name}.json").write_text(json.dumps(values))
    return tmp_path, numbers.given


def test_every_measured_number_comes_from_a_metrics_file(made_up):
    folder, given = made_up
    known = {f"{value:.{digits}f}" for value in given for digits in (1, 2, 3)}
    shown = re.findall(r"\d+\.\d+", measured(folder))
    assert len(shown) > 40
    assert set(shown) <= known
    shown = re.findall(r"\d+\.\d+", summary(folder))
    assert len(shown) == len(readme.OBJECTIVES)
    assert set(shown) <= known


def test_the_measured_tables_are_tables_and_name_what_is_missing_as_such(made_up):
    lines = measured(made_up[0]).splitlines()
    rows = [line for line in lines if line.startswith("|")]
    assert len({line.count("|") for line in rows[:5]}) == 1
    assert [line.split(" | ")[5] for line in rows if line.startswith("| proportional-fair | D16,")] == ["–"]
    assert "50% of pairs hidden" in "".join(rows)
    assert "ended healthy" in lines[-1]
    assert "one WMMSE run of the goal" in lines[-1]


@pytest.mark.release
def test_the_polish_that_the_table_names_is_the_one_that_is_measured():
    section = Params.model_fields["evaluate"].annotation
    assert parse_section(read_params(ROOT / "params.yaml"), "evaluate", section).refinement_iterations == (
        readme.POLISH_ITERATIONS
    )


@pytest.mark.release
def test_the_heads_are_those_of_the_parameters():
    section = read_params(ROOT / "params.yaml")["finetune"]
    assert (section["shots"], tuple(section["scenarios"])) == (readme.HEAD_SAMPLES, readme.HEAD_SCENARIOS)
    assert (section["warmup_epochs"], section["epochs"]) == readme.HEAD_EPOCHS
