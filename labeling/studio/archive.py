"""The archive of a backup: its contents, and unpacking it without trusting any of it.

It is a tar.gz of plain files. Its headers are read here, block by block, since `tarfile` reads a long one as a whole,
whatever its size: so memory and disk stay bounded by the size of the archive.
"""

import hashlib
import os
import shutil
import tarfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import IO, cast

from isal import igzip, isal_zlib
from pydantic import Field, ValidationError

from labeling.core.value import Value
from labeling.errors import InputError
from labeling.studio.database import FILE
from labeling.studio.setup import CREDENTIALS
from labeling.studio.setup import FILE as SETUP

MANIFEST = "manifest.json"
SQL = "database.sql"
DATABASE = f"data/{FILE}"
SUFFIXES = (".tar.gz", ".tgz")

CHUNK = 1 << 20
BLOCK = tarfile.BLOCKSIZE
LONGEST_HEADER, LONGEST_NAME = 8192, 255  # bytes: of an extended header; of one component of a path
MOST_MEMBERS, DEEPEST = 250_000, 10
LARGEST_TAIL = 1 << 20  # bytes after the last member; a record of zeros is usual
EXPANSION, UNSUSPICIOUS = 200, 64 << 20  # a database with pre-annotations shrinks to a third or a tenth, never that far
# Bytes of the files that are read as a whole.
LARGEST = {MANIFEST: 64 << 20, CREDENTIALS: 1 << 16, SETUP: 1 << 16}
SPARE = 64 << 20  # bytes that stay free on the disk

_BROKEN = (tarfile.TarError, EOFError, zlib.error, igzip.BadGzipFile, isal_zlib.error)


class Member(Value):
    """One file of an archive."""

    size: int = Field(ge=0)
    sha256: str


