"""An archive → a server's folder: everything is looked at beside the data, before anything of them is touched."""

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

# The mark of a restore that was cut off: until another one is through, the data are not whole.
UNFINISHED = "restore-unfinished"
STAGE = "restoring"
REPLACED = "data.replaced"


def restore(
    folder: Path, file: Path, *, url: str | None = None, replace: bool = False, without_login: bool = False
) -> Backup:
    """What was restored: afterwards the folder holds exactly what it held at the time of the backup.

    The archive is unpacked and checked beside the data before anything of them is touched. The caller holds the folder,
    and has made sure that no server runs.

    Args:
        folder: The server's; what is in the archive's `workspace/` is left in `restoring/workspace/` for the caller.
        file: The archive.
        url: The database to restore into where it is not the one that the archive names.
        replace: Whether data that are there are given up.
        without_login: Whether the archive's login is left out, so that the next start makes another account.

    Raises:
        InputError: The archive is not whole, not ours, or reaches out of its folder; its database is not one that can
            be served here, or does not have the account of its login; data are there.
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
            _inspect(Sqlite(data=data_folder(stage)), manifest, look)
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
    """Remove what a restore that was killed has left in the server's folder, which the caller holds.

    Where it was killed in the middle of the data, all of it stays until another restore is through.
    """
    if not (folder / UNFINISHED).exists():
        for name in (STAGE, REPLACED):
            shutil.rmtree(folder / name, ignore_errors=True)


def _read(file: Path, stage: Path) -> tuple[Setup, Credentials | None]:
    """How the archived server was set up, and its login where it has one."""
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
    """What refuses an archive whose database is not what it has to be."""

    def look(tables: Collection[str], query: Query) -> None:
        if fault := inspection.fault(tables, query):
            raise invalid(file, fault)
        if login:
            fault = inspection.fault_of_account(login.email, login.token.get_secret_value(), query)
            if fault:
                raise _invalid_login(file, fault)

    return look


def _inspect(database: Sqlite, manifest: Manifest, look: Look) -> None:
    database.inspect(look)
    if database.counts() != manifest.counts:
        raise UnfitError("its database does not hold as much as its manifest says")


def _target(folder: Path, archived: Setup, manifest: Manifest, url: str | None) -> Database:
    """The database to restore into: the named one, else the folder's where it is of the kind, else the archive's."""
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
            "--replace gives them up; `labeling studio backup FILE` saves them before.",
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
