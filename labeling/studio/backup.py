"""A server's data, files and login → one archive.

The archive is a tar.gz: the database (a SQLite file or SQL), the data folder without what can be recreated,
credentials.json, setup.json, some files of the workspace, and last a manifest with the size and SHA-256 of each.
"""

import contextlib
import errno
import hashlib
import os
import shutil
import tarfile
import tempfile
from collections.abc import Collection, Iterator, Mapping
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import IO

from isal import igzip

from labeling.core.value import Value
from labeling.errors import InputError
from labeling.studio.archive import DATABASE, MANIFEST, MOST_MEMBERS, SQL, SUFFIXES, Manifest, Member
from labeling.studio.database import FILE, Database, Sqlite
from labeling.studio.inspection import Query, fault_of_account
from labeling.studio.setup import CREDENTIALS, Setup, data_folder, database_of, read_credentials, read_setup
from labeling.studio.setup import FILE as SETUP

# In the data folder: leftovers of exports; what Label Studio's own tests make.
LEFT_OUT = frozenset({"export", "test_data"})
SCRATCH = "backup-"  # prefix of temporary folders in the server's, into which the database is copied
PARTIAL = ".labeling-backup-", ".partial"  # prefix and suffix of the file beside the archive, until it is complete
NO_LINKS = frozenset({errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK})


class Backup(Value):
    """An archive that was written or restored.

    Attributes:
        file: The archive.
        bytes: Its size.
        made, label_studio, database, counts: See `Manifest`.
        files: How many files are in it.
        notes: What else the user should read, a sentence each.
    """

    file: Path
    bytes: int
    made: str
    label_studio: str
    database: str
    files: int
    counts: dict[str, int]
    notes: tuple[str, ...] = ()

    @classmethod
    def of(cls, file: Path, manifest: Manifest, notes: tuple[str, ...] = ()) -> "Backup":
        """The value of an archive, from its manifest."""
        shown = manifest.model_dump(include={"made", "label_studio", "database", "counts"})
        return cls(file=file, bytes=file.stat().st_size, files=len(manifest.members), notes=notes, **shown)


def write(
    folder: Path,
    file: Path,
    beside: Mapping[str, Path] | None = None,
    database: Database | None = None,
    *,
    numbered: bool = False,
) -> Backup:
    """Back up a server's folder into an archive that only its owner can read; it is written completely or not at all.

    The server may run. The database is copied before the uploaded files, so that none that it names is missing.

    Args:
        folder: The server's, which the caller holds.
        file: The archive. An existing file is never overwritten.
        beside: Further files, by name.
        database: The folder's database; by default that of the last start.
        numbered: Whether a number is added to the archive's name if there is a file of this name.

    Raises:
        InputError: There is nothing to back up, or the file exists or cannot be written.
        StudioError: The database cannot be copied.
    """
    database = database or database_of(folder)
    if not numbered and file.exists():
        raise _taken(file)
    if not database.contents().made:
        raise InputError("There is nothing to back up: this workspace has no data of a Label Studio.")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with (
            _partial(file.parent) as (out, partial),
            tempfile.TemporaryDirectory(dir=folder, prefix=SCRATCH) as place,
        ):
            manifest, notes = _pack(folder, database, Path(place), out, beside or {})
            out.flush()
            os.fsync(out.fileno())
            file = _publish(partial, file, numbered)
    except OSError as error:
        raise InputError(
            f"Cannot write {file}: {error.strerror or error}", "Check the free space and the folder's permissions."
        ) from error
    return Backup.of(file, manifest, notes)


def remove_scratch(folder: Path) -> None:
    """Remove what a killed backup left in the server's folder, which the caller holds."""
    for left in folder.glob(f"{SCRATCH}*"):
        shutil.rmtree(left, ignore_errors=True)


def _taken(file: Path) -> InputError:
    return InputError(f"{file} exists already.", "Name another file, or a folder: then the time makes its name.")


