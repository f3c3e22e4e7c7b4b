"""The only user of label-studio-sdk: one connection to one Label Studio, and its failures put into words."""

import contextlib
import json
import logging
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Self
from urllib.parse import quote_plus

import httpx
import orjson
import stamina
from label_studio_sdk.core.api_error import ApiError
from pydantic import SecretStr

from labeling.core.schema import LabelSchema
from labeling.core.value import Value
from labeling.errors import AccessError, BusyError, LabelingError, StudioError
from labeling.studio.config import instructions, to_xml
from labeling.studio.transport import TIMEOUT_SECONDS, open_transport, untrusted

Json = dict[str, Any]

LOOK_UP = 300  # ids in one look-up: 0.4 s on 10,000 tasks
LOOK_UP_BYTES = 2800  # of them in a URL: some servers and proxies take no line of more than 4,094 bytes
# An import that timed out may have been stored all the same, so it is never sent twice without looking.
ONCE = {"max_retries": 0, "timeout_in_seconds": 600}
READ = {"max_retries": 0, "timeout_in_seconds": TIMEOUT_SECONDS}
NEWEST = json.dumps({"ordering": ["-tasks:id"]})
AGAIN = "Run the same command again: it goes on from what the server has."
# Statuses after which it is not known whether something was done, or which pass.
BUSY = frozenset({408, 425, 429, 500, 502, 503, 504})
# Each new attempt is logged, and Python shows what nobody asked to log; the last failure has its message.
logging.getLogger("stamina").addHandler(logging.NullHandler())
WHERE_TOKENS_ARE = "Label Studio → your initials → Account & Settings → Access Token"


class Project(Value):
    """A project of the server."""

    id: int
    title: str
    url: str
    label_config: str
    model_version: str
    tasks: int


class Stored(Value):
    """An article that the project has already.

    Attributes:
        task_id: Its task.
        digest: The digest of the text in it.
        text: The text.
        begun: Whether anyone has submitted, skipped or drafted something in it.
        versions: The model versions of its predictions; one with a comma in its name counts as several.
        twins: Further tasks of the same article, which there should not be.
    """

    task_id: int
    digest: str
    text: str = ""
    begun: bool = False
    versions: tuple[str, ...] = ()
    twins: tuple["Stored", ...] = ()


