"""What lies at the place of MLflow's sqlite database, asked before MLflow, which would make its tables in it."""

import sqlite3
from contextlib import closing
from pathlib import Path

from pipelines.runtime.errors import UserError

TABLES = {"experiments", "alembic_version"}  # that every database of MLflow has


def is_new(database: Path) -> bool:
    """Whether there is nothing yet, or an empty file."""
    return not database.exists() or (database.is_file() and database.stat().st_size == 0)


def check_database(database: Path) -> None:
    """Refuse a file that is no database of MLflow; nothing is written.

    Raises:
        UserError: it is something else, or cannot be read.
    """
    remedy = "move it away, or mend MLFLOW_TRACKING_URI"
    if database.is_dir():
        raise UserError(f"{database} is a folder, not MLflow's database: {remedy}")
    try:
        address = f"{database.absolute().as_uri()}?mode=ro"
        with closing(sqlite3.connect(address, uri=True)) as connection:
            rows = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
    except sqlite3.Error as error:
        raise UserError(f"{database} is not a database of MLflow ({error}): {remedy}") from None
    if not {name for (name,) in rows} >= TABLES:
        held = ", ".join(sorted(name for (name,) in rows)[:5]) or "no tables"
        raise UserError(f"{database} is not a database of MLflow (it holds {held}): {remedy}")
