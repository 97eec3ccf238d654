"""What an explanation holds, what it says in words, and what it refuses."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import gfm_ra
from components.channel.scenario import SCENARIOS
from components.channel.simulator import simulate
from gfm_ra.explain.explanation import Explanation, explain
from gfm_ra.goals import AlphaFair, ProportionalFair, QoS, SumRate
from gfm_ra.rates import spectral_efficiency
from tests.gfm_ra.explain.goal_cases import LINKS, OTHERS, SUMS, Efficiency, network, utility

GAIN = 10.0 ** (np.array([[42.0, 12.0, 3.0], [9.0, 38.0, 25.0], [1.0, 28.0, 45.0]]) / 10.0)


def one(gain: list[list[float]], power: list[float], goal=None) -> Explanation:
    return explain(np.array(gain), np.array(power), goal or SumRate())


@given(seed=st.integers(0, 10**6), goal=st.sampled_from([*SUMS, *OTHERS]))
def test_every_number_is_that_of_its_link(seed, goal):
    gain, power = network(seed)
    found = explain(gain, power, goal)
    rates = spectral_efficiency(power, gain)
    assert found.utility == pytest.approx(utility(goal, rates, power), rel=1e-12)
    for number, link in enumerate(found.links):
        assert (link.link, link.power) == (number, power[number])
        assert link.rate == pytest.approx(rates[number], rel=1e-12)
        column = found.harm_matrix[:, number]
        assert link.harm == pytest.approx(column.sum(), rel=1e-12)
        largest = sorted(column, reverse=True)[:3]
        assert [effect.amount for effect in link.hurts] == [each for each in largest if each > 0]
        assert all(column[effect.link] == effect.amount for effect in link.hurts)
        heard = [*(gain[number] * power), 1.0]
        heard[number] = 0.0
        most = int(np.argmax(heard))
        assert link.disturbed_by == (None if most == LINKS else most)
        assert link.disturbed_share == pytest.approx(heard[most] / sum(heard), rel=1e-12)


def test_a_link_alone_is_told_as_among_all():
    for link in range(3):
        alone = explain(GAIN, np.array([1.0, 0.2, 0.7]), QoS(), link)
        assert alone.links == (explain(GAIN, np.array([1.0, 0.2, 0.7]), QoS()).links[link],)


def test_the_text():
    """Three links by sum rate: the second one is silent."""
    assert str(explain(GAIN, np.array([1.0, 0.0, 1.0]), SumRate())) == (
        """\
sum-rate 26.1428 bit/s/Hz, 3 links
own gain, harm: bit/s/Hz per full power that more power would give the link and take from the others
if off, if on: exact change of the utility with the link at no or full power, all others kept
disturbed most by: the largest part of noise and interference at the link's receiver

link  power  rate  own gain   harm  if off  if on  hurts most
   0      1  12.4      1.44  0.804   -11.2      0           2
   1      0     0        28    411       0   -6.4        2, 0
   2      1  13.8      1.44  0.961   -12.2      0           0

