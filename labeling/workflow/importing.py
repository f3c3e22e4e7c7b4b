"""Articles → tasks with predictions in the project: read, compare, annotate, push, confirm, report."""

import hashlib
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor

from pydantic import Field

from labeling.core.article import Article
from labeling.core.labels import LabeledDoc
from labeling.core.problem import Problem
from labeling.core.value import Value
from labeling.ingest import FieldNames
from labeling.settings import Workspace
from labeling.studio.client import Project, Studio
from labeling.studio.tasks import to_task
from labeling.workflow.comparing import Outcome, Plan, Todo, compare
from labeling.workflow.connecting import connect, find_project, project_in_step, refuse_misfit, server_of
from labeling.workflow.intake import Intake, version_of
from labeling.workflow.ledger import Ledger, alone
from labeling.workflow.progress import Track, Within, unseen
from labeling.workflow.pushing import Became, Pusher
from labeling.workflow.spool import Spool
from labeling.workflow.stock import Stock

# One request: with a thousand tasks the server is hardly faster, and they take twice the memory; past 250 MB it fails.
BATCH, BATCH_BYTES, BATCH_SECONDS = 500, 4_000_000, 10.0
REGION_BYTES = 200  # of a span in JSON
# Label Studio compares each span of a prediction with all that is in it, at 130 ns a pair: some two minutes, of the
# ten that a request may take on a busy machine. It is nearly half a megabyte of news.
MOST_PAIRS = 1_000_000_000
MENDED = 2  # times that predictions are looked for that the server has lost
WAITING = 1  # batches that wait for the one that is being sent

# What became of an article, as it is reported.
OUTCOMES: dict[Outcome, str] = {
    "create": "new",
    "unchanged": "there already",
    "renew": "new predictions",
    "replace": "replaced text",
    "begun": "begun, kept as it is",
    "changed": "text differs, refused",
}
UNCONFIRMED = "not confirmed"


