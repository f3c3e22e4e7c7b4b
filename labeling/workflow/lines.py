"""A task as a line of the copy: begun by its numbers, and the same for the same task.

{"id":7,"submitted":1,"skipped":0,"skips":0,"updated_at":"2026-11-24T08:00:00.000000Z","data":{…},"annotations":[…]}
"""

import json
import re
from typing import Any, NamedTuple

import orjson

from labeling.errors import StudioError

Json = dict[str, Any]

TASK = re.compile(rb'\{"id":(\d+),"submitted":(\d+),"skipped":(\d+),"skips":(\d+),"updated_at":"([^"]*)",')


class Row(NamedTuple):
    """A task as the copy holds it.

    Attributes:
        id: Its number.
        submitted: How many submitted annotations it has.
        skipped: How many skipped ones.
        skips: The same by the server's own count, by which it can be asked.
        updated_at: When it was changed, by the server's clock.
        line: Its JSON without a line end.
    """

    id: int
    submitted: int
    skipped: int
    skips: int
    updated_at: str
    line: bytes


def row(line: bytes) -> Row | None:
    """The row of a line; None where it is none."""
    found = TASK.match(line)
    if not found:
        return None
    number, submitted, skipped, skips, updated_at = found.groups()
    return Row(int(number), int(submitted), int(skipped), int(skips), updated_at.decode(), line)


def encode(task: Json) -> Row:
    """The row of a task as the API lists it.

    Raises:
        StudioError: Its numbers or its time are none, or it is nested too deeply.
    """
    annotations = [a for a in task.get("annotations") or () if isinstance(a, dict)]
    skipped = sum(bool(a.get("was_cancelled")) for a in annotations)
    numbers = len(annotations) - skipped, skipped, int(task.get("cancelled_annotations") or 0)
    head = dict(zip(("id", "submitted", "skipped", "skips"), (task["id"], *numbers), strict=True))
    head["updated_at"] = str(task.get("updated_at") or "")
    # the same task is the same line, whichever list it comes from, in whatever order
    rest = {key: task[key] for key in sorted(task) if key not in head and key != "drafts"}
    if "annotations" in rest:
        rest["annotations"] = [
            dict(sorted(a.items())) for a in sorted(annotations, key=lambda a: int(a.get("id") or 0))
        ]
    made = row(as_json({**head, **rest}))
    if not made:  # whatever it is, it could not be read again
        raise StudioError(f"Task {str(task['id'])[:40]!r} cannot be kept; its numbers or its time are none.")
    return made


def with_drafts(line: bytes, drafts: bytes | None) -> bytes:
    """A task's line with its drafts, which are JSON too; None where there are none."""
    return line if drafts is None else line[:-1] + b',"drafts":' + drafts + b"}"


def as_json(value: Any) -> bytes:
    """The value as JSON in one line.

    Raises:
        StudioError: It is nested too deeply.
    """
    try:
        return orjson.dumps(value)
    except orjson.JSONEncodeError:  # whole numbers of more than 64 bits, lone surrogates
        try:
            return json.dumps(value, separators=(",", ":")).encode()
        except RecursionError as error:
            raise StudioError("A task cannot be kept: it is nested too deeply.") from error


def from_json(line: bytes) -> Any:
    """The value of a line; lone surrogates are read too.

    Raises:
        ValueError: It is not JSON.
    """
    try:
        return orjson.loads(line)
    except orjson.JSONDecodeError:
        return json.loads(line)
