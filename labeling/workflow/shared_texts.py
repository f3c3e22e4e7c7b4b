"""Texts that several people annotated: each with everybody's newest annotation of it."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from labeling.core.labels import LabeledDoc
from labeling.core.moment import utc
from labeling.core.people import People, Signature, identified
from labeling.core.problem import Action, Problem
from labeling.core.reasons import Reason
from labeling.core.spacing import respaced, unspaced
from labeling.errors import InputError
from labeling.settings import Workspace
from labeling.studio.annotations import Annotation, Review, Rules, Task, read_task
from labeling.studio.exports import parse
from labeling.studio.predicted import prefilled
from labeling.studio.regions import is_span, items_of
from labeling.workflow.export.sources import PulledTasks, Source, open_source
from labeling.workflow.progress import Track
from labeling.workflow.reading_notes import labels_in_some_files
from labeling.workflow.refreshing import Say, refreshed

SLACK = 10.0  # seconds between two times that the server notes for one submit


@dataclass
class SharedText:
    """A text, what each person annotated in it, where that is, and the files that it came from.

    Each of `docs` has the article's id. `drawn` are the ids of spans that each person drew without a prediction,
    `sources` whose annotation theirs was copied from, "" for somebody who is not known. `seconds` is how long somebody
    took who read it for the first time and submitted it on the same visit; others have none. `prefilled` says of each
    person whether there were spans on the page that they started from, None where the task does not tell. `stamps` say
    when each annotation was changed last, in a form in which text order is time order; "" if that is not known.
    """

    docs: dict[str, LabeledDoc] = field(default_factory=dict)
    drawn: dict[str, set[str]] = field(default_factory=dict)
    sources: dict[str, str] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    prefilled: dict[str, bool | None] = field(default_factory=dict)
    where: dict[str, str] = field(default_factory=dict)
    stamps: dict[str, str] = field(default_factory=dict)
    files: set[str] = field(default_factory=set)

    @property
    def first(self) -> LabeledDoc:
        """What the first person annotated; all have the same text."""
        return next(iter(self.docs.values()))


@contextmanager
def opened_tasks(
    workspace: Workspace, paths: Sequence[Path | str], *, offline: bool, track: Track, say: Say
) -> Iterator[tuple[Source, Mapping[int, str], str]]:
    """The tasks, the names of users, and the address of a task's page."""
    if paths:
        with open_source(paths) as source:
            yield source, {}, ""
    else:
        with refreshed(workspace, offline=offline, track=track, say=say, predictions=True) as store:
            yield PulledTasks(store, predictions=True), store.state.users, f"{store.state.url}?task={{task}}"


def shared_texts(
    source: Source,
    rules: Rules,
    users: Mapping[int, str],
    url: str,
    track: Track,
    problems: list[Problem],
    called: Mapping[str, str] | None = None,
) -> list[SharedText]:
    """Each text with everybody's newest annotation of it.

    Tasks of one file are texts of their own, even if they are equal. Tasks of several files with the same text are one,
    so that each person may come in a file of their own; labels of texts that differ only by white space are moved to
    the one that was read first. Who is who, `labeling.core.people` tells; `called` says what people are called instead
    of their names.
    """
    tasks: list[tuple[str, SharedText]] = []  # with their files
    signatures: list[Signature] = []
    for record in track(source.records(), "Reading", None):
        if isinstance(record, Problem):
            problems.append(record)
            continue
        try:
            task = Task(parse(record.data), rules, users, called=called)
        except ValueError as error:
            problems.append(Problem(reason="no-task", action="refused", detail=f"no task: {error}", where=record.where))
            continue
        file = record.where.rpartition("#")[0]
        review = read_task(task, rules, "" if url else record.where, users, url=url)
        problems += (p for p in review.problems if p.action == "refused" or p.reason == "older-annotation")
        signatures += (_signature(each, file) for each in task.annotations if not each.use)
        if review.docs and len(review.docs) == len(task.chosen):
            tasks.append((file, _of_task(task, review, review.url or record.where)))
    people = identified(signatures)
    problems += people.problems
    problems += labels_in_some_files((file, doc) for file, text in tasks for doc in text.docs.values())
    by_text: dict[str, list[SharedText]] = {}
    for file, text in tasks:
        entries = by_text.setdefault(unspaced(text.first.text), [])
        entry = _entry(entries, text, file)
        for who in text.docs:
            problems += _add(entry, text, who, file, people)
        entry.files.add(file)
    return [entry for entries in by_text.values() for entry in entries]


def by_several(texts: Sequence[SharedText]) -> list[SharedText]:
    """Those of the texts that at least two people annotated.

    Raises:
        InputError: There is none.
    """
    shared = [text for text in texts if len(text.docs) > 1]
    if not shared:
        names = sorted({name for text in texts for name in text.docs})
        who = f"only {names[0]} has annotated them" if len(names) == 1 else "nobody else has annotated them"
        raise InputError(
            f"There is no text that two people have annotated: of {len(texts):,} texts, {who}.",
            "`[studio] overlap` in labeling.toml hands tasks out to two people (docs/people.md).",
        )
    return shared


