"""Laws of what the service accepts: powers or a error with a status, whatever the bytes are."""

import contextlib
import io
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from components.model.backbone import BackboneConfig
from components.model.export import export_onnx
from components.model.heads import PowerModel
from components.model.prompted import ConditioningConfig, PromptedModel
from pipelines.registry import pyfunc_program, versions
from pipelines.runtime import runs
from pipelines.serving.content import NPY
from pipelines.serving.errors import HTTPError
from pipelines.serving.requests import (
    Limits,
    Program,
    answer_together,
    grouped,
    parse,
    parts,
    routed,
)
from pipelines.stages.register import PARAMETERS

CONFIG = BackboneConfig(layers=1, width=16, heads=4, bias_width=8)
LIMITS = Limits(max_links=6, max_batch=4)


def registered(model: PowerModel | PromptedModel, name: str, parameters: dict | None) -> Program:
    export_onnx(model, Path(f"{name}.onnx"))
    runs.connect()
    with runs.run("register", {}) as run:
        graph = {"graph": Path(f"{name}.onnx")}
        number = versions.add_version(run, name, pyfunc_program.PATH, graph, ["mlflow"], {}, parameters)
    return versions.program(versions.fetch(f"models:/{name}/{number}"))


@pytest.fixture(scope="module")
def any_goal(module_workspace: Path) -> Program:
    torch.manual_seed(0)
    return registered(PromptedModel(CONFIG, ConditioningConfig()), "gfm-ra-prompted", PARAMETERS)


@pytest.fixture(scope="module")
def one_goal(module_workspace: Path) -> Program:
    torch.manual_seed(0)
    return registered(PowerModel(CONFIG), "gfm-ra-sum-rate", None)


def gains(batch: int, links: int) -> np.ndarray:
    return np.random.default_rng(links).normal(10.0, 15.0, (batch, links, links)).astype(np.float32)


def npy(values: np.ndarray) -> bytes:
    out = io.BytesIO()
    np.save(out, values)
    return out.getvalue()


def as_json(**fields: object) -> bytes:
    return json.dumps(fields).encode()


def test_json_and_npy_mean_the_same(any_goal: Program) -> None:
    gain_db = gains(2, 3)
    goal = {"goal": "qos", "min_rate": 0.5, "weights": [1.0, 2.0, 3.0]}
    one = parse(as_json(gain_db=gain_db.tolist(), **goal), "application/json", {}, any_goal, LIMITS)
    query = {"goal": "qos", "min_rate": "0.5", "weights": "1,2,3"}
    other = parse(npy(gain_db), NPY, query, any_goal, LIMITS)
    assert set(one) == set(other) == {"gain_db", "parameters", "weights"}
    for name, values in one.items():
        np.testing.assert_array_equal(values, other[name])


def test_one_network_needs_no_outer_list(one_goal: Program) -> None:
    inputs = parse(as_json(gain_db=[[40.0, 3.0], [2.0, 30.0]]), "", {}, one_goal, LIMITS)
    assert inputs["gain_db"].shape == (1, 2, 2)


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        (b"", 400, "no JSON"),
        (b"\xff\xfe\x00", 400, "no JSON"),
        (b"[" * 200_000, 400, "no JSON"),
        (b"[1, 2]", 400, "must be an object"),
        (b"{}", 400, "gain_db is missing"),
        (as_json(gain_db=[[1, 2], [3]]), 400, "inhomogeneous"),
        (as_json(gain_db=[["a", "b"], ["c", "d"]]), 400, "must be numbers"),
        (as_json(gain_db=[[None, 1], [1, 1]]), 400, "must be numbers"),
        (as_json(gain_db=7), 400, "shape"),
        (as_json(gain_db=[[1, 2, 3]]), 400, "shape"),
        (as_json(gain_db=[]), 400, "shape"),
        (b'{"gain_db": [[NaN]]}', 400, "own gain must be known"),
        (b'{"gain_db": [[1e999]]}', 400, "holds infinity"),
        (b'{"gain_db": [[1e300]]}', 400, "linear gains"),
        (as_json(gain_db=[[10**400]]), 400, "must be numbers"),
        (as_json(gain_db=[[1]], speed=1), 400, "speed: unknown"),
        (as_json(gain_db=[[1]], goal="speed"), 400, "unknown"),
        (as_json(gain_db=[[1]], goal=["qos"]), 400, "unknown"),
        (as_json(gain_db=[[1]], goal="qos", min_rate="x"), 400, "min_rate must be"),
        (as_json(gain_db=[[1]], weights=[1, 2]), 400, "weights must be 1 numbers"),
        (as_json(gain_db=np.zeros((1, 7, 7)).tolist()), 413, "at most 6"),
        (as_json(gain_db=np.zeros((5, 1, 1)).tolist()), 413, "at most 4"),
    ],
    ids=str,
)  # fmt: skip
def test_what_is_no_request_is_refused(any_goal: Program, body: bytes, status: int, said: str) -> None:
    with pytest.raises(HTTPError, match=said) as caught:
        parse(body, "application/json", {}, any_goal, LIMITS)
    assert caught.value.status == status


