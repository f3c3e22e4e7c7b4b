"""The differences between gold and a model's predictions, each with its sentence."""

from bisect import bisect_right
from collections.abc import Iterator
from typing import Literal

from labeling.core.value import Value
from labeling.nlp.evaluation.judged import Judged, Mark, Pair, Relation, RelationKey, aligned

Kind = Literal["missed", "spurious", "wrong edge", "wrong label"]
KINDS: tuple[Kind, ...] = ("missed", "spurious", "wrong edge", "wrong label")
End = Literal["head", "tail"]
ENDS: tuple[End, ...] = ("head", "tail")


class ErrorSpan(Value):
    """A labelled span, `text[start:end]` in code points; only found spans have a `score` and `source`."""

    start: int
    end: int
    label: str
    text: str
    score: float | None = None
    source: str = ""


class ErrorRelation(Value):
    """A labelled relation between two spans."""

    head: ErrorSpan
    tail: ErrorSpan
    label: str


class Sentence(Value):
    """The sentence, or sentences, around an error: `text[start:end]` in code points."""

    start: int
    end: int
    text: str


class Error(Value):
    """A difference between the gold and the found spans or relations.

    A span is `missed` or `spurious` if it has no counterpart; it has a `wrong label` if its counterpart's label differs
    (whatever the edges), else a `wrong edge`. A relation is `missed` or `spurious`, or has a `wrong label` if its two
    ends are right and another relation joins them; `lost` names the ends that are missing on the other side, without
    which it could not be right.

    `url` is the task's address in Label Studio if known; otherwise `where` has the file and number of the task.
    """

    layer: str
    of: Literal["span", "relation"]
    kind: Kind
    doc_id: str
    url: str = ""
    where: str = ""
    gold: ErrorSpan | ErrorRelation | None
    found: ErrorSpan | ErrorRelation | None
    lost: tuple[End, ...] = ()
    sentence: Sentence


def errors_of(doc: Judged, layer: str) -> Iterator[Error]:
    """The differences in a document, spans before relations, each in text order."""
    wrong = [pair for pair in aligned(doc.gold, doc.found) if not _is_right(pair)]
    for gold, found in sorted(wrong, key=lambda pair: min(mark.key for mark in pair if mark)):
        yield Error(
            layer=layer,
            of="span",
            kind=_kind(gold, found),
            doc_id=doc.doc_id,
            gold=_span(doc, gold) if gold else None,
            found=_span(doc, found) if found else None,
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
    gold_keys, found_keys = (
        {relation.key for relation in relations} for relations in (doc.gold_relations, doc.found_relations)
    )
    missed = [relation for relation in doc.gold_relations if relation.key not in found_keys]
    spurious = [relation for relation in doc.found_relations if relation.key not in gold_keys]
    pairs: list[tuple[Relation | None, Relation | None]] = []
    for relation in missed:
        other = next((each for each in spurious if each.key[:2] == relation.key[:2]), None)
        if other:
            spurious.remove(other)
        pairs.append((relation, other))
    pairs += ((None, relation) for relation in spurious)
    marks = {"gold": {mark.key for mark in doc.gold}, "found": {mark.key for mark in doc.found}}
    for gold, found in sorted(pairs, key=_first):
        ends = [mark for relation in (gold, found) if relation for mark in (relation.head, relation.tail)]
        others = marks["found" if gold else "gold"]
        is_pair = gold is not None and found is not None
        yield Error(
            layer=layer,
            of="relation",
            kind="wrong label" if is_pair else "missed" if gold else "spurious",
            doc_id=doc.doc_id,
            gold=_relation(doc, gold) if gold else None,
            found=_relation(doc, found) if found else None,
            lost=() if is_pair else tuple(n for n, mark in zip(ENDS, ends, strict=True) if mark.key not in others),
            sentence=_sentence(doc, *ends),
        )


def _first(pair: tuple[Relation | None, Relation | None]) -> RelationKey:
    return min(relation.key for relation in pair if relation)


def _span(doc: Judged, mark: Mark) -> ErrorSpan:
    return ErrorSpan(
        start=mark.start,
        end=mark.end,
        label=mark.label,
        text=doc.text[mark.start : mark.end],
        score=None if mark.score is None else round(mark.score, 4),
        source=mark.source,
    )


def _relation(doc: Judged, relation: Relation) -> ErrorRelation:
    return ErrorRelation(head=_span(doc, relation.head), tail=_span(doc, relation.tail), label=relation.label)


def _sentence(doc: Judged, *marks: Mark) -> Sentence:
    """The sentence of the spans; from the first to the last if there are several."""
    first = bisect_right(doc.starts, min(mark.start for mark in marks)) - 1
    last = bisect_right(doc.starts, max(mark.end for mark in marks) - 1)
    start, end = doc.starts[first], doc.starts[last] if last < len(doc.starts) else len(doc.text)
    text = doc.text[start:end]
    start += len(text) - len(text.lstrip())
    return Sentence(start=start, end=start + len(text.strip()), text=text.strip())
