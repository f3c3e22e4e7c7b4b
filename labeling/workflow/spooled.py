"""Lines on disk, so that memory does not grow with their number."""

import tempfile
import weakref
from collections.abc import Iterator
from pathlib import Path

from labeling.files import writing

IN_MEMORY = 1 << 20  # bytes; more than that are in a temporary file without a name, which is gone with this process
BLOCK = 1 << 16  # bytes that are read at once


class Spooled:
    """Lines that are only added, and read from any position at which one of them begins.

    Attributes:
        size: The number of their bytes so far, which is the position of the next line.

    Raises:
        InputError: The folder for temporary files is full.
    """

    def __init__(self) -> None:
        self.size = 0
        self._file = tempfile.SpooledTemporaryFile(IN_MEMORY)  # noqa: SIM115 - closed with this object
        self._is_at_end = True
        weakref.finalize(self, self._file.close)

    def add(self, line: bytes) -> None:
        """Add a line, which is given without its end."""
        with writing(Path(tempfile.gettempdir())):
            if not self._is_at_end:
                self._file.seek(self.size)
                self._is_at_end = True
            self.size += self._file.write(line + b"\n")

    def lines(self, start: int = 0, end: int | None = None) -> Iterator[bytes]:
        """The lines from a position to another, or to the last one, without their ends; more may be added meanwhile."""
        end = self.size if end is None else end
        with writing(Path(tempfile.gettempdir())):
            while start < end:
                self._is_at_end = False
                self._file.seek(start)
                for line in self._file.readlines(BLOCK):
                    start += len(line)
                    yield line.removesuffix(b"\n")
                    if start >= end:
                        return
