"""The first pass over all tasks → each task's assignment, which the second pass follows."""

import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from labeling.core.bands import ROWS
from labeling.core.parts import Candidate, SplitReport, assign
from labeling.core.people import People, Signature, identified
from labeling.core.problem import Problem
from labeling.core.schema import LabelSchema
from labeling.core.split import PARTS, Part, Split
from labeling.engine import Map, Rescue, in_chunks
from labeling.formats.format import Context
from labeling.studio.exports import Record
from labeling.workflow.export.names import Names
from labeling.workflow.export.options import Options
from labeling.workflow.export.previous_parts import PreviousParts
from labeling.workflow.export.sources import Source
from labeling.workflow.export.spec import ConversionSpec
from labeling.workflow.export.survey import Survey, SurveyedTask, survey
from labeling.workflow.progress import Meter

if TYPE_CHECKING:
    from labeling.core.adjudication import Decision

# What stands for a task that kills the processes: as if it had no document; the second pass refuses it by name.
SINGLY = Rescue(lambda records: [[record] for record in records], lambda records: Survey([None] * len(records)))
CHUNK = 64  # tasks: enough to be worth sending to another process, few enough for flat memory
SEVERAL = 2  # people who annotated a text, for it to be adjudicated
SAMPLES = 64  # texts from which the language is detected


@dataclass(frozen=True, slots=True)
class TaskAssignment:
    """What the first pass decided for a task.

    Attributes:
        part: The part of its documents.
        doc_id: The id of its documents, if another text has the task's own; else "".
        lost: Annotator ("" for any) → the task with the annotation that is used instead.
        group: The same for all tasks that make one document; "" if one task does.
        group_size: The number of those tasks.
        is_alone: Whether its annotations are left out because only one person annotated the text.
        decisions: What was decided about conflicts in its text.
        called: What annotators are called instead of their names.
    """

    part: Part = "train"
    doc_id: str = ""
    lost: Mapping[str, str] = field(default_factory=dict)
    group: str = ""
    group_size: int = 1
    is_alone: bool = False
    decisions: "tuple[Decision, ...]" = ()
    called: Mapping[str, str] = field(default_factory=dict)


UNCONTESTED: dict[Part, TaskAssignment] = {part: TaskAssignment(part) for part in PARTS}  # shared by most tasks


@dataclass
class Plan:
    """The result of the first pass.

    Attributes:
        assignments: Each task's assignment.
        split_report: How the documents were split.
        context: What formats need to know.
        samples: The beginnings of some texts.
        names: What people are called.
        problems: What is to be told about who is who.
    """

    assignments: list[TaskAssignment]
    split_report: SplitReport
    context: Context
    samples: list[str]
    names: Names
    problems: Sequence[Problem]


def make_plan(
    source: Source,
    spec: ConversionSpec,
    split: Split,
    previous: PreviousParts,
    decisions: "Mapping[str, Sequence[Decision]]",
    schema: LabelSchema | None,
    options: Options,
    mapped: Map,
    meter: Meter,
) -> Plan:
    """Each task's part, and which annotations of an article are used.

    `previous` remembers the parts. `decisions` are those about conflicts, by the digest of the text.
    """
    tasks: list[SurveyedTask | None] = []
    signatures = bytearray()  # in one piece, since they take most of the memory of a task
    labels: set[str] = set()
    relations: set[str] = set()
    signed: dict[Signature, None] = {}  # in order
    others: set[str] = set()
    samples = _Samples()

    with meter("Looking for copies", source.size) as advance:
        records = (record for record in source.records(advance) if isinstance(record, Record))
        found: Survey
        for found in mapped(partial(survey, spec), in_chunks(records, CHUNK), SINGLY):
            signatures += b"".join([one.candidate.signature for one in found.tasks if one])
            tasks += (one and _compact(one) for one in found.tasks)
            labels |= found.labels
            relations |= found.relations
            signed.update(dict.fromkeys(found.signatures))
            others |= found.others
            samples.add(found.samples)
            advance(0, len(found.tasks))
    people = identified(signed) if options.choice.by == "adjudicated" else People()
    adjudicators = [each.by for some in decisions.values() for each in some]
    names = Names(people, signed, others, adjudicators if options.anonymous else None)
    for task in tasks:
        if task and task.file:
            task.claims = tuple((people.name(task.file, who), stamp) for who, stamp in task.claims)
    _mark_alone([task for task in tasks if task and task.digest])
    candidates = _candidates(tasks, np.frombuffer(signatures, dtype="<u4").reshape(-1, ROWS))
    assignment = assign(candidates.items, split, previous.parts, candidates.signatures)
    by_text = {
        digest: tuple(
            each.model_copy(update={"by": names.told(each.by), "note": names.in_prose(each.note)}) for each in some
        )
        for digest, some in decisions.items()
    }
    parts: list[Part] = ["train" if index is None else assignment.parts[index] for index in candidates.indices]
    assignments = _assignments(tasks, parts, names, by_text)
    previous.remember({one.digest: part for one, part in zip(candidates.items, assignment.parts, strict=True)})
    context = Context(
        labels=tuple(schema.labels) if schema else tuple(sorted(labels)),
        relations=tuple(schema.relations) if schema else tuple(sorted(relations)),
        normal=tuple(
            name
            for name, relation in (schema.relations.items() if schema else ())
            if schema and any(schema.labels[tail].normal for tail in relation.tail)
        ),
        overlaps=options.overlaps,
        csv_raw=options.csv_raw,
        provenance=options.choice.by == "adjudicated",
    )
    problems = () if options.anonymous else people.problems  # which are about names
    return Plan(assignments, assignment.report, context, samples.texts, names, problems)


