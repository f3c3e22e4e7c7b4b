"""Where an embedded Label Studio keeps its data: a SQLite file in its folder, or a PostgreSQL database."""

import contextlib
import os
import re
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

from pydantic import SecretStr

from labeling.core.value import Value
from labeling.distribution import install
from labeling.errors import InputError, StudioError
from labeling.secrets import keep
from labeling.studio.dump import replay
from labeling.studio.inspection import Look, UnfitError

if TYPE_CHECKING:
    import psycopg

SQLITE = "sqlite"
FILE = "label_studio.sqlite3"
CONNECT_SECONDS = 10
OLDEST = 14  # of PostgreSQL, for Django 5.2

# The options of a URL, and the variable by which libpq reads each.
OPTIONS = {
    "sslmode": "PGSSLMODE",
    "sslrootcert": "PGSSLROOTCERT",
    "sslcert": "PGSSLCERT",
    "sslkey": "PGSSLKEY",
    "gssencmode": "PGGSSENCMODE",
    "connect_timeout": "PGCONNECT_TIMEOUT",
}
# What the server and PostgreSQL's tools inherit.
INHERITED = ("PATH", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR", "LD_LIBRARY_PATH")
# What is counted, and the table of Label Studio that has it.
COUNTED = {"projects": "project", "tasks": "task", "predictions": "prediction", "annotations": "task_completion"}
TRANSACTION = "SELECT pg_current_xact_id()::text"
DEBIAN = Path("/usr/lib/postgresql")  # where Debian keeps the tools of each version
PREPARE = "apt-get install postgresql-client, or the like"

# Drops all that Label Studio made, and nothing that belongs to an extension.
EMPTY_SCHEMA = """
DO $$
DECLARE one record;
BEGIN
    FOR one IN SELECT relname, relkind FROM pg_class WHERE relnamespace = 'public'::regnamespace
        AND relkind IN ('r', 'p', 'v', 'm', 'S', 'f')
        AND NOT EXISTS (SELECT 1 FROM pg_depend WHERE objid = pg_class.oid AND deptype = 'e')
        ORDER BY relkind <> 'v', relkind <> 'm', relkind = 'S'
    LOOP
        EXECUTE format('DROP %s IF EXISTS public.%I CASCADE', CASE one.relkind WHEN 'v' THEN 'VIEW'
            WHEN 'm' THEN 'MATERIALIZED VIEW' WHEN 'S' THEN 'SEQUENCE' WHEN 'f' THEN 'FOREIGN TABLE' ELSE 'TABLE' END,
            one.relname);
    END LOOP;
    FOR one IN SELECT p.oid::regprocedure AS name, p.prokind FROM pg_proc p WHERE pronamespace = 'public'::regnamespace
        AND NOT EXISTS (SELECT 1 FROM pg_depend WHERE objid = p.oid AND deptype = 'e')
    LOOP
        EXECUTE format('DROP ROUTINE IF EXISTS %s CASCADE', one.name);
    END LOOP;
    FOR one IN SELECT typname FROM pg_type WHERE typnamespace = 'public'::regnamespace AND typtype IN ('e', 'd')
        AND NOT EXISTS (SELECT 1 FROM pg_depend WHERE objid = pg_type.oid AND deptype = 'e')
    LOOP
        EXECUTE format('DROP TYPE IF EXISTS public.%I CASCADE', one.typname);
    END LOOP;
END $$;
"""


class Contents(Value):
    """What a database holds: nothing, what a first start left that was cut off, or the data of a Label Studio.

    Attributes:
        begun: Whether it has tables of Label Studio.
        made: Whether it has an organisation, which a first start makes last. Before that nobody can have worked in it.
        accounts: The e-mail addresses of its accounts.
    """

    begun: bool = False
    made: bool = False
    accounts: frozenset[str] = frozenset()


class Sqlite(Value):
    """A file in the data folder of the server."""

    data: Path

    @property
    def url(self) -> str:
        """Its name, as `--database` takes it and the setup remembers it."""
        return SQLITE

    @property
    def shown(self) -> str:
        """Its name in messages."""
        return f"SQLite ({self.file})"

    @property
    def file(self) -> Path:
        """The database file."""
        return self.data / FILE

    def is_same(self, other: "Sqlite | Postgres") -> bool:
        """Whether the other is this database, too."""
        return isinstance(other, Sqlite)

    def environment(self) -> dict[str, str]:
        """The variables that make a Label Studio use it."""
        return {"LABEL_STUDIO_DJANGO_DB": "sqlite"}

    def contents(self) -> Contents:
        """What it holds. A file that is not a database counts as made, so that it is not deleted."""
        if not self.file.exists():
            return Contents()
        try:
            with self._open() as connection:
                return _contents(connection.execute, "SELECT 1 FROM sqlite_master WHERE name = ?")
        except sqlite3.Error:
            return Contents(begun=True, made=True)

    def counts(self) -> dict[str, int]:
        """How many projects, tasks, predictions and annotations it holds."""
        with self._open() as connection:
            return _counts(connection.execute)

    def heal(self, _: str) -> None:
        """Remove what a first start left that was cut off, in which nobody has worked."""
        if self.file.exists() and not self.contents().made:
            for file in self.data.glob(f"{FILE}*"):
                file.unlink()

    def inspect(self, look: Look) -> None:
        """Check what it holds; nothing in it is written, executed or followed.

        Args:
            look: The check, which raises if something is wrong.

        Raises:
            UnfitError: It is not a database, or damaged.
        """
        try:
            with contextlib.closing(sqlite3.connect(f"{self.file.resolve().as_uri()}?immutable=1", uri=True)) as opened:
                opened.execute("PRAGMA trusted_schema = OFF")
                (found,) = opened.execute("PRAGMA quick_check(1)").fetchone()
                if found != "ok":
                    raise UnfitError(f"its database is damaged ({found})")
                tables = "SELECT name FROM sqlite_master WHERE type = 'table' AND sql NOT LIKE 'CREATE VIRTUAL%'"
                look([row[0] for row in opened.execute(tables)], lambda query: opened.execute(query).fetchall())
        except (sqlite3.Error, UnicodeDecodeError) as error:
            raise UnfitError(f"its database cannot be read ({error})") from None

    def dump(self, to: Path) -> None:
        """Write a consistent copy of it, also while a server uses it, which waits meanwhile.

        Raises:
            StudioError: It is damaged.
        """
        try:
            with self._open() as source, contextlib.closing(sqlite3.connect(to)) as copy:
                to.chmod(0o600)
                source.backup(copy)
                (found,) = copy.execute("PRAGMA quick_check(1)").fetchone()
        except sqlite3.Error as error:
            raise StudioError(f"Cannot copy {self.file}: {error}.", "Try again; or check the disk.") from error
        if found != "ok":
            raise StudioError(f"{self.file} is damaged: {found}", "Restore the last backup: `labeling studio restore`.")

    def _open(self) -> "contextlib.closing[sqlite3.Connection]":
        # Not read-only: a server that was killed may have left a journal, which has to be replayed.
        return contextlib.closing(sqlite3.connect(self.file, timeout=60))


class Postgres(Value):
    """A database of a PostgreSQL server. Its password is printed as asterisks."""

    name: str
    user: str = ""
    password: SecretStr = SecretStr("")
    host: str = ""
    port: int = 5432
    options: tuple[tuple[str, str], ...] = ()

    def model_post_init(self, _: object) -> None:
        """Hide the password in everything that is printed."""
        keep(self.password.get_secret_value())

    @property
    def shown(self) -> str:
        """Its URL without the password."""
        return self._url("")

    @property
    def url(self) -> str:
        """Its URL with the password, for private files only."""
        return self._url(self.password.get_secret_value())

    def _url(self, password: str) -> str:
        who = quote(self.user, safe="") + (f":{quote(password, safe='')}" if password else "")
        socket = self.host.startswith("/")
        host = f"[{self.host}]" if ":" in self.host else self.host
        place = "" if socket or not self.host else f"{host}:{self.port}"
        more = [("host", self.host), ("port", str(self.port))] if socket else []
        query = urlencode([*more, *self.options])
        return f"postgresql://{who}{'@' if who else ''}{place}/{quote(self.name, safe='')}{'?' if query else ''}{query}"

    def is_same(self, other: "Sqlite | Postgres") -> bool:
        """Whether the other is this database, too, whatever its user, password and options."""
        place = (self.host, self.port, self.name)
        return isinstance(other, Postgres) and (other.host, other.port, other.name) == place

    def environment(self) -> dict[str, str]:
        """The variables that make a Label Studio use it. Other users of the machine cannot read them."""
        return {
            "LABEL_STUDIO_DJANGO_DB": "default",
            "LABEL_STUDIO_POSTGRE_NAME": self.name,
            "LABEL_STUDIO_POSTGRE_USER": self.user,
            "LABEL_STUDIO_POSTGRE_PASSWORD": self.password.get_secret_value(),
            "LABEL_STUDIO_POSTGRE_HOST": self.host,
            "LABEL_STUDIO_POSTGRE_PORT": str(self.port),
            **self._libpq(),
        }

    def _libpq(self) -> dict[str, str]:
        found = {"PGCONNECT_TIMEOUT": str(CONNECT_SECONDS)} | {OPTIONS[key]: value for key, value in self.options}
        # The server has another HOME, so it has to be told where the passwords are.
        passwords = Path(os.environ.get("PGPASSFILE") or Path.home() / ".pgpass")
        return found | ({"PGPASSFILE": str(passwords)} if passwords.is_file() else {})

    def contents(self) -> Contents:
        """What it holds.

        Raises:
            StudioError: It cannot be reached, or Label Studio cannot use it.
        """
        with self._open() as connection:
            version = connection.info.server_version // 10000
            if version < OLDEST:
                raise self._unusable(f"it is PostgreSQL {version}", f"Label Studio needs {OLDEST} or newer.")
            (encoding,) = connection.execute("SHOW server_encoding").fetchone() or ("",)
            if encoding != "UTF8":
                raise self._unusable(f"its encoding is {encoding}", f"createdb -E UTF8 -T template0 {self.name}")
            found = _contents(
                connection.execute,
                "SELECT 1 FROM pg_tables WHERE schemaname = current_schema() AND tablename = %s",
            )
            query = "SELECT has_schema_privilege(current_schema(), 'CREATE')"
            (may_create,) = connection.execute(query).fetchone() or (False,)
            if not may_create:
                todo = f"ALTER DATABASE {self.name} OWNER TO {connection.info.user};"
                raise self._unusable("its user may not make tables there", todo)
            return found

    def counts(self) -> dict[str, int]:
        """How many projects, tasks, predictions and annotations it holds."""
        with self._open() as connection:
            return _counts(connection.execute)

    def inspect(self, look: Look) -> None:
        """Check what it holds: `look` raises if something is wrong."""
        with self._open() as connection:
            _show(connection, look)

    def heal(self, email: str) -> None:
        """Remove the account that a first start left without a token when it was cut off; the tables stay."""
        found = self.contents()
        if found.made or found.accounts != {email}:
            return
        with contextlib.suppress(StudioError), self._open() as connection, connection.transaction():
            connection.execute("DELETE FROM authtoken_token")
            connection.execute("DELETE FROM htx_user")

    def dump(self, to: Path) -> None:
        """Write a consistent copy of it as SQL, also while a server uses it.

        Raises:
            StudioError: pg_dump is missing, older than the server, or failed.
        """
        to.touch(mode=0o600)
        place = {"PGHOST": self.host, "PGPORT": str(self.port), "PGDATABASE": self.name, "PGUSER": self.user}
        place["PGPASSWORD"] = self.password.get_secret_value()
        environment = {
            **{name: os.environ[name] for name in INHERITED if name in os.environ},
            **self._libpq(),
            **{name: value for name, value in place.items() if value},
            "PGOPTIONS": "-c client_min_messages=warning",
        }
        done = subprocess.run(
            [_tool("pg_dump"), "--no-owner", "--no-privileges", "--no-comments", f"--file={to}"],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            check=False,
        )
        if done.returncode:
            said = self._without_password(done.stderr.strip())
            hint = f"Install tools as new as the server ({PREPARE})." if "version mismatch" in said else ""
            lines = "\n  ".join(said.splitlines()[-5:])
            raise StudioError(f"pg_dump failed on {self.shown}:\n  {lines}", hint)

    def load(self, dump: Path, look: Look = lambda *_: None) -> None:
        """Replace all that is in the schema `public` by the copy, in one transaction.

        Args:
            dump: What `dump` wrote.
            look: The check of what was loaded, which raises if that must not stay.

        Raises:
            StudioError: The copy does not fit.
            UnfitError: It is not what pg_dump writes.
        """
        import psycopg

        with self._open() as connection:
            try:
                with connection.transaction():
                    (began,) = connection.execute(TRANSACTION).fetchone() or ("",)
                    connection.execute(EMPTY_SCHEMA)
                    replay(dump, connection)
                    if connection.execute(TRANSACTION).fetchone() != (began,):
                        raise UnfitError(f"its SQL ended the transaction, so {self.shown} is not what it was")
                    connection.execute("SET LOCAL search_path TO public")
                    _show(connection, look)
            except psycopg.Error as error:
                said = self._without_password(str(error)).strip()
                raise StudioError(
                    f"The backup cannot be put into {self.shown}: {said}", "Nothing was changed."
                ) from None

    def _without_password(self, text: str) -> str:
        password = self.password.get_secret_value()
        return text.replace(password, "[…]") if password else text

    @contextlib.contextmanager
    def _open(self) -> "Iterator[psycopg.Connection[tuple[Any, ...]]]":
        try:
            import psycopg
        except ImportError as error:
            raise StudioError("psycopg is not installed here.", f"Install it: {install('server')}") from error

        place = {"host": self.host, "user": self.user, "password": self.password.get_secret_value()}
        known: dict[str, Any] = {key: value for key, value in place.items() if value}
        known |= {"connect_timeout": str(CONNECT_SECONDS)} | dict(self.options)
        try:
            connection = psycopg.connect(dbname=self.name, port=self.port, autocommit=True, **known)
        except psycopg.Error as error:
            said = self._without_password(str(error)).strip().splitlines()[0]
            raise self._unusable(said, _connection_hint(said, self)) from None
        with connection:
            try:
                yield connection
            except psycopg.Error as error:
                raise self._unusable(self._without_password(str(error)).strip()) from None

    def _unusable(self, why: str, hint: str = "") -> StudioError:
        return StudioError(f"Cannot use {self.shown}: {why.rstrip('.')}.", hint)


Database = Sqlite | Postgres


def parse_database(url: str, data: Path, environment: Mapping[str, str] = os.environ) -> Database:
    """The database that a URL names; `sqlite` and "" name the file in the data folder.

    If the URL has no password, that of PGPASSWORD is used, else ~/.pgpass.

    Raises:
        InputError: The URL cannot be used. The message does not repeat a password.
    """
    if url in ("", SQLITE):
        return Sqlite(data=data)
    parts = urlsplit(url)
    try:
        port = parts.port
    except ValueError:
        raise InputError("The port of the database is not a number.", _FORM) from None
    query = dict(parse_qsl(parts.query, keep_blank_values=True))
    host = query.pop("host", "") or unquote(parts.hostname or "")
    given = query.pop("port", "")
    name = unquote(parts.path.removeprefix("/"))
    if parts.scheme not in ("postgresql", "postgres"):
        raise InputError("This is not the URL of a PostgreSQL database.", _FORM)
    if not name or "/" in name:
        raise InputError("The URL of the database names no database.", _FORM)
    if given and not given.isdigit():
        raise InputError("The port of the database is not a number.", _FORM)
    if unknown := sorted(set(query) - set(OPTIONS)):
        raise InputError(
            f"The URL of the database has unknown options: {', '.join(unknown)}.", f"Known: {', '.join(OPTIONS)}, host."
        )
    return Postgres(
        name=name,
        user=unquote(parts.username or ""),
        password=SecretStr(unquote(parts.password or "") or environment.get("PGPASSWORD", "")),
        host=host,
        port=port or int(given or 5432),
        options=tuple(query.items()),
    )


_FORM = "It looks like postgresql://user@localhost:5432/name; the password can be in PGPASSWORD or ~/.pgpass."


def without_password(url: str) -> str:
    """The URL without its password, otherwise as it was typed."""
    return re.sub(r"(://[^/@:]*):.*@", r"\1@", url, count=1)


def password_in(url: str) -> str:
    """The password in a URL; "" if it has none."""
    return unquote(urlsplit(url).password or "")


def _contents(execute: Any, table: str) -> Contents:
    """What a database holds; `table` is the query that finds a table by its name."""
    names = ("django_migrations", "organization", "htx_user")
    migrations, organization, users = (bool(execute(table, (name,)).fetchone()) for name in names)
    return Contents(
        begun=migrations or organization,
        made=organization and bool(execute("SELECT 1 FROM organization LIMIT 1").fetchone()),
        accounts=frozenset(row[0] for row in (execute("SELECT email FROM htx_user").fetchall() if users else ())),
    )


def _counts(execute: Any) -> dict[str, int]:
    found = {name: execute(f"SELECT count(*) FROM {table}").fetchone() for name, table in COUNTED.items()}  # noqa: S608
    return {name: int(row[0]) for name, row in found.items()}


def _show(connection: "psycopg.Connection[tuple[Any, ...]]", look: Look) -> None:
    found = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = current_schema()").fetchall()
    look([row[0] for row in found], lambda query: connection.execute(query.encode()).fetchall())


def _tool(name: str) -> str:
    """The path of a tool of PostgreSQL: the newest that Debian keeps, else the one on the PATH."""
    newest = sorted(DEBIAN.glob(f"*/bin/{name}"), key=lambda file: [int(n) for n in re.findall(r"\d+", file.parts[-3])])
    found = str(newest[-1]) if newest else shutil.which(name)
    if found is None:
        raise StudioError(f"{name} is not installed here, and it is needed for PostgreSQL.", f"{PREPARE}.")
    return found


def _connection_hint(said: str, database: Postgres) -> str:
    if "does not exist" in said and "database" in said:
        return f"Make it: createdb -E UTF8 -O {database.user or '<user>'} {database.name}"
    if "password" in said or "authentication" in said:
        return "Name the user in the URL; the password can be in the URL in LABELING_DATABASE, PGPASSWORD or ~/.pgpass."
    return "Check that PostgreSQL runs there, and the host and port of the URL."
