"""Rivals at equal budget, 64 samples of a world: `python -m benchmarks.worlds.rivals`.

What learns beforehand does so for the same processor time on the same mixture of randomised worlds; what adapts makes
the same number of updates on the same 64 networks, with the learning rate of three that is best on validation networks.
One goal, the sum rate, since PCGNN knows no other. Measured on the first published test networks of a home scenario and
of three foreign worlds (`benchmarks.worlds`): one pass, and the same refined by 20 WMMSE iterations.
"""

import argparse
import copy
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from benchmarks.worlds.architectures import ARMS, BATCH, WARM_UP, answers_of, train
from benchmarks.worlds.table import WORLDS
from benchmarks.worlds.world import networks
from components.channel.torch_rng import seeded, torch_stream
from components.channel.worlds.distribution import FAMILIES, WorldDistribution
from components.data.online import OnlineWorlds
from components.data.shards import json_text
from components.intervals import mean_ratio
from components.model.backbone import BackboneConfig
from components.model.heads import PowerModel
from components.model.inference import allocate_batches
from components.model.pcgnn.network import PCGNN, PCGNNConfig, fresh_pcgnn
from components.model.unrolled.network import UnrolledNetwork
from components.training.adaptation.adapt import fit
from components.training.adaptation.samples import FewSamplesConfig
from components.training.finetuning import Finetuning, FinetuningConfig, adaptation_loss
from gfm_ra.goals import SumRate
from gfm_ra.rates import spectral_efficiency
from gfm_ra.solvers import wmmse
from gfm_ra.units import to_gain

GOAL, SAMPLES, VALIDATION, TEST = SumRate(), 64, 64, 200
PLACES = ("D18", "rayleigh-20", "log-normal", "umi-downlink")
TRAIN_SEED, VALIDATION_SEED = 7101, 7102  # the published test networks have another
EPOCHS, UPDATES = 20, 240
RATES = (3e-4, 1e-3, 3e-3)
PCGNN_RATE, INNER_RATE, INNER_STEPS, TASK = 3e-3, 3e-2, 4, 32
SMALL, LARGE = 8, 50  # links of meta-learning's tasks
REFINEMENT = 20
LABELS = {
    "scratch": "graph Transformer, from scratch",
    "pcgnn": "PCGNN, from scratch",
    "pcgnn-utility": "PCGNN, pre-trained by utility",
    "pcgnn-meta": "PCGNN, meta-learned (first order)",
    "prompted": "prompted model, zero-shot",
    "prompted-adapted": "prompted model, adapted",
}


class World(NamedTuple):
    """Networks of one world, gain_db [N, K, K], and what the best of 100 WMMSE runs reaches on its test networks."""

    samples: np.ndarray
    validation: np.ndarray
    test: np.ndarray
    best: np.ndarray  # [N]


def world(name: str, count: int) -> World:
    """Samples and validation networks drawn anew; test networks as published."""
    found = WORLDS[name]
    test = networks(found, count)
    best = _sum_rates(wmmse(to_gain(test), GOAL, starts=100), test)
    samples, validation = networks(found, SAMPLES, TRAIN_SEED), networks(found, VALIDATION, VALIDATION_SEED)
    return World(samples, validation, test, best)


def pretrain(kind: str, seed: int, seconds: float) -> nn.Module | None:
    """What a rival has learnt before it sees a world, within so much processor time; None: nothing."""
    torch.set_num_threads(1)
    if kind.startswith("prompted"):
        return train(ARMS["unrolled, 12 steps"], seed, seconds)[0]
    if kind == "pcgnn-utility":
        return _by_utility(seed, seconds)
    return _by_tasks(seed, seconds) if kind == "pcgnn-meta" else None


def _by_utility(seed: int, seconds: float) -> PCGNN:
    model = fresh_pcgnn(PCGNNConfig(), seed)
    worlds = OnlineWorlds(WorldDistribution(), BATCH, seed, torch.device("cpu"))

    def step(number: int) -> None:
        _loss(model, worlds.draw(BATCH, "rivals", 0, number, 0)).backward()

    _descend(model, step, seconds)
    return model


