"""A task as a line of the copy: begun by what the copy is searched by, and the same for the same task.

{"id":7,"submitted":1,"skipped":0,"skips":0,"updated_at":"2026-11-24T08:00:00.000000Z","data":{…},"annotations":[…]}
"""

import json
import re
from typing import Any

import orjson

from labeling.errors import StudioError

Json = dict[str, Any]

TASK = re.compile(rb'\{"id":(\d+),"submitted":(\d+),"skipped":(\d+),"skips":(\d+),"updated_at":"([^"]*)",')
GONE = re.compile(rb'\{"gone":(\d+)\}')


def encode(task: Json) -> tuple[bytes, tuple[int, int, int]]:
    """A task's line without its end, and its numbers of submitted and skipped annotations, and of skips.

    The last is the server's own number, by which it can be asked; the others are counted.
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
    line = as_json({**head, **rest})
    if not TASK.match(line):  # whatever it is, it could not be read again
        raise StudioError(f"Task {str(task['id'])[:40]!r} cannot be kept; its numbers or its time are none.")
    return line, numbers


def with_drafts(line: bytes, drafts: list[Json]) -> bytes:
    """A task's line with its drafts."""
    return line[:-1] + b',"drafts":' + as_json(drafts) + b"}"


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
