"""A project of a Label Studio: looking up articles, creating and moving tasks, predictions, settings."""

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any, Self

from pydantic import Field, ValidationError

from labeling.core.article import digest as digest_of
from labeling.core.order import Order
from labeling.core.value import Value
from labeling.errors import BusyError, StudioError
from labeling.studio.answers import CREATED, IMPORTED, INVITATION, OBJECT, PROJECT, PROJECTS, TASKS, USER, USERS, faults
from labeling.studio.connection import Connection
from labeling.studio.failures import AGAIN, ALONE, BETWEEN, TooLargeError
from labeling.studio.page import Page
from labeling.studio.predicted import VERSIONS, WITHOUT_PREFILL
from labeling.studio.queries import LOOK_UP, condition, look_ups, query
from labeling.studio.tasks import section_of

Json = dict[str, Any]

PAGE = 1000  # tasks of a list: a question takes a second by itself among 100,000, and some 4 ms a task
MOST_COPIES = 10_000  # tasks of one article: its parts, and copies of them
FIRST_ATTEMPTS = 3  # of the first question: after a typo in the address, nobody should wait for half a minute
# `annotations_ids`, since a task that is written while someone submits keeps the old count.
COUNTED = "id,total_predictions,total_annotations,cancelled_annotations,draft_exists,annotations_ids"
# Of an article's task; versions rather than the predictions themselves, which take twice the time.
STORED = f"id,data,total_annotations,cancelled_annotations,draft_exists,{VERSIONS}"
# For calls of the SDK: whoever sends decides whether to send again, since what failed may have been done.
ONCE: Any = {"max_retries": 0}
ASIDE = (
    "Tasks that `labeling import` took out of the project of this number: they were there twice, or their text was "
    "replaced. Nobody need label them. What is submitted here all the same, the next import takes back."
)
# `[studio] order` → what Label Studio calls it.
SAMPLING: dict[Order, str] = {
    "uncertain": "Uncertainty sampling",
    "sequential": "Sequential sampling",
    "random": "Uniform sampling",
}
NEWEST = json.dumps({"ordering": ["-tasks:id"]})


class Project(Value):
    """A project of the server."""

    id: int
    title: str
    url: str
    label_config: str
    model_version: str
    tasks: int
    instructions: str = ""
    sampling: str = ""
    description: str = ""

    @property
    def order(self) -> str:
        """The order in which tasks are handed out, as in `[studio] order`; "" for one that Label Studio added."""
        return next((order for order, sampling in SAMPLING.items() if sampling == self.sampling), "")

    @property
    def page(self) -> Page:
        """What its annotators see."""
        return Page(config=self.label_config, instructions=self.instructions)


class Stored(Value):
    """An article that the project has already, in one task or in a task for each of its sections.

    Attributes:
        task_id: The id of its task, or of the task of its first section.
        digest: The digest of its text.
        data: The task's data, with the text; of an article in sections, with the whole text.
        begun: Whether anyone has submitted, skipped or drafted an annotation of it or of one of its sections.
        versions: The model versions of its predictions, of all sections that are not begun; one with a comma in its
            name counts as several.
        twins: Further copies of the same article, which there should not be.
        sections: The tasks of its sections by their numbers; empty if it is in one task.
        starts: Where its sections start, in code points.
    """

    task_id: int
    digest: str
    data: Json = Field(default_factory=dict)
    begun: bool = False
    versions: tuple[str, ...] = ()
    twins: tuple["Stored", ...] = ()
    sections: dict[int, "Stored"] = Field(default_factory=dict)
    starts: tuple[int, ...] = (0,)

    @property
    def task_ids(self) -> list[int]:
        """Its tasks, in order."""
        return [section.task_id for section in self.sections.values()] or [self.task_id]

    @property
    def missing(self) -> list[int]:
        """The numbers of the sections that have no task."""
        return [n for n in range(1, len(self.starts) + 1) if n not in self.sections] if self.sections else []

    @property
    def is_open(self) -> bool:
        """Whether nobody has begun it, or one of its sections."""
        return any(not section.begun for section in self.sections.values()) or not (self.sections or self.begun)

    def lacks(self, version: str, *, empty: bool) -> bool:
        """Whether it needs new predictions: a task that nobody has begun has none, or one of the other kind.

        Args:
            version: The model version.
            empty: Whether annotators are to start from an empty page.
        """
        return any(not task._is_as_wanted(version, empty=empty) for task in self._open_tasks())

    def is_outdated(self, version: str, *, empty: bool) -> bool:
        """Whether a task that nobody has begun has predictions of the other kind or version, rather than none."""
        return any(task.versions and not task._is_as_wanted(version, empty=empty) for task in self._open_tasks())

    def _open_tasks(self) -> list["Stored"]:
        return [task for task in self.sections.values() or (self,) if not task.begun]

    def _is_as_wanted(self, version: str, *, empty: bool) -> bool:
        return version in self.versions and (WITHOUT_PREFILL in self.versions) == empty

    @property
    def text(self) -> str:
        """The task's text."""
        return str(self.data.get("text", ""))


