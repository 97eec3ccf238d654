"""The certified test set: its parts, its ratios, and both commands on a few networks."""

import json

import numpy as np
import pytest

from benchmarks.certified import optima, ratios
from benchmarks.certified.parts import digest, parts
from benchmarks.certified.reach import GOALS, bound_score, summary
from benchmarks.worlds.run import published
from benchmarks.worlds.table import WORLDS
from components.training.worlds.validation import score
from gfm_ra.goals import SumRate
from gfm_ra.rates import spectral_efficiency
from gfm_ra.units import to_gain


def test_parts_are_of_every_world_with_the_links_that_are_coupled_most():
    origin, gain_db = parts(4, 40)
    assert gain_db.shape == (40, 4, 4)
    assert {part.world for part in origin} == {name for name, world in WORLDS.items() if world.links >= 4}
    part, network = origin[3], published(WORLDS[origin[3].world], 200)[origin[3].network]
    np.testing.assert_array_equal(gain_db[3], network[np.ix_(part.links, part.links)])
    first = part.links[0]
    coupling = np.maximum(network[first], network[:, first])
    others = [link for link in range(len(network)) if link not in part.links]
    assert coupling[list(part.links[1:])].min() >= coupling[others].max()
    assert digest(gain_db) == digest(parts(4, 40)[1])


@pytest.mark.parametrize("name", [name for name in GOALS if name not in ("energy-efficiency",)])
def test_a_bound_has_the_score_of_powers_that_reach_it(name):
    gain = to_gain(parts(3, 10)[1])
    rates = spectral_efficiency(np.random.default_rng(0).uniform(size=(10, 3)), gain.astype(np.float64))
    goal = GOALS[name]
    np.testing.assert_allclose(
        bound_score(goal, goal.utility(rates), 3), score(rates, goal), rtol=1e-6, atol=1e-6
    )


def test_summary_of_ratios():
    told = summary(np.array([1.0, 1.0, 0.9, 1.0]))
    assert (told["networks"], told["mean"], told["worst"]) == (4, 0.975, 0.9)
    assert told["interval"][0] < 0.975 < told["interval"][1]
    assert summary(np.array([])) == {"networks": 0}


def test_both_commands(tmp_path, capsys):
    archive, metrics = tmp_path / "set.npz", tmp_path / "metrics.json"
    words = ["--links", "2", "3", "--networks", "8", "6", "--goals", "sum-rate", "qos", "energy-efficiency"]
    optima.main([*words, "--out", str(archive)])
    assert "K = 3, qos: 100.0% of 6 proven" in capsys.readouterr().out
    ratios.main([str(archive), "--efforts", "fast", "best", "--metrics", str(metrics)])
    kept = json.loads(metrics.read_text())
    table = kept["ratios"]["sum-rate"]
    assert table["any-world-4 best"]["all solved"]["worst"] > 0.998
    assert table["full power"]["all solved"]["mean"] < 0.95
    assert set(kept["ratios"]["energy-efficiency"]) == {"any-world-4 best", "solver, 1 start", "full power"}
    with np.load(archive) as stored:
        gain = to_gain(stored["3/gain_db"]).astype(np.float64)
        rates = spectral_efficiency(stored["3/sum-rate/power"].astype(np.float64), gain)
        np.testing.assert_allclose(stored["3/sum-rate/lower"], SumRate().utility(rates), rtol=1e-9)
