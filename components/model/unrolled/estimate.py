"""Hidden gains between links, estimated from the visible ones before the first step.

Every link has a state, and a gain is read as a bilinear form of the states of its two links. In every round, links take
numbers of each other in along the visible gains in dB, and along what the present states get wrong of them: the matrix
is completed as by gradient steps on the error of its visible entries, with learnt steps. Without geography nothing is
assumed of it: the estimate is learnt on all families of networks.

Every estimate has a standard deviation, learnt from its errors. Of a hidden gain an upper limit may be known (receivers
report their strongest transmitters only): an estimate above it counts as an error of the same kind, as in Tobin's
regression with censored observations (Econometrica 1958), and what is reckoned with is the mean below the limit. A
visible gain may be uncertain: the estimate and it are averaged with the inverses of their variances. The more uncertain
it is, the less it counts where others are estimated from it.

Shapes: B networks, K links, S width of a link's state here. Row = receiver, column = transmitter.
"""

import math
from typing import NamedTuple

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn.functional import softplus

from components.config import Strict
from components.model.rates import exactly

SPREAD_DB = 15.0
"""Unit of standardised gains."""
_LIMIT = 4.0  # standardised gains beyond are cut
_WITHOUT_ANY_DB = 0.0  # mean of the visible gains where none is visible
_SEEN = 3.0  # so many gains of mean size are added to a link's own when averaged
_LOG_DEVIATIONS = (math.log(0.5 / SPREAD_DB), math.log(30.0 / SPREAD_DB))
_FEATURES = 6
_TINY = 1e-6
DEVIATION_DB = 8.0
"""Of an estimate from its gain, where nothing has been learnt of it."""


class EstimatorConfig(Strict):
    """Size of the estimate of hidden gains."""

    width: int = Field(default=48, ge=1)
    hidden: int = Field(default=96, ge=1)
    rounds: int = Field(default=7, ge=1)
    values: int = Field(default=12, ge=1)  # numbers that a link sends in a round
    rank: int = Field(default=16, ge=1)  # of the bilinear form that reads a gain from two states


class View(NamedTuple):
    """What of a network's crossing gains is visible."""

    hidden: Tensor  # [B, K, K] bool
    visible: (
        Tensor  # [B, K, K]: how much a gain counts, 1 where it is exact, 0 where hidden and on the diagonal
    )
    mean_db: Tensor  # [B, 1, 1]: of the visible gains between links
    standard: Tensor  # [B, K, K]: standardised visible gains, 0 where hidden
    own: Tensor  # [B, K]: standardised own gains, 0 where hidden
    limit: Tensor | None = (
        None  # [B, K, K]: standardised upper limits of hidden gains, inf where there is none
    )
    uncertainty: Tensor | None = None  # [B, K, K]: standardised deviations of visible gains

    def filled(self, gain_db: Tensor, estimate: "Estimate") -> Tensor:
        """Gains [B, K, K] to reckon with: estimates in place of hidden ones, and averaged with uncertain ones."""
        guess_db = self.mean_db + SPREAD_DB * estimate.reckoned.clamp(-_LIMIT, _LIMIT)
        if self.uncertainty is not None:
            own, other = self.uncertainty.square(), estimate.deviation.detach().square()
            share = own / (own + other)
            crossing = ~torch.eye(gain_db.shape[-1], dtype=torch.bool, device=gain_db.device)
            gain_db = gain_db + torch.where(crossing & ~self.hidden, share * (guess_db - gain_db), 0.0)
        return torch.where(self.hidden, guess_db, gain_db)

    def below_limit(self, estimate: Tensor, deviation: Tensor) -> Tensor:
        """Standardised estimates [B, K, K] that stay below the limits: close to the mean of a normal distribution of
        this deviation that is cut off there."""
        if self.limit is None:
            return estimate
        limited = torch.isfinite(self.limit)
        limit = torch.where(limited, self.limit, 0.0)
        return torch.where(limited, limit - deviation * softplus((limit - estimate) / deviation), estimate)

    def target(self, gain_db: Tensor) -> Tensor:
        """What an estimate should be, [B, K, K]."""
        return ((gain_db - self.mean_db) / SPREAD_DB).clamp(-_LIMIT, _LIMIT)


