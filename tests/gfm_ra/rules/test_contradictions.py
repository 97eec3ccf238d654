"""Rules that cannot hold together are refused in one line that names both, and where."""

import numpy as np
import pytest

from gfm_ra import InputError, Network, Rules
from gfm_ra.rules import bound

ONES = np.ones((3, 3))


def refusal(rules: Rules, network: Network | None = None) -> str:
    network = network or Network(ONES)
    with pytest.raises(ValueError, match="rules: ") as refused:
        bound(network.limits, rules, (*network.shape, network.bands or 1, network.links))
    text = str(refused.value)
    assert "\n" not in text
    assert text.startswith("rules: ")
    return text


@pytest.mark.parametrize(
    ("rules", "network", "words"),
    [
        (Rules(floor=[0, 0.5, 0]), Network(ONES, limit=0.4), ("link 1", "floor", "0.5", "limit", "0.4")),
        (Rules(floor=0.6), Network(ONES, groups=[[0, 1]]), ("group 0", "floors", "1.2", "group_limit", "1")),
        (
            Rules(floor=[0, 0, 0.5], protected_gain_db=[[0, 0, 10]], interference_cap=1.0),
            None,
            ("receiver 0", "5", "interference_cap"),
        ),
        (
            Rules(floor=0.5, previous_power=[0.1, 0.5, 0.5], ramp=0.2),
            None,
            ("link 0", "floor", "ramp", "0.3"),
        ),
        (
            Rules(previous_power=[1.0, 0.5, 0.5], ramp=0.1),
            Network(ONES, limit=0.6),
            ("link 0", "ramp", "0.9", "limit", "0.6"),
        ),
        (
            Rules(never_silent=[[0], [1, 2]]),
            Network(ONES, limit=[1.0, 0.0, 0.0]),
            ("never_silent[1]", "0.01", "limits"),
        ),
        (Rules(floor=0.1), Network(ONES, exclusive=[[0, 2]]), ("links 0, 2", "exclusive")),
        (
            Rules(floor=[[0.1, 0.2, 0], [0, 0, 0]]),
            Network(np.ones((2, 3, 3)), bands=True, exclusive=[[0, 1]]),
            ("links 0, 1", "band 0", "exclusive"),
        ),
        (
            Rules(never_silent=[[0, 1]], never_silent_power=0.5, protected_gain=[[4, 3, 0]], interference_cap=1.2),
            None,
            ("never_silent[0]", "interference_cap of receiver 0"),
        ),
        (
            Rules(never_silent=[[0], [1]], never_silent_power=0.6),
            Network(ONES, groups=[[0, 1]]),
            ("never_silent", "group_limit of group 0"),
        ),
    ],
)  # fmt: skip
def test_the_two_and_the_place_are_named(
    rules: Rules, network: Network | None, words: tuple[str, ...]
) -> None:
    text = refusal(rules, network)
    assert all(word in text for word in words), text


def test_of_several_networks_the_one_is_named() -> None:
    floor = np.zeros((2, 2, 3))
    floor[1, 0, 2] = 0.9
    network = Network(np.ones((2, 2, 3, 3)), limit=0.5)
    assert "link 2 of network 1, 0" in refusal(Rules(floor=floor), network)


def test_what_some_powers_obey_is_not_refused() -> None:
    """The only powers: the cell's second link takes what the first one's cap leaves open."""
    rules = Rules(
        never_silent=[[0, 1]], never_silent_power=1.0, protected_gain=[[2.0, 0, 0], [0, 2.0, 0]],
        interference_cap=1.0,
    )  # fmt: skip
    np.testing.assert_allclose(bound(None, rules, (1, 3)).least, [[[0.5, 0.5, 0.0]]])


