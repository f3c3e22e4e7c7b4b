"""Streams of bytes → JSON records, lines, text, or all bytes; each up to a limit, so that memory is bounded."""

import io
from collections.abc import Iterable, Iterator, Mapping

from labeling.core.problem import Problem
from labeling.inputs.broken import AGAIN, BrokenInputError, refused
from labeling.inputs.encodings import checked
from labeling.inputs.json_stream import LIMIT, Fault, read_values
from labeling.inputs.streams import Stream

MOST_VALUES = 5_000_000  # in a record: an empty list has 3 bytes, but takes 64 in memory
# The reason for which a JSON record was refused → what to do about it.
STEPS = {
    "empty": "",
    "cut-off": AGAIN,
    "trailing-data": "What follows was not read: take it out, or make it a file of its own.",
    "record-too-large": "Is a quote or a bracket missing in it?",
}


def json_records(
    stream: Stream, *, key: str = "", limit: int = LIMIT, steps: Mapping[str, str] = STEPS
) -> Iterator[tuple[str, bytes] | Problem]:
    """The place (`a.json#3`) and the bytes of each JSON record; a problem for each that is refused.

    Args:
        stream: JSON values one after the other, or a list of them.
        key: If the stream is an object with this key, the records are the elements of the list under it.
        limit: The largest size of a record in bytes.
        steps: The reason of a problem → what to do about it.
    """
    number = 0
    try:
        for item in read_values(stream.blocks, key=key, limit=limit):
            if isinstance(item, Fault):
                number = max(number, item.number)
                detail = f"{item.detail} (byte {item.byte:,}{stream.note}). {steps[item.reason]}".strip()
                yield refused(item.reason, detail, f"{stream.where}#{item.number}" if item.number else stream.where)
            else:
                number += 1
                place = f"{stream.where}#{number}"
                yield too_many(place) if has_too_many_values(item) else (place, item)
    except BrokenInputError as broken:
        detail = f"{broken.detail} What stands before was read: {number:,} records."
        yield refused(broken.reason, detail, stream.where)


def has_too_many_values(record: bytes) -> bool:
    """Whether a JSON record may have more than `MOST_VALUES` values, which take far more memory than its bytes."""
    return len(record) > MOST_VALUES and sum(map(record.count, (b",", b"[", b"{"))) > MOST_VALUES


def too_many(where: str) -> Problem:
    """The problem of a record with too many values."""
    return refused("record-too-large", f"it has more than {MOST_VALUES:,} values, lists or objects in it.", where)


def lines(blocks: Iterable[bytes], limit: int) -> Iterator[bytes | None]:
    """The lines without their line ends; None for one with more bytes than the limit, which is not kept in memory.

    Raises:
        BrokenInputError: The bytes end too early; the lines before that were returned.
    """
    kept: list[bytes] = []
    size = 0
    for block in blocks:
        first, *others = block.split(b"\n")
        size += len(first)
        kept = [*kept, first] if size <= limit else []
        if others:
            yield b"".join(kept) if size <= limit else None
            *whole, last = others
            yield from (line if len(line) <= limit else None for line in whole)
            kept, size = [last], len(last)
    yield b"".join(kept) if size <= limit else None


def text_lines(blocks: Iterable[bytes], limit: int) -> Iterator[str]:
    r"""The lines of UTF-8 text with their ends, which may be `\n`, `\r\n` or `\r`; without a byte order mark.

    Raises:
        BrokenInputError: It is not UTF-8, a line has more characters than the limit, or the bytes end too early; the
            lines before that were returned.
    """
    text = io.TextIOWrapper(io.BufferedReader(_Raw(checked(blocks))), "utf-8-sig", newline="")
    while line := text.readline(limit + 1):
        if len(line) > limit:
            raise too_large(limit)
        yield line


def whole(blocks: Iterable[bytes], limit: int) -> bytes:
    """All bytes.

    Raises:
        BrokenInputError: There are more than the limit, or they end too early.
    """
    kept: list[bytes] = []
    size = 0
    for block in blocks:
        size += len(block)
        if size > limit:
            raise too_large(limit)
        kept.append(block)
    return b"".join(kept)


def too_large(limit: int) -> BrokenInputError:
    """The error that an article has more bytes than the limit."""
    detail = f"it has more than {limit:,} bytes. Is it a whole corpus? Then make it one article a file or a line."
    return BrokenInputError("record-too-large", detail)


class _Raw(io.RawIOBase):
    """The blocks as a raw stream."""

    def __init__(self, blocks: Iterator[bytes]) -> None:
        self._blocks = blocks
        self._left = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: object) -> int:
        while not self._left:
            block = next(self._blocks, None)
            if block is None:
                return 0
            self._left = memoryview(block)
        target = memoryview(buffer)  # type: ignore[arg-type]
        size = min(len(target), len(self._left))
        target[:size] = self._left[:size]
        self._left = self._left[size:]
        return size
