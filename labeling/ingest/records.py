"""JSON, JSON lines, CSV and TSV → records: one dict an article, each with its place in the file."""

import csv
import io
import json
from collections.abc import Iterable, Iterator
from typing import Any

from labeling.core.problem import Problem

# Article field → the names that it has in the wild; the first one present counts.
NAMES = {
    "text": ("text", "body", "content"),
    "doc_id": ("doc_id", "id"),
    "title": ("title", "headline"),
    "published": ("published", "published_at", "date"),
    "source": ("source", "outlet", "publisher"),
    "url": ("url", "link"),
}
csv.field_size_limit(2**31 - 1)  # an article is longer than the default of 128 KiB may allow

Record = tuple[str, dict[str, Any]]


def read_json(text: str, where: str) -> Iterator[Record | Problem]:
    """The objects of a JSON list, or the one object that it is."""
    try:
        value = json.loads(text)
    except json.JSONDecodeError as error:
        yield _refused("not-json", f"not valid JSON: {error.msg}, column {error.colno}", f"{where}:{error.lineno}")
        return
    except RecursionError:
        yield _refused("not-json", "nested too deeply to be a list of articles", where)
        return
    except ValueError as error:  # a number of thousands of digits
        yield _refused("not-json", f"not valid JSON: {str(error)[:80]}", where)
        return
    if not isinstance(value, list):
        yield _record(value, where)
        return
    for number, item in enumerate(value, start=1):
        yield _record(item, f"{where}#{number}")


def read_json_lines(lines: Iterable[bytes], where: str) -> Iterator[Record | Problem]:
    """The object of each line, in UTF-8."""
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            item = json.loads(line.decode("utf-8"))
        except UnicodeDecodeError as error:
            yield _refused("not-utf8", f"byte {error.start} of the line is not UTF-8", f"{where}:{number}")
            continue
        except (ValueError, RecursionError) as error:
            yield _refused("not-json", f"not valid JSON: {str(error)[:80]}", f"{where}:{number}")
            continue
        yield _record(item, f"{where}:{number}")


def read_table(text: str, where: str, delimiter: str) -> Iterator[Record | Problem]:
    """The rows below the header, each with the line that it begins on."""
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    line = 1
    try:
        header = next(rows, [])
        line = rows.line_num + 1
        for row in rows:
            place = f"{where}:{line}"
            if row and len(row) != len(header):
                yield _refused("bad-row", f"{len(row)} fields where the header has {len(header)}", place)
            elif row:
                yield place, dict(zip(header, row, strict=True))
            line = rows.line_num + 1
    except csv.Error as error:
        yield _refused("bad-row", f"{error}; the rest of the file cannot be read", f"{where}:{line}")


def to_fields(record: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The record's article fields under our names, and all its others."""
    by_name = {str(key).strip().casefold(): key for key in reversed(record)}
    taken = {
        field: by_name[name]
        for field, names in NAMES.items()
        if (name := next((n for n in names if n in by_name and record[by_name[n]] not in (None, "")), None))
    }
    others = {str(key): value for key, value in record.items() if key not in taken.values()}
    return {field: record[key] for field, key in taken.items()}, others


def _record(item: Any, where: str) -> Record | Problem:
    if not isinstance(item, dict):
        return _refused("bad-row", f"an article is an object, not {type(item).__name__}", where)
    if isinstance(item.get("data"), dict) and "text" not in item:
        detail = "this looks like a Label Studio task; `labeling convert` reads Label Studio's exports"
        return _refused("task-not-article", detail, where)
    return where, item


def _refused(reason: str, detail: str, where: str) -> Problem:
    return Problem(reason=reason, action="refused", detail=detail, where=where)