def test_bands_are_assigned_so_that_all_floors_are_met() -> None:
    """Link 0 fits into band 1 alone, which link 1 would like as well."""
    network = Network(np.ones((2, 2, 2)), bands=True, exclusive=[[0, 1]], band_limit=[[0.1, 0.9], [0.5, 1.0]])
    bounds = bound(network.limits, Rules(floor=[0.5, 0.6]), (2, 2))
    np.testing.assert_allclose(bounds.least, [[[0.0, 0.6], [0.5, 0.0]]])


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ({"floor": -0.1}, "floor"),
        ({"floor": np.nan}, "floor"),
        ({"floor": "much"}, "floor"),
        ({"never_silent": [[0, 1], [1]]}, "link 1"),
        ({"never_silent": [[]]}, r"never_silent\[0\]"),
        ({"never_silent": [0]}, r"never_silent\[0\]"),
        ({"never_silent": [[0]], "never_silent_power": 0.0}, "never_silent_power"),
        ({"never_silent": [[0]], "never_silent_power": [0.1, 0.1]}, "never_silent_power"),
        ({"protected_gain": [[1.0]]}, "interference_cap is missing"),
        ({"interference_cap_db": -6.0}, "protected_gain is missing"),
        ({"protected_gain": [[1.0]], "protected_gain_db": [[0.0]], "interference_cap": 1.0}, "either"),
        ({"previous_power": 0.5}, "ramp"),
        ({"ramp": 0.1}, "previous_power is missing"),
        ({"previous_power": 0.5, "ramp": [0.1, 0.2, 0.3]}, "ramp"),
        ({"previous_power": 0.5, "ramp": 0.1, "ramp_db": 3.0}, "either"),
        ({"previous_power": 0.5, "ramp": [[0.1], [0.1, 0.2]]}, "ramp"),
        ({"protected_gain": [[1e300]], "interference_cap": 1.0}, "protected_gain holds 1e.300, more than"),
        ({"protected_gain_db": [[1e5]], "interference_cap": 1.0}, "protected_gain_db holds 100000, more"),
        ({"protected_gain": [[1.0]], "interference_cap_db": 1e5}, "interference_cap_db holds 100000, more"),
    ],
)
def test_what_can_be_no_rule_is_refused(told: dict[str, object], words: str) -> None:
    with pytest.raises(ValueError, match=f"rules: .*{words}"):
        Rules(**told)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "rules",
    [
        Rules(floor=[0.1, 0.1]),
        Rules(never_silent=[[3]]),
        Rules(protected_gain=[[1.0, 1.0]], interference_cap=1.0),
        Rules(protected_gain=[[1.0, 1.0, 1.0]], interference_cap=[1.0, 1.0]),
        Rules(previous_power=[[0.5, 0.5, 0.5]] * 2, ramp=0.1),
    ],
)
def test_rules_of_another_size_are_refused(rules: Rules) -> None:
    refusal(rules)


def test_what_can_be_of_networks_or_of_bands_is_refused() -> None:
    network = Network(np.ones((2, 2, 3, 3)), bands=True)
    for rules in (
        Rules(floor=np.full((2, 3), 0.1)),
        Rules(previous_power=np.full((2, 3), 0.1), ramp=0.1),
        Rules(protected_gain=np.ones((2, 2, 3)), interference_cap=1.0),
    ):
        assert "of each network or of each band" in refusal(rules, network)
    refusal(Rules(floor=np.full((3, 3), 0.1)), network)


def test_gains_to_receivers_may_differ_from_network_to_network() -> None:
    gain = np.arange(1.0, 10.0).reshape(3, 1, 3)  # [B, R, K]
    found = bound(None, Rules(protected_gain=gain, interference_cap=1.0), (3, 2, 3))
    np.testing.assert_array_equal(found.gain, np.broadcast_to(gain[:, :, None], (3, 1, 2, 3)))


def test_files_say_what_the_fields_say(tmp_path) -> None:
    path = tmp_path / "rules.json"
    path.write_text('{"floor": [0.1, 0.2], "protected_gain_db": [[0, 10]], "interference_cap_db": -6}')
    rules = Rules.from_file(path)
    assert rules.floor == [0.1, 0.2]
    assert rules.cap == pytest.approx(10**-0.6)
    for text, words in (
        ('{"flor": 0.1}', "'flor'"),
        ("[]", "object"),
        ("{", "JSON"),
        ("{}", "no rules"),
        ('{"floor": null}', "null"),
        ('{"floor": -1}', "floor"),
        ('{"floor": [[1], [1, 2]]}', "floor"),
    ):
        path.write_text(text)
        with pytest.raises(InputError, match=words) as refused:
            Rules.from_file(path)
        assert str(path) in str(refused.value)


def test_a_file_that_is_not_there_is_named_in_one_line(tmp_path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        Rules.from_file(tmp_path / "none.json")
