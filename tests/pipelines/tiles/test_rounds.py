"""One tile is the answer of one process; many come close to it, whoever answers them in whatever order."""

import numpy as np
import pytest

import gfm_ra
from gfm_ra.goals import ProportionalFair, QoS, SumRate, Weighted
from gfm_ra.solvers.proofs.certificate import scale_of
from pipelines.tiles.answers import plan
from pipelines.tiles.rounds import MOST_ROUNDS, Question, settle, solve_tile
from tests.pipelines.tiles.networks import chain, city

GOALS = [SumRate(), ProportionalFair(), QoS()]


@pytest.fixture(scope="module")
def drawn():
    return city(1500)


def settled(network, goal, tile_links, position_m=None, effort="balanced", order=None):
    tiles = plan(network, goal, tile_links, position_m).tiles
    plain = goal.objective if isinstance(goal, Weighted) else goal
    question = Question(plain, effort, 0, None)

    def run(number, told):
        turn = range(len(tiles)) if order is None else order(len(tiles))
        found = {tile: solve_tile(tiles[tile], told, number, question) for tile in turn}
        return [found[tile] for tile in range(len(tiles))]

    return settle(network, goal, tiles, run)


@pytest.mark.parametrize("effort", ["fast", "balanced"])
@pytest.mark.parametrize("goal", [*GOALS, Weighted(SumRate(), np.linspace(0.1, 1.0, 1500))], ids=repr)
def test_one_tile_is_the_answer_of_one_process(drawn, goal, effort) -> None:
    expected = gfm_ra.load().allocate(drawn[1], goal=goal, effort=effort)
    found = settled(drawn[1], goal, 1500, effort=effort)
    np.testing.assert_array_equal(found.answer.power, expected.power)
    np.testing.assert_array_equal(found.answer.rate, expected.rate)
    assert len(found.rounds) == 1


@pytest.mark.parametrize("goal", GOALS, ids=repr)
def test_tiles_come_within_a_fifth_of_a_percent(drawn, goal) -> None:
    drawn_city, network = drawn
    whole = gfm_ra.load().allocate(network, goal=goal)
    scale = float(scale_of(goal, whole.utility, network.links))
    for position_m in (drawn_city.transmitters, None):
        found = settled(network, goal, 400, position_m)
        # Later rounds hardly move QoS powers: along couplings, whose borders are longer, small tiles stay farther off.
        below = 0.005 if isinstance(goal, QoS) and position_m is None else 0.002
        assert float(goal.utility(found.answer.rate)) >= float(whole.utility) - below * scale
        assert 1 < len(found.rounds) <= MOST_ROUNDS


def test_the_order_of_tiles_changes_nothing(drawn) -> None:
    first = settled(drawn[1], SumRate(), 300)
    later = settled(drawn[1], SumRate(), 300, order=lambda tiles: reversed(range(tiles)))
    np.testing.assert_array_equal(first.answer.power, later.answer.power)
    assert first.rounds == later.rounds


def test_the_answer_is_the_best_of_all_rounds(drawn) -> None:
    found = settled(drawn[1], SumRate(), 300)
    assert float(found.answer.rate.sum()) == pytest.approx(max(each.utility for each in found.rounds))


def test_tiles_of_no_weight_are_silent() -> None:
    network = chain(40)
    weights = np.where(np.arange(40) < 20, 0.0, 1.0)
    found = settled(network, Weighted(SumRate(), weights), 10)
    assert not found.answer.power[:20].any()
    assert found.answer.power[20:].any()


@pytest.mark.parametrize(
    ("tile_links", "position_m", "said"),
    [
        (0, None, "tile_links must be a whole number from 1"),
        (10, np.zeros((40, 3)), r"finite numbers \[40, 2\]"),
        (10, np.full((40, 2), np.nan), "finite numbers"),
    ],
)
def test_cuts_that_do_not_fit_are_refused(tile_links, position_m, said) -> None:
    with pytest.raises(ValueError, match=said):
        plan(chain(40), SumRate(), tile_links, position_m)
