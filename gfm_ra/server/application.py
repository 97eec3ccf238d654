"""The ASGI application: /allocate, /v2 (Open Inference Protocol), /health, /metrics, /docs."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from importlib.metadata import version
from typing import Any, TypeVar

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Scope

from gfm_ra.server.drift import Watch, reference_of
from gfm_ra.server.engine import Answer, Engine
from gfm_ra.server.errors import HTTPError
from gfm_ra.server.formats import inference_protocol, openapi, plain
from gfm_ra.server.formats.body import NPY, check_encoding, check_json, is_npy
from gfm_ra.server.formats.npy import write_npy
from gfm_ra.server.guard import Guard, State
from gfm_ra.server.metrics import CONTENT_TYPE, Metrics
from gfm_ra.server.question import Question
from gfm_ra.server.routes import as_json, gone, refuse, refuse_route, route
from gfm_ra.server.served import Followed, Served
from gfm_ra.server.settings import Settings

LOG = logging.getLogger("gfm_ra.server")
_LONG_BODY = 128 * 2**10  # bytes: longer ones are read in a thread
_LONGEST_NOTES = 6000
T = TypeVar("T")


class Application:
    """Handlers of one process, and what they share."""

    def __init__(self, settings: Settings) -> None:
        self.settings, self.limits = settings, settings.limits
        self.state, self.metrics = State(), Metrics()
        self.followed = Followed(settings.model, settings.follow_s, self._tell_model)
        self.engine = Engine(self.metrics.together.observe)
        self.watch = Watch(reference_of(settings.drift_reference), self.metrics)
        self.bytes_under_way = 0
        self._told: Served | None = None
        self._tell_model()

    def asgi(self, *more: BaseRoute) -> ASGIApp:
        """The whole of it; `more` routes come from tools that measure or extend it."""
        model = "/v2/models/{name}"
        routes = [
            route("/allocate", self.allocate, "POST"),
            route(f"{model}/infer", self.infer, "POST"),
            route(f"{model}/versions/{{version}}/infer", self.infer, "POST"),
            route("/v2", self.server, "GET"),
            route("/v2/health/live", self.live, "GET"),
            route("/v2/health/ready", self.ready, "GET"),
            route(model, self.model, "GET"),
            route(f"{model}/ready", self.model_ready, "GET"),
            route(f"{model}/versions/{{version}}", self.model, "GET"),
            route(f"{model}/versions/{{version}}/ready", self.model_ready, "GET"),
            route("/health", self.health, "GET"),
            route("/metrics", self.tell_metrics, "GET"),
            route("/openapi.json", self.description, "GET"),
            route("/docs", self.documentation, "GET"),
            *more,
        ]
        self.paths = {each.path for each in routes if isinstance(each, Route)}
        handlers = {HTTPError: refuse, HTTPException: refuse_route, ClientDisconnect: gone}
        app = Starlette(routes=routes, exception_handlers=handlers, lifespan=self._lifespan)  # type: ignore[arg-type]
        app.router.redirect_slashes = False
        return Guard(
            app,
            self.state,
            self.limits,
            self.metrics,
            self.settings.token,
            self.settings.access_log,
            self._route_of,
        )

    def drain(self) -> None:
        """From now on nothing new is accepted, and whoever asks is told so."""
        self.state.draining = True

    @asynccontextmanager
    async def _lifespan(self, _: Starlette) -> AsyncIterator[None]:
        self.followed.begin()
        self.watch.begin()
        calls = None
        if self.settings.grpc_port is not None:
            from gfm_ra.server.grpc.service import start

            calls = await start(self)
        yield
        if calls is not None:
            await calls.stop(2.0 * self.limits.timeout_s)  # calls under way are answered
        self.followed.end()
        self.watch.end()
        self.engine.close()

    # Powers.
    async def allocate(self, request: Request) -> Response:
        """POST /allocate."""
        kind = request.headers.get("content-type", "")
        npy = is_npy(kind)
        query = request.query_params.multi_items()
        served = self.followed.now
        body = await self.body(request)
        try:
            asked = await self._read(body, plain.read, body, kind, query, served.allocator, self.limits)
            answer = await self.answer(asked, served)
        finally:
            self.bytes_under_way -= len(body)
        if npy:
            headers = {"gfm-ra-model": served.title}
            if answer.notes:
                headers["gfm-ra-notes"] = _in_a_header(answer.notes)
            return Response(write_npy(answer.power), media_type=NPY, headers=headers)
        return Response(plain.write(answer.power, served.title, answer.notes), media_type="application/json")

    async def infer(self, request: Request) -> Response:
        """POST /v2/models/{name}/infer."""
        self._named(request)
        if request.query_params:
            raise HTTPError(400, f"{', '.join(request.query_params)} in the query: nothing is read there")
        length = request.headers.get(inference_protocol.JSON_LENGTH)
        if length is None:
            check_json(request.headers.get("content-type", ""))
        served = self.followed.now
        body = await self.body(request)
        try:
            asked = await self._read(
                body, inference_protocol.read, body, length, served.allocator, self.limits
            )
            if asked.model is not None:
                self.check_name(asked.model)
            answer = await self.answer(asked.question, served)
        finally:
            self.bytes_under_way -= len(body)
        text, headers = inference_protocol.write(answer.power, asked, served.name, served.version)
        return Response(text, headers=headers)

    async def _read(self, body: bytes, work: Callable, *arguments: object):  # noqa: ANN202 (what `work` returns)
        if len(body) <= _LONG_BODY:
            return work(*arguments)
        return await self.within_time(self.engine.run_large(work, *arguments))

    async def answer(self, question: Question, served: Served) -> Answer:
        """Powers, within the time that a request has."""
        found = await self.within_time(self.engine.answer(question, served.allocator))
        self.metrics.networks.labels(question.goal.name, question.effort).inc(len(found.power))
        self.watch.offer(question.network)
        return found

    async def within_time(self, work: Awaitable[T]) -> T:
        """What comes of work, or 503 if that takes too long."""
        try:
            async with asyncio.timeout(self.limits.timeout_s):
                return await work
        except TimeoutError:
            raise HTTPError(
                503, "no answer in time: send fewer networks, or try again", {"retry-after": "1"}
            ) from None

    async def body(self, request: Request) -> bytes:
        """The whole body; whoever takes it gives its bytes back to `bytes_under_way`."""
        check_encoding(request.headers.getlist("content-encoding"))
        limit = self.limits.max_body
        too_large = HTTPError(413, f"the body is too large: at most {limit} bytes are read (--max-body-mb)")
        said = request.headers.get("content-length", "")
        if said.isdecimal() and (len(said) > len(str(limit)) or int(said) > limit):
            raise too_large
        chunks: list[bytes] = []
        length = 0
        try:
            try:
                async with asyncio.timeout(self.limits.timeout_s):
                    async for chunk in request.stream():
                        length += len(chunk)
                        self.bytes_under_way += len(chunk)
                        if length > limit:
                            raise too_large
                        if self.bytes_under_way > self.limits.max_bytes:
                            raise HTTPError(
                                503, "too much is being sent at once: try again", {"retry-after": "1"}
                            )
                        chunks.append(chunk)
            except TimeoutError:
                raise HTTPError(408, "the request was sent too slowly", {"connection": "close"}) from None
        except BaseException:
            self.bytes_under_way -= length
            raise
        self.metrics.size.observe(length)
        return chunks[0] if len(chunks) == 1 else b"".join(chunks)

    # What is there.
    async def server(self, _: Request) -> Response:
        """GET /v2."""
        return as_json(self.about())

    @staticmethod
    def about() -> dict[str, Any]:
        """Name, version and extensions of the server."""
        return {"name": "gfm-ra", "version": version("gfm-ra"), "extensions": ["binary_tensor_data"]}

    async def live(self, _: Request) -> Response:
        """GET /v2/health/live."""
        return as_json({"live": True})

    async def ready(self, _: Request) -> Response:
        """GET /v2/health/ready."""
        return as_json({"ready": not self.state.draining}, 503 if self.state.draining else 200)

    async def model(self, request: Request) -> Response:
        """GET /v2/models/{name}."""
        self._named(request)
        now = self.followed.now
        return as_json({
            "name": now.name, "versions": [now.version], "platform": "gfm-ra",
            "inputs": list(inference_protocol.INPUTS), "outputs": list(inference_protocol.OUTPUTS),
        })  # fmt: skip

    async def model_ready(self, request: Request) -> Response:
        """GET /v2/models/{name}/ready."""
        self._named(request)
        return as_json({"name": self.followed.now.name, "ready": True})

    def _named(self, request: Request) -> None:
        self.check_name(request.path_params["name"], request.path_params.get("version", ""))

    def check_name(self, name: str, number: str = "") -> None:
        """Refuse another model's name, or another version than that of now."""
        now = self.followed.now
        if name != now.name:
            raise HTTPError(404, f"there is no model {name[:80]}: this server has {now.name}")
        if number and number != now.version:
            raise HTTPError(404, f"there is no version {number[:20]} of {now.name}: there is {now.version}")

    async def health(self, _: Request) -> Response:
        """GET /health."""
        status = "draining" if self.state.draining else "ok"
        limits = self.limits._asdict() | {"most_memory": self.limits.most_memory}
        found = {"status": status, "model": self.followed.now.title, "limits": limits}
        return as_json(found, 503 if self.state.draining else 200)

    async def tell_metrics(self, _: Request) -> Response:
        """GET /metrics."""
        return Response(self.metrics.text(), headers={"content-type": CONTENT_TYPE})

    def _tell_model(self) -> None:
        now = self.followed.now
        if self._told is not None and self._told is not now:
            self.metrics.model.labels(self._told.title, self._told.version).set(0)
        self._told = now
        self.metrics.model.labels(now.title, now.version).set(1)

    async def description(self, _: Request) -> Response:
        """GET /openapi.json."""
        return as_json(openapi.document(self.limits))

    async def documentation(self, _: Request) -> Response:
        """GET /docs."""
        return HTMLResponse(openapi.page(self.limits))

    def _route_of(self, scope: Scope) -> str:
        """What a request counts as: a bounded number of names, whatever is asked for."""
        path = scope["path"]
        if path in self.paths:
            return path
        if path.startswith("/v2/models/"):
            return "/v2/models/{name}/infer" if path.endswith("/infer") else "/v2/models/{name}"
        return "other"


def _in_a_header(notes: Sequence[str]) -> str:
    """Notes as JSON in ASCII, as headers must be; those that make it too long are counted."""
    kept = list(notes)
    while len(told := json.dumps(kept)) > _LONGEST_NOTES:
        kept = [*kept[:-2], f"{len(notes) - len(kept) + 2} further notes: ask for JSON"]
    return told
