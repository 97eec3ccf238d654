"""The Open Inference Protocol v2 over REST: tensors in and out, as JSON or binary.

Source: the protocol's REST specification (open-inference-protocol, version 2) and its binary tensor data extension.
"""

from typing import Any, NamedTuple

import numpy as np
import orjson

from gfm_ra.allocator import Allocator
from gfm_ra.server.errors import HTTPError
from gfm_ra.server.formats.body import MOST_DIMENSIONS, may_hold_flags, numbers, read_json
from gfm_ra.server.formats.plain import floating, with_hidden
from gfm_ra.server.question import OPTIONS, Question, question
from gfm_ra.server.settings import Limits

JSON_LENGTH = "inference-header-content-length"
NUMPY = {
    "BOOL": "?", "UINT8": "u1", "UINT16": "<u2", "UINT32": "<u4", "UINT64": "<u8", "INT8": "i1", "INT16": "<i2",
    "INT32": "<i4", "INT64": "<i8", "FP16": "<f2", "FP32": "<f4", "FP64": "<f8",
}  # fmt: skip
GAIN, WEIGHTS, HIDDEN, POWER = "gain_db", "weights", "hidden", "power"
INPUTS = (
    {"name": GAIN, "datatype": "FP32", "shape": [-1, -1, -1]},
    {"name": WEIGHTS, "datatype": "FP32", "shape": [-1, -1], "optional": True},
    {"name": HIDDEN, "datatype": "BOOL", "shape": [-1, -1, -1], "optional": True},
)
OUTPUTS = ({"name": POWER, "datatype": "FP32", "shape": [-1, -1]},)
PARAMETERS = tuple(name for name in OPTIONS if name != WEIGHTS)
_REQUEST, _TENSOR = (
    {"id", "model_name", "parameters", "inputs", "outputs"},  # KServe's client names the model here too
    {"name", "shape", "datatype", "parameters", "data"},
)
_DIGITS = 18  # of a number of bytes, at most
_BINARY, _SIZE, _BINARY_ALL = "binary_data", "binary_data_size", "binary_data_output"


class Request(NamedTuple):
    """What is asked, how the client calls it, and whether it wants the powers in binary."""

    question: Question
    id: str | None
    binary: bool
    model: str | None  # if the body names one


def read(body: bytes, json_length: str | None, allocator: Allocator, limits: Limits) -> Request:
    """A request's body; `json_length` is the header that says where its binary part begins.

    Raises:
        HTTPError: 400 for what is malformed or would not be used, 413, 422 for what makes no sense.
    """
    text, binary = _cut(body, json_length)
    fields = read_json(text)
    _only(fields, _REQUEST, "the request")
    parameters = _object(fields.get("parameters"), "parameters")
    inputs = fields.get("inputs")
    if not isinstance(inputs, list) or not inputs:
        raise HTTPError(400, f"inputs must be a list of tensors, {GAIN} among them")
    if len(inputs) > len(INPUTS):
        raise HTTPError(
            400, f"{len(inputs)} inputs: there are {', '.join(str(each['name']) for each in INPUTS)}"
        )
    tensors: dict[str, np.ndarray] = {}
    taken, flags = 0, may_hold_flags(text)
    rest = None if binary is None else memoryview(binary)
    for tensor in inputs:
        name, values, used = _tensor(tensor, None if rest is None else rest[taken:], flags)
        taken += used
        if name in tensors:
            raise HTTPError(400, f"input {name} comes twice")
        tensors[name] = values
    if binary is not None and taken != len(binary):
        raise HTTPError(400, f"{len(binary)} bytes of tensors, of which inputs name {taken}")
    wants_binary = bool(parameters.get(_BINARY_ALL, False)) or _wants_binary(fields.get("outputs"))
    found = asked(tensors, {k: v for k, v in parameters.items() if k != _BINARY_ALL}, allocator, limits)
    for name in ("id", "model_name"):
        if fields.get(name) is not None and not isinstance(fields[name], str):
            raise HTTPError(400, f"{name} must be text")
    return Request(found, fields.get("id"), wants_binary, fields.get("model_name"))


