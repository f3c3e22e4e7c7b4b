"""Files → streams: the bytes of each file, or of each file in an archive, unpacked, and recoded if they are UTF-16."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from itertools import chain
from pathlib import PurePosixPath
from typing import BinaryIO
from zipfile import ZipFile, ZipInfo

from labeling.core.problem import Problem
from labeling.inputs import archives
from labeling.inputs.broken import BrokenInputError, refused, shown, skipped, unreadable, why_unreadable
from labeling.inputs.encodings import recoded, utf16
from labeling.inputs.files import HEAD, File, Reader, hidden_among, is_hidden, nothing_in, spool
from labeling.inputs.kinds import binary_kind, document_kind

Advance = Callable[[int], None]
UNPACKED = " of what was unpacked"


@dataclass(frozen=True, slots=True)
class Stream:
    """The bytes of a file: to be read once, and before the next stream is asked for.

    Attributes:
        where: The file, with the path in an archive: `all.zip/folder/a.json`.
        name: The name whose ending says what it may be, without `.gz` or `.zst` after another ending; "" if it has
            none.
        is_named: Whether the user named it, rather than a folder or an archive that it is in.
        head: The first bytes.
        blocks: All bytes, including the first ones. If they end too early, reading them raises a BrokenInputError.
        note: What a byte offset refers to, if not to the file: "", " of what was unpacked", " as UTF-8", or both.
    """

    where: str
    name: str
    is_named: bool
    head: bytes
    blocks: Iterator[bytes]
    note: str = ""


def streams(file: File, reader: Reader, advance: Advance = lambda _: None) -> Iterator[Stream | Problem]:
    """The streams of a file, several if it is an archive; and a problem for each one that is not read.

    Args:
        file: The file.
        reader: What is accepted.
        advance: Is called with the number of bytes on disk read since the last call; they add up to the file's size.
    """
    meter = _Meter(advance, file.size)
    try:
        with file.opened() as stream, ExitStack() as copies:
            head, blocks = peek(_read(stream, reader, meter))
            if head[:4] in archives.ZIP:
                # The list of entries is at the end, and a pipe cannot seek.
                archive = spool(blocks, copies)[0] if file.is_once and not file.copy else stream
                yield from _of_zip(archive, file, reader, meter)
            else:
                yield from _of_blocks(blocks, file.where, file.name, reader, is_named=file.is_named)
    except (OSError, ValueError) as error:
        yield unreadable(file.where, error)
    meter.finish()


def peek(blocks: Iterator[bytes], size: int = HEAD) -> tuple[bytes, Iterator[bytes]]:
    """The first bytes, and all blocks including these."""
    taken: list[bytes] = []
    count = 0
    rest = blocks
    try:
        while count < size and (data := next(blocks, None)) is not None:
            taken.append(data)
            count += len(data)
    except BrokenInputError as error:
        rest = _broken_by(error)
    return b"".join(taken)[:size], chain(taken, rest)


def _broken_by(error: BrokenInputError) -> Iterator[bytes]:
    raise error
    yield b""


class _Meter:
    """Reports bytes as read, but never more than the file has."""

    def __init__(self, advance: Advance, size: int) -> None:
        self.advance = advance
        self.left = size

    def tell(self, count: int) -> None:
        count = min(count, self.left)
        self.left -= count
        if count > 0:
            self.advance(count)

    def finish(self) -> None:
        self.tell(self.left)


def _read(stream: BinaryIO, reader: Reader, meter: _Meter) -> Iterator[bytes]:
    try:
        while data := stream.read(reader.block):
            meter.tell(len(data))
            yield data
    except (OSError, ValueError) as error:  # a ValueError where it was closed
        raise BrokenInputError("unreadable", why_unreadable(error)) from error


def _of_blocks(
    blocks: Iterator[bytes], where: str, name: str, reader: Reader, *, is_named: bool, note: str = ""
) -> Iterator[Stream | Problem]:
    head, blocks = peek(blocks)
    if head.startswith(archives.PACKED):
        head, blocks = peek(archives.unpacked(blocks, reader.block, head[: len(archives.ZSTD)]))
        note = UNPACKED
        inner = PurePosixPath(name)
        name = inner.stem if inner.suffix.lower() in archives.ENDINGS and PurePosixPath(inner.stem).suffix else name
        if head.startswith(archives.PACKED):
            yield refused("nested-archive", "it is packed twice; unpack it once.", where)
            return
    if note and head[:4] in archives.ZIP:
        yield refused("nested-archive", archives.NESTED, where)
        return
    if not binary_kind(head) and (encoding := utf16(head)):
        head, blocks = peek(recoded(blocks, encoding))
        note += " as UTF-8"
    yield Stream(where, name, is_named, head, blocks, note)


def _of_zip(stream: BinaryIO, file: File, reader: Reader, meter: _Meter) -> Iterator[Stream | Problem]:
    try:
        archive = archives.opened_zip(stream)
    except BrokenInputError as broken:
        yield refused(broken.reason, broken.detail, file.where)
        return
    names = [entry.filename.replace("\\", "/") for entry in archive.infolist()]
    if kind := document_kind(names) or reader.archive_kind(names):
        yield refused(reader.reason, f"{kind} {reader.hint}".strip(), file.where)
        return
    hidden = [name for name in names if is_hidden(name)]
    yield from hidden_among(hidden, file.where)
    found = False
    unpacked = 0
    for entry, name in zip(archive.infolist(), names, strict=True):
        if name.endswith("/") or is_hidden(name):
            continue
        where = f"{file.where}/{shown(name)}"
        problem = archives.entry_problem(entry, name, where)
        if not problem and (why := reader.sieve(name, partial(_head, archive, entry))):
            yield skipped("passed-over", why, where)
            continue
        found = True
        if problem:
            yield problem
            continue
        if archives.is_bomb(unpacked, file.size):  # entries may share their bytes
            yield refused("archive-bomb", archives.BOMB, file.where)
            return
        unpacked += entry.file_size
        blocks = _told(archives.unzipped(archive, entry, reader.block), stream, entry.header_offset, meter)
        yield from _of_blocks(blocks, where, PurePosixPath(name).name, reader, is_named=False, note=UNPACKED)
    if not found:
        yield nothing_in("this archive", reader, file.where)


def _head(archive: ZipFile, entry: ZipInfo) -> bytes:
    return peek(archives.unzipped(archive, entry, HEAD))[0]


def _told(blocks: Iterator[bytes], stream: BinaryIO, start: int, meter: _Meter) -> Iterator[bytes]:
    """The blocks; meanwhile the meter is told the position in the archive."""
    for data in blocks:
        meter.tell(stream.tell() - start)
        start = max(start, stream.tell())
        yield data
