"""The parts of documents in earlier exports."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path

import orjson

from labeling.core.split import PARTS, Part
from labeling.errors import InputError
from labeling.files import write_atomic


class PreviousParts:
    """The parts that documents had in earlier exports, by the digests of their texts: `parts.jsonl`.

    Attributes:
        parts: Digest → part; empty once `remember` was called.

    Raises:
        InputError: The file is broken.
    """

    def __init__(self, file: Path, forget: bool) -> None:
        self.parts: dict[str, Part] = {}
        self._file, self._lines, self._is_readable = file, b"", True
        try:
            found = dict(self._read())
            self.parts = {} if forget else found
        except (OSError, ValueError, KeyError, TypeError) as error:
            self._is_readable = False
            if not forget:
                raise InputError(
                    f"Cannot use {file}, which says which part each document was in: {error}",
                    "Restore it from a copy, or start over with --resplit.",
                ) from error

    def _read(self) -> Iterator[tuple[str, Part]]:
        for line in self._file.read_bytes().splitlines() if self._file.is_file() else ():
            entry = orjson.loads(line)
            if entry["part"] not in PARTS:
                raise ValueError(f"{entry['part']!r} is not one of the parts")
            yield entry["digest"], entry["part"]

    def remember(self, parts: Mapping[str, Part]) -> None:
        """Add these parts, and keep all of them only as the lines of the file.

        A string for each document would be scattered over all the memory that the first pass took.
        """
        lines = (orjson.dumps({"digest": key, "part": part}) for key, part in (self.parts | dict(parts)).items())
        self._lines = b"".join(line + b"\n" for line in lines)
        self.parts = {}

    def save(self) -> None:
        """Write the file; one that could not be read is renamed."""
        if not self._is_readable:
            self._file.rename(self._file.with_name(f"{self._file.name}.{datetime.now(UTC):%Y%m%d-%H%M%S}"))
        write_atomic(self._file, self._lines)