class Extent(Value):
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

    def __init__(self, url: str, api_key: SecretStr, ca: Path | None = None) -> None:
        self.url = url.rstrip("/")
        self._api_key = api_key
        with self._spoken():
            self._http = open_transport(self.url, ca, TIMEOUT_SECONDS)

    @cached_property
    def _sdk(self) -> Any:
        """The SDK's client, made where it is needed: to import it takes a second and 160 MB."""
        from label_studio_sdk import LabelStudio

        return LabelStudio(base_url=self.url, api_key=self._api_key.get_secret_value(), httpx_client=self._http)

    def headers(self) -> dict[str, str]:
        """What a request has to say of who asks. A personal access token is exchanged for one of five minutes."""
        token = self._api_key.get_secret_value()
        if token.count(".") != 2:  # no JSON Web Token
            return {"Authorization": f"Token {token}"}
        return dict(self._sdk._client_wrapper.get_headers())

    def _read(self, path: str, missing: str = "", hint: str = "") -> Any:
        """The JSON of an answer to a question, which is asked three times where it fails in passing."""
        for attempt in stamina.retry_context(on=BusyError, attempts=3, timeout=TIMEOUT_SECONDS, wait_initial=0.3):
            with attempt, self._spoken(missing, hint):
                answer = self._http.get(f"{self.url}/{path}", headers=self.headers())
                try:
                    found = orjson.loads(answer.content)
                except orjson.JSONDecodeError:
                    found = None
                if answer.is_error:
                    raise ApiError(status_code=answer.status_code, body=found)
                return found
        return None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def user(self) -> str:
        """The e-mail address of the token's owner: the first question to ask of a new connection."""
        who = self._read("api/current-user/whoami")
        if not isinstance(who, dict) or not who.get("email"):
            raise StudioError(f"What answers at {self.url} is not a Label Studio.", "Check the URL.")
        return str(who["email"])

    def version(self) -> str:
        """The server's version."""
        with self._spoken():
            return str(self._sdk.versions.get().release)

    def users(self) -> dict[int, str]:
        """User id → e-mail address."""
        return {user["id"]: str(user["email"]) for user in self._read("api/users/") or () if "email" in user}

    # projects

    def project(self, project_id: int) -> Project:
        """The project with this number."""
        raw = self._read(
            f"api/projects/{project_id}/",
            f"Project {project_id} is gone from {self.url}.",
            "Name another with --project, or make one.",
        )
        if not isinstance(raw, dict):
            raise BusyError(f"{self.url} answered with something else than JSON; is a proxy between?", AGAIN)
        return Project(
            id=raw["id"],
            title=raw.get("title") or "",
            url=f"{self.url}/projects/{raw['id']}/data",
            label_config=raw.get("label_config") or "",
            model_version=raw.get("model_version") or "",
            tasks=raw.get("task_number") or 0,
        )

    def create_project(self, schema: LabelSchema, title: str) -> Project:
        """A new project that shows the schema to its annotators."""
        with self._spoken():
            made = self._sdk.projects.create(
                title=title,
                description=schema.description,
                label_config=to_xml(schema),
                expert_instruction=instructions(schema),
                # a button away, not in the way each time that someone begins
                show_instruction=False,
                sampling="Sequential sampling",
                show_collab_predictions=True,
            )
            return self.project(made.id)

    def update_project(self, project: Project, schema: LabelSchema) -> Project:
        """The project, now showing the schema as it is; the caller has made sure that no label disappears."""
        with self._spoken():
            self._sdk.projects.update(
                id=project.id, label_config=to_xml(schema), expert_instruction=instructions(schema)
            )
        return self.project(project.id)

    def prefill(self, project: Project, model_version: str) -> None:
        """Let annotators start from the predictions of this version."""
        with self._spoken():
            self._sdk.projects.update(id=project.id, model_version=model_version)

    # tasks

    def stored(self, project: Project, doc_ids: Sequence[str]) -> dict[str, Stored]:
        """Which of the articles the project has already, by doc_id.

        Where an article has several tasks, the one stands first that someone has begun to label, else the oldest.
        """
        found: dict[str, list[Stored]] = defaultdict(list)
        for ids in look_ups(doc_ids):
            condition = {"filter": "filter:tasks:data.doc_id", "operator": "in_list", "type": "List", "value": ids}
            query = json.dumps({"filters": {"conjunction": "and", "items": [condition]}})
            # without fields=all, nothing is said of versions and drafts; predictions themselves take twice the time
            fields = "id,data,total_annotations,cancelled_annotations,draft_exists,predictions_model_versions"
            for task in self._listed(project, LOOK_UP, query=query, fields="all", include=fields):
                stored = _stored(task)
                found[str(task["data"].get("doc_id"))].append(stored)
        return {doc_id: _first(copies) for doc_id, copies in found.items()}

    def extent(self, project: Project) -> Extent:
        """How much the project holds now."""
        page = self._ask("GET", "api/tasks/", project=project.id, page_size=1, include="id,created_at", query=NEWEST)
        newest = [f"{task['id']} {task.get('created_at')}" for task in page["tasks"]]
        return Extent(tasks=page["total"], newest=" ".join(newest))

    def push(self, project: Project, tasks: Sequence[Json]) -> int:
        """How many predictions the server lost and had to be sent again; the tasks are stored with theirs."""
        ids, predictions = self.create(project, tasks)
        if predictions == sum(len(task["predictions"]) for task in tasks):
            return 0
        return self.complete(project, dict(zip(ids, tasks, strict=True)))

    def create(self, project: Project, tasks: Sequence[Json]) -> tuple[list[int], int]:
        """The ids of the new tasks, in order, and how many of their predictions the server says that it kept.

        On SQLite an import that meets another write answers 201 and loses its predictions: so they are counted.

        Raises:
            BusyError: Nobody knows whether they were stored. They are never sent twice without looking.
        """
        path = f"api/projects/{project.id}/import"
        answer = self._ask("POST", path, tasks, return_task_ids="true")
        ids = answer.get("task_ids") or []
        if len(ids) != len(tasks):
            raise BusyError(f"{self.url} took {len(ids)} of {len(tasks)} tasks.", "Run the same command again.")
        return [int(number) for number in ids], int(answer.get("prediction_count") or 0)

    def complete(self, project: Project, tasks: Mapping[int, Json]) -> int:
        """How many predictions were sent again, to those of the tasks (by their ids) that have none."""
        lost = [
            {"task": number} | prediction
            for number, count in self._predictions(project, list(tasks)).items()
            if not count
            for prediction in tasks[number]["predictions"]
        ]
        self.predict(project, lost)
        return len(lost)

    def predict(self, project: Project, predictions: Sequence[Json]) -> None:
        """Add predictions to tasks; each names its task's id as `task`."""
        if predictions:
            made = self._ask("POST", f"api/projects/{project.id}/import/predictions", predictions)
            if made.get("created") != len(predictions):
                raise BusyError(f"{self.url} took {made.get('created')} of {len(predictions)} predictions.", AGAIN)

    def unpredict(self, project: Project, task_ids: Sequence[int]) -> None:
        """Take all predictions of the tasks away."""
        self._act(project, "delete_tasks_predictions", task_ids)

    def delete(self, project: Project, task_ids: Sequence[int]) -> None:
        """Take the tasks away, with all that is in them."""
        self._act(project, "delete_tasks", task_ids)

    def _act(self, project: Project, action: str, task_ids: Sequence[int]) -> None:
        if task_ids:
            selected = {"selectedItems": {"all": False, "included": list(task_ids)}}
            self._ask("POST", "api/dm/actions/", selected, id=action, project=project.id)

    def unbegun(self, project: Project, task_ids: Sequence[int]) -> list[int]:
        """Those of the tasks that nobody has begun to label now."""
        return [task["id"] for task in self._by_id(project, task_ids) if not _is_begun(task)]

    def _predictions(self, project: Project, task_ids: Sequence[int]) -> dict[int, int]:
        """The number of predictions of each of the tasks."""
        return {task["id"]: task["total_predictions"] for task in self._by_id(project, task_ids)}

    def _by_id(self, project: Project, task_ids: Sequence[int]) -> Iterator[Json]:
        """What is counted of each of the tasks, and whether it has drafts."""
        fields = "id,total_predictions,total_annotations,cancelled_annotations,draft_exists"
        for ids in look_ups(map(str, task_ids)):
            condition = {"filter": "filter:tasks:id", "operator": "in_list", "type": "List", "value": ids}
            query = json.dumps({"filters": {"conjunction": "and", "items": [condition]}})
            yield from self._listed(project, LOOK_UP, query=query, fields="all", include=fields)

    def _listed(self, project: Project, size: int, **query: Any) -> Iterator[Json]:
        """The tasks of a query, page by page, as the server's JSON has them."""
        number, total = 1, 1
        while (number - 1) * size < total:
            page = self._ask("GET", "api/tasks/", project=project.id, page_size=size, page=number, **query)
            yield from page["tasks"]
            number, total = number + 1, page["total"]

    def _ask(self, method: str, path: str, body: Any = None, **params: Any) -> Any:
        """The JSON of an answer; what is sent is never sent a second time, what is asked for is."""
        with self._spoken():
            answer = self._sdk._client_wrapper.httpx_client.request(
                path,
                method=method,
                params=params,
                content=None if body is None else orjson.dumps(body),
                headers={"Content-Type": "application/json"},
                request_options=READ if method == "GET" else ONCE,
            )
            try:
                found = orjson.loads(answer.content)
            except orjson.JSONDecodeError:
                found = answer.text
            if answer.is_error:
                raise ApiError(status_code=answer.status_code, headers=dict(answer.headers), body=found)
            if not isinstance(found, dict):
                raise BusyError(f"{self.url} answered with something else than JSON; is a proxy between?", AGAIN)
            return found

    def submit(self, task_id: int, result: list[Json]) -> None:
        """Submit an annotation of a task, as an annotator does by the Submit button."""
        with self._spoken():
            self._sdk.annotations.create(id=task_id, result=result, request_options=ONCE)

    # failures

    @contextlib.contextmanager
    def _spoken(self, missing: str = "", hint: str = "") -> Iterator[None]:
        """Every failure of the SDK as an error with a message; `missing` and `hint` are for a 404."""
        try:
            yield
        except LabelingError:
            raise
        except ApiError as error:
            raise self._refusal(error, missing, hint) from None  # its text repeats the request's headers
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            if isinstance(error, httpx.ConnectError) and (why := untrusted(error)):
                raise StudioError(
                    f"The certificate of {self.url} is not trusted: {why}.",
                    "Where it is of a CA of your own, name its file: [studio] ca in labeling.toml, or LABELING_CA.",
                ) from error
            raise BusyError(
                f"No Label Studio answers at {self.url}.",
                "`labeling studio start` starts one here; for another, check LABEL_STUDIO_URL.",
            ) from error
        except httpx.TimeoutException as error:
            raise BusyError(
                f"{self.url} did not answer in time; what was asked for may have been done all the same.", AGAIN
            ) from error
        except (httpx.InvalidURL, httpx.UnsupportedProtocol) as error:
            raise StudioError(f"{self.url!r} is no URL.", "It looks like http://localhost:8080.") from error
        except (httpx.LocalProtocolError, UnicodeEncodeError):
            raise AccessError(
                "The token has characters that no token has.", f"Copy it anew: {WHERE_TOKENS_ARE}."
            ) from None
        except httpx.HTTPError as error:
            raise BusyError(f"The connection to {self.url} broke: {type(error).__name__}.", AGAIN) from error

    def _refusal(self, error: ApiError, missing: str, hint: str) -> StudioError:
        detail = _detail(error.body)
        if error.status_code in (401, 403):
            return AccessError(f"{self.url} refused the token: {detail or error.status_code}", _token_hint(detail))
        if error.status_code == 404:
            return StudioError(missing or f"{self.url} knows no such page; is it a Label Studio?", hint)
        if error.status_code in BUSY:
            return BusyError(f"{self.url} cannot answer now (HTTP {error.status_code}): {detail or 'no reason'}", AGAIN)
        return StudioError(f"{self.url} refused (HTTP {error.status_code}): {detail or 'no reason given'}")


