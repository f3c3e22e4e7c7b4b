"""The embedded Label Studio of a workspace: started, found again, stopped. The real one, on 127.0.0.1, quiet."""

import contextlib
import fcntl
import os
import secrets
import signal
import socket
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

# Label Studio looks a setting up under these prefixes and then bare; nothing of the caller's may leak into the server.
FOREIGN_PREFIXES = ("LABEL_STUDIO_", "HEARTEX_", "DJANGO_", "POSTGRE_", "DATABASE_", "MYSQL_", "REDIS_")
FOREIGN = {"PORT", "HOST", "DEBUG", "USERNAME", "PASSWORD", "USER_TOKEN", "LOG_LEVEL", "SECRET_KEY", "BASE_DATA_DIR"}

# No analytics, no error reports, no version check, no sign-up; tokens of the kind that can be set at the first start.
QUIET = {
    "LABEL_STUDIO_COLLECT_ANALYTICS": "false",
    "LABEL_STUDIO_SENTRY_DSN": "",
    "LABEL_STUDIO_FRONTEND_SENTRY_DSN": "",
    "LABEL_STUDIO_LATEST_VERSION_CHECK": "false",
    "LABEL_STUDIO_DISABLE_SIGNUP_WITHOUT_LINK": "true",
    "LABEL_STUDIO_ENABLE_LEGACY_API_TOKEN": "true",
}


class Credentials(Value):
    """Who may log in to the embedded server. Password and token show as asterisks wherever it is printed."""

    email: str
    password: SecretStr
    token: SecretStr


class Server(Value):
    """A running server: its process (pid and the time it began, in seconds since 1970) and its port."""

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
        except psutil.NoSuchProcess:
            return None
        return process if same else None


def start(
    folder: Path, port: int = 8080, *, waiting: Callable[[float], None] = lambda _: None, timeout: float = 300
) -> Server:
    """The server whose data is in the folder, started where it did not run yet.

    A port that is taken is replaced by a free one. The first start makes the database and takes about a minute.

    Args:
        folder: Where data, log and credentials are kept.
        port: The port that is wanted.
        waiting: Called about twice a second with the seconds waited.
        timeout: Seconds until a server that does not answer is given up.

    Raises:
        StudioError: Label Studio is not installed, or died, or did not answer in time.
        InputError: The folder cannot be written.
    """
    program = Path(sys.executable).with_name("label-studio")
    if not program.exists():
        raise StudioError(
            "Label Studio is not installed here.",
            hint="pip install 'labeling[server]', or set LABEL_STUDIO_URL and LABEL_STUDIO_API_KEY of one elsewhere.",
        )
    with _lock(folder):
        if running := status(folder):
            return running
        login = credentials(folder) or _new_credentials(folder)
        port = _free_port(port)
        with (folder / "server.log").open("wb") as log:
            (folder / "server.log").chmod(0o600)
            child = subprocess.Popen(
                [program, "start", "--no-browser", "--internal-host", HOST, "--port", str(port)],
                env=_environment(folder, login),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C in the terminal is not meant for the server
            )
        try:
            server = Server(pid=child.pid, create_time=psutil.Process(child.pid).create_time(), port=port)
            _until_healthy(server, child, folder, login, waiting, timeout)
            write_atomic(folder / "server.json", json_text(server.model_dump()))
        except BaseException:
            _end(child.pid)
            child.wait()
            raise
    return server


def status(folder: Path) -> Server | None:
    """The running server of the folder, or None. A server file that a crash or a reboot left behind is removed."""
    file = folder / "server.json"
    try:
        server = Server.model_validate_json(file.read_text())
    except (FileNotFoundError, ValidationError):
        return None
    if server.process() is None:
        file.unlink(missing_ok=True)
        return None
    return server


def stop(folder: Path) -> bool:
    """Whether a server ran, which is stopped now. Only ever the folder's own process is."""
    server = status(folder)
    if server is None:
        return False
    _end(server.pid)
    (folder / "server.json").unlink(missing_ok=True)
    return True


