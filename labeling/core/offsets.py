"""Spans of text: trimming and overlap. All offsets are Unicode code points, half-open: `text[start:end]`."""

from bisect import bisect_left
from collections.abc import Iterable
from operator import attrgetter
from typing import Protocol, TypeVar


class HasOffsets(Protocol):
    """Anything with a start and an end."""

    @property
    def start(self) -> int:
        """The first code point."""

    @property
    def end(self) -> int:
        """The code point after the last."""


E = TypeVar("E", bound=HasOffsets)


def trim(text: str, start: int, end: int) -> tuple[int, int]:
    """The same extent without white space at its edges; `start == end` where nothing else is in it.

    >>> trim("he said ok", 2, 8)
    (3, 7)
    """
    while start < end and text[start].isspace():
        start += 1
    while start < end and text[end - 1].isspace():
        end -= 1
    return start, end


def overlaps(a: HasOffsets, b: HasOffsets) -> bool:
    """Whether two extents share at least one code point."""
    return a.start < b.end and b.start < a.end


def without_overlap(extents: Iterable[E]) -> tuple[list[E], list[tuple[E, E]]]:
    """The extents that can stand side by side, in order of text, and each other one with the one that it gave way to.

    The longest extent wins; among equals the first in the text, then the first given. This is the choice that
    `spacy.util.filter_spans` makes, but here nothing disappears.
    """
    kept: list[E] = []
    shadowed: list[tuple[E, E]] = []
    group: list[E] = []  # the last one, and extents before it of which each overlaps one before itself
    end = 0
    for extent in sorted(extents, key=attrgetter("start")):
        if extent.start < end:
            group.append(extent)
            end = max(end, extent.end)
            continue
        if len(group) > 1:
            _settle(group, kept, shadowed)
        else:
            kept += group
        group = [extent]
        end = extent.end
    _settle(group, kept, shadowed)
    return kept, shadowed


def _settle(group: list[E], kept: list[E], shadowed: list[tuple[E, E]]) -> None:
    starts: list[int] = []
    mine: list[E] = []
    gone: list[tuple[E, E]] = []
    for extent in sorted(group, key=lambda e: e.start - e.end):
        # those kept do not overlap each other, so only the neighbours can overlap this one
        place = bisect_left(starts, extent.start)
        winner = next((k for k in mine[max(0, place - 1) : place + 1] if overlaps(k, extent)), None)
        if winner is None:
            starts.insert(place, extent.start)
            mine.insert(place, extent)
        else:
            gone.append((extent, winner))
    kept += mine
    shadowed += sorted(gone, key=lambda pair: pair[0].start)


def context(text: str, start: int, end: int, width: int = 30) -> str:
    """The extent in its surroundings, on one line, for messages.

    >>> context("He said yes.", 3, 7)
    'He ⟦said⟧ yes.'
    """
    before, after = text[max(0, start - width) : start], text[end : end + width]
    shown = f"{before}⟦{text[start:end]}⟧{after}"
    return " ".join(shown.split())