def test_a_goal_for_a_model_of_one_goal_is_refused(one_goal: Program) -> None:
    with pytest.raises(HTTPError, match="leave out goal"):
        parse(as_json(gain_db=[[1]], goal="qos"), "", {}, one_goal, LIMITS)


def lying(shape: str) -> bytes:
    head = f"{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}".ljust(117) + "\n"
    return b"\x93NUMPY\x01\x00" + len(head).to_bytes(2, "little") + head.encode() + b"\0" * 16


@pytest.mark.parametrize(
    "body",
    [
        b"", b"\x93NUMPY", npy(gains(1, 2))[:-4], npy(np.array([[None]], object)),
        lying("(99999, 99999, 99999)"), lying("(-1, 2)"),
    ],
    ids=["empty", "cut", "short", "pickle", "huge", "negative"],
)  # fmt: skip
def test_what_is_no_npy_is_refused_before_memory_is_taken(one_goal: Program, body: bytes) -> None:
    with pytest.raises(HTTPError) as caught:
        parse(body, NPY, {}, one_goal, LIMITS)
    assert caught.value.status == 400


@given(body=st.binary(max_size=200), kind=st.sampled_from(["application/json", NPY]))
def test_no_bytes_raise_anything_but_a_refusal(one_goal: Program, body: bytes, kind: str) -> None:
    for content in (body, b'{"gain_db": ' + body, npy(gains(1, 2))[: len(body)] + body):
        with contextlib.suppress(HTTPError):
            parse(content, kind, {}, one_goal, LIMITS)


def test_together_or_in_parts_the_powers_are_the_same(any_goal: Program) -> None:
    goals = ({}, {"goal": "qos"}, {"goal": "proportional-fair"}, {"weights": [1.0, 2.0, 3.0]})
    requests = [any_goal.prepare(gains(number + 1, 3), goal) for number, goal in enumerate(goals)]
    for inputs, power in zip(requests, answer_together(requests, any_goal), strict=True):
        np.testing.assert_allclose(power, any_goal.run(inputs), atol=1e-5)
        cut = np.concatenate([any_goal.run(part) for part in parts(inputs, 9)])
        np.testing.assert_allclose(cut, power, atol=1e-5)


def test_requests_of_one_k_form_a_group(one_goal: Program) -> None:
    requests = [one_goal.prepare(gains(1, links), {}) for links in (2, 3, 2, 4, 3)]
    assert grouped(requests) == [[0, 2], [1, 4], [3]]


@pytest.mark.parametrize(("limit", "runs"), [(1, 4), (9, 4), (18, 2), (35, 2), (1000, 1)])
def test_parts_hold_at_most_so_many_gains(one_goal: Program, limit: int, runs: int) -> None:
    assert len(parts(one_goal.prepare(gains(4, 3), {}), limit)) == runs


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"min_rate": 0.5}, "min_rate belongs to goal qos"),
        ({"goal": "qos", "alpha": 2.0}, "alpha belongs to goal alpha-fair"),
        ({"goal": "alpha-fair", "alpha": 10**30}, "alpha must be a number from 0 to 10"),
        ({"goal": "qos", "penalty": 1e39}, "penalty must be"),
    ],
)
def test_a_number_without_its_goal_or_beyond_its_range_is_refused(
    any_goal: Program, fields: dict, said: str
) -> None:
    with pytest.raises(HTTPError, match=said):
        parse(as_json(gain_db=gains(1, 2).tolist(), **fields), "application/json", {}, any_goal, LIMITS)


