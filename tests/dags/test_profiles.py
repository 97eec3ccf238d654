"""Laws of the parameter profiles: each is valid, one is the default, none overwrites a person's own values."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from dags import profile
from dags.params import load, load_figures, load_sweep
from pipelines.runtime.errors import UserError

NAMES = ("laptop", "paper", "smoke")


@pytest.fixture
def copy(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A git checkout that holds the profiles and params.yaml, as the working directory."""
    shutil.copytree(root / "dags/profiles", tmp_path / "dags/profiles")
    shutil.copytree(root / "dags/sweep/profiles", tmp_path / "dags/sweep/profiles")
    shutil.copy(root / "dags/sweep/profiles/laptop.yaml", tmp_path / "dags/sweep/params.yaml")
    shutil.copy(root / "dags/profiles/laptop.yaml", tmp_path / "params.yaml")
    monkeypatch.chdir(tmp_path)
    identity = ("-c", "user.name=test", "-c", "user.email=test@localhost")
    for command in (("init", "-q"), ("add", "."), (*identity, "commit", "-qm", "start")):
        subprocess.run(["git", *command], check=True)
    return tmp_path


def text(name: str) -> str:
    return Path(f"dags/profiles/{name}.yaml").read_text()


@pytest.mark.parametrize("name", NAMES)
def test_every_profile_is_valid(root: Path, name: str) -> None:
    load(root / f"dags/profiles/{name}.yaml")


def test_these_are_all_profiles(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(root)
    assert tuple(profile.names()) == NAMES


@pytest.mark.release
def test_the_laptop_profile_is_the_default(root: Path) -> None:
    assert (root / "params.yaml").read_bytes() == (root / "dags/profiles/laptop.yaml").read_bytes()


@pytest.mark.release
def test_the_laptop_profile_is_the_default_of_the_figures(root: Path) -> None:
    folder = root / "dags/figures"
    assert (folder / "params.yaml").read_bytes() == (folder / "profiles/laptop.yaml").read_bytes()


def test_the_paper_profile_is_table_one(root: Path) -> None:
    paper = load(root / "dags/profiles/paper.yaml")
    hybrid, recipe = paper.pretrain.model("hybrid"), paper.finetune.recipe()
    algorithm, backbone = hybrid.algorithm(), hybrid.backbone
    assert (backbone.layers, backbone.width, backbone.heads, backbone.node_features) == (6, 768, 32, "direct")
    assert (algorithm.mask_ratio, algorithm.consistency_weight, algorithm.ema_decay) == (0.3, 0.1, 0.996)
    assert (algorithm.learning_rate, algorithm.batch_size, algorithm.epochs) == (1e-4, 512, 200)
    assert (algorithm.schedule.kind, algorithm.schedule.factor, algorithm.schedule.patience) == (
        "plateau",
        0.5,
        10,
    )
    assert (recipe.warmup_epochs, recipe.epochs) == (10, 100)
    assert (recipe.backbone_learning_rate, recipe.head_learning_rate) == (1e-4, 1e-3)
    assert set(hybrid.scenarios) == {f"D{number}" for number in range(1, 16)}
    assert set(paper.evaluate.scenarios) == {f"D{number}" for number in range(16, 21)}
    assert (paper.solve.starts, paper.finetune.shots) == (100, 2048)


def test_a_profile_may_follow_another(copy: Path) -> None:
    for name in ("smoke", "paper", "laptop"):
        profile.apply(name)
        assert (copy / "params.yaml").read_text() == text(name)


def test_own_values_are_not_overwritten(copy: Path) -> None:
    own = text("laptop").replace("seed: 1", "seed: 5")
    (copy / "params.yaml").write_text(own)
    with pytest.raises(UserError, match=r"params\.yaml holds values of your own"):
        profile.apply("smoke")
    assert (copy / "params.yaml").read_text() == own


def test_restoring_puts_the_chosen_profile_back_and_keeps_what_it_replaced(copy: Path) -> None:
    profile.apply("smoke")
    changed = text("smoke").replace("mask_ratio: 0.3", "mask_ratio: 0.5")
    (copy / "params.yaml").write_text(changed)
    assert profile.restore() == "the smoke profile"
    assert (copy / "params.yaml").read_text() == text("smoke")
    assert (copy / "params.replaced.yaml").read_text() == changed
    assert (
        profile.describe()
        == "params.yaml holds the smoke profile: all of it takes 4 to 8 minutes on two cores"
    )


def test_restoring_without_a_chosen_profile_gives_the_committed_values(copy: Path) -> None:
    (copy / "params.yaml").write_text(text("laptop").replace("seed: 1", "seed: 5"))
    assert "values of your own" in profile.describe()
    assert profile.restore() == "the committed values"
    assert (copy / "params.yaml").read_text() == text("laptop")


def test_own_values_may_go_once_they_are_committed(copy: Path) -> None:
    (copy / "params.yaml").write_text(text("laptop").replace("seed: 1", "seed: 5"))
    identity = ("-c", "user.name=test", "-c", "user.email=test@localhost")
    subprocess.run(["git", *identity, "commit", "-qam", "mine"], check=True)
    profile.apply("smoke")
    assert (copy / "params.yaml").read_text() == text("smoke")


def test_a_missing_parameter_file_is_simply_made(copy: Path) -> None:
    (copy / "params.yaml").unlink()
    profile.apply("smoke")
    assert (copy / "params.yaml").read_text() == text("smoke")


def test_an_invalid_profile_is_not_applied(copy: Path) -> None:
    (copy / "dags/profiles/broken.yaml").write_text(text("smoke") + "\ncolour: blue\n")
    with pytest.raises(UserError, match="colour"):
        profile.apply("broken")
    assert (copy / "params.yaml").read_text() == text("laptop")


def test_the_sweeps_dag_has_profiles_of_its_own(copy: Path) -> None:
    assert tuple(profile.names("dags/sweep")) == NAMES
    sweep = copy / "dags/sweep"
    assert (sweep / "params.yaml").read_bytes() == (sweep / "profiles/laptop.yaml").read_bytes()
    for name in ("smoke", "paper", "laptop"):
        profile.apply(name, "dags/sweep")
        assert (sweep / "params.yaml").read_text() == (sweep / f"profiles/{name}.yaml").read_text()
    assert (copy / "params.yaml").read_text() == text("laptop")


@pytest.mark.parametrize("name", ["gpu", *NAMES])
def test_the_figures_have_profiles_with_every_study(
    root: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(root)
    assert profile.names("dags/figures") == ["gpu", *NAMES]
    folder = root / "dags/figures"
    params = load_figures(folder / f"profiles/{name}.yaml")
    assert params.paper_figures.profile == f"{name} profile"
    studies = params.few_shot.studies
    if name == "smoke":
        return
    assert set(studies["few-shot"].test_scenarios) == {f"D{number}" for number in range(16, 21)}
    assert {64, 256, 2048} <= set(studies["few-shot"].shots)
    assert studies["pcgnn"].shots == (2048, 20480)
    seeds = 1 if name == "gpu" else 3  # as many as its hours allow
    assert (
        min(study.seeds for title, study in studies.items() if title not in ("zero-shot", "imputed")) >= seeds
    )
    assert params.ablations.seeds >= seeds
    # What pre-training has seen would say nothing about generalisation.
    assert not set(params.ablations.scenarios) & set(studies["few-shot"].test_scenarios)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"paper_figures": {"rows": 7}}, "paper_figures.rows, few_shot.test_rows and speed_quality.rows"),
        ({"paper_figures": {"sizes": ["huge"]}}, "huge"),
        ({"solve": {"scenarios": ["D16"]}}, "solve must cover"),
        ({"ablations": {"seeds": 1}}, "ablations.seeds"),
        ({"few_shot": {"val_rows": 9999}}, "9999"),
        ({"paper_figures": {"reference": "best of 3"}}, "best of 10 starts, 30 iterations"),
        ({"paper_figures": {"small_scenario": "D16"}}, "variants.test_scenarios"),
    ],
)
def test_sections_of_the_figures_that_do_not_fit_are_named(
    root: Path, tmp_path: Path, change: dict[str, dict[str, object]], told: str
) -> None:
    tree = yaml.safe_load((root / "dags/figures/profiles/smoke.yaml").read_text())
    for section, values in change.items():
        tree[section] |= values
    path = tmp_path / "params.yaml"
    path.write_text(yaml.safe_dump(tree))
    with pytest.raises(UserError, match=told):
        load_figures(path)


