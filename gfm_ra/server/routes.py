"""A route with OPTIONS and its faults, and the answers to requests that get no powers."""

import logging
from collections.abc import Awaitable, Callable

import orjson
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from gfm_ra.server.errors import HTTPError

LOG = logging.getLogger("gfm_ra.server")
Handler = Callable[[Request], Awaitable[Response]]


def route(path: str, handler: Handler, method: str) -> Route:
    """A route that says what it takes to whoever asks with OPTIONS."""

    async def answer(request: Request) -> Response:
        if request.method == "OPTIONS":
            allowed = "GET, HEAD, OPTIONS" if method == "GET" else f"{method}, OPTIONS"
            return Response(status_code=204, headers={"allow": allowed})
        if method == "GET" and request.query_params:
            raise HTTPError(400, f"{', '.join(request.query_params)}: {path} takes nothing in the query")
        try:
            return await handler(request)
        except (HTTPError, HTTPException, ClientDisconnect):
            raise
        # Whatever else: it concerns this request only, and is counted and told as ours.
        except Exception as error:
            LOG.error("a request to %s failed", request.url.path[:80], exc_info=error)
            return as_json({"error": "this request failed; the server's log says why"}, 500)

    return Route(path, answer, methods=[method, "OPTIONS"])


def as_json(found: object, status: int = 200) -> Response:
    """An answer as JSON."""
    return Response(orjson.dumps(found), status, media_type="application/json")


async def refuse(_: Request, error: HTTPError) -> Response:
    """What a request gets that gets no powers."""
    return Response(
        orjson.dumps({"error": str(error).encode("utf-8", "backslashreplace").decode()}),
        error.status,
        headers=error.headers,
        media_type="application/json",
    )


async def refuse_route(request: Request, error: HTTPException) -> Response:
    """No such path, or another method."""
    told = {
        404: "there are /allocate, /v2, /health, /metrics, /docs",
        405: f"{request.url.path[:80]} does not take {request.method[:20]}",
    }.get(error.status_code, str(error.detail))
    headers = dict(error.headers or {})
    return Response(
        orjson.dumps({"error": told}), error.status_code, headers=headers, media_type="application/json"
    )


async def gone(_: Request, __: ClientDisconnect) -> Response:
    """The client has closed the connection."""
    return Response(status_code=499)  # nobody reads it
