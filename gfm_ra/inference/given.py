"""The network that a caller gives, in either of two ways."""

from typing import Any

from gfm_ra.gains.sparse_network import SparseNetwork
from gfm_ra.network import Network, Orientation


def one_network(
    network: Network | SparseNetwork | None,
    gain: Any,  # noqa: ANN401
    gain_db: Any,  # noqa: ANN401
    orientation: Orientation,
) -> Network | SparseNetwork:
    """The network that was given, or that of the gains that were given instead."""
    if network is None:
        return Network(gain, gain_db=gain_db, orientation=orientation)
    if not isinstance(network, Network | SparseNetwork):
        raise ValueError("allocate: give gains by name, gain= (linear) or gain_db=, or a gfm_ra.Network")
    if gain is not None or gain_db is not None:
        raise ValueError("allocate: give a network or gains, not both")
    if orientation != "rows-are-receivers":
        raise ValueError("allocate: say the orientation where the Network is made")
    return network
