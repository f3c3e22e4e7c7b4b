"""How a command ends: every exception becomes one message and an exit code, only here.

0    done
1    done, but something was refused or is not in order
2    not done: the input, the options, the server, the disk or the memory did not allow it
70   not done: a bug in labeling
130  interrupted (Ctrl-C); 143 and 129: stopped (SIGTERM, SIGHUP); 141: the reader of its output has gone
"""

import errno
import os
import platform
import signal
import sys
import tempfile
import threading
import traceback
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NoReturn

from labeling import __version__
from labeling.core.wording import first_lines
from labeling.errors import LabelingError
from labeling.terminal import ReaderGone, guard, one_line, say, visible

NOT_DONE, BUG, SIGNALLED, INTERRUPTED, GONE = 2, 70, 128, 130, 141
MOST_CHARACTERS = 300  # of a bug's own words
MOST_LINES = 100  # of a message
KEPT = 20  # reports of bugs
GO_ON = "Nothing is broken: run the same command again."
FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
NOT_ALLOWED = {errno.EACCES, errno.EPERM, errno.EROFS}
TOO_MANY = {errno.EMFILE, errno.ENFILE}


def run(command: Callable[[], int | None]) -> NoReturn:
    """Run a command, and exit with the code that it returns; None is 0.

    SIGTERM and SIGHUP end it as Ctrl-C does, so that it can clean up. An exception in one of its threads is reported as
    it happens, and makes the exit code 70.
    """
    guard()
    stops: list[int] = []
    bugs: list[BaseException] = []

    def stop(number: int, _: object) -> None:
        stops.append(number)
        raise KeyboardInterrupt

    def bug(found: Any) -> None:
        bugs.append(found.exc_value)
        _bug(found.exc_value)

    for number in filter(None, (signal.SIGTERM, getattr(signal, "SIGHUP", None))):
        if signal.getsignal(number) is signal.SIG_DFL:  # not if nohup ignores it
            signal.signal(number, stop)
    threading.excepthook = bug
    code = _code_of(command, stops)
    sys.exit(BUG if bugs and code in (0, 1) else code)


def _code_of(command: Callable[[], int | None], stops: list[int]) -> int:
    try:
        return _to_the_end(command)
    except ReaderGone:
        code = GONE
    except BaseException as error:
        code, tell = _ending(error, stops)
        with suppress(OSError, ReaderGone):  # stderr may be closed, or a file on the full disk
            tell()
    _close()
    return code


def _to_the_end(command: Callable[[], int | None]) -> int:
    try:
        code = command() or 0
    except SystemExit as done:
        code = done.code if isinstance(done.code, int) else NOT_DONE if done.code else 0
    sys.stdout.flush()  # at exit, a failure could not be reported any more
    sys.stderr.flush()
    return code


def _ending(error: BaseException, stops: list[int]) -> tuple[int, Callable[[], None]]:
    """The exit code, and a function that prints the message."""
    # pydantic wraps a Ctrl-C that interrupts it
    wrapped = type(error).__name__ == "PydanticSerializationError" and "KeyboardInterrupt" in str(error)
    if isinstance(error, KeyboardInterrupt) or wrapped:
        code, word = (SIGNALLED + stops[0], "Stopped") if stops else (INTERRUPTED, "Interrupted")
        return code, lambda: say(f"{word}. {GO_ON}")
    if isinstance(error, LabelingError):
        return NOT_DONE, lambda: fail(error.message, error.hint)
    if isinstance(error, MemoryError):
        hint = "Use fewer --jobs, or give it smaller files, one after the other."
        return NOT_DONE, lambda: fail("Memory ran out.", hint)
    if isinstance(error, OSError):
        return NOT_DONE, lambda: _failed(error)
    if isinstance(error, ModuleNotFoundError) and not (error.name or "").startswith("labeling"):
        hint = "Install labeling again, with everything that it needs."
        return NOT_DONE, lambda: fail(f"A package is missing here: {error}", hint)
    return BUG, lambda: _bug(error)


def fail(message: str, hint: str = "") -> None:
    """Print what went wrong and what to do next; further lines are indented, so that none looks like ours."""
    first, *more = visible(message).split("\n")
    say(f"Error: {first}", "red")
    for line in first_lines(more, MOST_LINES, what=" lines"):
        say(f"    {line.strip()}", "red")
    for line in filter(None, hint.splitlines()):
        say(f"  → {line}")


def _failed(error: OSError) -> None:
    place = f" ({error.filename})" if error.filename else ""
    hint = ""
    if error.errno in FULL:
        hint = "The disk is full, or a quota is reached. Free some space, and run the same command again."
    elif error.errno in NOT_ALLOWED:
        hint = "Check its owner and permissions."
    elif error.errno in TOO_MANY:
        hint = "More files are open than the system allows: use fewer --jobs, or raise `ulimit -n`."
    fail(f"{error.strerror or str(error) or type(error).__name__}{place}", hint)


def _bug(error: BaseException) -> None:
    """Print that this is a bug, and where the whole traceback is."""
    words = one_line(error)
    words = words if len(words) <= MOST_CHARACTERS else f"{words[:MOST_CHARACTERS]}…"
    nested = isinstance(error, RecursionError)
    fail(f"This is a bug in labeling: {type(error).__name__}{': ' if words else ''}{words}")
    if nested:
        say("  → Something is nested too deeply. Check whether a file has thousands of nested brackets.")
    say("  → What was done before stays done.")
    if file := _kept(error):
        say(f"  → Please report it, with {file} (it has no secrets that labeling knows, but perhaps texts of yours).")


def _kept(error: BaseException) -> Path | None:
    """The file with the whole traceback, which only its owner can read; None if it cannot be written."""
    now = datetime.now(UTC)
    report = "\n".join(
        [
            f"labeling {__version__}, Python {platform.python_version()}, {platform.platform()}",
            f"{now:%Y-%m-%d %H:%M:%S}Z",
            f"$ {' '.join(sys.argv)}",
            "",
            "".join(traceback.format_exception(error)),
        ]
    )
    state = Path(os.environ.get("XDG_STATE_HOME") or Path("~/.local/state").expanduser()) / "labeling"
    for folder in (state, None):
        with suppress(OSError, RuntimeError):
            if folder:
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
                for old in sorted(folder.glob("bug-*.txt"))[: -KEPT + 1]:
                    old.unlink(missing_ok=True)
            number, name = tempfile.mkstemp(prefix=f"bug-{now:%Y%m%d-%H%M%S}-", suffix=".txt", dir=folder)  # mode 0600
            with os.fdopen(number, "w", encoding="utf-8", errors="backslashreplace") as file:
                file.write(visible(report))
            return Path(name)
    return None


def _close() -> None:
    """Redirect closed output to os.devnull, so that the interpreter does not fail when it flushes at exit."""
    for stream in (sys.__stdout__, sys.__stderr__):
        try:
            if stream:
                stream.flush()
        except (OSError, ValueError):
            with suppress(OSError, ValueError):
                os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())  # type: ignore[union-attr]
