"""Architectures at equal training time on randomised worlds: `python -m benchmarks.worlds.architectures`.

Every arm trains for the same processor time on the same mixture of networks, goals and hidden gains, with several
seeds, and answers validation networks that no test world shares. Processor time, so that other work on the machine
changes nothing.
"""

import argparse
import math
import statistics
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from components.channel.masking import random_pair_mask
from components.channel.scenario import SCENARIOS
from components.channel.simulator import simulate
from components.channel.torch_rng import seeded, torch_stream
from components.channel.worlds.distribution import FAMILIES, WorldDistribution
from components.data.online import OnlineWorlds
from components.data.shards import json_text
from components.intervals import mean_over_seeds
from components.model.backbone import Backbone, BackboneConfig
from components.model.conditioning import Goals, goals_of
from components.model.prompted import ConditioningConfig, PromptedModel
from components.model.unrolled.estimate import view
from components.model.unrolled.network import NOISE, Passes, UnrolledConfig, UnrolledNetwork
from components.training.worlds.goals import GoalMixture
from components.training.worlds.loss import utility_losses
from components.training.worlds.validation import score
from gfm_ra.goals import AlphaFair, Objective, ProportionalFair, QoS, SumRate
from gfm_ra.rates import spectral_efficiency
from gfm_ra.solvers import wmmse
from gfm_ra.units import LARGEST_GAIN_DB, LEAST_GAIN_DB, db_to_linear, to_gain, to_gain_db

GOALS: tuple[Objective, ...] = (SumRate(), ProportionalFair(), QoS(), AlphaFair(2.0))
HOME, SIZES, COUNT, HIDDEN = ("D16", "D18", "D20"), (10, 40), 48, 0.5
BATCH, CLIP, BEST_SHARE, TENTATIVE_WEIGHT, WARM_UP = 64, 1.0, 0.8, 0.5, 0.02
REFINEMENT, SEVERAL, MANY = 20, 4, 6
VALIDATION_SEED = 2**41  # no run's


class Transformer(nn.Module):
    """The paper's backbone under a goal prompt, with consequences of tentative powers before every layer."""

    def __init__(self) -> None:
        super().__init__()
        sizes = BackboneConfig(layers=3, width=192, heads=6, bias_width=16, node_features="landmarks")
        self.model = PromptedModel(sizes, ConditioningConfig())

    def forward(self, gain_db: Tensor, goals: Goals, noise: Tensor, hidden: Tensor | None) -> Passes:
        """One answer per network, whatever the noise."""
        found = self.model.backbone(gain_db, goals, _pairs(hidden))
        tentative = tuple(power.unsqueeze(-1) for power in found.tentative)
        return Passes(self.model.head(found.z).unsqueeze(-1), tentative)


class AttentionFirst(UnrolledNetwork):
    """An unrolled network whose states start with one layer of attention over the gains in dB."""

    def __init__(self, config: UnrolledConfig) -> None:
        super().__init__(config)
        sizes = BackboneConfig(layers=1, width=config.width, heads=4, bias_width=16)
        self.backbone, self.seen = Backbone(sizes), torch.zeros(0)
        self.start = _Starting(self.start, self)

    def forward(self, gain_db: Tensor, goals: Goals, noise: Tensor, *masks: Any, **more: Any) -> Passes:  # noqa: ANN401
        """As of every unrolled network."""
        z, bias = self.backbone.start(gain_db, _pairs(masks[0]) if masks else None, None)
        self.seen = self.backbone.layers[0](z, bias).unsqueeze(2)  # [B, K, 1, S]
        return super().forward(gain_db, goals, noise, *masks, **more)


def _pairs(hidden: Tensor | None) -> Tensor | None:
    """Attention hides pairs: what is hidden in one direction counts as hidden in both."""
    return None if hidden is None else hidden | hidden.mT


class _Starting(nn.Module):
    def __init__(self, start: nn.Module, owner: AttentionFirst) -> None:
        super().__init__()
        self.start = start
        self.owner = (owner,)  # no submodule: it would hold itself

    def forward(self, features: Tensor) -> Tensor:
        return self.start(features) + self.owner[0].seen


class Arm(NamedTuple):
    """A network, and the learning rate that suits it."""

    make: Callable[[], nn.Module]
    learning_rate: float
    several: bool = False  # whether the last part of the training draws several answers


