"""The embedded Label Studio of a workspace: started, found again, stopped. The real one, on 127.0.0.1, quiet."""

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

HOST = "127.0.0.1"
EMAIL = "labeling@example.org"
POLL_SECONDS = 0.5
STOP_SECONDS = 10
PORT, PORTS_TRIED = 8080, 20
BACKUPS_KEPT = 3  # of those that were made before a migration
LEFTOVER_SECONDS = 3600  # an export in the browser's hands is younger than that
THREADS = 4  # of each process of gunicorn

# Label Studio looks a setting up as LABEL_STUDIO_X, as HEARTEX_X, and as bare X: HOST, DEBUG, CI and two hundred more.
# So the server inherits what INHERITED names and nothing else.
# No analytics, no error reports, no version check, no sign-up; tokens of the kind that can be set at the first start.
QUIET = {
    "LABEL_STUDIO_COLLECT_ANALYTICS": "false",
    "LABEL_STUDIO_SENTRY_DSN": "",
    "LABEL_STUDIO_FRONTEND_SENTRY_DSN": "",
    "LABEL_STUDIO_LATEST_VERSION_CHECK": "false",
    "LABEL_STUDIO_DISABLE_SIGNUP_WITHOUT_LINK": "true",
    "LABEL_STUDIO_ENABLE_LEGACY_API_TOKEN": "true",
    "GIT_DIR": os.devnull,  # else it asks git about the repository around its package, and locks that one's index
    "PYTHONUNBUFFERED": "1",  # else its last words are missing in the log
}


class Server(Value):
    """A server that was started: its process (pid and the time it began, in seconds since 1970), its port, its data."""

    pid: int
    create_time: float
    port: int
    data: str = ""

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://{HOST}:{self.port}"

    def process(self) -> psutil.Process | None:
        """The server's process, or None where it is gone or its number belongs to another one by now."""
        try:
            process = psutil.Process(self.pid)
            if process.status() == psutil.STATUS_ZOMBIE:
                return None
            # Where the clock was set, the time it began has moved along; what it was started with has not.
            same = abs(process.create_time() - self.create_time) < 1 or self._leads(process)
        except psutil.Error:
            return None
        return process if same else None

    def _leads(self, process: psutil.Process) -> bool:
        with contextlib.suppress(OSError):
            return os.getpgid(process.pid) == process.pid and self.is_marked(process)
        return False

    def is_marked(self, process: psutil.Process) -> bool:
        """Whether a process was started with this server's data."""
        return bool(self.data) and process.environ().get("LABEL_STUDIO_BASE_DATA_DIR") == self.data


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
    """The server whose data is in the folder, ready, and started where it did not run yet.

    A port that is taken gives way to the next free one. The first start makes the database and takes about a minute.
    Where a start is interrupted, fails or takes too long, its process is ended. Data of an older Label Studio are
    backed up before they are migrated.

    Args:
        folder: Where data, log and credentials are kept.
        port: The port that is wanted; 0 takes any; None takes that of the last start, at first 8080.
        database: `sqlite` or the URL of a PostgreSQL database; None takes that of the last start, at first SQLite.
        program: What serves; None takes that of the last start, at first Django's development server.
        public_url: The address of a proxy in front of it, by which annotators reach it.
        safety_copy: Whether data are backed up before a migration.
        waiting: Called about twice a second with the seconds waited.
        say: Called with what its user should know, a line each.
        timeout: Seconds until a server that does not answer is given up.

    Raises:
        StudioError: Label Studio is not installed, is older than the data, died, or did not answer in time; the
            database cannot be used, or is not the one that has this folder's data; it runs with another one.
        InputError: The folder cannot be written, or the URL cannot be used.
    """
    with held(folder):
        before = read_setup(folder)
        # A start that was killed leaves a server that goes on, and nobody who remembers how it was set up.
        started = read_setup(folder, STARTING) if _recorded(folder) else None
        setup = _wanted(folder, started or before, database, program)
        wanted = port if port is not None else (before and before.port) or PORT
        server = _recorded(folder)
        if server is None:
            setup = _prepared(folder, before, setup, say, safety_copy)
            write_setup(folder, setup, STARTING)
            server = _launch(folder, wanted, setup, public_url, is_known=setup == before)
        try:
            ready = _when_ready(server, folder, setup, waiting, timeout)
            if ready != server:
                _record(folder, ready)
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
    server = _recorded(folder)
    return server if server and _listening(server) == server.port else None


def is_alive(folder: Path) -> bool:
    """Whether the folder's server runs or is starting."""
    return _recorded(folder) is not None


def stop(folder: Path) -> bool:
    """Whether a server ran, or was starting, which is stopped now. Only ever the folder's own process is."""
    server = _recorded(folder)
    process = server and server.process()
    if process:
        for kind in (signal.SIGTERM, signal.SIGKILL):
            with contextlib.suppress(ProcessLookupError, PermissionError):  # it ended just now
                os.killpg(process.pid, kind)
            if not psutil.wait_procs([process], timeout=STOP_SECONDS)[1]:
                break
    (folder / "server.json").unlink(missing_ok=True)
    return bool(process)


