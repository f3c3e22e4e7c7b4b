"""How commands end: which exit code, with which words, and what is kept of a bug."""

import os
import pty
import re
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

SECRET = "fortytwo-times-sesame"
BEGIN = f"""
import errno, os, sys, threading, time
from labeling.errors import InputError
from labeling.secrets import keep
from labeling.ending import run
keep({SECRET!r})
def end(words):
    raise words
def deep(n=0):
    return deep(n + 1)
def nested():
    try:
        end(KeyError({SECRET!r} + "\\x1b]0;owned\\x07"))
    except KeyError as error:
        raise RuntimeError("two\\nError: fake") from error
def worker(n):
    end(KeyError(n))
def threads():
    one = threading.Thread(target=end, args=[KeyError("in a thread")])
    one.start()
    one.join()
    return 1
def processes():
    from labeling.engine import Local
    with Local(2).started() as go:
        list(go(worker, range(3)))
"""


def ends(action: str, tmp_path: Path, **more: object) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-c", f"{BEGIN}\nrun(lambda: {action})"],
        text=True,
        env=os.environ | {"XDG_STATE_HOME": str(tmp_path / "state")},
        check=False,
        **({"capture_output": True} | more),  # type: ignore[call-overload]
    )


@pytest.mark.parametrize(
    ("action", "code", "words"),
    [
        ("None", 0, ""),
        ("1", 1, ""),
        ("sys.exit(1)", 1, ""),
        ("end(InputError('No.', 'Yes.'))", 2, "Error: No.\n  → Yes.\n"),
        ("end(InputError('One:\\nError: two\\n  → three'))", 2, "Error: One:\n    Error: two\n    → three\n"),
        ("end(InputError('x\\n' * 500))", 2, "… and 400 more lines"),
        ("end(MemoryError())", 2, "Error: Memory ran out.\n  → Use fewer --jobs"),
        ("end(OSError(errno.ENOSPC, 'No space left on device', '/x\\x1b'))", 2, "(/x␛)\n  → The disk is full"),
        (
            "end(PermissionError(errno.EACCES, 'Permission denied', '/x'))",
            2,
            "(/x)\n  → Check its owner",
        ),
        ("end(OSError(errno.EMFILE, 'Too many open files'))", 2, "--jobs"),
        ("end(ConnectionResetError())", 2, "Error: ConnectionResetError\n"),
        ("end(BrokenPipeError(errno.EPIPE, 'Broken pipe'))", 2, "Error: Broken pipe\n"),
        ("end(ModuleNotFoundError('No module named \\'x\\'', name='x'))", 2, "Install labeling again"),
        ("end(KeyboardInterrupt())", 130, "Interrupted. Nothing is broken"),
        ("os.kill(os.getpid(), 15) or time.sleep(9)", 143, "Stopped. Nothing is broken"),
        ("end(KeyError('id'))", 70, "Error: This is a bug in labeling: KeyError: 'id'\n"),
        ("end(KeyError('x' * 5000))", 70, "xxx…\n"),
        ("end(AssertionError())", 70, "Error: This is a bug in labeling: AssertionError\n"),
        ("deep()", 70, "nested too deeply"),
        ("nested()", 70, "RuntimeError: two␊Error: fake\n"),
        ("threads()", 70, "KeyError: 'in a thread'\n"),
        ("processes()", 70, "This is a bug in labeling: KeyError: "),
    ],
)
def test_each_end_has_its_exit_code_and_words(action: str, code: int, words: str, tmp_path: Path) -> None:
    done = ends(action, tmp_path)

    assert (done.returncode, done.stdout) == (code, "")
    assert words in done.stderr
    assert "Traceback" not in done.stderr
    assert not words or done.stderr.count("\n") <= 5 or words.endswith("lines")
    assert (tmp_path / "state").exists() == (code == 70)


def test_bug_is_kept_for_its_owner_alone_and_without_secrets(tmp_path: Path) -> None:
    done = ends("nested()", tmp_path)

    (file,) = (tmp_path / "state" / "labeling").iterdir()
    assert str(file) in done.stderr
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    kept = file.read_text(encoding="utf-8")
    assert "KeyError" in kept  # the cause too
    assert "RuntimeError: two" in kept
    assert kept.count("Traceback") == 2
    assert "********␛]0;owned␇" in kept or "********\\x1b]0;owned\\x07" in kept
    assert "sesame" not in kept + done.stderr


def test_bug_in_a_process_is_kept_with_its_traceback_there(tmp_path: Path) -> None:
    ends("processes()", tmp_path)

    (file,) = (tmp_path / "state" / "labeling").iterdir()
    assert "in worker" in file.read_text(encoding="utf-8")


def test_bugs_are_kept_up_to_a_number(tmp_path: Path) -> None:
    folder = tmp_path / "state" / "labeling"
    folder.mkdir(parents=True)
    for n in range(30):
        (folder / f"bug-2020{n:04}.txt").touch()
    (folder / "mine.txt").touch()

    ends("end(KeyError())", tmp_path)

    assert len(list(folder.glob("bug-*.txt"))) == 20
    assert (folder / "mine.txt").exists()


