"""Reviewed tasks → documents: one of each task and annotator, and one of all tasks of an article in sections."""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import TYPE_CHECKING

from labeling.core.article import Article
from labeling.core.labels import LabeledDoc
from labeling.core.problem import Problem
from labeling.core.sections import Section, joined
from labeling.core.split import Part
from labeling.studio.annotations import Review

if TYPE_CHECKING:
    from labeling.core.adjudication import Decision


@dataclass(frozen=True, slots=True)
class ReviewedTask:
    """A task's review and part; if it has a section of an article, which, and its text if that can be trusted.

    `group` is the same for all tasks that make one document, and "" if one task does. `decisions` are those about
    conflicts in its text.
    """

    review: Review
    part: Part
    section: Section | None = None
    article: Article | None = None
    group: str = ""
    decisions: "tuple[Decision, ...]" = ()


@dataclass(frozen=True, slots=True)
class Document:
    """A document for the training files.

    Attributes:
        labeled: The document.
        part: Its part.
        outcomes: What became of its spans that are not exact, by id.
        tasks: Where each of its tasks starts in its text (code points), and that task's review.
    """

    labeled: LabeledDoc
    part: Part
    outcomes: dict[str, str]
    tasks: Sequence[tuple[int, Review]]

    def task_at(self, start: int | None) -> Review:
        """The review of the task with the text at an offset."""
        return self.tasks[max(0, bisect_right([first for first, _ in self.tasks], start or 0) - 1)][1]


@dataclass(slots=True)
class Joined:
    """A task, or all tasks of an article in sections: their reviews, documents, and the problems of joining them."""

    reviews: list[Review]
    documents: list[Document] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)


def join(tasks: Iterable[ReviewedTask]) -> Iterator[Joined]:
    """The documents of the tasks, in order; the tasks of an article in sections stand in a row."""
    for group, members in groupby(tasks, key=lambda task: task.group):
        if group:
            yield _joined(list(members))
        else:
            for task in members:
                review = task.review
                pairs = zip(review.docs, review.outcomes, strict=True)
                yield Joined([review], [Document(doc, task.part, outcomes, [(0, review)]) for doc, outcomes in pairs])


def _joined(tasks: Sequence[ReviewedTask]) -> Joined:
    """One document for each doc_id: where all annotations count, each annotator has a document."""
    out = Joined([task.review for task in tasks])
    by_number: dict[int, list[ReviewedTask]] = {}
    for task in tasks:
        if task.section and task.article:
            by_number.setdefault(task.section.number, []).append(task)
    for doc_id in dict.fromkeys(doc.doc_id for task in tasks for doc in task.review.docs):
        sections: list[tuple[str, LabeledDoc | None]] = []
        starts: list[tuple[int, Review]] = []
        outcomes: list[dict[str, str]] = []
        start = 0
        for number in sorted(by_number):
            found = [_of(task, doc_id) for task in by_number[number]]
            text, doc, its_outcomes, review = next((f for f in found if f[1]), found[0])
            sections.append((text, doc))
            outcomes.append(its_outcomes)
            starts.append((start, review))
            start += len(text)
        labeled, names = joined(sections)
        merged = {ids[old]: said for ids, each in zip(names, outcomes, strict=True) for old, said in each.items()}
        out.documents.append(Document(labeled, tasks[0].part, merged, starts))
        out.problems += _missing(tasks, by_number.keys(), doc_id)
    return out


def _of(task: ReviewedTask, doc_id: str) -> tuple[str, LabeledDoc | None, dict[str, str], Review]:
    """A section's text; its document with this id and the outcomes of the spans, if it was reviewed; its review."""
    text = task.article.text if task.article else ""
    for doc, outcomes in zip(task.review.docs, task.review.outcomes, strict=True):
        if doc.doc_id == doc_id:
            return text, doc, outcomes, task.review
    return text, None, {}, task.review


def _missing(tasks: Sequence[ReviewedTask], there: Iterable[int], doc_id: str) -> Iterator[Problem]:
    first = tasks[0]
    sections = len(first.section.starts) if first.section else 0
    if missing := sorted({*range(1, sections + 1)} - {*there}):
        numbers = ", ".join(map(str, missing))
        detail = f"of its {sections} parts, there is no text of {numbers}; the document consists of the others"
        yield Problem(
            reason="missing-sections",
            action="kept",
            detail=detail,
            doc_id=doc_id,
            where=first.review.where,
            url=first.review.url,
        )
