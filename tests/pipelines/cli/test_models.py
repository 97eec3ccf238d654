"""Laws of `gfm-ra models`: the champion moves only past the gate, comes back, and travels to other machines."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import mlflow
import numpy as np
import pytest
import torch
import yaml
from typer.testing import CliRunner

from components.data.shards import sha256_of
from components.model.backbone import BackboneConfig
from components.model.heads import PowerModel
from components.training.checkpoint import MODEL_NAME, ModelCard, save_model
from pipelines.cli import main as cli
from pipelines.registry import aliases, comparison, promotion, pyfunc_program, relocation, versions
from pipelines.runtime import paths, runs
from pipelines.runtime.errors import UserError
from pipelines.stages import register
from pipelines.stages.register import Candidate

CONFIG = BackboneConfig(layers=1, width=16, heads=4, bias_width=8)
NAME, HEAD = "gfm-ra-sum-rate", paths.HEADS / "sum-rate"
# What DVC would have written of the stages that made the head.
LOCK = {
    "schema": "2.0",
    "stages": {
        "pretrain@hybrid": {
            "cmd": "x",
            "params": {
                "params.yaml": {"pretrain.common": {"scenarios": ["D1", "D2"]}, "pretrain.hybrid": {}}
            },
            "outs": [{"path": "artifacts/pretrain/hybrid", "md5": "0"}],
        },
        "finetune@sum-rate": {
            "cmd": "x",
            "deps": [{"path": "artifacts/pretrain/hybrid", "md5": "0"}],
            "params": {"params.yaml": {"finetune": {"scenarios": ["D16"]}}},
            "outs": [{"path": "artifacts/finetune/sum-rate", "md5": "0"}],
        },
    },
}
WHISPER, SHOUT = -9.0, 9.0  # what a head's last bias makes of it: shouting earns more


def make_head(bias: float, seed: int) -> None:
    torch.manual_seed(seed)
    model = PowerModel(CONFIG)
    with torch.no_grad():
        model.head.mlp[2].bias.fill_(bias)
    HEAD.mkdir(parents=True, exist_ok=True)
    save_model(HEAD, model, ModelCard(backbone=CONFIG, objective="sum-rate"), MODEL_NAME)


@pytest.fixture(scope="module")
def registry(module_workspace: Path, simulated: Path, solved: Path, run_stage: Callable[..., str]) -> Path:
    """Three versions of one model: 2 is champion, 1 was before, 3 is candidate and no better."""
    shutil.copytree(simulated, paths.DATA)
    shutil.copytree(solved, paths.REFERENCES)
    Path("dvc.lock").write_text(yaml.safe_dump(LOCK))
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(register, "candidates", lambda: [Candidate("sum-rate", HEAD)])
        for bias, seed in ((WHISPER, 0), (SHOUT, 0), (WHISPER, 1)):
            make_head(bias, seed)
            run_stage(register.STAGE)
    for number in ("1", "2"):
        aliases.promote(NAME, number)
    return module_workspace


def ask(*words: str | Path) -> str:
    answer = CliRunner().invoke(cli.app, ["models", *(str(word) for word in words)], terminal_width=200)
    if answer.exception is not None:
        raise answer.exception
    return answer.output


def pointing() -> tuple[str | None, str | None]:
    return aliases.alias_version(NAME, "champion"), aliases.alias_version(NAME, "previous")


def promote(*words: str) -> tuple[int, str]:
    """Exit code and what is said; an expected error comes through."""
    answer = CliRunner().invoke(cli.app, ["models", "promote", *words])
    if isinstance(answer.exception, Exception):
        raise answer.exception
    return answer.exit_code, answer.output


@contextmanager
def tracked_at(uri: str) -> Iterator[None]:
    """MLflow at another address for a while (MLflow itself writes the address into the environment)."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
        mlflow.set_tracking_uri(uri)
        yield
    runs.connect()


def powers(uri: str) -> np.ndarray:
    gain_db = np.random.default_rng(0).normal(15.0, 15.0, (2, 6, 6)).astype(np.float32)
    return versions.load(uri)(gain_db)


def test_list_shows_every_version_with_its_alias(registry: Path) -> None:
    rows = [line for line in ask("list").splitlines() if NAME in line]
    assert len(rows) == 3
    assert "previous" in rows[0]
    assert "champion" in rows[1]
    assert "candidate" in rows[2]


