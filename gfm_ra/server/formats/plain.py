"""The plain interface, POST /allocate: JSON or a .npy file to powers."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import orjson

from gfm_ra.allocator import Allocator
from gfm_ra.server.errors import HTTPError
from gfm_ra.server.formats.body import is_npy, may_hold_flags, numbers, read_json
from gfm_ra.server.formats.npy import read_npy
from gfm_ra.server.question import NUMBERS, OPTIONS, Question, question
from gfm_ra.server.settings import Limits

FIELDS = ("gain_db", "gain", "hidden", *OPTIONS)
Query = Sequence[tuple[str, str]]


def read(body: bytes, content_type: str, query: Query, allocator: Allocator, limits: Limits) -> Question:
    """What a body asks: an object with gain_db (or linear `gain`) [K, K] or [B, K, K], or a .npy file of gains in dB.

    Raises:
        HTTPError: 400 for what is malformed or would not be used, 413, 415, 422 for what makes no sense.
    """
    if is_npy(content_type):
        return question(floating(read_npy(body)), _asked(query), allocator, limits)
    if query:
        names = ", ".join(sorted({name for name, _ in query}))
        raise HTTPError(
            400, f"{names} in the query: beside a JSON body nothing is read there; put it into the body"
        )
    fields = read_json(body)
    if unknown := sorted(set(fields) - set(FIELDS)):
        raise HTTPError(400, f"{', '.join(unknown)}: unknown; send {', '.join(FIELDS)}")
    if ("gain_db" in fields) == ("gain" in fields):
        raise HTTPError(
            400,
            'send gain_db, K x K numbers in dB per network ({"gain_db": [[[...]]]}), or linear gain: one of them',
        )
    name = "gain_db" if "gain_db" in fields else "gain"
    flags = may_hold_flags(body)
    gain = floating(numbers(name, fields[name], flags))
    if fields.get("hidden") is not None:
        gain = with_hidden(gain, numbers_or_flags(fields["hidden"]))
    options = {key: fields[key] for key in OPTIONS if fields.get(key) is not None}
    if isinstance(options.get("weights"), list):
        options["weights"] = numbers("weights", options["weights"], flags)
    return question(gain, options, allocator, limits, in_db=name == "gain_db")


def numbers_or_flags(given: object) -> np.ndarray:
    """`hidden` as an array of truth values.

    Raises:
        HTTPError: 422.
    """
    try:
        values = np.array(given)
    except ValueError:
        raise HTTPError(422, "hidden must be true and false in rows of the same length") from None
    if values.dtype.kind != "b":
        raise HTTPError(422, "hidden must be true and false, one per gain")
    return values


def with_hidden(gain: np.ndarray, hidden: np.ndarray) -> np.ndarray:
    """Gains, NaN where hidden; a mask [K, K] is for all networks.

    Raises:
        HTTPError: 422, the shapes do not fit.
    """
    if hidden.shape not in (gain.shape, gain.shape[-2:]):
        raise HTTPError(
            422,
            f"hidden has shape {list(hidden.shape)}, the gains {list(gain.shape)}: send one flag per gain",
        )
    return np.where(hidden, np.array(np.nan, gain.dtype), gain)


def _asked(query: Query) -> dict[str, Any]:
    """Options of a query, as text or numbers."""
    names = [name for name, _ in query]
    if unknown := sorted(set(names) - set(OPTIONS)):
        raise HTTPError(400, f"{', '.join(unknown)}: unknown in the query; send {', '.join(OPTIONS)}")
    if len(set(names)) < len(names):
        twice = sorted({name for name in names if names.count(name) > 1})
        raise HTTPError(400, f"{', '.join(twice)}: more than once in the query; send each name once")
    found: dict[str, Any] = dict(query)
    for name in (*NUMBERS, "weights", "seed"):
        if name in found:
            found[name] = _number(name, found[name])
    return found


def _number(name: str, text: str) -> float | int | list[float]:
    try:
        if name == "weights":
            return [float(word) for word in text.split(",")]
        return int(text) if name == "seed" else float(text)
    except ValueError:
        kind = {"weights": "numbers between commas", "seed": "a whole number"}.get(name, "a number")
        raise HTTPError(422, f"{name} in the query must be {kind}, got {text[:40]!r}") from None


def floating(values: np.ndarray) -> np.ndarray:
    """Gains in native single or double precision."""
    if values.dtype in (np.float32, np.float64) and values.dtype.isnative:
        return values
    return values.astype(np.float32 if values.dtype.itemsize <= 2 else np.float64)


def write(power: np.ndarray, model: str, notes: Sequence[str]) -> bytes:
    """The answer as JSON: powers [B, K], which model, and what the reader should know."""
    found = {"power": np.ascontiguousarray(power), "model": model, "notes": list(notes)}
    return orjson.dumps(found, option=orjson.OPT_SERIALIZE_NUMPY)