def _by_tasks(seed: int, seconds: float) -> PCGNN:
    """First-order MAML (Finn, Abbeel, Levine, ICML 2017, section 5.2): a task is one family at one size."""
    model = fresh_pcgnn(PCGNNConfig(), seed)
    worlds = WorldDistribution()

    def step(number: int) -> None:
        drawing = torch_stream(seed, "rivals", "task", number)
        family = FAMILIES[int(torch.randint(len(FAMILIES), (), generator=drawing))]
        links = int(torch.randint(SMALL, LARGE + 1, (), generator=drawing))
        gain_db = worlds.draw_of(family, 2 * TASK, links, drawing)
        adapted = copy.deepcopy(model)
        inner = torch.optim.SGD(adapted.parameters(), INNER_RATE)
        for _ in range(INNER_STEPS):
            inner.zero_grad()
            _loss(adapted, gain_db[:TASK]).backward()
            inner.step()
        inner.zero_grad()
        _loss(adapted, gain_db[TASK:]).backward()
        for parameter, moved in zip(model.parameters(), adapted.parameters(), strict=True):
            parameter.grad = moved.grad

    _descend(model, step, seconds)
    return model


def _loss(model: nn.Module, gain_db: Tensor) -> Tensor:
    return adaptation_loss(model(gain_db), gain_db, GOAL, "scaled").value


def _descend(model: nn.Module, step: Callable[[int], None], seconds: float) -> None:
    """Adam on what `step` leaves as gradients, its rate falling along a cosine, until the time is over."""
    optimizer = torch.optim.Adam(model.parameters(), PCGNN_RATE)
    number, begin = 0, time.process_time()
    while (passed := (time.process_time() - begin) / seconds) < 1.0:
        optimizer.zero_grad()
        step(number)
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for group in optimizer.param_groups:
            group["lr"] = PCGNN_RATE * min(passed / WARM_UP, 0.5 * (1.0 + float(np.cos(np.pi * passed))))
        optimizer.step()
        number += 1


def answers(kind: str, model: nn.Module | None, here: World, seed: int) -> np.ndarray:
    """Powers [N, K] of a rival on the test networks, after it has seen the 64 samples if it looks at them."""
    if isinstance(model, UnrolledNetwork):
        if kind == "prompted-adapted":
            model = fit(model, GOAL, [here.samples], "full", {}, seed, FewSamplesConfig()).network
        with torch.no_grad():
            return answers_of(model, here.test, GOAL, None, 1)[0]
    reached: list[tuple[float, np.ndarray]] = []
    for rate in RATES:
        trained = copy.deepcopy(model) if isinstance(model, PCGNN) else _fresh(kind, seed)
        recipe = FinetuningConfig(
            warmup_epochs=0, epochs=EPOCHS, updates_per_epoch=UPDATES // EPOCHS, batch_size=16, schedule="cosine",
            loss="scaled", backbone_learning_rate=rate, head_learning_rate=rate, validate_every=EPOCHS,
        )  # fmt: skip
        loop = Finetuning(recipe, trained, GOAL, [here.samples], [here.validation], seed)
        loop.run(lambda metrics, save: None, lambda done, total, count: None)
        reached.append((loop.reached, allocate_batches(trained, here.test)))
    return max(reached, key=lambda found: found[0] if np.isfinite(found[0]) else -np.inf)[1]


def _fresh(kind: str, seed: int) -> PowerModel | PCGNN:
    if kind == "pcgnn":
        return fresh_pcgnn(PCGNNConfig(), seed)
    with seeded(seed, "rivals", "weights"):
        return PowerModel(
            BackboneConfig(layers=3, width=96, heads=8, bias_width=16, node_features="landmarks")
        )


def _sum_rates(power: np.ndarray, gain_db: np.ndarray) -> np.ndarray:
    return spectral_efficiency(power.astype(np.float64), to_gain(gain_db)).sum(-1)


