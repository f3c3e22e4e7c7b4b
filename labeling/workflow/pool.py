"""Work in several processes, its results in the order of its items."""

import gc
import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from typing import Any, TypeVar

from labeling.errors import InputError

I = TypeVar("I")  # noqa: E741
O = TypeVar("O")  # noqa: E741
Map = Callable[[Callable[[I], O], Iterable[I]], Iterator[O]]

AHEAD = 2  # items a process that wait for it, so that it is never idle and memory stays flat


def cores() -> int:
    """The cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextmanager
def workers(jobs: int) -> Iterator[Map[Any, Any]]:
    """A map that runs in `jobs` processes; with one job in this process.

    Results come in the order of the items, and no more items are taken than the processes can soon work on.

    Raises:
        InputError: A process was killed, as the system does where memory runs out.
    """
    if jobs <= 1:
        yield map
        return
    # A fresh interpreter each: forking a process that has threads, as a progress bar does, may hang.
    context = multiprocessing.get_context("spawn")
    executor = ProcessPoolExecutor(jobs, context, _start)
    try:
        yield lambda function, items: _in_order(executor, jobs, function, items)
    except BrokenProcessPool as error:
        raise InputError(
            "A process of this command was killed, probably because memory ran out.", "Try --jobs 1."
        ) from error
    finally:
        executor.shutdown(cancel_futures=True)


def _start() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the parent ends its workers
    threading.Thread(target=_end_with_parent, daemon=True).start()
    # What is made of an item hardly ever holds a cycle; to look for one every 700 objects costs a tenth of the time.
    gc.set_threshold(100_000)


def _end_with_parent() -> None:
    """End this process where the one that started it is killed; it would wait for work for ever."""
    if parent := multiprocessing.parent_process():
        parent.join()
        os._exit(1)


def _in_order(executor: ProcessPoolExecutor, jobs: int, function: Callable[[I], O], items: Iterable[I]) -> Iterator[O]:
    waiting: deque[Future[O]] = deque()
    for item in items:
        waiting.append(executor.submit(function, item))
        if len(waiting) > AHEAD * jobs:
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()
