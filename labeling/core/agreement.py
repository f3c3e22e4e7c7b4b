"""How far two people agree on a text: their spans, relations and events, counted so that F comes out.

    F = 2 · matches / (marks of one + marks of the other)

It is the same from both sides. Every match is one to one: a span counts once, however many of the other's it touches.

- `exact`: same edges, same label.
- `trimmed`: the same, but for punctuation and white space at the edges.
- `iou50`: same label, and what both cover is at least half of what either covers.
- `overlap`: same label, and at least one character in common.
- `unlabelled`: same edges, whatever the labels.

For relations and events, spans of the same label that overlap are aligned first, so that what they cover in common is
as much as possible (Kuhn, The Hungarian method for the assignment problem, 1955). A relation matches if its label and
both its aligned ends do. An event is a span that relations start at, with their ends as its arguments; which labels
such spans have, `triggers` says. Other measures with one-to-one matching: MUC and ACE scoring, and nervaluate.
"""

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from labeling.core.labels import LabeledDoc, Relation, Span

MATCHES = ("exact", "trimmed", "iou50", "overlap")  # those that count by label
EVENTS = ("trigger", "argument", "event")
HALF = 0.5

Kind = Literal["label", "edges", "one", "relation"]
Array = NDArray[Any]
Alignment = dict[str, str]  # span id of one person → that of the other


class Names(NamedTuple):
    """The labels and relations that occur, and the labels of spans that events start at."""

    labels: tuple[str, ...]
    relations: tuple[str, ...] = ()
    triggers: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Counts:
    """What two people have in common on a text; the last axis of each array is: matches, marks of one, of the other.

    Attributes:
        spans: By kind of match (MATCHES) and label: (4, labels, 3).
        unlabelled: Spans whatever their labels: (1, 3).
        relations: All, by label: (relations, 3).
        given_ends: Those of which both ends are aligned, by label: (relations, 3).
        events: By EVENTS: triggers; arguments where the trigger agrees; events that agree in everything: (3, 3).
    """

    spans: Array
    unlabelled: Array
    relations: Array
    given_ends: Array
    events: Array


def names_of(docs: Iterable[LabeledDoc], triggers: Iterable[str] = ()) -> Names:
    """The labels and relations of the documents; without `triggers`, events start where relations do."""
    labels: set[str] = set()
    relations: set[str] = set()
    heads: set[str] = set()
    for doc in docs:
        labels.update(span.label for span in doc.spans)
        relations.update(relation.label for relation in doc.relations)
        heads.update(doc.by_id[relation.head].label for relation in doc.relations)
    return Names(tuple(sorted(labels)), tuple(sorted(relations)), frozenset(triggers) or frozenset(heads))


def counts(one: LabeledDoc, other: LabeledDoc, names: Names) -> Counts:
    """What two people have in common on the same text.

    Raises:
        ValueError: The texts differ.
    """
    if one.text != other.text:
        raise ValueError(f"the texts of {one.doc_id} and {other.doc_id} differ")
    spans = np.zeros((len(MATCHES), len(names.labels), 3), dtype=np.int64)
    for number, label in enumerate(names.labels):
        mine, theirs = ([s for s in doc.spans if s.label == label] for doc in (one, other))
        spans[:, number, 1:] = len(mine), len(theirs)
        if mine and theirs:
            common = _common(mine, theirs)
            spans[:, number, 0] = (
                _equal(mine, theirs, edges),
                _equal(mine, theirs, lambda span: trimmed(one.text, span)),
                _most(common >= HALF),
                _most(common > 0),
            )
    unlabelled = np.array([[_equal(one.spans, other.spans, edges), len(one.spans), len(other.spans)]])
    alignment = aligned(one, other)
    relations, given_ends = _relations(one, other, alignment, names.relations)
    return Counts(spans, unlabelled, relations, given_ends, _events(one, other, alignment, names.triggers))


def edges(span: Span) -> tuple[int, int]:
    """The edges of a span, in code points."""
    return span.start, span.end


def trimmed(text: str, span: Span) -> tuple[int, int]:
    """Its edges without punctuation, symbols and white space at them; as they are if nothing else is in it.

    >>> trimmed('said “Kyiv”,', Span(id="a", start=5, end=12, label="L"))
    (6, 10)
    """
    start, end = span.start, span.end
    while start < end and not text[start].isalnum():
        start += 1
    while start < end and not text[end - 1].isalnum():
        end -= 1
    return (start, end) if start < end else edges(span)


def aligned(one: LabeledDoc, other: LabeledDoc) -> Alignment:
    """Which span of the other is which of one: overlapping ones of the same label, covering as much as possible."""
    from scipy.optimize import linear_sum_assignment

    if _order(other) < _order(one):  # among equally good alignments, the same from both sides
        return {mine: theirs for theirs, mine in aligned(other, one).items()}
    found: Alignment = {}
    for label in {span.label for span in one.spans} & {span.label for span in other.spans}:
        mine, theirs = ([s for s in doc.spans if s.label == label] for doc in (one, other))
        common = _common(mine, theirs)
        for i, j in zip(*linear_sum_assignment(common, maximize=True), strict=True):
            if common[i, j] > 0:
                found[mine[i].id] = theirs[j].id
    return found


