"""The gRPC service: the same model, engine, limits and errors as over REST, on a port of its own."""

import asyncio
import hmac
import logging
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

import grpc
import numpy as np
from grpc import aio

from gfm_ra.server.errors import HTTPError
from gfm_ra.server.formats import inference_protocol
from gfm_ra.server.formats.inference_protocol import INPUTS, OUTPUTS, POWER, converted, dtype_of, shape_of
from gfm_ra.server.grpc.messages import METHODS, SERVICE, message
from gfm_ra.server.question import Question
from gfm_ra.server.served import Served

if TYPE_CHECKING:
    from gfm_ra.server.application import Application

LOG = logging.getLogger("gfm_ra.server")
CODES = {
    400: grpc.StatusCode.INVALID_ARGUMENT, 401: grpc.StatusCode.UNAUTHENTICATED, 404: grpc.StatusCode.NOT_FOUND,
    413: grpc.StatusCode.INVALID_ARGUMENT, 422: grpc.StatusCode.INVALID_ARGUMENT,
    429: grpc.StatusCode.RESOURCE_EXHAUSTED, 500: grpc.StatusCode.INTERNAL, 503: grpc.StatusCode.UNAVAILABLE,
}  # fmt: skip
# Where a tensor's values are if they are not raw.
_CONTENTS = {
    "BOOL": "bool_contents", "INT8": "int_contents", "INT16": "int_contents", "INT32": "int_contents",
    "INT64": "int64_contents", "UINT8": "uint_contents", "UINT16": "uint_contents", "UINT32": "uint_contents",
    "UINT64": "uint64_contents", "FP32": "fp32_contents", "FP64": "fp64_contents",
}  # fmt: skip
_LONG = 128 * 2**10  # bytes: longer messages are read in a thread
_OVERHEAD = 2**16  # bytes of a message beside its tensors
Call = aio.ServicerContext
Method = Callable[[Any], Awaitable[Any]]


class Service:
    """The methods of the protocol."""

    def __init__(self, application: "Application") -> None:
        self.application = application
        self.token = application.settings.token
        self.by_client = Counter[str]()

    async def server_live(self, _: Any) -> Any:  # noqa: ANN401 (messages that protobuf makes)
        """ServerLive."""
        return message("ServerLiveResponse")(live=True)

    async def server_ready(self, _: Any) -> Any:  # noqa: ANN401
        """ServerReady."""
        return message("ServerReadyResponse")(ready=not self.application.state.draining)

    async def model_ready(self, request: Any) -> Any:  # noqa: ANN401
        """ModelReady; a model that is not here is not ready, which is no error."""
        try:
            self.application.check_name(request.name, request.version)
        except HTTPError:
            return message("ModelReadyResponse")(ready=False)
        return message("ModelReadyResponse")(ready=True)

    async def server_metadata(self, _: Any) -> Any:  # noqa: ANN401
        """ServerMetadata."""
        return message("ServerMetadataResponse")(**self.application.about())

    async def model_metadata(self, request: Any) -> Any:  # noqa: ANN401
        """ModelMetadata."""
        self.application.check_name(request.name, request.version)
        now, tensor = self.application.followed.now, message("ModelMetadataResponse.TensorMetadata")

        def told(each: dict[str, Any]) -> Any:  # noqa: ANN401
            return tensor(name=each["name"], datatype=each["datatype"], shape=each["shape"])

        return message("ModelMetadataResponse")(
            name=now.name, versions=[now.version], platform="gfm-ra", inputs=[told(each) for each in INPUTS],
            outputs=[told(each) for each in OUTPUTS],
        )  # fmt: skip

    async def model_infer(self, request: Any) -> Any:  # noqa: ANN401
        """ModelInfer."""
        application = self.application
        application.check_name(request.model_name, request.model_version)
        served = application.followed.now
        for output in request.outputs:
            if output.name != POWER or output.parameters:
                raise HTTPError(
                    400, f"output {output.name[:40]} is unknown or has parameters: there is {POWER}"
                )
        size = request.ByteSize()
        if application.bytes_under_way + size > application.limits.max_bytes:
            raise HTTPError(503, "too much is being sent at once: try again")
        application.bytes_under_way += size
        try:
            if size <= _LONG:
                asked = self._asked(request, served)
            else:
                work = application.engine.run_large(self._asked, request, served)
                asked = await application.within_time(work)
            found = await application.answer(asked, served)
        finally:
            application.bytes_under_way -= size
        power = np.ascontiguousarray(found.power, "<f4")
        response = message("ModelInferResponse")(
            model_name=served.name,
            model_version=served.version,
            id=request.id,
            raw_output_contents=[power.tobytes()],
        )
        response.outputs.add(name=POWER, datatype="FP32", shape=power.shape)
        return response

    def _asked(self, request: Any, served: Served) -> Question:  # noqa: ANN401
        parameters = {name: _value(name, given) for name, given in request.parameters.items()}
        tensors = _tensors(request)
        return inference_protocol.asked(tensors, parameters, served.allocator, self.application.limits)

    def handlers(self) -> grpc.GenericRpcHandler:
        """What a gRPC server needs to know of them."""
        methods = {
            "ServerLive": self.server_live, "ServerReady": self.server_ready, "ModelReady": self.model_ready,
            "ServerMetadata": self.server_metadata, "ModelMetadata": self.model_metadata,
            "ModelInfer": self.model_infer,
        }  # fmt: skip
        return grpc.method_handlers_generic_handler(SERVICE, {
            name: grpc.unary_unary_rpc_method_handler(
                self._guarded(name, methods[name]),
                request_deserializer=message(f"{name}Request").FromString,
                response_serializer=message(f"{name}Response").SerializeToString,
            )
            for name in METHODS
        })  # fmt: skip

    def _guarded(self, name: str, method: Method) -> Callable[[Any, Call], Awaitable[Any]]:
        """A method with token, drain, counting, and errors as codes."""
        application, route = self.application, f"/{SERVICE}/{name}"
        is_open = name.startswith("Server")

        async def answer(request: Any, call: Call) -> Any:  # noqa: ANN401
            begin, status, text = time.perf_counter(), 200, ""
            peer = call.peer().rpartition(":")[0]
            application.metrics.waiting.inc()
            self.by_client[peer] += 1
            try:
                if not is_open:
                    self._check(call, self.by_client[peer])
                return await method(request)
            except asyncio.CancelledError:
                status = 499  # the client has gone
                raise
            except HTTPError as error:
                status, text = error.status, str(error)
            # Whatever else: it concerns this call only, and is counted and told as ours.
            except Exception as error:
                LOG.error("a call of %s failed", name, exc_info=error)
                status, text = 500, "this request failed; the server's log says why"
            finally:
                application.metrics.waiting.dec()
                self.by_client[peer] -= 1
                if not self.by_client[peer]:
                    del self.by_client[peer]
                application.metrics.answered(route, "POST", status, time.perf_counter() - begin)
            return await call.abort(CODES.get(status, grpc.StatusCode.UNKNOWN), text)

        return answer

    def _check(self, call: Call, of_client: int) -> None:
        if self.application.state.draining:
            raise HTTPError(503, "the server is ending: ask another one")
        most = self.application.limits.max_per_client
        if most and of_client > most:
            raise HTTPError(429, f"{most} requests of yours are under way: wait for an answer")
        if self.token is None:
            return
        given = dict(call.invocation_metadata() or ()).get("authorization", "")
        wanted = f"Bearer {self.token}".encode()
        if not hmac.compare_digest(given.encode() if isinstance(given, str) else given, wanted):
            raise HTTPError(401, "send the metadata authorization: Bearer TOKEN")


