"""Judged documents → the numbers of right, found and gold spans and relations, by document and label."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy
from numpy.typing import NDArray

from labeling.core.bootstrap import FOUND, GOLD, RIGHT
from labeling.core.copies import clusters, signature
from labeling.core.effort import Mark as EffortMark
from labeling.core.effort import Marks, gestures
from labeling.core.words import words
from labeling.nlp.evaluation.judged import Judged, Mark, aligned

Array = NDArray[Any]


@dataclass(frozen=True, slots=True)
class Counts:
    """The counts of a test, for `labeling.core.bootstrap`; arrays have a row per document and a column per label.

    Attributes:
        labels: The labels of spans that the gold has.
        exact: Right (both edges and the label), found and gold spans; shape (documents, labels, 3).
        overlap: The same, counting a span as right if it overlaps a gold one of its label; spans are paired one to one.
        relation_labels: The labels of relations that the gold has.
        relations: Right (the label, and the edges and labels of both ends), found and gold; (documents, relations, 3).
        work: The gestures it takes to correct the found spans, and to label by hand (`labeling.core.effort`); shape
            (documents, 2).
        groups: For each document, the number of its group of near-duplicates.
    """

    labels: tuple[str, ...]
    exact: Array
    overlap: Array
    relation_labels: tuple[str, ...]
    relations: Array
    work: Array
    groups: tuple[int, ...]


def counts_of(
    docs: Sequence[Judged], labels: Iterable[str] | None = None, relations: Iterable[str] | None = None
) -> Counts:
    """The counts of the documents, for the given labels and relations, or else those of the gold.

    Found spans of other labels, or in unreviewed ranges, are not counted.
    """
    names = tuple(sorted({mark.label for doc in docs for mark in doc.gold} if labels is None else set(labels)))
    relation_names = tuple(
        sorted(
            {relation.label for doc in docs for relation in doc.gold_relations} if relations is None else set(relations)
        )
    )
    columns = {name: number for number, name in enumerate(names)}
    relation_columns = {name: number for number, name in enumerate(relation_names)}
    exact, overlap = (numpy.zeros((len(docs), len(names), 3), numpy.int64) for _ in range(2))
    links = numpy.zeros((len(docs), len(relation_names), 3), numpy.int64)
    work = numpy.zeros((len(docs), 2), numpy.int64)
    for row, whole in enumerate(docs):
        doc = whole.within(frozenset(names), frozenset(relation_names))
        gold = [mark for mark in doc.gold if mark.label in columns]
        for kind, marks in ((GOLD, gold), (FOUND, doc.found)):
            for mark in marks:
                exact[row, columns[mark.label], kind] += 1
        overlap[row] = exact[row]
        for wanted, found in aligned(gold, doc.found):
            if wanted and found and wanted.label == found.label:
                overlap[row, columns[wanted.label], RIGHT] += 1
                exact[row, columns[wanted.label], RIGHT] += wanted.key == found.key
        wanted_relations = [relation for relation in doc.gold_relations if relation.label in relation_columns]
        keys = {relation.key for relation in wanted_relations}
        for relation in wanted_relations:
            links[row, relation_columns[relation.label], GOLD] += 1
        for relation in doc.found_relations:
            links[row, relation_columns[relation.label], FOUND] += 1
            links[row, relation_columns[relation.label], RIGHT] += relation.key in keys
        work[row] = gestures(_marks(whole, gold), _marks(whole, doc.found), frozenset(names))
    groups = clusters([signature(words(doc.text)) for doc in docs])
    return Counts(names, exact, overlap, relation_names, links, work, tuple(groups.tolist()))


def effort_saved(sums: Array) -> Array:
    """The share of gestures that a pre-annotation saves: (…, 2) → (…); nan if there is nothing to label."""
    left, by_hand = sums[..., 0], sums[..., 1]
    saved: Array = numpy.full(numpy.shape(by_hand), numpy.nan)
    numpy.divide(by_hand - left, by_hand, out=saved, where=numpy.asarray(by_hand) > 0)
    return saved


def _marks(doc: Judged, marks: Iterable[Mark]) -> Marks:
    spans = tuple(EffortMark(start=mark.start, end=mark.end, label=mark.label) for mark in marks)
    return Marks(text=doc.text, spans=spans, unknown=doc.unknown)
