"""How a verb shows that it is at work, without knowing who looks."""

from collections.abc import Iterable
from typing import Protocol, TypeVar

T = TypeVar("T")


class Track(Protocol):
    """Something that passes items through and shows how many went by."""

    def __call__(self, items: Iterable[T], what: str, total: int | None = None) -> Iterable[T]:
        """The same items."""


def unseen(items: Iterable[T], what: str, total: int | None = None) -> Iterable[T]:
    """The same items, and nobody looks."""
    return items
