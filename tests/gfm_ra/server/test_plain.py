"""Laws of what POST /allocate accepts: powers, or an error with a status, whatever the bytes are."""

import contextlib
import io
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import gfm_ra
from gfm_ra.energy import EnergyEfficiency
from gfm_ra.goals import QoS, Weighted
from gfm_ra.server.errors import HTTPError
from gfm_ra.server.formats.body import NPY
from gfm_ra.server.formats.npy import read_npy, write_npy
from gfm_ra.server.formats.plain import read, write
from gfm_ra.server.question import Question
from gfm_ra.server.settings import Limits

LIMITS = Limits(max_links=6, max_batch=4)
ALLOCATOR = gfm_ra.load()


def gains(batch: int, links: int) -> np.ndarray:
    return np.random.default_rng(links).normal(10.0, 15.0, (batch, links, links)).astype(np.float32)


def npy(values: np.ndarray) -> bytes:
    out = io.BytesIO()
    np.save(out, values)
    return out.getvalue()


def as_json(**fields: object) -> bytes:
    return json.dumps(fields).encode()


def asked(body: bytes, kind: str = "application/json", query: dict[str, str] | None = None) -> Question:
    return read(body, kind, list((query or {}).items()), ALLOCATOR, LIMITS)


def refused(body: bytes, kind: str = "application/json", query: dict[str, str] | None = None) -> HTTPError:
    with pytest.raises(HTTPError) as caught:
        asked(body, kind, query)
    assert "\n" not in str(caught.value)
    return caught.value


def test_json_and_npy_mean_the_same() -> None:
    gain_db = gains(2, 3)
    options = {"goal": "qos", "min_rate": 0.5, "weights": [1.0, 2.0, 3.0], "effort": "fast", "seed": 7}
    one = asked(as_json(gain_db=gain_db.tolist(), **options))
    query = {"goal": "qos", "min_rate": "0.5", "weights": "1,2,3", "effort": "fast", "seed": "7"}
    other = asked(npy(gain_db), NPY, query)
    for found in (one, other):
        assert found.goal == Weighted(QoS(0.5), np.array([1.0, 2.0, 3.0]))
        assert (found.effort, found.seed, found.links) == ("fast", 7, 3)
        np.testing.assert_allclose(found.network.gain_db, gain_db, rtol=1e-6)


def test_energy_efficiency_has_its_numbers_and_its_kind() -> None:
    gain_db, expected = gains(2, 3), EnergyEfficiency(0.5, 0.4, "weighted-sum")
    options = {"goal": "energy-efficiency", "amplifier_efficiency": 0.4, "energy_kind": "weighted-sum"}
    one = asked(as_json(gain_db=gain_db.tolist(), circuit_power=0.5, **options))
    query = {name: str(value) for name, value in options.items()}
    other = asked(npy(gain_db), NPY, query | {"circuit_power": "0.5"})
    assert one.goal == other.goal == expected
    sum_rate = asked(as_json(gain_db=gain_db.tolist()))
    assert one.microseconds > 10 * sum_rate.microseconds


def test_gains_may_be_linear_and_hidden() -> None:
    gain = (10.0 ** (gains(2, 3) / 10.0)).astype(np.float64)
    hidden = np.zeros((3, 3), bool)
    hidden[0, 1] = True
    found = asked(as_json(gain=gain.tolist(), hidden=hidden.tolist()))
    assert not found.network.given_db
    assert np.isnan(found.network.gain[:, 0, 1]).all()
    assert found.network.survey.unknown == 2
    same = asked(as_json(gain=np.where(hidden, None, gain.astype(object)).tolist()))
    np.testing.assert_array_equal(found.network.gain, same.network.gain)


