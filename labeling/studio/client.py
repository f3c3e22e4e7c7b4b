"""What `labeling` does to a project of a Label Studio: looks articles up, pushes tasks, predicts, moves tasks."""

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cached_property
from typing import Any, Self
from urllib.parse import quote_plus

from pydantic import Field, ValidationError

from labeling.core.article import digest as digest_of
from labeling.core.order import Order
from labeling.core.schema import LabelSchema
from labeling.core.value import Value
from labeling.errors import BusyError, StudioError
from labeling.studio.answers import CREATED, IMPORTED, INVITATION, OBJECT, PROJECT, PROJECTS, TASKS, USER, USERS, faults
from labeling.studio.connection import Connection
from labeling.studio.failures import AGAIN, ALONE, BETWEEN, TooLargeError
from labeling.studio.page import Page
from labeling.studio.tasks import section_of

Json = dict[str, Any]

LOOK_UP = 300  # ids in one look-up: 0.4 s on 10,000 tasks
LOOK_UP_BYTES = 2800  # of them in a URL: some servers and proxies take no line of more than 4,094 bytes
MOST_COPIES = 100  # tasks of one article
FIRST_ATTEMPTS = 3  # of the first question: whoever mistyped an address need not wait for half a minute
# Annotations themselves, not only their count: a task that is written while someone submits keeps the old count.
COUNTED = "id,total_predictions,total_annotations,cancelled_annotations,draft_exists,annotations_ids"
VERSIONS = "predictions_model_versions"
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
        task_id: Its task; the first of its sections.
        digest: The digest of its text.
        data: What is in the task, its text among it; of an article in sections, the text as a whole.
        begun: Whether anyone has submitted, skipped or drafted something in it, or in one of its sections.
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

    @property
    def text(self) -> str:
        """The text."""
        return str(self.data.get("text", ""))


class State(Value):
    """What a task has: how many predictions, of which versions, and whether someone has begun to label it."""

    predictions: int
    versions: tuple[str, ...]
    begun: bool


class Bare(Value):
    """A task without any prediction: its number, whether someone has begun it, and its data."""

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
    """How much a project holds: the number of its tasks, and which is the newest: its id and when it was made.

    SQLite gives the id of a deleted newest task out again, and the time tells the two apart. So while all of it is the
    same, no task came and none went. The newest is "" where there is none.
    """

    tasks: int
    newest: str


