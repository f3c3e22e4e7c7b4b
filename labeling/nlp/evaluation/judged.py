"""A test document: its gold, a model's predictions, and which of those the gold can judge."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

Bounds = tuple[int, int]
Key = tuple[int, int, str]
RelationKey = tuple[Key, Key, str]


class Mark(NamedTuple):
    """A labelled span, `text[start:end]` in code points; `score` and `source` are set by the model."""

    start: int
    end: int
    label: str
    score: float | None = None
    source: str = ""

    @property
    def key(self) -> Key:
        """What must match for the span to be right: both edges and the label."""
        return self.start, self.end, self.label


class Relation(NamedTuple):
    """A labelled relation between two marks."""

    head: Mark
    tail: Mark
    label: str

    @property
    def key(self) -> RelationKey:
        """What must match for the relation to be right: its label, and the edges and labels of both ends."""
        return self.head.key, self.tail.key, self.label


@dataclass(frozen=True, slots=True)
class Judged:
    """A gold document with a model's predictions. Marks and relations are unique and in text order.

    Attributes:
        doc_id: The document's id; "" if it has none.
        text: Its text.
        gold: The gold marks, which may overlap.
        found: The model's marks, of any label.
        gold_relations: The gold relations.
        found_relations: The model's relations.
        unknown: The unreviewed ranges, in order: a mark there is neither right nor wrong, unless it is gold.
        starts: Where its sentences start (code points); the first is 0.
    """

    doc_id: str
    text: str
    gold: tuple[Mark, ...] = ()
    found: tuple[Mark, ...] = ()
    gold_relations: tuple[Relation, ...] = ()
    found_relations: tuple[Relation, ...] = ()
    unknown: tuple[Bounds, ...] = ()
    starts: tuple[int, ...] = (0,)

    def within(self, labels: frozenset[str], relations: frozenset[str]) -> "Judged":
        """The document without predictions that the gold cannot judge: of other labels, or in unreviewed ranges."""
        right = {mark.key for mark in self.gold}
        found = (mark for mark in self.found if mark.label in labels)
        right_relations = {relation.key for relation in self.gold_relations}
        found_relations = (relation for relation in self.found_relations if relation.label in relations)
        return replace(
            self,
            found=tuple(mark for mark in found if mark.key in right or not self._is_unknown(mark)),
            found_relations=tuple(
                relation
                for relation in found_relations
                if relation.key in right_relations
                or not (self._is_unknown(relation.head) or self._is_unknown(relation.tail))
            ),
        )

    def _is_unknown(self, mark: Mark) -> bool:
        return any(mark.start < end and start < mark.end for start, end in self.unknown)


def in_order(marks: Iterable[Mark]) -> tuple[Mark, ...]:
    """The marks in text order without duplicates; of two that differ only in score, the higher-scoring one."""
    best: dict[Key, Mark] = {}
    for mark in marks:
        if mark.key not in best or (mark.score or 0) > (best[mark.key].score or 0):
            best[mark.key] = mark
    return tuple(best[key] for key in sorted(best))


def relations_in_order(relations: Iterable[Relation]) -> tuple[Relation, ...]:
    """The relations in order of their heads, without duplicates."""
    once = {relation.key: relation for relation in relations}
    return tuple(once[key] for key in sorted(once))


Pair = tuple[Mark | None, Mark | None]  # gold and found; None if there is no counterpart


def aligned(gold: Iterable[Mark], found: Iterable[Mark]) -> Iterator[Pair]:
    """The gold and found marks in pairs, then each mark without a counterpart.

    Overlapping marks of the same label are paired first, then other overlapping ones. Each mark is in one pair; pairs
    with the highest intersection over union are made first, ties in text order, so equal marks are always paired.
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
