"""Files, folders, archives and standard input → the records in them: what people export from Label Studio."""

import codecs
import json
import os
import re
import stat
import struct
import sys
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from itertools import chain
from pathlib import Path, PurePosixPath
from types import TracebackType
from typing import Any, BinaryIO, NamedTuple, Self

import orjson

from labeling.core.problem import Problem
from labeling.core.text import storable
from labeling.studio.json_stream import LIMIT, Fault, read_values

BUTTON = "In Label Studio press Export and choose JSON, the first of the formats."
AGAIN = "It looks truncated: export or download it again."
STDIN = "standard input"

ENDINGS = (".json", ".jsonl", ".ndjson", ".gz", ".zip")
# Label Studio's other formats are worth a word where they lie in a folder.
OTHER_ENDINGS = (".csv", ".tsv", ".conll")
UNSURE_ENDINGS = ("", ".txt")  # their content tells
RUBBISH = ("__MACOSX", "Thumbs.db", "desktop.ini")

BLOCK = 1 << 20  # bytes read at once
SLICE = 1 << 16  # bytes unpacked at once
HEAD = 2048  # bytes that tell what a file is
# A file that unpacks to more than both is a bomb: real exports shrink to a tenth or a thirtieth.
BOMB_BYTES, BOMB_RATIO = 256 << 20, 200
GZIP = b"\x1f\x8b"
ZIP = (b"PK\x03\x04", b"PK\x05\x06")
SIZES_FOLLOW, IS_UTF8 = 1 << 3, 1 << 11  # flags of an entry
UNKNOWN, UNKNOWN_CHECKSUM = 0xFFFFFFFF, -1
GZIPPED, DEFLATED = zlib.MAX_WBITS | 16, -zlib.MAX_WBITS  # what zlib calls wbits
UTF16 = {
    **{b"\xff\xfe": "utf-16-le", b"[\0": "utf-16-le", b"{\0": "utf-16-le"},
    **{b"\xfe\xff": "utf-16-be", b"\0[": "utf-16-be", b"\0{": "utf-16-be"},
}

Advance = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Record:
    """The JSON of one task, exactly as it stands in the file; not parsed, and perhaps no task at all.

    `where` is the file, the entry of an archive, and the record's number from 1: `all.zip/folder/a.json#3`.
    """

    where: str
    data: bytes


class ExportFiles:
    """The records of files, folders and standard input (`-`): open within `with`, and read as often as needed.

    A file is read whatever its ending; its content tells what it is. A folder is searched with its subfolders; hidden
    files, and files that are clearly something else, are passed over. The same file is read once.

    Args:
        paths: Files, folders, `-`. What cannot be read twice is copied into a temporary file.
        block: Bytes read at once.
        limit: Bytes of the longest record that is read.

    Attributes:
        size: Bytes on disk, known within `with`.

    >>> with ExportFiles(["project-1.json"]) as files:  # doctest: +SKIP
    ...     for item in files.records():
    ...         print(item.where)
    """

    def __init__(self, paths: Sequence[str | Path], *, block: int = BLOCK, limit: int = LIMIT) -> None:
        self.size = 0
        self._paths = paths
        self._sizes = _Sizes(block, limit)
        self._items: list[_File | Problem] = []
        self._copies = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as copies:
            self._items = list(_find(self._paths, copies))
            self._copies = copies.pop_all()
        self.size = sum(item.size for item in self._items if isinstance(item, _File))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._copies.close()

    def records(self, advance: Advance = lambda _: None) -> Iterator[Record | Problem]:
        """The records in the order of the paths, and a problem for each thing that was not read.

        Args:
            advance: Is told of so many more bytes on disk that are done with; they add up to `size`.
        """
        for item in self._items:
            if isinstance(item, Problem):
                yield item
                continue
            meter = _Meter(advance, item.size)
            try:
                with ExitStack() as opened:
                    stream = item.copy or opened.enter_context(item.path.open("rb"))
                    yield from _of_file(stream, item, meter, self._sizes)
            except OSError as error:
                yield _unreadable(item.where, error)
            meter.finish()