def asked(
    tensors: dict[str, np.ndarray], parameters: dict[str, Any], allocator: Allocator, limits: Limits
) -> Question:
    """What tensors and parameters ask, over REST and gRPC alike.

    Raises:
        HTTPError: 400, 413 or 422.
    """
    if unknown := sorted(set(tensors) - {GAIN, WEIGHTS, HIDDEN}):
        raise HTTPError(400, f"input {unknown[0]} is unknown: send {GAIN}, perhaps {WEIGHTS} and {HIDDEN}")
    if GAIN not in tensors:
        raise HTTPError(400, f"input {GAIN} is missing: FP32 [B, K, K], dB over noise, NaN where unknown")
    if unknown := sorted(set(parameters) - set(PARAMETERS)):
        raise HTTPError(400, f"parameter {unknown[0]} is unknown: send {', '.join(PARAMETERS)}")
    gain = tensors[GAIN]
    if gain.dtype.kind == "b":
        raise HTTPError(422, f"input {GAIN} must hold numbers, not BOOL")
    gain = floating(gain)
    if HIDDEN in tensors:
        if tensors[HIDDEN].dtype.kind != "b":
            raise HTTPError(422, f"input {HIDDEN} must be BOOL")
        gain = with_hidden(gain, tensors[HIDDEN])
    options = dict(parameters)
    if WEIGHTS in tensors:
        weights = tensors[WEIGHTS]
        same_for_all = weights.ndim == 2 and len(weights) == 1
        options[WEIGHTS] = weights[0] if same_for_all else weights
    return question(gain, options, allocator, limits)


def write(power: np.ndarray, request: Request, model: str, version: str) -> tuple[bytes, dict[str, str]]:
    """The answer's body and headers."""
    output: dict[str, Any] = {"name": POWER, "datatype": "FP32", "shape": list(power.shape)}
    found: dict[str, Any] = {"model_name": model, "model_version": version, "outputs": [output]}
    if request.id is not None:
        found["id"] = request.id
    values = np.ascontiguousarray(power, np.float32)
    if not request.binary:
        output["data"] = values.ravel()
        text = orjson.dumps(found, option=orjson.OPT_SERIALIZE_NUMPY)
        return text, {"content-type": "application/json"}
    output["parameters"] = {_SIZE: values.nbytes}
    text = orjson.dumps(found)
    headers = {"content-type": "application/octet-stream", JSON_LENGTH: str(len(text))}
    return text + values.astype("<f4", copy=False).tobytes(), headers


def _cut(body: bytes, json_length: str | None) -> tuple[bytes, bytes | None]:
    if json_length is None:
        return body, None
    if len(json_length) > _DIGITS or not json_length.isdecimal() or int(json_length) > len(body):
        raise HTTPError(
            400,
            f"Inference-Header-Content-Length must be a number of bytes up to {len(body)}, got {json_length[:20]!r}",
        )
    length = int(json_length)
    return body[:length], body[length:]


def _tensor(given: object, binary: memoryview | None, flags: bool) -> tuple[str, np.ndarray, int]:
    """Name, values and the number of bytes of the binary part that they took."""
    if not isinstance(given, dict):
        raise HTTPError(400, "every input must be an object with name, shape, datatype and data")
    _only(given, _TENSOR, "an input")
    name, shape, kind = given.get("name"), given.get("shape"), given.get("datatype")
    if not isinstance(name, str):
        raise HTTPError(400, "an input has no name")
    parameters = _object(given.get("parameters"), f"parameters of input {name}")
    dtype = dtype_of(name, kind)
    lengths = shape_of(name, shape)
    count = int(np.prod(lengths, dtype=object))
    _only(parameters, {_SIZE}, f"input {name}")
    size = parameters.get(_SIZE)
    if size is None:
        if "data" not in given:
            raise HTTPError(400, f"input {name} has neither data nor {_SIZE}")
        if flags and dtype.kind != "b":
            numbers(f"data of input {name}", given["data"], flags)
        return name, _of_json(name, given["data"], dtype, lengths, count), 0
    if "data" in given:
        raise HTTPError(400, f"input {name} has data and {_SIZE}: send one of them")
    if binary is None:
        raise HTTPError(
            400, f"input {name} is binary, but the header Inference-Header-Content-Length is missing"
        )
    if isinstance(size, bool) or not isinstance(size, int) or size != count * dtype.itemsize:
        raise HTTPError(
            400, f"input {name}: {lengths} of {kind} are {count * dtype.itemsize} bytes, not {str(size)[:20]}"
        )
    if size > len(binary):
        raise HTTPError(400, f"input {name}: {size} bytes are named, {len(binary)} follow")
    return name, np.frombuffer(binary, dtype, count).reshape(lengths), size


