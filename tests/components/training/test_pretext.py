"""Laws of the two pretext losses and of the teacher, equations (7)-(12)."""

import math

import numpy as np
import pytest
import torch

from components.channel.masking import random_pair_mask
from components.model.backbone import BackboneConfig
from components.model.conditioning import Goals, goal_loss, goals_of
from components.model.features import edge_features
from components.model.prompted import ConditioningConfig
from components.model.rates import spectral_efficiency
from components.training.pretext import Encoder, Student, Task, Teacher
from gfm_ra.goals import QoS, SumRate
from gfm_ra.units import db_to_linear

CONFIG = BackboneConfig(layers=1, width=16, heads=4, bias_width=8)
GRAPHS, LINKS = 3, 5


@pytest.fixture
def student() -> Student:
    torch.manual_seed(0)
    return Student(CONFIG)


@pytest.fixture
def conditioned() -> Student:
    torch.manual_seed(0)
    return Student(CONFIG, ConditioningConfig(estimate_rank=4))


@pytest.fixture
def goals() -> Goals:
    return goals_of(QoS(), GRAPHS, LINKS)


@pytest.fixture
def gain_db() -> torch.Tensor:
    return 7.0 + 15.0 * torch.randn(GRAPHS, LINKS, LINKS, generator=torch.Generator().manual_seed(1))


@pytest.fixture
def mask() -> torch.Tensor:
    return random_pair_mask(GRAPHS, LINKS, 0.4, torch.Generator().manual_seed(2))


def literal_mlp(module: torch.nn.Sequential, rows: np.ndarray) -> np.ndarray:
    """Linear, batch normalisation with the batch's own moments, ReLU, linear: row by row."""
    weights = {name: value.detach().double().numpy() for name, value in module.named_parameters()}
    hidden = np.stack([weights["0.weight"] @ row + weights["0.bias"] for row in rows])
    for unit in range(hidden.shape[1]):
        values = hidden[:, unit].copy()
        normal = (values - values.mean()) / math.sqrt(((values - values.mean()) ** 2).mean() + 1e-5)
        hidden[:, unit] = normal * weights["1.weight"][unit] + weights["1.bias"][unit]
    return np.stack([weights["3.weight"] @ np.maximum(row, 0.0) + weights["3.bias"] for row in hidden])


def test_consistency_loss_is_minus_the_mean_cosine(student: Student, gain_db, mask) -> None:
    target = torch.randn(GRAPHS * LINKS, CONFIG.width, generator=torch.Generator().manual_seed(3))
    z = student.encoder.backbone(gain_db, edge_mask=mask).detach().double().numpy()
    prediction = literal_mlp(student.predictor, literal_mlp(student.encoder.projector, np.concatenate(z)))
    cosines = [
        p @ t / (np.linalg.norm(p) * np.linalg.norm(t))
        for p, t in zip(prediction, target.double().numpy(), strict=True)
    ]
    loss = student(gain_db, mask, Task(True, target)).consistency.detach()
    assert loss.item() == pytest.approx(-np.mean(cosines), abs=1e-5)  # (12)


def test_edge_loss_is_the_squared_error_of_the_decoded_masked_edges(student: Student, gain_db, mask) -> None:
    z = student.encoder.backbone(gain_db, edge_mask=mask).detach().double().numpy()
    decoder = {
        name: value.detach().double().numpy() for name, value in student.edge_decoder.named_parameters()
    }
    first = np.concatenate([decoder["receiver.weight"], decoder["transmitter.weight"]], axis=1)
    scaling, errors = CONFIG.scaling, []
    for b in range(GRAPHS):
        for k in range(LINKS):
            for j in range(LINKS):
                if mask[b, k, j]:
                    hidden = np.maximum(
                        first @ np.concatenate([z[b, k], z[b, j]]) + decoder["receiver.bias"], 0
                    )
                    predicted = decoder["out.1.weight"] @ hidden + decoder["out.1.bias"]  # (7)
                    pair = np.array([gain_db[b, k, j], gain_db[b, j, k]])
                    errors += list((predicted - (pair - scaling.cross_mean_db) / scaling.cross_std_db) ** 2)
    loss = student(gain_db, mask, Task()).edge.detach()
    assert loss.item() == pytest.approx(np.mean(errors), rel=1e-5)  # (8)


