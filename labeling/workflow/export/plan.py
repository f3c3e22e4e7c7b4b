"""The first pass over all tasks → what becomes of each of them in the second."""

import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import islice
from typing import Any

import numpy as np

from labeling.core.copies import ROWS
from labeling.core.parts import Assignment, SplitReport, assign
from labeling.core.schema import LabelSchema
from labeling.core.split import PARTS, Part, Split
from labeling.engine import Map
from labeling.formats.format import Context
from labeling.studio.exports import Record
from labeling.workflow.export.options import Options
from labeling.workflow.export.previous_parts import PreviousParts
from labeling.workflow.export.sources import Source
from labeling.workflow.export.spec import ConversionSpec
from labeling.workflow.export.survey import Survey, SurveyedTask, survey
from labeling.workflow.progress import Meter

CHUNK = 64  # tasks: enough to pay for the way to another process, few enough for flat memory
SAMPLES = 64  # texts that tell the language


@dataclass(frozen=True, slots=True)
class TaskAssignment:
    """What the first pass decided of a task.

    Attributes:
        part: Where its documents go.
        doc_id: Its documents' id, where its own belongs to another text.
        lost: Annotator ("" for whoever) → where an annotation stands that counts instead.
    """

    part: Part = "train"
    doc_id: str = ""
    lost: Mapping[str, str] = field(default_factory=dict)


UNCONTESTED: dict[Part, TaskAssignment] = {part: TaskAssignment(part) for part in PARTS}  # those of most tasks


@dataclass
class Plan:
    """What the first pass decided: each task's assignment, and how the parts came about; and samples of the texts."""

    assignments: list[TaskAssignment]
    split_report: SplitReport
    context: Context
    samples: list[str]


def make_plan(
    source: Source,
    spec: ConversionSpec,
    split: Split,
    previous: PreviousParts,
    schema: LabelSchema | None,
    options: Options,
    mapped: Map[Any, Any],
    meter: Meter,
) -> Plan:
    """What becomes of each task: the parts of documents, and which annotations of an article count.

    `previous` remembers the parts.
    """
    tasks: list[SurveyedTask | None] = []
    signatures = bytearray()  # most of what there is to know of a task, and given back in one piece
    labels: set[str] = set()
    relations: set[str] = set()
    samples = _Samples()

    with meter("Looking for copies", source.size) as advance:
        records = (record for record in source.records(advance) if isinstance(record, Record))
        found: Survey
        for found in mapped(partial(survey, spec), in_chunks(records)):
            signatures += b"".join([one.candidate.signature for one in found.tasks if one])
            tasks += (one and _compact(one) for one in found.tasks)
            labels |= found.labels
            relations |= found.relations
            samples.add(found.samples)
            advance(0, len(found.tasks))
    rows = np.frombuffer(signatures, dtype="<u4").reshape(-1, ROWS)
    assignment = assign([one.candidate for one in tasks if one], split, previous.parts, rows)
    assignments = _assignments(tasks, assignment)
    previous.remember(
        {one.candidate.digest: part for one, part in zip(filter(None, tasks), assignment.parts, strict=True)}
    )
    context = Context(
        labels=tuple(schema.labels) if schema else tuple(sorted(labels)),
        relations=tuple(schema.relations) if schema else tuple(sorted(relations)),
        normal=_with_normal_forms(schema) if schema else (),
        overlaps=options.overlaps,
        csv_raw=options.csv_raw,
    )
    return Plan(assignments, assignment.report, context, samples.texts)


class _Samples:
    """Some of the texts, from all over what was read."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self._seen, self._step = 0, 1

    def add(self, texts: Iterable[str]) -> None:
        """Take what comes, or ever fewer of it."""
        for text in texts:
            if self._seen % self._step == 0:
                self.texts.append(text)
            self._seen += 1
            if len(self.texts) > SAMPLES:
                self.texts, self._step = self.texts[::2], 2 * self._step


def _with_normal_forms(schema: LabelSchema) -> tuple[str, ...]:
    """The relations whose targets can have normal forms."""
    return tuple(
        name for name, relation in schema.relations.items() if any(schema.labels[tail].normal for tail in relation.tail)
    )


def _compact(task: SurveyedTask) -> SurveyedTask:
    """The same without signature, sharing what it has in common with others: there is one for each task of a file."""
    article = task.candidate
    source, published = sys.intern(article.source), sys.intern(article.published)
    article = replace(article, signature=b"", source=source, published=published)
    claims = tuple((sys.intern(who), sys.intern(stamp)) for who, stamp in task.claims)
    return SurveyedTask(task.where, task.doc_id, article, claims)


def _assignments(tasks: list[SurveyedTask | None], assignment: Assignment) -> list[TaskAssignment]:
    """What becomes of each task, where articles stand in several tasks and annotations compete."""
    winners: dict[tuple[str, str, str], tuple[str, int, str]] = {}  # when, which task, what it is called
    texts: dict[str, str] = {}
    for number, task in enumerate(tasks):
        if task is None:
            continue
        for who, stamp in task.claims:
            key = (task.doc_id, task.candidate.digest, who)
            # of two that are equally new, the one that was read first
            if key not in winners or stamp > winners[key][0]:
                winners[key] = (stamp, number, task.where)
    assignments, parts = [], iter(assignment.parts)
    for number, task in enumerate(tasks):
        if task is None:
            assignments.append(UNCONTESTED["train"])
            continue
        doc_id, digest = task.doc_id, task.candidate.digest
        part = next(parts)
        is_other_text = texts.setdefault(doc_id, digest) != digest
        lost = {who: winner[2] for who, _ in task.claims if (winner := winners[doc_id, digest, who])[1] != number}
        if is_other_text or lost:
            assignments.append(TaskAssignment(part, f"{doc_id}~{digest}" if is_other_text else "", lost))
        else:
            assignments.append(UNCONTESTED[part])
    return assignments


def in_chunks(items: Iterable[Any], size: int = CHUNK) -> Iterator[list[Any]]:
    """The items, so many at once."""
    iterator = iter(items)
    while chunk := list(islice(iterator, size)):
        yield chunk
