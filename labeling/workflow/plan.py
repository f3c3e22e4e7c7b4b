"""The first reading of all tasks → what becomes of each of them in the second."""

import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from typing import Any

import numpy as np

from labeling.core.copies import ROWS
from labeling.core.parts import Assignment, SplitReport, assign
from labeling.core.schema import LabelSchema
from labeling.core.split import PARTS, Part, Split
from labeling.formats.format import Context
from labeling.studio.exports import Record
from labeling.workflow.converting import (
    Fate,
    Job,
    Seen,
    Survey,
    survey,
)
from labeling.workflow.memory import Memory
from labeling.workflow.options import Options
from labeling.workflow.pool import Map
from labeling.workflow.progress import Meter
from labeling.workflow.sources import Source

CHUNK = 64  # tasks: enough to pay for the way to another process, few enough for flat memory
SAMPLES = 64  # texts that tell the language


@dataclass
class Plan:
    """What the first reading decided: each task's fate, and how the parts came about; and samples of the texts."""

    fates: list[Fate]
    report: SplitReport
    context: Context
    samples: list[str]


def make_plan(
    records: Source,
    job: Job,
    split: Split,
    memory: Memory,
    schema: LabelSchema | None,
    options: Options,
    mapped: Map[Any, Any],
    meter: Meter,
) -> Plan:
    """What becomes of each task: the parts of documents, and which annotations of an article count.

    The memory notes the parts.
    """
    seen: list[Seen | None] = []
    signatures = bytearray()  # most of what there is to know of a task, and given back in one piece
    labels: Counter[str] = Counter()
    relations: Counter[str] = Counter()
    samples = _Samples()

    with meter("Looking for copies", records.size) as advance:
        tasks = (record for record in records.records(advance) if isinstance(record, Record))
        found: Survey
        for found in mapped(partial(survey, job), in_chunks(tasks)):
            signatures += b"".join([one.candidate.signature for one in found.seen if one])
            seen += (one and _slim(one) for one in found.seen)
            labels.update(found.labels)
            relations.update(found.relations)
            samples.add(found.samples)
            advance(0, len(found.seen))
    rows = np.frombuffer(signatures, dtype="<u4").reshape(-1, ROWS)
    assignment = assign([one.candidate for one in seen if one], split, memory.parts, rows)
    fates = _fates(seen, assignment)
    memory.note({one.candidate.digest: part for one, part in zip(filter(None, seen), assignment.parts, strict=True)})
    context = Context(
        labels=tuple(schema.labels) if schema else tuple(sorted(labels)),
        relations=tuple(schema.relations) if schema else tuple(sorted(relations)),
        normal=_with_normal_forms(schema) if schema else (),
        overlaps=options.overlaps,
        csv_raw=options.csv_raw,
    )
    return Plan(fates, assignment.report, context, samples.texts)


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


def _slim(one: Seen) -> Seen:
    """The same without signature, sharing what it has in common with others: there is one for each task of a file."""
    article = one.candidate
    source, published = sys.intern(article.source), sys.intern(article.published)
    article = replace(article, signature=b"", source=source, published=published)
    return Seen(
        one.place, one.doc_id, article, tuple((sys.intern(who), sys.intern(stamp)) for who, stamp in one.claims)
    )


def _fates(seen: list[Seen | None], assignment: Assignment) -> list[Fate]:
    """What becomes of each task, where articles stand in several tasks and annotations compete."""
    winners: dict[tuple[str, str, str], tuple[str, int, str]] = {}  # when, which task, what it is called
    texts: dict[str, str] = {}
    for number, one in enumerate(seen):
        if one is None:
            continue
        for who, stamp in one.claims:
            key = (one.doc_id, one.candidate.digest, who)
            # of two that are equally new, the one that was read first
            if key not in winners or stamp > winners[key][0]:
                winners[key] = (stamp, number, one.place)
    fates, parts = [], iter(assignment.parts)
    for number, one in enumerate(seen):
        if one is None:
            fates.append(PLAIN["train"])
            continue
        digest = one.candidate.digest
        part = next(parts)
        is_other_text = texts.setdefault(one.doc_id, digest) != digest
        lost = {who: winner[2] for who, _ in one.claims if (winner := winners[one.doc_id, digest, who])[1] != number}
        if is_other_text or lost:
            fates.append(Fate(part, f"{one.doc_id}~{digest}" if is_other_text else "", lost))
        else:
            fates.append(PLAIN[part])
    return fates


PLAIN: dict[Part, Fate] = {part: Fate(part) for part in PARTS}  # most tasks' fates


def in_chunks(items: Iterable[Any], size: int = CHUNK) -> Iterator[list[Any]]:
    """The items, so many at once."""
    iterator = iter(items)
    while chunk := list(islice(iterator, size)):
        yield chunk
