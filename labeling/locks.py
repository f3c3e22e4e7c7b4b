"""Locks between processes; one is released when the process that holds it ends, in whatever way."""

import json
import os
import socket
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock, Timeout

from labeling.errors import InputError

OWNER = "owner"  # the lock file in a folder that is in use
HOLDER = ".holder"  # the suffix of the file that says which process holds a lock


@contextmanager
def alone(file: Path, waiting: Callable[[str], None], patience: float = -1) -> Iterator[None]:
    """Hold a lock that only one process can hold at a time.

    Args:
        file: The file that is locked. A file beside it says which process holds it, since Windows does not let anybody
            read a locked file.
        waiting: If another process holds the lock, is told which one before the wait.
        patience: Seconds to wait; forever if it is negative.

    Raises:
        InputError: The file cannot be written, or another process holds it for longer than that.
    """
    lock = FileLock(file)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            waiting(_holder(file))
            lock.acquire(timeout=patience)
    except Timeout:
        hint = "Wait for it to end, or stop it; then run this again."
        raise InputError(f"{file.parent} is in use by {_holder(file)}.", hint) from None
    except OSError as error:
        raise InputError(f"Cannot use {file}: {error.strerror or error}", "Check the permissions.") from error
    try:
        since = datetime.now(UTC).isoformat(timespec="seconds")
        with suppress(OSError):  # if the disk is full, the next write will say so
            file.with_suffix(HOLDER).write_text(
                json.dumps({"pid": os.getpid(), "host": socket.gethostname(), "since": since}), encoding="utf-8"
            )
        yield
    finally:
        with suppress(OSError):
            file.with_suffix(HOLDER).unlink(missing_ok=True)
        lock.release()


def _holder(file: Path) -> str:
    try:
        holder = json.loads(file.with_suffix(HOLDER).read_text(encoding="utf-8"))
        return f"process {holder['pid']} on {holder['host']}, since {holder['since']}"
    except (OSError, ValueError, KeyError, TypeError):
        return "another process"


@contextmanager
def owned_folder(parent: Path, prefix: str) -> Iterator[Path]:
    """A new folder, marked as in use until the block or the process ends.

    Raises:
        OSError: It cannot be made.
    """
    while True:
        place = Path(tempfile.mkdtemp(dir=parent, prefix=prefix))
        owner = FileLock(place / OWNER, thread_local=False)
        try:
            owner.acquire()
        except FileNotFoundError:  # another process removed it as abandoned before it was locked
            continue
        except OSError:  # a file system without locks
            pass
        break
    try:
        yield place
    finally:
        owner.release()


@contextmanager
def abandoned(place: Path) -> Iterator[bool]:
    """Whether it is an owned folder whose process is gone; during the block no other process removes it."""
    lock = FileLock(place / OWNER)
    with suppress(OSError):  # it is in use, or locks do not work here
        if (place / OWNER).is_file():
            lock.acquire(timeout=0)
    try:
        yield lock.is_locked
    finally:
        lock.release()
