"""The embedded Label Studio of a workspace: starting, finding and stopping it. It listens on 127.0.0.1 only."""

import contextlib
import importlib.util
import os
import secrets
import signal
import site
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import psutil
from pydantic import SecretStr, ValidationError

from labeling.core.value import Value
from labeling.distribution import install
from labeling.errors import InputError, StudioError
from labeling.files import json_text, write_atomic
from labeling.studio import backup, inspection, restoring
from labeling.studio.database import INHERITED, Database, Postgres, Sqlite, parse_database
from labeling.studio.setup import (
    CREDENTIALS,
    STARTING,
    Credentials,
    Program,
    Setup,
    data_folder,
    database_of,
    read_credentials,
    read_setup,
    write_setup,
)

RECORD = "server.json"  # the process and port of the server that runs
HOST = "127.0.0.1"
EMAIL = "labeling@example.org"
POLL_SECONDS = 0.5
STOP_SECONDS = 10
PORT, PORTS_TRIED = 8080, 20
BACKUPS_KEPT = 3  # of those that were made before a migration
LEFTOVER_SECONDS = 3600  # an export that a browser is still downloading is younger than that
THREADS = 4  # of each process of gunicorn

# Label Studio reads a setting from LABEL_STUDIO_X, HEARTEX_X or plain X: HOST, DEBUG, CI and two hundred more. So the
# server inherits only what INHERITED names.
# No analytics, error reports, version check or sign-up; tokens of the kind that can be set at the first start.
QUIET = {
    "LABEL_STUDIO_COLLECT_ANALYTICS": "false",
    "LABEL_STUDIO_SENTRY_DSN": "",
    "LABEL_STUDIO_FRONTEND_SENTRY_DSN": "",
    "LABEL_STUDIO_LATEST_VERSION_CHECK": "false",
    "LABEL_STUDIO_DISABLE_SIGNUP_WITHOUT_LINK": "true",
    "LABEL_STUDIO_ENABLE_LEGACY_API_TOKEN": "true",
    "GIT_DIR": os.devnull,  # else it runs git in the repository around its package, and locks its index
    "PYTHONUNBUFFERED": "1",  # else the log lacks the last lines before a crash
}
# Without it, each request with new predictions counts those of all the project's tasks: a millisecond a task.
FLAGS = {"fflag_fix_back_4620_memory_efficient_predictions_import_08012025_short": "true"}


class Server(Value):
    """A started server: its process (pid, and start time in seconds since 1970), its port, and its data folder."""

    pid: int
    create_time: float
    port: int
    data: str = ""

    @property
    def url(self) -> str:
        """The server's address."""
        return f"http://{HOST}:{self.port}"

    def process(self) -> psutil.Process | None:
        """The server's process; None if it has ended, also if another process has its pid by now."""
        try:
            process = psutil.Process(self.pid)
            if process.status() == psutil.STATUS_ZOMBIE:
                return None
            # After the clock was set, the start time differs; the process group and the environment do not.
            same = abs(process.create_time() - self.create_time) < 1 or self.is_in_group(process)
        except (psutil.Error, OSError):
            return None
        return process if same else None

    def is_in_group(self, process: psutil.Process) -> bool:
        """Whether a process is in this server's process group and was started with its data folder.

        Raises:
            psutil.Error, OSError: The process has ended, or belongs to another user.
        """
        if not self.data or os.getpgid(process.pid) != self.pid:
            return False
        return process.environ().get("LABEL_STUDIO_BASE_DATA_DIR") == self.data


