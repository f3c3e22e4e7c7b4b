"""The files beside a workspace's server that say how it is set up, and its login."""

from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr, ValidationError

from labeling.core.value import Value
from labeling.errors import InputError
from labeling.files import json_text, write_atomic
from labeling.secrets import keep
from labeling.studio.database import Database, parse_database

Program = Literal["django", "gunicorn"]

FILE, STARTING = "setup.json", "starting.json"
CREDENTIALS = "credentials.json"


class Credentials(Value):
    """The login to the embedded server. Password and token are printed as asterisks."""

    email: str
    password: SecretStr
    token: SecretStr

    def model_post_init(self, _: object) -> None:
        """Keep the password and the token out of everything that is printed."""
        keep(self.password.get_secret_value())
        keep(self.token.get_secret_value())


class Setup(Value):
    """How the server was started last.

    Attributes:
        database: `sqlite`, or the URL of a PostgreSQL database with its password; printed as asterisks.
        server: The program: Django's development server, or gunicorn.
        label_studio: The version that the data were last opened with; "" if unknown.
        port: The port on which it answered; None if unknown.
    """

    database: SecretStr = SecretStr("sqlite")
    server: Program = "django"
    label_studio: str = ""
    port: int | None = Field(default=None, ge=1, le=65535)


def read_setup(folder: Path, name: str = FILE) -> Setup | None:
    """The setup of the last start, or None before the first one; of the start in progress in the file STARTING.

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
            "Remove it, and name the database with --database if it was not SQLite.",
        ) from None


def write_setup(folder: Path, setup: Setup, name: str = FILE) -> None:
    """Write the setup into a private file: it may have the password of a database."""
    said = setup.model_dump() | {"database": setup.database.get_secret_value()}
    write_atomic(folder / name, json_text(said), private=True)


def database_of(folder: Path, setup: Setup | None = None) -> Database:
    """The database of the folder's server; by default that of the last start, at first SQLite."""
    setup = setup or read_setup(folder) or Setup()
    return parse_database(setup.database.get_secret_value(), data_folder(folder))


def data_folder(folder: Path) -> Path:
    """The folder in which the server keeps its files."""
    return folder / "data"


def read_credentials(folder: Path) -> Credentials | None:
    """The login that the first start made, or None before.

    Raises:
        InputError: The file cannot be used.
    """
    try:
        return Credentials.model_validate_json((folder / CREDENTIALS).read_text())
    except FileNotFoundError:
        return None
    except (ValidationError, OSError):
        raise InputError(
            f"Cannot use {folder / CREDENTIALS}: it is damaged or not yours to read.",
            hint="Restore it, or move it away: then the next start makes another account beside the old one.",
        ) from None  # the error's text would repeat what is in the file
