"""Articles → tasks with predictions, into a file or into the project."""

import hashlib
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from pathlib import Path

from pydantic import Field

from labeling.core.article import Article
from labeling.core.labels import LabeledDoc
from labeling.core.problem import Problem
from labeling.core.value import Value
from labeling.errors import InputError
from labeling.files import json_lines, json_text, write_atomic
from labeling.ingest import read_articles
from labeling.settings import Workspace
from labeling.studio.client import Project, Studio
from labeling.studio.tasks import to_task
from labeling.workflow.annotating import annotated
from labeling.workflow.connecting import connect, find_project, project_in_step, refuse_misfit
from labeling.workflow.ledger import Ledger, alone
from labeling.workflow.progress import Track, Within, unseen
from labeling.workflow.pushing import OUTCOMES, Plan, Pusher

COMPARED = 300  # articles that are looked up at once
# One request: with a thousand tasks the server is hardly faster, and they take twice the memory; past 250 MB it fails.
BATCH, BATCH_BYTES, BATCH_SECONDS = 500, 4_000_000, 10.0
REGION_BYTES = 200  # of a span in JSON
WAITING = 1  # batches that wait for the one that is being sent


class Imported(Value):
    """What an import did, or (`dry_run`) would do.

    Attributes:
        articles: Articles that were read.
        created, present: Those that are new, and those that the project had already, as they are.
        outcomes: What became of the articles, by name, each counted once.
        repaired: Predictions that the server had lost and that were sent again.
        removed: Tasks that were there twice, and that nobody had begun.
        waited: How often the server could not answer and was asked again.
        replaced_version: The version that annotators started from before, where tasks that are begun still have it.
        problems: What was refused or noticed.
    """

    project_url: str = ""
    model_version: str = ""
    dry_run: bool = False
    articles: int = 0
    created: int = 0
    present: int = 0
    outcomes: dict[str, int] = Field(default_factory=dict)
    repaired: int = 0
    removed: int = 0
    waited: int = 0
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
    report = _Report(workspace)
    version = _version(workspace)
    within = Within()
    docs = _annotated(workspace, report.articles_of(paths, keep_all), report, jobs, within)
    tasks = [to_task(doc, version) for doc in track(report.counted(docs), "Annotating", None, within)]
    write_atomic(output, json_lines(tasks) if output.suffix == ".jsonl" else json_text(tasks))
    return report.result(version=version)


def import_articles(
    workspace: Workspace,
    paths: Iterable[str],
    *,
    keep_all: bool = False,
    dry_run: bool = False,
    replace: bool = False,
    jobs: int | None = None,
    track: Track = unseen,
    waiting: Callable[[str], None] = lambda _: None,
) -> Imported:
    """Bring the project into step with the articles: each once, with the predictions of this model and schema.

    New articles are pushed. Those that are there with predictions of another model or schema get new ones, as long as
    nobody has begun to label them. A changed text is refused, or takes the old one's place (`replace`) where nobody has
    begun. Nothing is pushed twice, whatever failed before.

    Args:
        workspace: Whose project.
        paths: Files and folders of articles.
        keep_all: Whether nothing is cleaned away from scraped texts.
        dry_run: Whether to say only what would be done.
        replace: Whether changed texts take the place of what nobody has begun to label.
        jobs: Processes that annotate; one a core by default.
        track: Who is shown the progress.
        waiting: Who is told that another import is at work, and which.

    Raises:
        StudioError: Label Studio refused, or could not answer for minutes. The same command goes on from there.
    """
    paths = list(paths)
    with connect(workspace) as studio:
        version = _version(workspace)
        project = find_project(studio, workspace) if dry_run else project_in_step(studio, workspace)
        if project:
            refuse_misfit(workspace.label_schema, project)
        name = _project_file(studio, project)
        with (
            alone(workspace.state / f"{name}.lock", waiting),
            Ledger(workspace.state / f"{name}.sqlite") as ledger,
        ):
            report = _Report(workspace)
            pusher = Pusher(studio, project, ledger, version, replace=replace)
            if not dry_run:
                pusher.settle(ledger.doubted())
            plan = pusher.plan(_batches(track(report.articles_of(paths, keep_all), "Comparing"), COMPARED))
            report.problems += plan.problems
            if not dry_run:
                pusher.remove(plan.surplus)
            if dry_run or not project:
                return report.result(plan, dry_run=True, project_url=project.url if project else "", version=version)
            if plan.todo:
                _push(
                    workspace,
                    paths,
                    keep_all=keep_all,
                    jobs=jobs,
                    track=track,
                    report=report,
                    pusher=pusher,
                    plan=plan,
                )
            replaced = ""
            # Without it annotators begin on an empty page.
            if studio.project(project.id).model_version != version and (project.tasks or plan.todo):
                studio.prefill(project, version)
                replaced = project.model_version if plan.counts["begun"] else ""
            pusher.finish()
            return report.result(plan, project_url=project.url, version=version, pusher=pusher, replaced=replaced)


