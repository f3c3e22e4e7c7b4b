"""A program from its start to its end, as a person runs it: how long it took and what memory all its processes had."""

import contextlib
import subprocess
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import psutil

SAMPLE_SECONDS = 0.1
PSS_EVERY = 10  # samples: to know it takes the system milliseconds a process, which are missing to the program


@dataclass
class Ran:
    """A program that has ended.

    Attributes:
        code: Its exit status.
        seconds: From its start to its end.
        rss, pss: The largest sum over its processes, in MB, sampled ten times a second and once a second; RSS counts a
            page that processes share once for each of them, PSS once in all.
        out, err: What it wrote.
    """

    code: int
    seconds: float
    rss: float
    pss: float
    out: str
    err: str


def run(command: Sequence[str | Path], cwd: Path | None = None) -> Ran:
    """Run a program."""
    started = time.perf_counter()
    process = subprocess.Popen(command, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    peaks = [0.0, 0.0]

    def watch() -> None:
        with contextlib.suppress(psutil.Error):
            root = psutil.Process(process.pid)
            for number in count():
                if process.poll() is not None:
                    return
                rss = pss = 0.0
                for each in [root, *root.children(recursive=True)]:
                    with contextlib.suppress(psutil.Error):
                        rss += each.memory_info().rss
                        pss += 0 if number % PSS_EVERY else each.memory_full_info().pss
                peaks[:] = [max(peaks[0], rss / 1e6), max(peaks[1], pss / 1e6)]
                time.sleep(SAMPLE_SECONDS)

    watcher = threading.Thread(target=watch)
    watcher.start()
    out, err = process.communicate()
    seconds = time.perf_counter() - started
    watcher.join()
    return Ran(process.returncode, seconds, *peaks, out, err)
