"""Files and folders that are replaced as a whole, so that a reader never sees half of one."""

import contextlib
import glob
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from labeling.errors import InputError
from labeling.locks import abandoned, owned_folder

NEW, OLD = "new", "old"  # names in the temporary folder beside what is being replaced


def write_atomic(path: Path, content: str | bytes, *, private: bool = False) -> Path:
    """Write a file at once, and return its path: a crash or a full disk leaves the old file or none, never half of one.

    Missing folders are created. A private file can only be read by its owner.

    Raises:
        InputError: The file cannot be written; the message says where and why.
    """
    with atomic_file(path, private=private) as file:
        file.write(content.encode("utf-8") if isinstance(content, str) else content)
    return path


@contextlib.contextmanager
def atomic_file(path: Path, *, private: bool = False) -> Iterator[IO[bytes]]:
    """A file to write to, which replaces the one at the path at the end; after an error, the old one stays.

    Meanwhile it is in a temporary folder beside the path; such a folder of a killed process is removed first.

    Raises:
        InputError: The file cannot be written; the message says where and why.
    """
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        with _beside(path) as place:
            with (place / NEW).open("wb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            if private:
                (place / NEW).chmod(0o600)
            (place / NEW).replace(path)


@contextlib.contextmanager
def writing(path: Path) -> Iterator[None]:
    """Raise an `InputError` that names the path, instead of an `OSError`."""
    try:
        yield
    except OSError as error:
        raise InputError(
            f"Cannot write {path}: {error.strerror or error}", hint="Check the free space and the folder's permissions."
        ) from error


@contextlib.contextmanager
def replacing(folder: Path) -> Iterator[Path]:
    """The path of a folder to create, which replaces `folder` at the end; after an error, the old one stays.

    Meanwhile it is in a temporary folder beside `folder`; such a folder of a killed process is removed first.

    Raises:
        InputError: It cannot be written; the message says where and why.
    """
    is_new = not folder.parent.exists()
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with _beside(folder) as place:
            yield place / NEW
            _exchange(folder, place)
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
def _beside(path: Path) -> Iterator[Path]:
    """A temporary folder beside the path; those of killed processes are removed first."""
    for left in path.parent.glob(f".{glob.escape(path.name)}.*"):
        with contextlib.suppress(OSError), abandoned(left) as is_abandoned:
            if is_abandoned:
                _bring_back(path, left)
                shutil.rmtree(left, ignore_errors=True)
    with owned_folder(path.parent, f".{path.name}.") as place:
        try:
            yield place
        finally:
            shutil.rmtree(place, ignore_errors=True)
    shutil.rmtree(place, ignore_errors=True)  # Windows cannot remove a locked file


def json_text(value: Any) -> str:
    """The value as indented JSON with a final line end; non-ASCII characters are not escaped."""
    return json.dumps(value, ensure_ascii=False, indent=2) + "\n"


def read_text(path: Path, what: str) -> str:
    """The content of a UTF-8 file.

    Raises:
        InputError: It does not exist, cannot be read, or is not UTF-8; the message calls the file `what`.
    """
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{what} {path} is not UTF-8 (byte {error.start}).") from error
    except OSError as error:
        raise InputError(f"Cannot read {what} {path}: {error.strerror or error}") from error
