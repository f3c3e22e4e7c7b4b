"""Streams of JSON, JSON lines and tables → records: an object for each article, with its place in the file."""

import csv
import json
from collections.abc import Iterator
from itertools import chain
from typing import Any, NamedTuple

from labeling.core.problem import Problem
from labeling.ingest.fields import FieldNames, has_text, named, no_text, type_of
from labeling.inputs.broken import refused, shown
from labeling.inputs.records import STEPS as JSON_STEPS
from labeling.inputs.records import has_too_many_values, json_records, lines, text_lines, too_many
from labeling.inputs.streams import Stream

RECORD_BYTES = 100_000_000  # of a JSON record, which may be an object with a list of articles
FIELD_CHARACTERS = 20_000_000  # of a line or a field of a table
STEPS = JSON_STEPS | {
    "record-too-large": (
        "Is a bracket missing, or is it a whole corpus? Then make it an article a line, for example by: "
        "jq -c '.articles[]'"
    )
}
DELIMITERS = ",;\t|"
csv.field_size_limit(FIELD_CHARACTERS)  # an article may be longer than the default of 128 KiB


class Record(NamedTuple):
    """The fields of what may be an article; `where` is its place, `twice` the keys that it has twice."""

    where: str
    fields: dict[str, Any]
    twice: tuple[str, ...] = ()


class _Repeated(dict[str, Any]):
    """An object in which a key occurs twice."""

    twice: tuple[str, ...] = ()


def read_json(stream: Stream, names: FieldNames) -> Iterator[Record | Problem]:
    """The objects in a JSON list, in several values one after the other, or in a list in an object."""
    found = False
    for item in json_records(stream, limit=RECORD_BYTES, steps=STEPS):
        found = True
        if isinstance(item, Problem):
            yield item
        else:
            where, data = item
            yield from _of_value(data, where, names)
    if not found:
        yield refused("empty", "the list has nothing in it", stream.where)


def read_json_lines(stream: Stream, names: FieldNames) -> Iterator[Record | Problem]:
    """The object of each line."""
    found = False
    for number, line in enumerate(lines(stream.blocks, RECORD_BYTES), start=1):
        where = f"{stream.where}:{number}"
        if line is None:
            detail = f"the line has more than {RECORD_BYTES:,} bytes; is it a whole corpus?"
            yield refused("record-too-large", detail, where)
        elif has_too_many_values(line):
            yield too_many(where)
        elif data := line.removeprefix(BOM if number == 1 else b"").strip():
            yield from _of_value(data, where, names)
        else:
            continue
        found = True
    if not found:
        yield refused("empty", "there is nothing in it", stream.where)


BOM = b"\xef\xbb\xbf"


def read_table(stream: Stream, names: FieldNames, delimiter: str) -> Iterator[Record | Problem]:
    """The rows below the header, each with the line that it begins on.

    Args:
        stream: The table, in UTF-8.
        names: The names that its columns may have.
        delimiter: The delimiter if the header does not tell.
    """
    text = text_lines(stream.blocks, FIELD_CHARACTERS)
    first = next(text, "")
    line = 1
    if first.lower().startswith("sep=") and len(first.strip()) == 5:  # Excel's way to name the delimiter
        delimiter, first, line = first[4], next(text, ""), 2
    else:
        delimiter = delimiter_of(first, names, delimiter)
    rows = csv.reader(chain(filter(None, [first]), text), delimiter=delimiter, strict=True)
    before = line - 1
    found = False
    try:
        header = next(rows, [])
        if problem := header_problem(header, names, f"{stream.where}:{line}"):
            yield problem
            return
        if twice := sorted({name for name in header if header.count(name) > 1}):
            detail = f"there are two columns {named(twice)}; the last one is kept"
            yield Problem(reason="duplicate-key", action="changed", detail=detail, where=f"{stream.where}:{line}")
        line = before + rows.line_num + 1
        for row in rows:
            place = f"{stream.where}:{line}"
            if row and len(row) != len(header):
                yield refused("bad-row", f"the row has {len(row)} fields, the header {len(header)}", place)
            elif row:
                yield Record(place, dict(zip(header, row, strict=True)))
            found = found or bool(row)
            line = before + rows.line_num + 1
    except csv.Error as error:
        yield refused("bad-row", f"{error}; the rest of the file cannot be read", f"{stream.where}:{line}")
        return
    if not found:
        yield refused("empty", "there is a header and no row below it", stream.where)


def delimiter_of(header: str, names: FieldNames, usual: str) -> str:
    """The delimiter with which a header has a column for the text, or else the most columns."""

    def fits(delimiter: str) -> tuple[bool, int, bool]:
        columns = columns_of(header, delimiter)
        return bool(names.find("text", columns)), len(columns), delimiter == usual

    return max(DELIMITERS, key=fits)


