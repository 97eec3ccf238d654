"""Disturbances stay within their limits, an adversary is worse than chance, and losses are of the true gains."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from benchmarks import disturbances, robustness
from benchmarks.disturbances import adversary, chance, silent_cells, uniform, wrong_reports
from components.evaluation.scores import score_of_rates
from gfm_ra import load
from gfm_ra.errors import InputError
from gfm_ra.goals import STANDARD, QoS, SumRate
from gfm_ra.rates import spectral_efficiency
from gfm_ra.solvers import wmmse

LINKS = 8


@pytest.fixture(scope="module")
def gain_db() -> Tensor:
    return robustness.networks(2, LINKS)


@pytest.fixture(scope="module")
def network() -> torch.nn.Module:
    return robustness.packaged.load(robustness.catalogue.find()).requires_grad_(False)


def linear(gain_db: Tensor, hidden: Tensor | None) -> Tensor:
    """A method whose powers grow with the own gains that it sees, by 1 % per dB from 0.5 on."""
    seen = gain_db.diagonal(dim1=-2, dim2=-1)
    return 0.5 + 0.01 * (seen - 30.0)


def first_power(power: Tensor, gain_db: Tensor) -> Tensor:
    return power[:, 0]


def test_errors_are_within_their_limit() -> None:
    drawn = uniform(torch.zeros(50, 20, 20), 3.0, torch.Generator().manual_seed(0))
    assert float(drawn.abs().max()) <= 3.0
    assert float(drawn.max()) > 2.9
    assert float(drawn.min()) < -2.9


def test_the_adversary_of_a_linear_method_finds_the_corner() -> None:
    gain_db = torch.full((3, 4, 4), 30.0)
    found = adversary(linear, gain_db, first_power, 2.0, torch.Generator().manual_seed(0))
    torch.testing.assert_close(found, torch.full((3,), 0.48))


def test_the_adversary_is_worse_than_chance_and_worse_with_more_room(
    gain_db: Tensor, network: torch.nn.Module, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(disturbances, "STEPS", 5)
    monkeypatch.setattr(disturbances, "RESTARTS", 2)
    goal = SumRate()
    worth = robustness.worth_of(goal)
    for method in robustness.methods_of(goal, network).values():  # pyright: ignore
        generator = torch.Generator().manual_seed(1)
        plain = worth(method(gain_db, None), gain_db)
        random = chance(method, gain_db, worth, 3.0, generator, draws=2)
        little = adversary(method, gain_db, worth, 0.5, generator)
        much = adversary(method, gain_db, worth, 3.0, generator)
        assert (little <= plain).all()
        assert (much < random).all()
        assert much.mean() < little.mean()


def test_a_wrong_report_is_one_gain_in_either_direction() -> None:
    seen: list[Tensor] = []

    def method(gain_db: Tensor, hidden: Tensor | None) -> Tensor:
        seen.append(gain_db)
        return linear(gain_db, hidden)

    mean, worst = wrong_reports(method, torch.full((1, 4, 4), 30.0), first_power, 30.0)
    assert seen[0].shape == (32, 4, 4)
    assert ((seen[0] != 30.0).sum((1, 2)) == 1).all()
    assert sorted(set((seen[0] - 30.0).flatten().tolist())) == [-30.0, 0.0, 30.0]
    torch.testing.assert_close(worst, torch.tensor([0.2]))  # the own gain of link 0, 30 dB less
    torch.testing.assert_close(mean, torch.tensor([0.5]))  # up and down cancel


def test_a_silent_cell_hides_its_row_and_column_but_for_its_own_gain() -> None:
    seen: list[Tensor] = []

    def method(gain_db: Tensor, hidden: Tensor | None) -> Tensor:
        assert hidden is not None
        seen.append(hidden)
        return linear(gain_db, hidden)

    silent_cells(method, torch.full((1, 4, 4), 30.0), first_power)
    for cell, hidden in enumerate(seen[0]):
        assert int(hidden.sum()) == 6
        assert hidden[cell].sum() == hidden[:, cell].sum() == 3
        assert not hidden.diagonal().any()


def test_unknown_gains_are_never_read(gain_db: Tensor, network: torch.nn.Module) -> None:
    hidden = torch.zeros(2, LINKS, LINKS, dtype=torch.bool)
    hidden[:, 3, [0, 1, 2]] = True
    other = torch.where(hidden, 99.0, gain_db)
    for goal in STANDARD:
        for method in robustness.methods_of(goal, network).values():  # pyright: ignore
            torch.testing.assert_close(method(other, hidden), method(gain_db, hidden))


def test_methods_are_those_of_the_package(network: torch.nn.Module) -> None:
    """From 25 links on effort fast is one pass and 20 WMMSE iterations."""
    goal, gain_db = SumRate(), robustness.networks(2, 25)
    methods, worth = robustness.methods_of(goal, network), robustness.worth_of(goal)  # pyright: ignore
    gain = 10 ** (gain_db.numpy() / 10)
    expected = {
        robustness.WMMSE: spectral_efficiency(wmmse(gain, goal, iterations=20).astype(float), gain).sum(-1),
        robustness.FAST: load().allocate(gain=gain, goal=goal, effort="fast").utility,
    }
    for name, utility in expected.items():
        np.testing.assert_allclose(worth(methods[name](gain_db, None), gain_db).numpy(), utility, rtol=2e-3)


def test_scores_are_sum_rates_geometric_means_and_qos_above_silence(gain_db: Tensor) -> None:
    power = torch.rand(2, LINKS, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    gain = 10 ** (gain_db.numpy() / 10)
    rates = spectral_efficiency(power.numpy(), gain)
    for goal in STANDARD:
        silence = LINKS * goal.penalty * goal.min_rate if isinstance(goal, QoS) else 0.0
        expected = score_of_rates(goal, rates) + silence
        np.testing.assert_allclose(robustness.worth_of(goal)(power, gain_db).numpy(), expected, rtol=1e-4)


def test_the_command_writes_a_row_for_every_disturbance(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(disturbances, "STEPS", 2)
    monkeypatch.setattr(robustness, "LINKS", LINKS)
    robustness.main(["--count", "3", "--goals", "sum-rate", "--out", str(tmp_path / "rows.json")])
    told = json.loads((tmp_path / "rows.json").read_text())["rows"]
    assert len(told) == len(robustness.METHODS) * 9
    plain = {row["method"]: row for row in told if row["disturbance"] == robustness.NONE}
    assert plain[robustness.WMMSE]["over_wmmse"] == [1.0, 1.0, 1.0]
    for row in told:
        value, low, high = row["loss_percent"]
        assert low <= value <= high
        expected = 100 * (1 - row["score"] / plain[row["method"]]["score"])
        assert value == pytest.approx(expected, abs=1e-6)
    assert "any-world" in capsys.readouterr().out


def test_bad_words_are_one_line(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="--count"):
        robustness.main(["--count", "1"])
    with pytest.raises(InputError, match="cannot be written"):
        robustness.main(["--out", str(tmp_path)])