class Manifest(Value):
    """The contents of an archive.

    Attributes:
        format: The version of the archive's format.
        made: When it was made, in UTC.
        label_studio: The version that the data belong to; "" if unknown.
        database: `sqlite` or `postgresql`.
        counts: How many projects, tasks, predictions and annotations it has.
        members: All files except the manifest.
    """

    format: int = Field(default=1, ge=1, le=1)
    made: str = Field(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$")
    label_studio: str
    database: str = Field(pattern="^(sqlite|postgresql)$")
    counts: dict[str, int]
    members: dict[str, Member]


def invalid(file: Path, why: str) -> InputError:
    """The error for an archive that is damaged or not a backup."""
    return InputError(f"{file} is not a valid backup: {why}.", "Nothing was changed. Take another backup.")


def unpack(file: Path, stage: Path) -> Manifest:
    """Unpack an archive into the folder `stage`, and compare its files with its manifest, which is returned.

    Raises:
        InputError: It cannot be read, is damaged or not a backup, or does not fit on the disk.
    """
    if not file.is_file():
        raise InputError(f"{file} is not a file." if file.exists() else f"{file} is not there.")
    try:
        found = _extracted(file, stage)
        manifest = Manifest.model_validate_json((stage / MANIFEST).read_bytes())
    except FileNotFoundError:
        raise invalid(file, "it has no manifest") from None
    except ValidationError:
        raise invalid(file, "its manifest is unknown, or of a newer version of `labeling`") from None
    except _BROKEN as error:  # type: ignore[misc]
        raise invalid(file, f"it is damaged or cut off ({error})") from None
    except OSError as error:
        raise InputError(f"Cannot unpack {file}: {error.strerror or error}", "Check the free space.") from None
    del found[MANIFEST]
    if found != manifest.members:
        wrong = sorted(n for n in found.keys() | manifest.members if found.get(n) != manifest.members.get(n))
        raise invalid(file, f"not what its manifest says: {', '.join(map(_shown, wrong[:5]))}")
    if (SQL in found, DATABASE in found) != (manifest.database == "postgresql", manifest.database == "sqlite"):
        raise invalid(file, "it has no database")
    return manifest


def _extracted(file: Path, stage: Path) -> dict[str, Member]:
    found: dict[str, Member] = {}
    with file.open("rb") as raw, igzip.IGzipFile(fileobj=raw, mode="rb") as zipped:  # type: ignore[no-untyped-call]
        stream = _Stream(file, raw, cast("IO[bytes]", zipped))
        for name, size in _headers(stream):
            _refuse_name(file, name, found)
            if size > LARGEST.get(name, size):
                raise invalid(file, f"{_shown(name)} has {size:,} bytes")
            if size > shutil.disk_usage(stage).free - SPARE:
                raise InputError(f"{file} does not fit on the disk ({_shown(name)}: {size:,} bytes).")
            try:
                found[name] = _extract(stream, size, stage / name)
            except (FileExistsError, NotADirectoryError):
                raise invalid(file, f"it has {_shown(name)} twice, or as a folder too") from None
        stream.end()
    return found


class _Stream:
    """The unpacked bytes of an archive, which may not expand too far."""

    def __init__(self, file: Path, raw: IO[bytes], zipped: IO[bytes]) -> None:
        self.file, self._raw, self._zipped, self._read = file, raw, zipped, 0

    def some(self, most: int) -> bytes:
        data = self._zipped.read(most)
        self._read += len(data)
        if self._read > UNSUSPICIOUS + EXPANSION * self._raw.tell():
            raise invalid(self.file, f"it expands to more than {EXPANSION} times its size")
        return data

    def exactly(self, size: int) -> bytes:
        data = bytearray()
        while len(data) < size:
            data += self._more(size - len(data))
        return bytes(data)

    def chunks(self, size: int) -> Iterator[bytes]:
        """So many bytes, in pieces; then the padding after them is skipped."""
        left = size
        while left:
            data = self._more(min(left, CHUNK))
            left -= len(data)
            yield data
        self.exactly(-size % BLOCK)

    def _more(self, most: int) -> bytes:
        data = self.some(most)
        if not data:
            raise EOFError("it ends in the middle of a file")
        return data

    def end(self) -> None:
        """Check that only zeros follow; reading to the end also checks gzip's checksum."""
        left = LARGEST_TAIL
        while data := self.some(CHUNK):
            left -= len(data)
            if left < 0 or data.strip(b"\0"):
                raise invalid(self.file, "there is something behind its end")


def _headers(stream: _Stream) -> Iterator[tuple[str, int]]:
    """The name and size of each file; its content has to be read before the next one is asked for."""
    for _ in range(MOST_MEMBERS + 1):
        more: dict[str, str] = {}
        info = _header(stream)
        if info is not None and info.type == tarfile.XHDTYPE:
            if not 0 <= info.size <= LONGEST_HEADER:
                raise invalid(stream.file, f"one of its headers has {info.size:,} bytes")
            more = _records(stream.file, b"".join(stream.chunks(info.size)))
            info = _header(stream)
            if info is None:
                raise invalid(stream.file, "a header has no file")
        if info is None:
            return
        name = more.get("path", info.name)
        if info.type not in (tarfile.REGTYPE, tarfile.AREGTYPE):
            raise invalid(stream.file, f"{_shown(name)} is not a file, but a link, a device or the like")
        size = more.get("size", str(info.size))
        if not size.isdecimal() or len(size) > 18:
            raise invalid(stream.file, f"{_shown(name)} has no valid size")
        yield name, int(size)
    raise invalid(stream.file, f"it has more than {MOST_MEMBERS:,} files")


def _header(stream: _Stream) -> tarfile.TarInfo | None:
    block = stream.exactly(BLOCK)
    return None if block.count(0) == BLOCK else tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")


def _records(file: Path, data: bytes) -> dict[str, str]:
    """The records of an extended header (pax): the name or size of a file if too long for a plain one.

    Each record is `length key=value` and a line end, all of which the length counts.
    """
    found = {}
    while data:
        digits = data[:6].partition(b" ")[0]
        length = int(digits) if digits.isdigit() else 0
        key, equals, value = data[len(digits) + 1 : max(0, length - 1)].partition(b"=")
        if not equals or data[length - 1 : length] != b"\n" or key not in (b"path", b"size", b"mtime"):
            raise invalid(file, "one of its headers is damaged, or not one that `labeling` writes")
        found[key.decode()] = value.decode("utf-8", "surrogateescape")
        data = data[length:]
    return found


def _refuse_name(file: Path, name: str, found: dict[str, Member]) -> None:
    """Check that a backup may have a file of this name, and that there was none yet."""
    path = PurePosixPath(name)
    inside = len(path.parts) > 1 and path.parts[0] in ("data", "workspace")
    known = inside or name in {MANIFEST, SQL, CREDENTIALS, SETUP}
    journal = name.startswith(DATABASE) and name != DATABASE  # SQLite would apply it to the database
    strange = path.is_absolute() or ".." in path.parts or str(path) != name or "\0" in name
    longest = max(len(one.encode("utf-8", "surrogateescape")) for one in path.parts)
    if not known or journal or strange or len(path.parts) > DEEPEST or longest > LONGEST_NAME:
        raise invalid(file, f"it has a file {_shown(name)}")
    if name in found:
        raise invalid(file, f"it has {_shown(name)} twice")


def _shown(name: str) -> str:
    return repr(name if len(name) <= 100 else f"{name[:97]}…")


def _extract(stream: _Stream, size: int, target: Path) -> Member:
    """Write the file, which only its owner can read; its size and digest."""
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    digest = hashlib.sha256()
    with os.fdopen(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
        for data in stream.chunks(size):
            out.write(data)
            digest.update(data)
    return Member(size=size, sha256=digest.hexdigest())