def _project_file(studio: Studio, project: Project | None) -> str:
    """What the files about a project are called; two servers may have a project of the same number."""
    server = hashlib.sha256(studio.url.encode("utf-8")).hexdigest()[:8]
    return f"import-{project.id if project else 0}-{server}"


def _push(
    workspace: Workspace,
    paths: list[str],
    *,
    keep_all: bool,
    jobs: int | None,
    track: Track,
    report: "_Report",
    pusher: Pusher,
    plan: Plan,
) -> None:
    """Annotate what the plan names and push it, both at the same time: the slower one sets the pace."""
    left = set(plan.todo)

    def wanted() -> Iterator[Article]:
        for item in report.read(paths, keep_all):
            if not isinstance(item, Problem) and item.doc_id in left:
                left.discard(item.doc_id)
                yield item

    # Before the progress bar and the pusher, which are threads: processes are forked from this one.
    within = Within()
    docs = report.counted(_annotated(workspace, wanted(), report, jobs, within))
    digests: dict[str, str] = {}
    with ThreadPoolExecutor(1) as background:
        underway: deque[Future[None]] = deque()
        for batch in _by_size(track(docs, "Importing", len(plan.todo), within)):
            tasks = [to_task(doc, pusher.version) for doc in batch]
            digests |= {doc.doc_id: doc.digest for doc in batch if plan.todo[doc.doc_id] == "replace"}
            underway.append(background.submit(pusher.push, plan.todo, tasks))
            while len(underway) > WAITING:
                underway.popleft().result()
        while underway:
            underway.popleft().result()
    pusher.drop_replaced(plan.todo, digests)


def _by_size(docs: Iterable[LabeledDoc]) -> Iterator[list[LabeledDoc]]:
    """Batches for one request each: as large as the server likes them, and never long in coming."""
    batch: list[LabeledDoc] = []
    size, began = 0, time.monotonic()
    for doc in docs:
        batch.append(doc)
        size += len(doc.text) + REGION_BYTES * len(doc.spans)
        if len(batch) >= BATCH or size >= BATCH_BYTES or time.monotonic() - began > BATCH_SECONDS:
            yield batch
            batch, size, began = [], 0, time.monotonic()
    if batch:
        yield batch


class _Report:
    """What has been seen so far."""

    def __init__(self, workspace: Workspace) -> None:
        self.max_characters = workspace.settings.articles.max_characters
        self.problems: list[Problem] = []
        self.spans: Counter[str] = Counter()
        self.articles = 0

    def read(self, paths: Iterable[str], keep_all: bool) -> Iterator[Article | Problem]:
        return read_articles(paths, keep_all=keep_all, max_characters=self.max_characters)

    def articles_of(self, paths: Iterable[str], keep_all: bool) -> Iterator[Article]:
        for item in self.read(paths, keep_all):
            if isinstance(item, Problem):
                self.problems.append(item)
            else:
                self.articles += 1
                yield item

    def counted(self, docs: Iterable[LabeledDoc]) -> Iterator[LabeledDoc]:
        for doc in docs:
            self.spans.update(span.label for span in doc.spans)
            yield doc

    def result(
        self,
        plan: Plan | None = None,
        *,
        dry_run: bool = False,
        project_url: str = "",
        version: str = "",
        pusher: Pusher | None = None,
        replaced: str = "",
    ) -> Imported:
        counts = plan.counts if plan else Counter()
        return Imported(
            project_url=project_url,
            model_version=version,
            dry_run=dry_run,
            articles=self.articles,
            created=counts["create"],
            present=counts["unchanged"],
            outcomes={OUTCOMES[name]: counts[name] for name in OUTCOMES if counts[name]},
            repaired=pusher.repaired if pusher else 0,
            removed=pusher.removed if pusher else 0,
            waited=pusher.waited if pusher else 0,
            replaced_version=replaced,
            spans=dict(self.spans),
            problems=tuple(self.problems),
        )


def _version(workspace: Workspace) -> str:
    from labeling.nlp.load import model_version

    return model_version(workspace.settings.model, workspace.label_schema)


def _annotated(
    workspace: Workspace, articles: Iterable[Article], report: _Report, jobs: int | None, within: Within
) -> Iterator[LabeledDoc]:
    from labeling.nlp.language import foreign
    from labeling.nlp.load import load

    schema = workspace.label_schema

    def noted() -> Iterator[Article]:
        for article in articles:
            if code := foreign(article.text, schema.language):
                detail = f"the text is in another language ({code}) than the schema's labels ({schema.language})"
                report.problems.append(
                    Problem(reason="other-language", action="kept", detail=detail, doc_id=article.doc_id)
                )
            yield article

    return annotated(load(workspace.settings.model), workspace.settings.model, schema, noted(), jobs, within)


def _batches(articles: Iterable[Article], size: int) -> Iterator[list[Article]]:
    iterator = iter(articles)
    while batch := list(islice(iterator, size)):
        yield batch
