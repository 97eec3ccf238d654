"""Laws of the protocol over gRPC: right powers, errors as codes, and no message that harms the server."""

import random
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest

import gfm_ra
from gfm_ra.server.grpc.messages import METHODS, SERVICE, message
from tests.servers import Server, free_port

GAIN_DB = np.random.default_rng(1).normal(20.0, 10.0, (2, 4, 4)).astype(np.float32)
PROGRAM = str(Path(sys.executable).with_name("gfm-ra"))


@pytest.fixture(scope="module")
def server(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, int]]:
    port, calls = free_port(), free_port()
    command = [
        PROGRAM,
        "serve",
        "--port",
        str(port),
        "--grpc-port",
        str(calls),
        "--max-links",
        "16",
        "--max-body-mb",
        "1",
    ]
    found = Server(command, port, "/v2/health/ready", root, tmp_path_factory.mktemp("server"))
    yield found, calls
    found.end()


@pytest.fixture(scope="module")
def channel(server: tuple[Server, int]) -> Iterator[grpc.Channel]:
    with grpc.insecure_channel(f"127.0.0.1:{server[1]}", [("grpc.max_send_message_length", -1)]) as found:
        yield found


def call(channel: grpc.Channel, method: str, request: Any, raw: bool = False, **metadata: str) -> Any:
    asking = channel.unary_unary(
        f"/{SERVICE}/{method}",
        request_serializer=None if raw else lambda sent: sent.SerializeToString(),
        response_deserializer=message(f"{method}Response").FromString,
    )
    return asking(request, timeout=60, metadata=list(metadata.items()))


def request(values: np.ndarray = GAIN_DB, kind: str = "FP32", raw: bool = True, **parameters: Any) -> Any:
    found = message("ModelInferRequest")(model_name="gfm-ra", id="7")
    tensor = found.inputs.add(name="gain_db", datatype=kind, shape=values.shape)
    if raw:
        found.raw_input_contents.append(values.tobytes())
    else:
        tensor.contents.fp32_contents.extend(values.ravel().tolist())
    for name, value in parameters.items():
        kind = {str: "string_param", int: "int64_param", float: "double_param", bool: "bool_param"}[
            type(value)
        ]
        setattr(found.parameters[name], kind, value)
    return found


@pytest.mark.parametrize("raw", [True, False])
def test_powers_are_the_library_s(channel: grpc.Channel, raw: bool) -> None:
    answer = call(channel, "ModelInfer", request(raw=raw, goal="qos", min_rate=0.5, effort="best", seed=3))
    assert (answer.model_name, answer.model_version, answer.id) == ("gfm-ra", "4", "7")
    (output,) = answer.outputs
    power = np.frombuffer(answer.raw_output_contents[0], "<f4").reshape(tuple(output.shape))
    expected = gfm_ra.load().allocate(gain_db=GAIN_DB, goal="qos", min_rate=0.5, effort="best", seed=3).power
    np.testing.assert_array_equal(power, expected)


def test_who_asks_is_told_what_is_there(channel: grpc.Channel) -> None:
    assert call(channel, "ServerLive", message("ServerLiveRequest")()).live
    assert call(channel, "ServerReady", message("ServerReadyRequest")()).ready
    assert call(channel, "ModelReady", message("ModelReadyRequest")(name="gfm-ra", version="4")).ready
    assert not call(channel, "ModelReady", message("ModelReadyRequest")(name="nobody")).ready
    assert call(channel, "ServerMetadata", message("ServerMetadataRequest")()).name == "gfm-ra"
    model = call(channel, "ModelMetadata", message("ModelMetadataRequest")(name="gfm-ra"))
    assert [tensor.name for tensor in model.inputs] == ["gain_db", "weights", "hidden"]
    assert list(model.outputs[0].shape) == [-1, -1]


def broken(**changes: Any) -> Any:
    found = request()
    for name, value in changes.items():
        if name in ("name", "datatype"):
            setattr(found.inputs[0], name, value)
        elif name == "shape":
            del found.inputs[0].shape[:]
            found.inputs[0].shape.extend(value)
        else:
            setattr(found, name, value)
    return found


def twice() -> Any:
    found = request()
    found.inputs.add(name="gain_db", datatype="FP32", shape=[0])
    found.raw_input_contents.append(b"")
    return found