def test_hidden_gains_reach_the_losses_only_as_the_truth(student: Student, gain_db, mask) -> None:
    gain_db.requires_grad_(True)
    losses = student(gain_db, mask, Task(True, torch.ones(GRAPHS * LINKS, CONFIG.width)))
    (leaked,) = torch.autograd.grad(losses.consistency, gain_db, retain_graph=True)
    assert not leaked[mask].any()
    assert leaked[~mask].any()
    # With no way through the network, the slope in a hidden gain is that of (truth - prediction)^2 alone.
    (slope,) = torch.autograd.grad(losses.edge, gain_db)
    graph, k, j = mask.nonzero(as_tuple=True)
    predicted = student.edge_decoder(student.encoder.backbone(gain_db, edge_mask=mask), graph, k, j)
    error = torch.zeros(2, GRAPHS, LINKS, LINKS)
    error[:, graph, k, j] = edge_features(gain_db, CONFIG.scaling)[:, graph, k, j] - predicted.mT
    expected = (error[0] + error[1].transpose(1, 2)) / len(graph) / CONFIG.scaling.cross_std_db
    torch.testing.assert_close(slope[mask], expected[mask], atol=1e-6, rtol=1e-4)


def test_no_gradient_reaches_the_teacher(student: Student, gain_db, mask) -> None:
    teacher = Teacher(student.encoder, 0.9)
    target = teacher(gain_db)
    losses = student(gain_db, mask, Task(True, target))
    (losses.edge + losses.consistency).backward()
    assert not target.requires_grad
    assert all(p.grad is None and not p.requires_grad for p in teacher.parameters())
    assert all(p.grad is not None for p in student.parameters())


def test_teacher_starts_as_a_copy_that_shares_no_memory(student: Student, gain_db) -> None:
    teacher = Teacher(student.encoder, 0.9)
    expected = teacher(gain_db)
    torch.testing.assert_close(expected, student.encoder.project(student.encoder.backbone(gain_db)))
    with torch.no_grad():
        for parameter in student.parameters():
            parameter.add_(1.0)
    torch.testing.assert_close(teacher(gain_db), expected)


def test_teacher_is_the_moving_average_of_parameters_and_buffers(student: Student, gain_db) -> None:
    decay, teacher = 0.7, Teacher(student.encoder, 0.7)
    expected = {name: value.double().clone() for name, value in _state(teacher.average.module)}
    for step in range(3):  # the first step too: it must average, not copy
        _move(student, gain_db, step)
        for name, value in _state(student.encoder):
            expected[name] = decay * expected[name] + (1 - decay) * value.double()  # (11)
        teacher.update(student.encoder)
        for name, value in _state(teacher.average.module):
            torch.testing.assert_close(value.double(), expected[name], atol=1e-6, rtol=1e-5)
    assert any("running_mean" in name for name in expected)


def test_only_what_was_asked_for_has_a_loss(conditioned: Student, gain_db, mask, goals: Goals) -> None:
    nothing = conditioned(gain_db, mask, Task(False, None, goals))
    assert nothing.edge == nothing.consistency == nothing.estimate == 0.0
    assert nothing.goal != 0.0
    target = torch.ones(GRAPHS * LINKS, CONFIG.width)
    everything = conditioned(gain_db, mask, Task(True, target, goals))
    assert all(loss != 0.0 for loss in everything)


