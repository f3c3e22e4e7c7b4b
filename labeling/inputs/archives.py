"""gzip files and zip archives → the bytes in them, unpacked a block at a time and never on disk."""

import re
import stat
import zlib
from collections.abc import Iterator
from itertools import chain
from pathlib import PurePosixPath
from typing import BinaryIO, cast
from zipfile import ZipExtFile, ZipFile, ZipInfo

from labeling.core.problem import Problem
from labeling.inputs.broken import AGAIN, BrokenInputError, refused

GZIP = b"\x1f\x8b"
ZIP = (b"PK\x03\x04", b"PK\x05\x06")
GZIPPED = zlib.MAX_WBITS | 16  # what zlib calls wbits
SLICE = 1024  # packed bytes at once: so many before a damaged place are lost
BLOCK = 1 << 16  # bytes of an entry at once: as above
# A file that unpacks to more than both is a bomb: real ones shrink to a tenth or a thirtieth.
BOMB_BYTES, BOMB_RATIO = 256 << 20, 200
NESTED = "it is a zip archive in another archive; unpack that one first."
BOMB = f"it unpacks to more than {BOMB_RATIO} times its size. Unpack it by hand if you trust it."


def is_bomb(unpacked: int, packed: int) -> bool:
    """Whether so many bytes are more than so many packed ones may become."""
    return unpacked > BOMB_BYTES and unpacked > BOMB_RATIO * packed


def gunzipped(blocks: Iterator[bytes], block: int) -> Iterator[bytes]:
    """What was packed by gzip, no more than two blocks at once; where it is damaged, nearly all that stands before.

    Raises:
        BrokenInputError: It is damaged, ends too early, or is a bomb.
    """
    ready: list[bytes] = []
    size = 0
    try:
        for data in _gunzipped(blocks, block):
            ready.append(data)
            size += len(data)
            if size >= block:
                yield b"".join(ready)
                ready, size = [], 0
    except BrokenInputError:
        yield b"".join(ready)
        raise
    yield b"".join(ready)


def _gunzipped(blocks: Iterator[bytes], block: int) -> Iterator[bytes]:
    unpacker = zlib.decompressobj(GZIPPED)
    packed = unpacked = 0
    for data in chain.from_iterable(map(_slices, blocks)):
        packed += len(data)
        left = data
        while left:
            if unpacker.eof:  # gzip files may stand one after the other, with padding between them
                left = left.lstrip(b"\0")
                if not left:
                    break
                unpacker = zlib.decompressobj(GZIPPED)
            try:
                out = unpacker.decompress(left, block)
            except zlib.error as error:
                raise BrokenInputError("broken-archive", f"it is damaged ({_reason(error)}).") from error
            unpacked += len(out)
            if is_bomb(unpacked, packed):
                raise BrokenInputError("archive-bomb", BOMB)
            yield out
            left = unpacker.unused_data if unpacker.eof else unpacker.unconsumed_tail
    if not unpacker.eof:
        yield unpacker.flush()
    if not unpacker.eof:
        raise BrokenInputError("broken-archive", f"it ends too early. {AGAIN}")


def _slices(data: bytes) -> Iterator[bytes]:
    return (data[start : start + SLICE] for start in range(0, len(data), SLICE))


def opened_zip(stream: BinaryIO) -> ZipFile:
    """The archive.

    Raises:
        BrokenInputError: It is damaged or truncated.
    """
    try:
        return ZipFile(stream)
    except Exception as error:  # zipfile lets many kinds through where the bytes are not what they should be
        raise BrokenInputError(
            "broken-archive", f"it is not a whole zip archive ({_reason(error)}). {AGAIN}"
        ) from error


def entry_problem(entry: ZipInfo, name: str, where: str) -> Problem | None:
    """Why an entry is not read, if there is something against it."""
    if name.startswith("/") or re.match("[A-Za-z]:", name) or ".." in name.split("/"):
        return refused("odd-path", "its path leads out of the archive; it was not read.", where)
    if stat.S_ISLNK(entry.external_attr >> 16):
        return refused("odd-path", "it is a link, not a file; it was not read.", where)
    if entry.flag_bits & 1:
        return refused("encrypted", "it is locked with a password; unpack the archive first.", where)
    if PurePosixPath(name).suffix.lower() == ".zip":
        return refused("nested-archive", NESTED, where)
    return None


def unzipped(archive: ZipFile, entry: ZipInfo, block: int) -> Iterator[bytes]:
    """The bytes of an entry; where it is damaged, nearly all that stands before.

    Raises:
        BrokenInputError: It is damaged, ends too early, or is a bomb.
    """
    size = 0
    try:
        with cast(ZipExtFile, archive.open(entry)) as stream:
            while data := stream.read1(min(block, BLOCK)):
                size += len(data)
                if is_bomb(size, entry.compress_size):
                    raise BrokenInputError("archive-bomb", BOMB)
                yield data
    except (BrokenInputError, GeneratorExit):
        raise
    except Exception as error:  # as above
        raise BrokenInputError("broken-archive", f"it is damaged ({_reason(error)}).") from error


def _reason(error: Exception) -> str:
    """The last words of a message like `Error -3 while decompressing data: invalid block type`."""
    return str(error).rpartition(": ")[2] or type(error).__name__
