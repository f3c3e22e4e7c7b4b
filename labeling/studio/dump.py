"""What pg_dump wrote, SQL and rows → a database. Not by psql, since a line of the file could make it run a shell."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from labeling.studio.inspection import UnfitError

if TYPE_CHECKING:
    import psycopg

# Lines that are not SQL: rows follow; psql must take no commands (from 15.14 on).
COPY, GUARD = re.compile(rb"COPY .* FROM stdin;\n$"), re.compile(rb"\\(un)?restrict \w+\n$")
ENDS = re.compile(
    rb"^\s*(commit|rollback|abort|end|prepare)(\s+(work|transaction)[^;]*)?\s*;", re.MULTILINE | re.IGNORECASE
)
LARGEST_SQL, LARGEST_ROW = 16 << 20, 1 << 20  # bytes at a time


def replay(dump: Path, connection: "psycopg.Connection[Any]") -> None:
    """Run what pg_dump wrote. The caller holds a transaction.

    Raises:
        UnfitError: It is not what pg_dump writes.
        psycopg.Error: The database refused some of it.
    """
    sql = bytearray()

    def run() -> None:
        if ENDS.search(sql) or b"\0" in sql:
            raise UnfitError("the SQL of its database is not what pg_dump writes")
        connection.execute(bytes(sql))
        sql.clear()

    with dump.open("rb") as file:
        while line := file.readline(LARGEST_SQL):
            if COPY.match(line):
                run()
                with connection.cursor().copy(line) as copy:
                    for row in _rows(file):
                        copy.write(row)
            elif not GUARD.match(line):
                sql += line
            if len(sql) > LARGEST_SQL:
                raise UnfitError("the SQL of its database is not what pg_dump writes")
        run()


def _rows(file: IO[bytes]) -> Iterator[bytes]:
    """The lines after a COPY, up to the one that ends it."""
    is_new = True
    while (line := file.readline(LARGEST_ROW)) and not (is_new and line == b"\\.\n"):
        yield line
        is_new = line.endswith(b"\n")
