"""Reports that a network learns from, and the loss where rates count per power spent."""

import torch

from components.channel.torch_rng import torch_stream
from components.channel.worlds.distribution import WorldDistribution
from components.channel.worlds.ranges import Range
from components.model.conditioning import Goals
from components.model.unrolled.consequences import Contract
from components.model.unrolled.network import Passes
from components.training.worlds.goals import GoalMixture
from components.training.worlds.loss import log_efficiency, rates_of, utility_losses
from components.training.worlds.reports import ReportMixture
from gfm_ra.energy import EnergyEfficiency
from gfm_ra.units import db_to_linear

BATCH, LINKS = 400, 12
OWN = torch.eye(LINKS, dtype=torch.bool)


def gains_db() -> torch.Tensor:
    return WorldDistribution().draw_of("pairs", BATCH, LINKS, torch_stream(1, "reports"))


def test_without_a_share_nothing_is_drawn_and_gains_stay() -> None:
    gain_db, generator = gains_db(), torch_stream(2, "reports")
    before = generator.get_state()
    told = ReportMixture().draw(gain_db, None, generator)
    assert told.gain_db is gain_db
    assert told.uncertainty_db is None
    assert torch.equal(generator.get_state(), before)


def test_errors_have_the_deviation_that_is_said() -> None:
    gain_db = gains_db()
    mixture = ReportMixture(share=1.0, strongest_share=0.0)
    told = mixture.draw(gain_db, None, torch_stream(3, "reports"))
    assert told.uncertainty_db is not None
    said = told.uncertainty_db > 0.5
    ratio = ((told.gain_db - gain_db) / told.uncertainty_db)[said]
    assert abs(float(ratio.mean())) < 0.02
    assert abs(float(ratio.std()) - 1.0) < 0.02
    assert told.hidden is not None
    assert not told.hidden.any()


def test_receivers_report_their_strongest_transmitters_and_say_so_of_the_others() -> None:
    gain_db = gains_db()
    three = ReportMixture(share=1.0, strongest_share=1.0, strongest=Range(low=3, high=3))
    told = three.draw(gain_db, None, torch_stream(4, "reports"))
    assert told.hidden is not None
    assert told.at_most_db is not None
    assert not told.hidden[:, OWN].any()
    # Reports in steps may be equal: then more than three are among the strongest.
    assert (told.hidden.sum(-1) <= LINKS - 1 - 3).all()
    assert told.hidden.sum(-1).float().mean() > LINKS - 1 - 3.5
    weakest = told.gain_db.masked_fill(told.hidden | OWN, torch.inf).amin(-1, keepdim=True).expand_as(gain_db)
    above_db = (told.at_most_db - weakest)[told.hidden]
    assert (above_db >= 0).all()
    assert (above_db <= 1.5 + 1e-4).all()  # half of the largest step
    assert above_db.mean() > 0.5
    assert torch.isinf(told.at_most_db[~told.hidden]).all()


def test_of_what_is_hidden_for_another_reason_no_limit_is_said() -> None:
    gain_db = gains_db()
    hidden = GoalMixture(complete_share=0.0).draw_hidden(BATCH, LINKS, torch_stream(5, "reports"))
    assert hidden is not None
    told = ReportMixture(share=1.0, strongest_share=1.0).draw(gain_db, hidden, torch_stream(6, "reports"))
    assert told.hidden is not None
    assert told.at_most_db is not None
    assert told.hidden[hidden].all()
    assert torch.isinf(told.at_most_db[hidden]).all()
    # Limits are of reports that the receiver made, not of what is hidden.
    reported = told.gain_db.masked_fill(told.hidden | OWN, -torch.inf)
    of_reports = reported.amax(-1, keepdim=True).expand_as(gain_db) + 1.5
    assert (told.at_most_db <= of_reports)[told.at_most_db.isfinite()].all()


def test_the_loss_per_power_is_the_efficiency_s_logarithm() -> None:
    generator = torch_stream(7, "reports")
    gain = db_to_linear(gains_db()[:6])
    goals = Goals(torch.zeros(6, 3), torch.rand(6, LINKS, generator=generator))
    power = torch.rand(6, LINKS, 2, generator=generator)
    each = torch.tensor([[False], [True]] * 3)
    contract = Contract(circuit_power=torch.full((6, 1), 0.35 * 0.6), each=each)
    found = log_efficiency(power, rates_of(power, gain), goals, contract)
    for number in range(6):
        goal = EnergyEfficiency(0.6, kind="weighted-sum" if each[number] else "global")
        spent = power[number].mT
        rates = rates_of(power, gain)[number]
        weighted = goals.weights[number] * rates * goal.inverse(spent)
        # A common factor, the amplifier's efficiency, moves no maximum.
        torch.testing.assert_close(found[number], (weighted.sum(-1) / 0.35).log(), atol=1e-4, rtol=1e-4)
    loss = utility_losses(Passes(power), gain, goals, 0.0, 1.0, contract=contract)
    torch.testing.assert_close(loss, -found.amax(-1))
