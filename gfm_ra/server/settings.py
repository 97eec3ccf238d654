"""What one server process may use, and how it ends."""

import os
from typing import Any, NamedTuple

from gfm_ra.errors import InputError
from gfm_ra.familiarity.packaged import TRAINED

TOKEN = "GFM_RA_TOKEN"  # in the environment


def token_of_environment() -> str | None:
    """What requests must carry, None if nothing.

    Raises:
        InputError: it is set but empty, which would let everybody in.
    """
    token = os.environ.get(TOKEN)
    if token == "":
        raise InputError(
            f"{TOKEN} is set but empty, which would let everybody in: give it a value, or unset it"
        )
    return token


class Limits(NamedTuple):
    """How much requests may ask for. Memory beyond that of an idle process stays below `most_memory`."""

    max_links: int = 256
    max_batch: int = 1024
    max_body: int = 4 * 2**20  # bytes
    timeout_s: float = 10.0  # for sending the body, and again for the answer
    max_requests: int = 1024  # under way at once; more get 503
    max_per_client: int = 0  # of one address; more get 429; 0: no such limit
    max_bytes: int = 64 * 2**20  # bodies under way at once, whole ones; more get 503

    @classmethod
    def of(cls, max_body_mb: float, **others: Any) -> "Limits":  # noqa: ANN401 (as of the class)
        """Limits with the largest body in MiB; one such body always fits into those under way."""
        max_body = int(max_body_mb * 2**20)
        return cls(max_body=max_body, max_bytes=max(cls().max_bytes, max_body), **others)

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
    drift_reference: str = TRAINED  # what answered networks are compared with; "none": nothing
    access_log: bool = False
    certificate: str | None = None
    key: str | None = None
