"""A folder of files that appears as a whole: written aside, put in place at the end, its manifest last."""

import contextlib
import hashlib
import json
import shutil
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from labeling.errors import InputError
from labeling.files import json_text, write_atomic

MANIFEST = "manifest.json"
ASIDE = ".partial-"
STALE_SECONDS = 86_400  # what a killed run left behind


@contextmanager
def aside(folder: Path) -> Iterator[Path]:
    """A folder inside of `folder` to write into; whatever is still in it at the end is removed.

    Raises:
        InputError: It cannot be made, or the disk is full.
    """
    is_new = not folder.exists()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for left in folder.glob(f"{ASIDE}*"):
            if time.time() - left.stat().st_mtime > STALE_SECONDS:
                shutil.rmtree(left, ignore_errors=True)
        temporary = Path(tempfile.mkdtemp(dir=folder, prefix=ASIDE))
    except OSError as error:
        raise InputError(f"Cannot write to {folder}: {error.strerror or error}", "Check its permissions.") from error
    try:
        yield temporary
    except OSError as error:
        raise InputError(
            f"Cannot write to {folder}: {error.strerror or error}", "Check the free space. What was there stays."
        ) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
        if is_new:
            with contextlib.suppress(OSError):  # it is not empty
                folder.rmdir()


def put_in_place(temporary: Path, folder: Path, manifest: dict[str, Any]) -> dict[str, Any]:
    """The manifest that was written, with the SHA-256 of each file that was moved from one folder to the other.

    The old manifest goes first, so that nobody takes a half of each for a whole; and so does what it names.
    """
    files = sorted(path for path in temporary.rglob("*") if path.is_file())
    with ThreadPoolExecutor() as threads:
        sums = dict(zip([str(path.relative_to(temporary)) for path in files], threads.map(_sha256, files), strict=True))
    for name in (*_named(folder), *(path.name for path in temporary.iterdir())):
        _remove(folder / name)
    for path in temporary.iterdir():
        path.rename(folder / path.name)
    whole = manifest | {"sha256": sums}
    write_atomic(folder / MANIFEST, json_text(whole))
    return whole


def _named(folder: Path) -> list[str]:
    """The manifest of an earlier run and the files and folders that it names."""
    with contextlib.suppress(OSError, ValueError, LookupError, TypeError):
        names = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))["sha256"]
        return [MANIFEST, *sorted({Path(name).parts[0] for name in names if Path(name).parts[0] not in {"..", "/"}})]
    return [MANIFEST]


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
