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
        ValueError: a layout is not complete after LAYOUT_REDRAWS candidates per link, whichever links they were for.
    """
    place, links = generator.device, scenario.links
    transmitters = scenario.area_m * torch.rand((count, links, 2), generator=generator, device=place)
    receivers = torch.zeros_like(transmitters)
    waiting = torch.ones(count, links, dtype=torch.bool, device=place)
    tried = torch.zeros(count, dtype=torch.int64, device=place)  # candidates of each layout so far
    redraw = 0
    while True:
        graph, link = waiting.nonzero(as_tuple=True)  # those without an admissible receiver, [n]
        if len(graph) == 0:
            return transmitters, receivers
        if redraw > 0 and redraw % RECEIVER_REDRAWS == 0:
            # Sooner no layout can have used up its draws: asking a GPU makes its queue wait.
            if redraw >= LAYOUT_REDRAWS and bool((tried[graph] >= LAYOUT_REDRAWS * links).any()):
                raise ValueError(
                    f"scenario {scenario.name!r}: no admissible layout of {links} links found in "
                    f"{LAYOUT_REDRAWS} receiver draws per link; use fewer links, a larger area_m or a smaller "
                    "min_distance_m"
                )
            _move_transmitters(scenario, generator, transmitters, receivers, waiting)
            graph, link = waiting.nonzero(as_tuple=True)
        # The fewer wait, the more candidates [n, c] each gets at once, of which the first admissible one counts:
        # the same law in a few passes, none larger than the first.
        candidates = min(waiting.numel() // len(graph), RECEIVER_REDRAWS - redraw % RECEIVER_REDRAWS)
        spot, good = _try_receivers(scenario, generator, transmitters, graph, link, candidates)
        first, found = good.to(torch.uint8).argmax(1), good.any(1)
        receivers[graph, link] = spot.gather(1, first.reshape(-1, 1, 1).expand(-1, 1, 2)).squeeze(1)
        waiting[graph, link] = ~found
        tried.index_add_(0, graph, torch.where(found, first + 1, candidates))
        redraw += candidates


def _move_transmitters(
    scenario: Scenario, generator: torch.Generator, transmitters: Tensor, receivers: Tensor, waiting: Tensor
) -> None:
    """Draw transmitters of waiting links [count, K] anew, and let links wait whose receivers they now stand nearest
    to."""
    graph, link = waiting.nonzero(as_tuple=True)
    moved = torch.rand((len(graph), 2), generator=generator, device=generator.device)
    transmitters[graph, link] = scenario.area_m * moved
    to_all = torch.cdist(receivers, transmitters, compute_mode="donot_use_mm_for_euclid_dist")
    own = to_all.diagonal(dim1=1, dim2=2)
    to_others = to_all + torch.diag_embed(torch.full_like(own, math.inf))
    waiting |= (to_others <= own.unsqueeze(-1)).any(-1)


def _try_receivers(
    scenario: Scenario,
    generator: torch.Generator,
    transmitters: Tensor,
    graph: Tensor,
    link: Tensor,
    candidates: int,
) -> tuple[Tensor, Tensor]:
    """Candidates [n, c, 2] for the receivers of links `link` of layouts `graph` [n]; which are admissible [n, c]."""
    shape, place = (len(graph), candidates), generator.device
    span = scenario.max_distance_m - scenario.min_distance_m
    distance = scenario.min_distance_m + span * torch.rand(shape, generator=generator, device=place)
    angle = 2.0 * math.pi * torch.rand(shape, generator=generator, device=place)
    towards = torch.stack([angle.cos(), angle.sin()], -1)
    spot = transmitters[graph, link].unsqueeze(1) + distance.unsqueeze(-1) * towards  # [n, c, 2]
    others = transmitters[graph].unsqueeze(1)  # [n, 1, K, 2]
    # [n, c, K], one coordinate after the other: together they would need twice the room.
    to_all = (spot[..., 0:1] - others[..., 0]).square() + (spot[..., 1:2] - others[..., 1]).square()
    index = link.reshape(-1, 1, 1).expand(-1, candidates, 1)
    own = to_all.gather(2, index)
    to_all.scatter_(2, index, math.inf)
    good = ((spot >= 0.0) & (spot <= scenario.area_m)).all(-1) & (to_all > own).all(-1)
    return spot, good
