"""What a careful NumPy user would write: the reference for the compiled simulator and solvers.

Vectorised over the batch or the starts, float32, no Python loop over links. Written for this comparison alone.
"""

import numpy as np

from components.channel.scenario import Scenario


def wmmse(gain: np.ndarray, iterations: int) -> np.ndarray:
    """Sum-rate WMMSE from full power for a batch: gain [B, K, K] to power [B, K]."""
    crossing, direct = _split(gain)
    back = np.ascontiguousarray(np.swapaxes(crossing, -1, -2))
    amplitude = np.ones_like(direct)
    for _ in range(iterations):
        interference = np.matmul(crossing, (amplitude**2)[..., None])[..., 0] + 1
        signal = direct * amplitude**2
        push = signal / (interference * (signal + interference))
        divisor = np.matmul(back, push[..., None])[..., 0] + direct * push
        amplitude = np.minimum(1, direct * amplitude / (interference * np.maximum(divisor, 1e-30)))
        amplitude[amplitude < 1e-15] = 0  # denormal numbers are slow
    return amplitude**2


def wmmse_best(gain: np.ndarray, starts: int, iterations: int, generator: np.random.Generator) -> np.ndarray:
    """Best of many starts for one snapshot: gain [K, K] to power [K]; every product is a matrix product."""
    crossing, direct = _split(gain)
    power = generator.random((starts, len(gain)), dtype=np.float32)
    power[0] = 1
    amplitude = np.sqrt(power)  # [S, K]
    for _ in range(iterations):
        interference = (amplitude**2) @ crossing.T + 1
        signal = direct * amplitude**2
        push = signal / (interference * (signal + interference))
        divisor = push @ crossing + direct * push
        amplitude = np.minimum(1, direct * amplitude / (interference * np.maximum(divisor, 1e-30)))
        amplitude[amplitude < 1e-15] = 0
    sinr = direct * amplitude**2 / ((amplitude**2) @ crossing.T + 1)
    return amplitude[np.log2(1 + sinr).sum(-1).argmax()] ** 2


def simulate(scenario: Scenario, count: int, generator: np.random.Generator) -> np.ndarray:
    """Gains [count, K, K] of the default model; all receivers not yet admissible are redrawn together."""
    links, side = scenario.links, scenario.area_m
    transmitters = generator.random((count, links, 2)) * side
    receivers = np.empty_like(transmitters)
    waiting = np.ones((count, links), dtype=bool)
    for _ in range(200):
        which, k = np.nonzero(waiting)
        if not len(which):
            break
        radius = generator.uniform(scenario.min_distance_m, scenario.max_distance_m, len(which))
        angle = generator.uniform(0, 2 * np.pi, len(which))
        offset = radius[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=-1)
        drawn = transmitters[which, k] + offset
        squared = ((drawn[:, None] - transmitters[which]) ** 2).sum(-1)
        good = (squared.argmin(-1) == k) & ((drawn >= 0) & (drawn <= side)).all(-1)
        receivers[which[good], k[good]] = drawn[good]
        waiting[which[good], k[good]] = False
    distance = np.sqrt(((receivers[:, :, None] - transmitters[:, None]) ** 2).sum(-1)).clip(1)
    loss_db = 39 + 20 * np.log10(distance) + 20 * np.log10(np.maximum(distance / 100, 1))
    shadowing_db = scenario.shadowing_db * generator.standard_normal(loss_db.shape, dtype=np.float32)
    fading = generator.standard_exponential(loss_db.shape, dtype=np.float32)
    return (10 ** ((scenario.transmit_snr_db - loss_db + shadowing_db) / 10) * fading).astype(np.float32)


def _split(gain: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Gains without the diagonal, and the diagonal."""
    direct = np.diagonal(gain, axis1=-2, axis2=-1).copy()
    return gain * (1 - np.eye(gain.shape[-1], dtype=gain.dtype)), direct
