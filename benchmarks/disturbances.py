"""What can be wrong with the gains that an allocator sees, and what its powers are then worth at the true ones.

Shapes: B networks, K links; gains in dB over noise, row = receiver, column = transmitter. A method maps gains
[B, K, K], and which of them are unknown, [B, K, K] bool or None, to powers [B, K]. Worths are [B], at the true gains.
"""

from collections.abc import Callable

import torch
from torch import Tensor

Method = Callable[[Tensor, Tensor | None], Tensor]
Worth = Callable[[Tensor, Tensor], Tensor]
"""Powers [B, K] and true gains in dB [B, K, K] -> worth [B]."""

STEPS, RESTARTS, REACH = 20, 3, 2.5


def adversary(
    method: Method, gain_db: Tensor, worth: Worth, limit_db: float, generator: torch.Generator
) -> Tensor:
    """Least worth [B] that projected gradient steps on the gains find within +-limit_db.

    RESTARTS runs of STEPS steps, the first from no disturbance, the others from uniform ones; a step moves every gain
    by the sign of its gradient times REACH limit_db / STEPS.
    """
    with torch.no_grad():
        least = worth(method(gain_db, None), gain_db)
    for restart in range(RESTARTS):
        error_db = torch.zeros_like(gain_db) if restart == 0 else uniform(gain_db, limit_db, generator)
        for _ in range(STEPS):
            error_db.requires_grad_(True)
            found = worth(method(gain_db + error_db, None), gain_db)
            (slope,) = torch.autograd.grad(found.sum(), error_db)
            least = torch.minimum(least, found.detach())
            moved = error_db.detach() - REACH * limit_db / STEPS * slope.sign()
            error_db = moved.clamp(-limit_db, limit_db)
        with torch.no_grad():
            least = torch.minimum(least, worth(method(gain_db + error_db, None), gain_db))
    return least


def uniform(gain_db: Tensor, limit_db: float, generator: torch.Generator) -> Tensor:
    """Errors of every gain, uniform within +-limit_db."""
    drawn = torch.rand(gain_db.shape, generator=generator, dtype=gain_db.dtype)
    return limit_db * (2.0 * drawn - 1.0)


@torch.no_grad()
def chance(
    method: Method,
    gain_db: Tensor,
    worth: Worth,
    limit_db: float,
    generator: torch.Generator,
    draws: int = 10,
) -> Tensor:
    """Mean worth [B] over uniform errors within +-limit_db."""
    found = [
        worth(method(gain_db + uniform(gain_db, limit_db, generator), None), gain_db) for _ in range(draws)
    ]
    return torch.stack(found).mean(0)


@torch.no_grad()
def wrong_reports(method: Method, gain_db: Tensor, worth: Worth, error_db: float) -> tuple[Tensor, Tensor]:
    """Mean and least worth [B] over all networks in which one gain is wrong by so much, up or down."""
    links = gain_db.shape[-1]
    one = error_db * torch.eye(links * links, dtype=gain_db.dtype).reshape(-1, links, links)
    errors_db = torch.cat([one, -one])  # [2 K K, K, K]
    return _each(gain_db, worth, lambda true_db: method(true_db + errors_db, None), len(errors_db))


@torch.no_grad()
def silent_cells(method: Method, gain_db: Tensor, worth: Worth) -> tuple[Tensor, Tensor]:
    """Mean and least worth [B] over the link whose row and column, but for its own gain, are unknown."""
    links = gain_db.shape[-1]
    silent = torch.eye(links, dtype=torch.bool)  # [cell, link]
    hidden = (silent[:, :, None] | silent[:, None, :]) & ~torch.eye(links, dtype=torch.bool)  # [K, K, K]
    return _each(gain_db, worth, lambda true_db: method(true_db.expand(links, -1, -1), hidden), links)


def _each(
    gain_db: Tensor, worth: Worth, powers: Callable[[Tensor], Tensor], count: int
) -> tuple[Tensor, Tensor]:
    """Mean and least worth of the powers of so many variants, network by network."""
    found = torch.stack([worth(powers(true_db), true_db.expand(count, -1, -1)) for true_db in gain_db])
    return found.mean(1), found.amin(1)
