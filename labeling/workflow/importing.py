"""Articles → tasks with predictions in the project: read, compare, annotate, push, confirm, report."""

import hashlib
import time
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor

from labeling.core.article import Article
from labeling.core.labels import LabeledDoc
from labeling.ingest import FieldNames
from labeling.settings import Workspace
from labeling.studio.client import Project, Studio
from labeling.studio.tasks import to_task
from labeling.workflow.comparing import Todo, compare
from labeling.workflow.connecting import connect, find_project, project_in_step, refuse_misfit, server_of
from labeling.workflow.import_report import Imported, Report
from labeling.workflow.intake import Intake, version_of
from labeling.workflow.ledger import Ledger, alone
from labeling.workflow.progress import Track, Within, unseen
from labeling.workflow.pushing import Became, Pusher
from labeling.workflow.spool import Spool
from labeling.workflow.stock import Stock

# One request: with a thousand tasks the server is hardly faster, and they take twice the memory; past 250 MB it fails.
BATCH, BATCH_BYTES, BATCH_SECONDS = 500, 4_000_000, 10.0
REGION_BYTES = 200  # of a span in JSON
MENDED = 2  # times that predictions are looked for that the server has lost
WAITING = 1  # batches that wait for the one that is being sent


def import_articles(
    workspace: Workspace,
    paths: Iterable[str],
    *,
    keep_all: bool = False,
    names: FieldNames | None = None,
    dry_run: bool = False,
    replace: bool = False,
    jobs: int | None = None,
    track: Track = unseen,
    waiting: Callable[[str], None] = lambda _: None,
) -> Imported:
    """Bring the project into step with the articles: each once, with the predictions of this model and schema.

    New articles are pushed. Those that are there with predictions of another model or schema get new ones, as long as
    nobody has begun to label them. A changed text is refused, or takes the old one's place (`replace`) where nobody has
    begun; the text that stays gets new predictions like any other. Nothing is pushed twice, whatever failed before. The
    inputs are read once.

    Args:
        workspace: Whose project.
        paths: Files and folders of articles, or `-`.
        keep_all: Whether nothing is cleaned away from scraped texts.
        names: What the fields of records are called, where it is not one of the usual names.
        dry_run: Whether to say only what would be done.
        replace: Whether changed texts take the place of what nobody has begun to label.
        jobs: Processes that annotate; one a core by default.
        track: Who is shown the progress.
        waiting: Who is told that another import is at work, and which.

    Raises:
        InputError: There is no article.
        StudioError: Label Studio refused, or could not answer for minutes. The same command goes on from there.
    """
    intake = Intake(workspace, list(paths), keep_all=keep_all, names=names)
    with connect(workspace) as studio:
        articles = intake.some()
        version = version_of(workspace)
        project = find_project(studio, workspace) if dry_run else project_in_step(studio, workspace)
        if project:
            refuse_misfit(workspace.label_schema, project)
        name = _project_file(workspace, project)
        with (
            alone(workspace.state / f"{name}.lock", waiting),
            Ledger(workspace.state / f"{name}.sqlite") as ledger,
            Spool(workspace.state) as spool,
            Spool(workspace.state) as others,
        ):
            stock = Stock(studio, project, ledger, version)
            pusher = Pusher(stock)
            if project and not dry_run:
                pusher.problems += pusher.aside.bring_back().values()
                pusher.settle(ledger.doubted())
            to = {} if dry_run else {"keep": spool.add, "renew": others.add}
            plan = compare(track(articles, "Comparing"), stock, replace=replace, **to)
            report = Report(intake, pusher, plan)
            if dry_run or not project:
                return report.planned(project.url if project else "")
            pusher.remove(plan.surplus)
            if plan.todo:
                docs, within = _annotated(intake, spool.articles(), jobs)
                tracked = track(docs, "Importing", len(plan.todo), within)
                _push(report.pushable(tracked), pusher, plan.todo, report.confirm)
            if plan.outdated:
                docs, within = _annotated(intake, others.articles(), jobs)
                tracked = track(docs, "Renewing", plan.outdated, within)
                _push(report.pushable(tracked), pusher, defaultdict(lambda: "renew"), report.renew)
            _mend(intake, pusher, track)
            report.reversed(pusher.came_back())
            report.missing(pusher.finish())
            replaced = _prefill(studio, project, report)
            return report.done(project, replaced)


def _project_file(workspace: Workspace, project: Project | None) -> str:
    """What the files about a project are called; two servers may have a project of the same number.

    Those that an older version called after another spelling of the server's URL get the name that they have now.
    """
    number = project.id if project else 0
    name = _named(number, server_of(workspace))
    if project and not (workspace.state / f"{name}.sqlite").exists():
        spellings = (*workspace.server_spellings, project.url.partition("/projects/")[0])
        for old in (_named(number, url.rstrip("/")) for url in spellings):
            for file in workspace.state.glob(f"{old}.sqlite*"):
                file.rename(file.with_name(name + file.name.removeprefix(old)))
    return name


def _named(number: int, server: str) -> str:
    return f"import-{number}-{hashlib.sha256(server.encode('utf-8')).hexdigest()[:8]}"


def _annotated(intake: Intake, articles: Iterable[Article], jobs: int | None) -> tuple[Iterator[LabeledDoc], Within]:
    """The documents, and who is told how far a long one is."""
    within = Within()
    # Before the progress bar and the pusher, which are threads: processes are forked from this one.
    return intake.annotated(articles, jobs, within), within


def _push(
    docs: Iterable[LabeledDoc],
    pusher: Pusher,
    todo: Mapping[str, Todo],
    confirm: Callable[[Became, list[LabeledDoc]], None],
) -> None:
    """Push documents while the next ones are annotated: the slower one sets the pace."""
    underway: deque[tuple[Future[Became], list[LabeledDoc]]] = deque()

    def ended() -> None:
        pushed, batch = underway.popleft()
        confirm(pushed.result(), batch)

    with ThreadPoolExecutor(1) as background:
        for batch in _by_size(docs):
            tasks = [to_task(doc, pusher.stock.version) for doc in batch]
            underway.append((background.submit(pusher.push, todo, tasks), batch))
            while len(underway) > WAITING:
                ended()
        while underway:
            ended()


def _mend(intake: Intake, pusher: Pusher, track: Track) -> None:
    """Give the tasks of this project that have no prediction at all theirs, whoever lost them, and whenever."""

    def confirm(became: Became, _: list[LabeledDoc]) -> None:
        pusher.repaired += sum(outcome == "renew" for outcome in became.values())

    for _ in range(MENDED):
        bare = pusher.bare()
        if not bare:
            return
        docs, within = _annotated(intake, bare.values(), 1)
        todo: dict[str, Todo] = dict.fromkeys(bare, "renew")
        _push(track(docs, "Mending", len(bare), within), pusher, todo, confirm)
    pusher.bare()


def _prefill(studio: Studio, project: Project, report: "Report") -> str:
    """Let annotators start from this version, without which they begin on an empty page; the version of before.

    The server refuses a version that no prediction has.
    """
    there = studio.project(project.id).model_version
    if there == report.version or not report.has_predictions:
        return ""
    studio.prefill(project, report.version)
    return there if report.outcomes["begun"] else ""


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
