"""Locks between processes, which go with the process that holds them however it ends."""

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

OWNER = "owner"  # the lock in a folder that shows that it is in use
HOLDER = ".holder"  # the ending of the file that says who holds a lock


@contextmanager
def alone(file: Path, waiting: Callable[[str], None], patience: float = -1) -> Iterator[None]:
    """Hold a lock that one process at a time can hold.

    Args:
        file: The file that is locked. One beside it says who holds it: Windows lets nobody read a locked file.
        waiting: Is told who holds the lock, where another process does, before that is waited for.
        patience: Seconds to wait; for ever where it is negative.

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
        with suppress(OSError):  # the disk is full: what is written next says so
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
    """A new folder that is seen to be in use until the block ends, or its process does.

    Raises:
        OSError: It cannot be made.
    """
    while True:
        place = Path(tempfile.mkdtemp(dir=parent, prefix=prefix))
        owner = FileLock(place / OWNER, thread_local=False)
        try:
            owner.acquire()
        except FileNotFoundError:  # it was taken for abandoned before it was locked
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
    """Whether it is an owned folder whose process is gone; nobody else removes it meanwhile."""
    lock = FileLock(place / OWNER)
    with suppress(OSError):  # it is in use, or nobody can tell
        if (place / OWNER).is_file():
            lock.acquire(timeout=0)
    try:
        yield lock.is_locked
    finally:
        lock.release()
