"""gzip and Zstandard files and zip archives → the bytes in them, unpacked block by block, never to disk."""

import re
import stat
import zlib
from collections.abc import Callable, Iterator
from pathlib import PurePosixPath
from typing import Any, BinaryIO, cast
from zipfile import ZipExtFile, ZipFile, ZipInfo

from labeling.core.problem import Problem
from labeling.inputs.broken import AGAIN, BrokenInputError, refused

GZIP = b"\x1f\x8b"
ZSTD = b"\x28\xb5\x2f\xfd"
PACKED = (GZIP, ZSTD)
ENDINGS = (".gz", ".zst")
ZIP = (b"PK\x03\x04", b"PK\x05\x06")
GZIPPED = zlib.MAX_WBITS | 16  # wbits of zlib
SLICE = 1024  # packed bytes at a time: at most so many before a damaged place are lost
WINDOW = 1 << 27  # bytes, 128 MB: what `zstd` itself unpacks without being told to; `--ultra --long=31` takes more
BLOCK = 1 << 16  # bytes of an entry at a time, for the same reason
# A file that unpacks to more than both is a bomb: real ones are 10 to 30 times their packed size.
BOMB_BYTES, BOMB_RATIO = 256 << 20, 200
NESTED = "it is a zip archive in another archive; unpack that one first."
BOMB = f"it unpacks to more than {BOMB_RATIO} times its size. Unpack it by hand if you trust it."


def is_bomb(unpacked: int, packed: int) -> bool:
    """Whether this many packed bytes should never unpack to this many bytes."""
    return unpacked > BOMB_BYTES and unpacked > BOMB_RATIO * packed


def unpacked(blocks: Iterator[bytes], block: int, magic: bytes) -> Iterator[bytes]:
    """The unpacked bytes of a gzip or Zstandard file, some two blocks at a time; nearly all before a damaged place.

    Args:
        blocks: The packed bytes.
        block: How many bytes are returned at once, at least.
        magic: The first bytes: GZIP or ZSTD.

    Raises:
        BrokenInputError: It is damaged, ends too early, or is a bomb.
    """
    ready: list[bytes] = []
    size = 0
    try:
        for data in _unpacked(blocks, block, _Unzstd if magic == ZSTD else _gunzip):
            ready.append(data)
            size += len(data)
            if size >= block:
                yield b"".join(ready)
                ready, size = [], 0
    except BrokenInputError:
        yield b"".join(ready)
        raise
    yield b"".join(ready)


def _unpacked(blocks: Iterator[bytes], most: int, unpacker_of: Callable[[], Any]) -> Iterator[bytes]:
    unpacker = unpacker_of()
    packed = size = 0
    for data in (block[start : start + SLICE] for block in blocks for start in range(0, len(block), SLICE)):
        packed += len(data)
        left = data
        while left:
            if unpacker.eof:  # a file may have several members, with padding between them
                left = left.lstrip(b"\0")
                if not left:
                    break
                unpacker = unpacker_of()
            try:
                out = unpacker.decompress(left, most)
            except Exception as error:  # of zlib or zstandard
                raise BrokenInputError("broken-archive", f"it is damaged ({_reason(error)}).") from error
            size += len(out)
            if is_bomb(size, packed):
                raise BrokenInputError("archive-bomb", BOMB)
            yield out
            left = unpacker.unused_data if unpacker.eof else unpacker.unconsumed_tail
    if not unpacker.eof:
        yield unpacker.flush()
    if not unpacker.eof:
        raise BrokenInputError("broken-archive", f"it ends too early. {AGAIN}")


def _gunzip() -> Any:
    return zlib.decompressobj(GZIPPED)


class _Unzstd:
    """Zstandard's unpacker, called like zlib's; it takes all of what it is given at once."""

    unconsumed_tail = b""

    def __init__(self) -> None:
        import zstandard

        self._unpacker = zstandard.ZstdDecompressor(max_window_size=WINDOW).decompressobj()

    @property
    def eof(self) -> bool:
        return self._unpacker.eof

    @property
    def unused_data(self) -> bytes:
        return self._unpacker.unused_data

    def decompress(self, data: bytes, most: int) -> bytes:
        del most
        return self._unpacker.decompress(data)

    def flush(self) -> bytes:
        return b""


def opened_zip(stream: BinaryIO) -> ZipFile:
    """The archive.

    Raises:
        BrokenInputError: It is damaged or truncated.
    """
    try:
        return ZipFile(stream)
    except Exception as error:  # zipfile raises many kinds of errors for unexpected bytes
        raise BrokenInputError(
            "broken-archive", f"it is not a whole zip archive ({_reason(error)}). {AGAIN}"
        ) from error


def entry_problem(entry: ZipInfo, name: str, where: str) -> Problem | None:
    """The problem with an entry that must not be read; None if it may be."""
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
    """The bytes of an entry; nearly everything before a damaged place.

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
