"""The articles that were read before, with memory that does not grow with their number."""

import sqlite3
from collections.abc import Callable
from hashlib import blake2b
from typing import NamedTuple

from labeling.core.article import Article
from labeling.inputs.names import room_for_temporary_files

CACHE_KILOBYTES = 32_000  # of the index in memory; the rest is in a temporary file
KEY_BYTES = 16  # of a hash: among 10^9 articles, the chance that two have the same one is 10^-21


class Place(NamedTuple):
    """Where an article was read, and whether its text was the same."""

    where: str
    has_same_text: bool


class Known:
    """The ids and texts of the articles so far, and where each was read first.

    They are kept in a temporary file without a name, which is gone with this process, whatever happens.

    Args:
        told: Is called with what `recall` takes to know each article again.
    """

    def __init__(self, told: Callable[[str, str, str], object] = lambda *_: None) -> None:
        self._told = told
        self._db = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        self._db.execute(f"PRAGMA cache_size = -{CACHE_KILOBYTES}")
        self._db.execute("PRAGMA journal_mode = OFF")
        self._db.execute("PRAGMA synchronous = OFF")
        self._db.execute("CREATE TABLE ids (key BLOB PRIMARY KEY, text BLOB, place TEXT) WITHOUT ROWID")
        self._db.execute("CREATE TABLE texts (key BLOB PRIMARY KEY, place TEXT) WITHOUT ROWID")
        self._db.execute("BEGIN")

    def same_id(self, article: Article) -> Place | None:
        """Where an article with this id was read."""
        row = self._db.execute("SELECT place, text FROM ids WHERE key = ?", (_key(article.doc_id),)).fetchone()
        return Place(row[0], row[1] == _key(article.digest)) if row else None

    def same_text(self, article: Article) -> str:
        """Where an article with this text was read; "" if none was."""
        row = self._db.execute("SELECT place FROM texts WHERE key = ?", (_key(article.digest),)).fetchone()
        return str(row[0]) if row else ""

    def add(self, article: Article, where: str) -> None:
        """Add an article with another id than all before."""
        row = (_key(article.doc_id), _key(article.digest), where)
        self._insert(*row)
        self._told(row[0].hex(), row[1].hex(), where)

    def recall(self, doc_id: str, text: str, where: str) -> None:
        """Add an article that was told of before."""
        self._insert(bytes.fromhex(doc_id), bytes.fromhex(text), where)

    def _insert(self, doc_id: bytes, text: bytes, where: str) -> None:
        with room_for_temporary_files():
            self._db.execute("INSERT INTO ids VALUES (?, ?, ?)", (doc_id, text, where))
            self._db.execute("INSERT OR IGNORE INTO texts VALUES (?, ?)", (text, where))

    def close(self) -> None:
        """Remove the temporary file."""
        self._db.close()


def _key(text: str) -> bytes:
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=KEY_BYTES).digest()
