"""What every request meets before and after its handler: drain, token, limits, request id, counting, logs."""

import asyncio
import hmac
import itertools
import logging
import os
import time
from collections import Counter
from collections.abc import Callable

import orjson
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gfm_ra.server.errors import HTTPError
from gfm_ra.server.metrics import Metrics
from gfm_ra.server.settings import Limits

LOG = logging.getLogger("gfm_ra.access")
# Asked by those who watch the server: answered without a token, and while it ends.
OPEN = frozenset({"/health", "/v2/health/live", "/v2/health/ready", "/metrics"})
_LONGEST_ID = 128
_OF_IDS = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.:/+="


class State:
    """What a process knows of itself."""

    def __init__(self) -> None:
        self.draining = False


class Guard:
    """Lets a request through to the application, or answers it here."""

    def __init__(
        self, app: ASGIApp, state: State, limits: Limits, metrics: Metrics, token: str | None, logs: bool,
        route_of: Callable[[Scope], str],
    ) -> None:  # fmt: skip
        self.app, self.state, self.limits, self.metrics, self.logs = app, state, limits, metrics, logs
        self.token = None if token is None else f"Bearer {token}".encode()
        self.route_of = route_of
        self.under_way, self.by_client = 0, Counter[str]()
        self.prefix, self.numbers = f"{os.getpid():x}-{time.time_ns():x}", itertools.count()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """As of every ASGI application."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        begin = time.perf_counter()
        given = {
            name: value for name, value in scope["headers"] if name in (b"x-request-id", b"authorization")
        }
        known = given.get(b"x-request-id", b"")[:_LONGEST_ID]
        if not known or known.translate(None, _OF_IDS):  # none, or one that no header should repeat
            known = f"{self.prefix}-{next(self.numbers)}".encode()
        if len(scope["path"]) > 1 and scope["path"].endswith("/"):
            scope = {**scope, "path": scope["path"].rstrip("/") or "/"}
        status = 500

        async def answer(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                extra = [(b"x-request-id", known)]
                if self.state.draining:
                    extra.append((b"connection", b"close"))
                message["headers"] = [*message.get("headers", ()), *extra]
            async with asyncio.timeout(self.limits.timeout_s):  # whoever does not read is not waited for
                await send(message)

        client = scope["client"][0] if scope.get("client") else ""
        refused = self._refused(scope["path"], given.get(b"authorization"), client)
        self.under_way += 1
        self.by_client[client] += 1
        self.metrics.waiting.inc()
        try:
            if refused is None:
                await self.app(scope, receive, answer)
            else:
                await _tell(refused, answer)
        finally:
            self.under_way -= 1
            self.by_client[client] -= 1
            if not self.by_client[client]:
                del self.by_client[client]
            self.metrics.waiting.dec()
            seconds = time.perf_counter() - begin
            self.metrics.answered(self.route_of(scope), scope["method"], status, seconds)
            if self.logs:
                LOG.info(
                    "", extra={"fields": {
                        "request_id": known.decode("latin-1"), "client": client, "method": scope["method"],
                        "path": scope["path"], "status": status, "ms": round(1e3 * seconds, 3),
                    }},
                )  # fmt: skip

    def _refused(self, path: str, authorization: bytes | None, client: str) -> HTTPError | None:
        if path in OPEN:
            return None
        if self.state.draining:
            return HTTPError(503, "the server is ending: ask another one", {"retry-after": "1"})
        if self.token is not None and not hmac.compare_digest(authorization or b"", self.token):
            return HTTPError(
                401, "send the header Authorization: Bearer TOKEN", {"www-authenticate": "Bearer"}
            )
        if self.under_way >= self.limits.max_requests:
            return HTTPError(503, f"{self.under_way} requests are under way: try again", {"retry-after": "1"})
        most = self.limits.max_per_client
        if most and self.by_client[client] >= most:
            return HTTPError(
                429, f"{most} requests of yours are under way: wait for an answer", {"retry-after": "1"}
            )
        return None


async def _tell(error: HTTPError, send: Send) -> None:
    body = orjson.dumps({"error": str(error)})
    headers = {"content-type": "application/json", "content-length": str(len(body))} | error.headers
    await send({
        "type": "http.response.start", "status": error.status,
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
    })  # fmt: skip
    await send({"type": "http.response.body", "body": body})
