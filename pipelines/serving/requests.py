"""What a client may send to the service: bytes to checked inputs, or an error with an HTTP status."""

import io
import json
from tokenize import TokenError
from typing import Any, NamedTuple, Protocol, runtime_checkable

import numpy as np

from gfm_ra.goal_family import GOAL_OF_NUMBER
from pipelines.runtime.errors import UserError
from pipelines.serving.content import is_npy
from pipelines.serving.errors import HTTPError

# numpy reads the header as Python text, which may fail in any of these ways.
NOT_NPY = (
    ValueError, EOFError, SyntaxError, TypeError, ArithmeticError, MemoryError, RecursionError, TokenError,
)  # fmt: skip
# Methods of each path, the one that does its work first.
ROUTES = {
    "/allocate": ("POST", "OPTIONS"), "/health": ("GET", "HEAD", "OPTIONS"), "/metrics": ("GET", "HEAD", "OPTIONS"),
}  # fmt: skip
FIELDS = ("gain_db", "goal", "alpha", "min_rate", "penalty", "weights")

Inputs = dict[str, np.ndarray]  # of a model's graph


@runtime_checkable
class Program(Protocol):
    """What a registered model runs: `PowerAllocator` of `pyfunc_model.py`."""

    @property
    def any_goal(self) -> bool:
        """Whether it takes a goal."""
        ...

    def prepare(self, gain_db: object, params: dict[str, Any]) -> Inputs:
        """Checked inputs; ValueError says what is wrong."""
        ...

    def run(self, inputs: Inputs) -> np.ndarray:
        """Powers [B, K]."""
        ...


class Limits(NamedTuple):
    """How much one request may ask for."""

    max_links: int = 256
    max_batch: int = 1024
    max_body: int = 4 * 2**20  # bytes
    timeout_s: float = 10.0  # for sending the body, and again for the answer


def routed(method: str, path: str, query: list[tuple[str, str]]) -> str:
    """The path that a request means, one of ROUTES, with or without a slash at its end.

    Raises:
        HTTPError: there is none, it does not take the method, or the query says something that would not be used.
    """
    wanted = path.rstrip("/") or "/"
    if wanted not in ROUTES:
        raise HTTPError(404, f"there are {', '.join(ROUTES)}")
    allowed = ROUTES[wanted]
    if method not in allowed:
        raise HTTPError(405, f"{wanted} takes {allowed[0]}", {"allow": ", ".join(allowed)})
    names = [name for name, _ in query]
    takes = [name for name in FIELDS if name != "gain_db"] if wanted == "/allocate" else []
    if unknown := sorted(set(names) - set(takes)):
        known = f"send {', '.join(takes)}" if takes else f"{wanted} takes none"
        raise HTTPError(400, f"{', '.join(unknown)}: unknown in the query; {known}")
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise HTTPError(400, f"{', '.join(twice)}: more than once in the query; send each name once")
    return wanted


def parse(body: bytes, content_type: str, query: dict[str, str], program: Program, limits: Limits) -> Inputs:
    """Inputs of the model's graph from a request's body.

    The body is JSON, an object with gain_db [B, K, K] or [K, K] and perhaps a goal, or a .npy file with the goal in the
    query.

    Raises:
        HTTPError: it is not that or said to be something else, not a gain matrix, or too large.
    """
    npy = is_npy(content_type)
    if query and not npy:
        raise HTTPError(
            400,
            f"{', '.join(sorted(query))} in the query: beside a JSON body nothing is read there; put it into the body",
        )
    fields = _from_npy(body, query) if npy else _from_json(body)
    if unknown := sorted(set(fields) - set(FIELDS)):
        raise HTTPError(400, f"{', '.join(unknown)}: unknown; send {', '.join(FIELDS)}")
    if "gain_db" not in fields:
        raise HTTPError(
            400, 'gain_db is missing: send {"gain_db": [[[...]]]}, K x K numbers per network, in dB'
        )
    params = {name: value for name, value in fields.items() if name != "gain_db"}
    if params and not program.any_goal:
        raise HTTPError(400, f"this model is for one goal: leave out {', '.join(params)}")
    for name, goal in GOAL_OF_NUMBER.items():
        if params.get(name) is not None and params.get("goal") != goal:
            raise HTTPError(400, f"{name} belongs to goal {goal}: send both or neither")
    try:
        gain_db = np.asarray(fields["gain_db"])
        gain_db = gain_db[None] if gain_db.ndim == 2 else gain_db
        _within(gain_db.shape, limits)
        return program.prepare(gain_db, params)
    except ValueError as error:
        raise HTTPError(400, " ".join(str(error).split())) from None


