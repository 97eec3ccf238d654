"""The rule of one cell solves the problem that it documents, and the comparison with joint powers is fair and runs."""

import json
from pathlib import Path

import numpy as np
import pytest

from benchmarks import downlink
from benchmarks.cell_rule import fair_powers
from gfm_ra.errors import InputError

FULL_W = 40.0


def cell(seed: int = 0, cells: int = 6, users: int = 5) -> tuple[np.ndarray, np.ndarray]:
    """Qualities and resources of some cells."""
    rng = np.random.default_rng(seed)
    return 10 ** rng.uniform(-1.0, 3.0, (cells, users)), rng.integers(1, 20, (cells, users)).astype(float)


@pytest.mark.parametrize("fairness", [0.0, 0.5, 1.0, 2.0, 5.0])
@pytest.mark.parametrize("guaranteed", [0.0, 0.5, 1.0])
def test_the_rule_spends_all_power_and_keeps_its_guarantee(fairness: float, guaranteed: float) -> None:
    quality, resources = cell()
    power = fair_powers(quality, resources, np.full(6, FULL_W), guaranteed, fairness)
    np.testing.assert_allclose(power.sum(-1), FULL_W, rtol=1e-9)
    assert (power >= guaranteed * FULL_W / 5 * (1 - 1e-9)).all()
    if guaranteed == 1.0:
        np.testing.assert_allclose(power, FULL_W / 5, rtol=1e-6)


@pytest.mark.parametrize("fairness", [0.0, 1.0, 3.0])
def test_no_shift_of_power_between_two_users_is_better(fairness: float) -> None:
    quality, resources = cell()
    power = fair_powers(quality, resources, np.full(6, FULL_W), 0.2, fairness)

    def worth(shifted: np.ndarray) -> np.ndarray:
        values = resources * np.log1p(shifted / resources * quality)
        return (np.log(values) if fairness == 1 else values ** (1 - fairness) / (1 - fairness)).sum(-1)

    best, step = worth(power), 1e-3 * FULL_W
    for giver in range(5):
        for taker in range(5):
            shifted = power.copy()
            shifted[:, giver] -= step
            shifted[:, taker] += step
            allowed = shifted[:, giver] >= 0.2 * FULL_W / 5
            assert (worth(shifted)[allowed] <= best[allowed] + 1e-9 * np.abs(best[allowed])).all()


def test_without_fairness_the_rule_is_waterfilling() -> None:
    """Qualities 1, 0.5 and 0.01 per watt, 3 W: the level is 3, powers 2, 1 and none."""
    found = fair_powers(np.array([1.0, 0.5, 0.01]), np.ones(3), np.array(3.0), 0.0, 0.0)
    np.testing.assert_allclose(found, [2.0, 1.0, 0.0], atol=1e-6)


@pytest.fixture(scope="module")
def layout() -> downlink.Layout:
    return downlink.Layout(downlink.losses(3))


def test_the_layout_has_21_sectors_whose_users_hear_their_own_best(layout: downlink.Layout) -> None:
    """By path gain without fading, which is drawn anew for every pair of a user and a sector."""
    assert layout.loss.shape == (3, 21, downlink.USERS, 21)
    assert (layout.loss.argmin(-1) == np.arange(21)[:, None]).mean() > 0.5


def test_rates_are_those_of_powers_by_hand(layout: downlink.Layout) -> None:
    power_w = layout.equal() * np.random.default_rng(0).random(layout.own.shape)
    per_resource = power_w[1, :, 2] / layout.resources
    received = per_resource / layout.loss[1, 4, 2]
    expected = np.log2(1 + received[4] / (received.sum() - received[4] + layout.noise_w))
    np.testing.assert_allclose(layout.rates(power_w)[1, 4, 2], expected)
    np.testing.assert_allclose(10 * np.log10(layout.noise_w) + 30, -174 + 41.76 + 9, atol=0.01)


def test_the_rule_is_one_of_its_own_interference(layout: downlink.Layout) -> None:
    budget_w = np.full((3, 21), layout.full_w)
    power_w = layout.by_rule(1.0, budget_w)
    quality = 1.0 / (layout.own * layout.disturbance_w(power_w))
    again = fair_powers(quality, np.full(quality.shape, layout.resources), budget_w, downlink.GUARANTEED, 1.0)
    np.testing.assert_allclose(again, power_w, rtol=0.02)


def test_the_command_compares_at_equal_total_power(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(downlink, "FAIRNESS", (1.0,))
    downlink.main(["--count", "3", "--out", str(tmp_path / "rows.json")])
    rows = {row["method"]: row for row in json.loads((tmp_path / "rows.json").read_text())["rows"]}
    assert len(rows) == 4
    assert rows[downlink.RULE]["power"] == pytest.approx(1.0)
    assert rows[downlink.RULE_SAME]["power"] == pytest.approx(rows[downlink.JOINT]["power"])
    assert rows[downlink.JOINT]["geometric"] > rows[downlink.EQUAL]["geometric"]
    assert "any-world" in capsys.readouterr().out


def test_bad_words_are_one_line(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="--count"):
        downlink.main(["--count", "1"])
    with pytest.raises(InputError, match="cannot be written"):
        downlink.main(["--out", str(tmp_path)])
