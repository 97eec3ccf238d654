"""Whatever is given for gains: allocator, command line and service answer with powers or with one clear line."""

import contextlib
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import gfm_ra
from components.evaluation.torch_allocator import Allocator
from components.model.backbone import BackboneConfig
from components.model.heads import PowerModel
from components.model.prompted import ConditioningConfig, PromptedModel
from gfm_ra.cli.main import dispatch
from gfm_ra.errors import UserError, one_line
from gfm_ra.goals import AlphaFair, Objective, ProportionalFair, QoS, SumRate
from gfm_ra.server.engine import answer_together
from gfm_ra.server.errors import HTTPError
from gfm_ra.server.formats.body import NPY
from gfm_ra.server.formats.plain import read
from gfm_ra.server.settings import Limits

CONFIG = BackboneConfig(layers=1, width=16, heads=4, bias_width=8, node_features="landmarks")
OBJECTIVES = (SumRate(), ProportionalFair(), QoS(), QoS(0.0, 0.0), AlphaFair(0.5), AlphaFair(3.0))
CASES = 1000
SERVED = gfm_ra.load()
DTYPES = (np.float64, np.float32, np.float16, np.int64, np.int8, np.uint16, np.bool_, np.complex64, np.str_)
NUMBERS = st.one_of(
    st.floats(-200.0, 200.0).map(lambda db: 10.0 ** (db / 10.0)),
    st.sampled_from([0.0, -0.0, 1e-45, 1e-20, 1.0, 1e20, 3e38, 1e300, -1.0, np.nan, np.inf, -np.inf]),
)
DECIBELS = st.one_of(
    st.floats(-200.0, 200.0), st.sampled_from([0.0, -1000.0, 201.0, 1e9, np.nan, np.inf, -np.inf])
)


@st.composite
def arrays(draw: st.DrawFn, numbers: st.SearchStrategy[float], usual: float = 0.7) -> np.ndarray:
    """Mostly [B, K, K] of floats, sometimes a link without any path; else any shape and type."""
    if draw(st.floats(0, 1)) < usual:
        batch, links = draw(st.integers(1, 3)), draw(st.integers(1, 6))
        values = draw(hnp.arrays(np.float64, (batch, links, links), elements=numbers, fill=numbers))
        if draw(st.booleans()):  # disconnected
            values[:, draw(st.integers(0, links - 1)), :] = 0.0
        return values
    shape = draw(hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4))
    values = np.full(shape, draw(numbers))
    with np.errstate(all="ignore"):
        return values.astype(draw(st.sampled_from(DTYPES)))


def are_powers(power: np.ndarray, shape: tuple[int, ...]) -> bool:
    return power.shape == shape and bool(
        np.isfinite(power).all() and (power >= 0).all() and (power <= 1).all()
    )


def is_one_line(said: str) -> bool:
    return "\n" not in said and len(said) > 10


@pytest.fixture(scope="module")
def allocators() -> tuple[Allocator, ...]:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        models = PowerModel(CONFIG), PromptedModel(CONFIG, ConditioningConfig())
    return tuple(Allocator.of(model, SumRate()) for model in models)


@settings(max_examples=CASES)
@given(gain=arrays(NUMBERS), goal=st.sampled_from(OBJECTIVES), polish=st.integers(0, 2), guard=st.booleans())
@pytest.mark.filterwarnings("ignore::numpy.exceptions.ComplexWarning")
def test_the_allocator_gives_powers_or_says_why_not(
    allocators: tuple[Allocator, ...], gain: np.ndarray, goal: Objective, polish: int, guard: bool
) -> None:
    for allocator in allocators:
        power, said = None, ""
        try:
            power = allocator.allocate(gain, goal, polish_iterations=polish, guard=guard)
        except ValueError as error:
            said = str(error)
        assert are_powers(power, gain.shape[:-1]) if power is not None else is_one_line(said)


