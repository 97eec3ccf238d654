"""Joint downlink powers: shapes and units of the rule for one cell, limits of cells, and what keeps no meaning."""

from typing import Any

import numpy as np
import pytest

from gfm_ra import load
from gfm_ra.bridges import downlink_power_control

NOISE_W, FULL_DBM, CELLS, USERS, RESOURCES = 1e-15, 46.0, 5, 3, 10
FULL_W = 10 ** (FULL_DBM / 10 - 3)


def losses(*batch: int, seed: int = 0) -> np.ndarray:
    """[..., cells, users, cells] linear, those of the own cells 10 to 30 dB less."""
    rng = np.random.default_rng(seed)
    loss_db = rng.uniform(110.0, 130.0, (*batch, CELLS, USERS, CELLS))
    own = np.eye(CELLS)[:, None, :] > 0
    return 10 ** ((loss_db - own * rng.uniform(10.0, 30.0, loss_db.shape)) / 10)


def own(loss: np.ndarray) -> np.ndarray:
    return np.stack([loss[..., cell, :, cell] for cell in range(CELLS)], axis=-2)


def decided(loss: np.ndarray, resources: Any = RESOURCES, **more: Any) -> tuple[np.ndarray, np.ndarray]:
    return downlink_power_control(own(loss), NOISE_W, resources, FULL_DBM, pathloss_all=loss, **more)


def test_shapes_are_those_of_the_losses() -> None:
    for batch in ((), (2,), (2, 3)):
        power, utility = decided(losses(*batch), fairness=1.0)
        assert power.shape == utility.shape == (*batch, CELLS, USERS)
    assert decided(losses(), precision="single")[0].dtype == np.float32
    assert decided(losses())[1].dtype == np.float64


def test_one_cell_with_one_user_sends_with_full_power() -> None:
    """100 dB loss, 46 dBm over 10 resources: 3.98 W each, SINR 3.98e-10 / 1e-15."""
    power, utility = downlink_power_control(
        [[1e10]], NOISE_W, RESOURCES, FULL_DBM, pathloss_all=[[[1e10]]], fairness=1.0
    )
    np.testing.assert_allclose(power, [[FULL_W]], rtol=1e-6)
    np.testing.assert_allclose(utility, RESOURCES * np.log(1 + FULL_W / RESOURCES / 1e10 / NOISE_W))


def test_utilities_are_those_of_the_powers_that_are_returned() -> None:
    loss = losses(2)
    power, utility = decided(loss, fairness=1.0)
    for network in range(2):
        for cell in range(CELLS):
            for user in range(USERS):
                per_resource = power[network, :, user] / RESOURCES
                received = per_resource / loss[network, cell, user]
                disturbance = received.sum() - received[cell] + NOISE_W
                expected = RESOURCES * np.log(1 + received[cell] / disturbance)
                np.testing.assert_allclose(utility[network, cell, user], expected, rtol=1e-5)


def test_no_cell_sends_more_than_it_may() -> None:
    for fairness in (0.0, 1.0, 3.0):
        power, _ = decided(losses(4), fairness=fairness)
        assert (power >= 0).all()
        assert (power.sum(-1) <= FULL_W * (1 + 1e-6)).all()
        assert (power <= FULL_W / USERS * (1 + 1e-6)).all()


@pytest.mark.parametrize("fairness", [0.0, 1.0, 2.0])
def test_the_decision_is_never_worse_than_equal_shares(fairness: float) -> None:
    loss = losses(6)
    _, utility = decided(loss, fairness=fairness)
    received = FULL_W / USERS / RESOURCES / loss
    own_w = own(received)
    equal = RESOURCES * np.log(1 + own_w / (received.sum(-1) - own_w + NOISE_W))

    def worth(values: np.ndarray) -> np.ndarray:
        values = np.log(values) if fairness == 1 else values ** (1 - fairness) / (1 - fairness)
        return values.sum((-1, -2))

    assert (worth(utility) >= worth(equal) - 1e-4 * np.abs(worth(equal))).all()


