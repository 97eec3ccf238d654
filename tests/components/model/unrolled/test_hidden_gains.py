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
        loss = error_db(model(seen)[0], gain_db, seen)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    gain_db, seen = networks(1000)
    with torch.no_grad():
        found, mean = (error_db(each, gain_db, seen) for each in (model(seen)[0], torch.zeros_like(gain_db)))
    assert found < 0.92 * mean


def test_a_visible_gain_stays_as_it_is_and_a_hidden_one_is_never_read() -> None:
    gain_db, seen = networks(1)
    with seeded(1, "hidden"), torch.no_grad():
        model = HiddenGains(EstimatorConfig())
        _, reckoned = model(seen)
        filled = model.filled(seen, gain_db, reckoned)
        spoilt = torch.where(seen.hidden, torch.nan, gain_db)
        again = view(spoilt, seen.hidden, None)
        assert torch.equal(model.filled(again, spoilt, model(again)[1]), filled)
    assert torch.equal(filled[~seen.hidden], gain_db[~seen.hidden])


def test_where_nothing_is_visible_estimates_are_finite() -> None:
    gain_db = torch.full((2, 5, 5), 30.0)
    hidden = ~torch.eye(5, dtype=torch.bool).expand(2, -1, -1)
    seen = view(gain_db, hidden, None)
    with seeded(1, "hidden"), torch.no_grad():
        mean, reckoned = HiddenGains(EstimatorConfig())(seen)
    assert mean.isfinite().all()
    assert reckoned.isfinite().all()
    assert (seen.mean_db == 0).all()
