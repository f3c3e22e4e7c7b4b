"""The types of Label Studio's answers: one that does not fit is refused.

Only the fields that something depends on are checked: ids, by which tasks are kept and requested; times, from which a
pull continues; counts, which are compared. Everything else stays as it is; annotations are read later (`annotations`),
where each problem is listed.
"""

import json
from typing import Annotated, Any, Required, TypeVar

import orjson
from pydantic import ConfigDict, FailFast, Field, TypeAdapter, ValidationError, with_config
from typing_extensions import TypedDict

from labeling.core.wording import listed

T = TypeVar("T")
MOST_FAULTS, SHOWN_CHARACTERS = 3, 80  # of what is wrong with an answer
KEEPING = ConfigDict(extra="allow", strict=True)

Id = Annotated[int, Field(ge=1, lt=2**63)]
Amount = Annotated[int, Field(ge=0, lt=2**63)]
Time = Annotated[str, Field(pattern=r"^[0-9T:.+Z -]{0,40}$")]


@with_config(KEEPING)
class Annotation(TypedDict, total=False):
    """An annotation of a task."""

    id: Required[Id]


@with_config(KEEPING)
class Task(TypedDict, total=False):
    """A task in one of the lists."""

    id: Required[Id]
    data: dict[str, Any]
    created_at: Time | None
    updated_at: Time | None
    annotations: Annotated[list[Annotation], FailFast()]
    total_annotations: Amount | None
    cancelled_annotations: Amount | None
    total_predictions: Amount | None
    draft_exists: bool | int | None
    overlap: Amount | None


@with_config(KEEPING)
class Tasks(TypedDict, total=False):
    """A page of the Data Manager's list: how many tasks and annotations a query finds, and some of them."""

    tasks: Required[Annotated[list[Task], FailFast()]]
    total: Required[Amount]
    total_annotations: Amount


@with_config(KEEPING)
class Project(TypedDict, total=False):
    """A project."""

    id: Required[Id]
    title: str | None
    label_config: str | None
    expert_instruction: str | None
    model_version: str | None
    sampling: str | None
    description: str | None
    task_number: Amount | None
    total_annotations_number: Amount | None
    skipped_annotations_number: Amount | None
    maximum_annotations: Amount | None
    created_at: Time | None


@with_config(KEEPING)
class Projects(TypedDict, total=False):
    """A page of projects."""

    results: Required[list[Project]]


@with_config(KEEPING)
class View(TypedDict, total=False):
    """A tab of the Data Manager."""

    id: Required[Id]
    data: dict[str, Any] | None


@with_config(KEEPING)
class Column(TypedDict, total=False):
    """A column of the Data Manager."""

    id: Required[str]
    parent: str | None


@with_config(KEEPING)
class Columns(TypedDict):
    """The columns of the Data Manager."""

    columns: list[Column]


@with_config(KEEPING)
class User(TypedDict, total=False):
    """Somebody with an account."""

    id: Id
    email: str


@with_config(KEEPING)
class Invitation(TypedDict):
    """The link by which people make an account."""

    invite_url: Annotated[str, Field(pattern=r"^/[^\s]*$")]


@with_config(KEEPING)
class Imported(TypedDict, total=False):
    """The answer to tasks that were sent."""

    task_ids: Annotated[list[Id], FailFast()]
    prediction_count: Amount | None


@with_config(KEEPING)
class Created(TypedDict, total=False):
    """The answer to predictions that were sent."""

    created: Amount | None


@with_config(KEEPING)
class Version(TypedDict):
    """The version of the server."""

    release: str


@with_config(KEEPING)
class Access(TypedDict):
    """The access token that a personal access token is exchanged for."""

    access: str


TASKS: TypeAdapter[Any] = TypeAdapter(Tasks)
TASK_LIST: TypeAdapter[Any] = TypeAdapter(Annotated[list[Task], FailFast()])
DRAFTS: TypeAdapter[Any] = TypeAdapter(Annotated[list[dict[str, Any]], FailFast()])
PROJECT: TypeAdapter[Any] = TypeAdapter(Project)
PROJECTS: TypeAdapter[Any] = TypeAdapter(Projects)
VIEW: TypeAdapter[Any] = TypeAdapter(View)
VIEWS: TypeAdapter[Any] = TypeAdapter(Annotated[list[View], FailFast()])
COLUMNS: TypeAdapter[Any] = TypeAdapter(Columns)
USERS: TypeAdapter[Any] = TypeAdapter(Annotated[list[User], FailFast()])
USER: TypeAdapter[Any] = TypeAdapter(User)
INVITATION: TypeAdapter[Any] = TypeAdapter(Invitation)
IMPORTED: TypeAdapter[Any] = TypeAdapter(Imported)
CREATED: TypeAdapter[Any] = TypeAdapter(Created)
VERSION: TypeAdapter[Any] = TypeAdapter(Version)
ACCESS: TypeAdapter[Any] = TypeAdapter(Access)
OBJECT: TypeAdapter[Any] = TypeAdapter(dict[str, Any])


# pydantic's kinds of errors in the words of JSON
WANTED = {
    "int_type": "a whole number",
    "greater_than_equal": "a whole number from {ge} on",
    "less_than": "a whole number below {lt}",
    "string_type": "text",
    "string_pattern_mismatch": "a time",
    "list_type": "a list",
    "dict_type": "an object",
    "bool_type": "true or false",
}


def weight(content: bytes) -> int:
    """An upper bound of the number of values in JSON: commas and brackets in texts are counted, too."""
    return content.count(b",") + content.count(b"{") + content.count(b"[")


class DepthError(ValueError):
    """JSON that is nested too deeply."""


def read_json(content: bytes) -> Any:
    """The value of an answer's JSON; a whole number of more than 64 bits becomes a float.

    Raises:
        DepthError: It is nested too deeply.
        ValueError: It is not JSON.
    """
    try:
        return orjson.loads(content)
    except orjson.JSONDecodeError as error:
        if "recursion" in str(error):
            raise DepthError from error
    try:
        return json.loads(content.decode("utf-8"), parse_constant=_refuse)  # orjson refuses lone surrogates
    except RecursionError as error:
        raise DepthError from error


def faults(error: ValidationError) -> str:
    """What is wrong with an answer: the first few faults, each with its place; of a list, only the first one."""
    found = error.errors(include_url=False)
    lines = []
    for each in found:
        place = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in each["loc"]).lstrip(".")
        if each["type"] == "missing":
            lines.append(f"{place} is missing")
        else:
            wanted = WANTED.get(each["type"], each["msg"]).format(**each.get("ctx", {}))
            lines.append(f"{place or 'it'} is {_short(each['input'])}, not {wanted}")
    return listed(lines, MOST_FAULTS, "; ")


def _short(value: Any) -> str:
    if isinstance(value, dict | list):
        return "an object" if isinstance(value, dict) else "a list"
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= SHOWN_CHARACTERS else f"{text[:SHOWN_CHARACTERS]}…"


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")