class Studio:
    """A connection to a Label Studio.

    Every method raises StudioError, or AccessError where the token is the matter; neither ever names the token. It is a
    context manager, which closes the connection.
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
        """The project with this number.

        Args:
            project_id: Its number.
            was_here: Whether it is known to have been there.
        """
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
            raise StudioError(f"{self.url} answered with project {raw['id']} in the place of {project_id}.", BETWEEN)
        return Project(
            id=raw["id"],
            title=raw.get("title") or "",
            url=f"{self.url}/projects/{raw['id']}/data",
            label_config=raw.get("label_config") or "",
            model_version=raw.get("model_version") or "",
            tasks=raw.get("task_number") or 0,
            instructions=raw.get("expert_instruction") or "",
            sampling=raw.get("sampling") or "",
        )

    def create_project(self, schema: LabelSchema, title: str, order: Order = "uncertain") -> Project:
        """A new project that shows the schema to its annotators."""
        from labeling.studio.sdk import ONCE

        page = Page.of(schema)
        made = self._by_sdk(
            lambda sdk: sdk.projects.create(
                title=title,
                description=schema.description,
                label_config=page.config,
                expert_instruction=page.instructions,
                # a button away, not in the way each time that someone begins
                show_instruction=False,
                sampling=SAMPLING[order],
                show_collab_predictions=True,
                request_options=ONCE,
            )
        )
        return self.project(made.id)

    def show(self, project: Project, page: Page) -> Project:
        """The project, now with this page; the caller has made sure that no label disappears."""
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
        return [_handed_out(task) for task in self._pages(project, {"fields": "all", "include": fields})]

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
        from labeling.studio.sdk import ONCE

        self._by_sdk(lambda sdk: sdk.projects.update(id=project.id, request_options=ONCE, **fields))

    # tasks

    def stored(self, project: Project, doc_ids: Sequence[str]) -> dict[str, Stored]:
        """Which of the articles the project has already, by doc_id.

        Where an article has several tasks, the one stands first that someone has begun to label, else the oldest.
        """
        found: dict[str, list[Json]] = defaultdict(list)
        for ids in look_ups(doc_ids):
            # without fields=all, nothing is said of versions and drafts; predictions themselves take twice the time
            fields = "id,data,total_annotations,cancelled_annotations,draft_exists,predictions_model_versions"
            for task in self._listed(project, "data.doc_id", ids, fields):
                found[str(_data(task).get("doc_id"))].append(task)
        return {doc_id: _first(_copies(tasks)) for doc_id, tasks in found.items()}

    def size(self, project: Project) -> ProjectSize:
        """How much the project holds now."""
        params = {"project": project.id, "page_size": 1, "include": "id,created_at", "query": NEWEST}
        page, _ = self.connection.get("api/tasks/", TASKS, params)
        newest = [f"{task['id']} {task.get('created_at')}" for task in page["tasks"]]
        return ProjectSize(tasks=page["total"], newest=" ".join(newest))

    def create(self, project: Project, tasks: Sequence[Json]) -> tuple[list[int], int]:
        """The ids of the new tasks, in order, and how many of their predictions the server says that it kept.

        On SQLite an import that meets another write answers 201 and loses its predictions: so they are counted.

        Raises:
            BusyError: Nobody knows whether they were stored. They are never sent twice without looking.
        """
        path = f"api/projects/{project.id}/import"
        answer = self.connection.send("POST", path, tasks, IMPORTED, {"return_task_ids": "true"})
        ids = answer.get("task_ids") or []
        if len({*ids}) != len(tasks) or len(ids) != len(tasks):
            raise BusyError(f"{self.url} took {len({*ids})} of {len(tasks)} tasks.", AGAIN)
        return ids, answer.get("prediction_count") or 0

    def predict(self, project: Project, predictions: Sequence[Json]) -> None:
        """Add predictions to tasks; each names its task's id as `task`."""
        if predictions:
            path = f"api/projects/{project.id}/import/predictions"
            made = self.connection.send("POST", path, predictions, CREATED).get("created") or 0
            if made != len(predictions):
                raise BusyError(f"{self.url} took {made} of {len(predictions)} predictions.", AGAIN)

    def delete_predictions(self, project: Project, task_ids: Sequence[int]) -> None:
        """Take all predictions of the tasks away."""
        self._act(project, "delete_tasks_predictions", task_ids)

    def _act(self, project: Project, action: str, task_ids: Sequence[int]) -> None:
        if task_ids:
            selected = {"selectedItems": {"all": False, "included": list(task_ids)}}
            self.connection.send("POST", "api/dm/actions/", selected, OBJECT, {"id": action, "project": project.id})

    # what is set aside; a task is never deleted, since nothing can be asked and deleted in one step

    def asides(self, project: Project) -> list[Project]:
        """The projects that take the tasks which are to go from this one, the oldest first; none where none ever went.

        There are several where a request to make one was doubled on its way.
        """
        params = {"title": _aside(project), "include": "id,title", "page_size": 100}
        page, _ = self.connection.get("api/projects/", PROJECTS, params)
        numbers = [found["id"] for found in page["results"] if found.get("title") == _aside(project)]
        return [self.project(number) for number in sorted(numbers)]

    def make_aside(self, project: Project) -> Project:
        """The oldest of them, made where there is none."""
        if not (there := self.asides(project)):
            from labeling.studio.sdk import ONCE

            fields = {"title": _aside(project), "description": ASIDE, "label_config": project.label_config}
            self._by_sdk(lambda sdk: sdk.projects.create(request_options=ONCE, **fields))
            there = self.asides(project)
        if not there:
            raise BusyError(f"{self.url} does not list the project that it was asked to make.", AGAIN)
        return there[0]

    def move(self, source: Project, target: Project, task_ids: Sequence[int]) -> None:
        """Take those of the tasks that are in `source` into `target`, with all that is in them."""
        for task in list(self._by_id(source, task_ids)):
            # without the query, the server looks for the task in the project of the body
            path, where = f"api/tasks/{task['id']}/", {"project": source.id}
            self.connection.send("PATCH", path, {"project": target.id}, OBJECT, where)

    def unbegun(self, project: Project, task_ids: Sequence[int]) -> list[int]:
        """Those of the tasks that are in the project and that nobody has begun to label now."""
        return [task["id"] for task in self._by_id(project, task_ids) if not _is_begun(task)]

    def begun(self, project: Project) -> dict[int, str]:
        """All tasks of the project that someone has begun to label, and the doc_id of each."""
        tasks = self._pages(project, {"fields": "all", "include": f"{COUNTED},data"})
        return {task["id"]: str(_data(task).get("doc_id", "")) for task in tasks if _is_begun(task)}

    def bare(self, project: Project) -> list[Bare]:
        """The tasks that have no prediction at all."""
        condition = {"filter": f"filter:tasks:{VERSIONS}", "operator": "empty", "type": "List", "value": "true"}
        query = json.dumps({"filters": {"conjunction": "and", "items": [condition]}})
        tasks = self._pages(project, {"query": query, "fields": "all", "include": f"{COUNTED},{VERSIONS},data"})
        return [
            Bare(task_id=task["id"], begun=_is_begun(task), data=_data(task))
            for task in tasks
            if not (_versions(task) or task.get("total_predictions"))  # where a server does not know the condition
        ]

    def states(self, project: Project, task_ids: Sequence[int]) -> dict[int, State]:
        """What those of the tasks have that are in the project, by their numbers."""
        return {
            task["id"]: State(
                predictions=task.get("total_predictions") or 0, versions=_versions(task), begun=_is_begun(task)
            )
            for task in self._by_id(project, task_ids)
        }

    def _pages(self, project: Project, params: Json) -> Iterator[Json]:
        """All tasks of a query, each once."""
        seen: set[int] = set()
        number, total, most = 1, 1, LOOK_UP
        while (number - 1) * LOOK_UP < total:
            page_of = {"project": project.id, "page_size": LOOK_UP, "page": number, **params}
            page, _ = self.connection.get("api/tasks/", TASKS, page_of, is_data=True)
            new = [task for task in page["tasks"] if task["id"] not in seen]
            if not new:
                return
            seen.update(task["id"] for task in new)
            yield from new
            number, total = number + 1, page["total"]
            if number == 2 and total > LOOK_UP:  # otherwise there is no further page
                most = self.project(project.id).tasks + LOOK_UP  # some may come meanwhile
            if len(seen) > most:
                raise StudioError(f"{self.url} lists more tasks than project {project.id} has.", BETWEEN)

    def _by_id(self, project: Project, task_ids: Sequence[int]) -> Iterator[Json]:
        """What is counted of each of the tasks, and whether it has drafts."""
        fields = f"{COUNTED},{VERSIONS}"
        for ids in look_ups(map(str, task_ids)):
            yield from self._listed(project, "id", ids, fields)

    def _listed(self, project: Project, field: str, ids: list[str], fields: str) -> list[Json]:
        """The tasks in which a field has one of these values; asked for in parts where an answer would be too large."""
        condition = {"filter": f"filter:tasks:{field}", "operator": "in_list", "type": "List", "value": ids}
        query = json.dumps({"filters": {"conjunction": "and", "items": [condition]}})
        params = {"project": project.id, "page_size": LOOK_UP, "query": query, "fields": "all", "include": fields}
        found: dict[int, Json] = {}
        number, total = 1, 1
        try:
            while (number - 1) * LOOK_UP < total:
                page, _ = self.connection.get("api/tasks/", TASKS, {**params, "page": number}, is_data=True)
                before = len(found)
                found |= {task["id"]: task for task in page["tasks"]}
                if len(found) == before:
                    break
                number, total = number + 1, page["total"]
                if len(found) > MOST_COPIES * len(ids):
                    raise StudioError(f"{self.url} lists more than was asked for.", BETWEEN)
        except TooLargeError:
            if len(ids) == 1:
                raise
            middle = len(ids) // 2
            return [t for part in (ids[:middle], ids[middle:]) for t in self._listed(project, field, part, fields)]
        return list(found.values())

    def submit(self, task_id: int, result: list[Json]) -> None:
        """Submit an annotation of a task, as an annotator does by the Submit button."""
        from labeling.studio.sdk import ONCE

        self._by_sdk(lambda sdk: sdk.annotations.create(id=task_id, result=result, request_options=ONCE))

    @cached_property
    def _sdk(self) -> Any:
        from labeling.studio.sdk import open_sdk

        return open_sdk(self.connection)

    def _by_sdk(self, call: Callable[[Any], Any]) -> Any:
        """What a call of the SDK returns; its failures are the connection's."""
        try:
            return call(self._sdk)
        except ValidationError as error:
            raise StudioError(
                f"{self.url} answered with what no Label Studio says: {faults(error)}.", BETWEEN
            ) from None


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
    """The versions that the server lists in one text, in order; one with a comma in its name counts as several."""
    return tuple(sorted({version.strip() for version in joined.split(",")} - {""}))


def _is_begun(task: Json) -> bool:
    # `drafts` has only those of the token's owner. Where a server does not say, there may be some.
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


def look_ups(ids: Iterable[str]) -> Iterator[list[str]]:
    """The ids in lists that fit into the URL of one question each."""
    some: list[str] = []
    size = 0
    for each in ids:
        length = len(quote_plus(json.dumps([each]))) + 3
        if some and (len(some) >= LOOK_UP or size + length > LOOK_UP_BYTES):
            yield some
            some, size = [], 0
        some.append(each)
        size += length
    if some:
        yield some
