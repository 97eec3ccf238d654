"""A utility of the user's own: any strictly increasing function of the rates."""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

Utility = Callable[[Tensor], Tensor]
"""Rates [..., K] in bit/s/Hz to one number per network, [...], larger is better; made of torch's functions."""

_LARGEST_RATE = 12.0  # bit/s/Hz, of the rates that a utility is tried on
_TRIED = 16


class OwnUtility:
    """A utility as `gfm_ra` takes a goal: `utility(rates)` of NumPy arrays."""

    def __init__(self, function: Utility, name: str | None = None) -> None:
        self.function = function
        self.name = name or getattr(function, "__name__", type(function).__name__)

    def utility(self, rates: np.ndarray) -> np.ndarray:
        """Utility of rates [..., K], [...] float64."""
        with torch.no_grad():
            return self.function(torch.from_numpy(np.ascontiguousarray(rates, np.float64))).numpy()


def check_increasing(function: Utility, links: int) -> None:
    """Try a utility on random rates of K links.

    Raises:
        ValueError: it does not give one finite number per network, has no slopes, or falls somewhere.
    """
    generator = torch.Generator().manual_seed(0)
    rates = _LARGEST_RATE * torch.rand(_TRIED, links, generator=generator, dtype=torch.float64)
    rates.requires_grad_()
    found = function(rates)
    if not isinstance(found, Tensor) or found.shape != (_TRIED,):
        raise ValueError(
            f"utility: must give one number per network, [{_TRIED}] for rates [{_TRIED}, {links}], as a tensor"
        )
    if not found.isfinite().all() or not found.requires_grad:
        raise ValueError("utility: must be finite and made of torch's functions, so that it has slopes")
    found.sum().backward()
    slope = rates.grad
    if slope is None or not slope.isfinite().all() or not (slope > 0).all():
        raise ValueError(
            "utility: must grow with every link's rate, but its slope is not positive everywhere"
        )
