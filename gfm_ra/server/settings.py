"""What one server process may use, and how it ends."""

from typing import NamedTuple


class Limits(NamedTuple):
    """How much requests may ask for. Memory beyond that of an idle process stays below `most_memory`."""

    max_links: int = 256
    max_batch: int = 1024
    max_body: int = 4 * 2**20  # bytes
    timeout_s: float = 10.0  # for sending the body, and again for the answer
    max_requests: int = 1024  # under way at once; more get 503
    max_per_client: int = 0  # of one address; more get 429; 0: no such limit
    max_bytes: int = 64 * 2**20  # bodies under way at once, whole ones; more get 503

    @property
    def most_memory(self) -> int:
        """Bytes, at most: bodies and what is made of them, one as Python's numbers, one part being answered."""
        return 4 * self.max_bytes + 20 * self.max_body + 64 * 2**20


class Settings(NamedTuple):
    """Which model is served, where, and by how many processes; travels to workers as it is."""

    model: str | None = None  # None: the newest packaged weights
    host: str = "127.0.0.1"
    port: int = 8000
    grpc_port: int | None = None
    workers: int = 1
    limits: Limits = Limits()
    drain_s: float = 2.0
    token: str | None = None
    follow_s: float | None = None  # how often a registry is asked for another version; None: never
    access_log: bool = False
    certificate: str | None = None
    key: str | None = None
