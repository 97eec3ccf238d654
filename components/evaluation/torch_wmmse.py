"""WMMSE as tensors, for evaluation where the data are: the iteration of `gfm_ra.solvers` on any device.

Amplitudes are kept as logarithms, so that a link which has fallen silent can come back, however deep it fell; below
2^-40 nobody hears it, as in the compiled solver. Shapes: B snapshots, K links, S starts.
"""

import torch
from torch import Tensor

from components.model.rates import rate_of
from gfm_ra.goals import QOS_RAMP, RATE_FLOOR, Objective, ProportionalFair, QoS, SumRate
from gfm_ra.units import LARGEST_GAIN

_SILENT = -40.0  # log2 of the least amplitude that counts
_DEEPEST = -140.0
_SHRINK, _GROW, _LEAST_STEP = 0.5, 1.2, 0.01
_TINY = 1e-30
# Noise power in the iteration's own unit, as in the compiled solver: products of two powers stay in float32.
_NOISE = 2.0**-32


def wmmse(
    gain: Tensor,
    objective: Objective,
    starts: int = 1,
    iterations: int = 100,
    generator: torch.Generator | None = None,
    initial_power: Tensor | None = None,
) -> Tensor:
    """Best powers [B, K] of so many starts: full power, the others uniform random powers from `generator`.

    Args:
        gain: [B, K, K] float32 or float64, linear, in units of noise at full power, at most LARGEST_GAIN.
        objective: SumRate, ProportionalFair or QoS.
        starts: runs per snapshot.
        iterations: of each.
        generator: of the random starts, on gain's device.
        initial_power: [B, K], in place of full power; what is returned is never worse.

    Raises:
        ValueError: another objective; gains or powers out of range.
    """
    if not isinstance(objective, SumRate | ProportionalFair | QoS):
        raise ValueError(f"wmmse on tensors knows no {type(objective).__name__}: use gfm_ra.solvers")
    _check_range("gains", gain, LARGEST_GAIN)
    batch, links, _ = gain.shape
    kind = {"device": gain.device, "dtype": gain.dtype}
    power = torch.ones(batch, links, starts, **kind)
    if initial_power is not None:
        _check_range("powers", initial_power, 1.0)
        power[..., 0] = initial_power
    if starts > 1:
        power[..., 1:] = torch.rand(batch, links, starts - 1, generator=generator, **kind)
    gain = gain * _NOISE
    direct = gain.diagonal(dim1=1, dim2=2).unsqueeze(-1)  # [B, K, 1]
    cross = gain - torch.diag_embed(gain.diagonal(dim1=1, dim2=2))
    state = _State(power)
    best, utility = power, torch.full((batch, 1, starts), -torch.inf, **kind)
    damped = not isinstance(objective, SumRate)
    for iteration in range(iterations + 1):
        power = state.power()
        interference = _NOISE + cross @ power
        rates = rate_of(direct * power, interference)
        benefit, slope = benefit_and_slope(rates, objective)
        now = benefit.sum(1, keepdim=True)
        best = torch.where(now > utility, power, best)
        utility = torch.maximum(now, utility)
        if iteration < iterations:
            state.advance(cross, direct, interference, slope, damped)
    chosen = utility.argmax(-1, keepdim=True).expand(batch, links, 1)
    return best.gather(2, chosen).squeeze(2)


def _check_range(what: str, values: Tensor, largest: float) -> None:
    if not bool(((values >= 0) & (values <= largest)).all()):
        raise ValueError(f"wmmse on tensors: {what} must be finite, not negative and at most {largest:g}")


class _State:
    """Amplitudes [B, K, S] as logarithms, and what damping remembers."""

    def __init__(self, power: Tensor) -> None:
        self.log = (0.5 * power.clamp_min(2.0 ** (2 * _DEEPEST)).log2()).clamp_min(_DEEPEST)
        self.step, self.direction = torch.ones_like(power), torch.zeros_like(power)

    def amplitude(self, log: Tensor) -> Tensor:
        """What counts of an amplitude."""
        return torch.where(log > _SILENT, log.exp2(), 0.0)

    def power(self) -> Tensor:
        """Powers that others hear."""
        return self.amplitude(self.log).square()

    def advance(
        self, cross: Tensor, direct: Tensor, interference: Tensor, slope: Tensor, damped: bool
    ) -> None:
        """One iteration: v <- min(1, v pull / sum_j g_jk push_j)."""
        power = self.power()
        signal = direct * power
        push = slope * signal / (interference * (signal + interference))
        divisor = cross.mT @ push + direct * push
        pull = slope * direct / interference
        target = (self.log + (pull.clamp_min(_TINY) / divisor.clamp_min(_TINY)).log2()).clamp(_DEEPEST, 0.0)
        self.log = self._damped(target) if damped else target

    def _damped(self, target: Tensor) -> Tensor:
        """Towards the target by a step that halves when the direction turns."""
        here, there = self.amplitude(self.log), self.amplitude(target)
        direction = there - here
        turned = direction * self.direction < 0.0
        self.step = torch.where(
            turned, (self.step * _SHRINK).clamp_min(_LEAST_STEP), (self.step * _GROW).clamp_max(1.0)
        )
        self.direction = direction
        moved = here + self.step * direction
        audible = moved > 2.0**_SILENT
        return torch.where(audible, moved.clamp_min(2.0**_SILENT).log2(), target)


def benefit_and_slope(rates: Tensor, objective: Objective) -> tuple[Tensor, Tensor]:
    """beta(R) and the slope that the iteration uses, with the QoS ramp of the compiled solver."""
    slope = objective.slope(rates)
    if isinstance(objective, QoS):
        width = max(QOS_RAMP * objective.min_rate, RATE_FLOOR)
        slope = 1.0 + objective.penalty * ((objective.min_rate - rates) / width + 1.0).clamp(0.0, 1.0)
    return objective.benefit(rates), slope
