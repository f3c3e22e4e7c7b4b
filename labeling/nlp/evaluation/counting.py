"""Judged documents → how many marks and relations are right, found and gold, for each document and label."""

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
    """Counts of a test, for `labeling.core.bootstrap`; arrays have a row a document, and a column a label.

    Attributes:
        labels: The labels of spans that the gold has.
        exact: Right (both edges and the label), found and gold spans; shape (documents, labels, 3).
        overlap: The same, where a span is right that shares a character with one of its label, each with one at most.
        relation_labels: The labels of relations that the gold has.
        relations: Right (the label, both ends' edges and labels), found and gold relations; (documents, relations, 3).
        work: The gestures that a correction of what was found takes, and those that labelling by hand takes, by
            `labeling.core.effort`; shape (documents, 2).
        groups: Of each document, the number of the group of near-duplicates that it is in.
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
    """The counts of the documents, for the labels and relations that their gold has, or for those that are named.

    What was found of other labels, and in stretches that nobody knows about, counts for nothing.
    """
    names = tuple(sorted({mark.label for doc in docs for mark in doc.gold} if labels is None else set(labels)))
    arrows = tuple(
        sorted({arrow.label for doc in docs for arrow in doc.gold_arrows} if relations is None else set(relations))
    )
    place = {name: number for number, name in enumerate(names)}
    arrow_place = {name: number for number, name in enumerate(arrows)}
    exact, overlap = (numpy.zeros((len(docs), len(names), 3), numpy.int64) for _ in range(2))
    links = numpy.zeros((len(docs), len(arrows), 3), numpy.int64)
    work = numpy.zeros((len(docs), 2), numpy.int64)
    for row, whole in enumerate(docs):
        doc = whole.within(frozenset(names), frozenset(arrows))
        gold = [mark for mark in doc.gold if mark.label in place]
        for kind, marks in ((GOLD, gold), (FOUND, doc.found)):
            for mark in marks:
                exact[row, place[mark.label], kind] += 1
        overlap[row] = exact[row]
        for wanted, found in aligned(gold, doc.found):
            if wanted and found and wanted.label == found.label:
                overlap[row, place[wanted.label], RIGHT] += 1
                exact[row, place[wanted.label], RIGHT] += wanted.key == found.key
        wanted_arrows = [arrow for arrow in doc.gold_arrows if arrow.label in arrow_place]
        keys = {arrow.key for arrow in wanted_arrows}
        for arrow in wanted_arrows:
            links[row, arrow_place[arrow.label], GOLD] += 1
        for arrow in doc.found_arrows:
            links[row, arrow_place[arrow.label], FOUND] += 1
            links[row, arrow_place[arrow.label], RIGHT] += arrow.key in keys
        work[row] = gestures(_marks(whole, gold), _marks(whole, doc.found), frozenset(names))
    groups = clusters([signature(words(doc.text)) for doc in docs])
    return Counts(names, exact, overlap, arrows, links, work, tuple(groups.tolist()))


def effort_saved(sums: Array) -> Array:
    """The share of the gestures that a pre-annotation saves: (…, 2) → (…); nan where there is nothing to label."""
    left, by_hand = sums[..., 0], sums[..., 1]
    saved: Array = numpy.full(numpy.shape(by_hand), numpy.nan)
    numpy.divide(by_hand - left, by_hand, out=saved, where=numpy.asarray(by_hand) > 0)
    return saved


def _marks(doc: Judged, marks: Iterable[Mark]) -> Marks:
    spans = tuple(EffortMark(start=mark.start, end=mark.end, label=mark.label) for mark in marks)
    return Marks(text=doc.text, spans=spans, unknown=doc.unknown)
