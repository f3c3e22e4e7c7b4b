"""`labeling pull`: the project's tasks → the workspace's store, pulling only what changed.

A task's `updated_at` moves when one of its annotations is submitted, changed, skipped or deleted, so a pull asks for
tasks that are newer than the last pull. That misses deleted tasks, and some actions on many tasks at once. So the
numbers of tasks and annotations are compared, and if they differ, the range of ids that differs is found by bisection
and pulled again. docs/pull.md has the details.
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
from labeling.studio.changes import predictions_of
from labeling.studio.client import Project, Studio
from labeling.studio.connection import ATTEMPTS
from labeling.studio.listing import Listing, Page, before, comparable
from labeling.workflow.progress import Track, no_track
from labeling.workflow.pulled import PATIENCE_SECONDS, Counts, Store, Writer, store_folder
from labeling.workflow.pulled_database import old_files

SETTLING_SECONDS = 10  # a change may reach the database so long after its time
LEAF = 10  # a range of so few tasks is pulled again without bisecting it further: 0.1 s
ROUNDS = 3  # of looking for changes, while annotators go on working
UNTOLD = {"updated_at", "overlap", "is_labeled"}  # which the project's settings change without another time
REPORTED = 200  # differences that a report carries


class Difference(Value):
    """A task that a full pull found to differ from the store of earlier pulls.

    Attributes:
        task: The task's id.
        what: `missing` in the store, `gone` from the server, or `differs`.
        fields: The fields that differ.
    """

    task: int
    what: str
    fields: tuple[str, ...] = ()


class Pulled(Value):
    """The report of a pull.

    Attributes:
        project_url: The project's address.
        store: The folder with the pulled tasks.
        full: Whether every task was pulled, not only those that changed.
        tasks: Tasks in the store now.
        reviewed: Those of them with a submitted annotation.
        skipped: Those of them that were only skipped.
        new: Tasks added to the store.
        changed: Tasks changed in the store.
        gone: Tasks removed from the store.
        drafts: The number of drafts; None if they were not pulled.
        differences: The first differences that a full pull found, which earlier pulls had missed.
        differing: The number of such differences.
        notes: Further notes, a sentence each.
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
        """Whether the store changed."""
        return bool(self.new or self.changed or self.gone or self.differing)