def _signature(annotation: Annotation, file: str) -> Signature:
    return Signature(annotation.annotator, annotation.written, annotation.kind, annotation.user, file, annotation.stamp)


def _of_task(task: Task, review: Review, where: str) -> SharedText:
    named = {"doc_id": task.doc_id}
    pairs = list(zip(task.chosen, review.docs, strict=True))
    return SharedText(
        docs={a.annotator: doc.model_copy(update=named) for a, doc in pairs},
        drawn={a.annotator: _drawn(task, a) for a, _ in pairs},
        sources={a.annotator: _source(task, a) for a, _ in pairs if a.raw.get("parent_annotation")},
        seconds={a.annotator: seconds for a, _ in pairs if (seconds := _seconds(task, a))},
        prefilled={a.annotator: _prefilled(task, a) for a, _ in pairs},
        where={a.annotator: where for a, _ in pairs},
        stamps={a.annotator: a.stamp for a, _ in pairs},
    )


def _entry(entries: list[SharedText], text: SharedText, file: str) -> SharedText:
    """The text of other files that it is, rather one with the same id, or that the same people did not do; or a new."""
    others = [entry for entry in entries if file not in entry.files]
    if not others:
        entries.append(SharedText())
        return entries[-1]
    return min(others, key=lambda e: (e.first.doc_id != text.first.doc_id, not e.docs.keys().isdisjoint(text.docs)))


def _add(entry: SharedText, text: SharedText, written: str, file: str, people: People) -> Iterator[Problem]:
    """Add somebody's annotation to a text, unless that person has a newer one there."""
    who, doc, where = people.name(file, written), text.docs[written], text.where[written]
    if entry.docs and doc.text != entry.first.text:
        there = next(iter(entry.where.values()))
        detail = (
            f"the text differs from that of {there} by white space; {len(doc.spans):,} spans were moved to that one"
        )
        yield _problem("spacing-differs", "changed", detail, where, doc, who)
        doc = respaced(doc, entry.first.text)
    if who in entry.docs:
        is_newer = text.stamps[written] > entry.stamps[who]
        kept, left = (where, entry.where[who]) if is_newer else (entry.where[who], where)
        detail = f"another annotation of the same text by {who} is newer or was read first: {kept}"
        yield _problem("older-annotation", "unused", detail, left, doc, who)
        if not is_newer:
            return
    entry.docs[who], entry.where[who], entry.stamps[who] = doc, where, text.stamps[written]
    entry.drawn[who], entry.prefilled[who] = text.drawn[written], text.prefilled[written]
    entry.sources.pop(who, None)
    entry.seconds.pop(who, None)
    if written in text.sources:
        entry.sources[who] = people.name(file, text.sources[written])
    if written in text.seconds:
        entry.seconds[who] = text.seconds[written]


def _problem(reason: Reason, action: Action, detail: str, where: str, doc: LabeledDoc, who: str) -> Problem:
    return Problem(reason=reason, action=action, detail=detail, where=where, doc_id=doc.doc_id, annotator=who)


def _drawn(task: Task, annotation: Annotation) -> set[str]:
    """The ids of spans that were drawn by hand: neither from a prediction nor changed from one."""
    predicted = [*items_of(task.json.get("predictions")), annotation.raw.get("prediction")]
    results = [items_of(each.get("result")) for each in predicted if isinstance(each, dict)]
    known = {str(item.get("id")) for result in results for item in result if isinstance(item, dict)}
    return {
        str(item["id"])
        for item in items_of(annotation.raw.get("result"))
        if is_span(item) and item.get("id") and not str(item.get("origin", "")).startswith("prediction")
    } - known


def _seconds(task: Task, annotation: Annotation) -> float:
    """The time of somebody's only visit to a task; 0 if it is not known, or was not the only one."""
    raw = annotation.raw
    seconds: Any = raw.get("lead_time")
    others = sum(each.annotator == annotation.annotator for each in task.annotations) - 1
    if type(seconds) not in (int, float) or others or raw.get("parent_annotation"):
        return 0
    try:
        begun, made, changed = (
            utc(str(raw.get(name) or raw["created_at"])) for name in ("draft_created_at", "created_at", "updated_at")
        )
    except (KeyError, ValueError, OverflowError):
        return 0
    slack = timedelta(seconds=SLACK)
    return float(seconds) if made - begun < timedelta(seconds=seconds) + slack and changed - made < slack else 0


def _prefilled(task: Task, annotation: Annotation) -> bool | None:
    items = (item for item in items_of(annotation.raw.get("result")) if isinstance(item, dict))
    if any(str(item.get("origin", "")).startswith("prediction") for item in items):
        return True
    return prefilled(task.json, annotation.raw)


def _source(task: Task, annotation: Annotation) -> str:
    parent = annotation.raw["parent_annotation"]
    return next((each.annotator for each in task.annotations if each.raw.get("id") == parent), "")
