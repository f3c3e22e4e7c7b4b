"""A server's data, files and login as one archive, and back.

The archive is a tar.gz: the database (a SQLite file or SQL), the data folder without what can be made anew,
credentials.json, setup.json, some files of the workspace, and last a manifest with the size and SHA-256 of each.
"""

import contextlib
import hashlib
import os
import shutil
import tarfile
import tempfile
import zlib
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import IO

from isal import igzip, isal_zlib
from pydantic import Field, SecretStr, ValidationError

from labeling.core.value import Value
from labeling.errors import InputError
from labeling.studio.database import FILE, Database, Postgres, Sqlite, parse_database
from labeling.studio.setup import CREDENTIALS, Setup, data_folder, database_of, read_setup, write_setup
from labeling.studio.setup import FILE as SETUP

MANIFEST = "manifest.json"
SQL = "database.sql"
# The mark of a restore that was cut off: until another one is through, the data are not whole.
UNFINISHED = "restore-unfinished"
STAGE = "restoring"
REPLACED = "data.replaced"
# Of the data folder: what leftovers of exports are in, what tests of Label Studio make.
LEFT_OUT = frozenset({"export", "test_data"})
CHUNK = 1 << 20


class Member(Value):
    """One file of an archive."""

    size: int = Field(ge=0)
    sha256: str


class Manifest(Value):
    """What is in an archive.

    Attributes:
        format: Of the archive.
        made: When, in UTC.
        label_studio: The version that the data belong to; empty where it is not known.
        database: `sqlite` or `postgresql`.
        counts: How many projects, tasks, predictions and annotations.
        members: All other files.
    """

    format: int = Field(default=1, ge=1, le=1)
    made: str
    label_studio: str
    database: str
    counts: dict[str, int]
    members: dict[str, Member]


class Backup(Value):
    """An archive that was written or restored: where it is, its size in bytes, what is in it."""

    file: Path
    bytes: int
    made: str
    label_studio: str
    database: str
    files: int
    counts: dict[str, int]

    @classmethod
    def of(cls, file: Path, manifest: Manifest) -> "Backup":
        """The archive in a file with a manifest."""
        shown = manifest.model_dump(include={"made", "label_studio", "database", "counts"})
        return cls(file=file, bytes=file.stat().st_size, files=len(manifest.members), **shown)


# Writing


def write(
    folder: Path, file: Path, beside: Mapping[str, Path] | None = None, database: Database | None = None
) -> Backup:
    """The archive of a server's folder, which only its owner can read; written whole or not at all.

    The server may run. The database is copied first and the uploaded files after it, so that none is missing.

    Args:
        folder: The server's.
        file: The archive, which must not exist.
        beside: Further files, by name.
        database: The folder's, where it is not yet the one that the last start left.

    Raises:
        InputError: There is nothing to back up, or the file exists or cannot be written.
        StudioError: The database cannot be copied.
    """
    database = database or database_of(folder)
    if file.exists():
        raise InputError(f"{file} exists already.", "Name another file, or a folder: then the time makes its name.")
    if not database.contents().made:
        raise InputError("There is nothing to back up: this workspace has no data of a Label Studio.")
    temporary = ""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        descriptor, temporary = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.")  # for its owner alone
        with os.fdopen(descriptor, "wb") as out, tempfile.TemporaryDirectory(dir=folder, prefix="backup-") as place:
            manifest = _pack(folder, database, Path(place), out, beside or {})
            out.flush()
            os.fsync(out.fileno())
        Path(temporary).replace(file)
    except OSError as error:
        raise InputError(
            f"Cannot write {file}: {error.strerror or error}", "Check the free space and the folder's permissions."
        ) from error
    finally:
        if temporary:
            Path(temporary).unlink(missing_ok=True)
    return Backup.of(file, manifest)


