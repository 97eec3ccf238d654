"""The simulator as tensors: snapshots drawn where they are trained on, so that no data have to travel.

The same laws as `components.channel.simulator` (placement, path loss, shadowing, fading), from torch's random streams:
moments agree, snapshots do not. Shapes: B snapshots, K links; row = receiver, column = transmitter.
"""

import math

import torch
from torch import Tensor

from components.channel.path_loss import CLAMP_M, path_loss
from components.channel.scenario import Scenario
from gfm_ra.units import linear_to_db

# Those of `placement` and `simulator` in this room (a test compares), which need a compiler to be imported.
RECEIVER_REDRAWS, LAYOUT_REDRAWS, FADING_FLOOR = 200, 2_000, 2.0**-30


def draw_gain_db(scenario: Scenario, count: int, generator: torch.Generator) -> Tensor:
    """Gains in dB over noise, [count, K, K] float32, on the generator's device.

    Raises:
        ValueError: the scenario's layouts cannot be completed.
    """
    transmitters, receivers = draw_layouts(scenario, count, generator)
    shape, place = (count, scenario.links, scenario.links), generator.device
    distance = torch.cdist(receivers, transmitters, compute_mode="donot_use_mm_for_euclid_dist")
    slopes = path_loss(scenario.path_loss)
    near = distance.clamp_min(CLAMP_M)
    beyond = (near / slopes.breakpoint_m).clamp_min(1.0)
    gain_db = scenario.transmit_snr_db - slopes.loss_at_1m_db - 20.0 * (near.log10() + beyond.log10())
    if scenario.shadowing_db > 0.0:
        gain_db = gain_db + scenario.shadowing_db * torch.randn(shape, generator=generator, device=place)
    if scenario.fading == "rayleigh":
        fading = torch.empty(shape, device=place).exponential_(generator=generator)
        gain_db = gain_db + linear_to_db(fading.clamp_min(FADING_FLOOR))
    return gain_db


def draw_layouts(scenario: Scenario, count: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Positions in metres of transmitters and receivers, each [count, K, 2], by the rules of `placement`.

    Raises:
        ValueError: a layout is not complete after LAYOUT_REDRAWS candidates for each of its links.
    """
    side, place = scenario.area_m, generator.device

    def uniform(*shape: int) -> Tensor:
        return torch.rand(shape, generator=generator, device=place)

    transmitters = side * uniform(count, scenario.links, 2)
    receivers = torch.zeros_like(transmitters)
    waiting = torch.ones(count, scenario.links, dtype=torch.bool, device=place)
    span = scenario.max_distance_m - scenario.min_distance_m
    redraw = 0
    while True:
        graph, link = waiting.nonzero(as_tuple=True)  # those without an admissible receiver, [n]
        if len(graph) == 0:
            return transmitters, receivers
        if redraw > 0 and redraw % RECEIVER_REDRAWS == 0:
            if redraw == LAYOUT_REDRAWS:
                raise ValueError(
                    f"scenario {scenario.name!r}: no admissible layout of {scenario.links} links found in "
                    f"{LAYOUT_REDRAWS} receiver draws per link; use fewer links, a larger area_m or a smaller "
                    "min_distance_m"
                )
            # Where no receiver fits, the transmitter moves too, and receivers that it now stands nearest to go again.
            transmitters[graph, link] = side * uniform(len(graph), 2)
            to_all = torch.cdist(receivers, transmitters, compute_mode="donot_use_mm_for_euclid_dist")
            own = to_all.diagonal(dim1=1, dim2=2)
            to_others = to_all + torch.diag_embed(torch.full_like(own, math.inf))
            waiting = waiting | (to_others <= own.unsqueeze(-1)).any(-1)
            graph, link = waiting.nonzero(as_tuple=True)
        # The fewer wait, the more candidates [n, c] each gets at once, of which the first admissible one counts:
        # the same law in a few passes, none larger than the first.
        candidates = min(waiting.numel() // len(graph), RECEIVER_REDRAWS - redraw % RECEIVER_REDRAWS)
        distance = scenario.min_distance_m + span * uniform(len(graph), candidates)
        angle = 2.0 * math.pi * uniform(len(graph), candidates)
        towards = torch.stack([angle.cos(), angle.sin()], -1)
        spot = transmitters[graph, link].unsqueeze(1) + distance.unsqueeze(-1) * towards  # [n, c, 2]
        others = transmitters[graph].unsqueeze(1)  # [n, 1, K, 2]
        # [n, c, K], one coordinate after the other: together they would need twice the room.
        to_all = (spot[..., 0:1] - others[..., 0]).square() + (spot[..., 1:2] - others[..., 1]).square()
        index = link.reshape(-1, 1, 1).expand(-1, candidates, 1)
        own = to_all.gather(2, index)
        to_all.scatter_(2, index, math.inf)
        good = ((spot >= 0.0) & (spot <= side)).all(-1) & (to_all > own).all(-1)  # [n, c]
        first = good.to(torch.uint8).argmax(1).reshape(-1, 1, 1).expand(-1, 1, 2)
        receivers[graph, link] = spot.gather(1, first).squeeze(1)
        waiting[graph, link] = ~good.any(1)
        redraw += candidates
