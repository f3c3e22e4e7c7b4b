"""Every difference between what is gold and what a model found, in its sentence."""

from bisect import bisect_right
from collections.abc import Iterator
from typing import Literal

from labeling.core.value import Value
from labeling.nlp.evaluation.judged import Arrow, ArrowKey, Judged, Mark, Pair, aligned

Kind = Literal["missed", "spurious", "wrong edge", "wrong label"]
KINDS: tuple[Kind, ...] = ("missed", "spurious", "wrong edge", "wrong label")
End = Literal["head", "tail"]
ENDS: tuple[End, ...] = ("head", "tail")


class Place(Value):
    """A labelled stretch of the document, `text[start:end]` in code points; `score` and `source` where it was found."""

    start: int
    end: int
    label: str
    text: str
    score: float | None = None
    source: str = ""


class Link(Value):
    """A labelled relation between two places."""

    head: Place
    tail: Place
    label: str


class Sentence(Value):
    """The sentences of the document in which it stands: `text[start:end]` in code points."""

    start: int
    end: int
    text: str


class Error(Value):
    """A difference: what is gold, what was found, and where.

    A span is `missed` or `spurious` where nothing overlaps it on the other side; it has a `wrong label` where what
    overlaps it has another one (whatever the edges), else a `wrong edge`. A relation is `missed` or `spurious`, or has
    a `wrong label` where its two ends are right and joined by another one; `lost` are those of its ends that are not
    there on the other side, so that it could not be right.

    `url` is the task's address in Label Studio, as far as known, and `where` file and number of the task otherwise.
    """

    layer: str
    of: Literal["span", "relation"]
    kind: Kind
    doc_id: str
    url: str = ""
    where: str = ""
    gold: Place | Link | None
    found: Place | Link | None
    lost: tuple[End, ...] = ()
    sentence: Sentence


def errors_of(doc: Judged, layer: str) -> Iterator[Error]:
    """The differences in a document, spans before relations, each in order of text; only labels of the gold count."""
    wrong = [pair for pair in aligned(doc.gold, doc.found) if not _is_right(pair)]
    for gold, found in sorted(wrong, key=lambda pair: min(mark.key for mark in pair if mark)):
        yield Error(
            layer=layer,
            of="span",
            kind=_kind(gold, found),
            doc_id=doc.doc_id,
            gold=_place(doc, gold) if gold else None,
            found=_place(doc, found) if found else None,
            sentence=_sentence(doc, *(mark for mark in (gold, found) if mark)),
        )
    yield from _relation_errors(doc, layer)


def _is_right(pair: Pair) -> bool:
    gold, found = pair
    return gold is not None and found is not None and gold.key == found.key


def _kind(gold: Mark | None, found: Mark | None) -> Kind:
    if gold is None:
        return "spurious"
    if found is None:
        return "missed"
    return "wrong edge" if gold.label == found.label else "wrong label"


def _relation_errors(doc: Judged, layer: str) -> Iterator[Error]:
    gold_keys, found_keys = ({arrow.key for arrow in arrows} for arrows in (doc.gold_arrows, doc.found_arrows))
    missed = [arrow for arrow in doc.gold_arrows if arrow.key not in found_keys]
    spurious = [arrow for arrow in doc.found_arrows if arrow.key not in gold_keys]
    pairs: list[tuple[Arrow | None, Arrow | None]] = []
    for arrow in missed:
        other = next((each for each in spurious if each.key[:2] == arrow.key[:2]), None)
        if other:
            spurious.remove(other)
        pairs.append((arrow, other))
    pairs += ((None, arrow) for arrow in spurious)
    marks = {"gold": {mark.key for mark in doc.gold}, "found": {mark.key for mark in doc.found}}
    for gold, found in sorted(pairs, key=_first):
        ends = [mark for arrow in (gold, found) if arrow for mark in (arrow.head, arrow.tail)]
        others = marks["found" if gold else "gold"]
        is_pair = gold is not None and found is not None
        yield Error(
            layer=layer,
            of="relation",
            kind="wrong label" if is_pair else "missed" if gold else "spurious",
            doc_id=doc.doc_id,
            gold=_link(doc, gold) if gold else None,
            found=_link(doc, found) if found else None,
            lost=() if is_pair else tuple(n for n, mark in zip(ENDS, ends, strict=True) if mark.key not in others),
            sentence=_sentence(doc, *ends),
        )


def _first(pair: tuple[Arrow | None, Arrow | None]) -> ArrowKey:
    return min(arrow.key for arrow in pair if arrow)


def _place(doc: Judged, mark: Mark) -> Place:
    return Place(
        start=mark.start,
        end=mark.end,
        label=mark.label,
        text=doc.text[mark.start : mark.end],
        score=None if mark.score is None else round(mark.score, 4),
        source=mark.source,
    )


def _link(doc: Judged, arrow: Arrow) -> Link:
    return Link(head=_place(doc, arrow.head), tail=_place(doc, arrow.tail), label=arrow.label)


def _sentence(doc: Judged, *marks: Mark) -> Sentence:
    """The sentence of the marks; where they stand in several, these with what lies between."""
    first = bisect_right(doc.starts, min(mark.start for mark in marks)) - 1
    last = bisect_right(doc.starts, max(mark.end for mark in marks) - 1)
    start, end = doc.starts[first], doc.starts[last] if last < len(doc.starts) else len(doc.text)
    text = doc.text[start:end]
    start += len(text) - len(text.lstrip())
    return Sentence(start=start, end=start + len(text.strip()), text=text.strip())