def milliseconds(kind: str, model: nn.Module | None, batch: int = 64, repeats: int = 5) -> float:
    """Least processor time of a pass per network of 50 links, PyTorch, one thread."""
    gain_db = WorldDistribution().draw_of("pairs", batch, LARGE, torch_stream(1, "rivals", "time")).numpy()
    asked = model if isinstance(model, nn.Module) else _fresh(kind, 1)
    times = []
    for _ in range(repeats):
        begin = time.process_time()
        if isinstance(asked, UnrolledNetwork):
            with torch.no_grad():
                answers_of(asked, gain_db, GOAL, None, 1)
        else:
            allocate_batches(asked, gain_db)
        times.append(time.process_time() - begin)
    return 1e3 * min(times) / batch


class Run(NamedTuple):
    """One rival with one seed: sum rates [N] by world, one pass and refined, and what a pass costs."""

    rates: dict[str, tuple[np.ndarray, np.ndarray]]
    milliseconds: float
    weights: int


def run(kind: str, seed: int, seconds: float, places: Sequence[str], count: int) -> Run:
    """Learn, adapt to every world, answer."""
    model = pretrain(kind, seed, seconds)
    found = {}
    for place in places:
        here = world(place, count)
        power = answers(kind, model, here, seed)
        refined = wmmse(to_gain(here.test), GOAL, iterations=REFINEMENT, initial_power=power)
        found[place] = (_sum_rates(power, here.test), _sum_rates(refined, here.test))
    size = sum(parameter.numel() for parameter in (model or _fresh(kind, seed)).parameters())
    return Run(found, milliseconds(kind, model), size)


def main(arguments: Sequence[str] | None = None) -> None:
    """Every rival with every seed, a line each; the table goes to a JSON file if asked."""
    parser = argparse.ArgumentParser("python -m benchmarks.worlds.rivals", description=__doc__)
    add = parser.add_argument
    add("--minutes", type=float, default=4.0, help="processor time of learning beforehand (default: 4)")
    add("--seeds", type=int, default=3)
    add("--processes", type=int, default=1)
    add("--rivals", nargs="+", choices=list(LABELS), default=list(LABELS))
    add("--worlds", nargs="+", choices=sorted(WORLDS), default=list(PLACES))
    add("--count", type=int, default=TEST, help="test networks of each world")
    add("--out", type=Path, metavar="JSON")
    given = parser.parse_args(arguments)
    best = {place: world(place, given.count).best for place in given.worlds}
    jobs = [(kind, seed) for kind in given.rivals for seed in range(1, given.seeds + 1)]
    rows: list[dict[str, Any]] = []
    with ProcessPoolExecutor(given.processes) as pool:
        pending = {
            job: pool.submit(run, *job, 60.0 * given.minutes, given.worlds, given.count) for job in jobs
        }
        for kind in given.rivals:
            runs = [pending[kind, seed].result() for seed in range(1, given.seeds + 1)]
            rows.append(_row(kind, runs, best))
            print(rows[-1], flush=True)
            if given.out is not None:
                given.out.write_text(json_text(vars_of(given) | {"rows": rows}))


def vars_of(given: argparse.Namespace) -> dict[str, Any]:
    """What a table must say of how it was made."""
    return {
        "minutes": given.minutes,
        "seeds": given.seeds,
        "samples": SAMPLES,
        "updates": UPDATES,
        "networks": given.count,
    }


def _row(kind: str, runs: Sequence[Run], best: dict[str, np.ndarray]) -> dict[str, Any]:
    """Means over seeds with 95 % intervals over seeds and networks."""
    row: dict[str, Any] = {"rival": LABELS[kind]}
    for place, reference in best.items():
        for number, name in enumerate(("pass", f"pass + {REFINEMENT}")):
            found = mean_ratio([[one.rates[place][number]] for one in runs], [[reference]], 1)
            row[f"{place}, {name}"] = [round(float(value), 4) for value in found]
    row["weights"] = runs[0].weights
    row["ms per network"] = round(min(one.milliseconds for one in runs), 4)
    return row


if __name__ == "__main__":
    main()
