"""Stage train_peers: learned allocators of the literature, each trained for the sum rate in a world of its own.

PCGNN learns on a scenario of the paper, the unfolded WMMSE on the random geometric networks that it was published with.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Literal, cast

import numpy as np
import torch
import typer
from pydantic import Field, model_validator

from components.channel.geometric import draw_geometric
from components.channel.rng import stream
from components.channel.scenario import SCENARIOS
from components.channel.simulator import simulate_with
from components.config import Strict
from components.evaluation.peers import (
    TITLES,
    PeerCard,
    PeerModel,
    PeerName,
    answer,
    fresh_peer,
    save_peer,
)
from components.intervals import ratio_of_means
from components.training.checkpoint import newest_checkpoint, replace_checkpoint
from components.training.determinism import deterministic
from components.training.finetuning import Finetuning, FinetuningConfig
from components.training.loop import Metrics
from gfm_ra.goals import SumRate
from gfm_ra.rates import spectral_efficiency
from gfm_ra.solvers import wmmse
from gfm_ra.units import to_gain, to_gain_db
from pipelines.cluster.trainer import history_csv
from pipelines.runtime import paths
from pipelines.runtime.errors import UserError
from pipelines.runtime.progress import Meter
from pipelines.runtime.stage import Context, Outcome, Stage, main

NAME = "train_peers"
GEOMETRIC = "geometric"
REFERENCE_STARTS = 100


class PeerConfig(Strict):
    """Where one peer learns, on how many networks of how many links, and how."""

    world: Literal["geometric", "D16", "D17", "D18", "D19", "D20"]
    links: int = Field(ge=2, le=200)
    samples: int = Field(ge=1)
    validation_samples: int = Field(default=200, ge=1)
    training_time: str = Field(min_length=1)  # in words: no output depends on a clock
    recipe: FinetuningConfig

    @model_validator(mode="after")
    def _says_its_links(self) -> "PeerConfig":
        if self.world != GEOMETRIC and SCENARIOS[self.world].links != self.links:
            raise ValueError(f"links must be {SCENARIOS[self.world].links}, those of {self.world}")
        return self


class TrainPeersConfig(Strict):
    """All peers, and the numbers of their runs, each with a seed of its own."""

    peers: dict[PeerName, PeerConfig] = Field(min_length=1)
    runs: tuple[int, ...] = Field(min_length=1)
    threads: int = Field(default=1, ge=1)

    @model_validator(mode="after")
    def _runs_differ(self) -> "TrainPeersConfig":
        if min(self.runs) < 0 or len(set(self.runs)) < len(self.runs):
            raise ValueError("runs must be different whole numbers from 0 on")
        return self


def draw(config: PeerConfig, split: str, count: int, seed: int) -> np.ndarray:
    """Networks of a split of a peer's world, gain_db float32 [N, K, K]."""
    generator = stream(seed, "peers", config.world, config.links, split)
    if config.world == GEOMETRIC:
        return draw_geometric(config.links, count, generator)
    return to_gain_db(simulate_with(generator, SCENARIOS[config.world], count))


def ratio_to_best(model: PeerModel, gain_db: np.ndarray, seed: int) -> tuple[float, float, float]:
    """Mean sum rate over that of WMMSE-Best on networks [N, K, K], with its 95 % interval."""
    gain = to_gain(gain_db)
    reached, best = (
        spectral_efficiency(power.astype(np.float64), gain).sum(-1)
        for power in (answer(model, gain), wmmse(gain, SumRate(), starts=REFERENCE_STARTS))
    )
    return ratio_of_means(reached, best, seed)


def work_on(peer: PeerName, run: int) -> Callable[[Context[TrainPeersConfig]], Outcome]:
    """The stage's work for one peer and one run."""

    def work(context: Context[TrainPeersConfig]) -> Outcome:
        if peer not in context.config.peers or run not in context.config.runs:
            raise UserError(f"{paths.WORLDS_PARAMS}: train_peers has no peer {peer} or no run {run}: add it")
        config, seed = context.config.peers[peer], context.seed + run
        torch.set_num_threads(context.config.threads)
        validation = draw(config, "validation", config.validation_samples, context.seed)
        model = fresh_peer(peer, seed)
        train = draw(config, "train", config.samples, seed)
        loop = Finetuning(config.recipe, model, SumRate(), [train], [validation], seed)
        checkpoint = context.scratch / "checkpoint"

        def report(metrics: Metrics, save: Callable[[Path], None]) -> None:
            replace_checkpoint(checkpoint, save)

        steps = loop.settings.epochs * loop.steps_per_epoch
        with deterministic(torch.device("cpu")), Meter(context.console, NAME, steps, "steps") as meter:
            loop.run(report, lambda done, total, count: meter.update(done), newest_checkpoint(checkpoint))
        folder = context.scratch / "model"
        folder.mkdir(exist_ok=True)
        about = config.model_dump(include={"world", "links", "samples", "training_time"})
        save_peer(folder, model, PeerCard(peer=peer, run=run, **about))
        (folder / "history.csv").write_text(history_csv(loop.history))
        ratio, low, high = ratio_to_best(model, validation, context.seed)
        rows = [[TITLES[peer], str(run), config.world, f"{ratio:.4f}", f"[{low:.4f}, {high:.4f}]"]]
        columns = ["peer", "run", "world", "ratio to WMMSE-Best there", "95 % interval"]
        return Outcome({paths.peer(peer, run): folder}, columns, rows, {"ratio": ratio})

    return work


def stage(peer: PeerName, run: int) -> Stage[TrainPeersConfig]:
    """The stage for one peer and one run."""
    return Stage(
        NAME,
        TrainPeersConfig,
        work_on(peer, run),
        inputs=lambda _: [],
        outputs=[paths.peer(peer, run)],
        variant=f"{peer}-{run}",
        params=paths.WORLDS_PARAMS,
    )


def cli(
    peer: Annotated[str, typer.Option(help=f"One of {', '.join(TITLES)}.")],
    run: Annotated[int, typer.Option(min=0, help="Number of the run; its seed is the chain's plus that.")],
) -> None:
    """Train one peer once."""
    if peer not in TITLES:
        raise typer.BadParameter(f"{peer}: choose one of {', '.join(TITLES)}", param_hint="--peer")
    main(stage(cast(PeerName, peer), run))


if __name__ == "__main__":
    typer.run(cli)