class State(Value):
    """How many predictions a task has, of which versions, and whether someone has begun to label it."""

    predictions: int
    versions: tuple[str, ...]
    begun: bool


class Bare(Value):
    """A task without any prediction: its id, whether someone has begun to label it, and its data."""

    task_id: int
    begun: bool
    data: Json


class Account(Value):
    """Somebody's account.

    Attributes:
        email: The e-mail address, by which they log in.
        name: The full name; "" if there is none.
        is_active: Whether they can log in; None if the server does not say.
        last_active: When they last did something; ISO 8601.
        annotations: How many annotations are theirs, in all projects; None if the server does not say.
    """

    email: str
    name: str = ""
    is_active: bool | None = None
    last_active: str = ""
    annotations: int | None = None


class HandedOut(Value):
    """How a task is handed out.

    Attributes:
        task_id: The task.
        doc_id: Its article; the digest of its text if it does not say.
        overlap: How many people are to annotate it.
        done: How many have.
        is_done: Whether the server hands it out to nobody any more.
    """

    task_id: int
    doc_id: str
    overlap: int
    done: int
    is_done: bool


class ProjectSize(Value):
    """The number of a project's tasks, and the newest task's id and creation time, "" if there is none.

    As long as they are equal, no task was added or deleted. The time is needed since SQLite reuses the id of a newest
    task that was deleted.
    """

    tasks: int
    newest: str


