"""The first pass over a chunk of tasks, in any process: everything needed before the first task is converted."""

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from labeling.core.article import Article
from labeling.core.article import digest as digest_of
from labeling.core.parts import Candidate, candidate
from labeling.core.people import Signature
from labeling.core.spacing import unspaced
from labeling.core.split import position
from labeling.studio.annotations import Task
from labeling.studio.exports import Record
from labeling.studio.regions import UNLABELLED, is_relation, is_span, items_of, labels_of
from labeling.workflow.export.spec import ConversionSpec, task_of

SAMPLED, SAMPLE = 16, 1000  # texts of a chunk from which the language is detected, and characters of each


@dataclass(slots=True)
class SurveyedTask:
    """What the first pass finds in a task with a document, or with a section of an article.

    Attributes:
        where: The task's name in messages.
        doc_id: The article's id.
        candidate: What decides the part of its document.
        claims: The annotator and time of each annotation that could be used; only a section is surveyed without any.
        section: Its number in its article; 0 if the task has the whole article.
        group: The same for all tasks that make one document; "" if one task does.
        digest: The digest of the task's own text, if all who annotated a text make one document; else "".
        file: The task's file, if what somebody is called there matters; else "".
        is_alone: Whether only one person annotated that text.
    """

    where: str
    doc_id: str
    candidate: Candidate
    claims: tuple[tuple[str, str], ...]
    section: int = 0
    group: str = ""
    digest: str = ""
    file: str = ""
    is_alone: bool = False

    @property
    def unit(self) -> tuple[str, str, int]:
        """The same for all tasks with the same text, of whose annotations only the newest of each annotator counts."""
        if self.digest:
            return self.group, self.digest if self.section else "", self.section
        return self.doc_id, self.candidate.digest, self.section


@dataclass(slots=True)
class Survey:
    """What the first pass finds in a chunk; `tasks` has None for a task without a document.

    `labels` and `relations` are those in the tasks, if a format needs them and there is no schema. `samples` are the
    beginnings of some texts, from which their language is detected. `signatures` say who submitted annotations, if it
    matters who is who or they are to have pseudonyms; `others` are the names of other annotations.
    """

    tasks: list[SurveyedTask | None] = field(default_factory=list)
    labels: set[str] = field(default_factory=set)
    relations: set[str] = field(default_factory=set)
    samples: list[str] = field(default_factory=list)
    signatures: list[Signature] = field(default_factory=list)
    others: set[str] = field(default_factory=set)


def survey(spec: ConversionSpec, records: Sequence[Record]) -> Survey:
    """Survey a chunk."""
    out = Survey()
    texts: list[str] = []
    for record in records:
        surveyed = None
        with contextlib.suppress(ValueError):  # the second pass reports what is not a task
            task = task_of(spec, record)
            if spec.is_anonymous or spec.rules.choice.by == "adjudicated":
                _collect_people(task, record.where, out)
            if task.article and (task.chosen or task.section):
                surveyed = _surveyed(spec, task, task.article, record.where)
                _collect_labels(spec, task, out)
                texts.append(task.article.text)
        out.tasks.append(surveyed)
    out.samples += [text[:SAMPLE] for text in texts[:: -(-len(texts) // SAMPLED) or 1]]
    return out


def _surveyed(spec: ConversionSpec, task: Task, article: Article, where: str) -> SurveyedTask:
    choice = spec.rules.choice
    claims = tuple((each.annotator if choice.is_of_each else "", each.stamp) for each in task.chosen)
    record_where, where = where, task.address(spec.url) if spec.is_pulled else where
    found = candidate(article.text, article.source, article.published)
    group = digest = file = ""
    if choice.by == "adjudicated":
        file, digest = file_of(record_where), found.digest
        group = digest_of(unspaced(article.text))
    if task.section:  # all sections are in one part, which the article's text decides
        whole = task.section.digest
        found = replace(found, digest=whole, position=position([whole]))
        group = f"{whole}~{task.section.starts}" if digest else f"{task.doc_id}~{whole}"
    number = task.section.number if task.section else 0
    return SurveyedTask(where, task.doc_id, found, claims, number, group, digest, file)


def file_of(where: str) -> str:
    """The file of a task, of which its name in messages has the number, too."""
    return where.rpartition("#")[0]


def _collect_people(task: Task, where: str, out: Survey) -> None:
    for each in task.annotations:
        if each.use:
            out.others.add(each.annotator)
        else:
            file = file_of(where)
            out.signatures.append(Signature(each.annotator, each.written, each.kind, each.user, file, each.stamp))


def _collect_labels(spec: ConversionSpec, task: Task, out: Survey) -> None:
    """Collect the labels in a task, if there is no schema: some formats name all labels at their beginning."""
    legend = spec.rules.legend
    if legend.label_schema or not spec.formats:
        return
    for annotation in task.chosen:
        for item in items_of(annotation.raw.get("result")):
            if isinstance(item, dict) and (is_span(item) or is_relation(item)):
                found = [UNLABELLED if name is None and is_relation(item) else name for name in labels_of(item)]
                names = [name for name in found if isinstance(name, str) and name not in legend.drop]
                (out.relations if is_relation(item) else out.labels).update(legend.mapping.get(n, n) for n in names)
