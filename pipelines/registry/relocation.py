"""Make a copied or moved MLflow folder load again: `python relocation.py mlflow.db`, with nothing but Python.

MLflow's database holds the absolute paths of its files. This rewrites them to the folder that now lies beside the
database. The file imports nothing of this repository, so it can travel with the folder that it mends.
"""

import sqlite3
import sys
from contextlib import closing
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

FOLDER = "mlartifacts"
# Where MLflow keeps addresses of files.
COLUMNS = (
    ("experiments", "artifact_location"),
    ("runs", "artifact_uri"),
    ("logged_models", "artifact_location"),
    ("model_versions", "source"),
    ("model_versions", "storage_location"),
)


def relocate(database: Path, folder: Path) -> int:
    """Rewrite every address below an `mlartifacts` folder to `folder`; returns how many were changed.

    Addresses elsewhere (servers, object stores, other folders) stay. All or nothing: one transaction.

    Raises:
        ValueError: there is no such database or folder, or it is not MLflow's.
    """
    if not database.is_file() or not folder.is_dir():
        raise ValueError(f"{database} and {folder} must both be there: copy mlflow.db and {FOLDER}/ together")
    root, changed = folder.resolve(), 0
    with closing(sqlite3.connect(database)) as connection:
        try:
            with connection:
                for table, column in COLUMNS:
                    changed += _rewrite(connection, table, column, root)
        except sqlite3.Error as error:
            raise ValueError(f"{database} is not a database of MLflow ({error})") from None
    return changed


def _rewrite(connection: sqlite3.Connection, table: str, column: str, root: Path) -> int:
    # Names come from COLUMNS, never from outside.
    rows = connection.execute(f"SELECT rowid, {column} FROM {table} WHERE {column} IS NOT NULL").fetchall()
    changes = [(moved(address, root), row) for row, address in rows]
    changes = [(new, row) for (new, row), (_, old) in zip(changes, rows, strict=True) if new != old]
    connection.executemany(f"UPDATE {table} SET {column} = ? WHERE rowid = ?", changes)
    return len(changes)


def moved(address: str, root: Path) -> str:
    """The address with everything up to and including its `mlartifacts` folder replaced by `root`."""
    parts = urlsplit(address)
    if parts.scheme not in ("", "file"):
        return address
    path = Path(unquote(parts.path)) if parts.scheme else Path(address)
    if FOLDER not in path.parts:
        return address
    # The last one: a folder above may bear the same name, none below does.
    position = len(path.parts) - 1 - path.parts[::-1].index(FOLDER)
    below = "/".join(path.parts[position + 1 :])
    target = root / below if below else root
    return f"file://{quote(str(target))}" if parts.scheme else str(target)


def main() -> None:
    """Mend the database that is named, with the folder beside it."""
    database = Path(sys.argv[1] if len(sys.argv) > 1 else "mlflow.db")
    try:
        changed = relocate(database, database.resolve().parent / FOLDER)
    except ValueError as error:
        sys.exit(f"relocation: {error}")
    print(f"{database}: {changed} addresses rewritten")  # noqa: T201 (what this program is for)


if __name__ == "__main__":
    main()
