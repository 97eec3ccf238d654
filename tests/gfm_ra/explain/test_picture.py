"""The picture shows the numbers of the explanation, and is written whole or not at all."""

import os
import sys
from pathlib import Path

import numpy as np
import pytest

from gfm_ra.errors import InputError, UserError
from gfm_ra.explain.explanation import explain
from gfm_ra.explain.picture import check, draw, figure
from gfm_ra.goals import SumRate
from tests.gfm_ra.explain.goal_cases import Efficiency, network


@pytest.mark.parametrize("links", [1, 2, 50])
def test_bars_and_matrix_are_the_numbers(links: int) -> None:
    found = explain(*network(0, links), SumRate())
    power, bars, matrix, *_ = figure(found).axes
    np.testing.assert_allclose(
        [bar.get_height() for bar in power.patches], [link.power for link in found.links]
    )
    gains, harms = np.split(np.array([bar.get_height() for bar in bars.patches]), 2)
    np.testing.assert_allclose(gains, [link.own_gain for link in found.links])
    np.testing.assert_allclose(harms, [link.harm for link in found.links])
    (image,) = matrix.get_images()
    np.testing.assert_allclose(np.ma.filled(image.get_array(), 0.0), found.harm_matrix)


def test_what_power_costs_is_part_of_the_harm() -> None:
    found = explain(*network(0), Efficiency())
    bars = figure(found).axes[1].patches
    assert bars[5].get_height() == pytest.approx(found.links[0].harm + found.links[0].power_cost)


@pytest.mark.parametrize(("ending", "start"), [("png", b"\x89PNG"), ("pdf", b"%PDF"), ("svg", b"<?xml")])
def test_it_is_written_and_nothing_else(tmp_path: Path, ending: str, start: bytes) -> None:
    draw(explain(*network(0), SumRate()), tmp_path / f"why.{ending}")
    assert os.listdir(tmp_path) == [f"why.{ending}"]
    assert (tmp_path / f"why.{ending}").read_bytes().startswith(start)


def test_a_silent_network_can_be_drawn(tmp_path: Path) -> None:
    draw(explain(network(0)[0], np.zeros(5), SumRate()), tmp_path / "why.png")
    draw(explain(np.zeros((2, 2)), np.ones(2), SumRate()), tmp_path / "nothing.png")


def test_a_full_disk_leaves_the_old_picture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "why.png").write_text("old")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.replace", full)
    with pytest.raises(OSError, match="No space"):
        draw(explain(*network(0), SumRate()), tmp_path / "why.png")
    assert os.listdir(tmp_path) == ["why.png"]
    assert (tmp_path / "why.png").read_text() == "old"


def test_other_endings_and_a_missing_matplotlib_are_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match=r"why\.jpg must end in \.png, \.pdf, \.svg"):
        check(Path("why.jpg"))
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(UserError, match=r"needs matplotlib: pip install 'gfm-ra\[plots\]'"):
        check(Path("why.png"))
