"""Whether this machine and a Ray cluster agree on a token, asked before Ray would fail late and in other words."""

import os
import secrets
from pathlib import Path

import grpc

from pipelines.runtime.errors import UserError

ANSWER_WITHIN_S = 10.0
# Asks for nothing but the cluster's version; unlike a health check it is refused without the right token.
METHOD = "/ray.rpc.NodeInfoGcsService/CheckAlive"
MODE, TOKEN, TOKEN_PATH = "RAY_AUTH_MODE", "RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"
DEFAULT_PATH = "~/.ray/auth_token"


def check_token(host: str, port: int) -> None:
    """Refuse a cluster that asks for a token which this side does not have, or for none where this side has one.

    Ray tries twenty times in the first case; in the second, tasks run, but every actor dies without a reason.

    Raises:
        UserError: one side has a token and the other has none, or another one.
    """
    mode = os.environ.get(MODE, "").lower()
    if mode not in ("", "token", "disabled") or os.environ.get("RAY_ENABLE_K8S_TOKEN_AUTH"):
        return  # a way that only Ray knows
    token, source = own_token()
    sends = mode == "token" or (mode == "" and bool(token))
    accepted = accepts(host, port, "")
    cluster = f"the Ray cluster at {host}:{port}"
    if accepted and sends:
        here = f"{MODE}=token" if mode == "token" else source
        raise UserError(
            f"{cluster} asks for no token, but this side has one ({here}), with which actors, and so training and "
            f"sweeps, would die: set {MODE}=disabled here, or start the cluster with {MODE}=token"
        )
    if accepted is not False:
        return
    remedy = f"set {MODE}=token and {TOKEN} (or {TOKEN_PATH}) here to the cluster's"
    if not sends or not token:
        why = f"{MODE}=disabled" if mode == "disabled" else f"neither {TOKEN} nor {DEFAULT_PATH} holds one"
        raise UserError(f"{cluster} asks for a token, but this side sends none ({why}): {remedy}")
    if accepts(host, port, token) is False:
        raise UserError(f"{cluster} asks for another token than this side has ({source}): {remedy}")


def own_token() -> tuple[str, str]:
    """The token that Ray would send from here, and where it lies; empty if there is none. In Ray's own order."""
    if token := os.environ.get(TOKEN, "").strip():
        return token, TOKEN
    named = os.environ.get(TOKEN_PATH)
    path = Path(named or os.path.expanduser(DEFAULT_PATH))
    try:
        return path.read_text(encoding="utf-8").strip(), f"{TOKEN_PATH}={named}" if named else DEFAULT_PATH
    except (FileNotFoundError, NotADirectoryError):
        return "", ""


def give_token() -> None:
    """Give a session of this machine's own a token that ends with this process, unless there is one or none is wanted.

    Ray would write one into the home folder, which there may not be, and would send it to every cluster from then on.
    """
    if os.environ.get(MODE, "token").lower() == "token" and not own_token()[0]:
        os.environ[TOKEN] = secrets.token_hex(32)


def accepts(host: str, port: int, token: str) -> bool | None:
    """Whether a cluster takes a question with this token, or without any if it is empty; None if that stays open."""
    metadata = (("authorization", f"Bearer {token}"),) if token else ()
    # As Ray itself: nodes of a cluster are not behind a proxy.
    with grpc.insecure_channel(f"{host}:{port}", options=[("grpc.enable_http_proxy", 0)]) as channel:
        try:
            channel.unary_unary(METHOD)(b"", timeout=ANSWER_WITHIN_S, metadata=metadata)
        except grpc.RpcError as error:
            # Any other code comes from another version, or from the port of Ray's client: only Ray can ask there.
            return False if error.code() == grpc.StatusCode.UNAUTHENTICATED else None
    return True
