"""Whole numbers that callers give: seeds, indices and counts."""

from operator import index
from typing import Any


def whole(name: str, value: Any, least: int) -> int:  # noqa: ANN401 (whatever Python makes an index of)
    """A whole number of at least so much, as Python's own: the core's arithmetic leaves NumPy's."""
    try:
        found = index(value)
    except TypeError:
        found = least - 1
    if found < least:
        raise ValueError(f"allocate: {name} must be a whole number from {least} on, got {value!r}")
    return found
