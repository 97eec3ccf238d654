"""Training for any world: it learns, resumes to the same bits, and its loss follows the best of several draws."""

from pathlib import Path
from typing import Any

import pytest
import torch
from pydantic import ValidationError

from components.channel.torch_rng import torch_stream
from components.channel.worlds.distribution import Family, WorldDistribution
from components.data.batches import Group
from components.data.online import OnlineWorlds
from components.model.conditioning import Goals, goal_loss
from components.model.unrolled.estimate import EstimatorConfig
from components.model.unrolled.network import Passes, UnrolledConfig
from components.training.worlds import __main__ as command
from components.training.worlds.config import WorldsConfig
from components.training.worlds.goals import GoalMixture
from components.training.worlds.loop import WorldsTraining
from components.training.worlds.loss import draw_shares, merits, rates_of, utility_losses
from gfm_ra.goals import AlphaFair, ProportionalFair, QoS, SumRate
from gfm_ra.units import db_to_linear

TINY = WorldsConfig(
    network=UnrolledConfig(
        width=12, hidden=16, steps=3, estimator=EstimatorConfig(width=6, hidden=6, rounds=1, rank=2)
    ),
    epochs=2, batches=8, batch_size=8, draws=1, last_epochs=1, last_draws=3,
)  # fmt: skip


def test_a_few_steps_beat_what_they_started_from() -> None:
    loop = WorldsTraining(
        TINY.model_copy(update={"epochs": 3, "batches": 40, "learning_rate": 1e-2}), 1, Group()
    )
    before = loop.validator.measure(loop.network, torch.device("cpu"))["validation_loss"]
    history = loop.run(lambda *_: None, lambda *_: None)
    assert history[-1]["validation_loss"] < before - 0.02


def test_a_resumed_run_ends_with_the_same_bits(tmp_path: Path) -> None:
    def trained(out: Path, config: WorldsConfig) -> WorldsTraining:
        path = tmp_path / "config.json"
        path.write_text(config.model_dump_json())
        return command.train(command.parse(["--out", str(out), "--config", str(path), "--device", "cpu"]))

    whole = trained(tmp_path / "whole", TINY)
    loop = WorldsTraining(TINY, 1, Group())
    kept: list[Path] = []

    def report(metrics: dict[str, float], save: object) -> None:
        save(tmp_path / "last")  # type: ignore[operator]
        kept.append(tmp_path / "last")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        loop.run(report, lambda *_: None)
    resumed = WorldsTraining(TINY, 1, Group())
    resumed.run(lambda *_: None, lambda *_: None, resume_from=kept[0])
    assert all(
        torch.equal(one, other)
        for one, other in zip(
            whole.network.state_dict().values(), resumed.network.state_dict().values(), strict=True
        )
    )
    assert (tmp_path / "whole" / "model" / "model.safetensors").is_file()


def test_the_last_epochs_have_their_own_number_of_draws() -> None:
    assert [TINY.draws_in(epoch) for epoch in range(2)] == [1, 3]
    loop = WorldsTraining(TINY, 1, Group())
    seen: list[int] = []
    forward = loop.forward

    def watch(
        gain_db: torch.Tensor, goals: Goals, noise: torch.Tensor, hidden: object, **more: Any
    ) -> Passes:
        seen.append(noise.shape[2])
        return forward(gain_db, goals, noise, hidden, **more)

    loop.forward = watch
    loop.run(lambda *_: None, lambda *_: None)
    assert seen == [1] * 8 + [3] * 8
    with pytest.raises(ValidationError, match="last_epochs 3 are more than epochs 2"):
        WorldsConfig(epochs=2, last_epochs=3)