@pytest.mark.parametrize(
    ("asked", "code", "said"),
    [
        (request(goal="speed"), "INVALID_ARGUMENT", "speed"), (request(golas="x"), "INVALID_ARGUMENT", "golas"),
        (request(min_rate=True, goal="qos"), "INVALID_ARGUMENT", "min_rate"),
        (broken(model_name="x"), "NOT_FOUND", "no model x"), (broken(model_version="9"), "NOT_FOUND", "there is 4"),
        (broken(name="gain"), "INVALID_ARGUMENT", "input gain is unknown"),
        (broken(datatype="BYTES"), "INVALID_ARGUMENT", "datatype"),
        (broken(datatype="FP64"), "INVALID_ARGUMENT", "bytes"),
        (broken(shape=[2, -1, 4]), "INVALID_ARGUMENT", "whole numbers"),
        (broken(shape=[2, 4]), "INVALID_ARGUMENT", "bytes"),
        (broken(shape=[2**40, 2**40]), "INVALID_ARGUMENT", "whole numbers"),
        (request(np.zeros((1, 17, 17), np.float32)), "INVALID_ARGUMENT", "at most 16"),
        (request(np.full((1, 2, 2), np.inf, np.float32)), "INVALID_ARGUMENT", "is inf"),
        (request(np.full((1, 2, 2), np.nan, np.float32)), "INVALID_ARGUMENT", "own gain"),
        (twice(), "INVALID_ARGUMENT", "twice"),
        (broken(shape=[0, 2**30, 2**30, 2**30]), "INVALID_ARGUMENT", "up to 3 whole numbers"),
        (message("ModelInferRequest")(model_name="gfm-ra"), "INVALID_ARGUMENT", "missing"),
        (request(np.zeros((1300, 16, 16), np.float32)), "RESOURCE_EXHAUSTED", ""),
    ],
)  # fmt: skip
def test_errors_are_codes(channel: grpc.Channel, asked: Any, code: str, said: str) -> None:
    with pytest.raises(grpc.RpcError) as refused:
        call(channel, "ModelInfer", asked)
    assert refused.value.code().name == code  # type: ignore[attr-defined]
    assert said in refused.value.details()  # type: ignore[attr-defined]


def test_no_message_is_a_fault_of_the_server(channel: grpc.Channel, server: tuple[Server, int]) -> None:
    chance, whole = random.Random(1), request(goal="qos").SerializeToString()
    codes = set()
    for number in range(1000):
        bytes_sent = bytearray(whole)
        for _ in range(chance.randrange(1, 6)):
            place = chance.randrange(len(bytes_sent))
            bytes_sent[place] = chance.randrange(256)
        sent = bytes(bytes_sent[: chance.randrange(len(bytes_sent))] if number % 3 == 0 else bytes_sent)
        try:
            call(channel, chance.choice(METHODS) if number % 5 == 0 else "ModelInfer", sent, raw=True)
        except grpc.RpcError as error:
            codes.add(error.code().name)  # type: ignore[attr-defined]
    # A message that is none never reaches the service: gRPC itself says INTERNAL or UNKNOWN.
    assert codes <= {"INVALID_ARGUMENT", "NOT_FOUND", "INTERNAL", "UNKNOWN"}
    text = server[0].ask("GET", "/metrics")[1].decode()
    assert not [line for line in text.splitlines() if "_requests_total{" in line and 'status="500"' in line]
    assert call(channel, "ServerReady", message("ServerReadyRequest")()).ready


def test_an_ending_server_refuses_calls(root: Path, tmp_path: Path) -> None:
    port, calls = free_port(), free_port()
    command = [PROGRAM, "serve", "--port", str(port), "--grpc-port", str(calls), "--drain", "2"]
    server = Server(command, port, "/v2/health/ready", root, tmp_path)
    try:
        with grpc.insecure_channel(f"127.0.0.1:{calls}") as channel:
            call(channel, "ModelInfer", request())
            server.process.send_signal(signal.SIGTERM)
            while server.ask("GET", "/v2/health/ready")[0] != 503:
                pass
            assert not call(channel, "ServerReady", message("ServerReadyRequest")()).ready
            with pytest.raises(grpc.RpcError) as refused:
                call(channel, "ModelInfer", request())
        assert refused.value.code().name == "UNAVAILABLE"  # type: ignore[attr-defined]
        assert server.process.wait(60) == 0
    finally:
        server.end()


def test_a_token_is_asked_for(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GFM_RA_TOKEN", "secret")
    port, calls = free_port(), free_port()
    command = [PROGRAM, "serve", "--port", str(port), "--grpc-port", str(calls), "--drain", "0"]
    server = Server(command, port, "/v2/health/ready", root, tmp_path)
    try:
        with grpc.insecure_channel(f"127.0.0.1:{calls}") as channel:
            assert call(channel, "ServerLive", message("ServerLiveRequest")()).live
            with pytest.raises(grpc.RpcError) as refused:
                call(channel, "ModelInfer", request())
            assert refused.value.code().name == "UNAUTHENTICATED"  # type: ignore[attr-defined]
            call(channel, "ModelInfer", request(), authorization="Bearer secret")
    finally:
        server.end()
