"""The whole DAG in the smoke profile, in a copy of the repository: what a newcomer's first run must give."""

import json
import re
import sys

import mlflow
import pytest
import yaml

from tests import browser
from tests.clone import ROOT, copy_repository, run

MODELS = ("gfm-ra-sum-rate", "gfm-ra-proportional-fair", "gfm-ra-qos", "gfm-ra-prompted")
FOLDERS = (
    "artifacts/finetune/sum-rate", "artifacts/finetune/proportional-fair", "artifacts/finetune/qos",
    "artifacts/pretrain/prompted",
)  # fmt: skip

pytestmark = pytest.mark.chain


@pytest.fixture(scope="module")
def chain(tmp_path_factory):
    """A copy of the working tree in which `dvc repro` has run with the smoke profile."""
    folder = copy_repository(tmp_path_factory.mktemp("chain") / "repository")
    run(folder, "dvc", "repro")
    return folder


def test_every_declared_output_is_there_and_status_is_clean(chain):
    assert "up to date" in run(chain, "dvc", "status", "dvc.yaml")
    assert (chain / "artifacts/report/index.html").stat().st_size > 10_000


def test_a_second_repro_does_nothing(chain):
    lock = (chain / "dvc.lock").read_bytes()
    assert "up to date" in run(chain, "dvc", "repro")
    assert (chain / "dvc.lock").read_bytes() == lock


def test_interrupted_work_leaves_nothing_behind_after_success(chain):
    assert not [path for path in (chain / ".resume").rglob("*") if path.is_file()]


def registered(chain):
    """Aliases of every model, and how many runs of stage register have finished."""
    client = mlflow.MlflowClient(f"sqlite:///{chain}/mlflow.db")
    found = {name: client.get_registered_model(name).aliases.items() for name in MODELS}
    experiment = client.get_experiment_by_name("gfm-ra").experiment_id
    runs = client.search_runs(
        [experiment], "attributes.status = 'FINISHED' and attributes.run_name = 'register'"
    )
    return {name: {alias: str(number) for alias, number in pairs} for name, pairs in found.items()}, len(runs)


def test_three_heads_and_the_prompted_model_are_candidates_that_say_where_they_come_from(chain):
    assert registered(chain)[0] == {name: {"candidate": "1"} for name in MODELS}
    commit = run(chain, "git", "rev-parse", "HEAD").strip()
    outputs = {
        output["path"]: output["md5"]
        for stage in yaml.safe_load((chain / "dvc.lock").read_text())["stages"].values()
        for output in stage.get("outs", ())
    }
    for name, folder in zip(MODELS, FOLDERS, strict=True):
        tags = mlflow.MlflowClient(f"sqlite:///{chain}/mlflow.db").get_model_version(name, "1").tags
        assert (tags["profile"], tags["git_commit"], tags["dvc_hash"]) == ("smoke", commit, outputs[folder])


@pytest.mark.slow
def test_an_experiment_in_a_copy_registers_here_and_touches_no_champion(chain):
    run(chain, "git", "config", "user.name", "test")
    run(chain, "git", "config", "user.email", "test@localhost")
    aliases, before = registered(chain)
    said = run(chain, "dvc", "exp", "run", "--temp", "-S", "+register.confidence=0.9")
    assert "Running stage 'register'" in said
    assert registered(chain) == (aliases, before + 1)
    assert not list(chain.glob(".dvc/tmp/exps/**/mlflow.db"))


def test_candidates_become_champions_by_promote_alone(chain):
    said = run(chain, "gfm-ra", "models", "promote", "--all")
    assert sorted(said.splitlines()) == sorted(f"{name} 1: promoted, the first champion" for name in MODELS)
    assert registered(chain)[0] == {name: {"candidate": "1", "champion": "1"} for name in MODELS}
    said = run(chain, "gfm-ra", "models", "promote", "--all")
    assert sorted(said.splitlines()) == sorted(f"{name} 1: unchanged, champion already" for name in MODELS)


