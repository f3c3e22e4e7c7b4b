"""Blocks of JSON → the bytes of each record in them. Pure: there are no files, and no record is parsed.

The bytes are a sequence of JSON values, with or without line ends between them. The elements of a list are records,
and so are those of a list under a certain key, as in `{"tasks": […]}`; any other object is a record itself. Their ends
are found by counting brackets outside of strings, many bytes at a time, so nesting costs nothing and memory does not
grow. Whether the bytes between the brackets are valid JSON is left to the parser of the record.
"""

import re
from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass
from enum import Enum

import numpy as np
from numpy.typing import NDArray

from labeling.core.reasons import Reason

LIMIT = 200_000_000  # bytes of a record; the longest real ones have some megabytes

QUOTE, BACKSLASH, NEWLINE = b'"\\\n'
LIST, OBJECT = b"[{"
OPENERS, CLOSERS = b"[{", b"]}"
SPACE = b" \t\r\n"
# Commas count as space, so that extra ones do no harm. Between values there may also be the byte order mark of a file
# that was appended to another one, or the record separator of JSON text sequences.
BETWEEN_ELEMENTS = re.compile(rb"[^ \t\r\n,]")
BETWEEN_VALUES = re.compile(rb"[^ \t\r\n,\xef\xbb\xbf\x1e]")
AFTER_LIST = re.compile(rb"[^ \t\r\n\xef\xbb\xbf\x1e]")
SCALAR_STOP = re.compile(rb'[",\[\]{} \t\r\n]')
STRING_STOP = re.compile(rb'["\\]')
LOOK_BACK = 1024  # bytes before a bracket in which its key is looked for
# Bytes of the first scan after each restart. Each further one is twice as long, so that restarting at every line of a
# broken file costs no more than a few scans of it.
FIRST_SCAN, LONGEST_SCAN = 4096, 1 << 18


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a record or the rest was not returned: `empty`, `cut-off`, `trailing-data` or `record-too-large`.

    `number` is that of the record, from 1, or 0 if it is about no record; `byte` is the offset, from 0.
    """

    reason: Reason
    number: int
    byte: int
    detail: str


def read_values(blocks: Iterable[bytes], *, key: str = "", limit: int = LIMIT) -> Iterator[bytes | Fault]:
    """The exact bytes of each record, as soon as it is complete; and a fault for each one that is not returned.

    Elements that are not objects, and lines that are not JSON, are returned, too: the parser will name them. In JSON
    lines, a broken line costs only itself, and also the next one if it ends after a comma.

    Args:
        blocks: The bytes, divided anywhere.
        key: If an object has this key, the elements of the list under it are the records.
        limit: Bytes of the longest record that is returned; a longer one is skipped without keeping it in memory.

    >>> list(read_values([b'[{"a": 1}, {"b"', b': "]"}]']))
    [b'{"a": 1}', b'{"b": "]"}']
    """
    return _Reader(blocks, key, limit).values()


class _End(Enum):
    """How the reading of one value ended."""

    WHOLE = 1
    BROKEN = 2  # at a line end where JSON cannot have one
    OPENED = 3  # at the first element of the key's list
    CUT = 4  # at the end of the bytes


class _Reader:
    """A cursor in the bytes, and the marks ahead of it: the ends of values, and what else matters at their level."""

    def __init__(self, blocks: Iterable[bytes], key: str, limit: int) -> None:
        self.blocks = iter(blocks)
        self.key = f'"{key}"'.encode() if key else b""
        self.limit = limit
        self.block = b""
        self.base = 0  # bytes before the block
        self.at = 0  # the cursor in the block
        self.number = 0  # records so far
        self.value: bytes | None = None  # the last one; None if it was too large
        self.begin = 0  # where it began
        self.kept: list[bytes] = []  # its bytes in earlier blocks
        self.size = 0
        self.restart(0)

    # What the records are

    def values(self) -> Iterator[bytes | Fault]:
        listed = seen = False
        while (byte := self.skip(AFTER_LIST if listed else BETWEEN_VALUES)) is not None:
            seen = True
            if byte in OPENERS:
                whole, listed = ((yield from self.listed()), True) if byte == LIST else (yield from self.single())
                if not whole:
                    return
            elif listed:
                place = self.base + self.at
                detail = f"the list ends, and then comes {self.next_bytes(20).decode('utf-8', 'replace')!a}"
                yield Fault("trailing-data", 0, place, detail)
                return
            else:
                self.take_line()
                self.restart(0)
                yield self.finished()
        if not seen:
            yield Fault("empty", 0, self.base, "there is nothing in it")

    def listed(self) -> Generator[bytes | Fault, None, bool]:
        """Yield the elements of the list at the cursor; return whether it was complete."""
        self.at += 1
        self.restart(0)
        whole = yield from self.elements()
        self.restart(0)
        return whole

    def single(self) -> Generator[bytes | Fault, None, tuple[bool, bool]]:
        """Yield the object at the cursor, or the elements of its list; return whether it was complete and had one."""
        end = self.take(single=True)
        listed = end is _End.OPENED
        while end is _End.OPENED:
            self.restart(0)
            if not (yield from self.elements()):
                return False, True
            self.restart(1)
            end = self.take(single=True, rest=True)
        if end is _End.CUT:
            yield self.cut_off(0 if listed else self.number + 1)
            return False, listed
        if end is _End.BROKEN:
            self.restart(0)
        if not listed:
            yield self.finished()
        return True, listed

    def elements(self) -> Generator[bytes | Fault, None, bool]:
        """Yield the elements up to the bracket that closes their list; return whether there was one."""
        while (byte := self.skip(BETWEEN_ELEMENTS)) is not None:
            if byte in CLOSERS:
                self.at += 1
                return True
            if byte in OPENERS:
                whole = self.take() is _End.WHOLE
            else:
                whole = self.take_scalar()
                self.restart(0)
            if not whole:
                yield self.cut_off(self.number + 1)
                return False
            yield self.finished()
        yield self.cut_off(0)
        return False

    def finished(self) -> bytes | Fault:
        self.number += 1
        if self.value is None:
            return Fault("record-too-large", self.number, self.begin, f"it has more than {self.limit:,} bytes")
        value, self.value = self.value, b""
        return value

    def cut_off(self, number: int) -> Fault:
        place = f"in the middle of record {number}" if number else "before the list was closed"
        return Fault("cut-off", number, self.base + self.at, f"it ends {place}, after {self.number} whole ones")

    # Where each one ends

    def take(self, *, single: bool = False, rest: bool = False) -> _End:
        """Move the cursor past the value that begins there, and store the value.

        Args:
            single: The value is not in a list: it may contain the list, and after a broken line the next may be valid.
            rest: It is the rest after the list, and is not stored.
        """
        self.clear()
        start = self.at
        while True:
            while not self.marks:
                if self.scanned == len(self.block):
                    self.keep(self.block[start:], wanted=not rest)
                    start = 0
                    if not self.load():
                        return _End.CUT
                self.scan(single=single)
            mark = self.marks.pop()
            byte = self.block[mark]
            if byte in CLOSERS:
                self.store(start, mark + 1, wanted=not rest)
                return _End.WHOLE
            if byte == LIST and self.key and _follows(self.key, self.before(start, mark)):
                self.at = mark + 1
                return _End.OPENED
            broken = byte == NEWLINE or (byte == OBJECT and _cannot_open(self.before(start, mark)))
            if broken and not rest:
                self.store(start, mark)
                return _End.BROKEN

    def take_scalar(self) -> bool:
        """Move the cursor past the value, which is not a list or object, and store it; whether it ended."""
        self.clear()
        start = at = self.at
        quoted = False
        while True:
            found = (STRING_STOP if quoted else SCALAR_STOP).search(self.block, at)
            if found:
                at = found.end()
                byte = self.block[at - 1]
                if byte == BACKSLASH and quoted:
                    at += 1
                elif byte == QUOTE:
                    quoted = not quoted
                else:
                    self.store(start, at - 1)
                    return True
            else:
                self.keep(self.block[start:])
                start = 0
                at = max(at - len(self.block), 0)  # 1 where the next block begins with an escaped byte
                if not self.load():
                    return False

    def take_line(self) -> None:
        """Move the cursor to the next line end, or to the end of the bytes, and store the bytes before."""
        self.clear()
        start = self.at
        while (end := self.block.find(b"\n", start)) < 0:
            self.keep(self.block[start:])
            start = 0
            if not self.load():
                end = 0
                break
        self.store(start, end)

    def clear(self) -> None:
        self.begin = self.base + self.at
        self.kept, self.size, self.value = [], 0, b""

    def keep(self, piece: bytes, *, wanted: bool = True) -> None:
        self.size += len(piece)
        if wanted and self.size <= self.limit:
            self.kept.append(piece)
        else:  # only bytes that may contain the key
            self.kept = [(b"".join(self.kept[-1:]) + piece[-LOOK_BACK:])[-LOOK_BACK:]]

    def store(self, start: int, end: int, *, wanted: bool = True) -> None:
        """Store the bytes that were kept and those from start to end as the value, and move the cursor to the end."""
        self.at = end
        fits = wanted and self.size + end - start <= self.limit
        self.value = b"".join((*self.kept, self.block[start:end])).rstrip(SPACE) if fits else None
        self.kept = []

    def before(self, start: int, end: int) -> bytes:
        """The last bytes of the value before this place in the block, without space at the end."""
        text = self.block[max(start, end - LOOK_BACK) : end]
        for piece in reversed(self.kept):
            if len(text) >= LOOK_BACK:
                break
            text = piece[-LOOK_BACK:] + text
        return text.rstrip(SPACE)

    def skip(self, stop: re.Pattern[bytes]) -> int | None:
        """Move the cursor to the first byte that matches; the byte, None at the end of the bytes."""
        while True:
            if found := stop.search(self.block, self.at):
                self.at = found.start()
                return self.block[self.at]
            if not self.load():
                return None

    def next_bytes(self, size: int) -> bytes:
        """The next bytes, fewer at the end; the cursor may move."""
        text = self.block[self.at :]
        while len(text) < size and self.load():
            text += self.block
        return text[:size]

    def load(self) -> bool:
        """Go on to the start of the next block; whether there is one."""
        self.base += len(self.block)
        self.block = b""
        self.at = self.scanned = 0
        self.marks.clear()
        for block in self.blocks:
            if block:
                self.block = block
                return True
        return False

    # The scan

    def restart(self, depth: int) -> None:
        """Scan from the cursor on, at this depth of brackets and outside of a string."""
        self.scanned = self.at
        self.depth = depth
        self.quoted = False
        self.escaped = False  # whether a backslash escapes the next byte
        self.last = 0  # the byte before
        self.length = FIRST_SCAN
        self.marks: list[int] = []  # in reverse order

    def scan(self, *, single: bool) -> None:
        """Mark the ends of values in the next bytes of the block.

        For values that are not in a list, also mark lists directly inside, line ends in strings, and objects deeper
        inside at the start of a line. JSON has no line ends in strings, and such objects only after certain bytes.
        """
        start = self.scanned
        data = np.frombuffer(self.block, np.uint8, min(self.length, len(self.block) - start), start)
        folded = data | 0x20  # turns [ ] into { }
        matters = folded == 0x7B
        matters |= folded == 0x7D
        matters |= data == QUOTE
        at = np.flatnonzero(matters)
        byte = data[at]
        escaped, escapes_next = _escaped(data, self.escaped)
        if escaped.size:
            byte[np.searchsorted(at, escaped[data[escaped] == QUOTE])] = 0
        # Only the parity matters, so it may overflow.
        quoted = (np.cumsum(byte == QUOTE, dtype=np.uint8) + self.quoted) & 1
        counts = (quoted == 0) & (byte > QUOTE)
        place, bracket = at[counts], byte[counts]
        step = (bracket & 2).astype(np.int8) - 1  # 1 for [ {, -1 for ] }
        depth = self.depth + np.cumsum(step, dtype=np.int64)
        marks = place[(depth == 0) & (step < 0)]
        if single:
            lists = place[(depth == 2) & (bracket == LIST)]
            inner = place[(depth >= 2) & (bracket == OBJECT)]
            inner = inner[np.where(inner > 0, data[inner - 1], self.last) == NEWLINE]
            lines = np.flatnonzero(data == NEWLINE)
            lines = lines[np.concatenate(([self.quoted], quoted))[np.searchsorted(at, lines)] != 0]
            marks = np.sort(np.concatenate((marks, lists, inner, lines)))
        self.marks = (marks[::-1] + start).tolist()
        self.scanned += data.size
        self.length = min(2 * self.length, LONGEST_SCAN)
        self.escaped = escapes_next
        self.last = int(data[-1])
        if at.size:
            self.quoted = bool(quoted[-1])
        if depth.size:
            self.depth = int(depth[-1])


def _escaped(data: NDArray[np.uint8], first: bool) -> tuple[NDArray[np.int64], bool]:
    """The offsets of bytes that a backslash escapes, and whether the byte after the data is one of them.

    Args:
        data: At least one byte.
        first: Whether its first byte is escaped.
    """
    backslashes = np.flatnonzero(data == BACKSLASH)
    if not backslashes.size:
        return np.zeros(int(first), dtype=np.int64), False
    # In a run of backslashes, every second one is escaped itself; after an odd number of them, the next byte is.
    breaks = np.flatnonzero(np.diff(backslashes) != 1)
    starts = backslashes[np.concatenate(([0], breaks + 1))]
    ends = backslashes[np.concatenate((breaks, [backslashes.size - 1]))]
    lengths = ends - starts + 1
    if first and starts[0] == 0:
        lengths[0] -= 1
    escaped = ends[lengths & 1 == 1] + 1
    if first and starts[0] > 0:
        escaped = np.concatenate(([0], escaped))
    last = bool(escaped.size and escaped[-1] == data.size)
    return (escaped[:-1] if last else escaped), last


def _follows(key: bytes, before: bytes) -> bool:
    """Whether the value of the quoted key begins after these bytes."""
    end = before[:-1].rstrip(SPACE)
    return before.endswith(b":") and end.endswith(key) and not end.endswith(b"\\" + key)


def _cannot_open(before: bytes) -> bool:
    """Whether no object can begin after these bytes."""
    return not before.endswith((b",", b":", b"[")) and bool(before)