def _pack(folder: Path, database: Database, place: Path, out: IO[bytes], beside: Mapping[str, Path]) -> Manifest:
    setup = read_setup(folder) or Setup()
    members: dict[str, Member] = {}
    with (
        igzip.IGzipFile(fileobj=out, mode="wb") as zipped,  # type: ignore[no-untyped-call]
        tarfile.open(fileobj=zipped, mode="w|") as archive,
    ):
        if isinstance(database, Sqlite):
            name, copy, counted = f"data/{FILE}", place / FILE, Sqlite(data=place)
            database.dump(copy)
            counts = counted.counts()
        else:
            name, copy = SQL, place / SQL
            counts = database.counts()
            database.dump(copy)
        members[name] = _add(archive, name, copy)
        for file in (CREDENTIALS, SETUP):
            if (folder / file).exists():
                members[file] = _add(archive, file, folder / file)
        for name, path in _files(data_folder(folder)):
            with contextlib.suppress(FileNotFoundError):  # removed just now; the copied database may still name it
                members[f"data/{name}"] = _add(archive, f"data/{name}", path)
        for name, path in beside.items():
            if path.is_file():
                members[f"workspace/{name}"] = _add(archive, f"workspace/{name}", path)
        manifest = Manifest(
            made=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            label_studio=setup.label_studio,
            database="sqlite" if isinstance(database, Sqlite) else "postgresql",
            counts=counts,
            members=members,
        )
        (place / MANIFEST).write_text(manifest.model_dump_json(indent=2))
        _add(archive, MANIFEST, place / MANIFEST)
    return manifest


def _files(data: Path) -> Iterator[tuple[str, Path]]:
    """The files of the data folder with their names, without the database and what can be made anew."""
    for top in sorted(data.iterdir()) if data.is_dir() else ():
        if top.name in LEFT_OUT or top.name.startswith(FILE):
            continue
        if top.is_file():
            yield top.name, top
        for folder, _, names in os.walk(top):
            for name in sorted(names):
                path = Path(folder, name)
                if path.is_file():
                    yield path.relative_to(data).as_posix(), path


def _add(archive: tarfile.TarFile, name: str, path: Path) -> Member:
    with path.open("rb") as file:
        member = tarfile.TarInfo(name)
        found = os.fstat(file.fileno())
        member.size, member.mtime, member.mode = found.st_size, int(found.st_mtime), 0o600
        reader = _Hashing(file)
        archive.addfile(member, reader)
    return Member(size=member.size, sha256=reader.hash.hexdigest())


