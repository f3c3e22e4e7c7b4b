"""The embedded Label Studio of a workspace: started, found again, stopped. The real one, on 127.0.0.1, quiet."""

import contextlib
import fcntl
import os
import secrets
import signal
import site
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import psutil
from pydantic import SecretStr, ValidationError

from labeling.core.value import Value
from labeling.errors import InputError, StudioError
from labeling.files import json_text, write_atomic

HOST = "127.0.0.1"
EMAIL = "labeling@example.org"
POLL_SECONDS = 0.5
STOP_SECONDS = 10
PORTS_TRIED = 20

# Label Studio looks a setting up as LABEL_STUDIO_X, as HEARTEX_X, and as bare X: HOST, DEBUG, CI and two hundred more.
# So the server inherits what is named here and nothing else.
INHERITED = ("PATH", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR", "LD_LIBRARY_PATH")

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


class Credentials(Value):
    """Who may log in to the embedded server. Password and token show as asterisks wherever it is printed."""

    email: str
    password: SecretStr
    token: SecretStr


class Server(Value):
    """A server that was started: its process (pid and the time it began, in seconds since 1970) and its port."""

    pid: int
    create_time: float
    port: int

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://{HOST}:{self.port}"

    def process(self) -> psutil.Process | None:
        """The server's process, or None where it is gone or its number belongs to another one by now."""
        try:
            process = psutil.Process(self.pid)
            same = abs(process.create_time() - self.create_time) < 1 and process.status() != psutil.STATUS_ZOMBIE
        except psutil.Error:
            return None
        return process if same else None


def start(
    folder: Path, port: int = 8080, *, waiting: Callable[[float], None] = lambda _: None, timeout: float = 300
) -> Server:
    """The server whose data is in the folder, ready, and started where it did not run yet.

    A port that is taken gives way to the next free one. The first start makes the database and takes about a minute.
    Where a start is interrupted, fails or takes too long, its process is ended.

    Args:
        folder: Where data, log and credentials are kept.
        port: The port that is wanted; 0 takes any.
        waiting: Called about twice a second with the seconds waited.
        timeout: Seconds until a server that does not answer is given up.

    Raises:
        StudioError: Label Studio is not installed, or died, or did not answer in time.
        InputError: The folder cannot be written.
    """
    with _lock(folder):
        server = _recorded(folder) or _launch(folder, port)
        try:
            ready = _when_ready(server, folder, waiting, timeout)
            if ready != server:
                _record(folder, ready)
        except BaseException:
            stop(folder)
            raise
    return ready


def status(folder: Path) -> Server | None:
    """The running server of the folder, or None; None also for one that is still starting."""
    server = _recorded(folder)
    return server if server and _listening(server) == server.port else None


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
    """The login that the first start made, or None before."""
    try:
        return Credentials.model_validate_json((folder / "credentials.json").read_text())
    except FileNotFoundError:
        return None
    except (ValidationError, OSError) as error:
        raise InputError(
            f"Cannot use {folder / 'credentials.json'}: it is damaged or not yours to read.",
            hint="Restore it, or move it away: then the next start makes another account beside the old one.",
        ) from error


def _new_credentials(folder: Path) -> Credentials:
    # An account of data that is there already keeps its token; where its credentials are lost, there has to be another.
    email = EMAIL.replace("@", f"-{secrets.token_hex(3)}@") if (folder / "data").exists() else EMAIL
    login = {"email": email, "password": secrets.token_urlsafe(12), "token": secrets.token_hex(20)}
    write_atomic(folder / "credentials.json", json_text(login), private=True)
    return Credentials.model_validate(login)


def _program() -> Path:
    program = Path(sys.executable).with_name("label-studio")
    if not program.exists():
        raise StudioError(
            "Label Studio is not installed here.",
            hint="pip install 'labeling[server]', or set LABEL_STUDIO_URL and LABEL_STUDIO_API_KEY of one elsewhere.",
        )
    return program


def _launch(folder: Path, port: int) -> Server:
    """A server that has just been started, and recorded, so that it is found again whatever becomes of its starter."""
    program = _program()
    _discard_half_made(folder / "data" / "label_studio.sqlite3")
    environment = _environment(folder, credentials(folder) or _new_credentials(folder))
    port = _free_port(port)
    with (folder / "server.log").open("wb") as log:
        (folder / "server.log").chmod(0o600)
        child = subprocess.Popen(
            [program, "start", "--no-browser", "--internal-host", HOST, "--port", str(port)],
            env=environment,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C in the terminal is not meant for the server
        )
    try:
        server = Server(pid=child.pid, create_time=psutil.Process(child.pid).create_time(), port=port)
        _record(folder, server)
    except BaseException:
        child.kill()
        child.wait()
        raise
    child.returncode = 0  # it outlives us: Popen shall neither wait for it nor warn
    return server


def _environment(folder: Path, login: Credentials) -> dict[str, str]:
    return {
        **{name: os.environ[name] for name in INHERITED if name in os.environ},
        **QUIET,
        "LABEL_STUDIO_BASE_DATA_DIR": str((folder / "data").resolve()),
        "LABEL_STUDIO_USERNAME": login.email,
        "LABEL_STUDIO_PASSWORD": login.password.get_secret_value(),
        "LABEL_STUDIO_USER_TOKEN": login.token.get_secret_value(),
        "HOME": str((folder / "home").resolve()),  # it keeps a user_id in the home's .config; let that be ours
        "PYTHONUSERBASE": site.getuserbase(),  # which is looked for in the home, too
    }


def _discard_half_made(database: Path) -> None:
    """Remove the database of a first start that was cut off.

    The organisation comes last, after the account and its token. Before it nobody can have worked, and an account that
    is there without its token would never get it.
    """
    if not database.exists():
        return
    with contextlib.suppress(sqlite3.Error), contextlib.closing(sqlite3.connect(database)) as connection:
        found = connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'organization'").fetchone()
        if not (found and connection.execute("SELECT 1 FROM organization").fetchone()):
            for file in database.parent.glob(f"{database.name}*"):
                file.unlink()


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


def _when_ready(server: Server, folder: Path, waiting: Callable[[float], None], timeout: float) -> Server:
    """The server with the port on which it answers."""
    began = time.monotonic()
    while (waited := time.monotonic() - began) < timeout:
        if server.process() is None:
            raise StudioError("Label Studio ended while it was starting.", _tail(folder))
        # Its own port, not the one it was told: so that no stranger's answer is taken for its.
        if port := _listening(server):
            server = server.model_copy(update={"port": port})
            with contextlib.suppress(httpx.HTTPError, ValueError):
                if httpx.get(f"{server.url}/health", timeout=5, trust_env=False).json() == {"status": "UP"}:
                    return server
        waiting(waited)
        time.sleep(POLL_SECONDS)
    raise StudioError(f"Label Studio did not answer within {timeout:.0f} seconds.", _tail(folder))


def _listening(server: Server) -> int | None:
    """The port on which the server's process listens."""
    with contextlib.suppress(psutil.Error):
        for connection in psutil.Process(server.pid).net_connections("tcp"):
            if connection.status == psutil.CONN_LISTEN and connection.laddr.ip == HOST:
                return int(connection.laddr.port)
    return None


def _tail(folder: Path) -> str:
    """The last lines of the server's log, without its secrets."""
    text = (folder / "server.log").read_text(errors="replace")
    if login := credentials(folder):
        for secret in (login.password, login.token):
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
    file.unlink(missing_ok=True)
    return None


def _record(folder: Path, server: Server) -> None:
    write_atomic(folder / "server.json", json_text(server.model_dump()))


@contextlib.contextmanager
def _lock(folder: Path) -> Iterator[None]:
    """One start at a time: a second one waits, and then finds the first one's server."""
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        folder.chmod(0o700)
        with (folder / "lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield
    except OSError as error:
        raise InputError(
            f"Cannot use {error.filename or folder}: {error.strerror or error}",
            "Check the free space and the permissions, or choose another --workspace.",
        ) from error
