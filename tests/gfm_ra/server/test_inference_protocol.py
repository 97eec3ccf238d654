"""Laws of the Open Inference Protocol v2 over REST: its JSON, its binary tensors, and what it refuses."""

import contextlib
import json
import struct
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import gfm_ra
from gfm_ra.server.errors import HTTPError
from gfm_ra.server.formats.inference_protocol import Request, read, write
from gfm_ra.server.settings import Limits

LIMITS = Limits(max_links=6, max_batch=4)
ALLOCATOR = gfm_ra.load()
GAIN_DB = np.random.default_rng(1).normal(20.0, 10.0, (2, 3, 3)).astype(np.float32)
TENSOR = {"name": "gain_db", "shape": [2, 3, 3], "datatype": "FP32"}


def asked(fields: dict[str, Any], binary: bytes | None = None) -> Request:
    text = json.dumps(fields).encode()
    return read(text + (binary or b""), None if binary is None else str(len(text)), ALLOCATOR, LIMITS)


def with_data(**changes: Any) -> dict[str, Any]:
    return TENSOR | {"data": GAIN_DB.ravel().tolist()} | changes


def with_bytes(values: np.ndarray, name: str = "gain_db", kind: str = "FP32") -> dict[str, Any]:
    return {
        "name": name, "shape": list(values.shape), "datatype": kind, "parameters": {"binary_data_size": values.nbytes},
    }  # fmt: skip


@pytest.mark.parametrize("data", [GAIN_DB.tolist(), GAIN_DB.ravel().tolist()], ids=["nested", "flat"])
def test_data_may_be_nested_or_flat(data: list[Any]) -> None:
    np.testing.assert_array_equal(
        asked({"inputs": [TENSOR | {"data": data}]}).question.network.gain_db, GAIN_DB
    )


@pytest.mark.parametrize(
    ("kind", "dtype"),
    [("FP32", "<f4"), ("FP64", "<f8"), ("FP16", "<f2"), ("INT32", "<i4"), ("INT8", "i1"), ("UINT16", "<u2")],
)
def test_every_kind_of_number_may_be_binary(kind: str, dtype: str) -> None:
    values = np.abs(GAIN_DB).astype(dtype)
    found = asked({"inputs": [with_bytes(values, kind=kind)]}, values.tobytes()).question.network.gain_db
    assert found.dtype in (np.float32, np.float64)
    np.testing.assert_array_equal(found, values)


def test_tensors_follow_each_other_in_binary() -> None:
    weights = np.array([[1.0, 2.0, 3.0]], np.float32)
    hidden = np.zeros((2, 3, 3), bool)
    hidden[1, 0, 2] = True
    inputs = [with_bytes(hidden, "hidden", "BOOL"), with_bytes(GAIN_DB), with_bytes(weights, "weights")]
    found = asked({"inputs": inputs}, hidden.tobytes() + GAIN_DB.tobytes() + weights.tobytes()).question
    np.testing.assert_array_equal(np.isnan(found.network.gain_db), hidden)
    assert found.goal.name == "weighted"


def test_null_and_nan_are_unknown() -> None:
    data = GAIN_DB.ravel().tolist()
    data[1] = None
    assert asked({"inputs": [TENSOR | {"data": data}]}).question.network.survey.unknown == 1
    values = GAIN_DB.copy()
    values[0, 0, 1] = np.nan
    assert asked({"inputs": [with_bytes(values)]}, values.tobytes()).question.network.survey.unknown == 1


def test_parameters_are_the_goal_s_numbers() -> None:
    parameters = {"goal": "qos", "min_rate": 0.5, "penalty": 9, "effort": "best", "seed": 3}
    found = asked({"inputs": [with_data()], "parameters": parameters}).question
    assert found.goal == gfm_ra.QoS(0.5, 9.0)
    assert (found.effort, found.seed) == ("best", 3)
    parameters = {"goal": "energy-efficiency", "circuit_power": 1, "energy_kind": "weighted-sum"}
    found = asked({"inputs": [with_data()], "parameters": parameters}).question
    assert found.goal == gfm_ra.EnergyEfficiency(1.0, kind="weighted-sum")


@pytest.mark.parametrize(
    ("more", "binary"),
    [
        ({}, False), ({"parameters": {"binary_data_output": True}}, True), ({"outputs": [{"name": "power"}]}, False),
        ({"outputs": [{"name": "power", "parameters": {"binary_data": True}}]}, True),
        ({"outputs": [{"name": "power", "parameters": {"binary_data": False}}]}, False),
    ],
)  # fmt: skip
def test_powers_come_as_they_are_asked_for(more: dict[str, Any], binary: bool) -> None:
    request = asked({"id": "7", "inputs": [with_data()]} | more)
    assert request.binary == binary
    power = np.array([[1.0, 0.5, 0.25], [0.0, 1.0, 0.125]], np.float32)
    body, headers = write(power, request, "gfm-ra", "3")
    length = int(headers.get("inference-header-content-length", len(body)))
    found = json.loads(body[:length])
    assert (found["model_name"], found["model_version"], found["id"]) == ("gfm-ra", "3", "7")
    (output,) = found["outputs"]
    assert (output["name"], output["datatype"], output["shape"]) == ("power", "FP32", [2, 3])
    if binary:
        assert output["parameters"] == {"binary_data_size": 24}
        assert struct.unpack("<6f", body[length:]) == tuple(power.ravel())
    else:
        assert output["data"] == power.ravel().tolist()


