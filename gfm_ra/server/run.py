"""`gfm-ra serve`: one process, or several under a supervisor, that end without breaking anybody off."""

import contextlib
import gc
import logging
import multiprocessing
import os
import signal
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from multiprocessing.connection import wait
from multiprocessing.process import BaseProcess
from types import FrameType

import uvicorn
from starlette.routing import BaseRoute

from gfm_ra.errors import UserError
from gfm_ra.loading import REGISTRY
from gfm_ra.server import metrics
from gfm_ra.server.application import Application
from gfm_ra.server.connection import within
from gfm_ra.server.drift import reference_of
from gfm_ra.server.logs import write_logs
from gfm_ra.server.settings import Settings

LOG = logging.getLogger("gfm_ra.server")
_KEEP_ALIVE_S = 75
_BACKLOG = 2048
_GARBAGE = (20_000, 20, 50)  # objects and rounds between collections: a request leaves few cycles behind
_QUICKLY_S = 5.0  # a worker that ends sooner after its start will not do better the next time
MoreRoutes = Callable[[Application], Sequence[BaseRoute]]


def serve(settings: Settings, more: MoreRoutes | None = None) -> None:
    """Answer until SIGTERM or SIGINT; then refuse for `drain_s` seconds, finish what was accepted, and end.

    `more` makes further routes, for tools that measure.

    Raises:
        UserError: the address is taken, the model cannot be loaded, or workers end as soon as they start.
    """
    if settings.grpc_port is not None:
        # Workers share this port, and so would another server: it must be nobody's now.
        listening(settings.host, settings.grpc_port, "--grpc-port").close()
    with listening(settings.host, settings.port) as taken:
        if settings.workers == 1:
            _work(settings, taken, more, True)
        else:
            _supervise(settings, taken, more)


def listening(host: str, port: int, option: str = "--port") -> socket.socket:
    """A socket that listens.

    Raises:
        UserError: the address is taken or not this machine's.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    taken = socket.socket(family, socket.SOCK_STREAM)
    taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        taken.bind((host, port))
    except OSError as error:
        taken.close()
        raise UserError(
            f"cannot listen on {host}:{port} ({error.strerror}): choose another {option}"
        ) from None
    taken.listen(_BACKLOG)
    taken.setblocking(False)
    taken.set_inheritable(True)
    return taken


class _Server(uvicorn.Server):
    """Uvicorn's, with a time between the first signal and the end in which everybody is told."""

    def __init__(self, config: uvicorn.Config, application: Application, told: bool) -> None:
        super().__init__(config)
        self.application, self.told, self.end_at = application, told, float("inf")

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.told and self.started:
            _tell(self.application.settings, self.application.followed.now.title)

    async def on_tick(self, counter: int) -> bool:
        if time.monotonic() >= self.end_at:
            self.should_exit = True
        return await super().on_tick(counter)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        if self.application.state.draining and sig == signal.SIGINT:
            self.should_exit = self.force_exit = True  # a second Ctrl-C does not wait
            return
        if not self.application.state.draining:
            self.application.drain()
            self.end_at = time.monotonic() + self.application.settings.drain_s


def _tell(settings: Settings, title: str) -> None:
    scheme = "https" if settings.certificate else "http"
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    where = f"{scheme}://{host}:{settings.port}"
    calls = "" if settings.grpc_port is None else f", gRPC at {host}:{settings.grpc_port}"
    line = f"{title} at {where}: /allocate, /v2 (Open Inference Protocol), /docs, /metrics{calls}"
    print(line, flush=True)  # noqa: T201 (the one line for the person)


def _work(settings: Settings, taken: socket.socket, more: MoreRoutes | None, told: bool) -> None:
    """One process that answers."""
    write_logs()
    application = Application(settings)
    routes = () if more is None else more(application)
    # What is there by now stays: looking through it again and again would keep requests waiting.
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_GARBAGE)
    config = uvicorn.Config(
        application.asgi(*routes), http=within(settings.limits.timeout_s), loop="uvloop", ws="none",
        log_config=None, access_log=False, server_header=False, timeout_keep_alive=_KEEP_ALIVE_S,
        ssl_certfile=settings.certificate, ssl_keyfile=settings.key,
        timeout_graceful_shutdown=int(2 * settings.limits.timeout_s) + 1,
    )  # fmt: skip
    _Server(config, application, told).run([taken])