link 0: power 1, 12.4 bit/s/Hz; disturbed most by link 2 (67 %); hurts link 2 (0.804); at full power: its own gain \
outweighs the harm
link 1: power 0, 0 bit/s/Hz; disturbed most by link 2 (97 %); hurts link 2 (403), link 0 (7.63); silent: at full power \
it would gain 4.35 and cost link 2 and others 10.8
link 2: power 1, 13.8 bit/s/Hz; disturbed most by link 0 (56 %); hurts link 0 (0.961); at full power: its own gain \
outweighs the harm"""
    )


def test_a_link_alone_says_who_would_gain_and_lose():
    text = str(explain(GAIN, np.array([1.0, 0.5, 1.0]), SumRate()).links[1])
    *_, off, on = text.splitlines()
    assert off.startswith("switched off: +")
    assert ": itself -" in off
    assert "link 2 +" in off
    assert on.startswith("at full power: ")
    assert text in str(explain(GAIN, np.array([1.0, 0.5, 1.0]), SumRate(), 1))
    assert "at full power: " not in str(explain(GAIN, np.ones(3), SumRate(), 1)).splitlines()[-1]


@pytest.mark.parametrize(
    ("gain", "power", "goal", "said"),
    [([[9.0, 0.0], [0.0, 9.0]], [1.0, 1.0], SumRate(), "at full power: it hurts nobody"),
     ([[9.0, 0.1], [0.1, 9.0]], [1.0, 1.0], SumRate(), "at full power: its own gain outweighs the harm"),
     ([[9.0, 0.1], [90.0, 900.0]], [1.0, 1.0], SumRate(),
      "at full power: its own gain is about the harm; switched off it would be better by 3.17"),
     ([[9.0, 5.0], [90.0, 900.0]], [1.0, 1.0], SumRate(),
      "at full power, though a little less would be better: the harm outweighs its own gain; switched off it"),
     ([[9.0, 0.1], [90.0, 900.0]], [0.0, 1.0], SumRate(), "silent: at full power it would gain 3.2 and cost link 1"),
     ([[9.0, 0.1], [0.1, 9.0]], [0.0, 1.0], SumRate(), "silent, though at full power it would add"),
     ([[0.0, 0.1], [0.0, 9.0]], [0.0, 1.0], SumRate(), "silent: its power changes nothing"),
     ([[9.0, 0.1], [0.1, 9.0]], [0.5, 1.0], SumRate(),
      "held back, though a little more would be better: its own gain outweighs the harm; at full power it"),
     ([[9.0, 0.1], [90.0, 900.0]], [0.5, 1.0], SumRate(),
      "held back, though a little less would be better: the harm outweighs its own gain; switched off it"),
     ([[400.0, 0.0], [30.0, 500.0]], [0.04, 0.2], AlphaFair(2.0), "held back"),
     ([[9.0, 0.0], [0.0, 9.0]], [0.5, 0.5], Efficiency(),
      "held back, though a little less would be better: the harm with the cost of the power outweighs its own gain"),
     ([[9.0, 0.0], [0.0, 0.01]], [1.0, 0.0], Efficiency(), "at full power, though a little less would be better")],
)  # fmt: skip
def test_the_verdict_fits_the_powers(gain, power, goal, said):
    assert one(gain, power, goal).links[0].verdict.startswith(said)


@pytest.mark.parametrize("goal", [SumRate(), ProportionalFair(), AlphaFair(2.0)], ids=repr)
def test_of_our_own_powers_few_are_called_wanting(goal):
    gain = simulate(SCENARIOS["D16"], 4, 3)
    answer = gfm_ra.load().allocate(gain=gain, goal=goal)
    said = [link.verdict for index in range(4) for link in answer.explain(index=index).links]
    assert sum("better" in verdict for verdict in said) <= 0.1 * len(said)
    assert any(verdict.startswith("held back: more power would cost link ") for verdict in said)


def test_a_rate_at_the_least_one_is_no_fault():
    """The slope of QoS jumps there: a little less costs the penalty, a little more costs others."""
    gain = np.array([[100.0, 1.0], [60.0, 900.0]])
    power = np.array([(2.0**0.3 - 1) * 2.0 / 100.0, 1.0])
    found = explain(gain, power, QoS(0.3, 50.0), 0).links[0]
    assert found.if_less < 0
    assert found.if_more < 0
    assert found.verdict == "held back: more power would cost link 1 more than it gains"


def test_a_little_more_ends_at_full_power():
    for power in (0.995, 1.0):
        powers = np.array([1.0, 1.0, power])
        link = explain(GAIN, powers, SumRate(), 2).links[0]
        full = spectral_efficiency(np.ones(3), GAIN).sum() - spectral_efficiency(powers, GAIN).sum()
        assert link.if_more == pytest.approx(full, rel=1e-9, abs=1e-12)
        assert link.if_more == pytest.approx(link.if_on.change, abs=1e-15)


def test_costs_of_power_have_a_column():
    gain, power = network(4)
    assert "  cost  " in str(explain(gain, power, Efficiency()))
    assert "  cost  " not in str(explain(gain, power, SumRate()))
    found = explain(gain, power, Efficiency()).links[0]
    assert found.power_cost > 0


@given(seed=st.integers(0, 10**6), goal=st.sampled_from([*SUMS, *OTHERS]))
def test_json_holds_plain_numbers(seed, goal):
    found = explain(*network(seed), goal)
    read = json.loads(json.dumps(found.as_json()))
    assert read["utility"] == found.utility
    for told, link in zip(read["links"], found.links, strict=True):
        assert told["own_gain"] == link.own_gain
        assert told["if_off"]["change"] == link.if_off.change
        assert [each["link"] for each in told["hurts"]] == [effect.link for effect in link.hurts]
        assert told["verdict"] == link.verdict


@pytest.mark.parametrize(
    ("gain", "power", "link", "said"),
    [([[9.0, np.nan], [1.0, 9.0]], [1.0, 1.0], None, "the gain of receiver 0 from transmitter 1 is unknown"),
     ([[9.0, 1.0], [1.0, 9.0]], [1.0, 1.1], None, "powers must be numbers from 0 to 1"),
     ([[9.0, 1.0], [1.0, 9.0]], [1.0, np.nan], None, "powers must be numbers from 0 to 1"),
     ([[9.0, 1.0], [1.0, 9.0]], [1.0], None, r"got \[2, 2\] and \[1\]"),
     ([[[9.0]], [[9.0]]], [[1.0], [1.0]], None, "one network at a time"),
     ([[9.0, 1.0], [1.0, 9.0]], [1.0, 1.0], 2, "there is no link 2: links are numbered from 0 to 1"),
     ([[9.0, 1.0], [1.0, 9.0]], [1.0, 1.0], -1, "there is no link -1")],
)  # fmt: skip
def test_what_does_not_fit_is_refused_in_one_line(gain, power, link, said):
    with pytest.raises(ValueError, match=said) as refusal:
        explain(np.array(gain), np.array(power), SumRate(), link)
    assert "\n" not in str(refusal.value)


class Hopeless:
    name = "hopeless"

    def utility(self, rates):
        return rates.sum(-1) * np.inf


def test_a_utility_that_is_not_finite_is_refused():
    with pytest.raises(ValueError, match="the utility of hopeless is inf"):
        explain(GAIN, np.ones(3), Hopeless())
    with pytest.raises(ValueError, match="alpha-fair is not finite if a link is switched"):
        explain(GAIN, np.ones(3), AlphaFair(80.0))