def columns_of(header: str, delimiter: str) -> list[str]:
    """The names of the columns in a header; none if it is not a header."""
    try:
        return next(csv.reader([header], delimiter=delimiter, strict=True), [])
    except csv.Error:
        return []


def header_problem(header: list[str], names: FieldNames, where: str) -> Problem | None:
    """Why a table with these columns cannot be read; None if it can."""
    if not header:
        return refused("empty", "there is nothing in it", where)
    if not names.find("text", header):
        return refused("empty", no_text(header, names, "column"), where)
    if twice := sorted({name for name in names.read(header) if header.count(name) > 1}):
        return refused("duplicate-key", f"there are two columns {named(twice)}; rename or remove one", where)
    return None


def _of_value(data: bytes, where: str, names: FieldNames) -> Iterator[Record | Problem]:
    """The records in a JSON value: the value itself, or the elements of its list of articles."""
    try:
        value = json.loads(data.decode("utf-8"), object_pairs_hook=_object)
    except UnicodeDecodeError as error:
        yield refused("not-utf8", f"byte {error.start:,} of it is not UTF-8", where)
        return
    except RecursionError:
        yield refused("not-json", "it is nested too deeply to be an article", where)
        return
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}" if error.lineno > 1 else f"column {error.colno}"
        yield refused("not-json", f"not valid JSON: {error.msg}, {place}", where)
        return
    except ValueError as error:  # a number of thousands of digits
        yield refused("not-json", f"not valid JSON: {str(error)[:80]}", where)
        return
    lists = _lists_of_articles(value, names)
    if not lists:
        yield _record(value, where, names)
    elif len(lists) > 1:
        detail = f"the lists {named(lists)} hold articles; leave one of them, for example: jq '.{next(iter(lists))}'"
        yield refused("several-lists", detail, where)
    else:
        ((key, items),) = lists.items()
        if isinstance(value, _Repeated) and key in value.twice:
            yield refused("duplicate-key", f"it has the key {shown(key)} twice", where)
            return
        for number, item in enumerate(items, start=1):
            yield _record(item, f"{where}:{shown(key)}#{number}", names)


def _lists_of_articles(value: Any, names: FieldNames) -> dict[str, list[Any]]:
    """The lists of articles, or of tasks, which look like them, in an object that is not an article itself."""
    if not isinstance(value, dict) or has_text(value, names) or _is_task(value):
        return {}
    lists = {key: items for key, items in value.items() if isinstance(items, list)}
    return {key: items for key, items in lists.items() if any(has_text(i, names) or _is_task(i) for i in items)}


def _is_task(value: Any) -> bool:
    return isinstance(value, dict) and isinstance(value.get("data"), dict) and "text" not in value


def _record(item: Any, where: str, names: FieldNames) -> Record | Problem:
    if not isinstance(item, dict):
        return refused("bad-row", f"an article is an object, not {type_of(item)}", where)
    if _is_task(item):
        detail = "this looks like a Label Studio task; `labeling convert` reads Label Studio's exports"
        return refused("task-not-article", detail, where)
    twice = _twice_in(item)
    if wrong := names.read(item.twice if isinstance(item, _Repeated) else ()):
        return refused("duplicate-key", f"it has {named(wrong)} twice, and nothing says which one counts", where)
    if not has_text(item, names) and (hidden := _objects_below(item)):
        key, keys = hidden
        detail = f"{no_text(item, names)}. In the list {shown(key)} there are: {named(keys)}"
        return refused("empty", detail, where)
    return Record(where, item, twice)


def _objects_below(item: dict[str, Any]) -> tuple[str, list[str]] | None:
    """The only list of objects in the object, and the keys of its first object; None if there is not exactly one."""
    lists = [key for key, value in item.items() if isinstance(value, list) and value and isinstance(value[0], dict)]
    return (lists[0], list(item[lists[0]][0])) if len(lists) == 1 else None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) == len(pairs):
        return value
    repeated = _Repeated(value)
    keys = [key for key, _ in pairs]
    repeated.twice = tuple(key for key in value if keys.count(key) > 1)
    return repeated


def _twice_in(value: Any) -> tuple[str, ...]:
    """The keys that an object has twice, at any depth."""
    twice: dict[str, None] = {}
    left = [value]
    while left:
        here = left.pop()
        if isinstance(here, _Repeated):
            twice |= dict.fromkeys(here.twice)
        left += [item for item in (here.values() if isinstance(here, dict) else here) if isinstance(item, dict | list)]
    return tuple(twice)
