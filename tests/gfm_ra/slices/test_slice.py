"""A slice says what it asks for, or in one line what is wrong."""

import dataclasses

import numpy as np
import pytest

import gfm_ra
from gfm_ra.goals import ProportionalFair, SumRate
from gfm_ra.slices.slice import Slice, checked


def test_links_are_kept_sorted_whatever_sequence_they_come_as() -> None:
    for given in ([3, 1, 2], (1, 2, 3), range(1, 4), np.array([2, 3, 1]), {1, 2, 3}):
        assert Slice("a", given).links == (1, 2, 3)
    assert gfm_ra.Slice is Slice
    with pytest.raises(dataclasses.FrozenInstanceError):
        Slice("a", [0]).share = 0.5


def test_presets_ask_for_what_they_say() -> None:
    embb, urllc, miot = Slice.embb([0]), Slice.urllc([1], least_rate=2), Slice.miot([2], least_rate=0.1)
    assert [one.name for one in (embb, urllc, miot)] == ["embb", "urllc", "miot"]
    assert (embb.least_rate, embb.share, embb.priority) == (None, None, 1.0)
    assert (urllc.least_rate, urllc.priority, miot.least_rate, miot.priority) == (2.0, 0.0, 0.1, 0.0)
    assert embb.objective == SumRate()
    assert Slice("a", [0], goal="proportional-fair").objective == ProportionalFair()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"name": ""}, "name must be a word"),
        ({"name": "a\nb"}, "name must be a word"),
        ({"links": []}, "at least one link"),
        ({"links": [0, 0]}, "listed twice"),
        ({"links": [-1]}, "whole numbers from 0"),
        ({"links": [0.5]}, "whole numbers from 0"),
        ({"links": [True]}, "whole numbers from 0"),
        ({"links": [[0, 1]]}, "a list of at least one link"),
        ({"goal": "qos"}, "goal must be"),
        ({"least_rate": 0}, "least_rate must be above 0"),
        ({"least_rate": 101}, "at most 100"),
        ({"least_rate": np.nan}, "least_rate must be finite"),
        ({"least_rate": "1"}, "least_rate must be a number"),
        ({"share": 1.0}, "share must lie between 0 and 1"),
        ({"share": 0.0}, "share must lie between 0 and 1"),
        ({"priority": -1}, "priority must not be negative"),
        ({"priority": None}, "priority must be a number"),
        ({"priority": True}, "priority must be a number"),
        ({"priority": 0}, "needs a least_rate or a share"),
    ],
)
def test_what_is_no_slice_is_refused_in_one_line(options, said) -> None:
    with pytest.raises(ValueError, match=said) as problem:
        Slice(**{"name": "a", "links": [0]} | options)
    assert "\n" not in str(problem.value)


@pytest.mark.parametrize(
    ("slices", "said"),
    [
        ([], "at least one"),
        (["embb"], "give a list of gfm_ra.Slice"),
        (Slice("a", [0]), "give a list of gfm_ra.Slice"),
        ([Slice("a", [0]), Slice("a", [1])], "two are called 'a'"),
        ([Slice("a", [0, 5])], "slice a: there is no link 5: links are 0 to 4"),
        ([Slice("a", [0, 1]), Slice("b", [1])], "link 1 is in 'a' and in 'b'"),
        ([Slice("a", [0], share=0.6), Slice("b", [1], share=0.5)], "shares sum above 1: 0.6 \\(a\\)"),
    ],
)
def test_slices_that_do_not_go_together_are_refused(slices, said) -> None:
    with pytest.raises(ValueError, match=said):
        checked(slices, 5)


def test_shares_may_sum_to_one() -> None:
    assert len(checked([Slice(str(k), [k], share=0.1) for k in range(10)], 10)) == 10