def parse(data: bytes) -> Any:
    """The JSON value of a record. NaN, Infinity and lone surrogates are read, as Python reads them.

    A whole number of more than 64 bits becomes a float.

    Raises:
        ValueError: It is no JSON or cannot be held; the message says why, and at which byte or character from 0.
    """
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError as error:
        if "limit" in error.msg:
            raise ValueError("it is nested too deeply") from error
    try:
        return json.loads(data.decode("utf-8", "surrogatepass"))
    except UnicodeDecodeError as error:
        raise ValueError(f"byte {error.start:,} is not UTF-8") from error
    except json.JSONDecodeError as error:
        raise ValueError(f"{error.msg[:1].lower()}{error.msg[1:]} at character {error.pos:,}") from error
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
    except ValueError as error:  # Python counts the digits of a whole number before it reads them
        raise ValueError("a number has thousands of digits") from error


# Which files


class _Sizes(NamedTuple):
    block: int
    limit: int


@dataclass(frozen=True, slots=True)
class _File:
    where: str
    path: Path
    size: int
    copy: BinaryIO | None = None  # of what cannot be read twice


class _Meter:
    """Tells of bytes, and never of more than there are."""

    def __init__(self, advance: Advance, size: int) -> None:
        self.advance = advance
        self.left = size

    def tell(self, count: int) -> None:
        count = min(count, self.left)
        self.left -= count
        if count:
            self.advance(count)

    def finish(self) -> None:
        self.tell(self.left)


def _find(paths: Iterable[str | Path], copies: ExitStack) -> Iterator[_File | Problem]:
    seen: set[str] = set()
    for path in paths:
        if str(path) in seen:
            continue
        for item in _of_path(path, copies):
            if isinstance(item, _File):
                real = str(path) if item.copy else os.path.realpath(item.path)
                if real in seen:
                    continue
                seen.add(real)
            yield item


def _of_path(path: str | Path, copies: ExitStack) -> Iterator[_File | Problem]:
    if str(path) == "-":
        yield _copied(STDIN, getattr(sys.stdin, "buffer", None), copies)
        return
    path = Path(path)
    where = _shown(path)
    try:
        found = path.stat()
        if stat.S_ISDIR(found.st_mode):
            yield from _of_folder(path)
        elif stat.S_ISFIFO(found.st_mode):
            with path.open("rb") as pipe:
                yield _copied(where, pipe, copies)
        elif stat.S_ISREG(found.st_mode):
            yield _File(where, path, found.st_size)
        else:
            yield _refused("unreadable", "it is a device or a socket, no file.", where)
    except (OSError, ValueError) as error:  # a ValueError where the name holds a NUL
        yield _unreadable(where, error)


def _copied(where: str, stream: BinaryIO | None, copies: ExitStack) -> _File | Problem:
    if stream is None:
        return _refused("unreadable", "there is none.", where)
    try:
        copy = copies.enter_context(tempfile.TemporaryFile())  # noqa: SIM115
        while data := stream.read(BLOCK):
            copy.write(data)
        copy.flush()
        return _File(where, Path(where), copy.tell(), copy)
    except (OSError, ValueError) as error:  # a ValueError where it is closed
        return _unreadable(where, error)


def _of_folder(folder: Path) -> Iterator[_File | Problem]:
    """The files in a folder and its subfolders, sorted; each folder once, even where a link leads back to it."""
    items: dict[Path, _File | Problem] = {}
    seen: set[str] = set()
    left = [folder]
    while left:
        here = left.pop()
        real = os.path.realpath(here)
        if real in seen:
            continue
        seen.add(real)
        try:
            for path in here.iterdir():
                if _is_rubbish(path.name):
                    continue
                if path.is_dir():
                    left.append(path)
                elif item := _in_folder(path):
                    items[path] = item
        except OSError as error:
            items[here] = _unreadable(_shown(here), error)
    if not items:
        yield _nothing_in("this folder", _shown(folder))
    for path in sorted(items):
        yield items[path]


