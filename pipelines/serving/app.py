"""Powers over HTTP: a Ray Serve application that answers many small requests together."""

import asyncio
import io
import json
import logging
import os
import signal
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import prometheus_client
from ray import serve
from ray.exceptions import RayError
from ray.serve.config import HTTPOptions, ProxyLocation
from rich.console import Console
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from gfm_ra.processors import cores
from pipelines.cluster.session import session
from pipelines.registry import versions
from pipelines.runtime import runs
from pipelines.runtime.errors import UserError
from pipelines.serving.batcher import Batcher
from pipelines.serving.content import NPY, check_encoding, is_npy
from pipelines.serving.errors import HTTPError
from pipelines.serving.measurements import Measurements
from pipelines.serving.requests import (
    ROUTES,
    Inputs,
    Limits,
    answer_together,
    check_program,
    grouped,
    parse,
    parts,
    routed,
    size,
)

NAME = "gfm-ra"
# Gains up to which a request counts as small: these are answered together, the others part by part in an executor of
# their own, so that nobody waits for a large one.
SMALL, PART = 128 * 128, 256 * 256
TOGETHER = 32  # small requests in one run, at most
DRAIN_S = 5.0  # beyond the longest request, until a stopping replica is ended


class PowerService:
    """One replica: POST /allocate, GET /health, GET /metrics."""

    def __init__(self, folder: str, model: str, limits: Limits) -> None:
        self.program, self.model, self.limits = versions.program(Path(folder)), model, limits
        self.measured = Measurements()
        # The runtime works outside the interpreter lock, so the event loop goes on meanwhile.
        self.small, self.large = ThreadPoolExecutor(1), ThreadPoolExecutor(1)
        self.batcher = Batcher(self._together, TOGETHER)

    async def __call__(self, request: Request) -> Response:
        """Route a request; whatever happens to it concerns no other."""
        handlers = {"/allocate": self.allocate, "/health": self.health, "/metrics": self.metrics}
        try:
            path = routed(request.method, request.url.path, request.query_params.multi_items())
        except HTTPError as error:
            return _error_response(error)
        if request.method == "OPTIONS":
            return Response(status_code=204, headers={"allow": ", ".join(ROUTES[path])})
        return await handlers[path](request)

    async def health(self, _: Request) -> Response:
        """Which model answers here."""
        return JSONResponse({"status": "ok", "model": self.model, "limits": self.limits._asdict()})

    async def metrics(self, _: Request) -> Response:
        """Measurements in the format of Prometheus."""
        return Response(
            prometheus_client.generate_latest(self.measured.registry), media_type="text/plain; version=0.0.4"
        )

    async def check_health(self) -> None:
        """For Ray Serve: a replica whose executor is stuck is replaced."""
        probe = self.program.prepare(np.zeros((1, 2, 2), np.float32), {})
        await asyncio.wait_for(self._run(self.small, self.program.run, probe), self.limits.timeout_s)

    async def allocate(self, request: Request) -> Response:
        """Powers for the body's gains."""
        started = time.perf_counter()
        with self.measured.waiting.track_inprogress():
            try:
                response = await self._answer(request)
            except HTTPError as error:
                response = _error_response(error)
            # Whatever else: it concerns this request only, and is counted and told as ours.
            except Exception:
                logging.getLogger("ray.serve").exception("a request failed")
                response = _error_response(
                    HTTPError(500, "this request failed; the log of the service says why")
                )
        self.measured.requests.labels(str(response.status_code)).inc()
        self.measured.seconds.observe(time.perf_counter() - started)
        return response

    async def _answer(self, request: Request) -> Response:
        kind = request.headers.get("content-type", "")
        check_encoding(request.headers.getlist("content-encoding"))
        npy = is_npy(kind)
        body = await self._within_time(self._body(request), 408, "the request was sent too slowly")
        inputs = parse(body, kind, dict(request.query_params), self.program, self.limits)
        work = self.batcher.submit(inputs) if size(inputs) <= SMALL else self._alone(inputs)
        power = await self._within_time(work, 504, "no answer in time: send fewer networks or try again")
        self.measured.snapshots.inc(len(power))
        if npy:
            out = io.BytesIO()
            np.save(out, power)
            return Response(out.getvalue(), media_type=NPY)
        return Response(
            json.dumps({"power": power.tolist(), "model": self.model}), media_type="application/json"
        )

    async def _body(self, request: Request) -> bytes:
        limit = self.limits.max_body
        too_large = HTTPError(413, f"the body is too large: at most {limit} bytes are read")
        length = request.headers.get("content-length", "")
        if length.isdecimal() and int(length) > limit:
            raise too_large
        chunks, length = [], 0
        async for chunk in request.stream():
            length += len(chunk)
            if length > limit:
                raise too_large
            chunks.append(chunk)
        return b"".join(chunks)

    async def _together(self, requests: list[Inputs]) -> list[np.ndarray]:
        self.measured.together.observe(len(requests))
        powers: dict[int, np.ndarray] = {}
        for positions in grouped(requests):
            chosen = [requests[position] for position in positions]
            found = await self._run(self.small, answer_together, chosen, self.program)
            powers |= dict(zip(positions, found, strict=True))
        return [powers[position] for position in range(len(requests))]

    async def _alone(self, inputs: Inputs) -> np.ndarray:
        # Part by part: large requests take turns, and one that is given up stops at the next part.
        return np.concatenate(
            [await self._run(self.large, self.program.run, part) for part in parts(inputs, PART)]
        )

    async def _within_time(self, work, status: int, message: str):  # noqa: ANN001, ANN202
        try:
            return await asyncio.wait_for(work, self.limits.timeout_s)
        except TimeoutError:
            raise HTTPError(status, message) from None

    @staticmethod
    async def _run(executor: ThreadPoolExecutor, work, *arguments):  # noqa: ANN001, ANN002, ANN205
        return await asyncio.get_running_loop().run_in_executor(executor, work, *arguments)