def start(
    folder: Path,
    port: int | None = None,
    *,
    database: str | None = None,
    program: Program | None = None,
    public_url: str = "",
    safety_copy: bool = True,
    waiting: Callable[[float], None] = lambda _: None,
    say: Callable[[str], None] = lambda _: None,
    timeout: float = 300,
) -> Server:
    """The server of the folder, ready to answer; started if it was not running.

    If the port is busy, the next free one is used. The first start creates the database and takes about a minute. If a
    start is interrupted, fails or takes too long, its process is ended. Data of an older Label Studio are backed up
    before they are migrated.

    Args:
        folder: Where data, log and credentials are kept.
        port: The port; 0 takes any; None takes that of the last start, at first 8080.
        database: `sqlite` or the URL of a PostgreSQL database; None takes that of the last start, at first SQLite.
        program: What serves; None takes that of the last start, at first Django's development server.
        public_url: The address of a proxy in front of it, by which annotators reach it.
        safety_copy: Whether data are backed up before a migration.
        waiting: Called about twice a second with the seconds waited.
        say: Called with each line that the user should read.
        timeout: Seconds after which a server that does not answer is given up.

    Raises:
        StudioError: Label Studio is not installed, is older than the data, died, or did not answer in time; the
            database cannot be used, or is not the one that has this folder's data; it runs with another one.
        InputError: The folder cannot be written, or the URL cannot be used.
    """
    with held(folder):
        before = read_setup(folder)
        server = recorded(folder)
        # After a start that was killed, its server goes on, and only STARTING tells how it was set up.
        started = read_setup(folder, STARTING) if server else None
        setup = _wanted(folder, started or before, database, program, is_running=server is not None)
        wanted = port if port is not None else (before and before.port) or PORT
        if server is None:
            setup = _prepared(folder, before, setup, say, safety_copy)
            write_setup(folder, setup, STARTING)
            server = _launch(folder, wanted, setup, public_url, is_known=setup == before)
        try:
            ready = _when_ready(server, folder, setup, waiting, timeout)
            if ready != server:
                write_atomic(folder / RECORD, json_text(ready.model_dump()))
            if (done := setup.model_copy(update={"port": ready.port})) != before:
                write_setup(folder, done)
            if setup != before:
                _remove_old_backups(folder, say)
        except BaseException:
            stop(folder)
            raise
        finally:
            (folder / STARTING).unlink(missing_ok=True)
        remove_leftovers(folder)
    if wanted and ready.port != wanted:
        say(f"Port {wanted} is not used; it runs on {ready.port}.")
    return ready


def status(folder: Path) -> Server | None:
    """The running server of the folder, or None; None also for one that is still starting."""
    server = recorded(folder)
    return server if server and _listening(server) == server.port else None


def stop(folder: Path) -> bool:
    """Stop the folder's server, running or starting, and no other process; whether there was one."""
    server = recorded(folder)
    process = server and server.process()
    if process:
        for kind in (signal.SIGTERM, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError, PermissionError):  # it ended just now
                os.killpg(process.pid, kind)
            if not psutil.wait_procs([process], timeout=STOP_SECONDS)[1]:
                break
    (folder / RECORD).unlink(missing_ok=True)
    return bool(process)


def environment_of(folder: Path) -> dict[str, str]:
    """The environment in which a program works on the data of the folder's server, as the server itself does.

    Raises:
        StudioError: Label Studio is not installed, or was never started.
    """
    _program()
    login, database = read_credentials(folder), database_of(folder)
    if login is None or not database.contents().made:
        raise StudioError(
            "This workspace's Label Studio was never started.",
            "`labeling studio start` starts it; or set LABEL_STUDIO_URL and LABEL_STUDIO_API_KEY of another.",
        )
    return _environment(folder, login, database)


def remove_leftovers(folder: Path, older_than: float = LEFTOVER_SECONDS) -> int:
    """Remove copies that exports left behind more than so many seconds ago; how many bytes they had.

    Each export from the web page leaves its files in `data/export/`, where nothing reads them again. Snapshots, which
    the page lists, are elsewhere and stay.
    """
    removed = 0
    with contextlib.suppress(FileNotFoundError, NotADirectoryError):
        for file in (data_folder(folder) / "export").iterdir():
            with contextlib.suppress(FileNotFoundError):
                found = file.lstat()
                if file.is_file() and time.time() - found.st_mtime > older_than:
                    file.unlink()
                    removed += found.st_size
    return removed


