"""How a verb shows that it is at work, without knowing who looks."""

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext
from typing import Protocol, TypeVar

T = TypeVar("T")


class Within:
    """Told how far the item at work is, as far as it takes long; passed on to whoever shows progress."""

    def __init__(self) -> None:
        self.listener: Callable[[int, float], None] = lambda characters, share: None

    def __call__(self, characters: int, share: float) -> None:
        """So many characters more are done, and so large a share (0 to 1) of the item at work."""
        self.listener(characters, share)


class Track(Protocol):
    """Something that passes items through and shows how many went by."""

    def __call__(
        self, items: Iterable[T], what: str, total: int | None = None, within: Within | None = None
    ) -> Iterable[T]:
        """The same items; `within` is told how far the next one is."""


def unseen(items: Iterable[T], what: str, total: int | None = None, within: Within | None = None) -> Iterable[T]:
    """The same items, and nobody looks."""
    return items


class Advance(Protocol):
    """Told of work that was done: so many bytes were read, so many items are done."""

    def __call__(self, size: int = 0, items: int = 0) -> None:
        """Nothing."""


class Meter(Protocol):
    """Something that shows how far a reading is; `total` is in bytes."""

    def __call__(self, what: str, total: int) -> AbstractContextManager[Advance]:
        """What is to be told of the work."""


def unmetered(what: str, total: int) -> AbstractContextManager[Advance]:
    """Nobody looks."""
    return nullcontext(lambda size=0, items=0: None)


class Working(Protocol):
    """Something that shows how far one piece of work is."""

    def __call__(self, what: str) -> AbstractContextManager[Callable[[float, str], None]]:
        """What is to be told the share (0 to 1) that was done since the last time, and what is next."""


def unwatched(what: str) -> AbstractContextManager[Callable[[float, str], None]]:
    """Nobody looks."""
    return nullcontext(lambda share, step: None)