@pytest.mark.parametrize(
    ("fields", "status", "said"),
    [
        ({}, 400, "inputs must be a list"), ({"inputs": []}, 400, "inputs must be a list"),
        ({"inputs": [7]}, 400, "must be an object"), ({"inputs": [with_data(name=3)]}, 400, "no name"),
        ({"inputs": [with_data()], "golas": 1}, 400, "golas: unknown"),
        ({"inputs": [with_data(speed=1)]}, 400, "speed: unknown"),
        ({"inputs": [with_data(name="gain")]}, 400, "input gain is unknown"),
        ({"inputs": [with_data(), with_data()]}, 400, "comes twice"),
        ({"inputs": [with_data()], "parameters": {"speed": 1}}, 400, "parameter speed is unknown"),
        ({"inputs": [with_data()], "parameters": [1]}, 400, "parameters must be an object"),
        ({"inputs": [with_data()], "outputs": [{"name": "rate"}]}, 400, "output rate is unknown"),
        ({"inputs": [with_data()], "id": 7}, 400, "id must be text"),
        ({"inputs": [TENSOR]}, 400, "neither data nor binary_data_size"),
        ({"inputs": [with_data(parameters={"binary_data_size": 72})]}, 400, "send one of them"),
        ({"inputs": [TENSOR | {"parameters": {"binary_data_size": 72}}]}, 400, "header Inference-Header"),
        ({"inputs": [with_data(shape=[2, 3])]}, 422, "do not fit shape"),
        ({"inputs": [with_data(shape=[-1, 3, 3])]}, 400, "whole numbers"),
        ({"inputs": [with_data(shape="x")]}, 400, "whole numbers"),
        ({"inputs": [with_data(datatype="BYTES")]}, 422, "datatype must be one of"),
        ({"inputs": [with_data(datatype="BOOL")]}, 422, "true and false"),
        ({"inputs": [with_data(data="x")]}, 400, "data must be a list"),
        ({"inputs": [with_data(data=[[1, 2], [3]])]}, 422, "flat or in rows of the same length"),
        ({"inputs": [with_data(data=["a"] * 18)]}, 422, "must be numbers"),
        ({"inputs": [with_data(data=[True] * 18)]}, 422, "true or false"),
        ({"inputs": [with_data(data=[None] * 18)]}, 422, "own gain must be known"),
        ({"inputs": [with_data(datatype="INT32", data=[0.5] * 18)]}, 422, "no whole numbers"),
        ({"inputs": [with_data(datatype="INT8", data=[200] * 18)]}, 422, "outside -128 to 127"),
        ({"inputs": [with_data(shape=[0, 2**31 - 1, 2**31 - 1, 2**31 - 1], data=[])]}, 400, "up to 3 whole numbers"),
        ({"inputs": [with_data(name="x")] * 4}, 400, "4 inputs"),
        ({"inputs": [with_data()], "parameters": {"goal": "speed"}}, 422, "speed"),
        ({"inputs": [with_data(shape=[1, 7, 7], data=[0.0] * 49)]}, 413, "at most 6"),
    ],
    ids=str,
)  # fmt: skip
def test_what_makes_no_sense_is_refused(fields: dict[str, Any], status: int, said: str) -> None:
    with pytest.raises(HTTPError) as caught:
        asked(fields)
    assert said in str(caught.value)
    assert caught.value.status == status


@pytest.mark.parametrize(
    ("size", "bytes_sent", "said"),
    [
        (71, 72, "are 72 bytes, not 71"), (72, 71, "72 bytes are named, 71 follow"),
        (72, 73, "of which inputs name 72"),
        (True, 72, "are 72 bytes, not True"), (10**30, 72, r"not 1e\+30"),
    ],
)  # fmt: skip
def test_binary_tensors_are_as_long_as_they_say(size: Any, bytes_sent: int, said: str) -> None:
    tensor = TENSOR | {"parameters": {"binary_data_size": size}}
    with pytest.raises(HTTPError, match=said):
        asked({"inputs": [tensor]}, b"\0" * bytes_sent)


@pytest.mark.parametrize("length", ["x", "-1", "99999", "1.5", "", "1" * 5000])
def test_the_length_of_the_json_is_a_number_of_bytes(length: str) -> None:
    with pytest.raises(HTTPError, match="Inference-Header-Content-Length must be"):
        read(b"{}", length, ALLOCATOR, LIMITS)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers(-5, 2**40) | st.floats() | st.text(max_size=4),
        lambda inner: (
            st.lists(inner, max_size=4)
            | st.dictionaries(
                st.sampled_from(
                    ["name", "shape", "datatype", "data", "parameters", "inputs", "outputs", "id"]
                ),
                inner,
                max_size=5,
            )
        ),
        max_leaves=20,
    ),
    st.binary(max_size=80),
)
def test_no_request_raises_anything_but_a_refusal(fields: Any, binary: bytes) -> None:
    for whole in (
        fields,
        {"inputs": fields},
        {"inputs": [TENSOR | (fields if isinstance(fields, dict) else {})]},
    ):
        text = json.dumps(whole).encode()
        for length in (None, str(len(text))):
            with contextlib.suppress(HTTPError):
                read(text + (binary if length else b""), length, ALLOCATOR, LIMITS)