@pytest.mark.parametrize("tentative_weight", [0.0, 0.7])
def test_goal_loss_descends_for_the_true_rates_of_final_and_tentative_powers(
    gain_db, mask, goals: Goals, tentative_weight: float
) -> None:
    torch.manual_seed(0)
    student = Student(CONFIG, ConditioningConfig(estimate_rank=4, tentative_weight=tentative_weight))

    def loss(power: torch.Tensor) -> torch.Tensor:
        return goal_loss(spectral_efficiency(power, db_to_linear(gain_db)), goals)

    embedded = student.encoder.embed(gain_db, goals, mask)
    tentative = [loss(power) for power in embedded.tentative]
    assert len(tentative) == 2 * (CONFIG.layers + 1)
    expected = loss(student.power(embedded.z)) + tentative_weight * sum(tentative) / len(tentative)
    # The value says nothing, so the gradient is compared.
    weights = list(student.parameters())
    found = torch.autograd.grad(
        student(gain_db, mask, Task(False, None, goals)).goal, weights, allow_unused=True
    )
    for one, other in zip(found, torch.autograd.grad(expected, weights, allow_unused=True), strict=True):
        assert (one is None) == (other is None)
        if one is not None:
            torch.testing.assert_close(one, other)


def test_estimate_loss_is_the_squared_error_over_hidden_pairs(
    conditioned: Student, gain_db, mask, goals: Goals
) -> None:
    estimate = conditioned.encoder.embed(gain_db, goals, mask).estimate
    assert estimate is not None
    scaling = CONFIG.scaling
    errors = [
        (estimate[b, k, j].item() - (gain_db[b, k, j].item() - scaling.cross_mean_db) / scaling.cross_std_db)
        ** 2
        for b, k, j in mask.nonzero().tolist()
    ]
    loss = conditioned(gain_db, mask, Task(True, None, goals)).estimate
    assert loss.item() == pytest.approx(np.mean(errors), rel=1e-5)


def test_hidden_gains_reach_the_powers_in_no_way(conditioned: Student, gain_db, mask, goals: Goals) -> None:
    gain_db.requires_grad_(True)
    power = conditioned.power(conditioned.encoder.embed(gain_db, goals, mask).z)
    (leaked,) = torch.autograd.grad(power.square().sum(), gain_db)
    assert not leaked[mask].any()
    assert leaked[~mask].any()


def test_a_batch_of_which_nothing_is_hidden_has_finite_losses(
    conditioned: Student, gain_db, goals: Goals
) -> None:
    nothing = torch.zeros(GRAPHS, LINKS, LINKS, dtype=torch.bool)
    losses = conditioned(gain_db, nothing, Task(True, torch.ones(GRAPHS * LINKS, CONFIG.width), goals))
    assert losses.edge == losses.estimate == 0.0
    torch.stack(losses).sum().backward()
    gradients = [p.grad for p in conditioned.parameters() if p.grad is not None]
    assert all(gradient.isfinite().all() for gradient in gradients)


def test_a_conditioned_teacher_looks_at_the_goals(conditioned: Student, gain_db, goals: Goals) -> None:
    teacher = Teacher(conditioned.encoder, 0.9)
    expected = conditioned.encoder.project(conditioned.encoder.embed(gain_db, goals).z)
    torch.testing.assert_close(teacher(gain_db, goals), expected)
    assert not torch.allclose(teacher(gain_db, goals), teacher(gain_db, goals_of(SumRate(), GRAPHS, LINKS)))


def _state(module: Encoder) -> list[tuple[str, torch.Tensor]]:
    return [(name, value) for name, value in module.state_dict().items() if value.is_floating_point()]


def _move(student: Student, gain_db: torch.Tensor, step: int) -> None:
    """Change every parameter, and the running moments by a pass in training mode."""
    generator = torch.Generator().manual_seed(step)
    with torch.no_grad():
        for parameter in student.parameters():
            parameter.add_(torch.randn(parameter.shape, generator=generator))
        student.encoder.project(student.encoder.backbone(gain_db))