def _tensors(request: Any) -> dict[str, np.ndarray]:  # noqa: ANN401
    raw, found = request.raw_input_contents, {}
    if len(request.inputs) > len(INPUTS):
        raise HTTPError(400, f"{len(request.inputs)} inputs: there are {len(INPUTS)}")
    if raw and len(raw) != len(request.inputs):
        raise HTTPError(
            400, f"{len(request.inputs)} inputs, but {len(raw)} raw contents: send one for each, or none"
        )
    for number, tensor in enumerate(request.inputs):
        name = tensor.name[:80]
        if name in found:
            raise HTTPError(400, f"input {name} comes twice")
        if set(tensor.parameters) - {"binary_data_size"}:  # which KServe's client says of raw contents
            raise HTTPError(400, f"input {name} takes no parameters")
        dtype, shape = dtype_of(name, tensor.datatype), shape_of(name, list(tensor.shape))
        count = int(np.prod(shape, dtype=object))
        if raw:
            if tensor.HasField("contents"):
                raise HTTPError(400, f"input {name} has contents and raw contents: send one of them")
            if len(raw[number]) != count * dtype.itemsize:
                raise HTTPError(
                    400, f"input {name}: {shape} of {tensor.datatype} are {count * dtype.itemsize} bytes, "
                    f"not {len(raw[number])}",
                )  # fmt: skip
            found[name] = np.frombuffer(raw[number], dtype, count).reshape(shape)
            continue
        field = _CONTENTS.get(tensor.datatype)
        if field is None:
            raise HTTPError(422, f"input {name}: {tensor.datatype} comes as raw contents only")
        others = [one.name for one, _ in tensor.contents.ListFields() if one.name != field]
        values = getattr(tensor.contents, field)
        if others or len(values) != count:
            what = others[0] if others else f"{len(values)} values"
            raise HTTPError(
                422, f"input {name}: {shape} of {tensor.datatype} belong into {field}, got {what}"
            )
        found[name] = converted(name, np.array(values), dtype).reshape(shape)
    return found


def _value(name: str, given: Any) -> Any:  # noqa: ANN401
    choice = given.WhichOneof("parameter_choice")
    if choice is None:
        raise HTTPError(400, f"parameter {name[:40]} has no value")
    return getattr(given, choice)


async def start(application: "Application") -> aio.Server:
    """A listening gRPC server; several workers share its port.

    Raises:
        OSError: the address is taken.
    """
    settings, limits = application.settings, application.limits
    server = aio.server(
        maximum_concurrent_rpcs=limits.max_requests,
        options=[
            ("grpc.max_receive_message_length", limits.max_body + _OVERHEAD),
            ("grpc.so_reuseport", 1 if settings.workers > 1 else 0),
        ],
    )
    server.add_generic_rpc_handlers((Service(application).handlers(),))
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    try:
        bound = server.add_insecure_port(f"{host}:{settings.grpc_port}")
    except RuntimeError:
        bound = 0
    if not bound:
        raise OSError(f"cannot listen on {host}:{settings.grpc_port}: choose another --grpc-port")
    await server.start()
    return server
