"""Which networks a model for any world is trained on.

Shapes: B networks, K links; gains in dB over noise at full power, row = receiver, column = transmitter.
"""

from typing import Literal, get_args

import torch
from pydantic import Field
from torch import Tensor

from components.channel.scenario import PRETRAINING, SCENARIOS, Scenario
from components.channel.torch_simulator import draw_gain_db
from components.channel.worlds import layouts
from components.channel.worlds.layouts import Layout
from components.channel.worlds.propagation import Propagation
from components.channel.worlds.ranges import Range, uniform
from components.config import Strict
from gfm_ra.units import LARGEST_GAIN_DB, LEAST_GAIN_DB, linear_to_db

Family = Literal["home", "pairs", "clusters", "downlink", "uplink", "independent"]
FAMILIES: tuple[Family, ...] = get_args(Family)
_M2_PER_KM2 = 1e6
_HOME_LINKS = (20, 35, 50, 65, 80)


class IndependentGains(Strict):
    """Networks without geography: every gain is drawn by itself."""

    advantage_db: Range = Range(low=0.0, high=30.0)  # of the mean own gain over the mean crossing one
    spread_db: Range = Range(low=0.0, high=8.0)  # standard deviation of the mean gains between the links
    fading_share: float = Field(default=0.7, ge=0, le=1)  # of the networks have Rayleigh fading

    def gain_db(self, batch: int, links: int, generator: torch.Generator) -> Tensor:
        """Gains of B networks, [B, K, K]."""
        one, full = (batch, 1, 1), (batch, links, links)
        gain_db = self.spread_db.draw(one, generator) * torch.randn(
            full, generator=generator, device=generator.device
        )
        power = (-torch.log1p(-uniform(full, generator))).clamp_min(2.0**-30)
        fades = uniform(one, generator) < self.fading_share
        gain_db = gain_db + torch.where(fades, linear_to_db(power), 0.0)
        own = torch.eye(links, device=generator.device)
        return gain_db + self.advantage_db.draw(one, generator) * own


class WorldDistribution(Strict):
    """Families of networks and the ranges of their parameters, which each network draws anew.

    A batch has one family and one K. `home` are the paper's pre-training scenarios D1 to D15, and networks of other
    sizes at their densities; everything else is randomised and shifted to a median own gain over noise.
    """

    # Of the batches, in the order of FAMILIES.
    shares: tuple[float, float, float, float, float, float] = (0.4, 0.2, 0.1, 0.1, 0.1, 0.1)
    links: tuple[int, int] = (2, 100)
    median_own_db: Range = Range(low=0.0, high=60.0)
    links_per_km2: Range = Range(low=10.0, high=2000.0, logarithmic=True)
    nearest_m: Range = Range(low=1.0, high=30.0, logarithmic=True)  # shortest distance of a link
    span: Range = Range(low=1.0, high=30.0, logarithmic=True)  # longest over shortest distance
    cluster_links: Range = Range(low=2.0, high=12.0)  # mean number of links round a centre
    cluster_m: Range = Range(low=5.0, high=150.0, logarithmic=True)  # standard deviation round it
    users_per_site: Range = Range(low=1.0, high=8.0)
    propagation: Propagation = Propagation()
    independent: IndependentGains = IndependentGains()

    def draw_links(self, family: Family, generator: torch.Generator) -> int:
        """A number of links for a batch: every octave as often as any other; at home mostly the paper's numbers."""
        low, high = self.links
        if family == "home" and float(uniform((), generator)) < 0.7:
            return min(high, _HOME_LINKS[int(uniform((), generator) * len(_HOME_LINKS))])
        return int(Range(low=float(low), high=float(high + 1), logarithmic=True).draw((), generator))

    def draw_family(self, generator: torch.Generator) -> Family:
        """A family by its share."""
        where = uniform((), generator) * sum(self.shares)
        passed = torch.tensor(self.shares).cumsum(0) <= where.cpu()
        return FAMILIES[min(int(passed.sum()), len(FAMILIES) - 1)]

    def draw_of(self, family: Family, batch: int, links: int, generator: torch.Generator) -> Tensor:
        """B networks of K links of one family, gain_db [B, K, K] float32 on the generator's device."""
        if family == "home":
            return self._home(batch, links, generator)
        if family == "independent":
            gain_db = self.independent.gain_db(batch, links, generator)
        else:
            gain_db = self.propagation.gain_db(self._layout(family, batch, links, generator), generator)
        median = gain_db.diagonal(dim1=-2, dim2=-1).median(-1).values.reshape(-1, 1, 1)
        gain_db = gain_db - median + self.median_own_db.draw((batch, 1, 1), generator)
        return gain_db.clamp(LEAST_GAIN_DB, LARGEST_GAIN_DB)

    def _home(self, batch: int, links: int, generator: torch.Generator) -> Tensor:
        chosen = SCENARIOS[PRETRAINING[int(uniform((), generator) * len(PRETRAINING))]]
        # The paper's numbers of links share one square; others get the density of the scenario that was chosen.
        area_m = chosen.area_m * (links / chosen.links) ** 0.5 if links not in _HOME_LINKS else 1000.0
        # Where the square hardly holds a link, the distances shrink with it.
        far = min(chosen.max_distance_m, 0.7 * area_m)
        near = min(chosen.min_distance_m, 0.5 * far)
        return draw_gain_db(Scenario("home", links, near, far, area_m=area_m), batch, generator)

    def _layout(self, family: Family, batch: int, links: int, generator: torch.Generator) -> Layout:
        one = (batch, 1)
        side = (links * _M2_PER_KM2 / self.links_per_km2.draw(one, generator)).sqrt()
        nearest = self.nearest_m.draw(one, generator)
        if family in ("downlink", "uplink"):
            sites = (links / self.users_per_site.draw(one, generator)).ceil().clamp(1, links)
            layout = layouts.downlink(side, links, sites, nearest, generator)
            return layout if family == "downlink" else layout.reversed()
        span = self.span.draw(one, generator)
        distance = nearest * (span.log() * uniform((batch, links), generator)).exp()
        if family == "clusters":
            centres = (links / self.cluster_links.draw(one, generator)).ceil().clamp(1, links)
            spread = self.cluster_m.draw(one, generator)
            return layouts.clusters(side, distance, centres, spread, generator)
        return layouts.pairs(side, distance, generator)
