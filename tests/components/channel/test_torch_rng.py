"""Torch's streams follow from their keys, and a seeded scope leaves no trace."""

import pytest
import torch

from components.channel.torch_rng import seeded, torch_stream
from pipelines.runtime.import_closure import import_closure


@pytest.mark.parametrize("other", [(2, "mask", 0), (1, "other", 0), (1, "mask", 1)])
def test_streams_are_keyed_by_their_purpose(other: tuple[int, str, int]) -> None:
    first = torch.rand(4, generator=torch_stream(1, "mask", 0))
    assert torch.equal(torch.rand(4, generator=torch_stream(1, "mask", 0)), first)
    assert not torch.equal(torch.rand(4, generator=torch_stream(*other)), first)


def test_a_scope_draws_the_stream_of_its_key_and_restores_the_global_generator() -> None:
    before = torch.get_rng_state()
    with seeded(1, "weights"):
        drawn = torch.rand(4)
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(5)  # a global state that must not matter
    with seeded(1, "weights"):
        assert torch.equal(torch.rand(4), drawn)
    assert torch.equal(torch.rand(4, generator=torch_stream(1, "weights")), drawn)


def test_simulation_needs_no_torch() -> None:
    files = {str(path) for path in import_closure("components.channel.simulator")}
    assert "components/channel/rng.py" in files
    assert "components/channel/torch_rng.py" not in files
