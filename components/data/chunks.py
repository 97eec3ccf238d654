"""A large file as small ones with checksums, for roads that carry only small ones; and back.

`python -m components.data.chunks split runs/pretrain/backbone/backbone.safetensors pieces`, then, where they have arrived,
`python -m components.data.chunks join pieces .`
"""

import argparse
import json
import os
from pathlib import Path

from components.data.shards import DataError, json_text, sha256_of

PIECE_BYTES = 16 * 2**20
LIST_NAME = "pieces.json"


def split(path: Path, folder: Path, piece_bytes: int = PIECE_BYTES) -> list[Path]:
    """Cut a file into pieces of at most so many bytes in `folder`; a list of their checksums comes last.

    Raises:
        DataError: there are pieces already.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if (folder / LIST_NAME).exists():
        raise DataError(f"{folder} holds the pieces of a file already: choose another folder")
    pieces = []
    with path.open("rb") as file:
        while content := file.read(piece_bytes):
            pieces.append(folder / f"{path.name}.{len(pieces):05d}")
            pieces[-1].write_bytes(content)
    about = {"file": path.name, "sha256": sha256_of(path), "pieces": {p.name: sha256_of(p) for p in pieces}}
    (folder / LIST_NAME).write_text(json_text(about))
    return [*pieces, folder / LIST_NAME]


def join(folder: Path, target: Path) -> Path:
    """Put the pieces in `folder` together again, in the folder `target`; the file's path.

    Raises:
        DataError: a piece or the list is missing or damaged; nothing is left behind.
    """
    try:
        about = json.loads((folder / LIST_NAME).read_text())
        name, whole, pieces = str(about["file"]), str(about["sha256"]), dict(about["pieces"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"{folder / LIST_NAME} is missing or damaged ({error}): copy it again") from None
    if Path(name).name != name or any(Path(piece).name != piece for piece in pieces):
        raise DataError(f"{folder / LIST_NAME} names a path, not a file: it is not ours")
    partial = target / f".{name}.partial"
    with partial.open("wb") as file:
        for piece, expected in sorted(pieces.items()):
            path = folder / piece
            if not path.is_file() or sha256_of(path) != expected:
                partial.unlink()
                raise DataError(f"{path} is missing or damaged: copy it again")
            file.write(path.read_bytes())
    if sha256_of(partial) != whole:
        partial.unlink()
        raise DataError(f"{folder}: the pieces are not those of {name}: copy them again")
    os.replace(partial, target / name)
    return target / name


def main() -> None:
    """Split or join, or say in one line why not."""
    parser = argparse.ArgumentParser("python -m components.data.chunks", description=__doc__)
    parser.add_argument("what", choices=["split", "join"])
    parser.add_argument("source", type=Path, help="the file to split, or the folder of the pieces")
    parser.add_argument(
        "folder", type=Path, help="where the pieces, or the file, go; made if it is not there"
    )
    given = parser.parse_args()
    try:
        given.folder.mkdir(parents=True, exist_ok=True)
        split(given.source, given.folder) if given.what == "split" else join(given.source, given.folder)
    except (DataError, OSError) as error:
        raise SystemExit(str(error)) from None


if __name__ == "__main__":
    main()