@contextlib.contextmanager
def _partial(folder: Path) -> Iterator[tuple[IO[bytes], Path]]:
    """A private, locked file, which is removed at the end in any case; those of killed processes are removed, too."""
    import fcntl  # not on Windows

    prefix, suffix = PARTIAL
    for left in folder.glob(f"{prefix}*{suffix}"):
        with contextlib.suppress(OSError), left.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            left.unlink()
    while True:
        descriptor, name = tempfile.mkstemp(dir=folder, prefix=prefix, suffix=suffix)
        with os.fdopen(descriptor, "wb") as out:
            with contextlib.suppress(OSError):  # a file system without locks
                fcntl.flock(out, fcntl.LOCK_EX)
            if not os.fstat(descriptor).st_nlink:  # another backup removed it as a leftover before it was locked
                continue
            try:
                yield out, Path(name)
            finally:
                Path(name).unlink(missing_ok=True)
            return


def _publish(partial: Path, file: Path, numbered: bool) -> Path:
    """Give the archive its name, or the first free one with a number; never replace a file."""
    suffix = next((suffix for suffix in SUFFIXES if file.name.endswith(suffix)), "")
    stem = file.name.removesuffix(suffix)
    for number in count(1):
        name = file if number == 1 else file.with_name(f"{stem}-{number}{suffix}")
        try:
            try:
                os.link(partial, name)
            except OSError as error:
                if error.errno not in NO_LINKS:
                    raise
                name.open("xb").close()  # reserves the name
                partial.replace(name)
        except FileExistsError:
            if not numbered:
                raise _taken(file) from None
        else:
            return name
    raise AssertionError


def _pack(
    folder: Path, database: Database, place: Path, out: IO[bytes], beside: Mapping[str, Path]
) -> tuple[Manifest, tuple[str, ...]]:
    setup = read_setup(folder) or Setup()
    members: dict[str, Member] = {}
    with (
        igzip.IGzipFile(fileobj=out, mode="wb") as zipped,  # type: ignore[no-untyped-call]
        tarfile.open(fileobj=zipped, mode="w|") as archive,
    ):
        is_sqlite = isinstance(database, Sqlite)
        name, copy = (DATABASE, place / FILE) if is_sqlite else (SQL, place / SQL)
        database.dump(copy)
        counted = Sqlite(data=place) if is_sqlite else database
        counts, notes = counted.counts(), _notes(folder, counted)
        files = {
            name: copy,
            **{file: folder / file for file in (CREDENTIALS, SETUP)},
            **{f"data/{name}": path for name, path in _files(data_folder(folder))},
            **{f"workspace/{name}": path for name, path in beside.items() if path.is_file()},
        }
        for name, path in files.items():
            with contextlib.suppress(FileNotFoundError):  # removed just now; the copied database may still name it
                members[name] = _add(archive, name, path)
        if len(members) > MOST_MEMBERS:
            raise InputError(
                f"There are more than {MOST_MEMBERS:,} files in {data_folder(folder)}.", "Copy it otherwise."
            )
        manifest = Manifest(
            made=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            label_studio=setup.label_studio,
            database="sqlite" if is_sqlite else "postgresql",
            counts=counts,
            members=members,
        )
        (place / MANIFEST).write_text(manifest.model_dump_json(indent=2))
        _add(archive, MANIFEST, place / MANIFEST)
    return manifest, notes


def _notes(folder: Path, database: Database) -> tuple[str, ...]:
    """A note if a restore would refuse the login."""
    found = ""

    def look(_: Collection[str], query: Query) -> None:
        nonlocal found
        if login := read_credentials(folder):
            found = fault_of_account(login.email, login.token.get_secret_value(), query)

    try:
        database.inspect(look)
    except InputError as error:
        found = error.message
    return (f"It can be restored with --without-login only: {found}.",) if found else ()


def _files(data: Path) -> Iterator[tuple[str, Path]]:
    """The files of the data folder with their names, without the database and what can be recreated."""
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
    """A file that is hashed while it is read."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.hash = hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        data = self._file.read(size)
        self.hash.update(data)
        return data
