"""The estimate of hidden gains learns where links lie from the gains that are visible."""

import torch

from components.channel.masking import random_pair_mask
from components.channel.torch_rng import seeded, torch_stream
from components.channel.worlds.distribution import WorldDistribution
from components.model.unrolled.estimate import EstimatorConfig, HiddenGains, View, view


def networks(number: int) -> tuple[torch.Tensor, View]:
    generator = torch_stream(3, "hidden", number)
    gain_db = WorldDistribution().draw_of("home", 16, 50, generator)
    hidden = random_pair_mask(16, 50, torch.full((16,), 0.4), generator)
    return gain_db, view(gain_db, hidden, None)


def error_db(estimate: torch.Tensor, gain_db: torch.Tensor, seen: View) -> torch.Tensor:
    return 15.0 * ((estimate - seen.target(gain_db)).square()[seen.hidden]).mean().sqrt()


def test_a_few_steps_of_training_beat_the_mean_by_far() -> None:
    with seeded(1, "hidden"):
        model = HiddenGains(EstimatorConfig())
    optimizer = torch.optim.Adam(model.parameters(), 5e-3)
    for number in range(100):
        gain_db, seen = networks(number)
        loss = error_db(model(seen).mean, gain_db, seen)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    gain_db, seen = networks(1000)
    with torch.no_grad():
        found, mean = (
            error_db(each, gain_db, seen) for each in (model(seen).mean, torch.zeros_like(gain_db))
        )
    assert found < 0.92 * mean


def test_a_visible_gain_stays_as_it_is_and_a_hidden_one_is_never_read() -> None:
    gain_db, seen = networks(1)
    with seeded(1, "hidden"), torch.no_grad():
        model = HiddenGains(EstimatorConfig())
        filled = seen.filled(gain_db, model(seen))
        spoilt = torch.where(seen.hidden, torch.nan, gain_db)
        again = view(spoilt, seen.hidden, None)
        assert torch.equal(again.filled(spoilt, model(again)), filled)
    assert torch.equal(filled[~seen.hidden], gain_db[~seen.hidden])


def test_where_nothing_is_visible_estimates_are_finite() -> None:
    gain_db = torch.full((2, 5, 5), 30.0)
    hidden = ~torch.eye(5, dtype=torch.bool).expand(2, -1, -1)
    seen = view(gain_db, hidden, None)
    with seeded(1, "hidden"), torch.no_grad():
        estimate = HiddenGains(EstimatorConfig())(seen)
    assert all(part.isfinite().all() for part in estimate)
    assert (seen.mean_db == 0).all()


def test_deviations_learn_from_limits_without_touching_the_estimates() -> None:
    gain_db, seen = networks(2)
    at_most_db = torch.where(seen.hidden, gain_db + 1.0, torch.inf)
    at_most_db[:, :3] = torch.inf
    limited = view(gain_db, seen.hidden, None, at_most_db)
    with seeded(1, "hidden"):
        model = HiddenGains(EstimatorConfig())
    estimate = model(limited)
    assert limited.limit is not None
    surprise = estimate.surprise(limited.target(gain_db), limited.limit)[seen.hidden]
    surprise.mean().backward()
    touched = {name for name, one in model.named_parameters() if one.grad is not None and one.grad.any()}
    assert touched == {"spread.weight", "spread.bias"}
    assert all(one.grad.isfinite().all() for one in model.parameters() if one.grad is not None)


def test_estimates_stay_below_their_limits_and_uncertain_gains_move_towards_them() -> None:
    gain_db, seen = networks(3)
    low = seen.mean_db - 20.0
    limited = view(gain_db, seen.hidden, None, torch.where(seen.hidden, low, torch.inf))
    uncertain = view(
        gain_db, seen.hidden, None, None, torch.where(seen.hidden, 0.0, torch.full_like(gain_db, 6.0))
    )
    with seeded(1, "hidden"), torch.no_grad():
        model = HiddenGains(EstimatorConfig())
        mean_db = limited.mean_db + 15.0 * model(limited).mean
        filled = uncertain.filled(gain_db, model(uncertain))
    assert (mean_db < low)[seen.hidden].all()
    visible = ~seen.hidden & ~torch.eye(50, dtype=torch.bool)
    assert (filled != gain_db)[visible].float().mean() > 0.99
    assert torch.equal(filled.diagonal(dim1=-2, dim2=-1), gain_db.diagonal(dim1=-2, dim2=-1))
