"""What a request's headers say of its body, and JSON without surprises."""

import re
from collections.abc import Sequence
from email.message import Message
from typing import Any

import numpy as np
import orjson

from gfm_ra.server.errors import HTTPError

MOST_DIMENSIONS = 3
NPY, JSON = "application/x-npy", "application/json"
OCTETS = "application/octet-stream"
# Without a type a body is JSON, and so is what `curl -d` calls a form unless told otherwise.
_UNTYPED = ("", "application/x-www-form-urlencoded")
_JSON = re.compile(r"(application|text)/json|application/[^/\s]+\+json")
_CHARSETS = ("", "utf-8", "utf8", "us-ascii")


def is_npy(content_type: str) -> bool:
    """Whether a body is a .npy file; otherwise it is JSON. Names of types and charsets are compared in any case.

    Raises:
        HTTPError: 415, it is said to be something else, or JSON in another encoding than UTF-8.
    """
    if content_type in (NPY, JSON, ""):
        return content_type == NPY
    kind = content_type.partition(";")[0].strip().lower()
    if kind == NPY:
        return True
    if kind == OCTETS:
        raise HTTPError(
            415,
            f"the body is {OCTETS}, which says nothing of what it holds: send a .npy file as {NPY} (curl: "
            f"-H 'content-type: {NPY}' --data-binary @gains.npy), or JSON as {JSON}",
            {"accept-post": f"{JSON}, {NPY}"},
        )
    check_json(content_type, f"{JSON}, {NPY}", f"send {JSON}, or a .npy file as {NPY}")
    return False


def check_json(content_type: str, accepted: str = JSON, remedy: str = f"send {JSON}") -> None:
    """Refuse a body that is said to be no JSON in UTF-8.

    Raises:
        HTTPError: 415.
    """
    kind = content_type.partition(";")[0].strip().lower()
    if kind not in _UNTYPED and not _JSON.fullmatch(kind):
        raise HTTPError(415, f"the body is {kind[:80]!r}: {remedy}", {"accept-post": accepted})
    header = Message()
    header["content-type"] = content_type
    try:
        charset = header.get_content_charset("")
    except (TypeError, ValueError, LookupError):
        charset = "an encoding that cannot be read"
    if charset not in _CHARSETS:
        raise HTTPError(415, f"the body is JSON in {charset[:40]}: send it in UTF-8")


def check_encoding(content_encoding: Sequence[str]) -> None:
    """Refuse a compressed body, given the values of all headers `content-encoding`.

    Raises:
        HTTPError: 415, it is compressed.
    """
    named = [word.strip().lower() for value in content_encoding for word in value.split(",")]
    if compressed := [word for word in named if word not in ("", "identity")]:
        raise HTTPError(
            415,
            f"the body is compressed ({', '.join(compressed)[:80]}): send it as it is",
            {"accept-encoding": "identity"},
        )


def read_json(body: bytes) -> dict[str, Any]:
    """An object; a name given twice is refused at any depth, NaN and infinities are read as Python's `json` does.

    Raises:
        HTTPError: 400, it is no JSON object.
    """
    try:
        found = orjson.loads(body)
    except orjson.JSONDecodeError:
        found = _slowly(body)  # perhaps NaN; and it says what is wrong
    else:
        # Every name is followed by one colon: as many names as colons cannot hide a second one.
        try:
            names = _names(found)
        except RecursionError:
            raise HTTPError(400, "the body is nested too deeply") from None
        if names != body.count(b":"):
            found = _slowly(body)
    if not isinstance(found, dict):
        raise HTTPError(400, 'the body must be an object: {"gain_db": [[[...]]]}')
    return found


def _names(found: object) -> int:
    """How many names an answer of the parser has, looked for where this interface may have objects."""
    if isinstance(found, dict):
        return len(found) + sum(map(_names, found.values()))
    if isinstance(found, list) and found and isinstance(found[0], dict | list):
        if isinstance(found[0], list):
            return 0  # rows of numbers; an object among them shows as a colon too many
        return sum(map(_names, found))
    return 0


def _slowly(body: bytes) -> Any:  # noqa: ANN401 (whatever JSON holds)
    import json

    try:
        found = json.loads(body, object_pairs_hook=_once)
        if b"\\u" in body:  # half a surrogate pair is no character: no answer could repeat it
            json.dumps(found, ensure_ascii=False).encode()
        return found
    except UnicodeEncodeError:
        raise HTTPError(400, "the body is no JSON: an escape stands for no character") from None
    except UnicodeDecodeError as error:
        raise HTTPError(400, f"the body is no JSON: byte {error.start} is not UTF-8") from None
    except json.JSONDecodeError as error:
        raise HTTPError(400, f"the body is no JSON: {error.msg} at character {error.pos}") from None
    except (ValueError, RecursionError):
        raise HTTPError(400, "the body is no JSON") from None


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = sorted({name for name in names if names.count(name) > 1})
        raise HTTPError(400, f"{', '.join(twice)}: more than once in the body; send each name once")
    return found


def may_hold_flags(text: bytes) -> bool:
    """Whether true or false may stand in a body: NumPy would take them for numbers."""
    return b"true" in text or b"false" in text


def numbers(name: str, given: object, flags: bool = False) -> np.ndarray:
    """Nested lists of numbers as an array; null is NaN. A ragged row and what is no number are named by their place.

    flags: whether true and false may be among them (`may_hold_flags`).

    Raises:
        HTTPError: 422.
    """
    if not isinstance(given, list):
        raise HTTPError(422, f"{name} must be nested lists of numbers, got {_told(given)}")
    if len(_shape(given)) > MOST_DIMENSIONS:
        raise HTTPError(422, f"{name} is nested more than {MOST_DIMENSIONS} deep")
    if flags:
        _say_where(name, given, _shape(given))
    try:
        values = np.array(given)
    except (ValueError, OverflowError):  # rows of different length, or a number beyond any type
        _say_where(name, given, _shape(given))
        raise HTTPError(422, f"{name} must be numbers in rows of the same length") from None
    if values.dtype.kind in "fiu":
        return values
    _say_where(name, given, _shape(given))
    try:
        return values.astype(np.float64)  # None is NaN
    except (TypeError, ValueError, OverflowError):
        raise HTTPError(422, f"{name} must be nested lists of numbers") from None


def _shape(given: object) -> list[int]:
    """The shape that the first rows promise."""
    found = []
    while isinstance(given, list):
        found.append(len(given))
        given = given[0] if given else None
    return found


def _say_where(name: str, given: object, shape: list[int]) -> None:
    """Raise for the first place that is not of this shape or no number."""
    if not shape:
        if given is not None and (isinstance(given, bool) or not isinstance(given, int | float)):
            raise HTTPError(422, f"{name} is {_told(given)}: numbers only, null where a gain is unknown")
        return
    if not isinstance(given, list):
        raise HTTPError(422, f"{name} is {_told(given)} where a row of {shape[0]} numbers is expected")
    if len(given) != shape[0]:
        raise HTTPError(
            422, f"{name} has {len(given)} entries, the rows before it {shape[0]}: K x K numbers are needed"
        )
    for number, part in enumerate(given):
        _say_where(f"{name}[{number}]", part, shape[1:])


def _told(given: object) -> str:
    names = {dict: "an object", list: "a list", str: "text", bool: "true or false", type(None): "null"}
    return names.get(type(given), str(given)[:40])