class Studio:
    """A Label Studio, through a connection, which it closes as a context manager.

    Every method raises StudioError: AccessError if the token is refused. Neither ever names the token.
    """

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.url = self.connection.url

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.connection.close()

    def user(self) -> str:
        """The e-mail address of the token's owner: the first question to ask of a new connection."""
        who, _ = self.connection.get("api/current-user/whoami", USER, attempts=FIRST_ATTEMPTS)
        if not who.get("email"):
            raise StudioError(f"What answers at {self.url} is not a Label Studio.", ALONE)
        return str(who["email"])

    def version(self) -> str:
        """The server's version."""
        return str(self._by_sdk(lambda sdk: sdk.versions.get()).release)

    def users(self) -> dict[int, str]:
        """User id → e-mail address; without those who were removed, whom the server calls `Deleted`."""
        found, _ = self.connection.get("api/users/", USERS)
        return {user["id"]: user["email"] for user in found if "id" in user and "@" in user.get("email", "")}

    def accounts(self) -> list[Account]:
        """Who has an account; whoever was removed has no name any more, and is left out."""
        found, _ = self.connection.get("api/users/", USERS)
        return sorted(
            (
                Account(
                    email=user["email"],
                    name=f"{user.get('first_name') or ''} {user.get('last_name') or ''}".strip(),
                    last_active=str(user.get("last_activity") or ""),
                )
                for user in found
                if "@" in user.get("email", "")
            ),
            key=lambda account: account.email,
        )

    def invitation(self) -> str:
        """The path, with its token, of the page where whoever has it makes an account."""
        found, _ = self.connection.get("api/invite", INVITATION)
        return str(found["invite_url"])

    # projects

    def project(self, project_id: int, *, was_here: bool = False) -> Project:
        """The project with this id; `was_here` says that it is known to have been there."""
        raw, _ = self.connection.get(
            f"api/projects/{project_id}/",
            PROJECT,
            missing=f"Project {project_id} is gone from {self.url}, or the token's owner may no longer see it."
            if was_here
            else f"There is no project {project_id} at {self.url}, or the token's owner may not see it.",
            hint="Name another with --project, or begin a new one in another workspace."
            if was_here
            else "Name one of those that the page of that server lists; its number is in the address of its page.",
        )
        if raw["id"] != project_id:
            raise StudioError(f"{self.url} answered with project {raw['id']} instead of {project_id}.", BETWEEN)
        return Project(
            id=raw["id"],
            title=raw.get("title") or "",
            url=f"{self.url}/projects/{raw['id']}/data",
            label_config=raw.get("label_config") or "",
            model_version=raw.get("model_version") or "",
            tasks=raw.get("task_number") or 0,
            instructions=raw.get("expert_instruction") or "",
            sampling=raw.get("sampling") or "",
            description=raw.get("description") or "",
        )

    def titled(self, title: str) -> list[Project]:
        """The projects with this title, the oldest first."""
        params = {"title": title, "include": "id,title", "page_size": 100}
        page, _ = self.connection.get("api/projects/", PROJECTS, params)
        numbers = [found["id"] for found in page["results"] if found.get("title") == title]
        return [self.project(number) for number in sorted(numbers)]

    def create_project(self, page: Page, title: str, description: str = "", order: Order = "uncertain") -> Project:
        """A new project that shows its annotators this page."""
        made = self._by_sdk(
            lambda sdk: sdk.projects.create(
                title=title,
                description=description,
                label_config=page.config,
                expert_instruction=page.instructions,
                # behind a button, not in a window each time that someone begins
                show_instruction=False,
                sampling=SAMPLING[order],
                show_collab_predictions=True,
                request_options=ONCE,
            )
        )
        return self.project(made.id)

    def show(self, project: Project, page: Page) -> Project:
        """The project, now with this page. The caller has made sure that no label disappears."""
        self._change(project, label_config=page.config, expert_instruction=page.instructions)
        return self.project(project.id, was_here=True)

    def set_order(self, project: Project, order: Order) -> Project:
        """The project, now handing its tasks out in this order."""
        self._change(project, sampling=SAMPLING[order])
        return self.project(project.id, was_here=True)

    def prefill(self, project: Project, model_version: str) -> None:
        """Let annotators start from the predictions of this version."""
        self._change(project, model_version=model_version)

    # who annotates what

    def handed_out(self, project: Project) -> list[HandedOut]:
        """How each task of the project is handed out."""
        fields = "id,data,overlap,is_labeled,total_annotations,annotators"
        return [_handed_out(task) for task in self._pages(project, fields)]

    def overlap(self, project: Project) -> int:
        """How many people annotate a task that is new in the project."""
        raw, _ = self.connection.get(f"api/projects/{project.id}/", PROJECT)
        return raw.get("maximum_annotations") or 1

    def set_overlap(self, project: Project, people: int) -> None:
        """Let so many people annotate each task, of now and to come, whatever was set before.

        The server changes the tasks only if the project's number changes, and all of them only from 1 on.
        """
        numbers = [people, 1, people] if people > 1 else [2, 1]
        if self.overlap(project) == numbers[0]:
            numbers = numbers[1:]
        for number in numbers:
            self.connection.send("PATCH", f"api/projects/{project.id}/", {"maximum_annotations": number}, PROJECT)

    def set_overlap_of(self, project: Project, task: HandedOut, people: int) -> None:
        """Let so many people annotate this task."""
        # the server does not find out by itself that a task has to be handed out again
        fields = {"overlap": people, "is_labeled": task.done >= people}
        self.connection.send("PATCH", f"api/tasks/{task.task_id}/", fields, OBJECT, {"project": project.id})

    def _change(self, project: Project, **fields: str) -> None:
        self._by_sdk(lambda sdk: sdk.projects.update(id=project.id, request_options=ONCE, **fields))

    # tasks

    def stored(self, project: Project, doc_ids: Sequence[str]) -> dict[str, Stored]:
        """Those of the articles that the project has already, by doc_id.

        If an article has several tasks, the first is one that someone has begun to label, else the oldest.
        """
        found: dict[str, list[Json]] = defaultdict(list)
        for ids in look_ups(doc_ids):
            for task in self._listed(project, "data.doc_id", ids, STORED):
                found[str(_data(task).get("doc_id"))].append(task)
        return {doc_id: _first(_copies(tasks)) for doc_id, tasks in found.items()}

    def stored_in(self, project: Project, numbers: Mapping[str, Sequence[int]]) -> dict[str, Stored]:
        """Those of the articles that are in just the tasks with these ids, by doc_id, as `stored` finds them.

        Label Studio has an index on ids, so this takes as long in a large project as in a small one.
        """
        found: dict[str, list[Json]] = defaultdict(list)
        for ids in look_ups(str(number) for its_numbers in numbers.values() for number in its_numbers):
            for task in self._listed(project, "id", ids, STORED):
                found[str(_data(task).get("doc_id"))].append(task)
        return {
            doc_id: _first(_copies(tasks))
            for doc_id, tasks in found.items()
            if {task["id"] for task in tasks} == {*numbers.get(doc_id, ())}
        }

    def articles(self, project: Project) -> Iterator[tuple[str, Stored]]:
        """All articles that the project has, as `stored` finds them, each with its doc_id, but without their texts."""
        seen: set[str] = set()
        again: set[str] = set()
        in_sections: dict[str, list[Json]] = defaultdict(list)
        for task in self._pages(project, STORED):
            doc_id, data = _data(task).get("doc_id"), {**_data(task), "text": ""}
            if not isinstance(doc_id, str):  # somebody else's task
                continue
            if section_of(data) and (doc_id not in seen or doc_id in in_sections):
                in_sections[doc_id].append({**task, "data": data})
            elif doc_id in seen:
                again.add(doc_id)
            else:
                yield doc_id, _stored({**task, "data": data})
            seen.add(doc_id)
        for doc_id, tasks in in_sections.items():
            yield doc_id, _first(_copies(tasks))
        yield from self.stored(project, list(again)).items()

    def size(self, project: Project) -> ProjectSize:
        """How much the project holds now."""
        params = {"project": project.id, "page_size": 1, "include": "id,created_at", "query": NEWEST}
        page, _ = self.connection.get("api/tasks/", TASKS, params)
        newest = [f"{task['id']} {task.get('created_at')}" for task in page["tasks"]]
        return ProjectSize(tasks=page["total"], newest=" ".join(newest))

    def create(self, project: Project, tasks: Sequence[Json]) -> tuple[list[int], int]:
        """Create tasks; their ids, in order, and the number of predictions that the server says it kept.

        On SQLite an import during another write answers 201 and loses its predictions, so they have to be counted.

        Raises:
            BusyError: It is unknown whether they were stored: look them up before sending them again.
        """
        path = f"api/projects/{project.id}/import"
        answer = self.connection.send("POST", path, tasks, IMPORTED, {"return_task_ids": "true"})
        ids = answer.get("task_ids") or []
        if len({*ids}) != len(tasks) or len(ids) != len(tasks):
            raise BusyError(f"{self.url} took {len({*ids})} of {len(tasks)} tasks.", AGAIN)
        return ids, answer.get("prediction_count") or 0

    def predict(self, project: Project, predictions: Sequence[Json]) -> None:
        """Add predictions, each with its task's id as `task`."""
        if predictions:
            path = f"api/projects/{project.id}/import/predictions"
            made = self.connection.send("POST", path, predictions, CREATED).get("created") or 0
            if made != len(predictions):
                raise BusyError(f"{self.url} took {made} of {len(predictions)} predictions.", AGAIN)

    def delete_tasks(self, project: Project, task_ids: Sequence[int]) -> None:
        """Delete tasks of the project, with everything in them."""
        if task_ids:
            selected = {"selectedItems": {"all": False, "included": list(task_ids)}}
            action = {"id": "delete_tasks", "project": project.id}
            self.connection.send("POST", "api/dm/actions/", selected, OBJECT, action)

    def delete_predictions(self, project: Project, task_ids: Sequence[int]) -> None:
        """Delete all predictions of the tasks."""
        if task_ids:
            selected = {"selectedItems": {"all": False, "included": list(task_ids)}}
            action = {"id": "delete_tasks_predictions", "project": project.id}
            self.connection.send("POST", "api/dm/actions/", selected, OBJECT, action)

    # setting aside; a task of an article is never deleted: somebody may begin it between the check and the deletion

    def asides(self, project: Project) -> list[Project]:
        """The projects with the tasks that this one has set aside, the oldest first.

        There are several if a request to create one was repeated on its way.
        """
        return self.titled(_aside(project))

    def make_aside(self, project: Project) -> Project:
        """The oldest project for the tasks that this one sets aside, created if there is none."""
        if not (there := self.asides(project)):
            fields = {"title": _aside(project), "description": ASIDE, "label_config": project.label_config}
            self._by_sdk(lambda sdk: sdk.projects.create(request_options=ONCE, **fields))
            there = self.asides(project)
        if not there:
            raise BusyError(f"{self.url} does not list the project that it was asked to create.", AGAIN)
        return there[0]

    def move(self, source: Project, target: Project, task_ids: Sequence[int]) -> None:
        """Move those of the tasks that are in `source` to `target`, with everything in them."""
        for task in list(self._by_id(source, task_ids)):
            # without the query, the server looks for the task in the project of the body
            path, where = f"api/tasks/{task['id']}/", {"project": source.id}
            self.connection.send("PATCH", path, {"project": target.id}, OBJECT, where)

    def unbegun(self, project: Project, task_ids: Sequence[int]) -> list[int]:
        """Those of the tasks that are in the project and that nobody has begun to label."""
        return [task["id"] for task in self._by_id(project, task_ids) if not _is_begun(task)]

    def begun(self, project: Project) -> dict[int, str]:
        """All tasks of the project that someone has begun to label, and the doc_id of each."""
        tasks = self._pages(project, f"{COUNTED},data")
        return {task["id"]: str(_data(task).get("doc_id", "")) for task in tasks if _is_begun(task)}

    def bare(self, project: Project) -> list[Bare]:
        """The tasks that have no prediction at all."""
        has_none = condition(VERSIONS, "empty", "List", "true")
        tasks = self._pages(project, f"{COUNTED},{VERSIONS},data", has_none)
        without = [task for task in tasks if not _versions(task)]  # a server may not know the condition
        # the server may have counted what is gone; and another program's predictions may be of no version
        have = {
            task["id"]
            for ids in look_ups(str(task["id"]) for task in without if task.get("total_predictions"))
            for task in self._listed(project, "id", ids, "id,predictions")
            if task.get("predictions")
        }
        return [
            Bare(task_id=task["id"], begun=_is_begun(task), data=_data(task))
            for task in without
            if task["id"] not in have
        ]

    def without_prefill(self, project: Project) -> int:
        """How many tasks annotators start from an empty page on purpose."""
        is_marked = condition(VERSIONS, "contains", "List", [WITHOUT_PREFILL])
        params = {"project": project.id, "page_size": 1, "fields": "all", "include": "id", "query": query(is_marked)}
        page, _ = self.connection.get("api/tasks/", TASKS, params)
        return int(page["total"])

    def states(self, project: Project, task_ids: Sequence[int]) -> dict[int, State]:
        """The states of those of the tasks that are in the project, by id."""
        return {
            task["id"]: State(
                predictions=task.get("total_predictions") or 0, versions=_versions(task), begun=_is_begun(task)
            )
            for task in self._by_id(project, task_ids)
        }

    def _pages(self, project: Project, fields: str, *conditions: Json, most: int = 0) -> Iterator[Json]:
        """The tasks that meet the conditions, by id; `most` are refused, by default as many as the project has."""
        # without fields=all, versions and drafts are missing
        params = {"project": project.id, "page": 1, "fields": "all", "include": fields}
        size, listed, after, limit = LOOK_UP if most else PAGE, 0, 0, most
        while True:
            asked = {"page_size": size, "query": query(*conditions, condition("id", "greater", "Number", after))}
            try:
                page, _ = self.connection.get("api/tasks/", TASKS, params | asked, is_data=True)
            except TooLargeError:
                if size == 1:
                    raise
                size //= 2
                continue
            ids = [task["id"] for task in page["tasks"]]
            new = {task["id"]: task for task in page["tasks"] if task["id"] > after}
            if ids != sorted(ids) or (page["total"] and not new):  # going on from here would miss tasks
                raise StudioError(f"{self.url} does not list the tasks by id.", BETWEEN)
            yield from new.values()
            if not new or len(new) >= page["total"]:
                return
            listed, after = listed + len(new), max(new)
            limit = limit or self.project(project.id).tasks + PAGE  # some may be added meanwhile
            if listed > limit:
                end = "were asked for" if most else f"project {project.id} has"
                raise StudioError(f"{self.url} lists more tasks than {end}.", BETWEEN)

    def _by_id(self, project: Project, task_ids: Sequence[int]) -> Iterator[Json]:
        """Those of the tasks that are in the project, with what is counted of each."""
        for ids in look_ups(map(str, task_ids)):
            for task in self._listed(project, "id", ids, f"{COUNTED},{VERSIONS}"):
                if str(task["id"]) not in ids:
                    raise StudioError(f"{self.url} lists task {task['id']}, which was not asked for.", BETWEEN)
                yield task

    def _listed(self, project: Project, field: str, values: list[str], fields: str) -> list[Json]:
        """The tasks in which a field has one of these values."""
        is_one = condition(field, "in_list", "List", values)
        return list(self._pages(project, fields, is_one, most=MOST_COPIES * len(values)))

    def submit(self, task_id: int, result: list[Json]) -> None:
        """Submit an annotation of a task, as an annotator does by the Submit button."""
        self._by_sdk(lambda sdk: sdk.annotations.create(id=task_id, result=result, request_options=ONCE))

    @cached_property
    def _sdk(self) -> Any:
        from labeling.studio.sdk import open_sdk

        return open_sdk(self.connection)

    def _by_sdk(self, call: Callable[[Any], Any]) -> Any:
        """The result of a call of the SDK, which fails as the connection does."""
        try:
            return call(self._sdk)
        except ValidationError as error:
            raise StudioError(f"{self.url} answered unlike any Label Studio: {faults(error)}.", BETWEEN) from None


