"""An ordered, bounded map over chunks of work: everything that runs in several processes runs through it.

This process works too, instead of waiting for the others. On Linux these are forked from it with everything that it has
loaded, which costs nothing. If forking is not safe, because of other threads or another system, they are fresh
interpreters, and are only started for enough chunks to be worth it.
"""

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
from contextlib import ExitStack, contextmanager
from itertools import chain, islice
from typing import Any, TypeVar

from labeling.errors import InputError
from labeling.terminal import guard

I = TypeVar("I")  # noqa: E741
O = TypeVar("O")  # noqa: E741
Map = Callable[[Callable[[I], O], Iterable[I]], Iterator[O]]

AHEAD = 4  # chunks per process that are read ahead, so that no process is idle, and memory stays flat
FEW = 30  # chunks that make it worth starting fresh interpreters
# Objects made from articles and tasks hardly ever form cycles; looking for some every 700 objects, Python's default,
# takes a tenth of the time.
OBJECTS_BETWEEN_COLLECTIONS = 100_000
SWITCH_SECONDS = 0.0001  # while this process works, one of its threads feeds the others, which would wait for it
THREADED = {"pyarrow"}  # packages with threads that Python does not count


def in_chunks(items: Iterable[I], size: int) -> Iterator[list[I]]:
    """The items in lists of `size`; the last may be shorter."""
    iterator = iter(items)
    while chunk := list(islice(iterator, size)):
        yield chunk


def cores() -> int:
    """The number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextmanager
def workers(jobs: int, begin: Callable[[], object] = int) -> Iterator[Map[Any, Any]]:
    """A map that runs in `jobs` processes, including this one; each calls `begin` before its first chunk.

    Results come in the order of the chunks, and chunks are read only as far ahead as the processes can soon work on.
    The function, `begin` and the chunks must be picklable. What `begin` raises in another process, the map raises.

    Raises:
        InputError: A process was killed, as the system does when memory runs out.
    """
    threshold, interval = gc.get_threshold(), sys.getswitchinterval()
    gc.set_threshold(OBJECTS_BETWEEN_COLLECTIONS)
    with ExitStack() as stack:
        stack.callback(gc.set_threshold, *threshold)
        begin()
        forked = None
        if jobs > 1 and can_fork():
            forked = stack.enter_context(_processes("fork", jobs - 1, begin))
            forked.submit(int)  # fork now, before a progress bar starts its thread
        if jobs > 1:
            sys.setswitchinterval(SWITCH_SECONDS)
            stack.callback(sys.setswitchinterval, interval)

        def mapped(function: Callable[[I], O], chunks: Iterable[I]) -> Iterator[O]:
            nonlocal forked
            waiting = iter(chunks)
            if jobs > 1 and forked is None:
                first = list(islice(waiting, FEW))
                waiting = chain(first, waiting)
                if len(first) == FEW:
                    forked = stack.enter_context(_processes("spawn", jobs - 1, begin))
            return map(function, waiting) if forked is None else _ordered(forked, jobs * AHEAD, function, waiting)

        yield mapped


def in_own_process(function: Callable[..., O], *arguments: Any) -> O:
    """What the function returns in a process of its own, whose memory is freed when it ends."""
    with _processes("fork" if can_fork() else "spawn", 1, int) as executor:
        return executor.submit(function, *arguments).result()


def can_fork() -> bool:
    """Whether forking this process is safe: a lock held by another thread would stay locked in the child for ever."""
    return sys.platform == "linux" and threading.active_count() == 1 and not THREADED & sys.modules.keys()


@contextmanager
def _processes(method: str, count: int, begin: Callable[[], object]) -> Iterator[ProcessPoolExecutor]:
    executor = ProcessPoolExecutor(count, multiprocessing.get_context(method), _start, (begin,))
    try:
        yield executor
    finally:
        executor.shutdown(cancel_futures=True)


def _ordered(
    executor: ProcessPoolExecutor, window: int, function: Callable[[I], O], chunks: Iterator[I]
) -> Iterator[O]:
    held: deque[tuple[I, Future[O]]] = deque()
    try:
        while True:
            for chunk in islice(chunks, window - len(held)):
                held.append((chunk, executor.submit(_call, function, chunk)))
            if not held:
                return
            if held[0][1].done():
                yield held.popleft()[1].result()
            else:
                _help(held, function)
    except BrokenProcessPool as error:
        raise InputError(
            "A process of this command was killed, probably because memory ran out.", "Try --jobs 1."
        ) from error


def _help(held: deque[tuple[I, Future[O]]], function: Callable[[I], O]) -> None:
    """Do the last chunk that no process has begun; if there is none, wait for the first."""
    for place in reversed(range(len(held))):
        chunk, begun = held[place]
        if begun.cancel():
            made: Future[O] = Future()
            made.set_result(function(chunk))
            held[place] = chunk, made
            return
    held[0][1].exception()


# What runs in the other processes.

_to_begin: list[Callable[[], object]] = []


def _start(begin: Callable[[], object]) -> None:
    guard()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the parent ends the others
    signal.signal(signal.SIGTERM, signal.SIG_DFL)  # not the parent's handler
    threading.Thread(target=_end_with_parent, daemon=True).start()
    gc.set_threshold(OBJECTS_BETWEEN_COLLECTIONS)
    _to_begin[:] = [begin]


def _call(function: Callable[[I], O], chunk: I) -> O:
    if _to_begin:  # with the first chunk, so that its errors are raised like any other
        _to_begin[0]()
        _to_begin.clear()
    return function(chunk)


def _end_with_parent() -> None:
    """End this process when its parent is killed, instead of waiting for work for ever."""
    if parent := multiprocessing.parent_process():
        parent.join()
        os._exit(1)