def dtype_of(name: str, kind: object) -> np.dtype[Any]:
    """NumPy's type of a datatype.

    Raises:
        HTTPError: 422, there is none.
    """
    if not isinstance(kind, str) or kind not in NUMPY:
        raise HTTPError(
            422, f"input {name}: datatype must be one of {', '.join(NUMPY)}, got {str(kind)[:20]!r}"
        )
    return np.dtype(NUMPY[kind])


def shape_of(name: str, shape: object) -> list[int]:
    """Checked lengths of a tensor.

    Raises:
        HTTPError: 400, they are no whole numbers from 0 on.
    """
    whole = isinstance(shape, list) and all(type(length) is int and 0 <= length < 2**31 for length in shape)
    if not whole or not isinstance(shape, list) or len(shape) > MOST_DIMENSIONS:
        raise HTTPError(
            400,
            f"input {name}: shape must be up to {MOST_DIMENSIONS} whole numbers from 0 on, got {str(shape)[:60]}",
        )
    return shape


def _of_json(name: str, data: object, dtype: np.dtype[Any], shape: list[int], count: int) -> np.ndarray:
    """Values of a list, flat or nested; null is NaN."""
    if not isinstance(data, list):
        raise HTTPError(400, f"input {name}: data must be a list")
    try:
        values = np.array(data)
    except (ValueError, OverflowError):
        raise HTTPError(
            422, f"input {name}: data must be numbers, flat or in rows of the same length"
        ) from None
    if values.size != count or (values.ndim > 1 and list(values.shape) != shape):
        raise HTTPError(422, f"input {name}: data of shape {list(values.shape)} do not fit shape {shape}")
    if values.dtype == object or values.dtype.kind not in "fiub":
        if dtype.kind != "f":
            raise HTTPError(
                422, f"input {name}: data must be {'true and false' if dtype.kind == 'b' else 'numbers'}"
            )
        try:
            values = values.astype(np.float64)
        except (TypeError, ValueError, OverflowError):
            raise HTTPError(
                422, f"input {name}: data must be numbers, null where a gain is unknown"
            ) from None
    if values.size and (dtype.kind == "b") != (values.dtype.kind == "b"):
        raise HTTPError(
            422, f"input {name}: data must be {'true and false' if dtype.kind == 'b' else 'numbers'}"
        )
    if dtype.kind in "iu" and values.dtype.kind == "f":
        raise HTTPError(422, f"input {name}: data are no whole numbers, the datatype says they are")
    return converted(name, values, dtype).reshape(shape)


def converted(name: str, values: np.ndarray, dtype: np.dtype[Any]) -> np.ndarray:
    """Values in a tensor's own type.

    Raises:
        HTTPError: 422, whole numbers that it cannot hold.
    """
    if dtype.kind in "iu" and values.size:
        limits = np.iinfo(dtype)
        if values.min() < limits.min or values.max() > limits.max:
            raise HTTPError(
                422, f"input {name}: data lie outside {limits.min} to {limits.max} of its datatype"
            )
    with np.errstate(over="ignore"):
        return values.astype(dtype)


def _wants_binary(outputs: object) -> bool:
    if outputs is None:
        return False
    if not isinstance(outputs, list):
        raise HTTPError(400, "outputs must be a list")
    wants = False
    for output in outputs:
        found = _object(output, "every output")
        if found.get("name") != POWER:
            raise HTTPError(400, f"output {str(found.get('name'))[:40]} is unknown: there is {POWER}")
        _only(found, {"name", "parameters"}, f"output {POWER}")
        parameters = _object(found.get("parameters"), f"parameters of output {POWER}")
        _only(parameters, {_BINARY}, f"output {POWER}")
        wants = wants or bool(parameters.get(_BINARY, False))
    return wants


def _object(given: object, what: str) -> dict[str, Any]:
    if given is None:
        return {}
    if not isinstance(given, dict):
        raise HTTPError(400, f"{what} must be an object")
    return given


def _only(given: dict[str, Any], known: set[str], what: str) -> None:
    if unknown := sorted(set(given) - known):
        raise HTTPError(400, f"{unknown[0]}: unknown in {what}; known are {', '.join(sorted(known))}")
