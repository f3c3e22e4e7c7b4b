"""Annotations of a text by several people → one gold document: what they agree on, and what was decided."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby
from typing import Any

from labeling.core.adjudication import MarkedRelation, Option, Settled, settle
from labeling.core.labels import LabeledDoc
from labeling.core.problem import Problem
from labeling.core.reasons import Reason
from labeling.core.schema import LabelSchema
from labeling.core.spacing import respaced
from labeling.workflow.export.join import ReviewedTask


@dataclass(slots=True)
class SettledTasks:
    """Tasks of which one of each text has the text's gold document, and the others have none.

    Attributes:
        tasks: The tasks, in order.
        spans, relations: What became of different spans and relations (`labeling.core.adjudication.Counts`).
    """

    tasks: list[ReviewedTask] = field(default_factory=list)
    spans: Counter[str] = field(default_factory=Counter)
    relations: Counter[str] = field(default_factory=Counter)

    def count(self, settled: Settled) -> None:
        """Add the counts of a text."""
        self.spans.update(settled.spans.model_dump())
        self.relations.update(settled.relations.model_dump())


def settle_tasks(tasks: Sequence[ReviewedTask], schema: LabelSchema | None) -> SettledTasks:
    """The tasks with one gold document of each text in place of everybody's; tasks of a group stand in a row.

    What is counted of a task's spans and relations is what the gold document has, and what was dropped or refused in
    the annotations.
    """
    out = SettledTasks()
    for _, members in groupby(tasks, key=lambda task: task.group):
        group = list(members)
        texts: dict[tuple[int, str], dict[str, LabeledDoc]] = defaultdict(dict)
        firsts: dict[tuple[int, str], int] = {}
        notes: dict[int, Problem] = {}
        for number, task in enumerate(group):
            for who, doc in zip(task.review.by, task.review.docs, strict=True):
                key = (task.section.number, doc.text) if task.section else (0, "")
                first = firsts.setdefault(key, number)
                text = group[first].review.docs[0].text
                if doc.text != text:
                    notes[number] = _spacing_differs(task, group[first])
                texts[key][who] = respaced(doc, text)
        golds = {firsts[key]: _Gold(docs, group[firsts[key]], schema) for key, docs in texts.items()}
        for gold in golds.values():
            out.count(gold.settled)
        doc_id = group[0].review.doc_id
        out.tasks += (
            _with_gold(task, golds.get(number), doc_id, notes.get(number)) for number, task in enumerate(group)
        )
    return out


class _Gold:
    """A text's gold document, and what is to be told about it."""

    def __init__(self, docs: Mapping[str, LabeledDoc], task: ReviewedTask, schema: LabelSchema | None) -> None:
        self.settled = settle(docs, task.decisions, schema)
        self.doc = self.settled.doc
        self.answers = len(self.doc.attributes) + sum(len(span.attributes) for span in self.doc.spans)
        given = dict.fromkeys(name for doc in docs.values() for name in doc.attributes)
        self.differing = [name for name in given if name not in self.doc.attributes]  # about the whole text
        self.problems = [_located(problem, task) for problem in (*_problems(self.settled), *self._differing())]

    def _differing(self) -> Iterator[Problem]:
        for name in self.differing:
            yield Problem(reason="answers-differ", action="unused", detail=f"{name} of the whole text is left out")
        for name, span in self.settled.attributes_differ:
            yield _problem(self.settled, "answers-differ", f"{name} is left out", span.start, span.end, span.label)


def _with_gold(task: ReviewedTask, gold: _Gold | None, doc_id: str, note: Problem | None) -> ReviewedTask:
    review = task.review
    doc = gold and gold.doc.model_copy(update={"doc_id": doc_id})
    differing = len(gold.differing) + len(gold.settled.attributes_differ) if gold else 0
    changed = replace(
        review,
        docs=(doc,) if doc else (),
        by=(),
        outcomes=({},) if doc else (),
        spans=_counted(review.spans, exact=len(doc.spans) if doc else 0),
        relations=_counted(review.relations, exact=len(doc.relations) if doc else 0),
        attributes=_counted(review.attributes, kept=gold.answers if gold else 0, differing=differing),
        problems=(*review.problems, *((note,) if note else ()), *(gold.problems if gold else ())),
    )
    # tasks with a whole text each have their one document now
    return replace(task, review=changed, group=task.group if task.section else "")


def _spacing_differs(task: ReviewedTask, first: ReviewedTask) -> Problem:
    detail = f"the text differs from that of {first.review.where} by white space; the labels were moved to that one"
    return _located(Problem(reason="spacing-differs", action="changed", detail=detail), task)


def _counted(before: Mapping[str, int], **gold: int) -> dict[str, int]:
    return {name: before[name] for name in ("dropped", "refused") if name in before} | gold


def _problems(settled: Settled) -> Iterator[Problem]:
    doc = settled.doc
    for conflict in settled.conflicts:
        said = "; ".join(_said(doc, option) for option in conflict.options)
        yield _problem(settled, "open-conflict", f"nobody has decided between {said}", conflict.start, conflict.end)
    for span in settled.late:
        detail = f"{span.label} came after a decision about this place, which stays"
        yield _problem(settled, "after-decision", detail, span.start, span.end, span.label)


def _said(doc: LabeledDoc, option: Option) -> str:
    marked, who = option.marked, ", ".join(option.by)
    if isinstance(marked, MarkedRelation):
        head, tail = (doc.text[end.start : end.end] for end in (marked.head, marked.tail))
        return f"{head!r} --{marked.label}--> {tail!r} ({who})"
    return f"{marked.label} {doc.text[marked.start : marked.end]!r} ({who})"


def _problem(settled: Settled, reason: Reason, detail: str, start: int, end: int, label: str = "") -> Problem:
    text = settled.doc.text[start:end]
    return Problem(reason=reason, action="unused", detail=detail, start=start, end=end, text=text, label=label)


def _located(problem: Problem, task: ReviewedTask) -> Problem:
    review = task.review
    update: dict[str, Any] = {"doc_id": review.doc_id, "where": review.where, "url": review.url}
    if task.section and problem.start is not None and problem.end is not None:
        first = task.section.start  # offsets count in the article's text
        update |= {"start": problem.start + first, "end": problem.end + first}
    return problem.model_copy(update=update)
