"""`gfm-ra plan`: the samples of the repository give plans, bad input is one line and exit code 2."""

import json
from importlib.util import find_spec
from pathlib import Path

import pytest

from gfm_ra.cli.main import run

SAMPLES = Path(__file__).parents[3] / "examples" / "measurements"
KINDS = [
    ("reports.json", "cells.csv", ()), ("drive_test.csv", "cells.csv", ("--terminals", "weakest")),
    ("counters.csv", "cells.csv", ("--goal", "qos")), ("srs.csv", "cells.csv", ("--uplink", "--terminals", "newest")),
    ("scan.csv", "access_points.csv", ("--goal", "proportional-fair", "--effort", "best")),
]  # fmt: skip


def ask(*words: str) -> int:
    with pytest.raises(SystemExit) as ended:
        run(words)
    return int(ended.value.code or 0)


def _plan(reports: str, cells: str, *more: str) -> int:
    return ask("plan", str(SAMPLES / reports), "--cells", str(SAMPLES / cells), *more)


@pytest.mark.parametrize(("reports", "cells", "more"), KINDS)
def test_every_sample_becomes_a_plan(reports, cells, more, capsys):
    assert _plan(reports, cells, *more, "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert found["links"]
    for link in found["links"]:
        assert link["power_dbm"] is None or link["power_dbm"] <= link["full_power_dbm"] + 1e-4
        assert 0 <= link["power"] <= 1
        assert link["rate"] >= 0
    assert (found["sum_rate_today"] is None) == ("--uplink" in more)


@pytest.mark.parametrize(("reports", "cells", "more"), KINDS)
def test_tables_fit_the_terminal_and_hold_every_link(reports, cells, more, capsys):
    assert _plan(reports, cells, *more) == 0
    said = capsys.readouterr()
    lines = said.out.splitlines()
    assert max(map(len, lines)) <= 80
    assert not any(line.endswith("...") for line in lines)
    assert _plan(reports, cells, *more, "--json") == 0
    links = json.loads(capsys.readouterr().out)["links"]
    assert sum(f" {link['terminal']} " in line for link in links for line in lines[2:]) >= len(links)


def test_conditions_count(capsys):
    said = []
    for more in ((), ("--noise-figure", "20"), ("--error", "8"), ("--now", "1790000100")):
        assert _plan("reports.json", "cells.csv", "--json", *more) == 0
        said.append(json.loads(capsys.readouterr().out)["sum_rate_full"])
    assert len(set(said)) == 4


def test_what_is_left_out_is_said(capsys):
    assert _plan("reports.json", "cells.csv", "--max-age", "20") == 0
    assert "s old, more than 20 s" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--goal", "loudest"), "loudest"), (("--now", "noon"), "noon"), (("--error", "-1"), "error_db"),
        (("--error", "1e200"), "error_db"), (("--error", "1e30"), "0 to 40 dB"),
        (("--now", "1"), "future"), (("--plot", "map.bmp"), "map.bmp"), (("--min-rate", "1"), "min_rate"),
        (("--uplink",), "uplink"), (("--weights", "none.csv"), "none.csv"),
    ],
)  # fmt: skip
def test_bad_input_is_one_line_and_exit_code_2(words, said, capsys):
    assert _plan("reports.json", "cells.csv", *words) == 2
    lines = capsys.readouterr().err.splitlines()
    assert said in lines[-1]
    assert len(lines) == 1


def test_levels_of_terminals_are_not_answered_as_those_of_cells(capsys):
    assert _plan("srs.csv", "cells.csv", "--terminals", "newest") == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "transmit_power_dbm and srs_epre_dbm" in line
    assert "--uplink" in line


def test_a_missing_table_of_cells_is_bad_usage(capsys):
    assert ask("plan", str(SAMPLES / "reports.json")) == 2
    assert "--cells" in capsys.readouterr().err


@pytest.mark.skipif(find_spec("matplotlib") is None, reason="needs the extra plots")
def test_a_map_is_drawn_and_inputs_are_not_overwritten(tmp_path, capsys):
    assert _plan("drive_test.csv", "cells.csv", "--plot", str(tmp_path / "map.svg")) == 0
    text = (tmp_path / "map.svg").read_text()
    assert text.rstrip().endswith("</svg>")
    assert [path.name for path in tmp_path.iterdir()] == ["map.svg"]
    capsys.readouterr()


@pytest.mark.skipif(find_spec("matplotlib") is None, reason="needs the extra plots")
def test_a_map_needs_places(tmp_path, capsys):
    cells = tmp_path / "cells.csv"
    rows = (SAMPLES / "cells.csv").read_text().splitlines()
    cells.write_text("\n".join(row.rsplit(",", 2)[0] for row in rows))
    assert (
        ask("plan", str(SAMPLES / "reports.json"), "--cells", str(cells), "--plot", str(tmp_path / "map.png"))
        == 2
    )
    assert "x_m and y_m" in capsys.readouterr().err