def _worker(settings: Settings, taken: socket.socket, more: MoreRoutes | None) -> None:
    """A worker of several: it ends when its supervisor does, however that ended."""
    os.setpgid(0, 0)  # Ctrl-C reaches the supervisor, which passes it on once
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1.0)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, daemon=True).start()
    try:
        _work(settings, taken, more, False)
    except UserError as error:
        print(f"gfm-ra: {error}", file=sys.stderr)  # noqa: T201 (the one line for the person)
        sys.exit(1)


def _supervise(settings: Settings, taken: socket.socket, more: MoreRoutes | None) -> None:
    """Start workers, start another one for each that ends, and pass signals on."""
    from gfm_ra.server.served import served

    write_logs()
    title = served(settings.model).title  # fails here, in one line, if it is not there
    reference_of(settings.drift_reference)  # and so does this
    if settings.follow_s is None and title.startswith(REGISTRY):
        settings = settings._replace(model=title)  # later workers serve the same version
    with tempfile.TemporaryDirectory(prefix="gfm-ra-metrics-") as folder:
        os.environ[metrics.FOLDER] = folder
        workers = _Workers(settings, taken, more)
        with workers.signals():
            workers.start()
            _tell(settings, title)
            workers.watch()


class _Workers:
    """Worker processes, as many as are wanted."""

    def __init__(self, settings: Settings, taken: socket.socket, more: MoreRoutes | None) -> None:
        self.settings, self.taken, self.more = settings, taken, more
        self.began: dict[BaseProcess, float] = {}
        self.end_at: float | None = None  # when the socket closes, once a signal has come
        self.proven = False  # whether a worker has ever lived for a while
        self.spawn = multiprocessing.get_context("spawn")

    def start(self) -> None:
        """Start those that are missing."""
        while len(self.began) < self.settings.workers and self.end_at is None:
            process = self.spawn.Process(target=_worker, args=(self.settings, self.taken, self.more))
            process.start()
            self.began[process] = time.monotonic()
            if self.end_at is not None:  # the signal came meanwhile, and could not reach this one
                process.terminate()

    def watch(self) -> None:
        """Until all have ended; before a signal, another one starts for each that ends.

        Raises:
            UserError: workers end as soon as they start, and none ever lived.
        """
        while self.began:
            ended = wait([process.sentinel for process in self.began], timeout=0.2)
            now = time.monotonic()
            if self.end_at is not None and now >= self.end_at and self.taken.fileno() >= 0:
                self.taken.close()
            self.proven = self.proven or any(now - start > _QUICKLY_S for start in self.began.values())
            for process in [process for process in self.began if process.sentinel in ended]:
                lived = now - self.began.pop(process)
                metrics.forget(process.pid or 0)
                if self.end_at is not None:
                    continue
                if not self.proven and lived < _QUICKLY_S:
                    for other in self.began:
                        other.terminate()
                    raise UserError(f"a worker ended {lived:.1f} s after its start: its last line says why")
                LOG.warning("worker %s ended (%s): another one starts", process.pid, process.exitcode)
                if lived < _QUICKLY_S:
                    time.sleep(1.0)  # what has just failed is not tried at once
            self.start()

    @contextlib.contextmanager
    def signals(self) -> Iterator[None]:
        """SIGINT and SIGTERM end the workers, which drain by themselves."""

        def end(number: int, _: FrameType | None) -> None:
            if self.end_at is None:
                self.end_at = time.monotonic() + self.settings.drain_s
            for process in list(self.began):
                if process.pid is not None and process.is_alive():
                    os.kill(process.pid, number)

        before = {number: signal.signal(number, end) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
