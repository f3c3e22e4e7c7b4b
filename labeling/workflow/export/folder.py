"""A folder of files that appears as a whole: staged in a folder inside of it, and published at the end.

Only what an earlier export wrote is ever replaced or removed, and only as long as it is as it was written: see
`labeling.workflow.export.ownership`. While files are published, a journal beside them names those that go and those
that come, so that what a killed run left can be told from what somebody else put there:

    .partial-xxxxxxxx/
      owner       held by the process that writes here
      files/      the new files
      new.json    the new manifest, from when all files are ready; it becomes the folder's
      old.json    the manifest that stood in the folder until then
"""

import contextlib
import fcntl
import os
import re
import shutil
import tempfile
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from labeling.errors import InputError
from labeling.files import json_text, write_atomic
from labeling.workflow.export.ownership import KIND, MANIFEST, Obstacle, obstacles, ours, sha256, sums_in

PREFIX = ".partial-"
TEMPORARY = re.compile(re.escape(PREFIX) + r"[a-z0-9_]{8}")
OWNER, FILES, NEW, OLD = "owner", "files", "new.json", "old.json"
STALE_SECONDS = 86_400  # of a folder of an earlier version, which does not say whose it is
NAMED_OBSTACLES = 5  # in a message


@dataclass(frozen=True, slots=True)
class Staging:
    """A folder to write into, inside of the one that the files are for.

    Attributes:
        folder: The one that they are for.
        files: Where to write them.
        left: What killed runs left behind, of which the journals are still needed.
        overwrite: Whether files are replaced that are not ours.
    """

    folder: Path
    files: Path
    left: tuple[Path, ...]
    overwrite: bool

    @property
    def journal(self) -> Path:
        """Where the journal of what is being published goes."""
        return self.files.parent


@contextmanager
def staged(folder: Path, names: Iterable[str] = (), *, overwrite: bool = False) -> Iterator[Staging]:
    """A folder aside, for files that `publish` puts into `folder`; what is still in it at the end is removed.

    Args:
        folder: Where the files go; it is made where it is missing.
        names: Those that will certainly be written: what is in their way is found now rather than at the end.
        overwrite: Whether files in the way are replaced although labeling did not write them.

    Raises:
        InputError: It cannot be made, the disk is full, or something is in the way.
    """
    is_new = not folder.exists()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        left = tuple(_swept(folder))
        place = Path(tempfile.mkdtemp(dir=folder, prefix=PREFIX))
        owner = _owned(place)
    except OSError as error:
        raise InputError(f"Cannot write to {folder}: {error.strerror or error}", "Check its permissions.") from error
    staging = Staging(folder, place / FILES, left, overwrite)
    try:
        staging.files.mkdir()
        _refuse_obstacles(staging, names, *_written_before(staging))
        yield staging
    except OSError as error:
        is_begun = (place / NEW).exists()
        stays = "Then run the same command again." if is_begun else "What was there stays."
        raise InputError(
            f"Cannot write to {folder}: {error.strerror or error}", f"Check the free space. {stays}"
        ) from error
    finally:
        if (place / NEW).exists():  # the next run has to know what is whose
            shutil.rmtree(staging.files, ignore_errors=True)
        else:
            shutil.rmtree(place, ignore_errors=True)
        owner.close()
        if is_new:
            with contextlib.suppress(OSError):  # it is not empty
                folder.rmdir()


def publish(staging: Staging, manifest: dict[str, Any]) -> dict[str, Any]:
    """The manifest that was written, with the SHA-256 of each file that was moved into the folder.

    The old manifest goes first, so that nobody takes a half of each for a whole; then new files replace old ones, old
    files that have no successor go, and the new manifest comes last.

    Raises:
        InputError: Something is in the way; nothing was changed.
    """
    files = sorted(path for path in staging.files.rglob("*") if path.is_file())
    names = [path.relative_to(staging.files).as_posix() for path in files]
    with ThreadPoolExecutor() as threads:
        sums = dict(zip(names, threads.map(sha256, files), strict=True))
    whole = {"kind": KIND} | manifest | {"sha256": sums}
    with _alone(staging.folder):
        named, mine = _written_before(staging)
        _refuse_obstacles(staging, names, named, mine)
        _move(staging, whole, {name for name in mine if name not in sums})
    for place in staging.left:
        shutil.rmtree(place, ignore_errors=True)
    return whole


