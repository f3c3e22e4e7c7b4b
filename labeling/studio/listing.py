"""A project's tasks, read at the least cost to the server: pages by id, what changed, counts.

Label Studio has two lists of tasks. A project's own is cheaper (1.23, by the server's CPU: about 2.3 ms a task of 3 kB
with 30 regions; the JSON export takes 2.4, among 20,000 tasks 2.8); it has no filters, and one order: changed last,
listed first. The Data Manager's (about 2.6 ms) has filters. With `fields=all` it joins all results of a task into one
text, only to show its beginning; `review=true` saves that. `include` names the wanted fields, of tasks and of their
annotations.
"""

import contextlib
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count
from threading import Semaphore
from typing import Any

from pydantic import TypeAdapter

from labeling.core.moment import utc
from labeling.core.value import Value
from labeling.errors import StudioError
from labeling.studio.answers import DRAFTS, PROJECT, TASK_LIST, TASKS
from labeling.studio.client import Studio
from labeling.studio.connection import ATTEMPTS
from labeling.studio.failures import BETWEEN, NoSuchPageError, TooLargeError
from labeling.studio.queries import condition, in_halves, look_ups, query

Json = dict[str, Any]

# Fields of tasks and of their annotations: the server applies one list to both.
FIELDS = (
    "id,project,data,meta,inner_id,created_at,updated_at,is_labeled,overlap,annotations,"
    "total_annotations,cancelled_annotations,total_predictions,"
    "result,completed_by,was_cancelled,ground_truth,lead_time,draft_created_at,unique_id,import_id,last_action,"
    "parent_prediction,parent_annotation,task"
)
FIRST_PAGE, LARGEST_PAGE = 100, 1000  # tasks
SAMPLE = 20  # tasks from which the size of one is estimated
# The most tasks that may be listed, by how many there are: a task that changes meanwhile is listed again.
FACTOR, SLACK = 2, 5 * LARGEST_PAGE
AHEAD = 2  # pages that are requested at a time
SINGLE = "WSGIServer"  # Django's development server: one process, in which two requests slow each other down
PAGE_BYTES = 8 << 20  # of an answer, so that memory stays flat whatever the articles' length
MICROSECONDS = "%Y-%m-%dT%H:%M:%S.%fZ"  # the only form of times that the filters read


class Held(Value):
    """The number of tasks that a query finds, and of their submitted annotations."""

    tasks: int
    annotations: int


@dataclass(frozen=True, slots=True)
class Page:
    """Some tasks, whether they are the last, and the number of tasks listed up to here (by `whole` only)."""

    tasks: list[Json]
    is_last: bool
    listed: int = 0


