"""A program from its start to its end, as a person runs it: how long it took and what memory all its processes had."""

import contextlib
import platform
import resource
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
        cpu: Seconds that its processes worked.
        rss, pss: The largest sum over its processes, in MB, sampled ten times a second and once a second; RSS counts a
            page that processes share once for each of them, PSS once in all.
        out, err: What it wrote.
    """

    code: int
    seconds: float
    cpu: float
    rss: float
    pss: float
    out: str
    err: str


def run(command: Sequence[str | Path], cwd: Path | None = None) -> Ran:
    """Run a program."""
    started, worked = time.perf_counter(), _worked()
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
    return Ran(process.returncode, seconds, _worked() - worked, *peaks, out, err)


def machine() -> str:
    """The processor and the number of its cores that this process may use."""
    names = [line.partition(":")[2].strip() for line in _cpuinfo() if line.startswith("model name")]
    return f"{len(psutil.Process().cpu_affinity())} cores of {names[0] if names else platform.machine()}"


def _cpuinfo() -> list[str]:
    file = Path("/proc/cpuinfo")
    return file.read_text().splitlines() if file.exists() else []


def _worked() -> float:
    """Seconds that this process's ended children and their ended children have worked."""
    use = resource.getrusage(resource.RUSAGE_CHILDREN)
    return use.ru_utime + use.ru_stime
