"""Uvicorn's connection with bounds: how long headers may be and may take, and how many requests may be sent ahead."""

import asyncio
from typing import Any

import orjson
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

LONGEST_HEAD = 64 * 2**10  # bytes of address and headers
MOST_AHEAD = 16  # requests of one connection that wait for the answer to another one
_REASONS = {400: b"Bad Request", 431: b"Request Header Fields Too Large"}


class Connection(HttpToolsProtocol):
    """One connection; `head_s` is how long a request's headers may take."""

    head_s = 10.0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin: whoever sends nothing is not kept longer than between two requests."""
        super().connection_made(transport)
        self._head_bytes = self._unfinished = self._refusal = 0
        self._timer = self.loop.call_later(self.timeout_keep_alive, self._give_up)

    def connection_lost(self, exc: Exception | None) -> None:
        """End."""
        self._timer.cancel()
        super().connection_lost(exc)

    def on_message_begin(self) -> None:
        """The first byte of a request."""
        super().on_message_begin()
        self._head_bytes = self._unfinished = 0
        self._timer.cancel()
        self._timer = self.loop.call_later(self.head_s, self._give_up)

    def on_url(self, url: bytes) -> None:
        """A piece of the address."""
        self._count(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header."""
        self._count(len(name) + len(value))
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """The request begins, or waits for those before it."""
        self._timer.cancel()
        if len(self.pipeline) >= MOST_AHEAD:
            self._refusal = -1  # answers are under way: nothing can be said between them
            raise ValueError("too many requests ahead")
        super().on_headers_complete()

    def data_received(self, data: bytes) -> None:
        """Bytes; a header that has no end yet is counted by the pieces that came since the request's first one."""
        begun = self._in_head()
        super().data_received(data)
        if begun and self._in_head():
            self._unfinished += len(data)
            if self._unfinished > LONGEST_HEAD and not self.transport.is_closing():
                self._refusal = 431
                self.send_400_response("")

    def _in_head(self) -> bool:
        return self.headers is not None and (self.cycle is None or self.cycle.scope is not self.scope)

    def send_400_response(self, msg: str) -> None:
        """Refuse what is no request, as JSON, and close."""
        if self._refusal >= 0 and not self.transport.is_closing():
            status = self._refusal or 400
            text = msg or f"headers are too long: at most {LONGEST_HEAD} bytes"
            body = orjson.dumps({"error": text if status == 431 else f"this is no HTTP request: {text}"})
            kind = b"content-type: application/json\r\nconnection: close"
            head = b"HTTP/1.1 %d %s\r\n%s\r\ncontent-length: %d\r\n\r\n"
            self.transport.write(head % (status, _REASONS[status], kind, len(body)) + body)
        self.transport.close()

    def _count(self, count: int) -> None:
        self._head_bytes += count
        if self._head_bytes > LONGEST_HEAD:
            self._refusal = 431
            raise ValueError("headers are too long")

    def _give_up(self) -> None:
        if not self.transport.is_closing():
            self.transport.close()


def within(head_s: float) -> type[Any]:
    """The class of connections whose headers may take so long."""
    return type("Connection", (Connection,), {"head_s": head_s})
