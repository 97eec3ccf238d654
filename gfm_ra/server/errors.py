"""What a request that gets no powers is answered with."""


class HTTPError(Exception):
    """A request that gets no powers; the message is for the client: what is wrong, where, and what to send instead."""

    def __init__(self, status: int, message: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(message)
        self.status, self.headers = status, headers or {}