def credentials(folder: Path) -> Credentials | None:
    """The login that the first start made, or None before."""
    try:
        return Credentials.model_validate_json((folder / "credentials.json").read_text())
    except FileNotFoundError:
        return None
    except (ValidationError, OSError) as error:
        raise InputError(
            f"Cannot use {folder / 'credentials.json'}: it is damaged or not yours to read.",
            hint="Restore it: without it the data beside it can be opened only by someone who knows the password.",
        ) from error


def _new_credentials(folder: Path) -> Credentials:
    login = {"email": EMAIL, "password": secrets.token_urlsafe(12), "token": secrets.token_hex(20)}
    write_atomic(folder / "credentials.json", json_text(login), private=True)
    return Credentials.model_validate(login)


def _environment(folder: Path, login: Credentials) -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith(FOREIGN_PREFIXES) and k not in FOREIGN}
    return {
        **kept,
        **QUIET,
        "LABEL_STUDIO_BASE_DATA_DIR": str((folder / "data").resolve()),
        "LABEL_STUDIO_USERNAME": login.email,
        "LABEL_STUDIO_PASSWORD": login.password.get_secret_value(),
        "LABEL_STUDIO_USER_TOKEN": login.token.get_secret_value(),
        # Label Studio makes an empty folder in the user's data directory whatever it is told; let that be ours.
        "XDG_DATA_HOME": str((folder / "xdg").resolve()),
    }


def _free_port(wanted: int) -> int:
    """The wanted port, or a free one: left to itself, Label Studio would silently take the next."""
    for port in (wanted, 0):
        with socket.socket() as listener, contextlib.suppress(OSError, OverflowError):
            listener.bind((HOST, port))
            return int(listener.getsockname()[1])
    raise StudioError(f"No free port on {HOST}.")


def _until_healthy(
    server: Server,
    child: subprocess.Popen[bytes],
    folder: Path,
    login: Credentials,
    waiting: Callable[[float], None],
    timeout: float,
) -> None:
    began = time.monotonic()
    while (waited := time.monotonic() - began) < timeout:
        if child.poll() is not None:
            raise StudioError(
                f"Label Studio stopped while starting (exit code {child.returncode}).", _tail(folder, login)
            )
        with contextlib.suppress(httpx.HTTPError, ValueError):
            answer = httpx.get(f"{server.url}/health", timeout=5, trust_env=False)
            if answer.json().get("status") == "UP" and _listens(child.pid, server.port):
                return
        waiting(waited)
        time.sleep(POLL_SECONDS)
    raise StudioError(f"Label Studio did not answer within {timeout:.0f} seconds.", _tail(folder, login))


def _listens(pid: int, port: int) -> bool:
    """Whether it is our process, or a child of it, that answers on the port, and not a stranger."""
    family = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
    connections = (c for process in family for c in process.net_connections("tcp"))
    return any(c.status == psutil.CONN_LISTEN and c.laddr.port == port for c in connections)


def _tail(folder: Path, login: Credentials) -> str:
    """The last lines of the server's log, without its secrets."""
    text = (folder / "server.log").read_text(errors="replace")
    for secret in (login.password, login.token):
        text = text.replace(secret.get_secret_value(), "[…]")
    lines = "\n  ".join(text.strip().splitlines()[-8:])
    return f"The end of {folder / 'server.log'}:\n  {lines}"


def _end(pid: int) -> None:
    """End the process and its children, politely first."""
    try:
        family = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
    except psutil.NoSuchProcess:
        return
    for kind in (signal.SIGTERM, signal.SIGKILL):
        for process in family:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.send_signal(kind)
        _, family = psutil.wait_procs(family, timeout=STOP_SECONDS)


@contextlib.contextmanager
def _lock(folder: Path) -> Iterator[None]:
    """One start at a time: a second one waits, and then finds the first one's server."""
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        file = (folder / "lock").open("w")
    except OSError as error:
        raise InputError(f"Cannot write {folder}: {error.strerror}", "Choose another --workspace.") from error
    with file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