def test_a_phase_may_train_the_estimates_alone() -> None:
    config = TINY.model_copy(
        update={"estimates_only": True, "goals": GoalMixture(complete_share=0.0), "last_epochs": 0}
    )
    loop = WorldsTraining(config, 1, Group())
    before = {name: value.clone() for name, value in loop.network.state_dict().items()}
    loop.run(lambda *_: None, lambda *_: None)
    moved = {
        name for name, value in loop.network.state_dict().items() if not torch.equal(value, before[name])
    }
    assert moved
    assert all(name.startswith("estimator.") for name in moved)
    assert "estimator.excess.weight" not in moved  # that is the utility's business


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"estimate_weight": 0.0, "goals": {"complete_share": 0.0}}, "trains nothing with estimate_weight 0"),
        ({}, "networks without hidden gains .* teach nothing"),
    ],
)
def test_estimates_alone_need_hidden_gains_and_a_weight(more: dict[str, object], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        WorldsConfig.model_validate({"estimates_only": True, **more})


def test_a_phase_of_estimates_lowers_their_error() -> None:
    alone = TINY.model_copy(
        update={"estimates_only": True, "goals": GoalMixture(complete_share=0.0), "epochs": 2, "batches": 30}
    )
    loop = WorldsTraining(alone, 1, Group())
    before = loop.validator.estimate_error(loop.network, torch.device("cpu"))
    history = loop.run(lambda *_: None, lambda *_: None)
    assert history[-1]["estimate_error"] == history[-1]["validation_loss"] < before - 0.02


def test_the_utility_does_not_move_the_estimates() -> None:
    config = TINY.model_copy(update={"estimate_weight": 0.0, "goals": GoalMixture(complete_share=0.0)})
    loop = WorldsTraining(config, 1, Group())
    before = {name: value.clone() for name, value in loop.network.state_dict().items()}
    loop.run(lambda *_: None, lambda *_: None)
    moved = {
        name for name, value in loop.network.state_dict().items() if not torch.equal(value, before[name])
    }
    assert {name for name in moved if name.startswith("estimator.")} == {
        "estimator.excess.weight",
        "estimator.excess.bias",
    }


def test_the_first_draw_counts_whether_it_is_the_best_or_not() -> None:
    gain = torch.tensor([[[10.0, 0.0], [0.0, 10.0]]])
    power = torch.tensor([[[0.1, 1.0, 0.5], [0.1, 1.0, 0.5]]])  # [1, 2, 3]: the second draw is the best
    goals = Goals(torch.zeros(1, 3), torch.ones(1, 2))
    shares = draw_shares(power, gain, goals, 0.8, 0.25)
    assert shares[0].tolist() == pytest.approx([0.25 + 0.75 * 0.1, 0.75 * 0.8, 0.75 * 0.1])


def test_small_networks_come_in_larger_batches() -> None:
    class Sized(WorldDistribution):
        def draw_links(self, family: Family, generator: torch.Generator) -> int:
            return int(generator.initial_seed() % 60) + 2

    source = OnlineWorlds(Sized(), 100, 1, torch.device("cpu"))
    shapes = {tuple(source.draw(3, "test", 0, number, 0).shape[:2]) for number in range(40)}
    assert all(count == 3 * min(4, max(1, 50 // links)) for count, links in shapes)
    assert len({count for count, _ in shapes}) > 2


@pytest.mark.parametrize(
    "goal", [SumRate(), ProportionalFair(), AlphaFair(0.5), AlphaFair(3.0), QoS(1.0, 4.0)]
)
def test_merits_order_as_the_goal_does(goal: object) -> None:
    from components.model.conditioning import goals_of

    generator = torch_stream(3, "x")
    rates = 6.0 * torch.rand(5, 40, 7, generator=generator)
    goals = goals_of(goal, 5, 7)  # type: ignore[arg-type]
    expected = torch.from_numpy(goal.merit(rates.numpy()))  # type: ignore[attr-defined]
    assert torch.equal(merits(rates.double(), goals).argsort(-1), expected.argsort(-1))


def test_the_best_draw_counts_most_and_one_draw_is_the_plain_loss() -> None:
    generator = torch_stream(4, "x")
    gain = db_to_linear(30.0 * torch.rand(6, 5, 5, generator=generator))
    goals = GoalMixture().draw(6, 5, generator)
    power = torch.rand(6, 5, 4, generator=generator)
    share = draw_shares(power, gain, goals, 0.8)
    best = merits(rates_of(power, gain), goals).argmax(-1)
    assert torch.allclose(share.sum(-1), torch.ones(6))
    assert torch.allclose(share.gather(1, best.unsqueeze(1)), torch.tensor(0.8))
    one = Passes(power[..., :1])
    plain = goal_loss(rates_of(power[..., :1], gain).squeeze(1), goals)
    assert torch.allclose(utility_losses(one, gain, goals, 0.5, 0.8).mean(), plain)


def test_goals_stay_in_their_ranges_and_weights_are_ratios() -> None:
    mixture = GoalMixture()
    goals = mixture.draw(2000, 4, torch_stream(5, "x"))
    alpha, least, penalty = (column.squeeze(-1) for column in goals.columns())
    assert alpha.min() >= 0
    assert alpha.max() <= mixture.max_alpha
    assert ((penalty > 0) == (least > 0)).all()
    assert ((penalty > 0) & (alpha > 0)).sum() == 0
    assert torch.allclose(goals.weights.amax(-1), torch.ones(2000))
    assert isinstance(goals, Goals)


def test_hidden_gains_never_include_a_link_s_own() -> None:
    mixture = GoalMixture(complete_share=0.0)
    for seed in range(20):
        hidden = mixture.draw_hidden(8, 6, torch_stream(seed, "x"))
        assert hidden is not None
        assert not hidden.diagonal(dim1=1, dim2=2).any()
    assert GoalMixture(complete_share=1.0).draw_hidden(8, 6, torch_stream(0, "x")) is None
    assert mixture.draw_hidden(8, 1, torch_stream(0, "x")) is None


def test_a_configuration_that_does_not_fit_is_one_line(tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    path.write_text('{"epochs": 0}')
    with pytest.raises(SystemExit, match=r"epochs: .*: correct the file"):
        command.read_config(path, WorldsConfig)
