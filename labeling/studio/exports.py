"""A file that someone exported from Label Studio → its tasks. Pure."""

import json
from typing import Any

from labeling.errors import InputError

BUTTON = "In Label Studio press Export and choose JSON, the first of the formats."


def read_export(text: str, where: str) -> list[Any]:
    """The tasks of a JSON export, of a task list from the API, or of JSON lines with a task each.

    Raises:
        InputError: It is something else; the message says what, and which button to press.
    """
    text = text.lstrip("\ufeff")
    if not text.strip():
        raise InputError(f"{where} is empty.", BUTTON)
    if not text.lstrip().startswith(("[", "{")):
        raise InputError(f"{where} is {_other_kind(text)}, which lacks relations and exact offsets.", BUTTON)
    tasks = _tasks(_parse(text, where))
    if tasks and all(isinstance(task, dict) and "data" not in task for task in tasks):
        known = {"annotation_id", "annotator", "lead_time"} & set(tasks[0])
        kind = "a JSON-MIN export, which lacks relations" if known else "JSON, but no Label Studio export"
        raise InputError(f"{where} is {kind}: its entries have no `data`.", BUTTON)
    return tasks


def _parse(text: str, where: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError as whole:
        lines = [line for line in text.split("\n") if line.strip()]  # a value may hold other line ends, U+2028
        try:
            return [json.loads(line) for line in lines]
        except ValueError:
            detail = f"{whole.msg}, line {whole.lineno}, column {whole.colno}"
            raise InputError(f"{where} is not valid JSON: {detail}. Was it cut off?", BUTTON) from whole
    except RecursionError as error:
        raise InputError(f"{where} is nested too deeply to be an export.", BUTTON) from error
    except ValueError as error:  # a number of thousands of digits
        raise InputError(f"{where} is not valid JSON: {error}.", BUTTON) from error


def _tasks(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return value["tasks"] if isinstance(value.get("tasks"), list) else [value]
    return value if isinstance(value, list) else [value]


def _other_kind(text: str) -> str:
    head = text.lstrip()[:2000]
    if "-X-" in head or head.startswith("-DOCSTART-"):
        return "a CoNLL export"
    first = head.splitlines()[0]
    if "\t" in first or first.count(",") > 1:
        return "a CSV or TSV export"
    return "no JSON"
