"""What a project holds, read at the least cost to the server: pages by id, what changed, how much there is.

Label Studio has two lists of tasks. A project's own is the cheaper one (1.23, by the server's CPU: about 2.3 ms a task
of 3 kB with 30 regions; the JSON export takes 2.4, among 20,000 tasks 2.8); it has no filters, and one order: what
changed last comes first. The Data Manager's (about 2.6 ms) filters. With `fields=all` it joins all results of a page
into one text a task, only to show its beginning; `review=true` saves that. `include` names what is wanted, of a task
and of its annotations.
"""

import contextlib
import email.utils
import json
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count
from threading import Semaphore
from typing import Any

import httpx
import orjson
import stamina
from label_studio_sdk.core.api_error import ApiError

from labeling.core.value import Value
from labeling.errors import StudioError
from labeling.studio.client import Studio, look_ups
from labeling.studio.transport import untrusted

Json = dict[str, Any]

# Of a task, and of its annotations: the server applies one list to both.
FIELDS = (
    "id,project,data,meta,inner_id,created_at,updated_at,is_labeled,annotations,"
    "total_annotations,cancelled_annotations,total_predictions,"
    "result,completed_by,was_cancelled,ground_truth,lead_time,draft_created_at,unique_id,import_id,last_action,"
    "parent_prediction,parent_annotation,task"
)
FIRST_PAGE, LARGEST_PAGE = 100, 1000  # tasks
SAMPLE = 20  # tasks that show how large one is
AHEAD = 2  # pages that are asked for at a time
SINGLE = "WSGIServer"  # so Django's development server calls itself: one process, in which two pages hinder each other
PAGE_BYTES = 8 << 20  # of an answer, so that memory stays flat whatever the articles' length
TIMEOUT_SECONDS = 120
PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})
ATTEMPTS = 6  # with the waits between them, about half a minute
FIRST_WAIT, LONGEST_WAIT, LONGEST_SECONDS = 0.5, 20.0, 180.0  # seconds; the last is of all attempts together
MICROSECONDS = "%Y-%m-%dT%H:%M:%S.%fZ"  # the one form of a time that the filters read


class Held(Value):
    """How many tasks a query finds, and how many submitted annotations they have."""

    tasks: int
    annotations: int


@dataclass(frozen=True, slots=True)
class Page:
    """Some tasks, whether more follow, and where all are listed: how many were, this page's among them."""

    tasks: list[Json]
    is_last: bool
    listed: int = 0


class HiccupError(Exception):
    """Something answered, though not Label Studio, or not now; asked again it may."""

    def __init__(self, problem: ApiError) -> None:
        super().__init__()
        self.problem = problem


