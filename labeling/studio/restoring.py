"""An archive → a server's folder. All of it is checked before any of the data are touched."""

import shutil
from collections.abc import Collection
from pathlib import Path

from pydantic import SecretStr

from labeling.errors import InputError
from labeling.studio import inspection
from labeling.studio.archive import SQL, Manifest, invalid, unpack
from labeling.studio.backup import Backup
from labeling.studio.database import Database, Postgres, Sqlite, parse_database
from labeling.studio.inspection import Look, Query, UnfitError
from labeling.studio.setup import (
    CREDENTIALS,
    Credentials,
    Setup,
    data_folder,
    database_of,
    read_credentials,
    read_setup,
    write_setup,
)
from labeling.studio.setup import FILE as SETUP

# The mark of a restore that was cut off: the data are incomplete until another one ends.
UNFINISHED = "restore-unfinished"
STAGE = "restoring"
REPLACED = "data.replaced"


def restore(
    folder: Path, file: Path, *, url: str | None = None, replace: bool = False, without_login: bool = False
) -> Backup:
    """Restore an archive, so that the folder holds exactly what it held at the time of the backup.

    The archive is unpacked and checked before any of the data are touched. The caller holds the folder, and has made
    sure that no server runs.

    Args:
        folder: The server's; the archive's `workspace/` is left in `restoring/workspace/` for the caller.
        file: The archive.
        url: The database to restore into, if not the folder's or the archive's.
        replace: Whether existing data are replaced.
        without_login: Whether to leave out the archive's login, so that the next start makes another account.

    Raises:
        InputError: The archive is damaged, not a backup, or reaches out of its folder; its database cannot be served
            here, or lacks the account of its login; or there are data and `replace` is false.
        StudioError: The database cannot be used.
    """
    stage = folder / STAGE
    shutil.rmtree(stage, ignore_errors=True)
    stage.mkdir(mode=0o700)
    try:
        manifest = unpack(file, stage)
        if without_login:
            (stage / CREDENTIALS).unlink(missing_ok=True)
        setup, login = _read(file, stage)
        for made_by in (manifest.label_studio, setup.label_studio):
            if inspection.installed() and inspection.is_newer(made_by, inspection.installed()):
                raise invalid(file, f"it is of Label Studio {made_by}, and {inspection.installed()} is installed")
        look = _look(file, login)
        if manifest.database == "sqlite":
            copy = Sqlite(data=data_folder(stage))
            copy.inspect(look)
            if copy.counts() != manifest.counts:
                raise UnfitError("its database does not hold as much as its manifest says")
        database = _target(folder, setup, manifest, url)
        if not replace and not (folder / UNFINISHED).exists():
            _refuse_to_replace(folder, database)
        write_setup(stage, setup.model_copy(update={"database": SecretStr(database.url)}))
        _put_in_place(folder, stage, database, file, look)
    except UnfitError as error:
        shutil.rmtree(stage, ignore_errors=True)
        raise invalid(file, error.message) from None
    except BaseException:
        shutil.rmtree(stage, ignore_errors=True)
        raise
    return Backup.of(file, manifest)


def remove_scratch(folder: Path) -> None:
    """Remove what a killed restore left in the server's folder, which the caller holds.

    If it was killed while it replaced the data, everything stays until another restore ends.
    """
    if not (folder / UNFINISHED).exists():
        for name in (STAGE, REPLACED):
            shutil.rmtree(folder / name, ignore_errors=True)


def _read(file: Path, stage: Path) -> tuple[Setup, Credentials | None]:
    """The archived server's setup, and its login if the archive has one."""
    try:
        setup = read_setup(stage) or Setup()
    except InputError:
        raise invalid(file, f"its {SETUP} is damaged") from None
    try:
        return setup, read_credentials(stage)
    except InputError:
        raise _invalid_login(file, f"its {CREDENTIALS} is damaged") from None


def _invalid_login(file: Path, why: str) -> InputError:
    error = invalid(file, why)
    return InputError(error.message, "Nothing was changed. To take the data without the login: --without-login.")


def _look(file: Path, login: Credentials | None) -> Look:
    """The check that refuses an archive whose database cannot be served, or lacks the account of its login."""

    def look(tables: Collection[str], query: Query) -> None:
        if fault := inspection.fault(tables, query):
            raise invalid(file, fault)
        if login and (fault := inspection.fault_of_account(login.email, login.token.get_secret_value(), query)):
            raise _invalid_login(file, fault)

    return look


def _target(folder: Path, archived: Setup, manifest: Manifest, url: str | None) -> Database:
    """The database to restore into: the named one, else the folder's if of the same kind, else the archive's."""
    if url is None and (current := read_setup(folder)):
        database = database_of(folder, current)
        if isinstance(database, Sqlite) == (manifest.database == "sqlite"):
            return database
    database = database_of(folder, archived) if url is None else parse_database(url, data_folder(folder))
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
            "--replace replaces them; `labeling studio backup FILE` saves them first.",
        )


def _put_in_place(folder: Path, stage: Path, database: Database, file: Path, look: Look) -> None:
    data, replaced = data_folder(folder), folder / REPLACED
    (folder / UNFINISHED).write_text(f"{file}\n")
    if isinstance(database, Postgres):
        try:
            database.load(stage / SQL, look)
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
