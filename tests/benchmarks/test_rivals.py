"""The table of rivals, as small as it can be; and that meta-learning is what it says."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from benchmarks.worlds import architectures, rivals
from components.model.pcgnn.network import PCGNNConfig, fresh_pcgnn


def test_every_rival_answers_in_every_world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small = {
        "SAMPLES": 8,
        "VALIDATION": 4,
        "UPDATES": 4,
        "EPOCHS": 2,
        "RATES": (1e-3, 3e-3),
        "LARGE": 9,
        "BATCH": 4,
    }
    for name, value in small.items():
        monkeypatch.setattr(rivals, name, value)
    monkeypatch.setattr(architectures, "BATCH", 4)
    out = tmp_path / "rivals.json"
    rivals.main(
        ["--minutes", "0.003", "--seeds", "1", "--worlds", "D16", "wyner", "--count", "6", "--out", str(out)]
    )
    found = json.loads(out.read_text())
    assert [row["rival"] for row in found["rows"]] == list(rivals.LABELS.values())
    assert found["updates"] == 4
    for row in found["rows"]:
        for place in ("D16", "wyner"):
            for name in ("pass", "pass + 20"):
                value, low, high = row[f"{place}, {name}"]
                assert 0.0 < value < 2.0
                assert low <= value <= high
        assert row["ms per network"] > 0.0
        assert row["weights"] > 0


def test_samples_validation_and_test_networks_differ() -> None:
    here = rivals.world("D16", 4)
    assert here.samples.shape == here.validation.shape == (64, 20, 20)
    for one, other in (
        (here.samples, here.validation),
        (here.samples, here.test),
        (here.validation, here.test),
    ):
        assert not any(np.array_equal(a, b) for a in one[:4] for b in other[:4])


def test_without_inner_steps_a_task_is_a_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[torch.Tensor] = []
    draw_of = rivals.WorldDistribution.draw_of

    def keep(*arguments: object) -> torch.Tensor:
        drawn.append(draw_of(*arguments))  # type: ignore[arg-type]
        return drawn[-1]

    def once(model: torch.nn.Module, step: object, seconds: float) -> None:
        step(0)  # type: ignore[operator]

    monkeypatch.setattr(rivals.WorldDistribution, "draw_of", keep)
    monkeypatch.setattr(rivals, "_descend", once)
    gradients = []
    for rate in (0.0, 0.1):
        monkeypatch.setattr(rivals, "INNER_RATE", rate)
        model = rivals._by_tasks(1, 1.0)
        gradients.append(torch.cat([each.grad.flatten() for each in model.parameters()]))
    plain = fresh_pcgnn(PCGNNConfig(), 1)
    rivals._loss(plain, drawn[0][rivals.TASK :]).backward()
    expected = torch.cat([each.grad.flatten() for each in plain.parameters()])
    torch.testing.assert_close(gradients[0], expected)
    assert not torch.allclose(gradients[1], expected)