def test_bug_where_nothing_can_be_written(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file")

    done = ends("end(KeyError('id'))", tmp_path)

    assert done.returncode == 70
    (place,) = re.findall(r"with (\S+)", done.stderr)  # the system's temporary folder
    assert stat.S_IMODE(Path(place).stat().st_mode) == 0o600
    Path(place).unlink()


@pytest.mark.parametrize("argument", ["--help", "--version"])
def test_reader_that_has_gone_is_no_refusal(argument: str) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [sys.executable, "-m", "labeling", argument], stdout=writing, stderr=subprocess.PIPE, text=True, check=False
    )
    os.close(writing)

    assert (done.returncode, done.stderr) == (141, "")


def test_full_disk_behind_stdout_is_said() -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "labeling", "--version"], stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )

    assert done.returncode == 2
    assert "No space left on device" in done.stderr
    assert "Traceback" not in done.stderr
    assert "Exception" not in done.stderr


def test_full_disk_behind_everything() -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run([sys.executable, "-m", "labeling", "nothing"], stdout=full, stderr=full, check=False)

    assert done.returncode == 2


def test_closed_stdout_is_no_error() -> None:
    done = subprocess.run(["sh", "-c", f"{sys.executable} -m labeling --version >&-"], check=False)

    assert done.returncode == 0


def test_stop_goes_through_what_must_be_tidied(tmp_path: Path) -> None:
    code = f"""{BEGIN}
def work():
    try:
        print("at work", flush=True)
        time.sleep(60)
    finally:
        print("tidied", flush=True)
run(work)
"""
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout
    assert process.stdout.readline() == "at work\n"
    process.send_signal(signal.SIGTERM)
    out, said = process.communicate(timeout=30)

    assert (process.returncode, out) == (143, "tidied\n")
    assert said.startswith("Stopped. Nothing is broken")


@pytest.mark.parametrize(
    ("number", "code", "words"),
    [(signal.SIGINT, 130, "Interrupted. "), (signal.SIGTERM, 143, "Stopped. "), (signal.SIGHUP, 129, "Stopped. ")],
)
def test_command_that_is_stopped_says_so(number: int, code: int, words: str, tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "labeling", "annotate", "-", "-o", str(tmp_path / "tasks.json")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=tmp_path,
    )
    time.sleep(6)  # it waits for its standard input
    process.send_signal(number)
    out, said = process.communicate(timeout=60)

    assert (process.returncode, out) == (code, "")
    assert said == f"{words}Nothing is broken: run the same command again.\n"
    assert list(tmp_path.iterdir()) == []


def test_terminal_that_was_closed_is_no_bug(tmp_path: Path) -> None:
    number, name = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", f"{BEGIN}\nrun(lambda: time.sleep(60))"],
        stdin=name,
        stdout=name,
        stderr=name,
        env=os.environ | {"XDG_STATE_HOME": str(tmp_path)},
    )
    os.close(name)
    time.sleep(2)
    os.close(number)
    process.send_signal(signal.SIGHUP)

    assert process.wait(30) == 129
    assert list(tmp_path.iterdir()) == []


def test_import_that_fails_is_told_like_any_fault(tmp_path: Path) -> None:
    (tmp_path / "typer.py").write_text("import a_package_that_is_not_there")
    done = subprocess.run(
        [sys.executable, "-m", "labeling", "--version"],
        env=os.environ | {"PYTHONPATH": f"{tmp_path}:{os.environ.get('PYTHONPATH', '')}"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 2
    assert done.stderr.startswith("Error: A package is missing here: No module named 'a_package_that_is_not_there'")


@pytest.mark.parametrize(
    "line",
    [
        ["nothing"],
        ["annotate"],
        ["status", "--nothing"],
        ["annotate", "x", "--jobs", "many", "-o", "y"],
        ["studio", "\x1b"],
    ],
)
def test_command_line_that_cannot_be_used(line: list[str], run) -> None:
    done = run(*line)

    assert (done.returncode, done.stdout) == (2, "")
    assert re.fullmatch(r"Error: .+\n  → labeling .*--help\n", done.stderr)
    assert "\x1b" not in done.stderr


def test_password_in_an_argument_is_not_repeated(run) -> None:
    for line in (["studio", "start", "postgresql://me:sesame-open@host/n"], ["doctor", "http://sesame-open@host"]):
        done = run(*line)
        assert done.returncode == 2
        assert "host" in done.stderr
        assert "sesame" not in done.stderr


@pytest.mark.parametrize("line", [["--help"], ["schema", "show"], ["schema", "xml"], ["annotate"]])
def test_terminal_of_few_characters(line: list[str], run) -> None:
    done = run(*line, PYTHONIOENCODING="ascii", PYTHONUTF8="0", LC_ALL="C")

    assert done.returncode in (0, 2)
    assert (done.stdout + done.stderr).isascii()
    assert "bug" not in done.stderr


def test_interrupt_at_once_leaves_no_traceback() -> None:
    for wait in (0.05, 0.2, 0.4):
        process = subprocess.Popen(
            [sys.executable, "-m", "labeling", "doctor"], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
        )
        time.sleep(wait)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=60)
        assert process.returncode in (0, 1, 130, -2)
        assert "Traceback" not in said or wait < 0.1  # before a line of ours ran it is Python's own
