"""Whether anything listens at an address, asked before clients that would find out after minutes."""

import socket

from pipelines.runtime.errors import UserError

ANSWER_WITHIN_S = 10.0


def check_listening(host: str, port: int, what: str, remedy: str) -> None:
    """Refuse an address at which nothing accepts a connection.

    `what` completes "no ...", as in "no MLflow server answers at http://host:5000".

    Raises:
        UserError: nothing listens there, the name is unknown, or nothing answers in time.
    """
    try:
        socket.create_connection((host, port), ANSWER_WITHIN_S).close()
    except OSError as error:
        raise UserError(f"no {what} ({error}): {remedy}") from None
