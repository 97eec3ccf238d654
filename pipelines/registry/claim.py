"""A claim on a registered model at an MLflow server, which has neither locks nor conditional writes.

Fischer's algorithm: whoever finds no claim writes its own, waits longer than a write takes, and reads it back. Of
several that wrote, all read the last one, so only its owner goes on. A claim whose owner died is taken over when it has
not changed for a while; the time is the waiting side's own, so clocks of different machines need not agree.
"""

import os
import socket
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

import mlflow
from mlflow.exceptions import MlflowException

from pipelines.runtime.errors import UserError

TAG = "promotion_claim"
SETTLE_S = 1.0
STALE_S = 60.0
GIVE_UP_S = 300.0


@contextmanager
def claimed(name: str) -> Iterator[None]:
    """Hold the claim on a registered model for the time of the block.

    Raises:
        UserError: others hold it for GIVE_UP_S.
        MlflowException: the server fails.
    """
    mine = f"{socket.gethostname()} process {os.getpid()} {uuid.uuid4().hex[:12]}"
    _take(name, mine)
    try:
        yield
    finally:
        if _holder(name) == mine:
            mlflow.MlflowClient().delete_registered_model_tag(name, TAG)


def _take(name: str, mine: str) -> None:
    started = since = time.monotonic()
    seen: str | None = None
    while time.monotonic() - started < GIVE_UP_S:
        holder = _holder(name)
        if holder != seen:
            seen, since = holder, time.monotonic()
        if holder is None or time.monotonic() - since > STALE_S:
            _write(name, mine)
        elif holder == mine:
            return
        time.sleep(SETTLE_S)
    raise UserError(
        f"{name} is being promoted by {seen} for {GIVE_UP_S:.0f} s: nothing was promoted; try again later"
    )


def _write(name: str, mine: str) -> None:
    try:
        mlflow.MlflowClient().set_registered_model_tag(name, TAG, mine)
    except MlflowException:
        # Two that add the tag at the same moment: the server's database refuses one of them.
        if _holder(name) is None:
            raise


def _holder(name: str) -> str | None:
    return mlflow.MlflowClient().get_registered_model(name).tags.get(TAG)
