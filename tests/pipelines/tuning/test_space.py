"""Laws of the search space: what a parameter file describes is what is tried, and nonsense is refused at once."""

import json
from copy import deepcopy
from typing import Any

import pytest

from pipelines.runtime.errors import UserError
from pipelines.runtime.stage import parse_section
from pipelines.stages.sweep import within
from pipelines.tuning.config import SweepConfig
from pipelines.tuning.space import Range, Space, decoded

Tree = dict[str, Any]
SMALL = {"layers": 1, "width": 16, "heads": 4, "bias_width": 8}
LOG = {"low": 1e-4, "high": 1e-2, "log": True}


def config(params: Tree, **changes: Any) -> SweepConfig:
    tree = deepcopy(params)
    tree["sweep"] |= changes
    return parse_section(tree, "sweep", SweepConfig)


def test_a_grid_is_the_product_of_its_values(params: Tree) -> None:
    found = config(
        params,
        space={
            "mask_ratio": [0.3, 0.5], "consistency_weight": [0.0, 0.1, 1.0], "utility_weight": [0.0, 5.0],
            "learning_rate": [1e-3], "backbone": [SMALL, SMALL | {"width": 32}],
        },
    )  # fmt: skip
    choices = found.choices(seed=0)
    assert choices is not None
    assert len(choices) == found.trials() == 2 * 3 * 2 * 1 * 2
    assert len({json.dumps(choice, sort_keys=True) for choice in choices}) == len(choices)
    trial = found.trial(choices[-1])
    assert (trial.mask_ratio, trial.consistency_weight, trial.utility_weight) == (0.5, 1.0, 5.0)
    assert (trial.backbone.width, trial.batch_size) == (32, 8)


def test_what_is_not_varied_stays_as_the_base_says(params: Tree) -> None:
    found = config(params, space={"mask_ratio": [0.4]})
    (choice,) = found.choices(seed=0) or []
    assert choice == {"mask_ratio": 0.4}
    assert found.trial(choice).learning_rate == params["sweep"]["base"]["learning_rate"]


def test_random_choices_lie_in_the_space_and_are_keyed_by_seed_and_number(params: Tree) -> None:
    space = {"learning_rate": LOG, "mask_ratio": {"low": 0.1, "high": 0.5}, "backbone": [SMALL]}
    many = config(params, space=space, search={"kind": "random", "trials": 200})
    choices = many.choices(seed=3)
    assert choices is not None
    assert len(choices) == many.trials() == 200
    assert all(1e-4 <= choice["learning_rate"] <= 1e-2 for choice in choices)
    assert all(0.1 <= choice["mask_ratio"] <= 0.5 for choice in choices)
    # Even in the logarithm: half of them below the geometric mean.
    assert 70 < sum(choice["learning_rate"] < 1e-3 for choice in choices) < 130
    few = config(params, space=space, search={"kind": "random", "trials": 5})
    assert few.choices(seed=3) == choices[:5]
    assert few.choices(seed=4) != choices[:5]
    assert all(many.trial(choice) for choice in choices[:5])


def test_what_a_searcher_draws_is_a_trial(params: Tree) -> None:
    found = config(
        params, space={"learning_rate": LOG, "backbone": [SMALL]}, search={"kind": "tpe", "trials": 4}
    )
    assert found.choices(seed=0) is None
    drawn = {name: domain.sample() for name, domain in found.space.domains().items()}
    assert found.trial(drawn).backbone.width == 16
    assert decoded(drawn)["backbone"]["width"] == 16


def test_a_population_keeps_inside_its_ranges() -> None:
    ranges = {"learning_rate": Range(low=1e-3, high=1e-2)}
    for drawn, kept in ((5e-4, 1e-3), (5e-3, 5e-3), (2e-2, 1e-2)):
        parameters = {"choice": {"learning_rate": drawn, "mask_ratio": 0.3}, "seed": 1}
        assert within(ranges, parameters)["choice"] == {"learning_rate": kept, "mask_ratio": 0.3}
        assert parameters["choice"]["learning_rate"] == drawn


def test_only_what_leaves_the_weights_alone_is_mutated() -> None:
    space = Space.model_validate_json(
        json.dumps({"learning_rate": LOG, "mask_ratio": [0.1], "backbone": [SMALL]})
    )
    assert set(space.mutations()) == {"learning_rate", "mask_ratio"}


@pytest.mark.parametrize(
    ("kind", "epochs", "every", "ends"),
    [("fifo", 5, 2, [5]), ("asha", 5, 2, [2, 4, 5]), ("pbt", 4, 2, [2, 4]), ("asha", 1, 3, [1])],
)
def test_a_trial_is_judged_between_its_segments_and_at_its_end(
    params: Tree, kind: str, epochs: int, every: int, ends: list[int]
) -> None:
    base = params["sweep"]["base"] | {"epochs": epochs}
    assert config(params, base=base, scheduler={"kind": kind, "every": every}).segments() == ends


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"space": {}}, ["sweep.space", "at least one parameter"]),
        ({"space": {"mask_ratio": []}}, ["sweep.space", "at least one value"]),
        ({"space": {"mask_ratio": [0.3, 1.5]}}, ["space.mask_ratio", "1.5"]),
        ({"space": {"mask_ratio": {"low": 0.3, "high": 1.0}}, "search": {"kind": "random"}}, ["space.mask_ratio"]),
        ({"space": {"learning_rate": {"low": 2.0, "high": 1.0}}}, ["low must be below high"]),
        ({"space": {"learning_rate": {"low": 0.0, "high": 1.0, "log": True}}}, ["above 0 if log"]),
        ({"space": {"learning_rate": LOG}}, ["learning_rate is a range", "grid"]),
        ({"rank_by": "zero_shot_ratio"}, ["utility_weight above 0"]),
        ({"scheduler": {"kind": "pbt"}, "search": {"kind": "tpe"}}, ["not from tpe"]),
        ({"scheduler": {"kind": "pbt"}, "space": {"backbone": [SMALL]}}, ["pbt needs one of"]),
        (
            {"scheduler": {"kind": "pbt"}, "space": {"consistency_weight": [0.0, 0.1]}},
            ["from or to 0"],
        ),
    ],
    ids=lambda value: value[0].replace(" ", "-") if isinstance(value, list) else "",
)  # fmt: skip
def test_nonsense_is_one_line_that_names_the_culprit(params: Tree, changes: Tree, words: list[str]) -> None:
    with pytest.raises(UserError) as caught:
        config(params, **changes)
    assert "\n" not in str(caught.value)
    for word in words:
        assert word in str(caught.value)
