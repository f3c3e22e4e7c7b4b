"""Paths → files: those that were named, those in folders, standard input and pipes; nothing is opened yet."""

import os
import stat
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

from labeling.core.problem import Problem
from labeling.core.reasons import Reason
from labeling.core.wording import listed
from labeling.inputs.broken import is_address, refused, shown, skipped, unreadable

STDIN = "standard input"
# Opening its other names would fail for a socket, and start again from the beginning of a file.
STDIN_NAMES = ("-", "/dev/stdin", "/dev/fd/0", "/proc/self/fd/0")
RUBBISH = ("__MACOSX", "Thumbs.db", "desktop.ini")  # left in folders and archives by macOS and Windows
BLOCK = 1 << 20  # bytes read at a time
HEAD = 1 << 16  # bytes from which the kind of a file is recognised
MOST_HIDDEN = 3  # hidden files that a message names

# Name and first bytes of a file that nobody named → why it is passed over; "" to read it.
Sieve = Callable[[str, Callable[[], bytes]], str]


@dataclass(frozen=True, slots=True)
class Reader:
    """What the reader of the streams accepts.

    Attributes:
        sieve: Which files in folders and archives are passed over.
        archive_kind: What an archive with these names in it is instead, as a sentence; "" to read it.
        reason: The reason code for files that this reader does not accept.
        hint: What to do about these.
        block: Bytes read at a time.
    """

    sieve: Sieve
    archive_kind: Callable[[Sequence[str]], str] = lambda _: ""
    reason: Reason = "unknown-format"
    hint: str = ""
    block: int = BLOCK


@dataclass(frozen=True, slots=True)
class File:
    """A file, a pipe or standard input.

    Attributes:
        where: Its name in messages.
        path: Its path.
        size: Bytes on disk; 0 if they are not known before it is read.
        is_named: Whether the user named it, rather than a folder that it is in.
        is_once: Whether it can be read only once.
        copy: A copy of it, if it can be read only once.
    """

    where: str
    path: Path
    size: int = 0
    is_named: bool = True
    is_once: bool = False
    copy: BinaryIO | None = None

    @property
    def name(self) -> str:
        """Its name, whose ending says what it may be; "" for a pipe or standard input."""
        return "" if self.is_once or self.copy else self.path.name

    @contextmanager
    def opened(self) -> Iterator[BinaryIO]:
        """A stream of its bytes, from the first.

        Raises:
            OSError, ValueError: It cannot be opened.
        """
        if self.copy:
            self.copy.seek(0)
            yield self.copy
        elif self.where == STDIN:
            stream = getattr(sys.stdin, "buffer", None)
            if stream is None or stream.closed:
                raise OSError("there is none")
            yield stream
        else:
            with self.path.open("rb") as stream:
                yield stream


def find(paths: Iterable[str | Path], reader: Reader) -> Iterator[File | Problem]:
    """The files of the paths, in order, each once; and a problem for each path that is not a file or is passed over.

    Folders are searched with their subfolders; the files are sorted, and each is given once even if links form a loop.

    Args:
        paths: Files, folders, pipes, `-`.
        reader: What is wanted.
    """
    seen: set[str] = set()
    for path in paths:
        for item in _of_path(path, reader):
            if isinstance(item, File):
                real = STDIN if item.where == STDIN else os.path.realpath(item.path)
                if real in seen:
                    continue
                seen.add(real)
            yield item


def spooled(file: File, copies: ExitStack) -> File:
    """The same file, which can now be read repeatedly: if it could be read only once, it is copied.

    The copy has no name, so that nothing is left of it, whatever happens.

    Raises:
        OSError, ValueError: It cannot be read, or the disk is full.
    """
    if not file.is_once or file.copy:
        return file
    with file.opened() as stream:
        copy, size = spool(iter(lambda: stream.read(BLOCK), b""), copies)
    return replace(file, size=size, copy=copy)


def spool(blocks: Iterable[bytes], copies: ExitStack) -> tuple[BinaryIO, int]:
    """A temporary file of the bytes, without a name, and its size.

    Raises:
        OSError: The disk is full.
    """
    copy = copies.enter_context(tempfile.TemporaryFile())  # noqa: SIM115
    for data in blocks:
        copy.write(data)
    copy.flush()
    return copy, copy.tell()


def is_hidden(name: str) -> bool:
    """Whether a path with `/` is hidden, or left there by macOS or Windows."""
    return any(each in RUBBISH or (each.startswith(".") and each.strip(".")) for each in name.split("/"))


def nothing_in(what: str, reader: Reader, where: str) -> Problem:
    """The problem that nothing in a folder or an archive can be read."""
    return refused("empty", f"there is no file in {what} that can be read. {reader.hint}", where)


def hidden_among(names: list[str], where: str) -> Iterator[Problem]:
    """A note that names hidden files which are passed over, if there are any."""
    if names:
        some = listed(map(shown, sorted(names)), MOST_HIDDEN)
        yield skipped("hidden", f"hidden files and folders are not read: {some}.", where)


def _of_path(path: str | Path, reader: Reader) -> Iterator[File | Problem]:
    if str(path) in STDIN_NAMES:
        yield File(STDIN, Path("-"), is_once=True)
        return
    where = shown(path)
    if is_address(path) and not os.path.exists(path):  # noqa: PTH110 - a Path takes one of the slashes
        yield refused("unreadable", "it is an address; only files are read. Download it, and name the file.", where)
        return
    path = Path(path)
    try:
        found = path.stat()
        if stat.S_ISDIR(found.st_mode):
            yield from _of_folder(path, reader)
        elif stat.S_ISFIFO(found.st_mode):
            yield File(where, path, is_once=True)
        elif stat.S_ISREG(found.st_mode):
            yield File(where, path, found.st_size)
        else:
            yield refused("unreadable", "it is a device or a socket, not a file.", where)
    except (OSError, ValueError) as error:  # a ValueError where the name holds a NUL
        yield unreadable(where, error)


def _of_folder(folder: Path, reader: Reader) -> Iterator[File | Problem]:
    items: dict[Path, File | Problem] = {}
    hidden: list[str] = []
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
                if is_hidden(path.name):
                    hidden.append(str(path.relative_to(folder)))
                elif path.is_dir():
                    left.append(path)
                else:
                    items[path] = _in_folder(path, reader.sieve)
        except OSError as error:
            items[here] = unreadable(shown(here), error)
    yield from hidden_among(hidden, shown(folder))
    for path in sorted(items):
        yield items[path]
    if not any(isinstance(item, File) or item.action == "refused" for item in items.values()):
        yield nothing_in("this folder", reader, shown(folder))


def _in_folder(path: Path, sieve: Sieve) -> File | Problem:
    where = shown(path)
    try:
        found = path.stat()
        if not stat.S_ISREG(found.st_mode):
            return skipped("passed-over", "it is a pipe or a device; to read it, name it.", where)
        why = sieve(path.name, lambda: _head(path))
        return skipped("passed-over", why, where) if why else File(where, path, found.st_size, is_named=False)
    except OSError as error:  # a link to nowhere
        return unreadable(where, error)


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(HEAD)