def _error_response(error: HTTPError) -> Response:
    return JSONResponse({"error": str(error)}, status_code=error.status, headers=error.headers)


def application(folder: Path, model: str, replicas: int, limits: Limits) -> serve.Application:
    """The service for a model's folder; `model` is how clients read of it."""
    deployment = serve.deployment(
        name=NAME,
        num_replicas=replicas,
        ray_actor_options={"num_cpus": 1},
        max_ongoing_requests=256,
        max_queued_requests=256,  # beyond, the proxy answers 503 at once
        graceful_shutdown_timeout_s=limits.timeout_s * 2 + DRAIN_S,
        graceful_shutdown_wait_loop_s=0.2,
        logging_config={"enable_access_log": False},
    )(PowerService)
    return deployment.bind(str(folder), model, limits)


def run_service(model: str, host: str, port: int, replicas: int, limits: Limits) -> None:
    """Serve until SIGINT or SIGTERM; then accept nothing more, finish what is under way, and end.

    Raises:
        UserError: there is no such model, it cannot be served, or there are not enough cores or a free port.
    """
    runs.connect(create=False)
    if replicas > cores():
        raise UserError(
            f"{replicas} replicas need {replicas} cores, this machine has {cores()}: lower --replicas"
        )
    check_port(host, port)
    version = versions.version_of(model)
    # An alias may move while replicas come and go: all serve the version of now.
    pinned = f"models:/{version.name}/{version.number}" if version else model
    folder = versions.fetch(pinned).resolve()
    check_program(versions.program(folder), pinned)
    stop = threading.Event()
    # Ray Serve hands work to its replicas' loop thread by thread unless told otherwise; ours never blocks.
    os.environ.setdefault("RAY_SERVE_RUN_USER_CODE_IN_SEPARATE_THREAD", "0")
    # A session of its own even where RAY_ADDRESS is set: ending it would end other applications of that cluster.
    with session(local=True):
        try:
            _serve_until(stop, folder, pinned, host, port, replicas, limits)
        except (RuntimeError, RayError) as error:
            raise UserError(f"{pinned} cannot be served: {' '.join(str(error).split())[:300]}") from None
        finally:
            serve.shutdown()


def check_port(host: str, port: int) -> None:
    """Refuse an address that cannot be listened on.

    Raises:
        UserError: it is taken or not this machine's.
    """
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise UserError(
                f"cannot listen on {host}:{port} ({error.strerror}): choose another --port"
            ) from None


def _end_by_signals(stop: threading.Event) -> None:
    """Let SIGINT and SIGTERM set `stop`; a second SIGINT interrupts, where starting or ending takes too long."""

    def end(number: int, _: object) -> None:
        if number == signal.SIGINT and stop.is_set():
            raise KeyboardInterrupt
        stop.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, end)


def _serve_until(
    stop: threading.Event, folder: Path, pinned: str, host: str, port: int, replicas: int, limits: Limits
) -> None:
    # First, since clients are answered before `serve.run` returns, and Ray's own handler of SIGTERM aborts.
    _end_by_signals(stop)
    serve.start(
        proxy_location=ProxyLocation.HeadOnly,
        http_options=HTTPOptions(host=host, port=port, request_timeout_s=limits.timeout_s * 2 + DRAIN_S),
    )
    serve.run(application(folder, pinned, replicas, limits), name=NAME, route_prefix="/")
    Console(highlight=False).print(f"{pinned} at http://{host}:{port}/allocate, /health, /metrics")
    stop.wait()
    serve.delete(NAME)