def test_show_tells_origin_and_quality(registry: Path) -> None:
    shown = " ".join(ask("show", NAME).split())
    digest = sha256_of(Path("dvc.lock"))
    for word in (
        "content_sha256",
        "git_commit",
        "dvc_hash",
        "profile",
        "pretrain: D1, D2; finetune: D16",
        "validation_ratio.sum-rate.near",
    ):
        assert word in shown
    version = versions.find(NAME, "champion")
    assert version.tags["dvc_lock_sha256"] == digest
    value, low, high = (
        float(word.strip("[],")) for word in version.tags["validation_ratio.sum-rate.far"].split()
    )
    assert low <= value <= high <= 1.01
    assert "## Limits" in version.card
    assert "Limits" in ask("show", NAME, "3", "--card")


def test_the_card_travels_with_the_model(registry: Path) -> None:
    folder = versions.fetch(f"models:/{NAME}@champion")
    assert (folder / "artifacts" / "card.md").read_text() == versions.find(NAME, "champion").card


def test_promote_asks_the_gate(registry: Path) -> None:
    status, said = promote(NAME)
    assert (status, pointing()) == (1, ("2", "1"))
    assert said.startswith(f"{NAME} 3: refused, not surely better than champion 2: ratio to WMMSE -")
    assert promote(NAME, "--version", "2") == (0, f"{NAME} 2: unchanged, champion already\n")
    assert promote(NAME, "--force") == (0, f"{NAME} 3: promoted, without a comparison; 2 is previous\n")
    assert pointing() == ("3", "2")
    status, said = promote(NAME, "--version", "2")
    assert (status, pointing()) == (0, ("2", "3"))
    assert said.startswith(f"{NAME} 2: promoted, its ratio to WMMSE is +")