@pytest.mark.parametrize("name", NAMES)
def test_the_sweep_covers_figures_9_and_10(root: Path, name: str) -> None:
    params = load_sweep(root / f"dags/sweep/profiles/{name}.yaml").sweep
    assert params.space.mask_ratio == (0.1, 0.3, 0.5) == params.few_shot.hidden
    assert len(params.space.backbone or ()) == 3
    if name != "smoke":
        assert params.few_shot.scenario == "D18"
        assert (params.few_shot.shots, *params.few_shot.more_shots) == (64, 256, 2048)
    if name == "paper":
        sizes = [(backbone.layers, backbone.width) for backbone in params.space.backbone or ()]
        assert sizes == [(4, 512), (6, 768), (8, 1024)]


@pytest.mark.parametrize("arguments", [["profile", "huge"], ["profile"], ["profile", "smoke", ".", "paper"]])
def test_a_wrong_name_is_one_line_with_the_choices(
    copy: Path, arguments: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", arguments)
    with pytest.raises(SystemExit) as caught:
        profile.main()
    (line,) = capsys.readouterr().err.splitlines()
    assert caught.value.code == 1
    assert all(name in line for name in NAMES)
    assert (copy / "params.yaml").read_text() == text("laptop")


@pytest.mark.parametrize("encoding", ["cp1252", "utf-16"])
def test_values_in_another_encoding_are_one_line_and_put_aside_as_they_are(copy: Path, encoding: str) -> None:
    saved = ("# für mich\n" + text("laptop")).encode(encoding)
    Path("params.yaml").write_bytes(saved)
    for look in (profile.describe, lambda: profile.apply("smoke")):
        with pytest.raises(UserError, match=r"params\.yaml is not UTF-8 .*: save it as UTF-8$"):
            look()
    assert Path("params.yaml").read_bytes() == saved
    assert profile.restore() == "the committed values"
    assert Path("params.yaml").read_text() == text("laptop")
    assert Path("params.replaced.yaml").read_bytes() == saved
