"""What wrong and missing gains cost: the packaged network and WMMSE, each against its own adversary.

    python -m benchmarks.robustness --out robustness.json    # minutes
    python -m benchmarks.robustness --goals qos --count 5

Networks of D18 with 20 links at its density. Methods are torch forms, so that gradients pass through them: one pass
of the packaged network; the same told that every gain is off by up to 3 dB, as a standard deviation; the same,
untold, ended by 20 WMMSE iterations, as effort fast ends (of one draw); and 20 WMMSE iterations from full power.
Disturbances (`benchmarks.disturbances`): every gain wrong within +-1 or +-3 dB, by chance or by projected gradient
ascent on the loss; one gain wrong by 30 dB, the mean and the worst over all gains and both signs; one link that
reports nothing, its row and column unknown but for its own gain, the mean and the worst over all links. With unknown
gains the network answers in one pass, and WMMSE takes the 75 % quantile of the known ones. Loss: of the score at the
true gains, in percent of the same method's without disturbance; sum rate, geometric mean of rates, QoS utility above
that of a silent network. Intervals: 95 %, over networks.
"""

import argparse
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from benchmarks.disturbances import Method, Worth, adversary, chance, silent_cells, wrong_reports
from benchmarks.worlds.report import check_target
from components.channel.imputation import fill_quantile
from components.channel.scenario import SCENARIOS
from components.channel.simulator import simulate
from components.channel.torch_rng import torch_stream
from components.evaluation.torch_wmmse import wmmse
from components.intervals import Interval, ratio_of_means
from components.model.conditioning import goals_of
from components.model.rates import spectral_efficiency
from components.model.unrolled import packaged
from components.model.unrolled.consequences import Contract
from components.model.unrolled.network import UnrolledNetwork
from components.model.unrolled.single_draw import SingleDraw, first_draw
from gfm_ra.errors import InputError, UserError, one_line
from gfm_ra.goals import OBJECTIVES, Objective, ProportionalFair, QoS, by_name
from gfm_ra.inference.comparison import REFINEMENT_ITERATIONS
from gfm_ra.units import db_to_linear, to_gain_db
from gfm_ra.weights import catalogue

SCENARIO, LINKS, NETWORKS, SEED = "D18", 20, 50, 1
METHODS = PASS, TOLD, FAST, WMMSE = "one pass", "one pass, told", "pass and WMMSE", "WMMSE"
TOLD_DB = 3.0 / 3.0**0.5  # standard deviation of errors uniform within +-3 dB
NONE = "none"


class Row(NamedTuple):
    """One method under one disturbance."""

    goal: str
    method: str
    disturbance: str
    score: float  # mean over networks
    loss_percent: Interval
    over_wmmse: Interval  # score over that of undisturbed WMMSE

    def text(self) -> str:
        """The line in Markdown."""
        loss, ratio = self.loss_percent, self.over_wmmse
        cells = [self.goal, self.method, self.disturbance, f"{self.score:.3f}"]
        cells += [f"{loss.value:.2f} [{loss.low:.2f}, {loss.high:.2f}]"]
        cells += [f"{ratio.value:.4f} [{ratio.low:.4f}, {ratio.high:.4f}]"]
        return "| " + " | ".join(cells) + " |"


HEAD = ("goal", "method", "disturbance", "score", "loss, %", "over undisturbed WMMSE")


def networks(count: int, links: int) -> Tensor:
    """Gains in dB [count, K, K] float64."""
    base = SCENARIOS[SCENARIO]
    area_m = base.area_m * float(np.sqrt(links / base.links))
    gain = simulate(replace(base, links=links, area_m=area_m), count, SEED)
    return torch.from_numpy(to_gain_db(gain.astype(np.float64)))


def methods_of(goal: Objective, network: UnrolledNetwork) -> dict[str, Method]:
    """Gains in dB, and which are unknown, to powers; differentiable in the gains."""
    model = SingleDraw(network)

    def one_pass(gain_db: Tensor, hidden: Tensor | None) -> Tensor:
        goals = goals_of(goal, len(gain_db), gain_db.shape[-1])
        return model(gain_db.float(), goals, hidden).double()

    def told(gain_db: Tensor, hidden: Tensor | None) -> Tensor:
        goals = goals_of(goal, len(gain_db), gain_db.shape[-1])
        contract = Contract(uncertainty_db=torch.full_like(gain_db, TOLD_DB, dtype=torch.float32))
        given = gain_db.float()
        return network(given, goals, first_draw(given), hidden, contract=contract).power.squeeze(-1).double()

    def fast(gain_db: Tensor, hidden: Tensor | None) -> Tensor:
        power = one_pass(gain_db, hidden)
        if hidden is not None:
            return power
        gain = db_to_linear(gain_db)
        return wmmse(gain, goal, iterations=REFINEMENT_ITERATIONS, initial_power=power)

    def classical(gain_db: Tensor, hidden: Tensor | None) -> Tensor:
        gain = db_to_linear(gain_db)
        if hidden is not None:
            gain = torch.from_numpy(fill_quantile(gain.numpy(), hidden.numpy()))
        return wmmse(gain, goal, iterations=REFINEMENT_ITERATIONS)

    return {PASS: one_pass, TOLD: told, FAST: fast, WMMSE: classical}


