"""The unrolled network: gains, a goal and noise to powers.

Shapes: B networks, K links, D draws, S width of a link's state. Row = receiver, column = transmitter.
"""

from typing import NamedTuple

import torch
from pydantic import Field
from torch import Tensor, nn

from components.config import Strict
from components.model.conditioning import Goals
from components.model.rates import exactly
from components.model.unrolled.consequences import FEATURES, NOTHING, Channel, Contract, effects, messages
from components.model.unrolled.estimate import Estimate, EstimatorConfig, HiddenGains, view
from components.model.unrolled.start import START_FEATURES, start_features
from gfm_ra.units import LARGEST_GAIN_DB, LEAST_GAIN_DB, db_to_linear

NOISE = 2
"""Random numbers per link and draw, standard normal."""


class UnrolledConfig(Strict):
    """Size of an unrolled network."""

    width: int = Field(default=48, ge=1)  # of a link's state
    hidden: int = Field(default=64, ge=1)  # of a step's layer
    steps: int = Field(default=12, ge=1)
    values: int = Field(default=0, ge=0)  # numbers of its state that a link sends beside its features
    shared: bool = False  # one set of weights for all steps
    first_noise: float = Field(default=0.3, ge=0)  # factor of the first draw's noise; others keep theirs
    estimator: EstimatorConfig = EstimatorConfig()


class Passes(NamedTuple):
    """Powers [B, K, D], those of every step before, and the estimates of gains."""

    power: Tensor
    tentative: tuple[Tensor, ...] = ()
    estimate: Estimate | None = None  # None where nothing is hidden or uncertain


class Step(nn.Module):
    """Tentative powers, what follows from them, and what a link makes of it."""

    def __init__(self, config: UnrolledConfig) -> None:
        super().__init__()
        sent = FEATURES + config.values
        self.power = nn.Linear(config.width, 1)
        self.value = nn.Linear(config.width, config.values) if config.values else None
        self.into = nn.Linear(config.width + FEATURES + 3 * sent, config.hidden)
        self.out = nn.Linear(config.hidden, config.width)
        with torch.no_grad():
            self.out.weight *= 0.3

    def forward(
        self, state: Tensor, channel: Channel, goals: Goals, mask: Tensor | None, contract: Contract
    ) -> tuple[Tensor, Tensor]:
        """The next state [B, K, D, S], and the powers [B, K, D] that this one means."""
        power = power_of(self.power, state, mask)
        sent = () if self.value is None else (torch.tanh(self.value(state)).float(),)
        with exactly(state.device):
            found = effects(power, channel, goals, mask, contract)
            values = torch.cat([found.features, *sent], dim=-1)
            if mask is not None:
                values = values * mask.reshape(*mask.shape, 1, 1)
            received = messages(values, found, channel)
        learnt = torch.relu(self.into(torch.cat([state, found.features, received], dim=-1)))
        return state + self.out(learnt).float(), power


class UnrolledNetwork(nn.Module):
    """Gains and a goal to powers, by a fixed number of learnt steps."""

    def __init__(self, config: UnrolledConfig) -> None:
        super().__init__()
        self.config = config
        self.start = nn.Sequential(
            nn.Linear(START_FEATURES + NOISE, config.hidden),
            nn.ReLU(),
            nn.Linear(config.hidden, config.width),
        )
        count = 1 if config.shared else config.steps
        self.steps = nn.ModuleList(Step(config) for _ in range(count))
        self.estimator = HiddenGains(config.estimator)
        self.power = nn.Linear(config.width, 1)

    def forward(
        self,
        gain_db: Tensor,
        goals: Goals,
        noise: Tensor,
        edge_mask: Tensor | None = None,
        link_mask: Tensor | None = None,
        contract: Contract = NOTHING,
        estimates_only: bool = False,
    ) -> Passes:
        """Powers under one goal per network.

        gain_db [B, K, K]; noise [B, K, D, 2] standard normal; edge_mask [B, K, K] bool, True = unknown, whose gains
        are never read; link_mask [B, K] bool, True = a real link. With estimates_only, powers are 0.
        """
        known_db = gain_db.clamp(LEAST_GAIN_DB, LARGEST_GAIN_DB)
        estimate = None
        if edge_mask is not None or contract.uncertainty_db is not None:
            hidden = torch.zeros_like(gain_db, dtype=torch.bool) if edge_mask is None else edge_mask
            seen = view(known_db, hidden, link_mask, contract.at_most_db, contract.uncertainty_db)
            estimate = self.estimator(seen)
            known_db = seen.filled(known_db, estimate)
        if estimates_only:
            return Passes(torch.zeros_like(noise[..., 0]), (), estimate)
        channel = _channel(known_db, link_mask)
        noise = self._scaled(noise)
        known = start_features(channel, goals, edge_mask, contract, noise)
        state = self.start(torch.cat([known, noise], dim=-1)).float()
        tentative: list[Tensor] = []
        for number in range(self.config.steps):
            step = self.steps[0 if self.config.shared else number]
            state, power = step(state, channel, goals, link_mask, contract)
            tentative.append(power)
        return Passes(power_of(self.power, state, link_mask), tuple(tentative), estimate)

    def _scaled(self, noise: Tensor) -> Tensor:
        """Noise [B, K, D, 2] as the draws read it: enough in the first one to tell like links apart, more in those that
        shall differ from it."""
        return torch.cat([self.config.first_noise * noise[:, :, :1], noise[:, :, 1:]], dim=2)


def power_of(layer: nn.Linear, state: Tensor, mask: Tensor | None) -> Tensor:
    """Powers [B, K, D] in [0, 1] that states [B, K, D, S] mean."""
    power = torch.sigmoid(layer(state).squeeze(-1).float())
    return power if mask is None else power * mask.unsqueeze(-1)


def _channel(gain_db: Tensor, mask: Tensor | None) -> Channel:
    gain = db_to_linear(gain_db)
    own = gain.diagonal(dim1=-2, dim2=-1)
    silent = torch.eye(gain.shape[-1], dtype=torch.bool, device=gain.device)
    if mask is not None:
        # Whatever padding holds, it must not reach a sum.
        silent = silent | ~mask.unsqueeze(-1) | ~mask.unsqueeze(-2)
        own = torch.where(mask, own, 1.0)
    crossing = torch.where(silent, 0.0, gain)
    heard = crossing / (1.0 + crossing)
    coupling = heard + heard.mT
    return Channel(own, crossing, coupling, 1.0 + coupling.sum(-1))