def test_what_is_better_at_home_and_surely_worse_abroad_is_refused_and_the_line_says_where(
    registry: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = pointing()
    original = comparison.networks

    def quiet(kind: str, count: int, links: int) -> np.ndarray:
        # Networks where a whisper is worth more than full power: two links that drown each other.
        if kind != "corridor":
            return original(kind, count, links)
        gain_db = np.full((count, links, links), 80.0, np.float32)
        gain_db[:, range(links), range(links)] = 40.0
        return gain_db + np.random.default_rng(0).normal(0.0, 1.0, gain_db.shape).astype(np.float32)

    aliases.promote(NAME, "1")
    with monkeypatch.context() as patch:
        patch.setattr(comparison, "networks", quiet)
        status, said = promote(NAME, "--version", "2")
    assert said.startswith(
        f"{NAME} 2: refused, surely worse than champion 1 in corridor networks, where its ratio"
    )
    assert "lattice" not in said
    assert status == 1
    assert promote(NAME, "--version", "2")[0] == 0
    assert pointing() == ("2", "1")
    aliases.promote(NAME, str(before[1]))
    aliases.promote(NAME, str(before[0]))
    assert pointing() == before


def test_promote_all_takes_every_candidate_of_the_project(registry: Path) -> None:
    before = pointing()
    status, said = promote("--all")
    assert status == 1
    assert [line.partition(",")[0] for line in said.splitlines()] == [f"{NAME} 3: refused"]
    assert pointing() == before


@pytest.mark.parametrize("words", [(), (NAME, "--all")])
def test_promote_wants_names_or_all(registry: Path, words: tuple[str, ...]) -> None:
    with pytest.raises(UserError, match="name the models to promote, or say --all"):
        promote(*words)


@pytest.mark.parametrize("folder", [paths.DATA, paths.REFERENCES])
def test_promote_without_test_snapshots_names_them_and_the_way_out(
    registry: Path, tmp_path: Path, folder: Path
) -> None:
    folder.rename(tmp_path / "away")
    try:
        with pytest.raises(UserError, match=f"^{folder} is missing .*`dvc repro {folder.name}`.*--force"):
            promote(NAME)
    finally:
        (tmp_path / "away").rename(folder)


def test_references_of_other_snapshots_are_refused(
    registry: Path, tmp_path: Path, simulated: Path, solved: Path
) -> None:
    fewer = json.loads((solved / "manifest.json").read_text())
    del fewer["scenarios"]["near"]["splits"]["test"][-1]
    (paths.REFERENCES / "manifest.json").write_text(json.dumps(fewer))
    try:
        with pytest.raises(
            UserError, match="data/solve holds 16 solved test snapshots of near, data/simulate 24"
        ):
            promote(NAME)
    finally:
        shutil.copy(solved / "manifest.json", paths.REFERENCES)


def test_the_same_network_in_another_program_is_promoted(
    registry: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    aliases.promote(NAME, "2")
    newer = tmp_path / "pyfunc_model.py"
    newer.write_text(pyfunc_program.PATH.read_text() + "# newer\n")
    folder = versions.fetch(f"models:/{NAME}/2", tmp_path) / "artifacts"
    (graph,) = folder.glob("*.onnx")
    runs.connect()
    with runs.run("register", {}) as run:
        given = (newer, {"graph": graph}, ["mlflow"], {})
        number = versions.add_version(run, NAME, *given)
    status, said = promote(NAME, "--version", number)
    assert (status, said) == (0, f"{NAME} {number}: promoted, the network of champion 2 in another program\n")
    assert pointing() == (number, "2")


def test_a_champion_that_changes_meanwhile_is_compared_anew(
    registry: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While 2 is compared with 3, somebody makes 1 champion: 2 passes over 1 and says so."""
    aliases.promote(NAME, "3")
    original, compared = promotion.Gate._compare, []

    def compare(gate: promotion.Gate, version: versions.Version, champion: str | None) -> tuple[bool, str]:
        compared.append(champion)
        if champion == "3":
            aliases.promote(NAME, "1")
        return original(gate, version, champion)

    monkeypatch.setattr(promotion.Gate, "_compare", compare)
    status, said = promote(NAME, "--version", "2")
    assert (status, compared) == (0, ["3", "1"])
    assert "above that of champion 1 (compared anew: 1 has become champion of" in said
    assert pointing() == ("2", "1")


def test_rollback_exchanges_champion_and_previous(registry: Path) -> None:
    before = pointing()
    ask("rollback", NAME)
    assert pointing() == before[::-1]
    ask("rollback", NAME)
    assert pointing() == before


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("show", "gfm-ra-none"), "has no model gfm-ra-none"),
        (("show", NAME, "9"), "has no version 9 .it has: 1"),
        (("promote", NAME, "--version", "soon"), "has no version soon"),
    ],
)
def test_what_is_not_there_is_one_line(registry: Path, words: tuple[str, ...], said: str) -> None:
    with pytest.raises(UserError, match=said):
        ask(*words)


def test_an_exported_folder_loads_without_a_registry(registry: Path, tmp_path: Path) -> None:
    expected = powers(f"models:/{NAME}@champion")
    ask("export", NAME, "champion", tmp_path / "whole")
    with pytest.raises(UserError, match=r"--int8 is gone: .* leave it out") as refused:
        ask("export", NAME, "champion", tmp_path / "small", "--int8")
    assert "\n" not in str(refused.value)
    assert not (tmp_path / "small").exists()
    with tracked_at(f"sqlite:///{tmp_path}/nothing.db"):
        np.testing.assert_array_equal(powers(str(tmp_path / "whole")), expected)
    with pytest.raises(UserError, match="exists"):
        ask("export", NAME, "champion", tmp_path / "whole")


def test_a_moved_registry_loads_after_relocation(registry: Path, tmp_path: Path) -> None:
    """Copied, the original gone, mended by the one file alone, loaded by MLflow alone."""
    expected = powers(f"models:/{NAME}@champion")
    there, away = tmp_path / "an other machine" / "copy", registry / "mlartifacts.away"
    shutil.copytree("mlartifacts", there / "mlartifacts")
    for file in registry.glob("mlflow.db*"):
        shutil.copy(file, there)
    Path("mlartifacts").rename(away)
    try:
        with tracked_at(f"sqlite:///{there}/mlflow.db"):
            with pytest.raises(UserError, match="cannot be loaded"):
                powers(f"models:/{NAME}@champion")
            shutil.copy(relocation.__file__, there / "relocation.py")
            assert mend(there) > 0
            np.testing.assert_array_equal(powers(f"models:/{NAME}@champion"), expected)
            assert mend(there) == 0
    finally:
        away.rename("mlartifacts")


def mend(folder: Path) -> int:
    """How many addresses the one file, run alone, rewrites."""
    command = [sys.executable, "-I", "relocation.py", "mlflow.db"]
    said = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True).stdout
    return int(said.split()[1])


def test_rollback_without_a_previous_champion_is_one_line(workspace: Path) -> None:
    with pytest.raises(UserError, match="has no model"):
        ask("rollback", NAME)
