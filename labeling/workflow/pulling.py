"""`labeling pull`: what the project holds → the store of the workspace, and only what changed of it.

A task's `updated_at` moves where an annotation of it is submitted, changed, skipped or deleted, so a pull asks for what
is newer than the last one. It does not tell of tasks that were deleted, nor of everything that is done to many tasks at
once; so the numbers of tasks and annotations are compared, and where they differ, the part of the project that differs
is looked for by halves and pulled again, by its ids. docs/pull.md has the whole story.
"""

import time
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
from pydantic import Field

from labeling.core.value import Value
from labeling.settings import Workspace, server_identity
from labeling.studio.client import Project, Studio
from labeling.studio.connection import ATTEMPTS
from labeling.studio.listing import Listing, Page, before, comparable
from labeling.workflow.progress import Track, unseen
from labeling.workflow.pulled import PATIENCE_SECONDS, Counts, Store, Writer, store_folder

SETTLING_SECONDS = 10  # so long after its time a change may still be on its way into the database
LEAF = 10  # tasks that are pulled again without looking further where among them the difference is: 0.1 s
ROUNDS = 3  # of looking for what changed, while annotators go on
SHOWN = 200  # differences that a report carries


class Difference(Value):
    """Something that a pull from scratch found otherwise than the pulls before it had left it.

    Attributes:
        task: The task's id.
        what: `missing` in the store, `gone` from the server, or `differs`.
        fields: Which fields differ.
    """

    task: int
    what: str
    fields: tuple[str, ...] = ()


class Pulled(Value):
    """What a pull did.

    Attributes:
        project_url: The project's address.
        store: The folder that holds what was pulled.
        full: Whether every task was pulled, not only those that changed.
        tasks: How many tasks the store holds now.
        reviewed: How many of them have a submitted annotation.
        skipped: How many of them were only skipped.
        new: How many came.
        changed: How many are otherwise than before.
        gone: How many went.
        drafts: How many drafts there are; None where nobody asked.
        differences: What a pull from scratch (`--full`) found that the pulls before had not; the first of them.
        differing: How many of those there are.
        notes: What else there is to say, a sentence each.
        pulled_at: When it ended; ISO 8601, UTC.
        seconds: How long it took.
    """

    project_url: str
    store: Path
    full: bool = False
    tasks: int = 0
    reviewed: int = 0
    skipped: int = 0
    new: int = 0
    changed: int = 0
    gone: int = 0
    drafts: int | None = None
    differences: tuple[Difference, ...] = Field(default=(), repr=False)
    differing: int = 0
    notes: tuple[str, ...] = ()
    pulled_at: str = ""
    seconds: float = 0.0

    @property
    def is_news(self) -> bool:
        """Whether anything is otherwise than before."""
        return bool(self.new or self.changed or self.gone or self.differing)


def pull(
    workspace: Workspace,
    *,
    full: bool = False,
    drafts: bool = False,
    track: Track = unseen,
    waiting: Callable[[str], None] = lambda _: None,
    patience: float = PATIENCE_SECONDS,
    attempts: int = ATTEMPTS,
    transport: httpx.BaseTransport | None = None,
) -> Pulled:
    """Bring the workspace's store in step with the project; a crash at any point loses nothing.

    Args:
        workspace: Whose project.
        full: Whether to pull every task, and to report what is otherwise than the pulls before had left it.
        drafts: Whether to pull the drafts of all annotators too.
        track: Is shown the tasks as they come.
        waiting: Is told where another process is pulling.
        patience: Seconds that such a process is waited for.
        attempts: How often a question that fails in passing is asked.
        transport: What carries the requests; the network by default.

    Raises:
        StudioError: There is no project, or the server does not answer.
        InputError: The store cannot be used.
    """
    from labeling.workflow.connecting import connect, existing_project

    began = time.monotonic()
    with connect(workspace, transport) as studio:
        project = existing_project(studio, workspace)
        listing = Listing(studio, project.id, attempts=attempts)
        folder = store_folder(workspace, project.id)
        with Store.writing(folder, anew=full, waiting=waiting, patience=patience) as store:
            run = _Pull(store, listing, track)
            if store.aside:
                run.notes.append(
                    f"The copy could not be read, so it was made anew. Its files are in {store.aside}; "
                    "remove them when you need nothing of them."
                )
            run.begin(workspace, studio, project)
            run.all(full=full)
            found = run.drafts() if drafts else None
            run.end()
            run.notes += _begun_aside(studio, project)
            states = store.states()
            return Pulled(
                project_url=project.url,
                store=folder,
                full=run.is_full,
                tasks=len(store),
                reviewed=states["reviewed"],
                skipped=states["skipped"],
                drafts=found,
                notes=tuple(run.notes),
                pulled_at=store.state.pulled_at,
                seconds=round(time.monotonic() - began, 3),
                differences=tuple(run.differences[:SHOWN]),
                differing=len(run.differences),
                new=run.counts["new"],
                changed=run.counts["changed"],
                gone=run.counts["gone"],
            )