class Estimate(NamedTuple):
    """Standardised gains of every pair, [B, K, K]."""

    mean: Tensor  # below its limit, where there is one
    reckoned: Tensor  # as the powers should take it
    guess: Tensor  # mean of the normal distribution that the limit cuts off
    deviation: Tensor  # its standard deviation

    def surprise(self, target: Tensor, limit: Tensor | None) -> Tensor:
        """Negative logarithm of the density of targets [B, K, K], as a function of the deviations alone."""
        guess, log_deviation = self.guess.detach(), self.deviation.log()
        found = 0.5 * ((target - guess) / self.deviation).square() + log_deviation
        if limit is None:
            return found
        limited = torch.isfinite(limit)
        reach = (torch.where(limited, limit, 0.0) - guess) / self.deviation
        return found + torch.where(limited, torch.special.log_ndtr(reach.clamp_min(-8.0)), 0.0)


def view(
    gain_db: Tensor,
    hidden: Tensor,
    link_mask: Tensor | None,
    at_most_db: Tensor | None = None,
    uncertainty_db: Tensor | None = None,
) -> View:
    """What of gain_db [B, K, K] is visible; hidden [B, K, K] bool, link_mask [B, K] bool, at_most_db [B, K, K] upper
    limits of hidden gains, inf where there is none, uncertainty_db [B, K, K] deviations of visible ones."""
    crossing = ~torch.eye(gain_db.shape[-1], dtype=torch.bool, device=gain_db.device)
    seen = ~hidden & crossing
    if link_mask is not None:
        seen = seen & link_mask.unsqueeze(-1) & link_mask.unsqueeze(-2)
    visible = seen.to(gain_db.dtype)
    if uncertainty_db is not None:
        visible = visible / (1.0 + (uncertainty_db / DEVIATION_DB).square())
    count = visible.sum((-2, -1), keepdim=True)
    total_db = (visible * torch.where(seen, gain_db, 0.0)).sum((-2, -1), keepdim=True)
    mean_db = torch.where(count > 0, total_db / count.clamp_min(_TINY), _WITHOUT_ANY_DB)
    standard = ((gain_db - mean_db) / SPREAD_DB).clamp(-_LIMIT, _LIMIT)
    own_hidden = hidden.diagonal(dim1=-2, dim2=-1)
    own = torch.where(own_hidden, 0.0, standard.diagonal(dim1=-2, dim2=-1))
    limit = None
    if at_most_db is not None:
        limit = ((at_most_db - mean_db) / SPREAD_DB).clamp_min(-_LIMIT)
        limit = torch.where(hidden & crossing & (limit < _LIMIT), limit, torch.inf)
    uncertainty = None if uncertainty_db is None else uncertainty_db / SPREAD_DB
    return View(hidden, visible, mean_db, torch.where(seen, standard, 0.0), own, limit, uncertainty)


class _Guess(nn.Module):
    """A gain of every pair, read from the states of its links and from the other direction."""

    def __init__(self, config: EstimatorConfig) -> None:
        super().__init__()
        self.rank = config.rank
        self.receiver = nn.Linear(config.width, config.rank + 1)
        self.transmitter = nn.Linear(config.width, config.rank + 1)
        self.reverse = nn.Parameter(torch.full((), 0.3))

    def forward(self, state: Tensor, standard: Tensor) -> Tensor:
        """Standardised gains [B, K, K]."""
        receiver, transmitter = self.receiver(state).float(), self.transmitter(state).float()
        with exactly(state.device):
            product = torch.matmul(receiver[..., 1:], transmitter[..., 1:].mT) / self.rank**0.5
        return product + receiver[..., :1] + transmitter[..., :1].mT + self.reverse * standard.mT


class _Round(nn.Module):
    """What links send along the visible gains and along their errors, and what they make of it."""

    KINDS, SUMS = 8, 2

    def __init__(self, config: EstimatorConfig) -> None:
        super().__init__()
        self.value = nn.Linear(config.width, config.values)
        self.guess = _Guess(config)
        self.into = nn.Linear(config.width + self.KINDS * config.values + self.SUMS, config.hidden)
        self.out = nn.Linear(config.hidden, config.width)
        with torch.no_grad():
            self.out.weight *= 0.3

    def forward(self, state: Tensor, passages: "_Passages") -> Tensor:
        value = torch.tanh(self.value(state)).float()
        # Limited, or a wild guess would make the next one wilder.
        guess = self.guess(state, passages.weighted)
        error = passages.visible * (passages.signed - guess).clamp(-_LIMIT, _LIMIT)
        if passages.limit is not None:
            error = error + (passages.limit - guess).clamp(-_LIMIT, 0.0)
        with exactly(state.device):
            received = passages.carry(value, error)
        learnt = torch.relu(self.into(torch.cat([state, *received], dim=-1)))
        return state + self.out(learnt).float()


