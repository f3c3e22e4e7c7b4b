"""Whole files, written so that a reader never sees half of one."""

import json
import os
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from labeling.errors import InputError


def write_atomic(path: Path, content: str | bytes, *, private: bool = False) -> Path:
    """The path, now holding the content: a crash or a full disk leaves the old file or none, never a part.

    Folders on the way are made. A private file can be read by its owner alone.

    Raises:
        InputError: The file cannot be written; the message says where and why.
    """
    data = content.encode("utf-8") if isinstance(content, str) else content
    temporary = ""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).chmod(0o600 if private else 0o666 & ~_umask())
        Path(temporary).replace(path)
    except OSError as error:
        raise InputError(
            f"Cannot write {path}: {error.strerror or error}", hint="Check the free space and the folder's permissions."
        ) from error
    finally:
        if temporary:
            Path(temporary).unlink(missing_ok=True)
    return path


def json_text(value: Any) -> str:
    """The value as indented JSON with a line end; characters stay as they are."""
    return json.dumps(value, ensure_ascii=False, indent=2) + "\n"


def json_lines(values: Iterable[Any]) -> str:
    """The values as JSON, one a line."""
    return "".join(json.dumps(value, ensure_ascii=False) + "\n" for value in values)


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
