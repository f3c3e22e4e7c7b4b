"""Texts that several people annotated: each with everybody's newest annotation of it."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from labeling.core.labels import LabeledDoc
from labeling.core.moment import utc
from labeling.core.problem import Problem
from labeling.settings import Workspace
from labeling.studio.annotations import Annotation, Rules, Task, read_task
from labeling.studio.exports import parse
from labeling.studio.predicted import prefilled
from labeling.studio.regions import is_span, items_of
from labeling.workflow.export.sources import PulledTasks, Source, open_source
from labeling.workflow.progress import Track
from labeling.workflow.refreshing import Say, refreshed

SLACK = 10.0  # seconds between two times that the server notes for one submit


@dataclass
class SharedText:
    """A text, what each person annotated in it, where that is, and the files that it came from.

    Each of `docs` has the article's id. `drawn` are the ids of spans that each person drew without a prediction,
    `sources` whose annotation theirs was copied from, "" for somebody who is not known. `seconds` is how long somebody
    took who read it for the first time and submitted it on the same visit; others have none. `prefilled` says of each
    person whether there were spans on the page that they started from, None where the task does not tell.
    """

    docs: dict[str, LabeledDoc] = field(default_factory=dict)
    drawn: dict[str, set[str]] = field(default_factory=dict)
    sources: dict[str, str] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    prefilled: dict[str, bool | None] = field(default_factory=dict)
    where: dict[str, str] = field(default_factory=dict)
    files: set[str] = field(default_factory=set)


@contextmanager
def opened_tasks(
    workspace: Workspace, paths: Sequence[Path | str], *, offline: bool, track: Track, say: Say
) -> Iterator[tuple[Source, Mapping[int, str], str]]:
    """The tasks, the names of users, and the address of a task's page."""
    if paths:
        with open_source(paths) as source:
            yield source, {}, ""
    else:
        with refreshed(workspace, offline=offline, track=track, say=say) as store:
            yield PulledTasks(store), store.state.users, f"{store.state.url}?task={{task}}"


def shared_texts(
    source: Source, rules: Rules, users: Mapping[int, str], url: str, track: Track, problems: list[Problem]
) -> list[SharedText]:
    """Each text with everybody's newest annotation of it.

    Tasks of one file are texts of their own, even if they are equal; tasks of several files with the same text are one,
    so that each person may come in a file of their own.
    """
    by_text: dict[str, list[SharedText]] = {}
    for record in track(source.records(), "Reading", None):
        if isinstance(record, Problem):
            problems.append(record)
            continue
        try:
            task = Task(parse(record.data), rules, users)
        except ValueError as error:
            problems.append(Problem(reason="no-task", action="refused", detail=f"no task: {error}", where=record.where))
            continue
        review = read_task(task, rules, "" if url else record.where, users, url=url)
        problems += (p for p in review.problems if p.action == "refused" or p.reason == "older-annotation")
        if len(review.docs) != len(task.chosen) or not review.docs:
            continue
        named = {"doc_id": task.doc_id}
        docs = {a.annotator: doc.model_copy(update=named) for a, doc in zip(task.chosen, review.docs, strict=True)}
        file = record.where.rpartition("#")[0]
        entries = by_text.setdefault(review.docs[0].text, [])
        entry = next((e for e in entries if file not in e.files and not e.docs.keys() & docs.keys()), None)
        if entry is None:
            entry = SharedText()
            entries.append(entry)
        entry.docs |= docs
        entry.drawn |= {a.annotator: _drawn(task, a) for a in task.chosen}
        entry.sources |= {a.annotator: _source(task, a) for a in task.chosen if a.raw.get("parent_annotation")}
        entry.seconds |= {a.annotator: seconds for a in task.chosen if (seconds := _seconds(task, a))}
        entry.prefilled |= {a.annotator: _prefilled(task, a) for a in task.chosen}
        entry.where |= dict.fromkeys(docs, review.url or record.where)
        entry.files.add(file)
    return [entry for entries in by_text.values() for entry in entries]


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