def test_cells_in_another_order_get_the_same_powers() -> None:
    order = [3, 0, 4, 1, 2]
    # Effort best ends at the optimum of proportional fairness, whatever the order.
    power, _ = decided(losses(2), fairness=1.0, effort="best")
    other, _ = decided(losses(2)[:, order][..., order], fairness=1.0, effort="best")
    np.testing.assert_allclose(other, power[:, order], rtol=0.02, atol=1e-3 * FULL_W)


def test_cells_without_a_user_are_silent_and_leave_their_power_to_the_others() -> None:
    loss, resources = losses(), np.zeros((CELLS, USERS))
    others = [0, 1, 3, 4]
    resources[others, 1], resources[2, 2] = RESOURCES, RESOURCES
    power, utility = decided(loss, resources, fairness=1.0, effort="best")
    assert (power[resources == 0] == 0).all()
    assert (utility[resources == 0] == 0).all()
    np.testing.assert_allclose(power[2, 2], FULL_W, rtol=1e-6)  # nobody else is on these resources
    fewer = loss[others, 1][:, others]  # [4, 4]
    alone, _ = downlink_power_control(
        fewer.diagonal()[:, None],
        NOISE_W,
        RESOURCES,
        FULL_DBM,
        pathloss_all=fewer[:, None],
        fairness=1.0,
        effort="best",
    )
    with_silent, without = (np.log(_utility(each, fewer)).mean() for each in (power[others, 1], alone[:, 0]))
    np.testing.assert_allclose(with_silent, without, atol=1e-3)


def _utility(power: np.ndarray, loss: np.ndarray) -> np.ndarray:
    received = power / RESOURCES / loss
    return np.log(1 + received.diagonal() / (received.sum(-1) - received.diagonal() + NOISE_W))


def test_fairness_of_numpy_is_that_of_python() -> None:
    expected = decided(losses(), fairness=2.0)
    for fairness in (np.float32(2.0), np.int64(2), 2):
        for one, other in zip(decided(losses(), fairness=fairness), expected, strict=True):
            np.testing.assert_array_equal(one, other)


def test_an_allocator_of_ones_own_decides() -> None:
    allocator = load()
    one = decided(losses(), fairness=1.0, allocator=allocator, seed=3)
    other = decided(losses(), fairness=1.0, seed=3)
    np.testing.assert_array_equal(one[0], other[0])


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"guaranteed_power_ratio": 0.5}, "guaranteed_power_ratio must be 0"),
        ({"guaranteed_power_ratio": np.zeros((40, 40))}, "guaranteed_power_ratio must be 0"),
        ({"guaranteed_power_ratio": "0"}, "guaranteed_power_ratio must be 0"),
        ({"return_lagrangian": True}, "return_lagrangian must be False"),
        ({"return_lagrangian": np.zeros(2, bool)}, "return_lagrangian must be False"),
        ({"fairness": -1.0}, "fairness must be"),
        ({"fairness": "1"}, "fairness must be"),
        ({"fairness": True}, "fairness must be"),
        ({"fairness": np.nan}, "fairness must be"),
        ({"fairness": np.ones((40, 40))}, "fairness must be"),
        ({"fairness": 10**400}, "fairness must be"),
        ({"fairness": 11.0}, "at most 10"),
        ({"precision": "half"}, "precision must be"),
        ({"pathloss": -own(losses())}, "positive; are these dB"),
        ({"pathloss": own(losses())[::-1]}, "same order"),
        ({"pathloss_all": losses()[0]}, r"\[..., cells, users, cells\]"),
        ({"interference_plus_noise": 0.0}, "interference_plus_noise must be positive"),
        ({"num_allocated_re": -1}, "not be negative"),
        ({"num_allocated_re": np.arange(15).reshape(5, 3)}, "differs between cells"),
        ({"bs_max_power_dbm": [46.0, 40.0]}, r"one number or \[5\]"),
    ],
)
def test_what_keeps_no_meaning_or_does_not_fit_is_one_line(changed: dict[str, Any], said: str) -> None:
    arguments: dict[str, Any] = {
        "pathloss": own(losses()),
        "interference_plus_noise": NOISE_W,
        "num_allocated_re": RESOURCES,
        "pathloss_all": losses(),
    } | changed
    with pytest.raises(ValueError, match=said) as caught:
        downlink_power_control(**arguments)
    assert "\n" not in str(caught.value)