def _wanted(folder: Path, before: Setup | None, url: str | None, program: Program | None, *, is_running: bool) -> Setup:
    """The setup to start with; a running server keeps the one that it has.

    Raises:
        StudioError: A running server has another one, or the data are in another database.
    """
    old = before or Setup()
    last = database_of(folder, old)
    database = last if url is None else parse_database(url, data_folder(folder))
    wanted = old.model_copy(update={"database": SecretStr(database.url), "server": program or old.server})
    if is_running:
        if not database.is_same(last) or wanted.server != old.server:
            raise StudioError(
                f"It runs already, with {last.shown} and {old.server}.", "Stop it first: `labeling studio stop`."
            )
        return old
    # Tasks and annotations stay where they are, and in another database the project's id would mean another project.
    login = read_credentials(folder)
    has_data = before is not None or Sqlite(data=data_folder(folder)).contents().made
    elsewhere = has_data and not database.is_same(last)
    if elsewhere and not (login and login.email in database.contents().accounts):
        raise StudioError(
            f"The data of this workspace are in {last.shown}; {database.shown} has none of them.",
            f"Use another workspace for another database; or remove {folder}, if nothing in it is worth keeping.",
        )
    return wanted


def _prepared(folder: Path, before: Setup | None, setup: Setup, say: Callable[[str], None], safety_copy: bool) -> Setup:
    """The setup with the installed version, after a backup of data that this version will migrate.

    Raises:
        StudioError: A program is missing, a restore was cut off, or the data are of a newer version.
    """
    _program()
    if (folder / restoring.UNFINISHED).exists():
        raise StudioError(
            "A restore was cut off, so the data are incomplete.", "Run `labeling studio restore FILE --replace` again."
        )
    if setup.server == "gunicorn" and not importlib.util.find_spec("gunicorn"):
        raise StudioError("gunicorn is not installed here.", f"Install it: {install('server')}")
    installed = inspection.installed() or setup.label_studio  # it is unknown where another program stands in
    database = database_of(folder, setup)
    if login := read_credentials(folder):
        database.heal(login.email)
    if not database.contents().made:
        return setup.model_copy(update={"label_studio": installed})
    last = setup.label_studio if before else ""
    if inspection.is_newer(last, installed):
        raise StudioError(
            f"The data were made by Label Studio {last}, and {installed} is installed, which is older.",
            f"pip install 'label-studio=={last}'; or restore a backup that {installed} made.",
        )
    if last != installed:
        say(f"Label Studio {last or '(of an unknown version)'} → {installed}: the data are migrated if needed.")
        if safety_copy:
            stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S-%f")
            file = folder / "backups" / f"before-{installed}-{stamp}.tar.gz"
            try:
                made = backup.write(folder, file, database=database)
            except StudioError as error:
                hint = f"{error.hint} Or leave out the backup: --no-backup.".strip()
                raise StudioError(error.message, hint) from error
            say(f"They were backed up first, in {made.file}")
    return setup.model_copy(update={"label_studio": installed})


def _remove_old_backups(folder: Path, say: Callable[[str], None]) -> None:
    """Keep only the newest backups made before migrations: each is as large as the database."""
    made = sorted((folder / "backups").glob("before-*.tar.gz"), key=lambda file: file.name.rsplit("-", 2)[1:])
    for old in made[:-BACKUPS_KEPT]:
        old.unlink(missing_ok=True)
        say(f"The newest {BACKUPS_KEPT} backups before a migration are kept; removed {old}")


def _new_credentials(folder: Path, database: Database) -> Credentials:
    # An existing account keeps its token; if its credentials are lost, another account is needed.
    taken = data_folder(folder).exists() or EMAIL in database.contents().accounts
    email = EMAIL.replace("@", f"-{secrets.token_hex(3)}@") if taken else EMAIL
    login = {"email": email, "password": secrets.token_urlsafe(12), "token": secrets.token_hex(20)}
    write_atomic(folder / CREDENTIALS, json_text(login), private=True)
    return Credentials.model_validate(login)


