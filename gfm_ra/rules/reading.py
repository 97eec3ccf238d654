"""Rules from a JSON file."""

import json
from dataclasses import fields
from pathlib import Path
from typing import Any

from gfm_ra.errors import InputError
from gfm_ra.rules.hard_rules import Rules


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object of JSON, refused where it says a key twice: one of the values would be ignored."""
    found = dict(pairs)
    if len(found) < len(pairs):
        twice = next(key for number, (key, _) in enumerate(pairs) if key in dict(pairs[:number]))
        raise ValueError(f"{twice!r} is said twice")
    return found


def read_rules(path: Path) -> Rules:
    """The rules that a JSON object names, its keys the fields of `Rules`, its values numbers or nested lists.

    Raises:
        InputError: it cannot be read, is no such object, has another key, or its values can be no rules.
    """
    try:
        text = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}): name a file of rules") from None
    try:
        told = json.loads(text, object_pairs_hook=_once)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path} is no JSON ({error}): write one object of rules") from None
    if not isinstance(told, dict):
        raise InputError(f"{path} must hold one JSON object of rules, not a {type(told).__name__}")
    known = [each.name for each in fields(Rules)]
    for key in told:
        if key not in known:
            raise InputError(f"{path} holds {key!r}, which is no rule: choose among {', '.join(known)}")
    if not told:
        raise InputError(f"{path} holds no rules: name one of {', '.join(known)}")
    for key, value in told.items():
        if value is None:
            raise InputError(f"{path}: {key} is null: leave it out")
    try:
        return Rules(**told)
    except ValueError as error:
        raise InputError(f"{path}: {error}") from None