def worth_of(goal: Objective) -> Worth:
    """The goal's score of powers at true gains, which grows with its utility."""

    def worth(power: Tensor, gain_db: Tensor) -> Tensor:
        utility = goal.utility(spectral_efficiency(power, db_to_linear(gain_db)))
        if isinstance(goal, ProportionalFair):
            return (utility / power.shape[-1]).exp()
        if isinstance(goal, QoS):
            return utility + power.shape[-1] * goal.penalty * goal.min_rate
        return utility

    return worth


def disturbed(method: Method, gain_db: Tensor, worth: Worth) -> Iterator[tuple[str, Tensor]]:
    """Scores [B] of a method under every disturbance; each method meets the same random errors."""
    for limit_db in (1.0, 3.0):
        generator = torch_stream(SEED, "robustness", f"{limit_db:g}")
        yield f"+-{limit_db:g} dB, chance", chance(method, gain_db, worth, limit_db, generator)
        yield f"+-{limit_db:g} dB, adversary", adversary(method, gain_db, worth, limit_db, generator)
    pairs: tuple[tuple[str, Callable[..., tuple[Tensor, Tensor]]], ...] = (
        ("one gain wrong by 30 dB", partial(wrong_reports, error_db=30.0)),
        ("one link reports nothing", silent_cells),
    )
    for name, call in pairs:
        mean, worst = call(method, gain_db, worth)
        yield f"{name}, mean", mean
        yield f"{name}, worst", worst


def rows(
    network: UnrolledNetwork, gain_db: Tensor, goals: Sequence[Objective], wanted: Sequence[str]
) -> Iterator[Row]:
    """A row for every goal, wanted method and disturbance."""
    for goal in goals:
        worth, methods = worth_of(goal), methods_of(goal, network)
        with torch.no_grad():
            plain = {name: worth(method(gain_db, None), gain_db).numpy() for name, method in methods.items()}
        for name in wanted:
            method = methods[name]
            found = [(NONE, plain[name])]
            found += [(what, score.numpy()) for what, score in disturbed(method, gain_db, worth)]
            for what, score in found:
                part = ratio_of_means(score, plain[name], SEED)
                loss = Interval(*(100.0 * (1.0 - value) for value in (part.value, part.high, part.low)))
                over = ratio_of_means(score, plain[WMMSE], SEED)
                yield Row(goal.name, name, what, float(score.mean()), loss, over)


def main(words: list[str] | None = None) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        prog="benchmarks.robustness", description="What wrong and missing gains cost."
    )
    parser.add_argument("--model", help="packaged weights or a folder of such (default: the newest)")
    parser.add_argument("--count", type=int, default=NETWORKS, help="networks (50)")
    parser.add_argument("--goals", nargs="+", choices=OBJECTIVES, default=OBJECTIVES, help="all three")
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=METHODS, help="all of them")
    parser.add_argument("--out", type=Path, help="the rows as JSON")
    given = parser.parse_args(words)
    if given.count < 2:
        raise InputError(f"--count must be at least 2, got {given.count}")
    if given.out is not None:
        check_target(given.out)
    card = catalogue.find(given.model)
    network = packaged.load(card).requires_grad_(False)
    print(f"{given.count} networks of {SCENARIO} with {LINKS} links; {card.full_name}\n")
    print(f"| {' | '.join(HEAD)} |\n{'|---' * len(HEAD)}|")
    told = []
    goals = [by_name(name) for name in given.goals]
    for row in rows(network, networks(given.count, LINKS), goals, given.methods):
        print(row.text(), flush=True)
        told.append(row._asdict())
    if given.out is not None:
        settings = {"networks": given.count, "links": LINKS, "scenario": SCENARIO, "model": card.full_name}
        given.out.write_text(json.dumps(settings | {"rows": told}, indent=1) + "\n")


if __name__ == "__main__":
    try:
        main()
    except (UserError, ValueError) as error:
        print(f"benchmarks.robustness: {one_line(error)}", file=sys.stderr)
        sys.exit(2 if isinstance(error, InputError | ValueError) else 1)
