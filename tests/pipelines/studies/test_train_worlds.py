"""The packaged weights as stages: trained phase after phase, taken up where they stopped, packed with a card."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from components.channel.scenario import SCENARIOS
from components.channel.simulator import simulate
from components.training.checkpoint import load_tensors
from gfm_ra.errors import UserError
from gfm_ra.loading import load
from gfm_ra.network import Network
from gfm_ra.weights.card import read_card
from gfm_ra.weights.catalogue import find
from pipelines.runtime import paths
from pipelines.runtime.stage import Stage
from pipelines.studies import release, train_worlds

PHASE: dict[str, Any] = {
    "network": {"width": 12, "hidden": 18, "steps": 3, "estimator": {"width": 6, "hidden": 6, "rounds": 1, "rank": 2}},
    "epochs": 2, "batches": 4, "batch_size": 8,
}  # fmt: skip


def write(*phases: dict[str, Any], **more: Any) -> None:
    paths.RELEASE_PARAMS.parent.mkdir(parents=True, exist_ok=True)
    packed = {
        "name": "tiny", "version": 1, "released": "2026-01-01", "training_time": "seconds", "scenarios": ["D16"],
        "networks": 6, "efforts": ["fast", "best"],
    }  # fmt: skip
    params = {"seed": 1, "train_worlds": {"phases": [*phases], **more}, "release": packed}
    paths.RELEASE_PARAMS.write_text(yaml.safe_dump(params, sort_keys=False))


def test_weights_are_trained_packed_and_answer(workspace: Path, run_stage: Callable[[Stage], str]) -> None:
    write(PHASE, {**PHASE, "epochs": 1, "draws": 2})
    run_stage(train_worlds.STAGE)
    lines = paths.history(train_worlds.NAME).read_text().splitlines()
    assert len(lines) == 1 + 2 + 1
    run_stage(release.STAGE)
    card = read_card(paths.RELEASE / "tiny-1")
    assert card.kind == "unrolled"
    assert card.envelope["alpha"] == (0.0, 5.0)
    assert set(card.text["results"]["best"]["qos"]) == {"D16"}
    allocator = load(paths.RELEASE / "tiny-1")
    gain = simulate(SCENARIOS["D16"], 3, 5)
    for effort in ("fast", "balanced", "best"):
        power = allocator.allocate(gain=gain, goal="proportional-fair", effort=effort).power
        assert ((power >= 0) & (power <= 1)).all()
    unknown = gain.copy()
    unknown[:, 0, 1] = np.nan
    fast = allocator.allocate(gain=unknown, effort="fast")
    assert (fast.source == "model, unchecked").all()
    assert np.array_equal(allocator.allocate(gain=unknown, effort="best").power, fast.power)


def test_an_interrupted_phase_goes_on_to_the_same_weights(
    workspace: Path, run_stage: Callable[[Stage], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    write(PHASE, {**PHASE, "draws": 2})
    run_stage(train_worlds.STAGE)
    whole = (paths.TRAIN_WORLDS / "model.safetensors").read_bytes()
    (paths.TRAIN_WORLDS / "model.safetensors").unlink()
    finish = train_worlds.WorldsTraining.measure
    calls = []

    def measure(self: train_worlds.WorldsTraining, epoch: Any) -> dict[str, float]:
        calls.append(epoch)
        if len(calls) == 4:
            raise KeyboardInterrupt
        return finish(self, epoch)

    with monkeypatch.context() as patch:
        patch.setattr(train_worlds.WorldsTraining, "measure", measure)
        with pytest.raises((KeyboardInterrupt, SystemExit)):
            run_stage(train_worlds.STAGE)
    run_stage(train_worlds.STAGE)
    assert (paths.TRAIN_WORLDS / "model.safetensors").read_bytes() == whole


def test_the_card_is_json_that_says_what_it_was_trained_on(
    workspace: Path, run_stage: Callable[[Stage], str]
) -> None:
    write({**PHASE, "epochs": 1})
    run_stage(train_worlds.STAGE)
    run_stage(release.STAGE)
    text = json.loads((paths.RELEASE / "tiny-1" / "card.json").read_text())
    assert text["worlds"]["links"] == [2, 100]
    assert text["network"]["architecture"]["steps"] == 3
    assert "clusters" in (paths.RELEASE / "tiny-1" / "card.md").read_text()


def test_weights_that_learnt_from_reports_and_power_spent_say_so_and_answer_them(
    workspace: Path, run_stage: Callable[[Stage], str]
) -> None:
    write({**PHASE, "epochs": 1, "reports": {"share": 1.0}, "goals": {"energy_share": 1.0}})
    run_stage(train_worlds.STAGE)
    run_stage(release.STAGE)
    folder = paths.RELEASE / "tiny-1"
    assert read_card(folder).knows == {"uncertainty", "energy-efficiency"}
    allocator = load(folder)
    gain_db = 10.0 * np.log10(simulate(SCENARIOS["D16"], 2, 5))
    gain_db[:, 0, 1] = np.nan
    limits = np.where(np.isnan(gain_db), 3.0, np.inf)
    reported = Network(gain_db=gain_db, uncertainty_db=2.0, at_most_db=limits)
    for effort in ("fast", "balanced", "best"):
        answer = allocator.allocate(reported, effort=effort, goal="qos")
        assert np.isfinite(answer.utility).all()
    paid = allocator.allocate(reported, goal="energy-efficiency", circuit_power=0.5)
    assert np.isfinite(paid.utility).all()
    fast = allocator.allocate(
        gain_db=np.nan_to_num(gain_db), goal="energy-efficiency", circuit_power=0.5, effort="fast"
    )
    assert (fast.source == "model").all()


def test_training_starts_from_packaged_weights_of_the_same_sizes(
    workspace: Path, run_stage: Callable[[Stage], str]
) -> None:
    write({"epochs": 1, "batches": 1, "batch_size": 2, "learning_rate": 1e-12}, initial="any-world-3")
    run_stage(train_worlds.STAGE)
    trained, packed = (
        load_tensors(paths.TRAIN_WORLDS / "model.safetensors"),
        np.load(find("any-world-3").network),
    )
    for name in packed.files:
        np.testing.assert_allclose(trained[name].numpy(), packed[name], atol=1e-6)


@pytest.mark.parametrize(
    ("initial", "said"), [("any-world-3", "other sizes"), ("nobody-7", "nobody-7")], ids=["sizes", "name"]
)
def test_weights_that_do_not_fit_are_one_line(
    workspace: Path, run_stage: Callable[[Stage], str], initial: str, said: str
) -> None:
    write(PHASE, initial=initial)
    with pytest.raises(UserError, match=said) as refusal:
        run_stage(train_worlds.STAGE)
    assert "\n" not in str(refusal.value)
