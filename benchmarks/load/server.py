"""The server with a handler that does nothing beside its own: what the same server costs without any work.

`python -m benchmarks.load.server PORT WORKERS LINKS`.
"""

import sys

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from gfm_ra.server.application import Application
from gfm_ra.server.formats.body import NPY
from gfm_ra.server.run import serve
from gfm_ra.server.settings import Settings

NOTHING = "/nothing"


def nothing(application: Application) -> list[BaseRoute]:
    """POST /nothing: takes the body as /allocate does, and answers so many bytes as the powers would be."""
    bytes_out = 128 + 4 * int(sys.argv[3])

    async def answer(request: Request) -> Response:
        body = await application.body(request)
        application.bytes_under_way -= len(body)
        return Response(bytes(bytes_out), media_type=NPY)

    return [Route(NOTHING, answer, methods=["POST"])]


if __name__ == "__main__":
    serve(Settings(port=int(sys.argv[1]), workers=int(sys.argv[2])), nothing)