def _within(shape: tuple[int, ...], limits: Limits) -> None:
    if len(shape) == 3 and shape[-1] > limits.max_links:
        raise HTTPError(413, f"K = {shape[-1]} links: at most {limits.max_links} are served")
    if len(shape) == 3 and shape[0] > limits.max_batch:
        raise HTTPError(413, f"{shape[0]} networks in one request: at most {limits.max_batch} are served")


def _from_json(body: bytes) -> dict[str, Any]:
    try:
        fields = json.loads(body, object_pairs_hook=_once)
    except UnicodeDecodeError as error:
        raise HTTPError(400, f"the body is no JSON: byte {error.start} is not UTF-8") from None
    except (ValueError, RecursionError):
        raise HTTPError(400, "the body is no JSON") from None
    if not isinstance(fields, dict):
        raise HTTPError(400, 'the body must be an object: {"gain_db": [[[...]]]}')
    return fields


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    names = [name for name, _ in pairs]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise HTTPError(400, f"{', '.join(twice)}: more than once in the body; send each name once")
    return dict(pairs)


def _from_npy(body: bytes, query: dict[str, str]) -> dict[str, Any]:
    fields: dict[str, Any] = dict(query)
    try:
        for name in ("alpha", "min_rate", "penalty"):
            if name in fields:
                fields[name] = float(fields[name])
        if "weights" in fields:
            fields["weights"] = [float(word) for word in fields["weights"].split(",")]
    except ValueError:
        raise HTTPError(400, "alpha, min_rate, penalty and weights in the query must be numbers") from None
    # The header decides how much memory is taken, so it is read before the data.
    stream = io.BytesIO(body)
    try:
        version = np.lib.format.read_magic(stream)
        header = (
            np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        )
        shape, _, dtype = header(stream)
        if dtype.hasobject or int(np.prod(shape, dtype=object)) * dtype.itemsize > len(body):
            raise ValueError("no plain numbers, or fewer of them than its header says")
        return fields | {"gain_db": np.load(io.BytesIO(body), allow_pickle=False)}
    except (
        ValueError,
        EOFError,
        SyntaxError,
        TypeError,
        ArithmeticError,
        MemoryError,
        RecursionError,
        TokenError,
    ) as error:
        raise HTTPError(400, f"the body is no .npy file ({' '.join(str(error).split())[:100]})") from None


def grouped(requests: list[Inputs]) -> list[list[int]]:
    """Positions of requests that can be answered together: those of one K."""
    groups: dict[int, list[int]] = {}
    for position, inputs in enumerate(requests):
        groups.setdefault(inputs["gain_db"].shape[-1], []).append(position)
    return list(groups.values())


def answer_together(requests: list[Inputs], program: Program) -> list[np.ndarray]:
    """Powers of requests of one K, in one run."""
    joined = {name: np.concatenate([inputs[name] for inputs in requests]) for name in requests[0]}
    counts = [len(inputs["gain_db"]) for inputs in requests]
    return np.split(program.run(joined), np.cumsum(counts)[:-1])


def size(inputs: Inputs) -> int:
    """How much work a request is: the number of its gains."""
    return inputs["gain_db"].size


def parts(inputs: Inputs, limit: int) -> list[Inputs]:
    """A request cut into runs of at most `limit` gains each, or of one network."""
    batch, links, _ = inputs["gain_db"].shape
    step = max(1, limit // (links * links))
    return [
        {name: values[start : start + step] for name, values in inputs.items()}
        for start in range(0, batch, step)
    ]


def check_program(program: object, model: str) -> None:
    """Refuse a model whose program cannot answer several requests together.

    Raises:
        UserError: it was registered by another program, or before there was a service.
    """
    if not isinstance(program, Program):
        raise UserError(
            f"{model} cannot be served: its program has no `prepare` and `run`; register it again"
        )