@pytest.mark.parametrize("links", [1, 2, 500])
@pytest.mark.parametrize("spread_db", [0.0, 200.0])
def test_the_allocator_takes_any_size_and_any_range(
    allocators: tuple[Allocator, ...], links: int, spread_db: float
) -> None:
    decibels = np.random.default_rng(links).uniform(-spread_db, spread_db, (1, links, links))
    for allocator in allocators:
        power = allocator.allocate((10.0 ** (decibels / 10.0)).astype(np.float32), guard=links < 500)
        assert are_powers(power, (1, links))


def write_gains(path: Path, values: np.ndarray) -> None:
    """By NumPy itself: our writer has no business with scalars and text."""
    np.save(path, values) if path.suffix == ".npy" else np.savez(path, gain=values)


GOAL_WORDS = st.lists(
    st.one_of(
        st.sampled_from(
            ["sum-rate", "proportional-fair", "qos", "alpha-fair", "energy-efficiency", "speed", ""]
        ).map(lambda goal: ("--goal", goal)),
        st.tuples(
            st.sampled_from(["--alpha", "--min-rate", "--penalty", "--circuit-power"]), NUMBERS.map(str)
        ),
        st.just(("--db",)),
    ),
    max_size=3,
)


@settings(max_examples=CASES)
@given(
    values=st.one_of(arrays(NUMBERS), arrays(DECIBELS)),
    words=GOAL_WORDS,
    kind=st.sampled_from([".npy", ".npz"]),
)
@pytest.mark.filterwarnings("ignore::numpy.exceptions.ComplexWarning")
def test_the_command_line_gives_powers_or_one_line(
    tmp_path_factory: pytest.TempPathFactory, values: np.ndarray, words: list[tuple[str, ...]], kind: str
) -> None:
    folder = tmp_path_factory.getbasetemp()
    gains, powers = folder / f"gains{kind}", folder / "powers.npy"
    powers.unlink(missing_ok=True)
    write_gains(gains, values)
    asked = ["allocate", str(gains), str(powers), *(word for pair in words for word in pair)]
    refusal: BaseException | None = None
    try:
        with contextlib.redirect_stderr(io.StringIO()):
            dispatch(asked)
    except (
        ValueError,
        UserError,
        SystemExit,
    ) as error:  # `run` makes one line; the parser of options ends by itself
        refusal = error
    if refusal is None:
        assert are_powers(np.load(powers), values.shape[:-1])
        return
    assert not powers.exists()
    assert refusal.code == 2 if isinstance(refusal, SystemExit) else is_one_line(one_line(refusal))


@settings(max_examples=CASES)
@given(
    values=arrays(DECIBELS),
    goal=st.dictionaries(
        st.sampled_from(["goal", "alpha", "min_rate", "penalty", "weights", "extra"]),
        st.one_of(
            DECIBELS, st.sampled_from(["qos", "alpha-fair", "x"]), st.lists(DECIBELS, max_size=6), st.none()
        ),
        max_size=3,
    ),
    as_npy=st.booleans(),
)
def test_the_service_gives_powers_or_refuses(values: np.ndarray, goal: dict[str, Any], as_npy: bool) -> None:
    if as_npy:
        out = io.BytesIO()
        np.save(out, values)
        body, kind, query = out.getvalue(), NPY, [(name, str(value)) for name, value in goal.items()]
    else:
        fields = {"gain_db": np.asarray(values).astype(object).tolist()} | goal
        body, kind, query = json.dumps(fields, default=str).encode(), "application/json", []
    refusal, asked = None, None
    try:
        asked = read(body, kind, query, SERVED, Limits(max_links=5, max_batch=2))
    except HTTPError as error:
        refusal = error
    if asked is None:
        assert refusal is not None
        assert refusal.status in (400, 413, 422)
        assert is_one_line(str(refusal))
        return
    count, links = len(asked.network), asked.links
    assert count <= 2
    assert links <= 5
    (found,) = answer_together(SERVED, [asked])
    assert are_powers(found.power, (count, links))