class Imported(Value):
    """What an import did and the server confirmed, or (`dry_run`) what it would do.

    Attributes:
        articles: Articles that were read.
        created, present: Those that are new, and those that the project had already, as they are.
        outcomes: What became of the articles, by name, each counted once.
        repaired: Predictions that the server had lost and that were sent again.
        removed: Tasks that were there twice, and that nobody had begun.
        set_aside, returned: Tasks that went into the project at `aside_url` in this run (those that were there twice,
            and those with a replaced text), and those that came back from it, since someone had begun them.
        waited: How often the server could not answer and was asked again.
        replaced_version: The version that annotators started from before, where tasks that are begun still have it.
        spans: Spans in the predictions that were pushed, by label.
        problems: What was refused or noticed.
        notes: What the schema asks for and does not get from this model.
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
    set_aside: int = 0
    returned: int = 0
    aside_url: str = ""
    waited: int = 0
    replaced_version: str = ""
    spans: dict[str, int] = Field(default_factory=dict)
    problems: tuple[Problem, ...] = ()
    notes: tuple[str, ...] = ()


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
    begun. Nothing is pushed twice, whatever failed before. The inputs are read once.

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
        ):
            stock = Stock(studio, project, ledger, version)
            pusher = Pusher(stock)
            if project and not dry_run:
                pusher.problems += pusher.aside.bring_back().values()
                pusher.settle(ledger.doubted())
            keep = (lambda _: None) if dry_run else spool.add
            plan = compare(track(articles, "Comparing"), stock, replace=replace, keep=keep)
            report = _Report(intake, pusher, plan)
            if dry_run or not project:
                return report.planned(project.url if project else "")
            pusher.remove(plan.surplus)
            if plan.todo:
                docs, within = _annotated(intake, spool.articles(), jobs)
                tracked = track(docs, "Importing", len(plan.todo), within)
                _push(report.pushable(tracked), pusher, plan.todo, report.confirm)
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


def _prefill(studio: Studio, project: Project, report: "_Report") -> str:
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


class _Report:
    """What was done and confirmed, as it is done."""

    def __init__(self, intake: Intake, pusher: Pusher, plan: Plan) -> None:
        self.intake, self.pusher, self.plan = intake, pusher, plan
        self.version = pusher.stock.version
        self.outcomes: Counter[Outcome] = Counter(plan.settled)
        self.left = dict.fromkeys(plan.todo)  # what was planned and is not confirmed
        self.spans: Counter[str] = Counter()

    @property
    def has_predictions(self) -> bool:
        """Whether the project has predictions of this version."""
        there = self.outcomes["unchanged"] - len(self.pusher.begun_bare)  # which the ledger may hold for unchanged
        pushed = sum(self.outcomes[outcome] for outcome in ("create", "renew", "replace"))
        return there > 0 or pushed + self.pusher.repaired > 0

    def pushable(self, docs: Iterable[LabeledDoc]) -> Iterator[LabeledDoc]:
        """Those that Label Studio can take; one that would end the import for the others is refused."""
        for doc in docs:
            if len(doc.spans) * (len(doc.spans) + len(doc.relations)) <= MOST_PAIRS:
                yield doc
                continue
            self.left.pop(doc.doc_id, None)
            detail = (
                f"{len(doc.spans):,} spans were found in its {len(doc.text):,} characters, and Label Studio would take "
                "many minutes over them; cut the article into several, by chapters for instance"
            )
            self.intake.problems.append(
                Problem(reason="too-many-spans", action="refused", detail=detail, doc_id=doc.doc_id)
            )

    def confirm(self, became: Became, batch: Iterable[LabeledDoc]) -> None:
        """Count what the server confirmed of a batch."""
        for doc in batch:
            if outcome := became.get(doc.doc_id):
                self.left.pop(doc.doc_id, None)
                self.outcomes[outcome] += 1
                if outcome != "begun":
                    self.spans.update(span.label for span in doc.spans)

    def reversed(self, doc_ids: Iterable[str]) -> None:
        """Articles whose new text gave way to the old one, since someone began that."""
        for doc_id in doc_ids:
            if self.plan.todo.get(doc_id) == "replace" and doc_id not in self.left:
                self.outcomes["replace"] -= 1
                self.outcomes["changed"] += 1

    def missing(self, doc_ids: Iterable[str]) -> None:
        """Articles that were confirmed, and are not there all the same."""
        for doc_id in doc_ids:
            if doc_id in self.plan.todo and doc_id not in self.left:
                self.outcomes["replace" if self.plan.todo[doc_id] == "replace" else "create"] -= 1
                self.left[doc_id] = None

    def planned(self, project_url: str) -> Imported:
        """The report of a dry run."""
        self.outcomes.update(self.plan.todo.values())
        bare = self.pusher.bare()
        return self._report(project_url=project_url, dry_run=True, repaired=len(bare.keys() - self.plan.todo.keys()))

    def done(self, project: Project, replaced: str) -> Imported:
        """The report of what was done."""
        pusher = self.pusher
        return self._report(
            project_url=project.url,
            repaired=pusher.repaired,
            removed=pusher.removed,
            set_aside=pusher.aside.taken,
            returned=pusher.aside.returned,
            aside_url=pusher.aside.url,
            waited=pusher.stock.waited + pusher.studio.connection.waited,
            replaced_version=replaced,
            unconfirmed=len(self.left),
        )

    def _report(self, *, unconfirmed: int = 0, **what: object) -> Imported:
        detail = "the project does not have it as planned, and nobody knows why; the same command tries it again"
        lost = (
            Problem(reason="not-confirmed", action="refused", detail=detail, doc_id=doc_id)
            for doc_id in self.left
            if unconfirmed
        )
        outcomes = {name: self.outcomes[outcome] for outcome, name in OUTCOMES.items() if self.outcomes[outcome]}
        return Imported.model_validate(
            {
                "model_version": self.version,
                "articles": self.intake.articles,
                "created": self.outcomes["create"],
                "present": self.outcomes["unchanged"],
                "outcomes": outcomes | ({UNCONFIRMED: unconfirmed} if unconfirmed else {}),
                "spans": dict(self.spans),
                "problems": (
                    *self.intake.problems,
                    *self.plan.problems,
                    *self.pusher.problems,
                    *self.pusher.begun_bare,
                    *lost,
                ),
                "notes": self.intake.notes,
                **what,
            }
        )
