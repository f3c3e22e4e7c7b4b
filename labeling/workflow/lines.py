"""A task as a line of the pulled copy: it begins with the task's numbers, and equal tasks give equal lines.

{"id":7,"submitted":1,"skipped":0,"skips":0,"updated_at":"2026-11-24T08:00:00.000000Z","data":{…},"annotations":[…]}
"""

import json
import re
from typing import Any, NamedTuple

import orjson

from labeling.errors import StudioError

Json = dict[str, Any]

BEGINNING = re.compile(rb'\{"id":\d+,"submitted":\d+,"skipped":\d+,"skips":\d+,"updated_at":"[^"\\]*",')


class Row(NamedTuple):
    """A task in the pulled copy.

    Attributes:
        id: Its id.
        submitted: Its number of submitted annotations.
        skipped: Its number of skipped annotations.
        skips: The same by the server's own count, for which it can be asked.
        updated_at: When it was changed, by the server's clock.
        line: Its JSON, without line end.
    """

    id: int
    submitted: int
    skipped: int
    skips: int
    updated_at: str
    line: bytes


def encode(task: Json) -> Row:
    """The row of a task from the API.

    Raises:
        StudioError: Its numbers or its time are not valid, or it is nested too deeply.
    """
    annotations = [a for a in task.get("annotations") or () if isinstance(a, dict)]
    skipped = sum(bool(a.get("was_cancelled")) for a in annotations)
    numbers = len(annotations) - skipped, skipped, int(task.get("cancelled_annotations") or 0)
    head = dict(zip(("id", "submitted", "skipped", "skips"), (task["id"], *numbers), strict=True))
    head["updated_at"] = str(task.get("updated_at") or "")
    # sorted, since the server's lists differ in the order of fields and annotations
    rest = {key: task[key] for key in sorted(task) if key not in head and key != "drafts"}
    if "annotations" in rest:
        rest["annotations"] = [
            dict(sorted(a.items())) for a in sorted(annotations, key=lambda a: int(a.get("id") or 0))
        ]
    line = as_json({**head, **rest})
    if not BEGINNING.match(line):
        raise StudioError(f"Task {str(task['id'])[:40]!r} cannot be stored; its numbers or its time are not valid.")
    return Row(**head, line=line)


def with_drafts(line: bytes, drafts: bytes | None) -> bytes:
    """A task's line with its drafts, which are JSON, too; None if there are none."""
    return line if drafts is None else with_field(line, "drafts", drafts)


def with_field(line: bytes, name: str, value: bytes) -> bytes:
    """A task's line with another field, whose value is JSON."""
    return line[:-1] + f',"{name}":'.encode() + value + b"}"


def as_json(value: Any) -> bytes:
    """The value as a line of JSON.

    Raises:
        StudioError: It is nested too deeply.
    """
    try:
        return orjson.dumps(value)
    except orjson.JSONEncodeError:  # whole numbers of more than 64 bits, lone surrogates
        try:
            return json.dumps(value, separators=(",", ":")).encode()
        except RecursionError as error:
            raise StudioError("A task cannot be stored: it is nested too deeply.") from error


def from_json(line: bytes) -> Any:
    """The value of a line of JSON, which may have lone surrogates.

    Raises:
        ValueError: It is not JSON.
    """
    try:
        return orjson.loads(line)
    except orjson.JSONDecodeError:
        return json.loads(line)
