"""The adjudication project: found or made, its page, its tasks and their answers."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Any

from labeling.core.parsing import parse_json
from labeling.errors import AccessError, BusyError, InputError, StudioError
from labeling.files import json_text, write_atomic
from labeling.settings import Workspace
from labeling.studio.client import Project, Studio
from labeling.studio.failures import AGAIN, NoSuchPageError
from labeling.studio.listing import Listing
from labeling.studio.page import Page
from labeling.workflow.adjudicating.report import Tasks
from labeling.workflow.connecting import server_of
from labeling.workflow.importing.project_state import attempts
from labeling.workflow.progress import Track

Json = dict[str, Any]

FILE = "adjudication.json"  # server → the number of the adjudication project there, and when it was created
TITLE, LONGEST = "{title}: adjudication", 50  # characters
DESCRIPTION = (
    "What annotators differ about, a task each, made by `labeling adjudicate`. Take what is right and submit; the same "
    "command reads the answers. ({mark})"
)
BATCH = 200  # tasks in one request


@dataclass(frozen=True)
class ConflictTask:
    """A task of the adjudication project, with its annotations."""

    raw: Json

    @property
    def id(self) -> int:
        """Its number."""
        return int(self.raw["id"])

    @property
    def data(self) -> Json:
        """Its data, which somebody may have edited."""
        data = self.raw.get("data")
        return data if isinstance(data, dict) else {}

    @property
    def conflict(self) -> Json:
        """What it says of its conflict."""
        said = self.data.get("conflict")
        return said if isinstance(said, dict) else {}

    @property
    def key(self) -> str:
        """The key of its conflict; "" if it has none."""
        return str(self.conflict.get("key") or "")

    @property
    def is_answered(self) -> bool:
        """Whether somebody has submitted an answer."""
        return any(not each.get("was_cancelled") for each in self.raw.get("annotations") or ())


@dataclass(frozen=True)
class Plan:
    """What is to be done: tasks to add, by key, and to remove; how many are about texts that were not read."""

    missing: dict[str, Json]
    gone: list[int]
    others: int


class AdjudicationProject:
    """The adjudication project of a workspace; there may be none yet.

    Attributes:
        project: The project; None if there is none.
        tasks: Its tasks, as of the last time that they were asked for.
        notes: What happened to it, a sentence each.
    """

    def __init__(self, studio: Studio, workspace: Workspace, track: Track) -> None:
        self.studio, self.workspace, self.track = studio, workspace, track
        self.notes: list[str] = []
        self.project = self._find()
        self.tasks: list[ConflictTask] = self._list("Reading answers")

    @property
    def url(self) -> str:
        """The address of its page; "" if there is none."""
        return self.project.url if self.project else ""

    # finding or making it

    def _find(self) -> Project | None:
        known = self._remembered()
        if known:
            try:
                project = self.studio.project(known["project"], was_here=True)
                if Listing(self.studio, project.id).created()[0] == known["created"]:
                    return project
            except NoSuchPageError:
                pass
            self.notes.append(
                f"The adjudication project {known['project']} is gone. What was decided in it is stored here and "
                "stands; what is open comes into a new one."
            )
        return self._made()

    def _made(self) -> Project | None:
        """One that was made by a run that ended before it knew."""
        made = [each for each in self.studio.titled(self._title) if each.description == self._description]
        return self._remember(made[0]) if made else None

    def _make(self, page: Page) -> Project:
        for attempt in attempts():
            with attempt:
                new = self._made()
                return new or self._remember(
                    self.studio.create_project(page, self._title, self._description, "sequential")
                )
        raise AssertionError

    def _in_step(self, project: Project, page: Page) -> Project:
        """The project, now with this page: without its controls, nobody can answer."""
        if not project.page.changes(page):
            return project
        edited = project.page.edited
        try:
            project = self.studio.show(project, page)
        except (BusyError, AccessError):
            raise
        except StudioError as error:
            self.notes.append(
                f"The page of the adjudication project is not as it should be, and Label Studio refuses to change it: "
                f"{error.message}"
            )
        else:
            self.notes.append(
                "Somebody had edited the page of the adjudication project by hand; it is as it was again."
                if edited != ()
                else "The page of the adjudication project shows the schema as it is now."
            )
        return project

    @property
    def _title(self) -> str:
        end = len(TITLE.format(title=""))
        return TITLE.format(title=self.workspace.title[: LONGEST - end].strip())

    @property
    def _description(self) -> str:
        folder = str(self.workspace.folder.resolve()).encode("utf-8", "surrogateescape")
        return DESCRIPTION.format(mark=hashlib.sha256(folder).hexdigest()[:8])

    def _known(self) -> Json:
        file = self.workspace.state / FILE
        try:
            found = parse_json(file.read_text(encoding="utf-8")) if file.exists() else {}
        except (OSError, ValueError) as error:
            raise InputError(f"Cannot use {file}: {error}", "Remove it; the project is found by its title.") from error
        return found if isinstance(found, dict) else {}

    def _remembered(self) -> Json | None:
        known = self._known().get(server_of(self.workspace))
        return known if isinstance(known, dict) and {"project", "created"} <= known.keys() else None

    def _remember(self, project: Project) -> Project:
        created = Listing(self.studio, project.id).created()[0]
        known = self._known() | {server_of(self.workspace): {"project": project.id, "created": created}}
        write_atomic(self.workspace.state / FILE, json_text(known))
        return project

    # its tasks

    def _list(self, what: str) -> list[ConflictTask]:
        if self.project is None:
            return []
        return [ConflictTask(raw) for raw in self.track(self._pages(self.project), what, self.project.tasks)]

    def _pages(self, project: Project) -> Iterator[Json]:
        for page in Listing(self.studio, project.id).pages():
            yield from page.tasks

    def plan(self, wanted: Mapping[str, Json], read: Set[str], unfit: Set[int] = frozenset()) -> Plan:
        """What is to be added and removed.

        Args:
            wanted: The tasks that there should be, by the keys of their conflicts.
            read: The digests of the texts, and the ids of the articles, that were read in this run; tasks about others
                stay as they are.
            unfit: Answered tasks that somebody has edited, so that their conflict needs another task.
        """
        present = {task.key for task in self.tasks if task.is_answered and task.id not in unfit}
        gone, others = [], 0
        for task in self.tasks:
            if task.is_answered:
                continue
            if task.key in wanted and task.key not in present and task.data == wanted[task.key]["data"]:
                present.add(task.key)
            elif task.key in wanted or {task.conflict.get("digest"), task.conflict.get("doc_id")} & read:
                gone.append(task.id)
            else:
                others += 1
        return Plan({key: task for key, task in wanted.items() if key not in present}, gone, others)

    def bring_in_step(
        self, page: Page, wanted: Mapping[str, Json], read: Set[str], unfit: Set[int] = frozenset()
    ) -> Tasks:
        """Add the tasks that are missing, remove those that nobody has begun and nobody needs; what there is then.

        Raises:
            StudioError: The server does not confirm it. The same command continues from there.
        """
        plan = self.plan(wanted, read, unfit)
        if self.project is None and not wanted:
            return Tasks()
        self.project = project = self._in_step(self.project or self._make(page), page)
        removed = self._remove(project, plan.gone) if plan.gone else 0
        if plan.missing:
            self._add(project, plan.missing)
        if wanted:
            self._prefill(project, wanted)
        if plan.missing or removed:
            self.project = self.studio.project(project.id, was_here=True)
            self.tasks = self._list("Counting")
        after = self.plan(wanted, read, unfit)
        if after.missing:
            raise StudioError(f"{self.studio.url} does not list {len(after.missing):,} of the tasks.", AGAIN)
        return self.counted(after).model_copy(update={"added": len(plan.missing), "removed": removed})

    def counted(self, plan: Plan) -> Tasks:
        """The tasks, and what the plan would add and remove."""
        answered = sum(task.is_answered for task in self.tasks)
        return Tasks(
            added=len(plan.missing),
            removed=len(plan.gone),
            waiting=len(self.tasks) - answered,
            answered=answered,
            others=plan.others,
        )

    def _remove(self, project: Project, task_ids: Sequence[int]) -> int:
        """Remove the tasks that nobody has begun by now; how many were."""
        removed: set[int] = set()
        for attempt in attempts():
            with attempt:
                free = self.studio.unbegun(project, task_ids)
                removed.update(free)
                self.studio.delete_tasks(project, free)
        return len(removed)

    def _add(self, project: Project, missing: Mapping[str, Json]) -> None:
        """Add tasks; after a request without an answer, those are left out that came all the same."""
        left = dict(missing)
        for attempt in attempts():
            with attempt:
                if attempt.num > 1:
                    there = {task.key for raw in self._pages(project) if not (task := ConflictTask(raw)).is_answered}
                    left = {key: task for key, task in left.items() if key not in there}
                tasks = list(left.values())
                batches = [tasks[at : at + BATCH] for at in range(0, len(tasks), BATCH)]
                for batch in self.track(batches, f"Adding tasks, {BATCH} at a time", len(batches)):
                    self.studio.create(project, batch)

    def _prefill(self, project: Project, wanted: Mapping[str, Json]) -> None:
        """Let adjudicators start from what is agreed; predictions that the server has lost are sent again."""
        versions = {each["model_version"] for task in wanted.values() for each in task["predictions"]}
        for attempt in attempts():
            with attempt:
                lost = [
                    {"task": bare.task_id, **prediction}
                    for bare in self.studio.bare(project)
                    if not bare.begun and (task := wanted.get(str((bare.data.get("conflict") or {}).get("key"))))
                    for prediction in task["predictions"]
                ]
                self.studio.predict(project, lost)
                for version in versions - {project.model_version}:
                    self.studio.prefill(project, version)