def _begun_aside(studio: Studio, project: Project) -> list[str]:
    """A note where somebody labelled what an import has set aside, as in a page that was still open."""
    begun = {place.url: len(studio.begun(place)) for place in studio.asides(project)}
    return [
        f"Somebody labelled {number} tasks that were set aside ({url}); the next import takes them back."
        for url, number in begun.items()
        if number
    ]


class _Pull:
    """One pull at work on a store that is open for writing."""

    def __init__(self, store: Writer, listing: Listing, track: Track) -> None:
        self.store, self.listing, self.track = store, listing, track
        self.counts = {"new": 0, "changed": 0, "gone": 0, "same": 0}
        self.differences: list[Difference] = []
        self.notes: list[str] = []
        self.is_full = self.is_searched = self.is_reporting = False
        self.now = 0.0
        self.seen = ""
        self.total = 0
        self.newest: int | None = None  # tasks that a first pull leaves to `newer`

    def begin(self, workspace: Workspace, studio: Studio, project: Project) -> None:
        created, self.now = self.listing.created()
        self.total = project.tasks
        server = workspace.server
        state = self.store.state
        if state.server and (server_identity(state.server), state.project, state.created) != (
            server,
            project.id,
            created,
        ):
            self.notes.append("What was pulled before was of another project of this number; it is forgotten.")
            self.store.clear()
            state = self.store.state
        told = {"server": server, "project": project.id, "created": created, "url": project.url}
        self.store.save(state.model_copy(update={**told, "users": studio.users()}))
        self.seen = self.store.state.seen

    def all(self, *, full: bool) -> None:
        state, self.is_reporting = self.store.state, full
        if not state.complete:
            self.is_full = True
            self.first()
        elif state.asked and self.now and self.now < state.asked - SETTLING_SECONDS:
            self.notes.append("The server's clock was set back, so every task was pulled.")
            self.is_full = True
            self.from_scratch(report=False)
        self.changes()
        if full and not self.is_full:
            self.is_full = True
            self.from_scratch(report=True)

    def end(self) -> None:
        now = datetime.now(UTC).isoformat(timespec="seconds")
        self.remember(pulled_at=now)

    def remember(self, **fields: Any) -> None:
        self.store.save(self.store.state.model_copy(update={"seen": self.seen, **fields}))

    # all of it

    def first(self) -> None:
        """Every task, going on where an earlier attempt ended; the state knows after each page how far it is.

        What changed just before the first attempt began, or since, is newer than all that is known to have settled. It
        stands at the front, and is left to `newer`, so that a project that was filled a moment ago is not read twice,
        but for what stands in one page with older tasks.
        """
        if not self.store.state.asked:
            since = self.settled()
            self.newest = self.listing.held(since=since).tasks if self.now else 0
            self.remember(asked=self.now, since=since, cursor=self.newest)
        done = self.store.state.cursor
        for page in self.shown(self.listing.whole(done, self.total), "Pulling", max(0, self.total - done)):
            self.take(page)
            self.remember(cursor=page.listed)

    def from_scratch(self, *, report: bool) -> None:
        """Every task again; what is otherwise, although no change was seen, is a difference."""
        since = self.since()
        left = set(self.store.ids)
        for page in self.shown(self.listing.whole(0, self.total), "Verifying", self.total):
            for task in page.tasks:
                self.verify(task, since, report)
            left.difference_update(task["id"] for task in page.tasks)
            self.store.sync()
        for page in self.listing.some(
            sorted(left)
        ):  # where others are deleted meanwhile, one may have been passed over
            for task in page.tasks:
                self.verify(task, since, report)
            left.difference_update(task["id"] for task in page.tasks)
        for number in sorted(left):
            self.difference(report, Difference(task=number, what="gone"))
            self.drop(number)
        self.changes()

    def verify(self, task: dict[str, Any], since: str, report: bool) -> None:
        number = task["id"]
        before = self.store.task(number) if number in self.store else None
        outcome = self.put(task)
        is_recent = comparable(task.get("updated_at") or "") > since  # it has changed just now
        if outcome == "same" or is_recent:
            return
        if before is None:
            self.difference(report, Difference(task=number, what="missing"))
            return
        after = self.store.task(number)
        names = [n for n in sorted({*before, *after}) if n != "updated_at" and before.get(n) != after.get(n)]
        self.difference(report, Difference(task=number, what="differs", fields=tuple(names)))

    def difference(self, report: bool, found: Difference) -> None:
        if report:
            self.differences.append(found)

    # what changed

    def changes(self) -> None:
        """What is newer, until the numbers agree; then what the numbers say has changed unseen."""
        off, untold, is_settled = Counts(), (0, 0), False
        for round_ in range(ROUNDS):
            self.newer()
            was, (off, untold) = (off, untold), (self.off(), self.untold())
            is_settled = (off, untold) == (Counts(), (0, 0)) or (round_ > 0 and (off, untold) == was)
            if is_settled:  # else annotators are at work, and it was but a moment
                break
        if off != Counts():
            self.look(0, None, off)
            left = self.off()
            residual = self.store.state.residual
            tasks, annotations, skips = left.tasks, left.annotations, left.skips
            if tasks:
                more = "more" if tasks > 0 else "fewer"
                self.notes.append(f"The server counts {abs(tasks):,} tasks {more} than it lists.")
            self.remember(residual=(residual[0] + tasks, residual[1] + annotations, residual[2] + skips))
        if untold != (0, 0) and is_settled:
            self.search()

    def search(self) -> None:
        """Look for annotations that no time and no number of their tasks tells of, in every task, once.

        The server writes an annotation, then the numbers of its task, then its time. Where it was killed between them,
        nothing tells which task it is. A task that moved to another project leaves its annotations in the count, too.
        """
        self.newer()  # where somebody submits all the time, it is not read for that
        if not self.is_searched and self.untold() != (0, 0):
            self.is_searched = self.is_full = True
            self.notes.append(
                "The server has other annotations than its tasks tell of, as after a crash; so every task was read."
            )
            self.from_scratch(report=self.is_reporting)
        elif self.is_searched:
            known, (submitted, skipped) = self.store.state.unlisted, self.untold()
            self.remember(unlisted=(known[0] + submitted, known[1] + skipped))

    def newer(self) -> None:
        """What has a newer time than all that is known; tasks that came have one too. With it the store is complete."""
        asked = self.listing.now or self.now
        for page in self.shown(self.listing.pages(since=self.since()), "Pulling changes", self.newest or None):
            self.take(page)
        self.now, self.newest = asked, None
        self.remember(asked=asked, since=self.settled(), complete=True, cursor=0)

    def since(self) -> str:
        return self.store.state.since or before(0)

    def settled(self) -> str:
        """Up to which time everything is known that will ever be known of it, by the server's clock.

        That is the newest change that was seen, but not the last seconds: there, another change may still be on its
        way. Nor the future, which a server writes where its time zone is not UTC.
        """
        recent = before(max(0.0, self.now - SETTLING_SECONDS)) if self.now else before(0)
        return min(self.seen, recent) if self.seen else recent

    # what the numbers tell

    def off(self) -> Counts:
        """How much the server's numbers differ from the store's, beyond what is known to be no difference."""
        tasks, annotations, skips = self.store.state.residual
        known = Counts(tasks=tasks, annotations=annotations, skips=skips)
        return self.held(0, None) - self.store.counts() - known

    def untold(self) -> tuple[int, int]:
        """How many annotations, submitted and skipped ones, the server has beyond the store's and the unlisted."""
        theirs, ours, known = self.listing.written(), self.store.written(), self.store.state.unlisted
        return (0, 0) if theirs is None else (theirs[0] - ours[0] - known[0], theirs[1] - ours[1] - known[1])

    def held(self, after: int, last: int | None, *, skips: bool = True) -> Counts:
        """What the server holds of these ids; the store's number of tasks with skips where that is not in doubt."""
        every = self.listing.held(after, last)
        number = self.listing.held(after, last, skipped=True).tasks if skips else self.store.counts(after, last).skips
        return Counts(tasks=every.tasks, annotations=every.annotations, skips=number)

    def look(self, after: int, last: int | None, off: Counts) -> None:
        """Find by halves where the difference is, and pull that part again."""
        ids = self.store.between(after, last)
        if len(ids) <= LEAF:
            self.again(after, last)
            return
        middle = ids[len(ids) // 2 - 1]
        theirs = self.held(after, middle, skips=bool(off.skips))
        left = theirs - self.store.counts(after, middle)
        right = off - left
        if left != Counts():
            if theirs.tasks:
                self.look(after, middle, left)
            else:
                self.drop(*self.store.between(after, middle))
        if right != Counts():
            self.look(middle, last, right)

    def again(self, after: int, last: int | None) -> None:
        listed: set[int] = set()
        for page in self.shown(self.listing.pages(after, last), "Comparing", None):
            self.take(page)
            listed.update(task["id"] for task in page.tasks)
        self.drop(*(number for number in self.store.between(after, last) if number not in listed))

    # into the store

    def shown(self, pages: Iterable[Page], what: str, total: int | None) -> Iterator[Page]:
        """The pages, while whoever looks is shown their tasks."""

        def tasks() -> Iterator[Page | None]:
            for page in pages:
                yield page
                yield from [None] * (len(page.tasks) - 1)

        for item in self.track(tasks(), what, total):
            if item is not None:
                yield item

    def take(self, page: Page) -> None:
        for task in page.tasks:
            self.put(task)
        self.store.sync()

    def put(self, task: dict[str, Any]) -> str:
        outcome = self.store.put(task)
        self.counts[outcome] += 1
        self.seen = max(self.seen, comparable(task.get("updated_at") or ""))
        return outcome

    def drop(self, *numbers: int) -> None:
        self.counts["gone"] += sum(self.store.drop(number) for number in numbers)

    def drafts(self) -> int:
        """How many drafts there are; the store has them."""
        at = before((self.listing.now or self.now) + 1)  # the server tells its time in whole seconds
        found = self.listing.drafts()
        self.store.keep_drafts(found, at)
        return sum(map(len, found.values()))
