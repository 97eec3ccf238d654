"""Whether anything listens at an address, asked before clients that would find out after minutes."""

import socket

from pipelines.runtime.errors import UserError

ANSWER_WITHIN_S = 10.0
# How a client opens a connection of HTTP/2, which gRPC speaks: the preface and an empty SETTINGS frame. A server's
# first frame is of the same kind.
GREETING = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0\x04\0\0\0\0\0"
HEADER_BYTES, KIND_AT, SETTINGS = 9, 3, 4


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


def check_grpc(host: str, port: int, what: str, remedy: str) -> None:
    """Refuse an address at which something else than a gRPC server listens, or something that does not answer.

    Raises:
        UserError: it does not greet as gRPC does, or not in time.
    """
    try:
        with socket.create_connection((host, port), ANSWER_WITHIN_S) as connection:
            connection.sendall(GREETING)
            header = connection.recv(HEADER_BYTES, socket.MSG_WAITALL)
    except OSError as error:
        raise UserError(f"no {what} (something listens there, but: {error}): {remedy}") from None
    if len(header) < HEADER_BYTES or header[KIND_AT] != SETTINGS:
        raise UserError(f"no {what} (what listens there is something else): {remedy}")
