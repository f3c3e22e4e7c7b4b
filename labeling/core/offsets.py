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
    """The bounds without white space at the edges; `start == end` if there is nothing else.

    >>> trim("he said ok", 2, 8)
    (3, 7)
    """
    while start < end and text[start].isspace():
        start += 1
    while start < end and text[end - 1].isspace():
        end -= 1
    return start, end


def overlaps(a: HasOffsets, b: HasOffsets) -> bool:
    """Whether two spans share at least one code point."""
    return a.start < b.end and b.start < a.end


def without_overlap(spans: Iterable[E]) -> tuple[list[E], list[tuple[E, E]]]:
    """Spans without overlap, in order of text, and each other span paired with the longer one that it gave way to.

    The longest span wins; among equals the first in the text, then the first given. This is the choice of
    `spacy.util.filter_spans`, but nothing is lost.
    """
    kept: list[E] = []
    shadowed: list[tuple[E, E]] = []
    group: list[E] = []  # consecutive spans, each of which overlaps an earlier one
    end = 0
    for span in sorted(spans, key=attrgetter("start")):
        if span.start < end:
            group.append(span)
            end = max(end, span.end)
            continue
        if len(group) > 1:
            _settle(group, kept, shadowed)
        else:
            kept += group
        group = [span]
        end = span.end
    _settle(group, kept, shadowed)
    return kept, shadowed


def _settle(group: list[E], kept: list[E], shadowed: list[tuple[E, E]]) -> None:
    starts: list[int] = []
    mine: list[E] = []
    gone: list[tuple[E, E]] = []
    for span in sorted(group, key=lambda e: e.start - e.end):
        # kept spans do not overlap each other, so only the neighbours can overlap this one
        index = bisect_left(starts, span.start)
        winner = next((k for k in mine[max(0, index - 1) : index + 1] if overlaps(k, span)), None)
        if winner is None:
            starts.insert(index, span.start)
            mine.insert(index, span)
        else:
            gone.append((span, winner))
    kept += mine
    shadowed += sorted(gone, key=lambda pair: pair[0].start)


def context(text: str, start: int, end: int, width: int = 30) -> str:
    """The span with the text around it, on one line, for messages.

    >>> context("He said yes.", 3, 7)
    'He ⟦said⟧ yes.'
    """
    before, after = text[max(0, start - width) : start], text[end : end + width]
    shown = f"{before}⟦{text[start:end]}⟧{after}"
    return " ".join(shown.split())
