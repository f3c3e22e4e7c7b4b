"""Articles → tasks with predictions, into a file or into the project."""

from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

from pydantic import Field

from labeling.core.article import Article
from labeling.core.labels import LabeledDoc
from labeling.core.problem import Problem
from labeling.core.value import Value
from labeling.errors import InputError
from labeling.files import json_lines, json_text, write_atomic
from labeling.ingest import read_articles
from labeling.settings import Workspace
from labeling.studio.client import Project, Stored, Studio
from labeling.studio.tasks import to_task
from labeling.workflow.annotating import annotated
from labeling.workflow.connecting import connect, find_project, project_in_step, refuse_misfit
from labeling.workflow.progress import Track, unseen

T = TypeVar("T")
BATCH = 100  # tasks in one import: fast, and no request above a second


class Imported(Value):
    """What an import did, or (`dry_run`) would do.

    `articles` were read; the project had `present` of them, and `created` are new. What was refused is in `problems`.
    `repaired` counts predictions that the server had lost. `replaced_version` is the version that annotators started
    from before, where that changed.
    """

    project_url: str = ""
    model_version: str = ""
    dry_run: bool = False
    articles: int = 0
    created: int = 0
    present: int = 0
    repaired: int = 0
    replaced_version: str = ""
    spans: dict[str, int] = Field(default_factory=dict)
    problems: tuple[Problem, ...] = ()


def annotate_files(
    workspace: Workspace,
    paths: Iterable[str],
    output: Path,
    *,
    keep_all: bool = False,
    jobs: int | None = None,
    track: Track = unseen,
) -> Imported:
    """Write the articles' tasks with their predictions: a JSON list, or a line each for `.jsonl`.

    `jobs` is how many processes annotate; one a core by default.
    """
    if output.suffix not in {".json", ".jsonl"}:
        raise InputError(f"Cannot tell what to write to {output}.", "Name a file that ends in .json or .jsonl.")
    report = _Report()
    nlp, version = _pipeline(workspace)
    docs = _annotated(nlp, workspace, report.articles_of(paths, keep_all), report, jobs)
    tasks = [to_task(doc, version) for doc in track(report.counted(docs), "Annotating")]
    write_atomic(output, json_lines(tasks) if output.suffix == ".jsonl" else json_text(tasks))
    return report.result(model_version=version)


def import_articles(
    workspace: Workspace,
    paths: Iterable[str],
    *,
    keep_all: bool = False,
    dry_run: bool = False,
    jobs: int | None = None,
    track: Track = unseen,
) -> Imported:
    """Push the articles that the project does not have yet, each with its prediction. Nothing is pushed twice.

    `jobs` is how many processes annotate; one a core by default.
    """
    with connect(workspace) as studio:
        if dry_run:
            return _plan(workspace, studio, paths, keep_all=keep_all, track=track)
        return _push(workspace, studio, paths, keep_all=keep_all, jobs=jobs, track=track)


def _push(
    workspace: Workspace, studio: Studio, paths: Iterable[str], *, keep_all: bool, jobs: int | None, track: Track
) -> Imported:
    report = _Report()
    nlp, version = _pipeline(workspace)
    project = project_in_step(studio, workspace)
    articles = track(report.articles_of(paths, keep_all), "Importing")

    def new() -> Iterator[Article]:
        for batch in _batches(articles):
            yield from report.not_in(studio.stored(project, [a.doc_id for a in batch]), batch, project)

    docs = report.counted(_annotated(nlp, workspace, new(), report, jobs))
    for batch in _batches(docs):
        tasks = [to_task(doc, version) for doc in batch]
        report.repaired += studio.push(project, tasks)
        report.created += len(tasks)
    # Without it annotators begin on an empty page.
    replaced = ""
    if report.created and project.model_version != version:
        studio.prefill(project, version)
        replaced = project.model_version if project.tasks else ""
    return report.result(model_version=version, project_url=project.url, replaced_version=replaced)


def _plan(workspace: Workspace, studio: Studio, paths: Iterable[str], *, keep_all: bool, track: Track) -> Imported:
    report = _Report()
    project = find_project(studio, workspace)
    if project:
        refuse_misfit(workspace.label_schema, project)
    for batch in _batches(track(report.articles_of(paths, keep_all), "Comparing")):
        stored = studio.stored(project, [a.doc_id for a in batch]) if project else {}
        report.created += len(report.not_in(stored, batch, project))
    return report.result(dry_run=True, project_url=project.url if project else "")


class _Report:
    """What has been seen so far."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []
        self.spans: Counter[str] = Counter()
        self.articles = self.created = self.present = self.repaired = 0

    def articles_of(self, paths: Iterable[str], keep_all: bool) -> Iterator[Article]:
        for item in read_articles(paths, keep_all=keep_all):
            if isinstance(item, Problem):
                self.problems.append(item)
            else:
                self.articles += 1
                yield item

    def not_in(self, stored: dict[str, Stored], batch: list[Article], project: Project | None) -> list[Article]:
        """The articles that are to be pushed; noted where the project has another text under the same id."""
        for article in batch:
            task = stored.get(article.doc_id)
            if task and task.digest != article.digest:
                where = f"{project.url}?task={task.task_id}" if project else ""
                detail = "the project has this article with another text, which stays as it is"
                self.problems.append(
                    Problem(reason="text-differs", action="refused", detail=detail, doc_id=article.doc_id, where=where)
                )
        self.present += sum(article.doc_id in stored for article in batch)
        return [article for article in batch if article.doc_id not in stored]

    def counted(self, docs: Iterable[LabeledDoc]) -> Iterator[LabeledDoc]:
        for doc in docs:
            self.spans.update(span.label for span in doc.spans)
            yield doc

    def result(self, **fields: Any) -> Imported:
        return Imported(
            articles=self.articles,
            created=self.created,
            present=self.present,
            repaired=self.repaired,
            spans=dict(self.spans),
            problems=tuple(self.problems),
            **fields,
        )


def _pipeline(workspace: Workspace) -> tuple[Any, str]:
    from labeling.nlp.load import load, model_version

    nlp = load(workspace.settings.model)
    return nlp, model_version(nlp, workspace.label_schema)


def _annotated(
    nlp: Any, workspace: Workspace, articles: Iterable[Article], report: _Report, jobs: int | None
) -> Iterator[LabeledDoc]:
    from labeling.nlp.language import foreign

    schema = workspace.label_schema

    def noted() -> Iterator[Article]:
        for article in articles:
            if code := foreign(article.text, schema.language):
                detail = f"the text is in another language ({code}) than the schema's labels ({schema.language})"
                report.problems.append(
                    Problem(reason="other-language", action="kept", detail=detail, doc_id=article.doc_id)
                )
            yield article

    return annotated(nlp, workspace.settings.model, schema, noted(), jobs)


def _batches(items: Iterable[T]) -> Iterator[list[T]]:
    iterator = iter(items)
    while batch := list(islice(iterator, BATCH)):
        yield batch
