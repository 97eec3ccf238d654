"""Familiarity is calibrated, tells worlds apart, depends on no order of links, and is a number for any gains."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import gfm_ra
from gfm_ra import Network, familiarity
from gfm_ra.familiarity.fitting import LEAST, hide
from gfm_ra.familiarity.reference import Reference
from gfm_ra.familiarity.statistics import NAMES, statistics


def drawn(links: int, count: int, seed: int, spread_db: float = 8.0) -> np.ndarray:
    """Networks without geography, gain_db [count, K, K]."""
    generator = np.random.default_rng(seed)
    return generator.normal(5.0, spread_db, (count, links, links)) + 20.0 * np.eye(links)


@pytest.fixture(scope="module")
def own() -> Reference:
    return familiarity.fit([Network(gain_db=drawn(links, 1500, links)) for links in (6, 12, 18)], seed=1)


@pytest.mark.parametrize("hidden", [0.0, 0.5])
@pytest.mark.parametrize("links", [6, 12, 16])
def test_familiarity_of_the_references_own_networks_is_uniform(
    own: Reference, links: int, hidden: float
) -> None:
    gain_db = hide(drawn(links, 800, 99), hidden, np.random.default_rng(0))
    found = own.familiarity(Network(gain_db=gain_db))
    for level in (0.05, 0.2, 0.5):
        assert np.mean(found <= level) == pytest.approx(
            level, abs=4.0 * np.sqrt(level * (1 - level) / 800) + 0.02
        )


def test_other_networks_are_less_familiar(own: Reference) -> None:
    usual = own.familiarity(Network(gain_db=drawn(12, 300, 5)))
    unusual = own.familiarity(Network(gain_db=drawn(12, 300, 5, spread_db=11.0)))
    assert np.median(unusual) < 0.01 < 0.3 < np.median(usual)


@pytest.mark.parametrize("hidden", [0.0, 0.4])
def test_the_order_of_the_links_does_not_count(hidden: float) -> None:
    generator = np.random.default_rng(2)
    gain_db = hide(drawn(9, 4, 3), hidden, generator)
    order = generator.permutation(9)
    np.testing.assert_allclose(
        statistics(gain_db[:, order][:, :, order]), statistics(gain_db), rtol=1e-4, atol=1e-4
    )


def test_batches_and_leading_dimensions_change_nothing() -> None:
    gain_db = drawn(10, 6, 4)
    whole = familiarity.of(Network(gain_db=gain_db.reshape(2, 3, 10, 10)))
    assert whole.shape == (2, 3)
    alone = [float(familiarity.of(Network(gain_db=each))) for each in gain_db]
    np.testing.assert_allclose(whole.ravel(), alone, rtol=1e-6)
    linear = familiarity.of(Network(10.0 ** (gain_db / 10.0)))
    np.testing.assert_allclose(linear, alone, rtol=1e-3)


@pytest.mark.parametrize("links", [1, 2, 3, 17, 100])
@pytest.mark.parametrize("kind", ["equal", "zero", "huge", "unknown", "one unknown"])
def test_every_statistic_is_finite(links: int, kind: str) -> None:
    gain_db = np.zeros((2, links, links)) + 20.0 * np.eye(links)
    crossing = ~np.eye(links, dtype=bool)
    if kind == "equal":
        gain_db[:] = 10.0
    elif kind == "zero":
        gain_db[:] = -np.inf
    elif kind == "huge":
        gain_db[:, crossing] = 240.0
    elif kind == "unknown":
        gain_db[:, crossing] = np.nan
    elif links > 1:
        gain_db[0, 0, 1] = np.nan
    found = statistics(gain_db)
    assert found.shape == (2, len(NAMES))
    assert np.isfinite(found).all()
    value = familiarity.of(Network(gain_db=gain_db))
    assert np.isnan(value).all() if links == 1 else ((value > 0) & (value <= 1)).all()


def test_sizes_that_the_reference_lacks_are_not_judged(own: Reference) -> None:
    assert np.isnan(own.familiarity(Network(gain_db=drawn(40, 1, 0)[0])))
    assert own.familiarity(Network(gain_db=drawn(40, 3, 0))).shape == (3,)
    assert not np.isnan(own.familiarity(Network(gain_db=drawn(22, 1, 0)[0])))


def test_sizes_between_those_of_a_reference_are_judged_within_reach_of_one_only(own: Reference) -> None:
    judged = [links for links in range(1, 30) if own.has(links)]
    assert judged == [5, 6, 7, *range(10, 23)]  # 6, 12 and 18, each times and over 1.25
    assert np.isnan(own.familiarity(Network(gain_db=drawn(8, 2, 0)))).all()


@pytest.mark.parametrize(("name", "most"), [("trained", 125), ("home", 250)])
def test_packaged_references_have_every_size_in_between(name: str, most: int) -> None:
    reference = familiarity.load(name)
    assert [links for links in range(1, 400) if reference.has(links)] == list(range(2, most + 1))


def test_networks_of_listed_gains_are_refused_in_one_line(own: Reference) -> None:
    listed = Network.from_edges(3, [0, 1, 2], [0, 1, 2], gain_db=[30, 30, 30])
    links = np.arange(100)
    answer = gfm_ra.load().allocate(
        Network.from_edges(100, links, links, gain_db=np.full(100, 30.0)), effort="fast"
    )
    with pytest.raises(ValueError, match=r"large sparse networks do not.*gain_db="):
        _ = answer.familiarity
    for ask in (familiarity.of, own.familiarity, familiarity.fit, lambda network: familiarity.fit([network])):
        with pytest.raises(ValueError, match=r"familiarity: a network of from_edges .* Network"):
            ask(listed)  # type: ignore[arg-type]


def test_an_answer_knows_its_familiarity() -> None:
    answer = gfm_ra.load().allocate(gain_db=drawn(8, 2, 1), effort="fast")
    np.testing.assert_array_equal(answer.familiarity, familiarity.of(Network(gain_db=drawn(8, 2, 1))))
    alone = replace(answer, network=None)
    with pytest.raises(ValueError, match="knows no gains"):
        _ = alone.familiarity


def test_a_reference_is_the_same_when_read_again(own: Reference, tmp_path: Path) -> None:
    own.save(tmp_path / "own.npz")
    again = familiarity.load(tmp_path / "own.npz")
    network = Network(gain_db=drawn(10, 50, 7))
    assert again.name == own.name
    np.testing.assert_allclose(again.familiarity(network), own.familiarity(network), rtol=0.05)


def test_networks_with_unknown_gains_make_a_reference_of_such() -> None:
    generator = np.random.default_rng(0)
    own = familiarity.fit(Network(gain_db=hide(drawn(8, 1000, 0), 0.3, generator)))
    found = own.familiarity(Network(gain_db=hide(drawn(8, 500, 1), 0.3, generator)))
    assert np.mean(found <= 0.2) == pytest.approx(0.2, abs=0.08)


def test_too_few_networks_are_refused_in_one_line() -> None:
    with pytest.raises(ValueError, match=rf"only {LEAST - 1} networks of about 5 links"):
        familiarity.fit(Network(gain_db=drawn(5, LEAST - 1, 0)))
    with pytest.raises(ValueError, match="no networks"):
        familiarity.fit([])