class _Samples:
    """A sample of the texts, spread evenly over the input."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self._seen, self._step = 0, 1

    def add(self, texts: Iterable[str]) -> None:
        """Add every text, then every second, every fourth and so on."""
        for text in texts:
            if self._seen % self._step == 0:
                self.texts.append(text)
            self._seen += 1
            if len(self.texts) > SAMPLES:
                self.texts, self._step = self.texts[::2], 2 * self._step


def _compact(task: SurveyedTask) -> SurveyedTask:
    """The task without its signature, sharing equal strings with others: all tasks of an input are kept in memory."""
    article = task.candidate
    source, published = sys.intern(article.source), sys.intern(article.published)
    article = replace(article, signature=b"", source=source, published=published)
    claims = tuple((sys.intern(who), sys.intern(stamp)) for who, stamp in task.claims)
    return replace(task, candidate=article, claims=claims)


def _mark_alone(tasks: Sequence[SurveyedTask]) -> None:
    """Mark the tasks whose texts only one person annotated."""
    people: dict[tuple[str, str, int], set[str]] = defaultdict(set)
    for task in tasks:
        people[task.unit].update(who for who, _ in task.claims)
    for task in tasks:
        task.is_alone = len(people[task.unit]) < SEVERAL


class _Candidates(NamedTuple):
    """The documents that get a part, their signatures, and for each surveyed task the index of its document if any."""

    items: list[Candidate]
    signatures: NDArray[np.integer]
    indices: list[int | None]


def _candidates(tasks: list[SurveyedTask | None], rows: NDArray[np.integer]) -> _Candidates:
    """The documents of the tasks: one of each, but one of all tasks of a group, if any of them was reviewed."""
    surveyed = [task for task in tasks if task]
    if not any(task.group for task in surveyed):
        return _Candidates([task.candidate for task in surveyed], rows, list(range(len(surveyed))))
    reviewed = {task.group for task in surveyed if task.claims and not task.is_alone}
    items: list[Candidate] = []
    firsts: list[int] = []  # of each document, the number of its first task
    indices: list[int | None] = []
    groups: dict[str, int] = {}
    signatures = rows.copy()
    for number, task in enumerate(surveyed):
        index = groups.get(task.group)
        if index is not None:  # the MinHash of a union has the smaller value in each row
            signatures[firsts[index]] = np.minimum(signatures[firsts[index]], rows[number])
        elif task.group in reviewed:
            index = len(items)
            items.append(task.candidate)
            firsts.append(number)
            if task.group:
                groups[task.group] = index
        indices.append(index)
    return _Candidates(items, signatures[firsts], indices)


def _assignments(
    tasks: list[SurveyedTask | None],
    task_parts: Sequence[Part],
    names: Names,
    decisions: "Mapping[str, tuple[Decision, ...]]",
) -> list[TaskAssignment]:
    """Each task's assignment, if articles are in several tasks and annotations compete."""
    winners: dict[tuple[str, str, int, str], tuple[str, int, str]] = {}  # time, number and name of the task
    texts: dict[str, str] = {}
    groups = Counter(task.group for task in tasks if task and task.group)
    for number, task in enumerate(tasks):
        if task is None:
            continue
        for who, stamp in task.claims:
            key = (*task.unit, who)
            # of two that are equally new, the first
            if key not in winners or stamp > winners[key][0]:
                winners[key] = (stamp, number, task.where)
    assignments, parts = [], iter(task_parts)
    for number, task in enumerate(tasks):
        if task is None:
            called = names.of_file("")
            assignments.append(TaskAssignment(called=called) if called else UNCONTESTED["train"])
            continue
        doc_id, digest = task.doc_id, task.candidate.digest
        part = next(parts)
        text = task.group or digest
        is_other_text = not task.is_alone and texts.setdefault(doc_id, text) != text
        called = names.of_file(task.file)
        lost = {
            names.told(who): names.in_place(winner[2])
            for who, _ in task.claims
            if (winner := winners[(*task.unit, who)])[1] != number
        }
        if is_other_text or lost or task.group or called:
            its_doc_id = f"{doc_id}~{digest}" if is_other_text else ""
            size, decided = groups.get(task.group, 1), decisions.get(task.digest, ())
            assignments.append(TaskAssignment(part, its_doc_id, lost, task.group, size, task.is_alone, decided, called))
        else:
            assignments.append(UNCONTESTED[part])
    return assignments
