"""What imports remember of a project: a small database in the workspace, with one writer at a time.

The server stays the source of truth. The ledger is trusted only while the project has exactly the tasks that it had
when the last import ended; otherwise the server is asked about each article, and the ledger is updated.
"""

import contextlib
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Self

from labeling.core.value import Value
from labeling.engine import in_chunks
from labeling.errors import InputError

TABLES = """
CREATE TABLE IF NOT EXISTS task (doc_id TEXT PRIMARY KEY, numbers TEXT, digest TEXT, version TEXT) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS doubt (doc_id TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS seen (name TEXT PRIMARY KEY, value) WITHOUT ROWID;
"""
FORM = 1  # of these tables; what was kept in another form is forgotten, but for what is in doubt
SOME = 500  # ids in one query; SQLite takes at least 999


class Entry(Value):
    """An article in the project: its tasks, the digest of its text, and the version of its prediction ("" another).

    There are several tasks if it is in sections, or there are copies of it.
    """

    task_ids: tuple[int, ...]
    digest: str
    version: str = ""


class Ledger:
    """The ledger of one project. A context manager; everything is on the disk when a method returns.

    Raises:
        InputError: The file cannot be written. A damaged one is replaced, since the server has everything in it.
    """

    def __init__(self, file: Path) -> None:
        self.file = file
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            try:
                self._db = self._opened()
            except sqlite3.DatabaseError:
                for part in file.parent.glob(f"{file.name}*"):
                    part.unlink()
                self._db = self._opened()
        except (OSError, sqlite3.Error) as error:
            raise InputError(f"Cannot use {file}: {error}", "Check the free space and the permissions.") from error

    def _opened(self) -> sqlite3.Connection:
        db = sqlite3.connect(self.file, check_same_thread=False, isolation_level=None)
        if db.execute("PRAGMA user_version").fetchone() != (FORM,):
            db.executescript(f"DROP TABLE IF EXISTS task; DROP TABLE IF EXISTS seen; PRAGMA user_version = {FORM}")
        db.executescript(f"PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; {TABLES}")
        return db

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._db.close()

    def entries(self, doc_ids: Sequence[str]) -> dict[str, Entry]:
        """The entries of the articles, by doc_id."""
        found: dict[str, Entry] = {}
        for ids in in_chunks(doc_ids, SOME):
            marks = ",".join("?" * len(ids))
            query = f"SELECT doc_id, numbers, digest, version FROM task WHERE doc_id IN ({marks})"  # noqa: S608 - marks
            for doc_id, numbers, digest, version in self._db.execute(query, ids):
                task_ids = tuple(map(int, numbers.split()))
                found[doc_id] = Entry(task_ids=task_ids, digest=digest, version=version)
        return found

    def keep(self, entries: Iterable[tuple[str, Entry]]) -> None:
        """Store the entries of articles that are in the project; they are no longer in doubt."""
        rows = [(doc_id, " ".join(map(str, e.task_ids)), e.digest, e.version) for doc_id, e in entries]
        with self._written():
            self._db.executemany("INSERT OR REPLACE INTO task VALUES (?, ?, ?, ?)", rows)
            self._db.executemany("DELETE FROM doubt WHERE doc_id = ?", [row[:1] for row in rows])

    def forget(self, doc_ids: Iterable[str]) -> None:
        """Remove the entries of articles that are not in the project."""
        rows = [(doc_id,) for doc_id in doc_ids]
        with self._written():
            self._db.executemany("DELETE FROM task WHERE doc_id = ?", rows)
            self._db.executemany("DELETE FROM doubt WHERE doc_id = ?", rows)

    def clear(self) -> None:
        """Remove all entries; what is in doubt stays so, and the size of the project is forgotten."""
        with self._written():
            self._db.execute("DELETE FROM seen")
            self._db.execute("DELETE FROM task")

    def doubt(self, doc_ids: Iterable[str]) -> None:
        """Mark articles that are about to be sent: until kept or forgotten, they may or may not have arrived."""
        with self._written():
            self._db.executemany("INSERT OR IGNORE INTO doubt VALUES (?)", [(doc_id,) for doc_id in doc_ids])

    def doubted(self) -> list[str]:
        """The articles that are in doubt."""
        return [row[0] for row in self._db.execute("SELECT doc_id FROM doubt ORDER BY doc_id")]

    def size(self) -> tuple[int, str] | None:
        """The number of tasks, and which was the newest, when the last import ended; None where none has."""
        seen = dict(self._db.execute("SELECT name, value FROM seen").fetchall())
        return (seen["tasks"], seen["newest"]) if {"tasks", "newest"} <= seen.keys() else None

    def tasks(self) -> int:
        """How many tasks the articles are in."""
        rows = self._db.execute("SELECT numbers FROM task")
        return sum(len(numbers.split()) for (numbers,) in rows)

    def see(self, size: tuple[int, str] | None) -> None:
        """Remember the size of the project, of which all tasks are known; None: the next import is to ask."""
        with self._written():
            self._db.execute("DELETE FROM seen")
            if size:
                self._db.executemany("INSERT INTO seen VALUES (?, ?)", zip(("tasks", "newest"), size, strict=True))

    @contextlib.contextmanager
    def _written(self) -> Iterator[None]:
        try:
            self._db.execute("BEGIN IMMEDIATE")
            yield
            self._db.execute("COMMIT")
        except sqlite3.Error as error:
            with contextlib.suppress(sqlite3.Error):
                self._db.execute("ROLLBACK")
            raise InputError(f"Cannot write {self.file}: {error}", "Check the free space; nothing is lost.") from error
