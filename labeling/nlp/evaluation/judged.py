"""A document of a test: what is gold in it, what a model found, and of which of that the gold says something."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

Bounds = tuple[int, int]
Key = tuple[int, int, str]
ArrowKey = tuple[Key, Key, str]


class Mark(NamedTuple):
    """A labelled stretch `text[start:end]` (code points); `score` and `source` are those of whoever found it."""

    start: int
    end: int
    label: str
    score: float | None = None
    source: str = ""

    @property
    def key(self) -> Key:
        """What makes it right: both edges and the label."""
        return self.start, self.end, self.label


class Arrow(NamedTuple):
    """A labelled relation from one mark to another."""

    head: Mark
    tail: Mark
    label: str

    @property
    def key(self) -> ArrowKey:
        """What makes it right: its label, and the edges and labels of both ends."""
        return self.head.key, self.tail.key, self.label


@dataclass(frozen=True, slots=True)
class Judged:
    """A gold document, and what a model found in it. Each mark and each arrow stands once, in order of text.

    Attributes:
        doc_id: The document's id; "" where it has none.
        text: Its text.
        gold: The gold marks, perhaps overlapping.
        found: What the model marked, of any label.
        gold_arrows: The gold relations.
        found_arrows: Those that the model gave.
        unknown: Stretches that nobody knows about, in order: what is found there is neither right nor wrong, unless it
            is gold.
        starts: Where its sentences start (code points); the first is 0.
    """

    doc_id: str
    text: str
    gold: tuple[Mark, ...] = ()
    found: tuple[Mark, ...] = ()
    gold_arrows: tuple[Arrow, ...] = ()
    found_arrows: tuple[Arrow, ...] = ()
    unknown: tuple[Bounds, ...] = ()
    starts: tuple[int, ...] = (0,)

    def within(self, labels: frozenset[str], relations: frozenset[str]) -> "Judged":
        """The same, of what was found only that of which the gold says something: of its labels, in known stretches."""
        right = {mark.key for mark in self.gold}
        found = (mark for mark in self.found if mark.label in labels)
        arrows_right = {arrow.key for arrow in self.gold_arrows}
        arrows = (arrow for arrow in self.found_arrows if arrow.label in relations)
        return replace(
            self,
            found=tuple(mark for mark in found if mark.key in right or not self._is_unknown(mark)),
            found_arrows=tuple(
                arrow
                for arrow in arrows
                if arrow.key in arrows_right or not (self._is_unknown(arrow.head) or self._is_unknown(arrow.tail))
            ),
        )

    def _is_unknown(self, mark: Mark) -> bool:
        return any(mark.start < end and start < mark.end for start, end in self.unknown)


def in_order(marks: Iterable[Mark]) -> tuple[Mark, ...]:
    """The marks in order of text, each once; of two that are the same but for their score, the surer one."""
    best: dict[Key, Mark] = {}
    for mark in marks:
        if mark.key not in best or (mark.score or 0) > (best[mark.key].score or 0):
            best[mark.key] = mark
    return tuple(best[key] for key in sorted(best))


def arrows_in_order(arrows: Iterable[Arrow]) -> tuple[Arrow, ...]:
    """The arrows in order of their heads, each once."""
    once = {arrow.key: arrow for arrow in arrows}
    return tuple(once[key] for key in sorted(once))


Pair = tuple[Mark | None, Mark | None]  # gold and found; None where there is no counterpart


def aligned(gold: Iterable[Mark], found: Iterable[Mark]) -> Iterator[Pair]:
    """Each gold mark with the found one that stands for it, then each mark without a counterpart.

    First come marks of the same label that share a character, then others that do. Each mark is in one pair; of several
    that could be, the one with most in common (intersection over union) is taken, then the first in the text. So equal
    marks always meet.
    """
    left, right = list(gold), list(found)
    for same_label in (True, False):
        for pair in _overlapping(left, right, same_label=same_label):
            left.remove(pair[0])
            right.remove(pair[1])
            yield pair
    yield from ((mark, None) for mark in left)
    yield from ((None, mark) for mark in right)


def _overlapping(gold: Sequence[Mark], found: Sequence[Mark], *, same_label: bool) -> list[tuple[Mark, Mark]]:
    if not found:
        return []
    starts = [mark.start for mark in found]
    longest = max(mark.end - mark.start for mark in found)
    candidates = []
    for mark in gold:
        nearby = found[bisect_right(starts, mark.start - longest) : bisect_left(starts, mark.end)]
        for other in nearby:
            if other.end > mark.start and (mark.label == other.label) == same_label:
                both = min(mark.end, other.end) - max(mark.start, other.start)
                either = max(mark.end, other.end) - min(mark.start, other.start)
                candidates.append((-both / either, mark.key, other.key, mark, other))
    taken: set[tuple[bool, Key]] = set()
    chosen = []
    for _, key, other_key, mark, other in sorted(candidates, key=lambda each: each[:3]):
        if not {(True, key), (False, other_key)} & taken:
            taken |= {(True, key), (False, other_key)}
            chosen.append((mark, other))
    return chosen
