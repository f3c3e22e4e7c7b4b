"""The database of a pulled copy: how it is made, opened, and put aside, and what is said where it cannot be used."""

import contextlib
import os
import sqlite3
from datetime import UTC, datetime
from pathlib import Path

from pydantic import Field

from labeling.core.value import Value
from labeling.errors import InputError
from labeling.workflow.lines import as_json

FILE = "tasks.sqlite"
FORMAT = 2
OLD_STATE = "state.json"  # of a copy from before the database
TABLES = """
CREATE TABLE tasks (id INTEGER PRIMARY KEY, submitted INT, skipped INT, skips INT, updated_at TEXT, line BLOB);
CREATE TABLE drafts (id INTEGER PRIMARY KEY, drafts BLOB);
CREATE TABLE state (state BLOB);
"""
PUT = "INSERT OR REPLACE INTO tasks VALUES (?, ?, ?, ?, ?, ?)"
DROP = "DELETE FROM tasks WHERE id = ?"


class State(Value):
    """What is known of the pulls of a store.

    Attributes:
        format: The version of the database.
        server: Whose tasks they are: the server's URL, or `embedded`.
        project: The project's number there.
        created: When that project was made, which tells it from another of the same number.
        url: The project's address, for people.
        users: User id → e-mail address.
        complete: Whether all of the project was pulled at least once.
        cursor: As long as it was not: how many tasks are there already, in the server's order.
        since: Where the next pull goes on: what is not newer by the server's clock has been pulled.
        seen: The newest `updated_at` of any task.
        asked: When the last pull began, by the server's clock, in seconds since 1970.
        residual: By how much the server's own numbers (tasks, annotations, tasks with skips) are off what it lists.
        unlisted: How many annotations, submitted and skipped ones, the server has beyond those that it lists.
        pulled_at: When the last pull ended; ISO 8601, UTC; "" before the first.
        drafts_at: When the drafts were pulled, by the server's clock; "" where they never were.
    """

    format: int = FORMAT
    server: str = ""
    project: int = 0
    created: str = ""
    url: str = ""
    users: dict[int, str] = Field(default_factory=dict)
    complete: bool = False
    cursor: int = 0
    since: str = ""
    seen: str = ""
    asked: float = 0.0
    residual: tuple[int, int, int] = (0, 0, 0)
    unlisted: tuple[int, int] = (0, 0)
    pulled_at: str = ""
    drafts_at: str = ""


class WornError(InputError):
    """The store cannot be read, and has to be made anew."""

    def __init__(self, message: str) -> None:
        super().__init__(message, "`labeling pull --full` makes the copy anew, and keeps the files of this one.")


def connect(file: Path) -> sqlite3.Connection:
    """The database that is there, open.

    Raises:
        sqlite3.Error: It cannot be opened.
    """
    # where the folder is read-only and nobody writes, SQLite cannot make what it needs beside
    can_read_only = not os.access(file.parent, os.W_OK) and not file.with_name(f"{FILE}-wal").exists()
    way = "immutable=1" if can_read_only else "mode=rw"
    db = sqlite3.connect(f"{file.resolve().as_uri()}?{way}", uri=True, timeout=60, isolation_level="IMMEDIATE")
    db.text_factory = bytes
    return db


def in_words(file: Path, error: sqlite3.Error) -> Exception:
    """What SQLite says, in words: of the disk, or of what it found there."""
    if not isinstance(error, sqlite3.DatabaseError) or isinstance(error, sqlite3.ProgrammingError):
        return error
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR)  # which is of a query that does not fit the tables
    if isinstance(error, sqlite3.OperationalError) and code != sqlite3.SQLITE_ERROR:
        return InputError(
            f"Cannot use {file}: {error}.",
            "Check the free space and the permissions. What was pulled before is still there.",
        )
    return WornError(f"{file} is damaged: {error}.")


def make(folder: Path) -> None:
    """Make the database of a folder that has none; it is made whole or not at all."""
    file, part = folder / FILE, folder / f"{FILE}.part"
    if file.is_file():
        return
    for left in folder.glob(f"{FILE}*"):
        left.unlink()
    try:
        with contextlib.closing(sqlite3.connect(part, isolation_level="IMMEDIATE")) as db:
            db.executescript(f"PRAGMA journal_mode = WAL; {TABLES}")
            db.execute("INSERT INTO state VALUES (?)", (as_json(State().model_dump(mode="json")),))
            db.commit()
        part.replace(file)
        _sync_folder(folder)
    finally:
        part.unlink(missing_ok=True)


def old_files(folder: Path) -> list[Path]:
    """The files of a copy from before the database; last the one without which there is no such copy."""
    names = ("tasks-*.jsonl", "changes-*.jsonl", "drafts.jsonl", OLD_STATE)
    return [file for name in names for file in folder.glob(name)] if (folder / OLD_STATE).is_file() else []


def put_aside(folder: Path) -> Path:
    """Where the files of the store are now: what is damaged may still hold what is nowhere else."""
    aside = folder / f"damaged-{datetime.now(UTC):%Y-%m-%dT%H%M%S.%f}"
    aside.mkdir()
    # the database last: what stands beside one that is gone is removed
    for file in sorted(folder.glob(f"{FILE}*"), reverse=True):
        file.rename(aside / file.name)
    _sync_folder(folder)
    return aside


def _sync_folder(folder: Path) -> None:
    if os.name == "nt":  # where a folder cannot be opened
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
