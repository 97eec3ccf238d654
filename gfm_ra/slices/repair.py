"""Powers that meet least rates and shares, from powers that nearly do.

Under powers of the other links, the least powers of links with a least rate solve a linear system (Foschini and
Miljanic, as in `gfm_ra/solvers/proofs/least_rates.py`), and are linear in the powers of the others: by how much these
must be scaled down so that nobody exceeds full power is known in closed form. Where rates above the least ones are
worth something, powers are raised to what the least rates need instead, by the fixed point of Yates, A framework for
uplink power control in cellular radio systems, IEEE Journal on Selected Areas in Communications 13(7), 1995.
"""

import numpy as np

from gfm_ra.slices.channel import Channel
from gfm_ra.slices.goal import below, share_missing
from gfm_ra.solvers.proofs.least_rates import needed_powers

_RAISES = 60
_HALVINGS = 20


class Requirements:
    """Least rates and shares of B networks, and powers that meet them."""

    def __init__(
        self,
        channel: Channel,
        targets: np.ndarray,
        asked: np.ndarray,
        members: np.ndarray,
        shares: np.ndarray,
        raises: bool,
    ) -> None:
        """Requirements on networks.

        targets : float64 [B, K], least rates that can be met together, 0 for none; asked : [U], links of which a least
        rate is asked at all; members, shares : bool [S, K] and [B, S], slices with a share, 0 where it was dropped;
        raises : whether rates above the least ones may be worth something.
        """
        self.channel, self.targets, self.members, self.shares = channel, targets, members, shares
        self._raises, self.fixed = raises, asked
        self.needed = needed_powers(channel.gain, targets)  # [B, K], without interference
        needed = self.needed[:, self.fixed]
        crossing = channel.crossing[:, self.fixed]  # [B, U, K]
        systems = np.eye(len(self.fixed)) - needed[..., None] * crossing[..., self.fixed]
        self._response = (
            np.linalg.inv(systems) * needed[:, None]
        )  # [B, U, U], of powers to noise and interference
        self._least = np.clip(self._response.sum(-1), 0.0, 1.0)  # [B, U], powers without other links
        self._crossing = crossing

    def __getitem__(self, rows: np.ndarray) -> "Requirements":
        """Those of some networks."""
        return Requirements(
            self.channel[rows], self.targets[rows], self.fixed, self.members, self.shares[rows], self._raises
        )

    @property
    def least_power(self) -> np.ndarray:
        """The least powers that meet the least rates, [B, K]."""
        return self._with_least(np.zeros_like(self.targets))

    def missed(self, rates: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """How many links miss their target, [B], and how many slices their share, [B], under rates [B, K]."""
        missing = share_missing(rates, self.members, self.shares)
        return below(rates, self.targets).sum(-1), (missing > 0).sum(-1)

    def without(self, missed: np.ndarray) -> "Requirements":
        """The same without the shares that are missed, bool [B, S]."""
        shares = np.where(missed, 0.0, self.shares)
        return Requirements(self.channel, self.targets, self.fixed, self.members, shares, self._raises)

    def met(self, power: np.ndarray) -> list[np.ndarray]:
        """Candidates [B, K] from powers [B, K] that meet the least rates, and the shares where scaling can."""
        found = [self._with_least(power)]
        if self._raises and self.fixed.size:
            found.append(self._raised(power, found[0]))
        if self.shares.size:
            found += [self._shared(each) for each in found]
        return found

    def _with_least(self, power: np.ndarray) -> np.ndarray:
        """Powers [B, K] with least ones for links that have a target; the others scaled down so far that it fits."""
        asked = self.targets > 0
        free = np.where(asked, 0.0, power)
        if not self.fixed.size:
            return free
        heard = (self._crossing @ free[..., None])[..., 0]  # [B, U]
        more = (self._response @ heard[..., None])[..., 0]
        with np.errstate(divide="ignore", invalid="ignore"):
            room = np.where(more > 0, (1.0 - self._least) / np.where(more > 0, more, 1.0), np.inf)
        scale = np.clip(room.min(-1, keepdims=True), 0.0, 1.0)
        found = scale * free
        found[:, self.fixed] += np.where(asked[:, self.fixed], np.minimum(self._least + scale * more, 1.0), 0)
        return found

    def _raised(self, power: np.ndarray, otherwise: np.ndarray) -> np.ndarray:
        """Powers [B, K] raised where a target needs it; `otherwise` where that leaves [0, 1] or does not end."""
        found = power
        for _ in range(_RAISES):
            wanted = self.needed * self.channel.disturbance(found)
            found = np.minimum(np.maximum(found, wanted), 1.0)
        met = ~below(self.channel.rates(found), self.targets).any(-1, keepdims=True)
        return np.where(met, found, otherwise)

    def _shared(self, power: np.ndarray) -> np.ndarray:
        """Powers [B, K] with all links outside the slices that lack scaled down as far as the shares need."""
        power = power.copy()
        for _ in range(len(self.members) + 1):
            missing = share_missing(self.channel.rates(power), self.members, self.shares)  # [B, S]
            rows = np.flatnonzero(missing.any(-1))
            if not rows.size:
                break
            short = missing[rows] > 0
            kept = np.asarray((short[..., None] & self.members).any(1))  # [R, K], links of slices that lack
            power[rows] = self[rows]._scaled(power[rows], kept)
        return power

    def _scaled(self, power: np.ndarray, kept: np.ndarray) -> np.ndarray:
        """The largest scaling of all links but `kept` under which their slices lack nothing; by halving."""
        low, high = np.zeros(len(power)), np.ones(len(power))
        found = self._with_least(np.where(kept, power, 0.0))
        before: np.ndarray = np.asarray((kept[:, None] & self.members).any(-1))  # [R, S]
        for _ in range(_HALVINGS):
            middle = 0.5 * (low + high)
            tried = self._with_least(np.where(kept, power, middle[:, None] * power))
            missing = share_missing(self.channel.rates(tried), self.members, self.shares)
            enough = np.asarray(~((missing > 0) & before).any(-1))
            low, high = np.where(enough, middle, low), np.where(enough, high, middle)
            found = np.where(enough[:, None], tried, found)
        return found
