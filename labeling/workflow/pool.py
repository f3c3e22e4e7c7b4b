"""Work in several processes, this one among them; its results come in the order of its items.

This process works too, whenever it would have to wait for another. On Linux the others are forked from it with all that
it has loaded, which costs nothing. Where that is not safe, because there are other threads or another system, they are
fresh interpreters.
"""

import contextlib
import ctypes
import gc
import multiprocessing
import os
import signal
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from typing import Any, TypeVar

from labeling.cycles import seldom
from labeling.errors import InputError
from labeling.terminal import guard

I = TypeVar("I")  # noqa: E741
O = TypeVar("O")  # noqa: E741
Map = Callable[[Callable[[I], O], Iterable[I]], Iterator[O]]

AHEAD = 2  # items a process that wait for it, so that it is never idle
AHEAD_OF_SMALL = 4  # the same where they are small
HELD = 8  # items a process that are read and not given out yet, so that memory stays flat
PIPE_BYTES = 1 << 20  # what Linux grants to everybody
# While this process works, a thread of it feeds the others; they would wait for it.
SWITCH_SECONDS = 0.0001
THREADED = {"pyarrow"}  # packages with threads that Python does not count


def cores() -> int:
    """The cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextmanager
def workers(jobs: int) -> Iterator[Map[Any, Any]]:
    """A map that runs in `jobs` processes, this one among them.

    Results come in the order of the items, and no more items are taken than the processes can soon work on.

    Raises:
        InputError: A process was killed, as the system does where memory runs out.
    """
    executor = others(jobs - 1) if jobs > 1 else None
    threshold, interval = gc.get_threshold(), sys.getswitchinterval()
    seldom()
    try:
        if executor is None:
            yield map
        else:
            sys.setswitchinterval(SWITCH_SECONDS)
            yield lambda function, items: shared(executor, jobs - 1, function, function, items, AHEAD_OF_SMALL)
    finally:
        gc.set_threshold(*threshold)
        sys.setswitchinterval(interval)
        if executor is not None:
            executor.shutdown(cancel_futures=True)


def can_fork() -> bool:
    """Whether this process may be forked: a lock that another thread holds would be held for ever."""
    return sys.platform == "linux" and threading.active_count() == 1 and not THREADED & sys.modules.keys()


def others(count: int, begin: Callable[..., object] | None = None, *given: Any) -> ProcessPoolExecutor:
    """So many other processes. Each calls `begin(*given)` first, and ends with this process."""
    way = "fork" if can_fork() else "spawn"
    if way == "fork":
        _give_back()
    executor = ProcessPoolExecutor(count, multiprocessing.get_context(way), _start, (begin, given))
    if way == "fork":
        executor.submit(int)  # forks them now, before a progress bar starts its thread
    _widen(executor)
    return executor


def _give_back() -> None:
    """Give memory that is free back to the system, or each process that is forked would have it too.

    Python's caches hold small objects that lie anywhere, and each would keep a whole megabyte.
    """
    with contextlib.suppress(AttributeError):
        (getattr(sys, "_clear_internal_caches", None) or sys._clear_type_cache)()
    gc.collect()
    with contextlib.suppress(AttributeError, OSError):  # a C library without it
        ctypes.CDLL(None).malloc_trim(0)


def _widen(executor: ProcessPoolExecutor) -> None:
    """Let the pipes hold a whole item: with the usual 64 KiB both ends take turns, and wait each time.

    Where it cannot be done, it is as it was.
    """
    with contextlib.suppress(ImportError, AttributeError, OSError):
        import fcntl

        for name in ("_call_queue", "_result_queue"):
            fcntl.fcntl(getattr(executor, name)._reader.fileno(), fcntl.F_SETPIPE_SZ, PIPE_BYTES)


def shared(
    executor: ProcessPoolExecutor,
    count: int,
    here: Callable[[I], O],
    there: Callable[[I], O],
    items: Iterable[I],
    ahead: int = AHEAD,
) -> Iterator[O]:
    """What is made of each item, in order: by `there` in one of the executor's `count` processes, or by `here`.

    `ahead` items a process wait for it.

    Raises:
        InputError: A process was killed, as the system does where memory runs out.
    """
    try:
        yield from _shared(executor, ahead * count, HELD * (count + 1), here, there, iter(items))
    except BrokenProcessPool as error:
        raise InputError(
            "A process of this command was killed, probably because memory ran out.", "Try --jobs 1."
        ) from error


class _Made:
    """What this process made of an item."""

    def __init__(self, value: Any) -> None:
        self.value = value


def _shared(
    executor: ProcessPoolExecutor,
    waiting: int,
    most: int,
    here: Callable[[I], O],
    there: Callable[[I], O],
    items: Iterator[I],
) -> Iterator[O]:
    held: deque[tuple[I, Future[O] | _Made]] = deque()
    end: Any = object()
    more = True
    while more or held:
        while more and sum(isinstance(f, Future) and not f.done() for _, f in held) < waiting:
            item = next(items, end)
            more = item is not end
            if more:
                held.append((item, executor.submit(there, item)))
        if not held:
            return
        item, result = held[0]
        if isinstance(result, _Made):
            held.popleft()
            yield result.value
        elif result.done():
            held.popleft()
            yield result.result()
        elif more and len(held) < most:
            ahead = next(items, end)
            more = ahead is not end
            if more:
                held.append((ahead, _Made(here(ahead))))
        elif result.cancel():  # no process has begun with it
            held[0] = item, _Made(here(item))
        else:
            _help(held, here)


def _help(held: deque[tuple[I, Any]], here: Callable[[I], O]) -> None:
    """Take over the last item that no process has begun with; else wait for the first."""
    for place in range(len(held) - 1, 0, -1):
        item, result = held[place]
        if isinstance(result, Future) and result.cancel():
            held[place] = item, _Made(here(item))
            return
    held[0][1].exception()


# in the other processes


def _start(begin: Callable[..., object] | None, given: tuple[Any, ...]) -> None:
    guard()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the parent ends the others
    signal.signal(signal.SIGTERM, signal.SIG_DFL)  # what the parent does on it is the parent's
    threading.Thread(target=_end_with_parent, daemon=True).start()
    seldom()
    if begin:
        begin(*given)


def _end_with_parent() -> None:
    """End this process where the one that started it is killed; it would wait for work for ever."""
    if parent := multiprocessing.parent_process():
        parent.join()
        os._exit(1)