def _stored(task: Json) -> Stored:
    data = task["data"]
    versions = str(task.get("predictions_model_versions") or "").split(",")
    return Stored(
        task_id=task["id"],
        digest=str(data.get("digest", "")),
        text=str(data.get("text", "")),
        begun=_is_begun(task),
        versions=tuple(sorted({version.strip() for version in versions} - {""})),
    )


def _is_begun(task: Json) -> bool:
    # `drafts` has only those of the token's owner. Where a server does not say, there may be some.
    return bool(task.get("total_annotations") or task.get("cancelled_annotations") or task.get("draft_exists", True))


def _first(copies: list[Stored]) -> Stored:
    first, *twins = sorted(copies, key=lambda stored: (not stored.begun, stored.task_id))
    return first.model_copy(update={"twins": tuple(twins)}) if twins else first


def _detail(body: Any) -> str:
    if not isinstance(body, dict):
        return ""
    text = str(body.get("detail") or body.get("error") or "")
    faults = body.get("validation_errors")
    return f"{text} {json.dumps(faults, ensure_ascii=False)}" if faults else text


def _token_hint(detail: str) -> str:
    if "legacy" in detail:
        return f"This server takes personal access tokens only. Make one: {WHERE_TOKENS_ARE}."
    if "expired" in detail or "blacklisted" in detail:
        return f"It has run out or was revoked. Make another: {WHERE_TOKENS_ARE}."
    return f"Set LABEL_STUDIO_API_KEY to a token of this server: {WHERE_TOKENS_ARE}."


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