def _move(staging: Staging, manifest: dict[str, Any], old: set[str]) -> None:
    """Move the files that the manifest names into the folder, and it last; the old ones that have no successor go."""
    folder = staging.folder
    write_atomic(staging.journal / NEW, json_text(manifest))
    if sums_in(folder / MANIFEST) is not None:
        (folder / MANIFEST).rename(staging.journal / OLD)
    _remove(folder, old)
    for name in manifest["sha256"]:
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        (staging.files / name).replace(target)
    (staging.journal / NEW).replace(folder / MANIFEST)


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Nobody else puts files into the folder: two exports that end at once come one after the other."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        with contextlib.suppress(OSError):  # a file system without locks
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _remove(folder: Path, names: set[str]) -> None:
    """Remove files, and the folders that are empty by that."""
    for name in names:
        (folder / name).unlink(missing_ok=True)
    parents = {parent for name in names for parent in (folder / name).parents if parent.is_relative_to(folder)}
    for parent in sorted(parents - {folder}, key=lambda path: len(path.parts), reverse=True):
        with contextlib.suppress(OSError):  # it is not empty
            parent.rmdir()


def _written_before(staging: Staging) -> tuple[dict[str, set[str]], set[str]]:
    """What manifests and journals say that was written into the folder, and which of it is still as it was written."""
    manifests = [staging.folder / MANIFEST, *(place / name for place in staging.left for name in (OLD, NEW))]
    named: dict[str, set[str]] = {}
    for manifest in manifests:
        for name, checksum in (sums_in(manifest) or {}).items():
            named.setdefault(name, set()).add(checksum)
    return named, ours(staging.folder, named)


def _refuse_obstacles(staging: Staging, names: Iterable[str], named: dict[str, set[str]], mine: set[str]) -> None:
    found = obstacles(staging.folder, names, named, mine)
    if staging.overwrite:
        found = [one for one in found if not one.replaceable]
    if found:
        raise InputError(_message(staging.folder, found), _hint(found, staging.overwrite))


def _message(folder: Path, found: list[Obstacle]) -> str:
    if len(found) == 1:
        return f"{found[0].path} is in the way of what is to be written: {found[0].why}. Nothing was written."
    lines = [f"  {one.path}: {one.why}" for one in found[:NAMED_OBSTACLES]]
    lines += [f"  and {len(found) - NAMED_OBSTACLES:,} more"] if len(found) > NAMED_OBSTACLES else []
    head = f"{len(found):,} things in {folder} are in the way of what is to be written. Nothing was written."
    return "\n".join([head, *lines])


def _hint(found: list[Obstacle], overwrite: bool) -> str:
    hint = "Choose another folder with -o, or move what is in the way elsewhere."
    if overwrite:
        return f"{hint} --overwrite replaces files, not folders or what is behind links."
    return f"{hint} --overwrite replaces it." if all(one.replaceable for one in found) else hint


# what killed runs left


def _owned(place: Path) -> IO[str]:
    """A file that shows, as long as it is open, that its folder is in use."""
    file = (place / OWNER).open("w", encoding="utf-8")
    with contextlib.suppress(OSError):  # a file system without locks
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    file.write(f"Process {os.getpid()}\n")
    file.flush()
    return file


def _swept(folder: Path) -> Iterator[Path]:
    """Remove what killed runs left in the folder, but for the journals of files that they were putting in place.

    Those are given back.
    """
    for place in folder.iterdir():
        if not TEMPORARY.fullmatch(place.name) or place.is_symlink() or not place.is_dir() or not _is_dead(place):
            continue
        if (place / NEW).is_file():
            shutil.rmtree(place / FILES, ignore_errors=True)
            yield place
        else:
            shutil.rmtree(place, ignore_errors=True)


def _is_dead(place: Path) -> bool:
    """Whether it is a folder of an export whose process is gone."""
    try:
        with (place / OWNER).open("r+", encoding="utf-8") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
    except FileNotFoundError:  # it is of an earlier version, or somebody else's
        is_ours = (place / "docs.jsonl").is_file() or not any(place.iterdir())
        return is_ours and time.time() - place.stat().st_mtime > STALE_SECONDS
    except OSError:  # it is in use, or nobody can tell
        return False
