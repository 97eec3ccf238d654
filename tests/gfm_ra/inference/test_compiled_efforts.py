"""Efforts in one call of the core answer as the parts do that they are made of."""

import numpy as np
import pytest

from gfm_ra.core import loader, objects
from gfm_ra.goals import AlphaFair, Objective, ProportionalFair, QoS, SumRate, Weighted
from gfm_ra.inference.answers import Question, compiled, composed
from gfm_ra.inference.comparison import EFFORTS, Effort
from gfm_ra.inference.network.architecture import Architecture, EstimatorSizes
from gfm_ra.inference.network.unrolled import UnrolledNetwork
from gfm_ra.network import Network
from gfm_ra.rates import spectral_efficiency

SIZES = Architecture(8, 12, 3, 0, False, 0.3, EstimatorSizes(5, 6, 1, 2, 2))
GOALS: list[Objective] = [
    SumRate(), ProportionalFair(), QoS(1.0, 5.0), QoS(0.0, 0.0), AlphaFair(0.0), AlphaFair(0.5), AlphaFair(1.0),
    AlphaFair(1.0 + 1e-7), AlphaFair(2.0), AlphaFair(6.0), AlphaFair(10.0),
]  # fmt: skip


def model() -> UnrolledNetwork:
    draw = np.random.default_rng(3)
    weights = {
        name: draw.normal(0.0, 0.3, shape).astype(np.float32) for name, shape in SIZES.shapes().items()
    }
    return UnrolledNetwork(SIZES, weights)


def question(
    goal: Objective, effort: Effort, count: int, links: int, dtype: type = np.float32, **more: object
) -> Question:
    draw = np.random.default_rng(links)
    gain = draw.exponential(30.0, (count, links, links)) * (1.0 + 20.0 * np.eye(links))
    gain = gain.astype(dtype)
    given = Question(Network(gain), gain, np.zeros(count, bool), goal, effort, False, 5, 11, 1)
    return given._replace(**more)


@pytest.mark.parametrize("effort", EFFORTS)
@pytest.mark.parametrize("goal", GOALS, ids=repr)
@pytest.mark.parametrize(("count", "links"), [(3, 1), (9, 2), (5, 7), (2, 33), (2, 80)])
def test_one_call_chooses_what_the_parts_choose(
    goal: Objective, effort: Effort, count: int, links: int
) -> None:
    asked = question(goal, effort, count, links)
    found, expected = compiled(model(), asked), composed(model(), asked)
    if effort == "fast":
        assert np.array_equal(found.power, expected.power)
    merits = [goal.merit(answer.rate) for answer in (found, expected)]
    np.testing.assert_allclose(*merits, rtol=1e-12, atol=1e-12)
    # Where candidates are equally good to the last digits, either may be taken.
    different = (found.power != expected.power).any(-1)
    assert (np.abs(merits[0] - merits[1])[different] <= 1e-12 * np.abs(merits[1])[different]).all()
    assert different.mean() <= 0.5 or links == 1


@pytest.mark.parametrize("effort", EFFORTS)
def test_weights_of_every_network_and_gains_in_double_precision(effort: Effort) -> None:
    weights = np.random.default_rng(1).exponential(1.0, (6, 8))
    for goal in (Weighted(SumRate(), weights), Weighted(AlphaFair(2.0), weights[0])):
        asked = question(goal, effort, 6, 8, np.float64)
        found, again = compiled(model(), asked), compiled(model(), asked)
        assert np.array_equal(found.power, again.power)
        np.testing.assert_allclose(
            found.rate, spectral_efficiency(found.power.astype(np.float64), asked.gain), rtol=1e-12
        )
        if effort != "fast":
            expected = composed(model(), asked)
            np.testing.assert_allclose(goal.merit(found.rate), goal.merit(expected.rate), rtol=1e-12)


@pytest.mark.parametrize("effort", EFFORTS)
@pytest.mark.parametrize("threads", [1, 2])
def test_neither_batch_nor_threads_nor_unknown_neighbours_change_an_answer(
    effort: Effort, threads: int
) -> None:
    asked = question(ProportionalFair(), effort, 7, 6)
    together = compiled(model(), asked._replace(threads=threads))
    unknown = np.zeros(7, bool)
    unknown[[0, 3]] = True
    gain = asked.gain.copy()
    gain[unknown, 0, 2] = np.nan
    mixed = compiled(
        model(), asked._replace(network=Network(gain), gain=gain, unknown=unknown, threads=threads)
    )
    assert np.array_equal(mixed.power[~unknown], together.power[~unknown])
    assert list(mixed.source[unknown]) == ["model, unchecked"] * 2
    assert np.isnan(mixed.rate[unknown]).all()
    for row in range(7):
        part = asked._replace(
            gain=asked.gain[row : row + 1], unknown=np.zeros(1, bool), first_index=asked.first_index + row
        )
        assert np.array_equal(compiled(model(), part).power[0], together.power[row])


@pytest.mark.parametrize("effort", EFFORTS)
def test_weights_that_are_no_numbers_still_give_powers(effort: Effort) -> None:
    asked = question(SumRate(), effort, 4, 5)
    network = model()
    for array in network._kept:  # as a damaged file would be, had it passed the check
        array[...] = np.nan
    found = compiled(network, asked)
    assert ((found.power >= 0) & (found.power <= 1)).all()
    assert (found.rate.sum(-1) > 0).all()


@pytest.mark.parametrize("effort", EFFORTS)
@pytest.mark.parametrize("goal", [SumRate(), QoS(1.0, 5.0), AlphaFair(2.0)], ids=repr)
@pytest.mark.parametrize("links", [3, 23, 80])
def test_every_instruction_set_with_fused_products_gives_the_same_answers(
    goal: Objective, effort: Effort, links: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = question(goal, effort, 5, links)
    gain = asked.gain.copy()
    gain[2, 0, 1] = np.nan
    asked = asked._replace(network=Network(gain), gain=gain, unknown=np.isnan(gain).any((-2, -1)))
    fused = [name for name in loader.available() if name != objects.BASELINE]
    if len(fused) < 2:
        pytest.skip(f"this processor has no two instruction sets with fused multiply-add: {fused}")
    found = []
    for name in fused:
        monkeypatch.setenv(loader.VARIABLE, name)
        loader.library.cache_clear()
        found.append(compiled(model(), asked))
    monkeypatch.undo()
    loader.library.cache_clear()
    for first, other in zip(found[0], found[1], strict=True):
        assert np.array_equal(first, other, equal_nan=first.dtype == np.float64)
