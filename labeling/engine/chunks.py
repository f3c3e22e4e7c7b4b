"""Items in chunks, and what becomes of a chunk that kills the workers."""

import gc
import socket
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from typing import Any, NamedTuple, TypeVar

from labeling.errors import InputError

I = TypeVar("I")  # noqa: E741

AHEAD = 4  # chunks per worker that are read ahead, so that none is idle, and memory stays flat
KILLS = 4  # workers that a chunk has to kill until it is set aside: others may kill one while it is at work on it
FALSE_STARTS = 10  # workers in a row that are killed before they have begun, until that is the end
# Objects made from articles and tasks hardly ever form cycles; looking for some every 700 objects, Python's default,
# takes a tenth of the time.
OBJECTS_BETWEEN_COLLECTIONS = 100_000
MEMORY = "probably because memory ran out"


class Rescue(NamedTuple):
    """What to do about a chunk that kills the workers.

    Attributes:
        pieces: The chunk as smaller ones, of which the culprit is found; each gives a result of its own.
        instead: The result for a piece that kills the workers too; it should tell what was lost.
    """

    pieces: Callable[[Any], Sequence[Any]]
    instead: Callable[[Any], Any]


@contextmanager
def few_collections() -> Iterator[None]:
    """Look for garbage seldom, in the process that hands out chunks too."""
    threshold = gc.get_threshold()
    gc.set_threshold(OBJECTS_BETWEEN_COLLECTIONS)
    try:
        yield
    finally:
        gc.set_threshold(*threshold)


def in_chunks(items: Iterable[I], size: int) -> Iterator[list[I]]:
    """The items in lists of `size`; the last may be shorter."""
    iterator = iter(items)
    while chunk := list(islice(iterator, size)):
        yield chunk


def kills_workers() -> InputError:
    """The error about a chunk that kills the workers, where nothing can stand for it."""
    return InputError(f"{KILLS} processes of this command were killed over the same work, {MEMORY}.", "Try --jobs 1.")


def dies_at_the_beginning(hint: str = "Try --jobs 1.") -> InputError:
    """The error about workers that are killed before they begin to work."""
    return InputError(f"A process of this command was killed while it was starting, {MEMORY}.", hint)


def has_full_disk(error: OSError) -> InputError:
    """The error about a worker that could not write a temporary file; it names the machine, which may be another."""
    return InputError(
        f"There is no room for temporary files on {socket.gethostname()}, where a process of this command ran: "
        f"{error.strerror or error}.",
        f"Free some space there, in {_temporary()} for instance, and run the same command again.",
    )


def _temporary() -> str:
    try:
        return tempfile.gettempdir()
    except OSError:  # it is so full that no folder can be used
        return "/tmp"  # noqa: S108 - it is only named