def pull(
    workspace: Workspace,
    *,
    full: bool = False,
    drafts: bool = False,
    predictions: bool = False,
    track: Track = no_track,
    waiting: Callable[[str], None] = lambda _: None,
    patience: float = PATIENCE_SECONDS,
    attempts: int = ATTEMPTS,
    transport: httpx.BaseTransport | None = None,
) -> Pulled:
    """Update the workspace's store from the project; a crash at any point loses nothing.

    Args:
        workspace: The workspace.
        full: Whether to pull every task, and report what earlier pulls had missed.
        drafts: Whether to pull the drafts of all annotators, too.
        predictions: Whether to pull the regions of the predictions of tasks with a submitted annotation, each once.
        track: Shows the tasks as they come.
        waiting: Is told that another process is pulling.
        patience: Seconds to wait for such a process.
        attempts: How often to try a request that fails temporarily.
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
                    f"The copy could not be read, so it was created anew. Its files were moved to {store.aside}; "
                    "remove them when you no longer need them."
                )
            run.check_project(workspace, studio, project)
            run.pull_tasks(full=full)
            found = run.drafts() if drafts else None
            if predictions:
                run.predictions()
            run.end()
            run.notes += _without_old_files(folder, drafts=drafts)
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
                differences=tuple(run.differences[:REPORTED]),
                differing=len(run.differences),
                new=run.counts["new"],
                changed=run.counts["changed"],
                gone=run.counts["gone"],
            )


def _without_old_files(folder: Path, *, drafts: bool) -> list[str]:
    """A note if the folder held a copy from before the database, whose files are removed now that all is pulled."""
    files = old_files(folder)
    if not files:
        return []
    had_drafts = any(file.name == "drafts.jsonl" for file in files)
    for file in files:
        file.unlink()
    again = " Its drafts come again with --drafts." if had_drafts and not drafts else ""
    return [
        f"The copy was in the layout of an older version, so every task was pulled again and its files removed.{again}"
    ]


def _begun_aside(studio: Studio, project: Project) -> list[str]:
    """A note if somebody labelled a task that an import has set aside, such as in a page that was still open."""
    begun = {place.url: len(studio.begun(place)) for place in studio.asides(project)}
    return [
        f"Somebody labelled {number} tasks that were set aside ({url}); the next import takes them back."
        for url, number in begun.items()
        if number
    ]


class _Pull:
    """A running pull, on a store that is open for writing."""

    def __init__(self, store: Writer, listing: Listing, track: Track) -> None:
        self.store, self.listing, self.track = store, listing, track
        self.counts = {"new": 0, "changed": 0, "gone": 0, "same": 0}
        self.differences: list[Difference] = []
        self.notes: list[str] = []
        self.is_full = self.is_searched = self.is_reporting = False
        self.now = 0.0
        self.seen = ""
        self.total = 0
        self.newest: int | None = None  # tasks that a first pull leaves to `pull_newer`

    def check_project(self, workspace: Workspace, studio: Studio, project: Project) -> None:
        created, self.now = self.listing.created()
        self.total = project.tasks
        server = workspace.server
        state = self.store.state
        if state.server and (server_identity(state.server), state.project, state.created) != (
            server,
            project.id,
            created,
        ):
            self.notes.append("The copy was of another project with this number, so it was discarded.")
            self.store.clear()
            state = self.store.state
        about = {"server": server, "project": project.id, "created": created, "url": project.url}
        users = state.users | studio.users()  # whoever was removed meanwhile keeps the name
        self.store.save(state.model_copy(update={**about, "users": users}))
        self.seen = self.store.state.seen

    def pull_tasks(self, *, full: bool) -> None:
        state, self.is_reporting = self.store.state, full
        if not state.complete:
            self.is_full = True
            self.first_pull()
        elif state.asked and self.now and self.now < state.asked - SETTLING_SECONDS:
            self.notes.append("The server's clock was set back, so every task was pulled.")
            self.is_full = True
            self.pull_all_again(report=False)
        self.pull_changes()
        if full and not self.is_full:
            self.is_full = True
            self.pull_all_again(report=True)

    def end(self) -> None:
        now = datetime.now(UTC).isoformat(timespec="seconds")
        self.remember(pulled_at=now)

    def remember(self, **fields: Any) -> None:
        self.store.save(self.store.state.model_copy(update={"seen": self.seen, **fields}))

    # every task

    def first_pull(self) -> None:
        """Pull every task, continuing where an earlier attempt ended; the state is saved after each page.

        Tasks that changed just before the first attempt began, or since, come first in the list and are left to
        `pull_newer`, so that a project that was filled a moment ago is not read twice, except for tasks on the same
        page as older ones.
        """
        if not self.store.state.asked:
            since = self.settled()
            self.newest = self.listing.held(since=since).tasks if self.now else 0
            self.remember(asked=self.now, since=since, cursor=self.newest)
        done = self.store.state.cursor
        for page in self.tracked(self.listing.whole(done, self.total), "Pulling", max(0, self.total - done)):
            self.put_page(page)
            self.remember(cursor=page.listed)

    def pull_all_again(self, *, report: bool) -> None:
        """Pull every task again; a change that no pull had seen is a difference."""
        since = self.since()
        left = set(self.store.ids)
        for page in self.tracked(self.listing.whole(0, self.total), "Verifying", self.total):
            for task in page.tasks:
                self.verify(task, since, report)
            left.difference_update(task["id"] for task in page.tasks)
            self.store.sync()
        for page in self.listing.some(sorted(left)):  # the list skips a task if another is deleted meanwhile
            for task in page.tasks:
                self.verify(task, since, report)
            left.difference_update(task["id"] for task in page.tasks)
        for number in sorted(left):
            self.difference(report, Difference(task=number, what="gone"))
            self.drop(number)
        self.pull_changes()

    def verify(self, task: dict[str, Any], since: str, report: bool) -> None:
        number = task["id"]
        before = self.store.task(number) if number in self.store else None
        outcome = self.put(task)
        is_recent = comparable(task.get("updated_at") or "") > since  # it changed just now
        if outcome == "same" or is_recent:
            return
        if before is None:
            self.difference(report, Difference(task=number, what="missing"))
            return
        after = self.store.task(number)
        names = sorted(n for n in {*before, *after} - UNTOLD if before.get(n) != after.get(n))
        if names:
            self.difference(report, Difference(task=number, what="differs", fields=tuple(names)))

    def difference(self, report: bool, found: Difference) -> None:
        if report:
            self.differences.append(found)

    # what changed

    def pull_changes(self) -> None:
        """Pull newer tasks until the numbers agree, then find the changes that only the numbers reveal."""
        off, untold, is_settled = Counts(), (0, 0), False
        for round_ in range(ROUNDS):
            self.pull_newer()
            was, (off, untold) = (off, untold), (self.off(), self.untold())
            is_settled = (off, untold) == (Counts(), (0, 0)) or (round_ > 0 and (off, untold) == was)
            if is_settled:  # else annotators are at work, and the numbers change all the time
                break
        if off != Counts():
            self.bisect(0, None, off)
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
        """Read every task, once, for annotations that neither the time nor the numbers of their task reveal.

        The server writes an annotation, then the numbers of its task, then its time. If it is killed in between,
        nothing shows which task it is. A task that moved to another project also leaves its annotations in the count.
        """
        self.pull_newer()  # annotations that were just submitted are no reason to read every task
        if not self.is_searched and self.untold() != (0, 0):
            self.is_searched = self.is_full = True
            self.notes.append(
                "The server's number of annotations does not match its tasks, as after a crash; so every task was read."
            )
            self.pull_all_again(report=self.is_reporting)
        elif self.is_searched:
            known, (submitted, skipped) = self.store.state.unlisted, self.untold()
            self.remember(unlisted=(known[0] + submitted, known[1] + skipped))

    def pull_newer(self) -> None:
        """Pull tasks with a newer time than any known one, new tasks among them; then the store is complete."""
        asked = self.listing.now or self.now
        for page in self.tracked(self.listing.pages(since=self.since()), "Pulling changes", self.newest or None):
            self.put_page(page)
        self.now, self.newest = asked, None
        self.remember(asked=asked, since=self.settled(), complete=True, cursor=0)

    def since(self) -> str:
        return self.store.state.since or before(0)

    def settled(self) -> str:
        """The time up to which no further changes can appear, by the server's clock.

        That is the newest change that was seen, but not in the last seconds, when changes may still be on their way to
        the database; nor in the future, where a server's times may be if its time zone is not UTC.
        """
        recent = before(max(0.0, self.now - SETTLING_SECONDS)) if self.now else before(0)
        return min(self.seen, recent) if self.seen else recent

    # what the numbers reveal

    def off(self) -> Counts:
        """The server's numbers less the store's, and less the known constant difference."""
        tasks, annotations, skips = self.store.state.residual
        known = Counts(tasks=tasks, annotations=annotations, skips=skips)
        return self.held(0, None) - self.store.counts() - known

    def untold(self) -> tuple[int, int]:
        """The server's submitted and skipped annotations, less the store's and those known to be in no listed task."""
        theirs, ours, known = self.listing.written(), self.store.written(), self.store.state.unlisted
        return (0, 0) if theirs is None else (theirs[0] - ours[0] - known[0], theirs[1] - ours[1] - known[1])

    def held(self, after: int, last: int | None, *, skips: bool = True) -> Counts:
        """The server's numbers for a range of ids; with `skips=False`, the store's number of tasks with skips."""
        every = self.listing.held(after, last)
        number = self.listing.held(after, last, skipped=True).tasks if skips else self.store.counts(after, last).skips
        return Counts(tasks=every.tasks, annotations=every.annotations, skips=number)

    def bisect(self, after: int, last: int | None, off: Counts) -> None:
        """Find the range of ids with the difference by bisection, and pull it again."""
        ids = self.store.between(after, last)
        if len(ids) <= LEAF:
            self.pull_range(after, last)
            return
        middle = ids[len(ids) // 2 - 1]
        theirs = self.held(after, middle, skips=bool(off.skips))
        left = theirs - self.store.counts(after, middle)
        right = off - left
        if left != Counts():
            if theirs.tasks:
                self.bisect(after, middle, left)
            else:
                self.drop(*self.store.between(after, middle))
        if right != Counts():
            self.bisect(middle, last, right)

    def pull_range(self, after: int, last: int | None) -> None:
        listed: set[int] = set()
        for page in self.tracked(self.listing.pages(after, last), "Comparing", None):
            self.put_page(page)
            listed.update(task["id"] for task in page.tasks)
        self.drop(*(number for number in self.store.between(after, last) if number not in listed))

    # into the store

    def tracked(self, pages: Iterable[Page], what: str, total: int | None) -> Iterator[Page]:
        """The pages, with their tasks shown as progress."""

        def tasks() -> Iterator[Page | None]:
            for page in pages:
                yield page
                yield from [None] * (len(page.tasks) - 1)

        for item in self.track(tasks(), what, total):
            if item is not None:
                yield item

    def put_page(self, page: Page) -> None:
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

    def predictions(self) -> None:
        """Pull the predictions that annotators had; a task that somebody has begun keeps its own."""
        ids = self.store.unpredicted()
        pages = self.listing.predictions(ids)
        for task in self.track((task for page in pages for task in page), "Pulling predictions", len(ids)):
            self.store.keep_predictions(task["id"], predictions_of(task))
        self.store.sync()

    def drafts(self) -> int:
        """Pull the drafts into the store; their number."""
        at = before((self.listing.now or self.now) + 1)  # the server's time is in whole seconds
        found = self.listing.drafts()
        self.store.keep_drafts(found, at)
        return sum(map(len, found.values()))