def _in_folder(path: Path) -> _File | Problem | None:
    try:
        found = path.stat()
        if stat.S_ISREG(found.st_mode) and _may_be_export(path.name, lambda: _head_of_file(path)):
            return _File(_shown(path), path, found.st_size)
    except OSError as error:  # a link to nowhere
        return _unreadable(_shown(path), error) if _may_be_export(path.name, lambda: b"") else None
    return None


def _head_of_file(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(HEAD)


def _is_rubbish(name: str) -> bool:
    """Whether the path is hidden, or what macOS and Windows leave in folders and archives."""
    return any(part in RUBBISH or (part.startswith(".") and part.strip(".")) for part in name.split("/"))


def _may_be_export(name: str, head: Callable[[], bytes]) -> bool:
    """Whether a file among others is one that its user may mean; the head is read where the name does not tell."""
    ending = PurePosixPath(name).suffix.lower()
    if ending not in UNSURE_ENDINGS:
        return ending in ENDINGS + OTHER_ENDINGS
    start = head().removeprefix(codecs.BOM_UTF8).lstrip()
    kind = other_kind(start)
    return "CoNLL" in kind or (not kind and start.startswith((b"[", b"{")))


# What is in a file


class _BrokenError(Exception):
    """The bytes end here, though they should not: a reason code, and the detail of a problem."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


def _of_file(stream: BinaryIO, file: _File, meter: _Meter, sizes: _Sizes) -> Iterator[Record | Problem]:
    stream.seek(0)
    if stream.read(4) in ZIP:
        yield from _of_zip(stream, file, meter, sizes)
        return
    stream.seek(0)
    blocks = _read(stream, file.size, meter, sizes)
    yield from _of_blocks(blocks, file.where, sizes)


def _read(stream: BinaryIO, size: int, meter: _Meter, sizes: _Sizes) -> Iterator[bytes]:
    """So many bytes of the stream, or what there is."""
    while size > 0 and (data := stream.read(min(sizes.block, size))):
        size -= len(data)
        meter.tell(len(data))
        yield data


def _of_blocks(
    blocks: Iterator[bytes], where: str, sizes: _Sizes, *, inside: bool = False
) -> Iterator[Record | Problem]:
    """The records in one file's bytes; `inside` of an archive, which a place is not counted in."""
    of = ""
    head, blocks = _peek(blocks)
    if head.startswith(GZIP):
        head, blocks = _peek(_unpack(blocks, GZIPPED, sizes))
        inside = True
        if head.startswith(GZIP):
            yield _refused("nested-archive", "it is packed twice; unpack it once.", where)
            return
    if inside:
        of = " of what was unpacked"
        if head[:4] in ZIP:
            yield _refused("nested-archive", "it is a zip archive in another archive; unpack that one first.", where)
            return
    if encoding := UTF16.get(head[:2]):
        head, blocks = _peek(_recode(blocks, encoding))
        of += " as UTF-8"
    if kind := other_kind(head):
        yield _refused("not-an-export", f"{kind} {BUTTON}", where)
        return
    number = 0
    try:
        for item in read_values(blocks, limit=sizes.limit):
            if isinstance(item, Fault):
                number = max(number, item.number)
                yield _of_fault(item, where, of)
            else:
                number += 1
                yield Record(f"{where}#{number}", item)
    except _BrokenError as broken:
        yield _refused(broken.reason, f"{broken.detail} What stands before was read: {number:,} records.", where)


def _of_fault(fault: Fault, where: str, of: str) -> Problem:
    next_step = {
        "empty": BUTTON,
        "cut-off": AGAIN,
        "trailing-data": "What follows was not read: take it out, or make it a file of its own.",
        "record-too-large": "No task is that long: is a quote or a bracket missing in it?",
    }[fault.reason]
    detail = f"{fault.detail} (byte {fault.byte:,}{of}). {next_step}"
    return _refused(fault.reason, detail, f"{where}#{fault.number}" if fault.number else where)


def _peek(blocks: Iterator[bytes]) -> tuple[bytes, Iterator[bytes]]:
    """The first bytes, and all of them again, cut as they were."""
    taken: list[bytes] = []
    size = 0
    rest = blocks
    try:
        while size < HEAD and (data := next(blocks, None)) is not None:
            taken.append(data)
            size += len(data)
    except _BrokenError as error:
        rest = _broken_by(error)
    return b"".join(taken)[:HEAD], chain(taken, rest)


def _broken_by(error: _BrokenError) -> Iterator[bytes]:
    raise error
    yield b""


def _recode(blocks: Iterator[bytes], encoding: str) -> Iterator[bytes]:
    """UTF-16 as UTF-8. What is no UTF-16 becomes no UTF-8, and is named by who parses it."""
    decoder = codecs.getincrementaldecoder(encoding)("surrogatepass")
    for data in blocks:
        yield decoder.decode(data).encode("utf-8", "surrogatepass")
    if decoder.getstate()[0]:  # half a character
        yield b"\xff"


def _unpack(blocks: Iterator[bytes], form: int, sizes: _Sizes) -> Iterator[bytes]:
    """What was packed, no more than a block at once; where it is damaged, all that stands before the place.

    Raises:
        _BrokenError: It is damaged, ends too early, or is a bomb.
    """
    unpacker = zlib.decompressobj(form)
    packed = unpacked = 0
    for data in chain.from_iterable(map(_slices, blocks)):
        packed += len(data)
        left = data
        while left:
            if unpacker.eof:  # gzip files may stand one after the other, with padding between them
                left = left.lstrip(b"\0")
                if form == DEFLATED or not left:
                    break
                unpacker = zlib.decompressobj(form)
            before = unpacker.copy()
            try:
                out = unpacker.decompress(left, sizes.block)
            except zlib.error as error:
                yield from _up_to_fault(before, left)
                raise _BrokenError("broken-archive", f"it is damaged ({_reason(error)}).") from error
            unpacked += len(out)
            if unpacked > BOMB_BYTES and unpacked > BOMB_RATIO * packed:
                raise _bomb()
            yield out
            left = unpacker.unused_data if unpacker.eof else unpacker.unconsumed_tail
    if not unpacker.eof:
        yield unpacker.flush()
    if not unpacker.eof:
        raise _BrokenError("broken-archive", f"it ends too early. {AGAIN}")


def _slices(data: bytes) -> Iterator[bytes]:
    return (data[start : start + SLICE] for start in range(0, len(data), SLICE))


def _up_to_fault(unpacker: Any, data: bytes) -> Iterator[bytes]:
    try:
        for place in range(len(data)):
            yield unpacker.decompress(data[place : place + 1])
    except zlib.error:
        return


def _bomb() -> _BrokenError:
    detail = f"it unpacks to more than {BOMB_RATIO} times its size. Unpack it by hand if you trust it."
    return _BrokenError("archive-bomb", detail)


def _reason(error: Exception) -> str:
    """The last words of a message like `Error -3 while decompressing data: invalid block type`."""
    return str(error).rpartition(": ")[2] or type(error).__name__


# What is in a zip archive


def _of_zip(stream: BinaryIO, file: _File, meter: _Meter, sizes: _Sizes) -> Iterator[Record | Problem]:
    try:
        entries = zipfile.ZipFile(stream).infolist()
    except Exception as error:  # zipfile lets many kinds through where the bytes are not what they should be
        yield _refused("broken-archive", f"it is no whole zip archive ({_reason(error)}). {AGAIN}", file.where)
        entries = list(_entries_by_header(stream, file.size))
        if not entries:
            return
    if kind := _archive_kind([entry.filename for entry in entries]):
        yield _refused("not-an-export", f"{kind} {BUTTON}", file.where)
        return
    found = False
    unpacked = 0
    for entry in entries:
        name = entry.filename.replace("\\", "/")
        head = partial(_head_of_entry, stream, entry, sizes)
        if name.endswith("/") or _is_rubbish(name) or not _may_be_export(name, head):
            continue
        found = True
        where = f"{file.where}/{_shown(name)}"
        if problem := _entry_problem(entry, name, where):
            yield problem
            continue
        if unpacked > BOMB_BYTES and unpacked > BOMB_RATIO * file.size:  # entries may share their bytes
            yield _refused("archive-bomb", _bomb().detail, file.where)
            return
        unpacked += entry.file_size
        yield from _of_blocks(_of_entry(stream, entry, meter, sizes), where, sizes, inside=True)
    if not found:
        yield _nothing_in("this archive", file.where)


def _entries_by_header(stream: BinaryIO, size: int) -> Iterator[zipfile.ZipInfo]:
    """The entries of an archive without its directory, which stands at the end: from the header before each."""
    start = 0
    while start < size:
        stream.seek(start)
        header = stream.read(30)
        if len(header) < 30 or not header.startswith(ZIP[0]):
            return
        flags, method, checksum, packed, unpacked, name_length, extra_length = struct.unpack("<6xHH4xIIIHH", header)
        try:
            name = stream.read(name_length).decode("utf-8" if flags & IS_UTF8 else "cp437")
        except UnicodeDecodeError:
            return
        entry = zipfile.ZipInfo(name)
        entry.header_offset, entry.flag_bits, entry.compress_type = start, flags, method
        entry.CRC, entry.compress_size, entry.file_size = checksum, packed, unpacked
        start += 30 + name_length + extra_length + packed
        if flags & SIZES_FOLLOW or packed == UNKNOWN:
            entry.CRC, entry.compress_size, entry.file_size = UNKNOWN_CHECKSUM, size, sys.maxsize
            start = size
        yield entry


def _entry_problem(entry: zipfile.ZipInfo, name: str, where: str) -> Problem | None:
    if name.startswith("/") or re.match("[A-Za-z]:", name) or ".." in name.split("/"):
        return _refused("odd-path", "its path leads out of the archive; it was not read.", where)
    if entry.flag_bits & 1:
        return _refused("encrypted", "it is locked with a password; unpack the archive first.", where)
    if PurePosixPath(name).suffix.lower() == ".zip":
        return _refused("nested-archive", "it is a zip archive in another archive; unpack that one first.", where)
    if entry.compress_type not in {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}:
        detail = f"it is packed by method {entry.compress_type}, not by the usual one; unpack the archive first."
        return _refused("broken-archive", detail, where)
    return None


def _of_entry(stream: BinaryIO, entry: zipfile.ZipInfo, meter: _Meter, sizes: _Sizes) -> Iterator[bytes]:
    """The bytes of an entry, unpacked. Not by `zipfile`, which gives nothing of a damaged block.

    Raises:
        _BrokenError: It is damaged, ends too early, or is a bomb.
    """
    try:
        stream.seek(entry.header_offset)
        header = stream.read(30)
        stream.seek(sum(struct.unpack("<26xHH", header)), os.SEEK_CUR)
    except (OSError, ValueError, struct.error) as error:
        raise _BrokenError("broken-archive", "its place in the archive is damaged.") from error
    blocks = _read(stream, entry.compress_size, meter, sizes)
    if entry.compress_type == zipfile.ZIP_DEFLATED:
        blocks = _unpack(blocks, DEFLATED, sizes)
    size = checksum = 0
    for data in blocks:
        yield data[: entry.file_size - size]
        size += len(data)
        checksum = zlib.crc32(data, checksum)
        if size > entry.file_size:
            break
    if entry.CRC != UNKNOWN_CHECKSUM and (size, checksum) != (entry.file_size, entry.CRC):
        raise _BrokenError("broken-archive", "it is damaged (its size or checksum does not fit).")


def _head_of_entry(stream: BinaryIO, entry: zipfile.ZipInfo, sizes: _Sizes) -> bytes:
    head, _ = _peek(_of_entry(stream, entry, _Meter(lambda _: None, 0), sizes))
    return head


def _archive_kind(names: Sequence[str]) -> str:
    """What the archive is, where its names show that it is no JSON export; "" otherwise."""
    paths = [PurePosixPath(name.replace("\\", "/").lower()) for name in names]
    files = {path.name for path in paths}
    if "[content_types].xml" in files:
        return "it is an Office document."
    if any(path.suffix == ".xml" and path.parent.name == "annotations" for path in paths):
        return "it is a Pascal VOC export, which is for boxes in images."
    if "classes.txt" in files and any("labels" in path.parts for path in paths):
        return "it is a YOLO export, which is for boxes in images."
    if any(re.fullmatch(r"result(_coco)?\.json", name) for name in files) and any("images" in p.parts for p in paths):
        return "it is a COCO export, which is for boxes in images."
    return ""


# What else people take for an export

# What a file is whose first bytes, after white space, look like this; the first that fits counts.
KINDS = {
    rb"\x89PNG|\xff\xd8\xff|GIF8": "it is an image.",
    rb"%PDF": "it is a PDF.",
    rb"\{\\rtf": "it is a Rich Text document.",
    rb"SQLite format 3": "it is a database, perhaps Label Studio's own.",
    rb"PAR1": "it is a Parquet file.",
    rb"BZh\d1AY|\xfd7zXZ|7z\xbc\xaf|Rar!|\x28\xb5\x2f\xfd|.{257}ustar": "it is an archive of another kind; unpack it.",
    rb"[\[{\s]*\{\s*'": "it is in Python's notation, not JSON; json.dumps() writes JSON.",
    rb"\[\s*(\Z|[\[{\"\]\d\-tfnNI])|\{\s*(\Z|[\"}])|\Z": "",  # JSON, as far as one sees
    rb".*[\x00-\x08\x0e-\x1a]": "it is a binary file.",
    rb"(?i:<!doctype html|<(html|head|body)\b)": "it is a web page, perhaps the login page of a server or proxy.",
    rb"<(.*<)?View\b": "it is a labeling config, which holds no annotations.",
    rb"<": "it is XML or HTML.",
    rb"-DOCSTART-|.* -X- ": "it is a CoNLL export, which lacks relations, nested spans and exact offsets.",
    rb"[^\n]*(\t|,[^\n]*,)": "it is a CSV or TSV export, which is made for spreadsheets.",
}


def other_kind(head: bytes) -> str:
    """What a file with these first bytes is, as a sentence, if it is no JSON; "" if it may be."""
    if _is_docbin(head):
        return "it is a spaCy DocBin, which spaCy reads as it is."
    head = head.removeprefix(codecs.BOM_UTF8).lstrip()
    for pattern, kind in KINDS.items():
        if re.match(pattern, head, re.DOTALL):
            return kind
    return f"it is no JSON: it begins with {head[:30].decode('utf-8', 'replace')!a}."


def _is_docbin(head: bytes) -> bool:
    try:
        return b"attrs" in zlib.decompressobj().decompress(head, 200)
    except zlib.error:
        return False


# Problems


def _refused(reason: str, detail: str, where: str) -> Problem:
    return Problem(reason=reason, action="refused", detail=detail, where=where)


def _unreadable(where: str, error: OSError | ValueError) -> Problem:
    detail = getattr(error, "strerror", None) or str(error)
    return _refused("unreadable", f"it cannot be read: {detail}.", where)


def _nothing_in(what: str, where: str) -> Problem:
    return _refused("empty", f"no file in {what} ends in {', '.join(ENDINGS)}. {BUTTON}", where)


def _shown(path: str | Path) -> str:
    """The path as it can be printed: a name may be no UTF-8, or hold what moves a terminal's cursor."""
    return "".join(c if c.isprintable() else "\ufffd" for c in str(storable(str(path))))