class _Hashing:
    """A file whose digest is known once it was read."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.hash = hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        data = self._file.read(size)
        self.hash.update(data)
        return data


# Restoring


def restore(folder: Path, file: Path, *, url: str | None = None, replace: bool = False) -> Backup:
    """What was restored: afterwards the folder holds exactly what it held at the time of the backup.

    The archive is unpacked and checked beside the data before anything of them is touched. The caller holds the folder,
    and has made sure that no server runs.

    Args:
        folder: The server's; what is in the archive's `workspace/` is left in `restoring/workspace/` for the caller.
        file: The archive.
        url: The database to restore into where it is not the one that the archive names.
        replace: Whether data that are there are given up.

    Raises:
        InputError: The archive is not whole, not ours, or reaches out of its folder; data are there.
        StudioError: The database cannot be used.
    """
    stage = folder / STAGE
    shutil.rmtree(stage, ignore_errors=True)
    stage.mkdir(mode=0o700)
    try:
        manifest = _unpack(file, stage)
        setup = read_setup(stage) or Setup()
        database = _target(folder, setup, manifest, url)
        if not replace and not (folder / UNFINISHED).exists():
            _refuse_to_replace(folder, database)
        write_setup(stage, setup.model_copy(update={"database": SecretStr(database.url)}))
        _put_in_place(folder, stage, database, file)
    except BaseException:
        shutil.rmtree(stage, ignore_errors=True)
        raise
    return Backup.of(file, manifest)


def _target(folder: Path, archived: Setup, manifest: Manifest, url: str | None) -> Database:
    """The database to restore into: the named one, else the folder's where it is of the kind, else the archive's."""
    data = data_folder(folder)
    if url is None and (current := read_setup(folder)):
        database = parse_database(current.database.get_secret_value(), data)
        if isinstance(database, Sqlite) == (manifest.database == "sqlite"):
            return database
    database = parse_database(archived.database.get_secret_value() if url is None else url, data)
    if isinstance(database, Sqlite) != (manifest.database == "sqlite"):
        raise InputError(
            f"The backup is one of {manifest.database}, and cannot be restored into {database.shown}.",
            "Name a database of its kind with --database.",
        )
    return database


def _refuse_to_replace(folder: Path, database: Database) -> None:
    uploads = (data_folder(folder) / "media").rglob("*")
    if database.contents().begun or any(path.is_file() for path in uploads):
        raise InputError(
            f"There are data already, in {database.shown}.",
            "--replace gives them up; `labeling studio backup FILE` saves them before.",
        )


def _put_in_place(folder: Path, stage: Path, database: Database, file: Path) -> None:
    data, replaced = data_folder(folder), folder / REPLACED
    (folder / UNFINISHED).write_text(f"{file}\n")
    if isinstance(database, Postgres):
        try:
            database.load(stage / SQL)
        except BaseException:
            (folder / UNFINISHED).unlink()  # the database is as it was
            raise
    if data.exists():
        shutil.rmtree(replaced, ignore_errors=True)
        data.rename(replaced)
    (stage / "data").mkdir(mode=0o700, exist_ok=True)
    (stage / "data").rename(data)
    for name in (CREDENTIALS, SETUP):
        if (stage / name).exists():
            (stage / name).replace(folder / name)
        else:
            (folder / name).unlink(missing_ok=True)
    (folder / UNFINISHED).unlink()
    shutil.rmtree(replaced, ignore_errors=True)


def _unpack(file: Path, stage: Path) -> Manifest:
    """The manifest of an archive whose files lie in the stage now, each as it was written."""
    found: dict[str, Member] = {}
    try:
        with (
            igzip.open(file, "rb") as zipped,  # type: ignore[no-untyped-call]
            tarfile.open(fileobj=zipped, mode="r|") as archive,
        ):
            for member in archive:
                _refuse_member(member, file, found)
                if member.isfile():
                    if member.size > shutil.disk_usage(stage).free:
                        raise InputError(f"{file} does not fit on the disk ({member.name}: {member.size:,} bytes).")
                    found[member.name] = _extract(archive, member, stage)
            while zipped.read(CHUNK):  # the checksum over all stands at the end
                pass
        manifest = Manifest.model_validate_json((stage / MANIFEST).read_bytes())
    except FileNotFoundError as error:
        what = f"{file} is not there." if not file.exists() else f"{file} is no whole backup: it has no manifest."
        raise InputError(what) from error
    except ValidationError:
        raise InputError(f"{file} is no backup of ours, or one of a newer version of `labeling`.") from None
    except (tarfile.TarError, EOFError, zlib.error, igzip.BadGzipFile, isal_zlib.error) as error:  # type: ignore[misc]
        raise InputError(f"{file} is no whole backup: {error}.", "Take another one.") from error
    except OSError as error:
        raise InputError(f"Cannot read {file}: {error.strerror or error}") from error
    del found[MANIFEST]
    if found != manifest.members:
        wrong = sorted(n for n in found.keys() | manifest.members if found.get(n) != manifest.members.get(n))
        raise InputError(f"{file} is damaged: {', '.join(wrong[:5])}.", "Take another one.")
    if (SQL in found) == (f"data/{FILE}" in found):
        raise InputError(f"{file} is damaged: it has no database.", "Take another one.")
    return manifest


def _refuse_member(member: tarfile.TarInfo, file: Path, found: Mapping[str, Member]) -> None:
    """Nothing, where the member is a file or folder of those that `write` makes."""
    path = PurePosixPath(member.name)
    known = path.parts[:1] in {("data",), ("workspace",)} or member.name in {MANIFEST, SQL, CREDENTIALS, SETUP}
    if path.is_absolute() or ".." in path.parts or not known or str(path) != member.name:
        raise InputError(f"{file} is no backup of ours: it has a member {member.name!r}.")
    if not (member.isfile() or member.isdir()) or member.issparse():
        raise InputError(f"{file} is no backup of ours: {member.name!r} is a link or a device.")
    if member.name in found:
        raise InputError(f"{file} is damaged: it has {member.name!r} twice.")


def _extract(archive: tarfile.TarFile, member: tarfile.TarInfo, stage: Path) -> Member:
    """The member, written below the stage for its owner's eyes only."""
    target = stage / member.name
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    source = archive.extractfile(member)
    digest, size = hashlib.sha256(), 0
    with os.fdopen(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
        while source and (data := source.read(CHUNK)):
            out.write(data)
            digest.update(data)
            size += len(data)
    return Member(size=size, sha256=digest.hexdigest())
