"""`gfm-ra allocate --rules`: powers that obey, the price on stderr and in the JSON, contradictions before any work."""

import json
from pathlib import Path

import numpy as np
import pytest

import gfm_ra
from gfm_ra.cli.main import run

GAIN_DB = np.array([[38.5, 10.1, 7.5], [9.5, 33.1, 15.2], [-10.1, 14.4, 37.6]])
RULES = {"protected_gain_db": [[3, 4, -5]], "interference_cap_db": -6, "floor": 0.01}


def ask(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as ended:
        run(["allocate", *words])
    return int(ended.value.code or 0), *capsys.readouterr()


@pytest.fixture
def files(tmp_path: Path) -> tuple[str, str]:
    np.savetxt(tmp_path / "gains.csv", GAIN_DB, delimiter=",")
    (tmp_path / "rules.json").write_text(json.dumps(RULES))
    return str(tmp_path / "gains.csv"), str(tmp_path / "rules.json")


def test_powers_obey_and_the_price_is_said(files, capsys) -> None:
    code, out, err = ask(capsys, files[0], "--db", "--rules", files[1])
    assert code == 0
    power = np.fromstring(out, sep=",")
    assert power @ 10 ** (np.array([3, 4, -5]) / 10) <= 10**-0.6 * (1 + 1e-6)
    assert (power >= 0.01 * (1 - 1e-6)).all()
    answer = gfm_ra.load().allocate(gain_db=GAIN_DB, rules=gfm_ra.Rules(**RULES))
    np.testing.assert_allclose(power, answer.power, rtol=1e-5)
    assert f"gfm-ra: {answer.notes[-1]}\n" in err
    assert "refined, under rules: 1" in err


def test_json_holds_the_price(files, capsys) -> None:
    told = json.loads(ask(capsys, files[0], "--db", "--rules", files[1], "--json")[1])
    free = json.loads(ask(capsys, files[0], "--db", "--json")[1])
    assert told["price"] == pytest.approx(free["utility"] - told["utility"])
    assert told["price"] > 0
    assert "price" not in free
    assert told["notes"][-1].startswith("rules: powers were changed")


def test_many_networks_with_hidden_gains(tmp_path, files, capsys) -> None:
    gain_db = np.repeat(GAIN_DB[None], 3, axis=0)
    gain_db[1, 0, 1] = np.nan
    np.save(tmp_path / "gain_db.npy", gain_db)
    told = json.loads(ask(capsys, str(tmp_path / "gain_db.npy"), "--db", "--rules", files[1], "--json")[1])
    assert told["price"][1] is None
    heard = np.array(told["power"]) @ 10 ** (np.array([3, 4, -5]) / 10)
    assert (heard <= 10**-0.6 * (1 + 1e-6)).all()


@pytest.mark.parametrize(
    ("text", "words", "said"),
    [
        ('{"floor": 0.5, "protected_gain": [[1, 1, 1]], "interference_cap": 1}', (), "interference_cap"),
        ('{"floor": [0.5, 0.5]}', (), "floor must be"),
        ('{"flor": 0.5}', (), "'flor'"),
        ("floor: 0.5", (), "JSON"),
        ('{"floor": 0.5, "floor": 0.1}', (), "'floor' is said twice"),
        (json.dumps(RULES), ("--certify",), "--certify and --rules"),
    ],
)
def test_bad_rules_are_one_line_and_exit_code_2(files, capsys, text, words, said) -> None:
    Path(files[1]).write_text(text)
    code, out, err = ask(capsys, files[0], "--db", "--rules", files[1], *words)
    assert (code, out) == (2, "")
    assert err.count("\n") == 1
    assert said in err


def test_the_file_of_rules_is_never_overwritten(files, capsys) -> None:
    code, _, _ = ask(capsys, files[0], files[1], "--db", "--rules", files[1])
    assert code == 2
    assert json.loads(Path(files[1]).read_text()) == RULES
