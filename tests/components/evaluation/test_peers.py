"""Peers are kept with what they have learnt from, and answer as the model that was saved."""

from pathlib import Path

import numpy as np
import pytest
import torch

from components.data.shards import DataError
from components.evaluation.peers import TITLES, PeerCard, PeerName, answer, fresh_peer, load_peer, save_peer
from gfm_ra.units import to_gain


def card(peer: PeerName) -> PeerCard:
    return PeerCard(peer=peer, run=2, world="D16", links=6, samples=10, training_time="seconds")


def gain(links: int = 6) -> np.ndarray:
    generator = np.random.default_rng(1)
    return to_gain(generator.normal(10.0, 12.0, (4, links, links)) + 25.0 * np.eye(links))


@pytest.mark.parametrize("peer", TITLES)
def test_a_peer_that_was_saved_answers_the_same(peer: PeerName, tmp_path: Path) -> None:
    model = fresh_peer(peer, 5)
    save_peer(tmp_path, model, card(peer))
    loaded, about = load_peer(tmp_path)
    assert about == card(peer)
    assert about.title == f"{TITLES[peer]}, run 2"
    power = answer(loaded, gain())
    assert np.array_equal(power, answer(model, gain()))
    assert not np.allclose(power, answer(fresh_peer(peer, 6), gain()), atol=1e-3)
    with torch.no_grad():
        expected = model(torch.from_numpy(10.0 * np.log10(gain())))
    assert np.allclose(power, expected.numpy(), atol=1e-5)


def test_what_is_no_peer_is_told(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"config\.json is missing: .* holds no trained peer"):
        load_peer(tmp_path)
    save_peer(tmp_path, fresh_peer("pcgnn", 1), card("unfolded_wmmse"))
    with pytest.raises(DataError, match="does not fit the architecture"):
        load_peer(tmp_path)
    (tmp_path / "config.json").write_text('{"peer": "stranger"}')
    with pytest.raises(DataError, match=r"config\.json is damaged"):
        load_peer(tmp_path)
