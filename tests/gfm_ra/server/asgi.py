"""Requests to an ASGI application without a socket."""

import asyncio
import json
from typing import Any, NamedTuple

from gfm_ra.server.application import Application
from gfm_ra.server.settings import Limits, Settings


class Response(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Served:
    """An application of this process and its answers."""

    def __init__(self, **settings: Any) -> None:
        limits = settings.pop("limits", Limits())
        self.application = Application(Settings(limits=limits, **settings))
        self.asgi = self.application.asgi()

    def ask(self, *arguments: Any, **named: Any) -> Response:
        """`asked`, on a loop of its own."""
        return asyncio.run(self.asked(*arguments, **named))

    async def asked(
        self,
        method: str,
        path: str,
        body: bytes = b"",
        chunks: int = 1,
        client: str = "127.0.0.1",
        **headers: str,
    ) -> Response:
        where, _, query = path.partition("?")
        named = [
            (name.replace("_", "-").encode(), value.encode("latin-1")) for name, value in headers.items()
        ]
        scope = {
            "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": method, "scheme": "http",
            "path": where, "raw_path": where.encode(), "query_string": query.encode(), "root_path": "",
            "headers": [*named, (b"content-length", str(len(body)).encode())],
            "client": (client, 1), "server": ("x", 1),
        }  # fmt: skip
        step = -(-len(body) // chunks) or 1
        parts = [body[at : at + step] for at in range(0, len(body), step)] or [b""]
        waiting = [
            {"type": "http.request", "body": part, "more_body": number < len(parts) - 1}
            for number, part in enumerate(parts)
        ]
        sent: list[dict[str, Any]] = []

        async def receive() -> dict[str, Any]:
            return waiting.pop(0) if waiting else {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            sent.append(message)

        await self.asgi(scope, receive, send)
        found = {name.decode(): value.decode("latin-1") for name, value in sent[0]["headers"]}
        return Response(sent[0]["status"], found, b"".join(message.get("body", b"") for message in sent[1:]))

    def post(self, path: str, fields: object, **headers: str) -> Response:
        return self.ask("POST", path, json.dumps(fields).encode(), content_type="application/json", **headers)
