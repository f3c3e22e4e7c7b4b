"""Writing all files of a folder at once: they are staged in a temporary folder inside it, and published at the end.

Only files that an earlier export wrote are replaced or removed, and only if they were not changed since: see
`labeling.workflow.export.ownership`. During publication, a journal names the old and the new files, so that files left
by a killed run can be distinguished from those of somebody else:

    .partial-xxxxxxxx/
      owner       locked by the process that writes here
      files/      the new files
      new.json    the new manifest, once all files are ready; it becomes the folder's
      old.json    the folder's previous manifest
"""

import contextlib
import re
import shutil
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock

from labeling.core.wording import first_lines
from labeling.errors import InputError
from labeling.files import json_text, write_atomic
from labeling.locks import OWNER, abandoned, owned_folder
from labeling.workflow.export.ownership import KIND, MANIFEST, Obstacle, obstacles, ours, sha256, sums_in

PREFIX = ".partial-"
TEMPORARY = re.compile(re.escape(PREFIX) + r"[a-z0-9_]{8}")
FILES, NEW, OLD = "files", "new.json", "old.json"
LOCK = ".publishing.lock"  # in the folder, while files are moved into it
STALE_SECONDS = 86_400  # for a folder of an earlier version, which has no owner file
NAMED_OBSTACLES = 5  # in a message


@dataclass(frozen=True, slots=True)
class Staging:
    """A temporary folder to write files into, inside their final folder.

    Attributes:
        folder: The final folder.
        files: Where to write the files.
        left: Temporary folders of killed runs, whose journals are still needed.
        overwrite: Whether to replace files that no export wrote.
    """

    folder: Path
    files: Path
    left: tuple[Path, ...]
    overwrite: bool

    @property
    def journal(self) -> Path:
        """The folder of the journal."""
        return self.files.parent


@contextmanager
def staged(folder: Path, names: Iterable[str] = (), *, overwrite: bool = False) -> Iterator[Staging]:
    """A temporary folder for files that `publish` moves into `folder`; anything left at the end is removed.

    Args:
        folder: The final folder; it is created if it is missing.
        names: Files that will certainly be written: whatever is in their way is found now rather than at the end.
        overwrite: Whether to replace files that labeling did not write.

    Raises:
        InputError: It cannot be created, the disk is full, or something is in the way.
    """
    is_new = not folder.exists()
    owned = contextlib.ExitStack()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        left = tuple(_swept(folder))
        place = owned.enter_context(owned_folder(folder, PREFIX))
    except OSError as error:
        raise InputError(f"Cannot write to {folder}: {error.strerror or error}", "Check its permissions.") from error
    staging = Staging(folder, place / FILES, left, overwrite)
    try:
        staging.files.mkdir()
        _refuse_obstacles(staging, names, *_written_before(staging))
        yield staging
    except OSError as error:
        is_begun = (place / NEW).exists()
        stays = "Then run the same command again." if is_begun else "The old files stay."
        raise InputError(
            f"Cannot write to {folder}: {error.strerror or error}", f"Check the free space. {stays}"
        ) from error
    finally:
        if (place / NEW).exists():  # the next run needs the journal
            shutil.rmtree(staging.files, ignore_errors=True)
        else:
            shutil.rmtree(place, ignore_errors=True)
        owned.close()
        if not (place / NEW).exists():  # Windows removes no file that is locked
            shutil.rmtree(place, ignore_errors=True)
        if is_new:
            with contextlib.suppress(OSError):  # it is not empty
                folder.rmdir()


def publish(staging: Staging, manifest: dict[str, Any]) -> dict[str, Any]:
    """Move the files into their final folder; the manifest, with the SHA-256 of each file.

    The old manifest is removed first, so that nobody takes a mixture of old and new files for a whole; then old files
    without successor are removed, new files replace old ones, and the new manifest comes last.

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
    """Move the files that the manifest names into the folder, and the manifest last; remove the `old` ones."""
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
    """Lock the folder, so that two exports that end at the same time publish one after the other."""
    lock = FileLock(folder / LOCK)
    with contextlib.suppress(OSError):  # a file system without locks
        lock.acquire()
    try:
        yield
    finally:
        # Whoever waits for it sees that it is gone, and makes another. Windows lets it stay while somebody has it open.
        if lock.is_locked:
            with contextlib.suppress(OSError):
                (folder / LOCK).unlink()
        lock.release()


def _remove(folder: Path, names: set[str]) -> None:
    """Remove files, and folders that become empty."""
    for name in names:
        (folder / name).unlink(missing_ok=True)
    parents = {parent for name in names for parent in (folder / name).parents if parent.is_relative_to(folder)}
    for parent in sorted(parents - {folder}, key=lambda path: len(path.parts), reverse=True):
        with contextlib.suppress(OSError):  # it is not empty
            parent.rmdir()


def _written_before(staging: Staging) -> tuple[dict[str, set[str]], set[str]]:
    """The files that manifests and journals say were written, with checksums; and those of them that are unchanged."""
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
        return f"{found[0].path} is in the way of the new files: {found[0].why}. Nothing was written."
    head = f"{len(found):,} things in {folder} are in the way of the new files. Nothing was written."
    return "\n  ".join([head, *first_lines((f"{one.path}: {one.why}" for one in found), NAMED_OBSTACLES)])


def _hint(found: list[Obstacle], overwrite: bool) -> str:
    hint = "Choose another folder with -o, or move what is in the way elsewhere."
    if overwrite:
        return f"{hint} --overwrite replaces files, not folders or what is behind links."
    return f"{hint} --overwrite replaces it." if all(one.replaceable for one in found) else hint


# Temporary folders of killed runs.


def _swept(folder: Path) -> Iterator[Path]:
    """Remove the temporary folders of killed runs; those with a journal stay, without files, and are returned."""
    for place in folder.iterdir():
        if not TEMPORARY.fullmatch(place.name) or place.is_symlink() or not place.is_dir():
            continue
        with abandoned(place) as is_abandoned:
            if not is_abandoned and not _is_outdated(place):
                continue
            if not (place / NEW).is_file():
                shutil.rmtree(place, ignore_errors=True)
                continue
            shutil.rmtree(place / FILES, ignore_errors=True)
        yield place


def _is_outdated(place: Path) -> bool:
    """Whether it is a folder of an earlier version, which does not say whose it is, and old."""
    is_ours = (place / "docs.jsonl").is_file() or not any(place.iterdir())
    return is_ours and not (place / OWNER).exists() and time.time() - place.stat().st_mtime > STALE_SECONDS
