"""The engine of this machine: several processes.

On Linux they are forked from this one with everything that it has loaded, which costs nothing. If forking is not safe,
because of other threads or another system, they are fresh interpreters, and are only started for enough chunks to be
worth it. This process reads and writes meanwhile.
"""

import gc
import multiprocessing
import os
import pickle
import queue
import signal
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from itertools import chain, islice
from multiprocessing.connection import Connection, wait
from typing import Any

from labeling.engine.chunks import OBJECTS_BETWEEN_COLLECTIONS, Rescue, few_collections
from labeling.engine.dispatch import Answer, KilledError, Team, answered, call, packed, tried
from labeling.terminal import guard

FEW = 30  # chunks that make it worth starting fresh interpreters
THREADED = {"pyarrow", "ray"}  # packages with threads that Python does not count


def cores() -> int:
    """The number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@dataclass(frozen=True)
class Local:
    """Processes of this machine; None is one a core. One alone is this process.

    Attributes:
        count: Their number.
    """

    count: int | None = None

    @property
    def workers(self) -> int:
        """The number of processes that work."""
        return self.count or cores()

    @property
    def forks(self) -> bool:
        """Whether they are forked from this process, with what it has loaded."""
        return self.workers > 1 and can_fork()

    def for_little(self) -> "Local":
        """This process alone."""
        return Local(1)

    @contextmanager
    def started(self, begin: Callable[[], object] = int) -> Iterator[Callable[..., Iterator[Any]]]:
        """As `Engine.started` says; `begin` is called in this process too, so that others are forked with its work."""
        with few_collections(), ExitStack() as stack:
            begin()
            if self.workers == 1:
                yield _alone
                return
            team = Team([_Process(begin) for _ in range(self.workers)], _with_answers)
            stack.callback(team.end)
            is_started = can_fork()
            if is_started:
                team.start()  # now, before a progress bar starts its thread

            def mapped(
                function: Callable[[Any], Any], chunks: Iterable[Any], rescue: Rescue | None = None
            ) -> Iterator[Any]:
                nonlocal is_started
                waiting = iter(chunks)
                if not is_started:
                    first = list(islice(waiting, FEW))
                    waiting, is_started = chain(first, waiting), len(first) == FEW
                return team.results(function, waiting, rescue) if is_started else map(function, waiting)

            yield mapped


def can_fork() -> bool:
    """Whether forking this process is safe: a lock held by another thread would stay locked in the child for ever."""
    return sys.platform == "linux" and threading.active_count() == 1 and not THREADED & sys.modules.keys()


def _alone(function: Callable[[Any], Any], chunks: Iterable[Any], rescue: Rescue | None = None) -> Iterator[Any]:
    return map(function, chunks)


class _Process:
    """A worker: a process that answers through a pipe."""

    def __init__(self, begin: Callable[[], object]) -> None:
        self._begin = begin
        self._process: Any = None
        self.pipe: Connection

    def start(self, function: Callable[[Any], Any] | None = None) -> None:
        context: Any = multiprocessing.get_context("fork" if can_fork() else "spawn")
        self.pipe, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs, self._begin, function), daemon=True)
        self._process.start()
        theirs.close()  # so that the pipe ends when the process does

    def give(self, function: Callable[[Any], Any], chunk: Any) -> None:
        message = call(function, chunk)
        try:
            self.pipe.send_bytes(message)
        except OSError as error:
            raise KilledError from error

    def answer(self) -> Answer:
        try:
            message = self.pipe.recv_bytes()
        except (EOFError, OSError) as error:
            raise KilledError from error
        answer: Answer = pickle.loads(message)  # noqa: S301 - of our own process
        return answer

    def end(self) -> None:
        self.pipe.close()
        self._process.kill()
        self._process.join()
        self._process.close()


def _with_answers(workers: Sequence[_Process]) -> list[_Process]:
    by_pipe = {worker.pipe: worker for worker in workers}
    return [by_pipe[pipe] for pipe in wait(list(by_pipe)) if isinstance(pipe, Connection)]


# What runs in the other processes.


def _serve(pipe: Connection, begin: Callable[[], object], _: Callable[[Any], Any] | None) -> None:
    guard()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the parent ends the others
    signal.signal(signal.SIGTERM, signal.SIG_DFL)  # not the parent's handler
    gc.set_threshold(OBJECTS_BETWEEN_COLLECTIONS)
    given: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
    threading.Thread(target=_end_with_parent, daemon=True).start()
    # a thread, so that neither side waits for the other to read
    threading.Thread(target=_receive, args=(pipe, given), daemon=True).start()
    _send(pipe, packed(tried(_beginning, begin)))
    while message := given.get():
        _send(pipe, answered(message))


def _receive(pipe: Connection, given: "queue.SimpleQueue[bytes | None]") -> None:
    try:
        while True:
            given.put(pipe.recv_bytes())
    except (EOFError, OSError):
        given.put(None)  # the parent has closed its end


def _end_with_parent() -> None:
    """End this process when its parent is killed: other processes forked from it still hold its end of the pipe."""
    if parent := multiprocessing.parent_process():
        parent.join()
        os._exit(1)


def _beginning(begin: Callable[[], object]) -> None:
    begin()


def _send(pipe: Connection, answer: bytes) -> None:
    with suppress(OSError):  # the parent is gone; so is this process, in a moment
        pipe.send_bytes(answer)
