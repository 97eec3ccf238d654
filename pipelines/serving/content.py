"""What a request's headers say of its body: JSON or .npy, and not compressed."""

import re
from collections.abc import Sequence
from email.message import Message

from pipelines.serving.errors import HTTPError

NPY, JSON = "application/x-npy", "application/json"
# Without a type a body is JSON, and so is what `curl -d` calls a form unless told otherwise.
UNTYPED = ("", "application/x-www-form-urlencoded")
_JSON = re.compile(r"(application|text)/json|application/[^/\s]+\+json")
_CHARSETS = ("", "utf-8", "utf8", "us-ascii")


def is_npy(content_type: str) -> bool:
    """Whether a body is a .npy file; otherwise it is JSON. Names of types and charsets are compared in any case.

    Raises:
        HTTPError: it is said to be something else, or JSON in another encoding than UTF-8.
    """
    header = Message()
    header["content-type"] = content_type
    kind = content_type.partition(";")[0].strip().lower()
    if kind == NPY:
        return True
    if kind not in UNTYPED and not _JSON.fullmatch(kind):
        raise HTTPError(
            415,
            f"the body is {kind[:80]!r}: send {JSON}, or a .npy file as {NPY}",
            {"accept-post": f"{JSON}, {NPY}"},
        )
    charset = header.get_content_charset("")
    if charset not in _CHARSETS:
        raise HTTPError(415, f"the body is JSON in {charset[:40]}: send it in UTF-8")
    return False


def check_encoding(content_encoding: Sequence[str]) -> None:
    """Refuse a compressed body, given the values of all headers `content-encoding`.

    Raises:
        HTTPError: it is compressed.
    """
    named = [word.strip().lower() for value in content_encoding for word in value.split(",")]
    if compressed := [word for word in named if word not in ("", "identity")]:
        raise HTTPError(
            415,
            f"the body is compressed ({', '.join(compressed)[:80]}): send it as it is",
            {"accept-encoding": "identity"},
        )