class Listing:
    """The tasks of one project of a connection.

    Whatever fails in passing is asked again, later and later; nothing is ever sent. Every method raises StudioError.

    Args:
        studio: The connection.
        project: The project's number.
        attempts: How often a question is asked at most.

    Attributes:
        now: What time the server had at its last answer: seconds since 1970, 0 where it does not say.
    """

    def __init__(self, studio: Studio, project: int, *, attempts: int = ATTEMPTS) -> None:
        self._studio, self._project = studio, project
        self.now = 0.0
        self._is_single = False
        self._turn = Semaphore(AHEAD)
        self._review = {"review": "true"}
        self._retrying = stamina.RetryingCaller(
            attempts=attempts,
            timeout=LONGEST_SECONDS,
            wait_initial=FIRST_WAIT,
            wait_max=LONGEST_WAIT,
            wait_jitter=FIRST_WAIT,
        ).on(_again)

    def created(self) -> tuple[str, float]:
        """When the project was made, and what time the server has: seconds since 1970, 0 where it does not say."""
        found, now = self._read(f"api/projects/{self._project}/", {"include": "id,created_at"})
        return str(found.get("created_at") or ""), now

    def held(self, after: int = 0, last: int | None = None, *, since: str = "", skipped: bool = False) -> Held:
        """How much the project holds of these task ids: above `after`, up to `last`; newer than `since`, with skips."""
        items = _ids(after, last, since)
        if skipped:
            items.append(_item("cancelled_annotations", "greater", "Number", 0))
        found = self._list(items, 1, include="id")
        return Held(tasks=found["total"], annotations=found["total_annotations"])

    def whole(self, skip: int = 0, total: int = 0) -> Iterator[Page]:
        """All tasks with their annotations, those that changed last first; while one page is used, the next is made.

        A server of one process makes one page at a time, and begins the next when the answer to the last one begins.

        What changes meanwhile moves to the front, so that a task may come twice. Where tasks are deleted meanwhile, one
        may be missing.

        Args:
            skip: How many tasks may be left out at the front.
            total: How many there are, as far as is known.
        """
        found, _ = self._whole_page(1, SAMPLE)
        size = max(1, min(LARGEST_PAGE, PAGE_BYTES * len(found["tasks"]) // found["bytes"]))
        self._turn = Semaphore(1 if self._is_single else AHEAD)
        number = skip // size + 1
        listed = (number - 1) * size
        with ThreadPoolExecutor(AHEAD) as ahead:
            numbers = count(number)
            coming = deque(ahead.submit(self._whole_page, next(numbers), size) for _ in range(AHEAD))
            while tasks := coming.popleft().result()[0]["tasks"]:
                listed += len(tasks)
                is_last = len(tasks) < size and listed >= total
                if not is_last:
                    coming.append(ahead.submit(self._whole_page, next(numbers), size))
                yield Page(tasks, is_last, listed)
                if is_last:
                    return

    def _whole_page(self, number: int, size: int) -> tuple[Json, float]:
        path = f"api/projects/{self._project}/tasks/"
        found, now = self._read(path, {"page": number, "page_size": size, "include": FIELDS}, {"tasks": [], "bytes": 1})
        if not isinstance(found, dict) or "tasks" not in found:
            raise StudioError(
                f"What answers at {self._studio.url} lists no tasks.", "Is it a Label Studio from 1.5 on?"
            )
        return found, now

    def some(self, task_ids: Sequence[int]) -> Iterator[Page]:
        """Those of the tasks that there are, with their annotations."""
        left = len(task_ids)
        for ids in look_ups(map(str, task_ids)):
            left -= len(ids)
            found = self._list([_item("id", "in_list", "List", ids)], len(ids), fields="all", include=FIELDS)
            yield Page(found["tasks"], not left)

    def pages(self, after: int = 0, last: int | None = None, *, since: str = "") -> Iterator[Page]:
        """The tasks with their annotations by id, above `after` and up to `last`; those that are newer than `since`."""
        size = FIRST_PAGE
        while True:
            items = _ids(after, last, since)
            found = self._list(items, size, fields="all", include=FIELDS)
            tasks = found["tasks"]
            if self._review and any(task.get("total_annotations") and "annotations" not in task for task in tasks):
                self._review = {}  # another version, where a review is something else
                continue
            is_last = len(tasks) >= found["total"] or not tasks
            yield Page(tasks, is_last)
            if is_last:
                return
            after = max(task["id"] for task in tasks)
            size = max(1, min(LARGEST_PAGE, 2 * size, PAGE_BYTES * len(tasks) // max(1, found["bytes"])))

    def drafts(self) -> dict[int, list[Json]]:
        """The drafts of all annotators, by task."""
        found: dict[int, list[Json]] = {}
        after = 0
        while True:
            items = [*_ids(after, None), _item("draft_exists", "equal", "Boolean", True)]
            page = self._list(items, FIRST_PAGE, include="id")
            for task in page["tasks"]:
                # the list shows but the drafts of whoever asks
                drafts, _ = self._read(f"api/tasks/{task['id']}/drafts", {"project": self._project})
                drafts = drafts.get("tasks") if isinstance(drafts, dict) else None
                if drafts:
                    found[task["id"]] = [_without_age(draft) for draft in drafts if isinstance(draft, dict)]
            if len(page["tasks"]) >= page["total"] or not page["tasks"]:
                return found
            after = max(task["id"] for task in page["tasks"])

    def _list(self, items: list[Json], size: int, **params: Any) -> Json:
        query = json.dumps({"filters": {"conjunction": "and", "items": items}})
        asked = {"project": self._project, "page": 1, "page_size": size, "resolve_uri": "false", "query": query}
        found, _ = self._read("api/tasks/", {**asked, **self._review, **params})
        if not isinstance(found, dict) or not {"tasks", "total", "total_annotations"} <= found.keys():
            raise StudioError(
                f"What answers at {self._studio.url} lists no tasks.", "Is it a Label Studio from 1.5 on?"
            )
        return found

    def _read(self, path: str, params: Json, missing: Json | None = None) -> tuple[Any, float]:
        """The JSON of an answer, and the server's clock; `missing` where there is no such page."""
        with self._studio._spoken():
            try:
                return self._retrying(self._get, path, params)
            except HiccupError as hiccup:
                raise hiccup.problem from None
            except ApiError as error:
                if missing is not None and error.status_code == 404:
                    return missing, 0.0
                raise

    def _get(self, path: str, params: Json) -> tuple[Any, float]:
        """The JSON of an answer, and the server's clock. An object has its size too: `bytes`; a list is its `tasks`."""
        studio = self._studio
        question = studio._http.build_request(
            "GET", f"{studio.url}/{path}", params=params, headers=studio.headers(), timeout=TIMEOUT_SECONDS
        )
        with self._turn:
            answer = studio._http.send(question, stream=True)
        with contextlib.closing(answer):
            answer.read()
        headers = dict(answer.headers)
        self._is_single = headers.get("server", "").startswith(SINGLE)
        try:
            found = orjson.loads(answer.content)
        except orjson.JSONDecodeError:
            try:
                found = json.loads(answer.content)  # lone surrogates
            except ValueError:
                found = None
        if answer.is_error or found is None:
            body = found if found is not None else {"detail": "something else than JSON; is a proxy between?"}
            problem = ApiError(status_code=answer.status_code, headers=headers, body=body)
            if answer.status_code in PASSING or (found is None and answer.status_code not in {401, 403, 404}):
                raise HiccupError(problem)
            raise problem
        if isinstance(found, list):
            found = {"tasks": found}
        if isinstance(found, dict):
            found["bytes"] = len(answer.content)
        self.now = _clock(headers.get("date", "")) or self.now
        return found, self.now


def before(seconds: float) -> str:
    """A time of the server's clock, in seconds since 1970, as `since` takes it."""
    return datetime.fromtimestamp(seconds, UTC).strftime(MICROSECONDS)


def comparable(updated_at: str) -> str:
    """A time as the API gives it in the one form in which text order is time order; "" where it is no time."""
    try:
        time = datetime.fromisoformat(updated_at)
    except ValueError:
        return ""
    return (time if time.tzinfo else time.replace(tzinfo=UTC)).astimezone(UTC).strftime(MICROSECONDS)


def _ids(after: int, last: int | None, since: str = "") -> list[Json]:
    items = [_item("id", "greater", "Number", after)]
    if last is not None:
        items.append(_item("id", "less_or_equal", "Number", last))
    if since:
        items.append(_item("updated_at", "greater", "Datetime", since))
    return items


def _item(field: str, operator: str, kind: str, value: Any) -> Json:
    return {"filter": f"filter:tasks:{field}", "operator": operator, "type": kind, "value": value}


def _without_age(draft: Json) -> Json:
    return {key: value for key, value in draft.items() if key != "created_ago"}


def _again(error: Exception) -> bool | float:
    """Whether what failed may work when it is asked again; or in how many seconds, where the server says so."""
    if isinstance(error, HiccupError):
        asked = str((error.problem.headers or {}).get("retry-after") or "")
        return min(float(asked), 3 * LONGEST_WAIT) if asked.isdecimal() else True
    # a certificate, an address or a token that is no good stays so
    if isinstance(error, httpx.ConnectError) and untrusted(error):
        return False
    return isinstance(error, httpx.TransportError) and not isinstance(
        error, httpx.UnsupportedProtocol | httpx.LocalProtocolError
    )


def _clock(date: str) -> float:
    try:
        return email.utils.parsedate_to_datetime(date).timestamp()
    except (TypeError, ValueError):
        return 0.0
