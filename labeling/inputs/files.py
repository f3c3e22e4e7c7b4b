"""Paths and addresses → files: those named, those in folders, standard input and pipes; nothing is opened yet."""

import glob
import os
import re
import stat
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

from labeling import storage
from labeling.core.problem import Problem
from labeling.core.reasons import Reason
from labeling.core.wording import listed
from labeling.inputs.broken import refused, shown, skipped, unreadable, why_unreadable
from labeling.inputs.names import Names

STDIN = "standard input"
# Opening its other names would fail for a socket, and start again from the beginning of a file.
STDIN_NAMES = ("-", "/dev/stdin", "/dev/fd/0", "/proc/self/fd/0")
RUBBISH = ("__MACOSX", "Thumbs.db", "desktop.ini")  # left in folders and archives by macOS and Windows
BLOCK = 1 << 20  # bytes read at a time
HEAD = 1 << 16  # bytes from which the kind of a file is recognised
MOST_HIDDEN = 3  # hidden files that a message names
WILD = re.compile(r"[*?\[]")
NO_MATCH = "no file matches this pattern."

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
    """A file, a pipe or standard input, or a file at an address, which is read once.

    Attributes:
        where: Its name in messages.
        path: Its path; of a file at an address, its name.
        size: Bytes on disk; 0 if they are not known before it is read.
        is_named: Whether the user named it, rather than a folder that it is in.
        is_once: Whether it can be read only once.
        copy: A copy of it, if it can be read only once.
        url: Its address; "" if it has a path.
        mark: What is another text after it changed; "" if that takes another request, or nothing tells.
    """

    where: str
    path: Path
    size: int = 0
    is_named: bool = True
    is_once: bool = False
    copy: BinaryIO | None = None
    url: str = ""
    mark: str = ""

    @property
    def name(self) -> str:
        """Its name, whose ending says what it may be; "" for a pipe or standard input."""
        return "" if (self.is_once or self.copy) and not self.url else self.path.name

    @contextmanager
    def opened(self) -> Iterator[BinaryIO]:
        """A stream of its bytes, from the first.

        Raises:
            OSError, ValueError: It cannot be opened.
        """
        if self.copy:
            self.copy.seek(0)
            yield self.copy
        elif self.url:
            with storage.opened(self.url) as remote:
                yield remote
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
    However many there are, they are not in memory.

    Args:
        paths: Files, folders, pipes, `-`, addresses, and patterns such as `articles/*.jsonl`.
        reader: What is wanted.
    """
    with closing(Names()) as seen:
        for path in paths:
            for item in _of_path(path, reader):
                if isinstance(item, Problem) or seen.add(_identity(item)):
                    yield item


def _identity(file: File) -> str:
    return file.url or (STDIN if file.where == STDIN else os.path.realpath(file.path))


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
    if storage.is_address(path) and not os.path.exists(path):  # noqa: PTH110 - a Path takes one of the slashes
        path = storage.local_path(str(path)) or path
        if storage.is_address(path):
            yield from _at_address(str(path), reader)
            return
    if WILD.search(str(path)) and not os.path.lexists(path):
        yield from _matching(str(path), reader)
        return
    path = Path(path)
    try:
        found = path.stat()
        if stat.S_ISDIR(found.st_mode):
            yield from _of_folder(path, reader)
        elif stat.S_ISFIFO(found.st_mode):
            yield File(where, path, is_once=True)
        elif stat.S_ISREG(found.st_mode):
            yield File(where, path, found.st_size, mark=str(found.st_mtime_ns))
        else:
            yield refused("unreadable", "it is a device or a socket, not a file.", where)
    except (OSError, ValueError) as error:  # a ValueError where the name holds a NUL
        yield unreadable(where, error)


def _matching(pattern: str, reader: Reader) -> Iterator[File | Problem]:
    found = sorted(glob.iglob(pattern, recursive=True))  # noqa: PTH207 - a pattern may be absolute
    for path in found:
        yield from _of_path(path, reader)
    if not found:
        yield refused("unreadable", NO_MATCH, shown(pattern))


def _at_address(address: str, reader: Reader) -> Iterator[File | Problem]:
    try:
        is_pattern = WILD.search(address) and address.partition("://")[0] not in storage.WEB
        found = list(storage.matching(address)) if is_pattern else [storage.entry(address)]
        for entry in found:
            if entry.is_folder:
                yield from _of_folder_at(entry.url, reader)
            else:
                yield _file_at(entry.url, entry.size, entry.mark)
        if not found:
            yield refused("unreadable", NO_MATCH, shown(address))
    except OSError as error:
        yield unreadable(shown(address), error)


def _file_at(url: str, size: int, mark: str, *, is_named: bool = True) -> File:
    return File(shown(url), Path(storage.name_of(url)), size, is_named, is_once=True, url=url, mark=mark)


def _of_folder(folder: Path, reader: Reader) -> Iterator[File | Problem]:
    with closing(Names()) as names:
        hidden = list(_named_in(folder, names))
        yield from hidden_among(hidden, shown(folder))
        yield from _or_nothing(
            (
                refused("unreadable", why, shown(folder / name)) if why else _in_folder(folder / name, reader.sieve)
                for name, why, _ in names
            ),
            folder,
            reader,
        )


def _named_in(folder: Path, names: Names) -> Iterator[str]:
    """Add the files in a folder to the names, and the folders that cannot be read, with the reason; the hidden ones."""
    seen: set[str] = set()
    left = [folder]
    while left:
        here = left.pop()
        real = os.path.realpath(here)
        if real in seen:
            continue
        seen.add(real)
        try:
            with os.scandir(here) as entries:
                for entry in entries:
                    path = here / entry.name
                    if is_hidden(entry.name):
                        yield path.relative_to(folder).as_posix()
                    elif _is_folder(entry):
                        left.append(path)
                    else:
                        names.add(path.relative_to(folder).as_posix())
        except OSError as error:
            names.add(here.relative_to(folder).as_posix(), why_unreadable(error))


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to itself
        return False


def _of_folder_at(folder: str, reader: Reader) -> Iterator[File | Problem]:
    start = folder.rstrip("/") + "/"
    hidden: list[str] = []
    with closing(Names()) as names:
        for entry in storage.walk(folder):
            name = entry.url.removeprefix(start)
            if is_hidden(name):
                hidden.append(name)
            else:
                names.add(name, entry.mark, entry.size)
        yield from hidden_among(hidden, shown(folder))
        yield from _or_nothing(
            (_in_folder_at(f"{start}{name}", size, mark, reader.sieve) for name, mark, size in names), folder, reader
        )


def _or_nothing(items: Iterable[File | Problem], folder: Path | str, reader: Reader) -> Iterator[File | Problem]:
    """The items, and a problem if there is nothing to read among them."""
    found = False
    for item in items:
        found = found or isinstance(item, File) or item.action == "refused"
        yield item
    if not found:
        yield nothing_in("this folder", reader, shown(folder))


def _in_folder(path: Path, sieve: Sieve) -> File | Problem:
    where = shown(path)
    try:
        found = path.stat()
        if not stat.S_ISREG(found.st_mode):
            return skipped("passed-over", "it is a pipe or a device; to read it, name it.", where)
        why = sieve(path.name, lambda: _head(path))
        if why:
            return skipped("passed-over", why, where)
        return File(where, path, found.st_size, is_named=False, mark=str(found.st_mtime_ns))
    except OSError as error:  # a link to nowhere
        return unreadable(where, error)


def _in_folder_at(url: str, size: int, mark: str, sieve: Sieve) -> File | Problem:
    try:
        why = sieve(storage.name_of(url), lambda: _head_at(url))
        return skipped("passed-over", why, shown(url)) if why else _file_at(url, size, mark, is_named=False)
    except OSError as error:
        return unreadable(shown(url), error)


def _head_at(url: str) -> bytes:
    with storage.opened(url) as file:
        return file.read(HEAD)


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(HEAD)