ARMS = {
    "transformer with consequences, 3 layers of 192": Arm(Transformer, 1e-3),
    "unrolled, 12 steps": Arm(lambda: UnrolledNetwork(UnrolledConfig()), 2e-3),
    "unrolled, 12 steps, shared weights": Arm(lambda: UnrolledNetwork(UnrolledConfig(shared=True)), 2e-3),
    "unrolled, 12 steps, after one layer of attention": Arm(lambda: AttentionFirst(UnrolledConfig()), 2e-3),
    "unrolled, 12 steps, best of four draws": Arm(
        lambda: UnrolledNetwork(UnrolledConfig()), 2e-3, several=True
    ),
}
_SEVERAL_FROM = 0.6  # of the time


def train(arm: Arm, seed: int, seconds: float) -> tuple[nn.Module, int]:
    """A network trained for so much processor time, and its steps."""
    torch.set_num_threads(1)
    with seeded(seed, "architectures", "weights"):
        network = arm.make()
    worlds, mixture = OnlineWorlds(WorldDistribution(), BATCH, seed, torch.device("cpu")), GoalMixture()
    optimizer = torch.optim.Adam(network.parameters(), arm.learning_rate)
    steps, begin = 0, time.process_time()
    while (passed := (time.process_time() - begin) / seconds) < 1.0:
        gain_db = worlds.draw(BATCH, "architectures", 0, steps, 0)
        batch, links, _ = gain_db.shape
        drawing = torch_stream(seed, "architectures", "batch", steps)
        goals, hidden = mixture.draw(batch, links, drawing), mixture.draw_hidden(batch, links, drawing)
        draws = SEVERAL if arm.several and passed > _SEVERAL_FROM else 1
        noise = torch.randn(batch, links, draws, NOISE, generator=drawing)
        gain = db_to_linear(gain_db.clamp(LEAST_GAIN_DB, LARGEST_GAIN_DB))
        passes = network(gain_db, goals, noise, hidden)
        loss = utility_losses(passes, gain, goals, TENTATIVE_WEIGHT, BEST_SHARE).mean()
        loss = loss + _estimate_loss(network, passes, gain_db, hidden)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), CLIP)
        for group in optimizer.param_groups:
            group["lr"] = arm.learning_rate * min(passed / WARM_UP, 0.5 * (1.0 + math.cos(math.pi * passed)))
        optimizer.step()
        steps += 1
    return network.eval(), steps


def _estimate_loss(network: nn.Module, passes: Passes, gain_db: Tensor, hidden: Tensor | None) -> Tensor:
    """Half the squared error of an unrolled network's estimates; the transformer learns what serves the utility."""
    if hidden is None or passes.estimate is None or not isinstance(network, UnrolledNetwork):
        return torch.zeros(())
    error = (passes.estimate.mean - view(gain_db, hidden, None).target(gain_db)).clamp(-2.0, 2.0).square()
    return 0.5 * (error * hidden).sum() / hidden.sum().clamp_min(1)


class Reference(NamedTuple):
    """Networks of one kind, their gains, and the best of 100 WMMSE runs for every goal."""

    home: bool
    gain_db: np.ndarray  # [N, K, K] float32
    scores: tuple[np.ndarray, ...]  # per goal [N]


def references() -> list[Reference]:
    """Validation networks: home, and every family of the mixture in two sizes."""
    found = []
    for name in HOME:
        found.append(
            (True, to_gain_db(simulate(SCENARIOS[name], COUNT, VALIDATION_SEED % 2**31)).astype(np.float32))
        )
    for family in FAMILIES:
        for links in SIZES:
            generator = torch_stream(VALIDATION_SEED, "architectures", family, links)
            found.append((False, WorldDistribution().draw_of(family, COUNT, links, generator).numpy()))
    return [
        Reference(
            home,
            gain_db,
            tuple(_scores(wmmse(to_gain(gain_db), goal, starts=100), gain_db, goal) for goal in GOALS),
        )
        for home, gain_db in found
    ]


def _scores(power: np.ndarray, gain_db: np.ndarray, goal: Objective) -> np.ndarray:
    return score(spectral_efficiency(power, to_gain(gain_db)), goal)