def _program() -> Path:
    program = Path(sys.executable).with_name("label-studio")
    if not program.exists():
        raise StudioError(
            "Label Studio is not installed here.",
            hint=f"Install it: {install('server')}. Or set LABEL_STUDIO_URL and LABEL_STUDIO_API_KEY of one elsewhere.",
        )
    return program


def _launch(folder: Path, port: int, setup: Setup, public_url: str, is_known: bool) -> Server:
    """A server that was just started, and recorded so that it is found again if this process dies.

    Args:
        folder: The server's.
        port: The port to try first; 0 takes any.
        setup: How to start it.
        public_url: The address of a proxy in front of it, or "".
        is_known: Whether the last start had the same setup; its database need not be created or migrated then.
    """
    database = database_of(folder, setup)
    login = read_credentials(folder) or _new_credentials(folder, database)
    is_known = is_known and login.email in database.contents().accounts
    environment = _environment(folder, login, database, public_url)
    port = _free_port(port)
    with (folder / "server.log").open("wb") as log:
        (folder / "server.log").chmod(0o600)
        child = subprocess.Popen(
            _command(setup.server, port, database, initialise=not is_known),
            env=environment,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C in the terminal is not meant for the server
            umask=0o077,  # only the user may read uploads and exports
        )
    try:
        began = psutil.Process(child.pid).create_time()
        data = environment["LABEL_STUDIO_BASE_DATA_DIR"]
        server = Server(pid=child.pid, create_time=began, port=port, data=data)
        write_atomic(folder / RECORD, json_text(server.model_dump()))
    except BaseException:
        child.kill()
        child.wait()
        raise
    child.returncode = 0  # it outlives this process: Popen must neither wait for it nor warn
    return server


def _command(program: Program, port: int, database: Database, initialise: bool) -> list[str]:
    """The command line. Login and database are in the environment, since other users can read arguments."""
    if program == "django":
        return [str(_program()), "start", "--no-browser", "--internal-host", HOST, "--port", str(port)]
    found = importlib.util.find_spec("label_studio")
    package = Path(found.origin).parent if found and found.origin else Path()
    # Several processes that write into one SQLite file lock each other out.
    workers = 1 if isinstance(database, Sqlite) else max(2, min(4, os.cpu_count() or 1))
    # Once the database is made or migrated and the account is there, the same process becomes gunicorn.
    first = ("/bin/sh", "-c", '"$0" init --quiet && exec "$@"', str(_program())) if initialise else ()
    return [
        *first,
        *(sys.executable, "-m", "gunicorn", "core.wsgi:application", "--chdir", str(package)),
        *("--bind", f"{HOST}:{port}", "--workers", str(workers), "--threads", str(THREADS)),
        *("--limit-request-line", "0"),  # a look-up names hundreds of articles
        "--no-control-socket",
    ]


def _environment(folder: Path, login: Credentials, database: Database, public_url: str = "") -> dict[str, str]:
    # Against DNS rebinding: a hostile page can point its own host name at 127.0.0.1.
    hosts = [HOST, "localhost", *([urlsplit(public_url).hostname or ""] if public_url else [])]
    return {
        **{name: os.environ[name] for name in INHERITED if name in os.environ},
        **QUIET,
        **FLAGS,
        **database.environment(),
        "DJANGO_SETTINGS_MODULE": "label_studio.core.settings.label_studio",
        "LABEL_STUDIO_BASE_DATA_DIR": str(data_folder(folder).resolve()),
        "LABEL_STUDIO_ALLOWED_HOSTS": ",".join(hosts),
        **({"LABEL_STUDIO_CSRF_TRUSTED_ORIGINS": public_url.rstrip("/")} if public_url else {}),
        "LABEL_STUDIO_USERNAME": login.email,
        "LABEL_STUDIO_PASSWORD": login.password.get_secret_value(),
        "LABEL_STUDIO_USER_TOKEN": login.token.get_secret_value(),
        "HOME": str((folder / "home").resolve()),  # it writes a user_id into ~/.config
        "PYTHONUSERBASE": site.getuserbase(),  # Python looks for it below HOME
    }


