"""Folders that files are written to, on a disk or at an address; each file appears as a whole, or not at all."""

import contextlib
import gzip
import hashlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import IO, Protocol, cast

from labeling import storage
from labeling.errors import InputError
from labeling.files import atomic_file, writing
from labeling.inputs.broken import shown
from labeling.locks import alone

LOCK = ".lock"

Written = Callable[[], tuple[str, int]]


class Folder(Protocol):
    """A folder; `str` of it is its name in messages.

    Every method raises an InputError that names the file, where it cannot be read or written.
    """

    def alone(self) -> AbstractContextManager[object]:
        """Make the folder, and keep out others who write to it."""

    def names(self) -> set[str]:
        """The names of the files in it, without hidden ones."""

    def size(self, name: str) -> int | None:
        """The size of a file in bytes; None if there is none."""

    def read(self, name: str) -> bytes | None:
        """The content of a small file; None if there is none."""

    def opened(self, name: str) -> AbstractContextManager[IO[bytes]]:
        """A file to read from."""

    def written(self, name: str) -> AbstractContextManager[IO[bytes]]:
        """A file to write to, which is in the folder when it is whole."""

    def remove(self, name: str) -> None:
        """Remove a file, which may be gone."""


def folder_at(output: str) -> Folder | None:
    """The folder that this path or address names: it is there, or the name ends in `/`; None if it names a file."""
    path = storage.local_path(output) or output
    if storage.is_address(path):
        return RemoteFolder(path) if path.endswith("/") else None
    return LocalFolder(Path(path)) if path.endswith("/") or Path(path).is_dir() else None


def written(output: str) -> AbstractContextManager[IO[bytes]]:
    """A file to write to, which is at this path or address when it is whole; after an error, an older one stays.

    Raises:
        InputError: It cannot be written; the message says where and why.
    """
    path = storage.local_path(output) or output
    return _sent(path) if storage.is_address(path) else atomic_file(Path(path))


@contextlib.contextmanager
def hashed(stream: IO[bytes]) -> Iterator[tuple[IO[bytes], Written]]:
    """A stream that writes to another, and the SHA-256, in hex, and the number of the bytes that went through it."""
    through = _Hashed(stream)
    yield cast("IO[bytes]", through), through.result


class LocalFolder:
    """A folder on a disk of this machine."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __str__(self) -> str:
        return str(self.path)

    def alone(self) -> AbstractContextManager[object]:
        """Make the folder, and lock it."""
        with writing(self.path):
            self.path.mkdir(parents=True, exist_ok=True)
        return alone(self.path / LOCK, lambda _: None, patience=0)

    def names(self) -> set[str]:
        """The names in it, without hidden ones."""
        with writing(self.path):
            found = self.path.iterdir() if self.path.exists() else ()
            return {path.name for path in found if not path.name.startswith(".")}

    def size(self, name: str) -> int | None:
        """The size of a file in bytes; None if there is none."""
        file = self.path / name
        return file.stat().st_size if file.is_file() else None

    def read(self, name: str) -> bytes | None:
        """The content of a file; None if there is none."""
        with writing(self.path / name):
            return (self.path / name).read_bytes() if (self.path / name).exists() else None

    @contextlib.contextmanager
    def opened(self, name: str) -> Iterator[IO[bytes]]:
        """A file to read from."""
        with _read(f"{self}/{name}"), (self.path / name).open("rb") as stream:
            yield stream

    def written(self, name: str) -> AbstractContextManager[IO[bytes]]:
        """A file to write to."""
        return atomic_file(self.path / name)

    def remove(self, name: str) -> None:
        """Remove a file, which may be gone."""
        with writing(self.path / name):
            (self.path / name).unlink(missing_ok=True)


class RemoteFolder:
    """A folder at an address.

    Nothing keeps out others who write to it; but a file that was read or written here is replaced only if it is still
    the same, so whoever comes second is told.
    """

    def __init__(self, url: str) -> None:
        with _told(shown(url)):
            self.url = storage.folder_of(url)
        self._known: dict[str, bytes | None] = {}
        self._sizes: dict[str, int] | None = None

    def __str__(self) -> str:
        return shown(self.url)

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """Nothing: no store has locks."""
        yield

    def names(self) -> set[str]:
        """The paths in it and in its subfolders, without hidden ones."""
        return {name for name in self._listed() if not name.startswith(".")}

    def size(self, name: str) -> int | None:
        """The size that a file had when the folder was first listed, in bytes; None if there was none."""
        return self._listed().get(name)

    def read(self, name: str) -> bytes | None:
        """The content of a file; None if there is none."""
        with _told(f"{self}/{name}"):
            self._known[name] = storage.read(f"{self.url}/{name}")
        return self._known[name]

    @contextlib.contextmanager
    def opened(self, name: str) -> Iterator[IO[bytes]]:
        """A file to read from."""
        with _read(f"{self}/{name}"), storage.opened(f"{self.url}/{name}") as stream:
            yield stream

    def remove(self, name: str) -> None:
        """Remove a file, which may be gone."""
        with _told(f"{self}/{name}"):
            storage.remove(f"{self.url}/{name}")

    @contextlib.contextmanager
    def written(self, name: str) -> Iterator[IO[bytes]]:
        """A file to write to."""
        with _told(f"{self}/{name}"):
            if name in self._known and storage.read(f"{self.url}/{name}") != self._known[name]:
                raise InputError(f"{self}/{name} was changed meanwhile: another run writes to this folder.")
        with _sent(f"{self.url}/{name}") as stream:
            yield stream
            stream.flush()
            if name in self._known:
                stream.seek(0)
                self._known[name] = stream.read()

    def _listed(self) -> dict[str, int]:
        if self._sizes is None:
            with _told(str(self)):
                self._sizes = storage.sizes(self.url)
        return self._sizes


@contextlib.contextmanager
def _sent(address: str) -> Iterator[IO[bytes]]:
    with _told(shown(address)), storage.writing_to(address) as stream:
        yield stream


@contextlib.contextmanager
def _told(where: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        hint = (
            "" if isinstance(error, storage.StorageError) else "It is written to a temporary file first: is there room?"
        )
        raise InputError(f"Cannot write {where}: {error.strerror or error}.", hint) from error


@contextlib.contextmanager
def _read(where: str) -> Iterator[None]:
    try:
        yield
    except gzip.BadGzipFile:
        raise
    except OSError as error:
        raise InputError(f"Cannot read {where}: {error.strerror or error}.") from error


class _Hashed:
    def __init__(self, stream: IO[bytes]) -> None:
        self._stream, self._hash, self._size = stream, hashlib.sha256(), 0

    def write(self, data: bytes) -> int:
        self._hash.update(data)
        self._size += len(data)
        return self._stream.write(data)

    def flush(self) -> None:
        self._stream.flush()

    def result(self) -> tuple[str, int]:
        return self._hash.hexdigest(), self._size