def credentials(folder: Path) -> Credentials | None:
    """The login that the first start made, or None before.

    Raises:
        InputError: Its file cannot be used.
    """
    return read_credentials(folder)


def environment_of(folder: Path) -> dict[str, str]:
    """The environment in which a program works on the data of the folder's server, as the server itself does.

    Raises:
        StudioError: Label Studio is not installed, or was never started.
    """
    _program()
    login, database = credentials(folder), database_of(folder)
    if login is None or not database.contents().made:
        raise StudioError(
            "This workspace's Label Studio was never started.",
            "`labeling studio start` starts it; or set LABEL_STUDIO_URL and LABEL_STUDIO_API_KEY of another.",
        )
    return _environment(folder, login, database)


def remove_leftovers(folder: Path, older_than: float = LEFTOVER_SECONDS) -> int:
    """How many bytes of copies were removed that exports had left behind more than so many seconds ago.

    Each export from the web page leaves all it wrote in `data/export/`, where nothing ever reads it again. Snapshots,
    which the page lists, are elsewhere and stay.
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


def _wanted(folder: Path, before: Setup | None, url: str | None, program: Program | None) -> Setup:
    """What the server shall be set up with, where it can be; a running one keeps what it has."""
    old = before or Setup()
    last = parse_database(old.database.get_secret_value(), data_folder(folder))
    database = last if url is None else parse_database(url, data_folder(folder))
    wanted = old.model_copy(update={"database": SecretStr(database.url), "server": program or old.server})
    if _recorded(folder):
        if not database.is_same(last) or wanted.server != old.server:
            raise StudioError(
                f"It runs already, with {last.shown} and {old.server}.", "Stop it first: `labeling studio stop`."
            )
        return old
    # Tasks and annotations do not move by themselves, and the number of the project would mean another one there.
    login = credentials(folder)
    has_data = before is not None or Sqlite(data=data_folder(folder)).contents().made
    elsewhere = has_data and not database.is_same(last)
    if elsewhere and not (login and login.email in database.contents().accounts):
        raise StudioError(
            f"The data of this workspace are in {last.shown}; {database.shown} has none of them.",
            f"Take another workspace for another database; or remove {folder}, where nothing in it is worth keeping.",
        )
    return wanted


def _prepared(folder: Path, before: Setup | None, setup: Setup, say: Callable[[str], None], safety_copy: bool) -> Setup:
    """The setup, with the version that is installed; the data are fit for it, and saved if they will be migrated."""
    _program()
    if (folder / restoring.UNFINISHED).exists():
        raise StudioError(
            "A restore was cut off, so the data are not whole.", "Run `labeling studio restore FILE --replace` again."
        )
    if setup.server == "gunicorn" and not importlib.util.find_spec("gunicorn"):
        raise StudioError("gunicorn is not installed here.", f"Install it: {install('server')}")
    installed = inspection.installed() or setup.label_studio  # a program in its place
    database = parse_database(setup.database.get_secret_value(), data_folder(folder))
    login = credentials(folder)
    if login:
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
        say(
            f"Label Studio {last or '(of an unknown version)'} → {installed}: the data are migrated where they need it."
        )
        if safety_copy:
            stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S-%f")
            file = folder / "backups" / f"before-{installed}-{stamp}.tar.gz"
            try:
                made = backup.write(folder, file, database=database)
            except StudioError as error:
                raise StudioError(
                    error.message, f"{error.hint} Or leave out the backup: --no-backup.".strip()
                ) from error
            say(f"They were backed up before, in {made.file}")
    return setup.model_copy(update={"label_studio": installed})


def _remove_old_backups(folder: Path, say: Callable[[str], None]) -> None:
    """Keep the newest backups that were made before a migration, each as large as the database; after one went well."""
    made = sorted((folder / "backups").glob("before-*.tar.gz"), key=lambda file: file.name.rsplit("-", 2)[1:])
    for old in made[:-BACKUPS_KEPT]:
        old.unlink(missing_ok=True)
        say(f"The newest {BACKUPS_KEPT} backups before a migration are kept; removed {old}")


def _new_credentials(folder: Path, database: Database) -> Credentials:
    # An account of data that is there already keeps its token; where its credentials are lost, there has to be another.
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
    """A server that has just been started, and recorded, so that it is found again whatever becomes of its starter.

    Where it is known from its last start, its database is neither made nor migrated, if it has its account.
    """
    database = parse_database(setup.database.get_secret_value(), data_folder(folder))
    login = credentials(folder) or _new_credentials(folder, database)
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
            umask=0o077,  # uploads and exports are for its user's eyes only
        )
    try:
        began = psutil.Process(child.pid).create_time()
        data = environment["LABEL_STUDIO_BASE_DATA_DIR"]
        server = Server(pid=child.pid, create_time=began, port=port, data=data)
        _record(folder, server)
    except BaseException:
        child.kill()
        child.wait()
        raise
    child.returncode = 0  # it outlives us: Popen shall neither wait for it nor warn
    return server


def _command(program: Program, port: int, database: Database, initialise: bool) -> list[str]:
    """What to run. Login and database come in the environment: everybody may read the arguments of a process."""
    if program == "django":
        return [str(_program()), "start", "--no-browser", "--internal-host", HOST, "--port", str(port)]
    found = importlib.util.find_spec("label_studio")
    package = Path(found.origin).parent if found and found.origin else Path()
    # Processes that write into one SQLite file get in each other's way.
    workers = 1 if isinstance(database, Sqlite) else max(2, min(4, os.cpu_count() or 1))
    # The same process goes on as gunicorn, once the database is made or migrated and the account is there.
    first = ("/bin/sh", "-c", '"$0" init --quiet && exec "$@"', str(_program())) if initialise else ()
    return [
        *first,
        *(sys.executable, "-m", "gunicorn", "core.wsgi:application", "--chdir", str(package)),
        *("--bind", f"{HOST}:{port}", "--workers", str(workers), "--threads", str(THREADS)),
        *("--limit-request-line", "0"),  # a look-up names hundreds of articles
        "--no-control-socket",
    ]


def _environment(folder: Path, login: Credentials, database: Database, public_url: str = "") -> dict[str, str]:
    # A page elsewhere could give its own name to 127.0.0.1; the server does not answer to that.
    hosts = [HOST, "localhost", *([urlsplit(public_url).hostname or ""] if public_url else [])]
    return {
        **{name: os.environ[name] for name in INHERITED if name in os.environ},
        **QUIET,
        **database.environment(),
        "DJANGO_SETTINGS_MODULE": "label_studio.core.settings.label_studio",
        "LABEL_STUDIO_BASE_DATA_DIR": str(data_folder(folder).resolve()),
        "LABEL_STUDIO_ALLOWED_HOSTS": ",".join(hosts),
        **({"LABEL_STUDIO_CSRF_TRUSTED_ORIGINS": public_url.rstrip("/")} if public_url else {}),
        "LABEL_STUDIO_USERNAME": login.email,
        "LABEL_STUDIO_PASSWORD": login.password.get_secret_value(),
        "LABEL_STUDIO_USER_TOKEN": login.token.get_secret_value(),
        "HOME": str((folder / "home").resolve()),  # it keeps a user_id in the home's .config; let that be ours
        "PYTHONUSERBASE": site.getuserbase(),  # which is looked for in the home, too
    }


def _free_port(wanted: int) -> int:
    """The wanted port, or the next free one, or any: chosen here, since Label Studio would silently take another."""
    for port in (*range(wanted, min(wanted + PORTS_TRIED, 65536)), 0):
        with socket.socket() as caller:
            if caller.connect_ex((HOST, port)) == 0:  # macOS would let us bind beside one that listens everywhere
                continue
        with socket.socket() as listener, contextlib.suppress(OSError):
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # else our last server's port seems taken
            listener.bind((HOST, port))
            return int(listener.getsockname()[1])
    raise StudioError(f"No free port on {HOST}.")


def _when_ready(server: Server, folder: Path, setup: Setup, waiting: Callable[[float], None], timeout: float) -> Server:
    """The server with the port on which it answers."""
    began = time.monotonic()
    while (waited := time.monotonic() - began) < timeout:
        if server.process() is None:
            raise StudioError("Label Studio ended while it was starting.", _tail(folder, setup))
        # Its own port, not the one it was told: so that no stranger's answer is taken for its.
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
    login = credentials(folder)
    database = parse_database(setup.database.get_secret_value(), data_folder(folder))
    hidden = [login.password, login.token] if login else []
    hidden += [database.password] if isinstance(database, Postgres) and database.password else []
    for secret in hidden:
        text = text.replace(secret.get_secret_value(), "[…]")
    lines = "\n  ".join(text.strip().splitlines()[-8:])
    return f"The end of {folder / 'server.log'}:\n  {lines}"


def _recorded(folder: Path) -> Server | None:
    """The folder's server, starting or running. What a crash or a reboot left behind is removed."""
    file = folder / "server.json"
    try:
        server = Server.model_validate_json(file.read_text())
    except (FileNotFoundError, NotADirectoryError):
        return None
    except ValidationError:
        server = None
    if server and server.process():
        return server
    if server:
        _end_orphans(server)
    file.unlink(missing_ok=True)
    return None


def _end_orphans(server: Server) -> None:
    """End the workers of a gunicorn that was killed: they would hold the port and the database for a while."""
    orphans = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if os.getpgid(process.pid) == server.pid and server.is_marked(process):
                process.kill()
                orphans.append(process)
    psutil.wait_procs(orphans, timeout=STOP_SECONDS)


def _record(folder: Path, server: Server) -> None:
    write_atomic(folder / "server.json", json_text(server.model_dump()))


@contextlib.contextmanager
def held(folder: Path) -> Iterator[None]:
    """The folder for oneself: one start, backup or restore at a time.

    A second start waits, and then finds the first one's server.

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