def test_the_readme_example_allocates_powers(chain):
    example = re.search(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    assert example is not None
    assert len(example[1].strip().splitlines()) <= 10
    check = "\nassert power.shape == gain.shape[:2] and (0 <= power).all() and (power <= 1).all()\n"
    run(chain, sys.executable, "-W", "ignore", "-c", example[1] + check)


def test_metrics_and_plots_have_something_to_show(chain):
    shown = json.loads(run(chain, "dvc", "metrics", "show", "--json"))
    assert "metrics/evaluate.json" in json.dumps(shown)
    run(chain, "dvc", "plots", "show", "-o", "plots")
    assert (chain / "plots" / "index.html").is_file()


def test_evaluation_ratios_are_ratios_with_intervals_around_them(chain):
    metrics = json.loads((chain / "metrics/ratios.json").read_text())
    assert set(metrics) == {"sum-rate", "proportional-fair", "qos"}
    for tables in metrics.values():
        assert set(tables) == {"D16", "tiny"}
    for table in metrics["sum-rate"].values():
        assert table["best-sum-rate"]["to_paper"] == [1.0, 1.0, 1.0]
        value, low, high = table["gfm-ra"]["to_paper"]
        assert 0.3 < low < value < high < 1.2
        assert table["full-reuse"]["mean"] < table["wmmse"]["mean"] <= table["best-sum-rate"]["mean"]


def test_every_goal_and_every_hidden_share_has_been_evaluated(chain):
    found = json.loads((chain / "metrics/goal_study-full.json").read_text())
    assert set(found["missing"]["qos"]["tiny"]) == {"0", "0.1", "0.3", "0.5"}
    for by_scenario in found["goals"].values():
        for evaluated in by_scenario.values():
            zero_shot, with_fallback = evaluated["zero-shot"][0], evaluated["with_fallback"][0]
            # Never worse than any candidate; a mean of rates that are equivalent in utility may differ in rounding.
            best = max(zero_shot, evaluated["wmmse-for-the-goal"][0], evaluated["full-reuse"][0])
            assert with_fallback >= best - 1e-4
            assert abs(sum(evaluated["fallback_wins"].values()) - 1.0) < 1e-3
    ways = found["adaptation"]["goals"]["alpha-3"]
    assert set(ways) == {"zero-shot", "prompt", "lora", "full"}


def test_the_prompted_model_listens_to_its_goal(chain):
    code = (
        "import mlflow, numpy as np; mlflow.set_tracking_uri('sqlite:///mlflow.db');"
        "m = mlflow.pyfunc.load_model('models:/gfm-ra-prompted@candidate');"
        "g = np.random.default_rng(0).normal(10, 15, (8, 12, 12)).astype('float32');"
        "p = [m.predict(g, params=q) for q in ({}, {'goal': 'sum-rate'}, {'goal': 'proportional-fair'},"
        " {'goal': 'qos', 'min_rate': 0.5, 'penalty': 20.0}, {'goal': 'alpha-fair', 'alpha': 0.5},"
        " {'weights': [1.0] * 11 + [9.0]})];"
        "print(p[0].shape, [round(float(abs(p[0] - x).max()), 6) > 0 for x in p])"
    )
    answer = run(chain, sys.executable, "-W", "ignore", "-c", code)
    assert "(8, 12) [False, False, True, True, True, True]" in answer


def test_the_report_page_needs_no_network(chain):
    page = (chain / "artifacts/report/index.html").read_text()
    assert not re.search(r'(src|href)\s*=\s*["\'](?!data:|#)', page)
    assert "@import" not in page
    evidence = json.loads((chain / "metrics/paper_figures.json").read_text())
    batches = {row["batch"] for row in evidence["speed_quality"]["rows"]}
    assert page.count("data:image/png;base64,") == 7 + len(evidence["figures"]) + 3 * len(batches)


def test_the_report_page_says_not_reproduced_where_a_claim_of_the_paper_fails(chain):
    page = (chain / "artifacts/report/index.html").read_text()
    claims = json.loads((chain / "metrics/paper_figures.json").read_text())["claims"]
    failed = [row for row in claims if row["status"] == "does not hold"]
    assert failed
    # A claim with another reading goes on with that reading's status after a semicolon.
    assert len(re.findall(">not reproduced at this size[;<]", page)) == sum(not row["ours"] for row in failed)
    assert len(re.findall(">does not hold[;<]", page)) == sum(row["ours"] for row in failed)


@pytest.mark.skipif(browser.find() is None, reason="there is no Chromium here")
@pytest.mark.parametrize(("width", "scheme"), [(1100, "light"), (390, "dark")])
def test_the_report_page_works_in_a_browser(chain, tmp_path, width, scheme):
    page = (chain / "artifacts/report/index.html").as_uri()
    sort = (
        "(() => { const t = [...document.querySelectorAll('table')].find(t => t.textContent.includes('full reuse'));"
        "const h = t.querySelectorAll('th')[2]; const read = () => [...t.tBodies[0].rows].map(r => "
        "parseFloat(r.cells[2].textContent)); h.click(); const up = read(); h.click(); return [up, read()]; })()"
    )
    with browser.started(tmp_path / "profile") as address:
        seen = browser.visit(
            address, page, width, scheme,
            [
                "document.documentElement.scrollWidth",
                "[...document.images].every(image => image.alt.length > 20 && image.naturalWidth > 0)",
                "getComputedStyle(document.body).backgroundColor",
                sort,
            ],
        )  # fmt: skip
    assert seen.requests == []
    assert seen.complaints == []
    wide, images, background, (up, down) = seen.answers
    assert wide <= width, "the page itself must not scroll sideways"
    assert images
    assert background == {"light": "rgb(255, 255, 255)", "dark": "rgb(20, 24, 31)"}[scheme]
    assert up == sorted(up) != down == sorted(up, reverse=True)


def test_the_page_says_where_it_comes_from(chain):
    page = (chain / "artifacts/report/index.html").read_text()
    commit = run(chain, "git", "rev-parse", "HEAD").strip()
    assert commit in page
    for stage in ("simulate", "pretrain@hybrid", "evaluate", "register"):
        assert re.search(rf"<td>{stage}</td><td>20\d\d-\d\d-\d\dT[\d:]+Z</td><td>[\d.]+</td>", page), stage
    assert "shard_rows: 100" in page


def test_a_changed_parameter_reruns_its_stage_and_what_follows_only(chain):
    params = chain / "params.yaml"
    original = params.read_text()
    try:
        params.write_text(original.replace("title: GFM-RA, smoke profile", "title: Another title"))
        output = run(chain, "dvc", "repro")
        assert "Running stage 'report'" in output
        assert set(re.findall(r"Running stage '([\w@-]+)'", output)) == {"check", "report"}
        assert "<title>Another title</title>" in (chain / "artifacts/report/index.html").read_text()
    finally:
        params.write_text(original)


def test_a_damaged_output_is_noticed_and_restored(chain):
    path = chain / "artifacts/pretrain/hybrid/backbone.safetensors"
    whole = path.read_bytes()
    try:
        path.unlink()  # a link into the cache must not be written through
        path.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
        assert "changed outs" in run(chain, "dvc", "status", "dvc.yaml")
        run(chain, "dvc", "repro", "pretrain")
        assert path.read_bytes() == whole
    finally:
        if path.read_bytes() != whole:
            path.write_bytes(whole)