def _stored(task: Json) -> Stored:
    data = _data(task)
    return Stored(
        task_id=task["id"],
        digest=str(data.get("digest", "")),
        data=data,
        begun=_is_begun(task),
        versions=_versions(task),
    )


def _handed_out(task: Json) -> HandedOut:
    data, annotators = _data(task), task.get("annotators")
    submitted = task.get("total_annotations") or 0
    return HandedOut(
        task_id=task["id"],
        doc_id=str(data.get("doc_id") or digest_of(str(data.get("text") or ""))),
        overlap=task.get("overlap") or 1,
        done=min(submitted, len(annotators)) if isinstance(annotators, list) else submitted,
        is_done=bool(task.get("is_labeled")),
    )


def _data(task: Json) -> Json:
    return task.get("data") or {}


def _versions(task: Json) -> tuple[str, ...]:
    return split_versions(str(task.get(VERSIONS) or ""))


def split_versions(joined: str) -> tuple[str, ...]:
    """The versions that the server joins by commas, sorted; one with a comma in its name counts as several."""
    return tuple(sorted({version.strip() for version in joined.split(",")} - {""}))


def _is_begun(task: Json) -> bool:
    # `drafts` has only those of the token's owner. If the server does not tell, there may be some.
    counts = ("total_annotations", "cancelled_annotations", "annotations_ids")
    return any(task.get(name) for name in counts) or bool(task.get("draft_exists", True))