@pytest.mark.parametrize("header", [b"{'descr': (", b"-" * 6000, b"1+" * 3000 + b"1"])
def test_a_header_that_is_no_literal_is_refused(one_goal: Program, header: bytes) -> None:
    body = b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header
    with pytest.raises(HTTPError, match=r"no \.npy file"):
        parse(body, NPY, {}, one_goal, LIMITS)


@pytest.mark.parametrize("query", [{"goal": "qos", "min_rate": "3"}, {"goal": "qos"}, {"weights": "1,1"}])
def test_a_query_beside_a_json_body_is_refused(query: dict[str, str], any_goal: Program) -> None:
    body = json.dumps({"gain_db": gains(1, 2).tolist()}).encode()
    with pytest.raises(HTTPError, match="beside a JSON body nothing is read there") as caught:
        parse(body, "application/json", query, any_goal, LIMITS)
    assert caught.value.status == 400


@pytest.mark.parametrize(
    "body",
    [
        '{"gain_db": [[1, 2], [3, 4]], "goal": "qos", "goal": "sum-rate"}',
        '{"gain_db": [[1]], "gain_db": [[2]]}',
        '{"gain_db": [[1]], "note": {"a": 1, "a": 2}}',
    ],
)
def test_a_name_twice_in_a_body_is_refused(body: str, any_goal: Program) -> None:
    with pytest.raises(HTTPError, match="more than once in the body") as caught:
        parse(body.encode(), "application/json", {}, any_goal, LIMITS)
    assert caught.value.status == 400


def test_a_body_in_another_encoding_says_which_byte(any_goal: Program) -> None:
    with pytest.raises(HTTPError, match="byte 12 is not UTF-8"):
        parse(b'{"goal": "fu\xfcr"}', "application/json", {}, any_goal, LIMITS)


@pytest.mark.parametrize("path", ["/health", "/health/", "/metrics", "/metrics/"])
@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
def test_what_is_read_is_read_by_head_too(method: str, path: str) -> None:
    assert routed(method, path, []) == path.rstrip("/")


def refused(method: str, path: str, query: list[tuple[str, str]]) -> HTTPError:
    with pytest.raises(HTTPError) as caught:
        routed(method, path, query)
    return caught.value


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [("GET", "/allocate", "POST, OPTIONS"), ("HEAD", "/allocate/", "POST, OPTIONS"),
     ("POST", "/health", "GET, HEAD, OPTIONS"), ("DELETE", "/metrics", "GET, HEAD, OPTIONS")],
)  # fmt: skip
def test_a_wrong_method_is_told_the_right_ones(method: str, path: str, allow: str) -> None:
    error = refused(method, path, [])
    assert (error.status, error.headers) == (405, {"allow": allow})


@pytest.mark.parametrize(
    ("path", "query", "words"),
    [
        ("/allocate", [("golas", "qos")], "golas: unknown in the query; send goal, "),
        ("/allocate", [("gain_db", "1")], "gain_db: unknown in the query"),
        ("/allocate", [("goal", "qos"), ("goal", "sum-rate")], "goal: more than once in the query"),
        ("/health", [("verbose", "1")], "verbose: unknown in the query; /health takes none"),
        ("/metrics", [("name", "x")], "name: unknown in the query; /metrics takes none"),
    ],
)
def test_a_query_that_would_not_be_used_is_refused(
    path: str, query: list[tuple[str, str]], words: str
) -> None:
    error = refused("POST" if path == "/allocate" else "GET", path, query)
    assert error.status == 400
    assert words in str(error)


def test_an_unknown_path_is_not_there() -> None:
    assert refused("GET", "/", []).status == 404
