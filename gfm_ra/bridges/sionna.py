"""Channels of Sionna PHY, SYS and RT, versions 1 and 2; Sionna itself is not needed.

Sionna's tensors are [..., num_rx, num_rx_ant, num_tx, num_tx_ant, num_ofdm_symbols or num_time_steps,
num_subcarriers or num_frequencies]: `sionna.phy.channel.cir_to_ofdm_channel`, `GenerateOFDMChannel`, and,
without batch dimension, `sionna.rt.Paths.cfr` with `out_type="numpy"`. Amplitudes hold path loss, shadowing and fading;
powers are not in them.
"""

from typing import Any

from gfm_ra.bridges.association import Association
from gfm_ra.bridges.channels import (
    Antennas,
    Budget,
    Combining,
    Over,
    checked_response,
    network_of_response,
)
from gfm_ra.network import Network


def network_from_sionna(
    h: Any,  # noqa: ANN401 (whatever NumPy makes an array of)
    *,
    association: Association = "strongest",
    antennas: Antennas = "mean",
    time: Over = "mean",
    subcarriers: Over = "mean",
    transmit_power_w: Any = None,  # noqa: ANN401
    transmit_power_dbm: Any = None,  # noqa: ANN401
    noise_power_w: Any = None,  # noqa: ANN401
    noise_power_dbm: Any = None,  # noqa: ANN401
) -> Network:
    """The network of a channel frequency response; link k is that of the k-th receiver that is served.

    Args:
        h: [..., R, A, T, B, N, S] complex: receivers, their antennas, transmitters, their antennas, time steps (OFDM
            symbols), subcarriers; not normalised, or the path loss is lost.
        association: which transmitter serves which receiver, "strongest" or an array (`association.links_of`); Sionna's
            `rx_tx_association` [R, T] is one.
        antennas: "mean" over all pairs, as `sionna.sys.get_pathloss`, or "maximum-ratio", beams of every link's own
            channel.
        time: "mean" of the gains, or "each": networks [..., N, L, L].
        subcarriers: "mean" of the gains, or "each": networks [..., S, L, L], [..., N, S, L, L] if times are, too.
        transmit_power_w: full power of every transmitter over the whole band, one number, [T] or [..., T].
        transmit_power_dbm: the same in dBm, instead.
        noise_power_w: noise of every receiver over the whole band, one number, [R] or [..., R].
        noise_power_dbm: the same in dBm, instead.

    Raises:
        ValueError: another shape; no complex or not finite numbers; an association that is ambiguous; powers that are
            missing, given twice, or not positive.
    """
    return network_of_response(
        "sionna",
        checked_response("sionna", h),
        association,
        Combining(antennas, time, subcarriers),
        Budget(transmit_power_w, transmit_power_dbm, noise_power_w, noise_power_dbm),
    )
