"""Which files in a folder an export wrote, and what is in the way of the next export. Nothing is changed here.

A file is ours if one of our manifests names it and it still has the checksum in the manifest. Everything else belongs
to somebody: an edited file, one that happens to have the same name, whatever a link leads to.
"""

import hashlib
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import orjson

MANIFEST = "manifest.json"
KIND = "labeling-export"
# Keys that all manifests have, by which those without `kind`, of earlier versions, are recognised.
USUAL = {"versions", "source", "schema", "options", "tasks", "annotations", "documents", "spans", "split", "sha256"}
SUM = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Obstacle:
    """Something that an export would have to replace, but did not write.

    Attributes:
        path: Its path.
        why: What it is, in words.
        replaceable: Whether --overwrite replaces it: a file or a link, but not a folder.
    """

    path: Path
    why: str
    replaceable: bool


def sums_in(manifest: Path) -> dict[str, str] | None:
    """The files that an export's manifest names, with their SHA-256; None if it is not such a manifest."""
    if manifest.is_symlink() or not manifest.is_file():
        return None
    try:
        found = orjson.loads(manifest.read_bytes())
    except (OSError, ValueError):
        return None
    if not isinstance(found, dict) or not _is_of_an_export(found):
        return None
    sums = found.get("sha256")
    if not isinstance(sums, dict) or not all(
        _is_name(name) and isinstance(checksum, str) and SUM.fullmatch(checksum) for name, checksum in sums.items()
    ):
        return None
    return sums


def _is_of_an_export(manifest: Mapping[str, Any]) -> bool:
    if "kind" in manifest:
        return bool(manifest["kind"] == KIND)
    versions = manifest.get("versions")
    return manifest.keys() >= USUAL and isinstance(versions, dict) and "labeling" in versions


def _is_name(name: str) -> bool:
    """Whether it is a path within the folder, in the form that exports write."""
    parts = name.split("/")
    return "\0" not in name and name != MANIFEST and not {"", ".", ".."} & set(parts)


def ours(folder: Path, named: Mapping[str, Collection[str]]) -> set[str]:
    """The named files that are in the folder, with one of their checksums and not through a link."""
    names = [name for name in named if _is_plain(folder, name)]
    with ThreadPoolExecutor() as threads:
        sums = threads.map(lambda name: sha256(folder / name), names)
        return {name for name, found in zip(names, sums, strict=True) if found in named[name]}


def _is_plain(folder: Path, name: str) -> bool:
    """Whether it is a file, and neither it nor a folder above it is a link."""
    path = folder / name
    return path.is_file() and not any((folder / part).is_symlink() for part in (name, *_folders(name)))


def _folders(name: str) -> Iterator[str]:
    """The folders above a file, from the outermost: `a` and `a/b` for `a/b/c`."""
    parts = PurePosixPath(name).parts
    return ("/".join(parts[:n]) for n in range(1, len(parts)))


def sha256(path: Path) -> str:
    """The SHA-256 of a file, in hex; "" if it cannot be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return ""


def obstacles(
    folder: Path, names: Iterable[str], named: Mapping[str, Collection[str]], mine: Collection[str]
) -> list[Obstacle]:
    """Everything that is in the way of new files, sorted by path.

    Args:
        folder: The folder of the new files.
        names: Their paths within it.
        named: The files that manifests name: name → checksums.
        mine: Those of them that are unchanged (see `ours`).
    """
    found: dict[str, Obstacle] = {}
    for name in names:
        for part in _folders(name):
            path = folder / part
            if path.is_symlink() or (path.exists() and not path.is_dir() and part not in mine):
                found[part] = Obstacle(path, _what(path, part in named), replaceable=False)
        if name not in mine and not found.keys() & set(_folders(name)) and (one := _in_place_of(folder, name, mine)):
            path = folder / one
            found[one] = Obstacle(path, _what(path, one in named), replaceable=one == name and not path.is_dir())
    if _exists(folder / MANIFEST) and sums_in(folder / MANIFEST) is None:
        path = folder / MANIFEST
        is_file = path.is_file() or path.is_symlink()
        found[MANIFEST] = Obstacle(path, "it is not the manifest of an export by labeling", replaceable=is_file)
    return sorted(found.values(), key=lambda one: one.path)


def _in_place_of(folder: Path, name: str, mine: Collection[str]) -> str:
    """The path that is in the place of a file and not ours; "" if there is none."""
    path = folder / name
    if path.is_symlink() or not path.is_dir():
        return name if _exists(path) else ""
    inside = [
        entry for entry in path.rglob("*") if entry.is_symlink() or not entry.is_dir() or not any(entry.iterdir())
    ]
    foreign = (found for entry in inside if (found := entry.relative_to(folder).as_posix()) not in mine)
    return next(foreign, "" if inside else name)


def _exists(path: Path) -> bool:
    return path.exists() or path.is_symlink()


def _what(path: Path, is_named: bool) -> str:
    if path.is_symlink():
        return "it is a symbolic link"
    if path.is_dir():
        return "it is a folder that labeling did not make"
    return "it was changed after labeling wrote it" if is_named else "labeling did not write it"
