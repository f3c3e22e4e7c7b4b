"""The only user of label-studio-sdk: one connection to one Label Studio, and its failures put into words."""

import contextlib
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Self

import httpx
from label_studio_sdk import LabelStudio
from label_studio_sdk.core.api_error import ApiError
from pydantic import SecretStr

from labeling.core.schema import LabelSchema
from labeling.core.value import Value
from labeling.errors import AccessError, LabelingError, StudioError
from labeling.studio.config import instructions, to_xml
from labeling.studio.transport import TIMEOUT_SECONDS, open_transport, untrusted

Json = dict[str, Any]

PAGE = 100
LOOK_UP = 300  # ids in one look-up: 0.4 s on 10,000 tasks
# An import that timed out may have been stored all the same, so it is never sent twice without looking.
ONCE = {"max_retries": 0, "timeout_in_seconds": 600}
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
    """An article that the project has already: its task, and the digest of the text in it."""

    task_id: int
    digest: str


class Studio:
    """A connection to a Label Studio.

    Every method raises StudioError, or AccessError where the token is the matter; neither ever names the token. It is a
    context manager, which closes the connection.
    """

    def __init__(self, url: str, api_key: SecretStr, ca: Path | None = None) -> None:
        self.url = url.rstrip("/")
        with self._spoken():
            self._http = open_transport(self.url, ca, TIMEOUT_SECONDS)
            self._sdk = LabelStudio(base_url=self.url, api_key=api_key.get_secret_value(), httpx_client=self._http)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def user(self) -> str:
        """The e-mail address of the token's owner: the first question to ask of a new connection."""
        with self._spoken():
            who = self._sdk.users.whoami()
        if not getattr(who, "email", None):
            raise StudioError(f"What answers at {self.url} is not a Label Studio.", "Check the URL.")
        return str(who.email)

    def version(self) -> str:
        """The server's version."""
        with self._spoken():
            return str(self._sdk.versions.get().release)

    def users(self) -> dict[int, str]:
        """User id → e-mail address."""
        with self._spoken():
            return {user.id: user.email for user in self._sdk.users.list() if user.id is not None}

    # projects

    def project(self, project_id: int) -> Project:
        """The project with this number."""
        with self._spoken(
            f"Project {project_id} is gone from {self.url}.", "Name another with --project, or make one."
        ):
            return self._project(self._sdk.projects.get(id=project_id))

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

    def _project(self, raw: Any) -> Project:
        return Project(
            id=raw.id,
            title=raw.title or "",
            url=f"{self.url}/projects/{raw.id}/data",
            label_config=raw.label_config or "",
            model_version=raw.model_version or "",
            tasks=raw.task_number or 0,
        )

    # tasks

    def stored(self, project: Project, doc_ids: Sequence[str]) -> dict[str, Stored]:
        """Which of the articles the project has already, by doc_id."""
        found: dict[str, Stored] = {}
        for i in range(0, len(doc_ids), LOOK_UP):
            condition = {
                "filter": "filter:tasks:data.doc_id",
                "operator": "in_list",
                "type": "List",
                "value": list(doc_ids[i : i + LOOK_UP]),
            }
            query = json.dumps({"filters": {"conjunction": "and", "items": [condition]}})
            for task in self._pages(project=project.id, query=query, include="id,data"):
                data = task["data"]
                found[str(data.get("doc_id"))] = Stored(task_id=task["id"], digest=str(data.get("digest", "")))
        return found

    def push(self, project: Project, tasks: Sequence[Json]) -> int:
        """How many predictions the server lost and had to be sent again; the tasks are stored with theirs.

        On SQLite an import that meets another write answers 201 and loses its predictions: so they are counted.
        """
        with self._spoken():
            answer = self._sdk.projects.import_tasks(
                id=project.id, request=list(tasks), return_task_ids=True, request_options=ONCE
            )
            ids = answer.task_ids or []
            if len(ids) != len(tasks):
                raise StudioError(f"{self.url} took {len(ids)} of {len(tasks)} tasks.", "Run the same command again.")
            expected = sum(len(task["predictions"]) for task in tasks)
            if answer.prediction_count == expected:
                return 0
            return self._repair(ids, tasks)

    def _repair(self, ids: Sequence[int], tasks: Sequence[Json]) -> int:
        lost = 0
        for task_id, task in zip(ids, tasks, strict=True):
            if not self._sdk.predictions.list(task=task_id):
                for prediction in task["predictions"]:
                    self._sdk.predictions.create(task=task_id, **prediction)
                    lost += 1
        return lost

    def tasks(self, project: Project) -> Iterator[Json]:
        """Every task of the project with its annotations and drafts, as the API lists them."""
        yield from self._pages(project=project.id, fields="all")

    def _pages(self, **query: Any) -> Iterator[Json]:
        with self._spoken():
            for task in self._sdk.tasks.list(page_size=PAGE, **query):
                yield task.model_dump(mode="json")

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
            raise StudioError(
                f"No Label Studio answers at {self.url}.",
                "`labeling studio start` starts one here; for another, check LABEL_STUDIO_URL.",
            ) from error
        except httpx.TimeoutException as error:
            raise StudioError(
                f"{self.url} did not answer in time; what was asked for may have been done all the same.",
                "Run the same command again: it goes on from what the server has.",
            ) from error
        except (httpx.InvalidURL, httpx.UnsupportedProtocol) as error:
            raise StudioError(f"{self.url!r} is no URL.", "It looks like http://localhost:8080.") from error
        except (httpx.LocalProtocolError, UnicodeEncodeError):
            raise AccessError(
                "The token has characters that no token has.", f"Copy it anew: {WHERE_TOKENS_ARE}."
            ) from None
        except httpx.HTTPError as error:
            raise StudioError(
                f"The connection to {self.url} broke: {type(error).__name__}.", "Run the same command again."
            ) from error

    def _refusal(self, error: ApiError, missing: str, hint: str) -> StudioError:
        detail = _detail(error.body)
        if error.status_code in (401, 403):
            return AccessError(f"{self.url} refused the token: {detail or error.status_code}", _token_hint(detail))
        if error.status_code == 404:
            return StudioError(missing or f"{self.url} knows no such page; is it a Label Studio?", hint)
        return StudioError(f"{self.url} refused (HTTP {error.status_code}): {detail or 'no reason given'}")


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
