"""The names of many files, sorted and each once, with memory that does not grow with their number."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from labeling.errors import InputError

CACHE_KILOBYTES = 16_000


@contextmanager
def room_for_temporary_files() -> Iterator[None]:
    """Raise an InputError where a temporary database finds none."""
    try:
        yield
    except sqlite3.Error as error:
        what = f"Cannot write to the folder for temporary files: {error}."
        raise InputError(what, "Check its free space, or name another folder by TMPDIR.") from error


class Names:
    """Names of files, each with a text and a size; in a temporary file without a name, which is gone with this process.

    They are sorted by folder: the files of `a/` come before `a.txt`.
    """

    def __init__(self) -> None:
        self._db = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        self._db.executescript(f"PRAGMA cache_size = -{CACHE_KILOBYTES}; PRAGMA journal_mode = OFF")
        self._db.execute("CREATE TABLE names (name BLOB PRIMARY KEY, text TEXT, size INTEGER) WITHOUT ROWID")
        self._db.execute("BEGIN")

    def add(self, name: str, text: str = "", size: int = 0) -> bool:
        """Add a name, unless it was added before; whether it was not."""
        row = (name.encode("utf-8", "surrogateescape").replace(b"/", b"\0"), text, size)
        with room_for_temporary_files():
            return self._db.execute("INSERT OR IGNORE INTO names VALUES (?, ?, ?)", row).rowcount > 0

    def __iter__(self) -> Iterator[tuple[str, str, int]]:
        for name, text, size in self._db.execute("SELECT name, text, size FROM names ORDER BY name"):
            yield name.replace(b"\0", b"/").decode("utf-8", "surrogateescape"), text, size

    def close(self) -> None:
        """Remove the temporary file."""
        self._db.close()
