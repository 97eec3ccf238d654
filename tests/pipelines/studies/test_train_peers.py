"""Peers as a stage: trained in a world of their own, taken up where they stopped, refused in one line."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from pydantic import ValidationError

from components.channel.geometric import NOISE_DB
from components.evaluation.peers import TITLES, PeerName, fresh_peer, load_peer
from pipelines.runtime import paths
from pipelines.runtime.errors import UserError
from pipelines.runtime.stage import Stage
from pipelines.studies import train_peers
from pipelines.studies.train_peers import PeerConfig, TrainPeersConfig, draw, ratio_to_best, stage

RECIPE: dict[str, Any] = {
    "warmup_epochs": 0, "epochs": 3, "batch_size": 32, "validate_every": 1,
    "backbone_learning_rate": 1e-2, "head_learning_rate": 1e-2,
}  # fmt: skip
ABOUT: dict[str, Any] = {
    "samples": 640,
    "validation_samples": 40,
    "training_time": "seconds",
    "recipe": RECIPE,
}
PEERS: dict[str, dict[str, Any]] = {
    "pcgnn": {"world": "D16", "links": 20, **ABOUT},
    "unfolded_wmmse": {"world": "geometric", "links": 8, **ABOUT},
}


def write(runs: tuple[int, ...] = (0, 1)) -> None:
    paths.WORLDS_PARAMS.parent.mkdir(parents=True, exist_ok=True)
    params = {"seed": 1, "train_peers": {"runs": [*runs], "peers": PEERS}}
    paths.WORLDS_PARAMS.write_text(yaml.safe_dump(params, sort_keys=False))


def parsed(peer: PeerName) -> PeerConfig:
    return PeerConfig.model_validate_json(json.dumps(PEERS[peer]))


@pytest.mark.parametrize("peer", TITLES)
def test_a_peer_learns_in_its_world(
    peer: PeerName, workspace: Path, run_stage: Callable[[Stage], str]
) -> None:
    write()
    run_stage(stage(peer, 1))
    model, card = load_peer(paths.peer(peer, 1))
    assert (card.peer, card.run, card.world, card.samples) == (peer, 1, PEERS[peer]["world"], 640)
    validation = draw(parsed(peer), "validation", 200, 9)
    trained, untrained = (ratio_to_best(each, validation, 1) for each in (model, fresh_peer(peer, 2)))
    assert trained[1] > untrained[0]  # the interval's lower end
    assert 0.6 < trained[0] < 1.05


def test_runs_differ_and_the_same_run_is_the_same(workspace: Path, run_stage: Callable[[Stage], str]) -> None:
    write()
    for run in (0, 1):
        run_stage(stage("unfolded_wmmse", run))
    first, second = ((paths.peer("unfolded_wmmse", run) / "model.safetensors").read_bytes() for run in (0, 1))
    assert first != second
    run_stage(stage("unfolded_wmmse", 0))
    assert (paths.peer("unfolded_wmmse", 0) / "model.safetensors").read_bytes() == first


def test_an_interrupted_training_goes_on_to_the_same_weights(
    workspace: Path, run_stage: Callable[[Stage], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    write()
    run_stage(stage("pcgnn", 0))
    weights = paths.peer("pcgnn", 0) / "model.safetensors"
    whole = weights.read_bytes()
    weights.unlink()
    finish, calls = train_peers.Finetuning.measure, []

    def measure(self: train_peers.Finetuning, epoch: Any) -> dict[str, float]:
        calls.append(epoch)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return finish(self, epoch)

    with monkeypatch.context() as patch:
        patch.setattr(train_peers.Finetuning, "measure", measure)
        with pytest.raises(KeyboardInterrupt):
            run_stage(stage("pcgnn", 0))
    calls.clear()
    monkeypatch.setattr(
        train_peers.Finetuning, "measure", lambda self, epoch: calls.append(0) or finish(self, epoch)
    )
    run_stage(stage("pcgnn", 0))
    assert len(calls) == 2  # of three epochs the first was kept
    assert weights.read_bytes() == whole


def test_a_run_that_the_parameters_do_not_name_is_refused(
    workspace: Path, run_stage: Callable[[Stage], str]
) -> None:
    write()
    with pytest.raises(UserError, match="no peer pcgnn or no run 7: add it"):
        run_stage(stage("pcgnn", 7))


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"links": 21}, "links must be 20, those of D16"),
        ({"world": "mars"}, "world"),
        ({"samples": 0}, "samples"),
        ({"training_time": ""}, "training_time"),
    ],
)
def test_bad_parameters_are_refused(changed: dict[str, Any], told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        PeerConfig.model_validate_json(json.dumps(PEERS["pcgnn"] | changed))


@pytest.mark.parametrize("runs", [[0, 0], [-1], []])
def test_runs_are_different_whole_numbers(runs: list[int]) -> None:
    with pytest.raises(ValidationError, match="runs"):
        TrainPeersConfig.model_validate_json(json.dumps({"runs": runs, "peers": PEERS}))


def test_splits_and_seeds_have_networks_of_their_own() -> None:
    config = parsed("unfolded_wmmse")
    drawn = [draw(config, *key) for key in (("train", 5, 1), ("validation", 5, 1), ("train", 5, 2))]
    assert all(gain_db.shape == (5, 8, 8) for gain_db in drawn)
    assert len({gain_db.tobytes() for gain_db in drawn}) == 3
    assert np.array_equal(drawn[0], draw(config, "train", 5, 1))
    assert drawn[0].max() > -NOISE_DB - 60.0  # own links are a few lengths long
