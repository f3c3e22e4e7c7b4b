"""Whole files, written so that a reader never sees half of one."""

import contextlib
import fcntl
import glob
import json
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from labeling.errors import InputError

PART = ".part"  # at the end of the name of a file that is being written
NEW, OLD = "new", "old"  # in the folder beside one that is being replaced
ABANDONED_SECONDS = 60  # without a lock and so old, it is being written by nobody


def write_atomic(path: Path, content: str | bytes, *, private: bool = False) -> Path:
    """The path, now holding the content: a crash or a full disk leaves the old file or none, never a part.

    Folders on the way are made. A private file can be read by its owner alone.

    Raises:
        InputError: The file cannot be written; the message says where and why.
    """
    with atomic_file(path, private=private) as file:
        file.write(content.encode("utf-8") if isinstance(content, str) else content)
    return path


@contextlib.contextmanager
def atomic_file(path: Path, *, private: bool = False) -> Iterator[IO[bytes]]:
    """A file to write to, which takes the path's place at the end; after an error the old one stays as it was.

    It stands beside the path. One of a process that was killed is removed here.

    Raises:
        InputError: The file cannot be written; the message says where and why.
    """
    temporary: Path | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _remove_abandoned(path)
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=PART)
        temporary = Path(name)
        with os.fdopen(descriptor, "wb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield file
            file.flush()
            os.fsync(file.fileno())
            temporary.chmod(0o600 if private else 0o666 & ~_umask())
            temporary.replace(path)
    except OSError as error:
        raise InputError(
            f"Cannot write {path}: {error.strerror or error}", hint="Check the free space and the folder's permissions."
        ) from error
    finally:
        if temporary:
            temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def replacing(folder: Path) -> Iterator[Path]:
    """The path of a new folder, to be made, which takes the place of `folder` at the end; after an error nothing does.

    It stands in a folder beside, of which nothing stays. That of a process that was killed is removed here.

    Raises:
        InputError: It cannot be written; the message says where and why.
    """
    is_new = not folder.parent.exists()
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        _remove_abandoned_beside(folder)
        place = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}."))
        try:
            with _locked(place):
                yield place / NEW
                _exchange(folder, place)
        finally:
            shutil.rmtree(place, ignore_errors=True)
    except OSError as error:
        said = error.args[0][0][2] if isinstance(error, shutil.Error) else error.strerror or error
        raise InputError(
            f"Cannot write {folder}: {said}",
            hint="What was there before is still there. Check the free space and the folder's permissions.",
        ) from error
    finally:
        if is_new:
            with contextlib.suppress(OSError):  # it is not empty
                folder.parent.rmdir()


def _exchange(folder: Path, place: Path) -> None:
    if folder.exists():
        folder.rename(place / OLD)
    try:
        (place / NEW).rename(folder)
    except OSError:
        _bring_back(folder, place)
        raise


def _bring_back(folder: Path, place: Path) -> None:
    if (place / OLD).exists() and not folder.exists():
        (place / OLD).rename(folder)


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Shows that a folder is in use; the lock goes with the process."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        with contextlib.suppress(OSError):  # a file system without locks
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(descriptor)


def _remove_abandoned_beside(folder: Path) -> None:
    for left in folder.parent.glob(f".{glob.escape(folder.name)}.*"):
        with contextlib.suppress(OSError):
            descriptor = os.open(left, os.O_RDONLY | os.O_DIRECTORY)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                _bring_back(folder, left)
                shutil.rmtree(left, ignore_errors=True)
            finally:
                os.close(descriptor)


def _remove_abandoned(path: Path) -> None:
    """What is left of earlier writers of the path; a process that lives holds the lock of its file."""
    for left in path.parent.glob(f".{glob.escape(path.name)}.*{PART}"):
        with contextlib.suppress(OSError), left.open("rb") as file:
            if time.time() - left.stat().st_mtime < ABANDONED_SECONDS:
                continue
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            left.unlink()


def json_text(value: Any) -> str:
    """The value as indented JSON with a line end; characters stay as they are."""
    return json.dumps(value, ensure_ascii=False, indent=2) + "\n"


def read_text(path: Path, what: str) -> str:
    """The content of a UTF-8 file.

    Raises:
        InputError: It is not there, cannot be read, or is not UTF-8; the message calls the file `what`.
    """
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{what} {path} is not UTF-8 (byte {error.start}).") from error
    except OSError as error:
        raise InputError(f"Cannot read {what} {path}: {error.strerror or error}") from error


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