def _free_port(wanted: int) -> int:
    """The wanted port, else the next free one, else any. Label Studio itself would silently take another one."""
    for port in (*range(wanted, min(wanted + PORTS_TRIED, 65536)), 0):
        with socket.socket() as caller:
            if caller.connect_ex((HOST, port)) == 0:  # macOS allows binding beside one that listens on all addresses
                continue
        with socket.socket() as listener, contextlib.suppress(OSError):
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # else the last server's port seems busy
            listener.bind((HOST, port))
            return int(listener.getsockname()[1])
    raise StudioError(f"No free port on {HOST}.")


def _when_ready(server: Server, folder: Path, setup: Setup, waiting: Callable[[float], None], timeout: float) -> Server:
    """The server with the port on which it answers."""
    began = time.monotonic()
    while (waited := time.monotonic() - began) < timeout:
        if server.process() is None:
            raise StudioError("Label Studio ended while it was starting.", _tail(folder, setup))
        # Ask on the port that its own process listens on: another program may have taken the one it was given.
        if port := _listening(server):
            server = server.model_copy(update={"port": port})
            with contextlib.suppress(httpx.HTTPError, ValueError):
                if httpx.get(f"{server.url}/health", timeout=5, trust_env=False).json() == {"status": "UP"}:
                    return server
        waiting(waited)
        time.sleep(POLL_SECONDS)
    raise StudioError(f"Label Studio did not answer within {timeout:.0f} seconds.", _tail(folder, setup))


def _listening(server: Server) -> int | None:
    """The port on which the server's process listens."""
    with contextlib.suppress(psutil.Error):
        for connection in psutil.Process(server.pid).net_connections("tcp"):
            if connection.status == psutil.CONN_LISTEN and connection.laddr.ip == HOST:
                return int(connection.laddr.port)
    return None


def _tail(folder: Path, setup: Setup) -> str:
    """The last lines of the server's log, without its secrets."""
    text = (folder / "server.log").read_text(errors="replace")
    login, database = read_credentials(folder), database_of(folder, setup)
    hidden = [login.password, login.token] if login else []
    hidden += [database.password] if isinstance(database, Postgres) and database.password else []
    for secret in hidden:
        text = text.replace(secret.get_secret_value(), "[…]")
    lines = "\n  ".join(text.strip().splitlines()[-8:])
    return f"The end of {folder / 'server.log'}:\n  {lines}"


def recorded(folder: Path) -> Server | None:
    """The folder's server, starting or running; None if there is none. The record of a dead one is removed."""
    file = folder / RECORD
    try:
        server = Server.model_validate_json(file.read_text())
        if server.process():
            return server
        _end_orphans(server)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except ValidationError:
        pass
    file.unlink(missing_ok=True)
    return None


def _end_orphans(server: Server) -> None:
    """End the workers of a gunicorn that was killed: they would keep the port and the database for a while."""
    orphans = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if server.is_in_group(process):
                process.kill()
                orphans.append(process)
    psutil.wait_procs(orphans, timeout=STOP_SECONDS)


@contextlib.contextmanager
def held(folder: Path) -> Iterator[None]:
    """Hold the folder: one start, backup or restore at a time. A second start waits, then finds the first's server.

    Raises:
        InputError: The folder cannot be used.
    """
    import fcntl  # not on Windows

    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        folder.chmod(0o700)
        with (folder / "lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            backup.remove_scratch(folder)
            restoring.remove_scratch(folder)
            yield
    except OSError as error:
        raise InputError(
            f"Cannot use {error.filename or folder}: {error.strerror or error}",
            "Check the free space and the permissions, or choose another --workspace.",
        ) from error