def _aside(project: Project) -> str:
    return f"Set aside from project {project.id}"


def _copies(tasks: Iterable[Json]) -> Iterator[Stored]:
    """The copies of an article that the tasks make up: whole ones, and one or more of all sections of a text."""
    sections: dict[tuple[str, tuple[int, ...]], dict[int, list[Stored]]] = {}
    for task in tasks:
        stored = _stored(task)
        if section := section_of(stored.data):
            numbered = sections.setdefault((section.digest, section.starts), defaultdict(list))
            numbered[section.number].append(stored)
        else:
            yield stored
    for (digest, starts), numbered in sections.items():
        for copies in numbered.values():
            copies.sort(key=lambda stored: (not stored.begun, stored.task_id))
        for rank in range(max(map(len, numbered.values()))):
            yield _of_sections(
                digest, starts, {n: numbered[n][rank] for n in sorted(numbered) if rank < len(numbered[n])}
            )


def _of_sections(digest: str, starts: tuple[int, ...], sections: dict[int, Stored]) -> Stored:
    first = next(iter(sections.values()))
    unbegun = [section for section in sections.values() if not section.begun] or list(sections.values())
    fields = {name: value for name, value in first.data.items() if name not in {"section", "part"}}
    return Stored(
        task_id=first.task_id,
        digest=digest,
        data=fields | {"digest": digest, "text": "".join(section.text for section in sections.values())},
        begun=any(section.begun for section in sections.values()),
        versions=tuple(sorted(set.intersection(*(set(section.versions) for section in unbegun)))),
        sections=sections,
        starts=starts,
    )


def _first(copies: Iterable[Stored]) -> Stored:
    first, *twins = sorted(copies, key=lambda stored: (not stored.begun, stored.task_id))
    return first.model_copy(update={"twins": tuple(twins)}) if twins else first