@torch.no_grad()
def measure(network: nn.Module, known: Iterable[Reference]) -> dict[str, float]:
    """Means over networks' kinds of ratios to WMMSE-Best."""
    found: dict[str, list[float]] = {}
    for reference in known:
        gain, links = to_gain(reference.gain_db), reference.gain_db.shape[-1]
        for goal, best in zip(GOALS, reference.scores, strict=True):
            power = answers_of(network, reference.gain_db, goal, None, 1)[0]
            place = "home" if reference.home else "worlds"
            raw = float(_scores(power, reference.gain_db, goal).mean() / best.mean())
            ended = wmmse(gain, goal, iterations=REFINEMENT, initial_power=power)
            fast = float(_scores(ended, reference.gain_db, goal).mean() / best.mean())
            name = "sum rate" if isinstance(goal, SumRate) else "other goals"
            found.setdefault(f"{place}, {name}, pass", []).append(raw)
            found.setdefault(f"{place}, {name}, pass + 20", []).append(fast)
        draws = answers_of(network, reference.gain_db, GOALS[0], None, MANY)
        each = [
            _scores(
                wmmse(gain, GOALS[0], iterations=REFINEMENT, initial_power=power), reference.gain_db, GOALS[0]
            )
            for power in draws
        ]
        ratio = float(np.max(each, axis=0).mean() / reference.scores[0].mean())
        found.setdefault(f"{'home' if reference.home else 'worlds'}, sum rate, six draws + 20", []).append(
            ratio
        )
        if reference.home:
            generator = torch_stream(VALIDATION_SEED, "architectures", "hidden", links)
            hidden = random_pair_mask(len(gain), links, HIDDEN, generator)
            power = answers_of(network, reference.gain_db, GOALS[0], hidden, 1)[0]
            ratio = float(_scores(power, reference.gain_db, GOALS[0]).mean() / reference.scores[0].mean())
            found.setdefault("home, sum rate, half hidden", []).append(ratio)
    return {name: statistics.mean(values) for name, values in found.items()}


def answers_of(
    network: nn.Module, gain_db: np.ndarray, goal: Objective, hidden: Tensor | None, draws: int
) -> list[np.ndarray]:
    """Powers [N, K] of every draw, the same noise for every network."""
    count, links, _ = gain_db.shape
    noise = torch.randn(links, draws, NOISE, generator=torch_stream(0, "architectures", "noise"))
    given = (torch.from_numpy(gain_db), goals_of(goal, count, links), noise.expand(count, -1, -1, -1), hidden)
    return [power.numpy() for power in network(*given).power.unbind(-1)]


def milliseconds(network: nn.Module, links: int = 50, batch: int = 64, repeats: int = 5) -> float:
    """Least processor time of a pass per network, PyTorch, one thread."""
    gain_db = (
        WorldDistribution().draw_of("pairs", batch, links, torch_stream(1, "architectures", "time")).numpy()
    )
    times = []
    with torch.no_grad():
        for _ in range(repeats):
            begin = time.process_time()
            answers_of(network, gain_db, SumRate(), None, 1)
            times.append(time.process_time() - begin)
    return 1e3 * min(times) / batch


def run(name: str, seed: int, seconds: float) -> dict[str, float]:
    """Train and measure one arm with one seed."""
    network, steps = train(ARMS[name], seed, seconds)
    size = sum(parameter.numel() for parameter in network.parameters())
    return measure(network, references()) | {
        "steps": steps,
        "parameters": size,
        "ms per network": milliseconds(network),
    }


def main() -> None:
    """Every arm with every seed; the figures go to a JSON file if asked."""
    parser = argparse.ArgumentParser("python -m benchmarks.worlds.architectures", description=__doc__)
    parser.add_argument(
        "--minutes", type=float, default=6.0, help="processor time of every training (default: 6)"
    )
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--arms", nargs="+", choices=list(ARMS), default=list(ARMS))
    parser.add_argument("--out", type=Path, metavar="JSON")
    given = parser.parse_args()
    jobs = [(name, seed) for seed in range(1, given.seeds + 1) for name in given.arms]
    found: dict[tuple[str, int], dict[str, float]] = {}
    with ProcessPoolExecutor(given.processes) as pool:
        pending = {job: pool.submit(run, *job, 60.0 * given.minutes) for job in jobs}
        for job, future in pending.items():
            found[job] = future.result()
            print(*job, {key: round(value, 4) for key, value in found[job].items()}, flush=True)
    rows = []
    for name in given.arms:
        runs = [found[name, seed] for seed in range(1, given.seeds + 1)]
        means = {key: _over([one[key] for one in runs]) for key in runs[0]}
        rows.append({"arm": name, "seeds": given.seeds} | means)
    if given.out is not None:
        given.out.write_text(json_text({"minutes": given.minutes, "rows": rows}))


def _over(values: list[float]) -> list[float]:
    """Mean, and its 95 % interval over seeds if there are several."""
    return [round(value, 5) for value in (mean_over_seeds(values) if len(values) > 1 else values)]


if __name__ == "__main__":
    main()