def test_one_network_needs_no_outer_list() -> None:
    assert len(asked(as_json(gain_db=[[40.0, 3.0], [2.0, 30.0]]), "").network) == 1


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        (b"{}", 400, "send gain_db"),
        (as_json(gain_db=[[1]], gain=[[1]]), 400, "one of them"),
        (as_json(gain_db=[[1]], speed=1), 400, "speed: unknown"),
        (as_json(gain_db=[[1, 2], [3]]), 422, "gain_db[1] has 1 entries"),
        (as_json(gain_db=[["a", "b"], ["c", "d"]]), 422, "gain_db[0][0] is text"),
        (as_json(gain_db=[[1, 2], [3, None]]), 422, "link 1 of network 0 itself is unknown"),
        (as_json(gain_db=[[1, True], [3, 4]]), 422, "gain_db[0][1] is true or false"),
        (as_json(gain_db=7), 422, "nested lists"),
        (as_json(gain_db=[[1, 2, 3]]), 422, "[..., K, K]"),
        (as_json(gain_db=[]), 422, "must be [K, K] or [B, K, K]"),
        (b'{"gain_db": [[NaN]]}', 422, "own gain must be known"),
        (b'{"gain_db": [[1, Infinity], [1, 1]]}', 422, "gain_db[0, 0, 1] is inf"),
        (b'{"gain_db": [[1e300]]}', 422, "linear gains"),
        (as_json(gain_db=[[10**400]]), 422, "gain_db"),
        (as_json(gain=[[-1]]), 422, "gain[0, 0, 0] is -1"),
        (as_json(gain_db=[[1]], goal="speed"), 422, "speed"),
        (as_json(gain_db=[[1]], goal=["qos"]), 422, "goal must be a name"),
        (as_json(gain_db=[[1]], goal="qos", min_rate="x"), 422, "min_rate must be"),
        (as_json(gain_db=[[1]], goal="qos", min_rate=True), 422, "min_rate must be"),
        (as_json(gain_db=[[1]], weights=[1, 2]), 422, "weights"),
        (as_json(gain_db=[[1]], weights=[[1], [1, 2]]), 422, "weights[1] has 2"),
        (as_json(gain_db=[[1]], effort="more"), 422, "effort must be one of fast, balanced, best"),
        (as_json(gain_db=[[1]], seed=-1), 422, "seed must be"),
        (as_json(gain_db=[[1]], seed=1.5), 422, "seed must be"),
        (as_json(gain_db=[[1]], hidden=[[0.5]]), 422, "hidden must be true and false"),
        (as_json(gain_db=[[1]], hidden=[[True, False]]), 422, "hidden has shape [1, 2]"),
        (as_json(gain_db=[[1]], min_rate=0.5), 422, "min_rate belongs to goal qos"),
        (as_json(gain_db=[[1]], goal="energy-efficiency"), 422, "needs circuit_power"),
        (as_json(gain_db=[[1]], goal="energy-efficiency", circuit_power=-1), 422, "circuit_power must be finite"),
        (as_json(gain_db=[[1]], goal="energy-efficiency", circuit_power="1"), 422, "circuit_power must be a number"),
        (as_json(gain_db=[[1]], goal="energy-efficiency", circuit_power=10**400), 422, "circuit_power is too large"),
        (as_json(gain_db=[[1]], goal="energy-efficiency", circuit_power=1, energy_kind=["global"]), 422,
         "energy_kind must be one of global, weighted-sum"),
        (as_json(gain_db=[[1]], goal="energy-efficiency", circuit_power=1, energy_kind="all"), 422, "energy_kind"),
        (as_json(gain_db=[[1]], goal="energy-efficiency", circuit_power=1, amplifier_efficiency=0), 422,
         "amplifier_efficiency must be above 0"),
        (as_json(gain_db=[[1]], circuit_power=1), 422, "circuit_power belongs to goal energy-efficiency"),
        (as_json(gain_db=[[1]], goal="qos", energy_kind="global"), 422, "energy_kind belongs to goal energy-eff"),
        (as_json(gain_db=[[1]], goal="qos", alpha=2.0), 422, "alpha belongs to goal alpha-fair"),
        (as_json(gain_db=[[1]], goal="alpha-fair", alpha=10**30), 422, "alpha"),
        (as_json(gain_db=[[1]], goal="alpha-fair", alpha=10**20), 422, "alpha"),
        (as_json(gain_db=[[1]], goal="alpha-fair", alpha=10**400), 422, "alpha"),
        (b'{"gain_db":' + b"[" * 900 + b"]" * 900 + b"}", 422, "nested more than 3"),
        (as_json(gain_db=np.zeros((1, 7, 7)).tolist()), 413, "at most 6"),
        (as_json(gain_db=np.zeros((5, 1, 1)).tolist()), 413, "at most 4"),
    ],
    ids=str,
)  # fmt: skip
def test_what_makes_no_sense_is_refused(body: bytes, status: int, said: str) -> None:
    error = refused(body)
    assert said in str(error)
    assert error.status == status


