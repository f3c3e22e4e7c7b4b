"""How a workspace's server was set up: its database, the program that serves it, its Label Studio; and its login."""

from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr, ValidationError

from labeling.core.value import Value
from labeling.errors import InputError
from labeling.files import json_text, write_atomic
from labeling.secrets import keep
from labeling.studio.database import Database, Sqlite, parse_database

Program = Literal["django", "gunicorn"]

FILE, STARTING = "setup.json", "starting.json"
CREDENTIALS = "credentials.json"


class Credentials(Value):
    """Who may log in to the embedded server. Password and token show as asterisks wherever it is printed."""

    email: str
    password: SecretStr
    token: SecretStr

    def model_post_init(self, _: object) -> None:
        """Keep the password and the token out of everything that is printed."""
        keep(self.password.get_secret_value())
        keep(self.token.get_secret_value())


class Setup(Value):
    """What the last start found or was told, for the next one.

    Attributes:
        database: `sqlite`, or the URL of a PostgreSQL database with its password; asterisks where it is printed.
        server: The program: Django's development server, or gunicorn.
        label_studio: The version that the data were last opened with; empty where it is not known.
        port: Where it answered last; None where it is not known.
    """

    database: SecretStr = SecretStr("sqlite")
    server: Program = "django"
    label_studio: str = ""
    port: int | None = Field(default=None, ge=1, le=65535)


def read_setup(folder: Path, name: str = FILE) -> Setup | None:
    """What the last start left, or None before the first one; what one that is not through has set out with: STARTING.

    Raises:
        InputError: The file cannot be used.
    """
    try:
        return Setup.model_validate_json((folder / name).read_text())
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (ValidationError, OSError):
        raise InputError(
            f"Cannot use {folder / name}: it is damaged or not yours to read.",
            "Remove it, and name the database with --database where it was not SQLite.",
        ) from None


def write_setup(folder: Path, setup: Setup, name: str = FILE) -> None:
    """Keep it, for its owner's eyes only: it may have the password of a database."""
    said = setup.model_dump() | {"database": setup.database.get_secret_value()}
    write_atomic(folder / name, json_text(said), private=True)


def database_of(folder: Path) -> Database:
    """The database of the folder's server."""
    setup = read_setup(folder)
    return (
        parse_database(setup.database.get_secret_value(), data_folder(folder))
        if setup
        else Sqlite(data=data_folder(folder))
    )


def data_folder(folder: Path) -> Path:
    """Where the server keeps its files."""
    return folder / "data"


def read_credentials(folder: Path) -> Credentials | None:
    """The login that the first start made, or None before."""
    try:
        return Credentials.model_validate_json((folder / CREDENTIALS).read_text())
    except FileNotFoundError:
        return None
    except (ValidationError, OSError):
        raise InputError(
            f"Cannot use {folder / CREDENTIALS}: it is damaged or not yours to read.",
            hint="Restore it, or move it away: then the next start makes another account beside the old one.",
        ) from None  # its text would repeat what is in the file
