"""Protocols for progress bars, and implementations that show nothing."""

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext
from typing import Protocol, TypeVar

T = TypeVar("T")


class ItemProgress:
    """The progress within a long item, passed on to a listener."""

    def __init__(self) -> None:
        self.listener: Callable[[int, float], None] = lambda characters, share: None

    def __call__(self, characters: int, share: float) -> None:
        """Report that more characters are done, and which share (0 to 1) of the current item is done by now."""
        self.listener(characters, share)


class Track(Protocol):
    """Passes items through and shows how many there were."""

    def __call__(
        self, items: Iterable[T], what: str, total: int | None = None, within: ItemProgress | None = None
    ) -> Iterable[T]:
        """The same items; `within` reports progress within the next one."""


def no_track(
    items: Iterable[T], what: str, total: int | None = None, within: ItemProgress | None = None
) -> Iterable[T]:
    """The same items; nothing is shown."""
    return items


class Advance(Protocol):
    """Is told of progress."""

    def __call__(self, size: int = 0, items: int = 0) -> None:
        """Report that so many more bytes were read, and so many more items are done."""


Meter = Callable[[str, int], AbstractContextManager[Advance]]  # shows the progress of reading so many bytes


def no_meter(what: str, total: int) -> AbstractContextManager[Advance]:
    """A meter that shows nothing."""
    return nullcontext(lambda size=0, items=0: None)


# Shows the progress of one piece of work, and is told the share (0 to 1) done since the last call, and the next step.
Working = Callable[[str], AbstractContextManager[Callable[[float, str], None]]]


def no_working(what: str) -> AbstractContextManager[Callable[[float, str], None]]:
    """Shows nothing."""
    return nullcontext(lambda share, step: None)
