"""Articles → tasks with predictions in the project: read, compare, annotate, push, confirm, report."""

import hashlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping

import httpx

from labeling.core.article import Article
from labeling.errors import StudioError
from labeling.ingest import FieldNames
from labeling.locks import alone
from labeling.settings import Workspace
from labeling.studio.client import Project, Studio
from labeling.studio.tabs import keep_tabs
from labeling.workflow.connecting import connect, find_project, server_of
from labeling.workflow.importing.annotate import Annotator, version_of
from labeling.workflow.importing.compare import Plan, Todo, compare
from labeling.workflow.importing.confirm import Confirmation
from labeling.workflow.importing.hand_out import hand_out
from labeling.workflow.importing.ledger import Ledger
from labeling.workflow.importing.project_state import ProjectState
from labeling.workflow.importing.push import Pushed, Pusher, push
from labeling.workflow.importing.read import ArticleReader
from labeling.workflow.importing.report import Imported, Report
from labeling.workflow.importing.spool import Spool
from labeling.workflow.page import PageUpdate, compare_page, project_in_step
from labeling.workflow.progress import ItemProgress, Track, no_track

REPAIRS = 2  # times that predictions which the server has lost are sent again


def import_articles(
    workspace: Workspace,
    paths: Iterable[str],
    *,
    keep_all: bool = False,
    names: FieldNames | None = None,
    dry_run: bool = False,
    replace: bool = False,
    force: bool = False,
    jobs: int | None = None,
    track: Track = no_track,
    waiting: Callable[[str], None] = lambda _: None,
    listing: Callable[[int], object] = int,
    transport: httpx.BaseTransport | None = None,
) -> Imported:
    """Push articles to the project, with predictions of the workspace's model and schema.

    Running it again adds nothing. Articles in the project with predictions of another model or schema get new ones,
    unless someone has begun to label them. A changed text is refused, or (`replace`) replaces one that nobody has
    begun; a text that stays gets new predictions, too. Nothing is pushed twice, whatever failed before. The inputs are
    read once.

    Args:
        workspace: The workspace.
        paths: Files and folders of articles, or `-`.
        keep_all: Whether to leave boilerplate of web pages in the texts.
        names: The names of fields in records, where they are not the usual ones.
        dry_run: Whether to only report what would be done.
        replace: Whether changed texts replace those that nobody has begun to label.
        force: Whether the project shows the schema also where somebody has edited its page by hand.
        jobs: Processes that annotate; one per core by default.
        track: Shows the progress.
        waiting: Is told who runs another import into the project.
        listing: Is told how many tasks there are before all of them are listed, which may take minutes.
        transport: What carries the requests; the network by default.

    Raises:
        InputError: There is no article.
        StudioError: Label Studio refused, or could not answer for minutes. The same command continues from there.
    """
    reader = ArticleReader(workspace, list(paths), keep_all=keep_all, names=names)
    annotator = Annotator(workspace, jobs)
    with connect(workspace, transport) as studio:
        articles = reader.at_least_one()
        version = version_of(workspace)
        project, page = _project(studio, workspace, dry_run=dry_run, force=force)
        name = project_file(workspace, project)
        with (
            alone(workspace.state / f"{name}.lock", waiting),
            Ledger(workspace.state / f"{name}.sqlite") as ledger,
            Spool(workspace.state, counts_only=dry_run) as changed,
            Spool(workspace.state, counts_only=dry_run) as outdated,
        ):
            sections = workspace.settings.articles.sections
            without_prefill = workspace.settings.studio.without_prefill
            state = ProjectState(studio, project, ledger, version, without_prefill, listing)
            pusher = Pusher(state, workspace.label_schema, sections)
            confirmation = Confirmation(pusher)
            if project and not dry_run:
                pusher.settle_doubts()
            plan = compare(track(articles, "Comparing"), state, Plan(changed, outdated), replace=replace)
            report = Report(reader, annotator, plan, pusher, confirmation)
            if dry_run or not project:
                return report.planned(project.url if project else "", page)
            pusher.remove(plan.surplus)
            renewing = defaultdict[str, Todo](lambda: "renew")

            def pushed(
                articles: Iterable[Article],
                count: int,
                words: str,
                todo: Mapping[str, Todo] = renewing,
                is_small: bool = False,
            ) -> Iterator[Pushed]:
                if count:
                    within = ItemProgress()
                    docs = annotator.documents(articles, within, is_small=is_small)
                    yield from push(track(docs, words, count, within), pusher, todo)

            for some in pushed(changed.articles(), len(changed), "Importing", plan.todo):
                report.confirm(some)
            for some in pushed(outdated.articles(), len(outdated), "Renewing"):
                report.renew(some)
            bare = confirmation.bare()  # tasks that lost their predictions at any time
            for _ in range(REPAIRS):
                for some in pushed(bare.values(), len(bare), "Repairing", is_small=True):
                    report.repair(some)
                bare = confirmation.bare() if bare else bare
            pusher.refused |= annotator.lost
            report.take_back(confirmation.came_back(), confirmation.missing())
            replaced = confirmation.prefill(project, has_predictions=report.has_predictions)
            overlapping = hand_out(state, workspace.settings.studio.overlap, track)
            return report.done(project, replaced, overlapping, page, _tabs(studio, project, report))


def _project(studio: Studio, workspace: Workspace, *, dry_run: bool, force: bool) -> tuple[Project | None, PageUpdate]:
    if not dry_run:
        return project_in_step(studio, workspace, force=force)
    project = find_project(studio, workspace)
    return project, compare_page(workspace.label_schema, project, force=force) if project else PageUpdate()


def _tabs(studio: Studio, project: Project, report: Report) -> tuple[str, ...]:
    """Make our tabs of the Data Manager where articles came; why they are not there, in a note."""
    try:
        if report.outcomes["create"]:
            keep_tabs(studio, project)
    except StudioError as error:
        return (f"the tabs of the Data Manager could not be made: {error.message}",)
    return ()


def project_file(workspace: Workspace, project: Project | None) -> str:
    """The name of the files about a project; it tells apart projects of the same number on two servers.

    Files that an older version named after another spelling of the server's URL are renamed.
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