class Difference(NamedTuple):
    """A span or relation on which two people differ; None where a person has none.

    `kind` is `label` (same edges, other labels), `edges` (same label, other edges), `one` (only one person has the
    span), or `relation` (only one person has the relation, between ends that both have or not); `label` is that of the
    relation, else "".
    """

    kind: Kind
    mine: Span | None
    theirs: Span | None
    label: str = ""
    head: Span | None = None
    tail: Span | None = None


def differences(one: LabeledDoc, other: LabeledDoc) -> Iterator[Difference]:
    """Everything on which two people differ on a text: spans in order, then relations."""
    alignment = aligned(one, other)
    mine = {span.id: span for span in one.spans if span.id not in alignment}
    theirs = {span.id: span for span in other.spans if span.id not in alignment.values()}
    found: list[Difference] = []
    for a, b in alignment.items():
        x, y = one.by_id[a], other.by_id[b]
        if edges(x) != edges(y):
            found.append(Difference("edges", x, y))
    rest: dict[tuple[int, int], list[Span]] = {}
    for span in theirs.values():
        rest.setdefault(edges(span), []).append(span)
    for span in mine.values():
        same = rest.get(edges(span))
        match = same.pop() if same else None
        found.append(Difference("label" if match else "one", span, match))
    found += (Difference("one", None, span) for spans in rest.values() for span in spans)
    yield from sorted(found, key=_place)
    ours = {(alignment.get(head), alignment.get(tail), label) for head, tail, label in map(_key, one.relations)}
    others = {_key(relation) for relation in other.relations}
    for head, tail, label in map(_key, one.relations):
        if (alignment.get(head), alignment.get(tail), label) not in others:
            yield Difference("relation", one.by_id[head], None, label, one.by_id[head], one.by_id[tail])
    for head, tail, label in map(_key, other.relations):
        if (head, tail, label) not in ours:
            yield Difference("relation", None, other.by_id[head], label, other.by_id[head], other.by_id[tail])


def _place(found: Difference) -> tuple[int, int]:
    span = found.mine or found.theirs
    return edges(span) if span else (0, 0)


def _order(doc: LabeledDoc) -> list[tuple[int, int, str]]:
    return [(*edges(span), span.label) for span in doc.spans]


def _equal(mine: Sequence[Span], theirs: Sequence[Span], key: Callable[[Span], Hashable]) -> int:
    """How many can be matched with one of an equal key."""
    return (Counter(map(key, mine)) & Counter(map(key, theirs))).total()


def _common(mine: Sequence[Span], theirs: Sequence[Span]) -> Array:
    """Intersection over union of each pair of spans, in characters: (mine, theirs)."""
    a, b = (np.array([edges(span) for span in spans], dtype=np.int64).reshape(-1, 2) for spans in (mine, theirs))
    both = np.minimum(a[:, None, 1], b[None, :, 1]) - np.maximum(a[:, None, 0], b[None, :, 0])
    either = np.maximum(a[:, None, 1], b[None, :, 1]) - np.minimum(a[:, None, 0], b[None, :, 0])
    return np.where(both > 0, both / either, 0.0)


def _most(may_match: Array) -> int:
    """The most pairs, one to one, of those that may match."""
    mine, theirs = may_match.sum(axis=1), may_match.sum(axis=0)
    if mine.max() <= 1 or theirs.max() <= 1:  # as nearly everywhere: nobody has a choice
        return int(np.count_nonzero(theirs if mine.max() <= 1 else mine))
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import maximum_bipartite_matching

    return int((maximum_bipartite_matching(csr_array(may_match)) >= 0).sum())


def _relations(one: LabeledDoc, other: LabeledDoc, alignment: Alignment, names: Sequence[str]) -> tuple[Array, Array]:
    found = np.zeros((len(names), 3), dtype=np.int64)
    given = np.zeros_like(found)
    place = {name: number for number, name in enumerate(names)}
    mine = {_key(relation) for relation in one.relations}
    theirs = {_key(relation) for relation in other.relations}
    known = set(alignment.values())
    for head, tail, label in mine:
        ends = alignment.get(head), alignment.get(tail)
        found[place[label]] += ((*ends, label) in theirs, 1, 0)
        if None not in ends:
            given[place[label]] += ((*ends, label) in theirs, 1, 0)
    for head, tail, label in theirs:
        found[place[label], 2] += 1
        given[place[label], 2] += head in known and tail in known
    return found, given


def _key(relation: Relation) -> tuple[str, str, str]:
    return relation.head, relation.tail, relation.label


def _events(one: LabeledDoc, other: LabeledDoc, alignment: Alignment, triggers: frozenset[str]) -> Array:
    found = np.zeros((len(EVENTS), 3), dtype=np.int64)
    mine, theirs = _arguments(one, triggers), _arguments(other, triggers)
    found[(0, 2), 1:] = len(mine), len(theirs)
    for trigger, arguments in mine.items():
        if (same := alignment.get(trigger)) is None:
            continue
        others = theirs[same]
        agreed = sum((label, alignment.get(tail)) in others for label, tail in arguments)
        found[0, 0] += 1
        found[1] += (agreed, len(arguments), len(others))
        found[2, 0] += agreed == len(arguments) == len(others)
    return found


def _arguments(doc: LabeledDoc, triggers: frozenset[str]) -> dict[str, set[tuple[str, str]]]:
    """The events of a document: the id of each trigger, and the relations from it, by label and end."""
    events: dict[str, set[tuple[str, str]]] = {span.id: set() for span in doc.spans if span.label in triggers}
    for relation in doc.relations:
        if relation.head in events:
            events[relation.head].add((relation.label, relation.tail))
    return events
