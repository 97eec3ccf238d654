"""The random streams of `rng` for torch: generators, and a seeded scope for code that draws from the global one.

Apart from `rng` because the simulator, which uses that, needs no torch.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from components.channel.rng import stream


def torch_stream(seed: int, *key: str | int, device: torch.device | str = "cpu") -> torch.Generator:
    """A torch stream keyed by what it is for; a GPU's numbers are others than a CPU's."""
    return torch.Generator(device).manual_seed(_torch_seed(seed, *key))


@contextmanager
def seeded(seed: int, *key: str | int) -> Iterator[None]:
    """A scope in which the CPU's global generator, which new layers draw their weights from, is that stream.

    Afterwards the global generator is where it was.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(_torch_seed(seed, *key))
        yield


def _torch_seed(seed: int, *key: str | int) -> int:
    return int(stream(seed, *key).integers(2**62))