class Listing:
    """The tasks of one project. It only reads. Every method raises StudioError.

    Args:
        studio: The Label Studio.
        project: The project's id.
        attempts: How often a request is made at most.
    """

    def __init__(self, studio: Studio, project: int, *, attempts: int = ATTEMPTS) -> None:
        self._connection, self._project, self._attempts = studio.connection, project, attempts
        self._total = 0  # tasks that the project is known to have
        self._turn = Semaphore(AHEAD)
        self._review = {"review": "true"}

    @property
    def now(self) -> float:
        """The server's time at its last answer, in seconds since 1970; 0 if unknown."""
        return self._connection.now

    def created(self) -> tuple[str, float]:
        """When the project was created ("" if unknown), and the server's time as in `now`."""
        found, _ = self._get(f"api/projects/{self._project}/", PROJECT, {"include": "id,created_at"})
        return found.get("created_at") or "", self.now

    def held(self, after: int = 0, last: int | None = None, *, since: str = "", skipped: bool = False) -> Held:
        """The counts of the tasks with ids above `after` and up to `last`.

        Args:
            after: An id.
            last: An id; None for no limit.
            since: Only tasks that changed after this time.
            skipped: Only tasks that somebody has skipped.
        """
        items = _ids(after, last, since)
        if skipped:
            items.append(condition("cancelled_annotations", "greater", "Number", 0))
        found, _ = self._list(items, 1, include="id")
        return Held(tasks=found["total"], annotations=found["total_annotations"])

    def written(self) -> tuple[int, int] | None:
        """The number of the project's submitted and of its skipped annotations; None if the server does not tell.

        These are counted, while `held` adds up the numbers that are stored with each task. A server that is killed
        after writing an annotation never updates its task's number.
        """
        fields = ("total_annotations_number", "skipped_annotations_number")
        found, _ = self._get(f"api/projects/{self._project}/", PROJECT, {"include": ",".join(("id", *fields))})
        submitted, skipped = (found.get(name) for name in fields)
        return None if submitted is None or skipped is None else (submitted, skipped)

    def whole(self, skip: int = 0, total: int = 0) -> Iterator[Page]:
        """All tasks with their annotations, changed last, listed first. The next page is requested ahead.

        From a server of one process, it is requested when the answer to the last request begins.

        A task that changes meanwhile moves to the front, so that one may come twice. If tasks are deleted meanwhile,
        one may be missing.

        Args:
            skip: How many tasks may be left out at the front.
            total: The number of tasks, as far as is known.
        """
        tasks, length = self._sample(SAMPLE)
        size = max(1, min(LARGEST_PAGE, PAGE_BYTES * len(tasks) // max(1, length)))
        self._turn = Semaphore(1 if self._connection.server.startswith(SINGLE) else AHEAD)
        listed = skip
        self._total = total
        seen: set[int] = set()
        while True:
            try:
                for page in self._whole_pages(listed, size, total):
                    yield page
                    listed = page.listed
                    seen.update(task["id"] for task in page.tasks)
                    self._refuse_more(listed, skip + len(seen))
            except TooLargeError:
                if size == 1:
                    raise
                size //= 2  # these tasks are longer than those before
            else:
                return

    def _whole_pages(self, skip: int, size: int, total: int) -> Iterator[Page]:
        number = skip // size + 1
        listed = (number - 1) * size
        with ThreadPoolExecutor(AHEAD) as ahead:
            numbers = count(number)
            coming = deque(ahead.submit(self._whole_page, next(numbers), size) for _ in range(AHEAD))
            while tasks := coming.popleft().result()[0]:
                listed += len(tasks)
                is_last = len(tasks) < size and listed >= total
                if not is_last:
                    coming.append(ahead.submit(self._whole_page, next(numbers), size))
                yield Page(tasks, is_last, listed)
                if is_last:
                    return

    def _sample(self, size: int) -> tuple[list[Json], int]:
        try:
            return self._whole_page(1, size)
        except TooLargeError:
            if size == 1:
                raise
            return self._sample(size // 2)

    def _whole_page(self, number: int, size: int) -> tuple[list[Json], int]:
        """The tasks of a page, none after the last page; and the size of the answer in bytes."""
        path = f"api/projects/{self._project}/tasks/"
        params = {"page": number, "page_size": size, "include": FIELDS}
        try:
            tasks, length = self._get(path, TASK_LIST, params, is_data=True, turn=self._turn)
        except NoSuchPageError:
            return [], 0
        return self._each_once(tasks), length

    def some(self, task_ids: Sequence[int]) -> Iterator[Page]:
        """Those of the tasks that exist, with their annotations."""
        left = len(task_ids)
        for ids in look_ups(map(str, task_ids)):
            left -= len(ids)
            yield Page(self._some(ids, FIELDS), not left)

    def predictions(self, task_ids: Sequence[int]) -> Iterator[list[Json]]:
        """Those of the tasks that exist, with their predictions only."""
        for ids in look_ups(map(str, task_ids)):
            yield self._some(ids, "id,predictions")

    def _some(self, ids: list[str], fields: str) -> list[Json]:
        def ask(some: list[str]) -> list[Json]:
            is_one = condition("id", "in_list", "List", some)
            found, _ = self._list([is_one], len(some), fields="all", include=fields)
            return list(found["tasks"])

        tasks = in_halves(ids, ask)
        if strangers := {task["id"] for task in tasks} - set(map(int, ids)):
            raise self._strange(f"lists task {min(strangers)}, which was not asked for")
        return tasks

    def pages(self, after: int = 0, last: int | None = None, *, since: str = "") -> Iterator[Page]:
        """The tasks with their annotations, sorted by id; see `held` for which."""
        size, listed = FIRST_PAGE, 0
        while True:
            items = _ids(after, last, since)
            try:
                found, length = self._list(items, size, fields="all", include=FIELDS)
            except TooLargeError:
                if size == 1:
                    raise
                size //= 2
                continue
            tasks = found["tasks"]
            if self._review and any(task.get("total_annotations") and "annotations" not in task for task in tasks):
                self._review = {}  # in another version, `review` means something else
                continue
            is_last = len(tasks) >= found["total"] or not tasks
            if tasks:
                self._refuse_others(tasks, after, last)
            yield Page(tasks, is_last)
            if is_last:
                return
            listed += len(tasks)
            self._refuse_more(listed, listed)
            after = max(task["id"] for task in tasks)
            size = max(1, min(LARGEST_PAGE, 2 * size, PAGE_BYTES * len(tasks) // max(1, length)))

    def drafts(self) -> dict[int, list[Json]]:
        """The drafts of all annotators, by task."""
        found: dict[int, list[Json]] = {}
        after = listed = 0
        while True:
            items = [*_ids(after, None), condition("draft_exists", "equal", "Boolean", True)]
            page, _ = self._list(items, FIRST_PAGE, include="id")
            for task in page["tasks"]:
                # the list has only the drafts of the token's owner
                path, params = f"api/tasks/{task['id']}/drafts", {"project": self._project}
                with contextlib.suppress(NoSuchPageError):  # the task was deleted meanwhile
                    drafts, _ = self._get(path, DRAFTS, params, is_data=True)
                    for draft in drafts:
                        draft.pop("created_ago", None)  # else it differs each time
                        found.setdefault(task["id"], []).append(draft)
            if len(page["tasks"]) >= page["total"] or not page["tasks"]:
                return found
            self._refuse_others(page["tasks"], after, None)
            listed += len(page["tasks"])
            self._refuse_more(listed, listed)
            after = max(task["id"] for task in page["tasks"])

    def _list(self, items: list[Json], size: int, **params: Any) -> tuple[Json, int]:
        """A page of the Data Manager's list with its counts, and the size of the answer in bytes."""
        asked = {"project": self._project, "page": 1, "page_size": size, "resolve_uri": "false", "query": query(*items)}
        found, length = self._get("api/tasks/", TASKS, {**asked, **self._review, **params}, is_data=True)
        if "total_annotations" not in found:
            raise self._strange("does not count annotations", "Label Studio has done so since 1.5.")
        return {**found, "tasks": self._each_once(found["tasks"])}, length

    def _get(self, path: str, shape: TypeAdapter[Any], params: Json, **options: Any) -> tuple[Any, int]:
        return self._connection.get(path, shape, params, attempts=self._attempts, **options)

    # checks of the lists

    def _each_once(self, tasks: list[Json]) -> list[Json]:
        """The tasks of a page. A database may list one twice, but not two different ones with the same id."""
        found: dict[int, Json] = {}
        for task in tasks:
            known = found.setdefault(task["id"], task)
            if known is not task and known != task:
                raise self._strange(f"lists two tasks with the number {task['id']}")
        return list(found.values())

    def _refuse_others(self, tasks: list[Json], after: int, last: int | None) -> None:
        """Check that each of the tasks was asked for; otherwise paging by ids might never end."""
        for task in tasks:
            if task["id"] <= after or (last is not None and task["id"] > last):
                raise self._strange(f"lists task {task['id']}, which was not asked for")

    def _refuse_more(self, listed: int, different: int) -> None:
        """Check that the project can have this many tasks; otherwise the pages might never end."""
        if listed > FACTOR * min(self._total, different) + SLACK:
            found, _ = self._get(f"api/projects/{self._project}/", PROJECT, {"include": "id,task_number"})
            self._total = found.get("task_number") or 0  # many may have been added meanwhile
        if listed > FACTOR * min(self._total, different) + SLACK:
            counted = f"{different:,} different ones" if different < self._total else f"{self._total:,} in the project"
            raise self._strange(f"listed {listed:,} tasks, and there are only {counted}")

    def _strange(self, what: str, hint: str = BETWEEN) -> StudioError:
        return StudioError(f"{self._connection.url} {what}.", hint)


def before(seconds: float) -> str:
    """A time in seconds since 1970, in the form that `since` takes."""
    return datetime.fromtimestamp(seconds, UTC).strftime(MICROSECONDS)


def comparable(updated_at: str) -> str:
    """A time of the API in the form that `since` takes, in which text order is time order; "" if it is not a time."""
    try:
        return utc(updated_at).strftime(MICROSECONDS)
    except (ValueError, OverflowError):
        return ""


def _ids(after: int, last: int | None, since: str = "") -> list[Json]:
    items = [condition("id", "greater", "Number", after)]
    if last is not None:
        items.append(condition("id", "less_or_equal", "Number", last))
    if since:
        items.append(condition("updated_at", "greater", "Datetime", since))
    return items