class _Passages(NamedTuple):
    """Matrices [B, K, K] along which numbers travel, row by row and column by column, and what they are divided by."""

    signed: Tensor  # standardised gains
    weighted: Tensor  # the same by how much they count
    near: Tensor  # their exponentials: mostly the strongest
    visible: Tensor
    heard: tuple[Tensor, Tensor]  # [B, K, 1]: visible gains of a row and of a column, and one
    nearest: tuple[Tensor, Tensor]  # [B, K, 1]: sums of `near` over a row and over a column
    limit: Tensor | None  # upper limits of hidden gains, standardised, inf where there is none

    def carry(self, value: Tensor, error: Tensor) -> tuple[Tensor, ...]:
        """Means of values [B, K, V] that reach a link, its own values, and its mean errors."""
        rows, columns = self.heard
        return (
            torch.matmul(self.weighted, value) / rows,
            torch.matmul(self.weighted.mT, value) / columns,
            torch.matmul(self.near, value) / self.nearest[0],
            torch.matmul(self.near.mT, value) / self.nearest[1],
            torch.matmul(self.visible, value) / rows,
            torch.matmul(error, value) / rows,
            torch.matmul(error.mT, value) / columns,
            value,
            error.sum(-1, keepdim=True) / rows,
            error.sum(-2).unsqueeze(-1) / columns,
        )


class HiddenGains(nn.Module):
    """Estimates of every crossing gain: as it is on the mean in dB, and as the powers should take it."""

    def __init__(self, config: EstimatorConfig) -> None:
        super().__init__()
        self.start = nn.Linear(_FEATURES, config.width)
        self.rounds = nn.ModuleList(_Round(config) for _ in range(config.rounds))
        self.guess = _Guess(config)
        self.excess = nn.Linear(config.width, 2)
        self.spread = nn.Linear(config.width, 2)
        with torch.no_grad():
            self.spread.weight.zero_()
            self.spread.bias.fill_(math.log(DEVIATION_DB / SPREAD_DB) / 2)

    def forward(self, seen: View) -> "Estimate":
        """Estimates of every gain."""
        passages, start = _passages(seen)
        state = self.start(start).float()
        for one in self.rounds:
            state = one(state, passages)
        guess = self.guess(state, passages.weighted)
        # What is learnt of the deviations moves nothing else.
        spread = self.spread(state.detach()).float()
        deviation = (spread[..., :1] + spread[..., 1:].mT).clamp(*_LOG_DEVIATIONS).exp()
        mean = seen.below_limit(guess, deviation.detach())
        # Interference that may be strong costs more than its mean says: how much more, the utility teaches. Estimates
        # that it could move would become worse ones.
        excess = self.excess(state.detach()).float()
        reckoned = mean.detach() + excess[..., :1] + excess[..., 1:].mT
        return Estimate(mean, reckoned, guess, deviation)


def _passages(seen: View) -> tuple[_Passages, Tensor]:
    """How numbers travel, and what a link knows at the start, [B, K, 6]."""
    count, sums = [], []
    weighted = seen.visible * seen.standard
    for dim in (-1, -2):
        count.append(seen.visible.sum(dim))
        sums.append(weighted.sum(dim) / (count[-1] + _SEEN))
    near = seen.standard.exp() * seen.visible
    reach = (near.sum(-1), near.sum(-2))
    start = torch.stack(
        [seen.own, *sums, *(torch.log1p(r) / 3.0 for r in reach), torch.log1p(count[0]) / 4.0], -1
    )
    passages = _Passages(
        seen.standard,
        weighted,
        near,
        seen.visible,
        ((count[0] + 1.0).unsqueeze(-1), (count[1] + 1.0).unsqueeze(-1)),
        ((reach[0] + 0.1).unsqueeze(-1), (reach[1] + 0.1).unsqueeze(-1)),
        seen.limit,
    )
    return passages, start
