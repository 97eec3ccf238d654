"""Text files of the repository: UTF-8, whatever the locale of the machine is."""

from pathlib import Path

from pipelines.runtime.errors import UserError


def read_text(path: Path) -> str:
    """A file's text.

    Raises:
        UserError: it is not UTF-8.
        OSError: it cannot be read.
    """
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise UserError(
            f"{path} is not UTF-8 (byte {error.object[error.start]:#04x} at position {error.start}): save it as UTF-8"
        ) from None
