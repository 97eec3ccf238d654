"""The server behind Ray Serve: the same ASGI application in replicas that Ray starts, scales and replaces.

`gfm-ra serve --ray` runs it on this machine; `builder` is what `serve deploy` and RayService import
(pipelines.serving.application:builder), with autoscaling and rolling upgrades by Ray Serve's own means.
"""

import asyncio
import os
import signal
import threading
from collections.abc import Mapping
from typing import Any

import numpy as np
from pydantic import Field
from ray import serve
from ray.exceptions import RayError
from ray.serve.config import HTTPOptions, ProxyLocation
from rich.console import Console
from starlette.types import ASGIApp, Receive, Scope, Send

from components.config import Strict
from gfm_ra.goals import SumRate
from gfm_ra.network import Network
from gfm_ra.server.application import Application
from gfm_ra.server.logs import write_logs
from gfm_ra.server.question import Question
from gfm_ra.server.run import listening
from gfm_ra.server.settings import Limits, Settings, token_of_environment
from pipelines.cluster.session import session
from pipelines.runtime.errors import UserError

NAME = "gfm-ra"
PROXY_DRAIN_S = 5.0  # beyond the longest request, until a stopping replica is ended


class ServeArguments(Strict):
    """What `serve deploy` may say under `args`; the rest is Ray Serve's own (replicas, autoscaling, resources)."""

    model: str | None = None
    max_links: int = Field(default=Limits().max_links, ge=1)
    max_batch: int = Field(default=Limits().max_batch, ge=1)
    max_body_mb: float = Field(default=4.0, gt=0)
    timeout_s: float = Field(default=Limits().timeout_s, gt=0)
    max_requests: int = Field(default=Limits().max_requests, ge=1)
    follow_s: float | None = Field(default=None, gt=0)
    drift_reference: str = Settings().drift_reference

    def settings(self) -> Settings:
        """The server's own settings; the token comes from the replica's environment (GFM_RA_TOKEN)."""
        limits = Limits.of(
            self.max_body_mb, max_links=self.max_links, max_batch=self.max_batch, timeout_s=self.timeout_s,
            max_requests=self.max_requests,
        )  # fmt: skip
        return Settings(
            model=self.model, limits=limits, follow_s=self.follow_s, drift_reference=self.drift_reference,
            token=token_of_environment(),
        )  # fmt: skip


class Starting:
    """An ASGI application that is made where it runs: settings travel to replicas, models do not."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.asgi: ASGIApp | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """As of every ASGI application; the first event is that of its start."""
        if self.asgi is None:
            write_logs()
            RUNNING.append(Application(self.settings))
            self.asgi = RUNNING[-1].asgi()
        await self.asgi(scope, receive, send)


RUNNING: list[Application] = []
"""The application of this process, if it is a replica."""


class Replica:
    """What Ray Serve asks of a replica beside requests."""

    async def check_health(self) -> None:
        """A replica that does not answer two links in time is replaced."""
        for application in RUNNING[-1:]:
            allocator = application.followed.now.allocator
            probe = Question(_PROBED, allocator.objective or SumRate(), "fast", 0)
            async with asyncio.timeout(application.limits.timeout_s):
                await application.engine.answer(probe, allocator)


_PROBED = Network(gain_db=np.zeros((1, 2, 2), np.float32))


def builder(arguments: Mapping[str, Any]) -> serve.Application:
    """The application for `serve deploy`; Ray Serve passes what the configuration says under `args`."""
    return _bound(ServeArguments.model_validate(dict(arguments)).settings(), {})


def _bound(settings: Settings, options: dict[str, Any]) -> serve.Application:
    limits = settings.limits
    deployment = serve.deployment(
        name=NAME,
        ray_actor_options={"num_cpus": 1},
        max_ongoing_requests=limits.max_requests,
        graceful_shutdown_timeout_s=limits.timeout_s * 2 + PROXY_DRAIN_S,
        graceful_shutdown_wait_loop_s=0.2,
        logging_config={"enable_access_log": False},
        **options,
    )(serve.ingress(Starting(settings))(Replica))
    return deployment.bind()


def run(settings: Settings) -> None:
    """Serve behind Ray Serve on this machine until SIGINT or SIGTERM; `workers` are replicas.

    Raises:
        UserError: the model is not there, the address is taken, or Ray Serve cannot start.
    """
    from gfm_ra.server.served import served

    title = served(settings.model).title
    listening(settings.host, settings.port).close()  # refused now, in one line, if it is taken
    stop = threading.Event()
    # Ray Serve hands work to its replicas' loop thread by thread unless told otherwise; ours never blocks for long.
    os.environ.setdefault("RAY_SERVE_RUN_USER_CODE_IN_SEPARATE_THREAD", "0")
    # A session of its own even where RAY_ADDRESS is set: ending it would end other applications of that cluster.
    with session(local=True):
        try:
            _serve_until(stop, settings, title)
        except (RuntimeError, RayError) as error:
            raise UserError(f"{title} cannot be served: {' '.join(str(error).split())[:300]}") from None
        finally:
            serve.shutdown()


def _serve_until(stop: threading.Event, settings: Settings, title: str) -> None:
    # First, since clients are answered before `serve.run` returns, and Ray's own handler of SIGTERM aborts.
    _end_by_signals(stop)
    serve.start(
        proxy_location=ProxyLocation.HeadOnly,
        http_options=HTTPOptions(
            host=settings.host,
            port=settings.port,
            request_timeout_s=settings.limits.timeout_s * 2 + PROXY_DRAIN_S,
        ),
    )
    serve.run(_bound(settings, {"num_replicas": settings.workers}), name=NAME, route_prefix="/")
    Console(highlight=False).print(
        f"{title} at http://{settings.host}:{settings.port}, {settings.workers} replicas"
    )
    stop.wait()
    serve.delete(NAME)


def _end_by_signals(stop: threading.Event) -> None:
    """Let SIGINT and SIGTERM set `stop`; a second SIGINT interrupts, where starting or ending takes too long."""

    def end(number: int, _: object) -> None:
        if number == signal.SIGINT and stop.is_set():
            raise KeyboardInterrupt
        stop.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, end)
