"""Packages that single file formats need, and what to say where they are missing."""

import importlib
from pathlib import Path

from gfm_ra.errors import InputError


def needed(package: str, path: Path) -> None:
    """Import a package that a format needs.

    Raises:
        InputError: it is not installed.
    """
    try:
        importlib.import_module(package)
    except ImportError:
        raise InputError(f"{path} needs {package}: pip install gfm-ra[files]") from None