def lying(shape: str) -> bytes:
    head = f"{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}".ljust(117) + "\n"
    return b"\x93NUMPY\x01\x00" + len(head).to_bytes(2, "little") + head.encode() + b"\0" * 16


def headed(header: bytes) -> bytes:
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header


@pytest.mark.parametrize(
    "body",
    [
        b"", b"\x93NUMPY", npy(gains(1, 2))[:-4], npy(np.array([[None]], object)), npy(np.ones((2, 2), complex)),
        lying("(99999, 99999, 99999)"), lying("(-1, 2)"), npy(gains(1, 2)) + b"x",
        npy(np.ones((2, 2), bool)), npy(np.ones((1,) * 20, np.float32)),
        headed(b"{'descr': ("), headed(b"-" * 3000), headed(b"1+" * 1500 + b"1"), b"\x93NUMPY\x09\x00" + b"\0" * 20,
    ],
    ids=["empty", "cut", "short", "pickle", "complex", "huge", "negative", "long",
         "bool", "deep", "open", "minus", "sum", "version"],
)  # fmt: skip
def test_what_is_no_npy_is_refused_before_memory_is_taken(body: bytes) -> None:
    error = refused(body, NPY)
    assert error.status == 400
    assert "no .npy file" in str(error)


@pytest.mark.parametrize("dtype", ["<f4", ">f4", "<f8", "<f2", "<i4", "|u1"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_npy_of_any_kind_is_read_as_numpy_reads_it(dtype: str, order: str) -> None:
    values = np.asarray(np.abs(gains(2, 3)), dtype=dtype, order=order)  # type: ignore[call-overload]
    np.testing.assert_array_equal(read_npy(npy(values)), values)
    found = asked(npy(values), NPY).network.gain_db
    assert found.dtype in (np.float32, np.float64)
    np.testing.assert_array_equal(found, values.astype(np.float64))


@pytest.mark.parametrize("shape", [(), (3,), (2, 3), (0, 4)])
def test_npy_is_written_as_numpy_writes_it(shape: tuple[int, ...]) -> None:
    values = np.random.default_rng(1).normal(size=shape).astype(np.float32)
    np.testing.assert_array_equal(np.load(io.BytesIO(write_npy(values))), values)


@given(body=st.binary(max_size=200), kind=st.sampled_from(["application/json", NPY]))
def test_no_bytes_raise_anything_but_a_refusal(body: bytes, kind: str) -> None:
    for content in (body, b'{"gain_db": ' + body, npy(gains(1, 2))[: len(body)] + body):
        with contextlib.suppress(HTTPError):
            asked(content, kind)


@pytest.mark.parametrize(
    ("query", "status", "said"),
    [
        ([("golas", "qos")], 400, "golas: unknown in the query; send goal, "),
        ([("gain_db", "1")], 400, "gain_db: unknown in the query"),
        ([("goal", "qos"), ("goal", "sum-rate")], 400, "goal: more than once in the query"),
        ([("goal", "qos"), ("min_rate", "x")], 422, "min_rate in the query must be a number, got 'x'"),
        ([("weights", "1,,2")], 422, "weights in the query must be numbers between commas"),
        ([("seed", "1.5")], 422, "seed in the query must be a whole number"),
    ],
)
def test_a_query_that_would_not_be_used_is_refused(
    query: list[tuple[str, str]], status: int, said: str
) -> None:
    with pytest.raises(HTTPError) as caught:
        read(npy(gains(1, 2)), NPY, query, ALLOCATOR, LIMITS)
    assert caught.value.status == status
    assert said in str(caught.value)


@pytest.mark.parametrize("query", [{"goal": "qos", "min_rate": "3"}, {"goal": "qos"}, {"weights": "1,1"}])
def test_a_query_beside_a_json_body_is_refused(query: dict[str, str]) -> None:
    error = refused(as_json(gain_db=gains(1, 2).tolist()), "application/json", query)
    assert error.status == 400
    assert "beside a JSON body nothing is read there" in str(error)


def test_the_answer_says_what_its_reader_should_know() -> None:
    found = json.loads(write(np.array([[1.0, 0.5]], np.float32), "any", ["one", "two"]))
    assert found == {"power": [[1.0, 0.5]], "model": "any", "notes": ["one", "two"]}
