"""Bytes of JSON, a block at a time → the bytes of each record in them. Pure: no files, and no record is parsed.

The bytes are a sequence of JSON values, with or without line ends between them. The elements of a list are records,
and so are those of a list under a certain key, as in `{"tasks": […]}`; any other object is a record itself. Boundaries
are found by counting brackets outside of strings, many bytes at once, so depth costs nothing and memory does not grow.
What stands between the brackets is for the parser of the record to judge.
"""

import re
from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass
from enum import Enum

import numpy as np
from numpy.typing import NDArray

from labeling.core.reasons import Reason

LIMIT = 200_000_000  # bytes of one record; the longest real ones have some megabytes

QUOTE, BACKSLASH, NEWLINE = b'"\\\n'
LIST, OBJECT = b"[{"
OPENERS, CLOSERS = b"[{", b"]}"
SPACE = b" \t\r\n"
# Commas count as space: one too many loses nothing. Between values there may also be the byte order mark of a file that
# was appended to another, or the record separator of JSON text sequences.
BETWEEN_ELEMENTS = re.compile(rb"[^ \t\r\n,]")
BETWEEN_VALUES = re.compile(rb"[^ \t\r\n,\xef\xbb\xbf\x1e]")
AFTER_LIST = re.compile(rb"[^ \t\r\n\xef\xbb\xbf\x1e]")
SCALAR_STOP = re.compile(rb'[",\[\]{} \t\r\n]')
STRING_STOP = re.compile(rb'["\\]')
LOOK_BACK = 1024  # bytes before a bracket in which its key is looked for
# Bytes of a first scan after each fresh start. Each further one is twice as long, so starting afresh at every line of
# a broken file costs no more than a few scans of it.
FIRST_SCAN, LONGEST_SCAN = 4096, 1 << 18


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a record, or what follows, was not given: `empty`, `cut-off`, `trailing-data` or `record-too-large`.

    `number` is the record's, from 1, or 0 where it is about none; `byte` the place, from 0.
    """

    reason: Reason
    number: int
    byte: int
    detail: str


def read_values(blocks: Iterable[bytes], *, key: str = "", limit: int = LIMIT) -> Iterator[bytes | Fault]:
    """The bytes of each record, exactly as they stand, as soon as they are whole; and what was not given, and why.

    An element that is not an object, or a line that is not JSON, is given too, so that it is named by who parses it.
    In JSON lines a broken line costs no more than itself, or the next one too where it breaks off after a comma.

    Args:
        blocks: The bytes, cut anywhere.
        key: Whose list holds the records of an object that has it.
        limit: Bytes of the longest record that is given; a longer one is skipped without being held.

    >>> list(read_values([b'[{"a": 1}, {"b"', b': "]"}]']))
    [b'{"a": 1}', b'{"b": "]"}']
    """
    return _Reader(blocks, key, limit).values()


class _End(Enum):
    """How the reading of one value ended."""

    WHOLE = 1
    BROKEN = 2  # by a line end where JSON cannot have one
    OPENED = 3  # at the first element of the key's list
    CUT = 4  # by the end of the bytes


class _Reader:
    """A cursor in the bytes, and the marks ahead of it: where values end, and what else matters at their level."""

    def __init__(self, blocks: Iterable[bytes], key: str, limit: int) -> None:
        self.blocks = iter(blocks)
        self.key = f'"{key}"'.encode() if key else b""
        self.limit = limit
        self.block = b""
        self.base = 0  # bytes before the block
        self.at = 0  # the cursor in the block
        self.number = 0  # records so far
        self.value: bytes | None = None  # the last one; None where it was too large
        self.begin = 0  # where it began
        self.kept: list[bytes] = []  # what earlier blocks hold of it
        self.size = 0
        self.start_afresh(0)

    # What the records are

    def values(self) -> Iterator[bytes | Fault]:
        listed = seen = False
        while (byte := self.skip(AFTER_LIST if listed else BETWEEN_VALUES)) is not None:
            seen = True
            if byte in OPENERS:
                whole, listed = yield from (self.listed() if byte == LIST else self.single())
                if not whole:
                    return
            elif listed:
                place = self.base + self.at
                detail = f"the list ends, and then comes {self.next_bytes(20).decode('utf-8', 'replace')!a}"
                yield Fault("trailing-data", 0, place, detail)
                return
            else:
                self.take_line()
                self.start_afresh(0)
                yield self.given()
        if not seen:
            yield Fault("empty", 0, self.base, "there is nothing in it")

    def listed(self) -> Generator[bytes | Fault, None, tuple[bool, bool]]:
        """The elements of the list at the cursor; at last whether it was whole, and that it was a list."""
        self.at += 1
        self.start_afresh(0)
        whole = yield from self.elements()
        self.start_afresh(0)
        return whole, True

    def single(self) -> Generator[bytes | Fault, None, tuple[bool, bool]]:
        """The object at the cursor, or the elements of its list; at last whether it was whole, and had a list."""
        end = self.take(single=True)
        listed = end is _End.OPENED
        while end is _End.OPENED:
            self.start_afresh(0)
            if not (yield from self.elements()):
                return False, True
            self.start_afresh(1)
            end = self.take(single=True, rest=True)
        if end is _End.CUT:
            yield self.cut_off(0 if listed else self.number + 1)
            return False, listed
        if end is _End.BROKEN:
            self.start_afresh(0)
        if not listed:
            yield self.given()
        return True, listed

    def elements(self) -> Generator[bytes | Fault, None, bool]:
        """The elements up to the bracket that closes their list; at last whether there was one."""
        while (byte := self.skip(BETWEEN_ELEMENTS)) is not None:
            if byte in CLOSERS:
                self.at += 1
                return True
            if byte in OPENERS:
                whole = self.take() is _End.WHOLE
            else:
                whole = self.take_scalar()
                self.start_afresh(0)
            if not whole:
                yield self.cut_off(self.number + 1)
                return False
            yield self.given()
        yield self.cut_off(0)
        return False

    def given(self) -> bytes | Fault:
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
        """Moves the cursor past the value that begins there, and holds it.

        Args:
            single: The value is in no list: it may hold the list, and JSON lines may go on after a broken one.
            rest: It is what follows the list, and is not wanted.
        """
        self.hold_nothing()
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
                self.hold(start, mark + 1, wanted=not rest)
                return _End.WHOLE
            if byte == LIST and self.key and _follows(self.key, self.before(start, mark)):
                self.at = mark + 1
                return _End.OPENED
            broken = byte == NEWLINE or (byte == OBJECT and _cannot_open(self.before(start, mark)))
            if broken and not rest:
                self.hold(start, mark)
                return _End.BROKEN

    def take_scalar(self) -> bool:
        """Whether the value at the cursor, which is not a list or object, ended; the cursor moves past it."""
        self.hold_nothing()
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
                    self.hold(start, at - 1)
                    return True
            else:
                self.keep(self.block[start:])
                start = 0
                at = max(at - len(self.block), 0)  # 1 where the next block begins with an escaped byte
                if not self.load():
                    return False

    def take_line(self) -> None:
        """Moves the cursor to the next line end, or to the end of the bytes, and holds what is before."""
        self.hold_nothing()
        start = self.at
        while (end := self.block.find(b"\n", start)) < 0:
            self.keep(self.block[start:])
            start = 0
            if not self.load():
                end = 0
                break
        self.hold(start, end)

    def hold_nothing(self) -> None:
        self.begin = self.base + self.at
        self.kept, self.size, self.value = [], 0, b""

    def keep(self, piece: bytes, *, wanted: bool = True) -> None:
        self.size += len(piece)
        if wanted and self.size <= self.limit:
            self.kept.append(piece)
        else:  # only what may hold a key
            self.kept = [(b"".join(self.kept[-1:]) + piece[-LOOK_BACK:])[-LOOK_BACK:]]

    def hold(self, start: int, end: int, *, wanted: bool = True) -> None:
        """The value is what was kept, and the block's bytes from start to end, where the cursor goes."""
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
        """The byte at which it stops, and the cursor is there; None at the end of the bytes."""
        while True:
            if found := stop.search(self.block, self.at):
                self.at = found.start()
                return self.block[self.at]
            if not self.load():
                return None

    def next_bytes(self, size: int) -> bytes:
        """So many of them, or what there is; the cursor may move."""
        text = self.block[self.at :]
        while len(text) < size and self.load():
            text += self.block
        return text[:size]

    def load(self) -> bool:
        """Whether there was another block; the cursor is at its start."""
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

    def start_afresh(self, depth: int) -> None:
        """Scan from the cursor on, as so many brackets deep and outside of a string."""
        self.scanned = self.at
        self.depth = depth
        self.quoted = False
        self.escaped = False  # the next byte, by a backslash
        self.last = 0  # the byte before
        self.length = FIRST_SCAN
        self.marks: list[int] = []  # the next one last

    def scan(self, *, single: bool) -> None:
        """Marks the ends of values in the next bytes of the block.

        For values in no list, also the lists right inside, line ends in strings, and objects deeper inside that begin
        at a line's start: JSON has none of the last two, unless something fit to open an object stands before.
        """
        start = self.scanned
        data = np.frombuffer(self.block, np.uint8, min(self.length, len(self.block) - start), start)
        folded = data | 0x20  # makes [ ] into { }
        matters = folded == 0x7B
        matters |= folded == 0x7D
        matters |= data == QUOTE
        at = np.flatnonzero(matters)
        byte = data[at]
        escaped, escapes_next = _escaped(data, self.escaped)
        if escaped.size:
            byte[np.searchsorted(at, escaped[data[escaped] == QUOTE])] = 0
        # Only the parity matters, so that it may wrap around.
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
    """The places of bytes that a backslash escapes, and whether the byte after the data is one of them.

    Args:
        data: Bytes, not none.
        first: Whether its first byte is escaped.
    """
    backslashes = np.flatnonzero(data == BACKSLASH)
    if not backslashes.size:
        return np.zeros(int(first), dtype=np.int64), False
    # In a run of backslashes each second one is escaped itself: after an odd number of them the next byte is.
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
    """Whether what begins after these bytes is the value of the quoted key."""
    end = before[:-1].rstrip(SPACE)
    return before.endswith(b":") and end.endswith(key) and not end.endswith(b"\\" + key)


def _cannot_open(before: bytes) -> bool:
    """Whether no object can begin after these bytes."""
    return not before.endswith((b",", b":", b"[")) and bool(before)
