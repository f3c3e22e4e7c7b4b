"""The fields of a record, or a plain text → the article, and problems that say what was changed in it."""

import math
from collections.abc import Iterable, Iterator
from datetime import date, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from pydantic import ValidationError

from labeling.core.article import Article, digest
from labeling.core.faults import faults
from labeling.core.problem import Action, Problem
from labeling.core.reasons import Reason
from labeling.core.text import UNSTORABLE, normalize, storable
from labeling.ingest.clean import Removed, paragraphs, split_headline, without_boilerplate, without_breadcrumb
from labeling.ingest.fields import OPTIONS, FieldNames, as_text, is_nothing, named, no_text, to_fields, type_of
from labeling.ingest.records import Record
from labeling.inputs.broken import shown

Note = tuple[Reason, str, str]  # reason, detail, line
# Fields of an article → the names by which users know them.
CALLED = {"doc_id": "id", "published": "date"}


def of_record(record: Record, names: FieldNames, *, keep_all: bool) -> Iterator[tuple[Article, str] | Problem]:
    """The article of a record, or why there is none; first, a problem for each change."""
    fields, extra = to_fields(record.fields, names)
    if "text" not in fields:
        yield problem("empty", no_text(record.fields, names), record.where)
        return
    notes: list[Note] = []
    for field, name in names.given.items():
        if not names.find(field, record.fields):
            detail = f"no field {shown(name)} ({OPTIONS[field]}); there are: {named(record.fields)}"
            notes.append(("missing-field", detail, ""))
    for key in names.read(record.fields):
        if isinstance(record.fields[key], float) and is_nothing(record.fields[key]):
            notes.append(("odd-field", f"the field {shown(key)} is NaN, which is not a value", ""))
    if record.twice:
        detail = f"it has {named(record.twice)} twice; the last one was kept"
        notes.append(("duplicate-key", detail, ""))
    yield from of_fields(fields, extra, record.where, keep_all=keep_all, notes=notes)


def of_text(text: str, where: str, *, keep_all: bool) -> Iterator[tuple[Article, str] | Problem]:
    """The article of a plain text, with its headline as the title; as for `of_record`."""
    whole = paragraphs(normalize(text))
    if keep_all:
        title, _ = split_headline(whole)
        yield from of_fields({"text": text, "title": title}, {}, where, keep_all=True)
        return
    rest, removed = without_breadcrumb(whole)
    title, body = split_headline(rest)
    yield from of_fields({"text": body, "title": title}, {}, where, keep_all=False, removed=removed, raw=text)


def of_fields(
    fields: dict[str, Any],
    extra: dict[str, Any],
    where: str,
    *,
    keep_all: bool,
    notes: Iterable[Note] = (),
    removed: Iterable[Removed] = (),
    raw: str | None = None,
) -> Iterator[tuple[Article, str] | Problem]:
    """The article of these fields, or why there is none; first, a problem for each change.

    Args:
        fields: Article field → value, including the text.
        extra: The other fields.
        where: Its place.
        keep_all: Whether to leave boilerplate in the text.
        notes: Changes that were made before.
        removed: Lines that were removed before, with their reasons.
        raw: The original text, if it is another one.
    """
    text = fields.get("text", "")
    if not isinstance(text, str):
        yield problem("bad-row", f"the text is {type_of(text)}, not text", where)
        return
    notes = list(notes)
    strings: dict[str, str] = {}
    for name, value in fields.items():
        string = as_text(value)
        if string is None:
            extra = extra | {name: value}
            notes.append(("odd-field", _odd(CALLED.get(name, name), value), ""))
        elif name != "text":
            strings[name] = normalize(string).strip()
    try:
        extra = storable(extra)
    except RecursionError as error:
        yield problem("bad-row", f"a field is {error}", where)
        return
    if unstorable := len(UNSTORABLE.findall(text if raw is None else raw)):
        detail = f"{unstorable} NUL or lone surrogate characters became U+FFFD"
        notes.append(("unstorable-characters", detail, ""))
    body = normalize(text)
    taken: list[Removed] = []
    if not keep_all:
        body, more = without_boilerplate(paragraphs(body), strings.get("title", ""))
        taken = [*removed, *more]
        notes += [(reason, f"taken out as {reason.replace('-', ' ')}", line) for reason, line in taken]
    if not body.strip():
        reasons = ", ".join(dict.fromkeys(reason.replace("-", " ") for reason, _ in taken))
        left = f"cleaning took out all of its text ({reasons}); --keep-all leaves it in"
        yield problem("empty", left if taken else "there is only white space in its text", where)
        return
    published = strings.pop("published", "")
    strings["published"] = _iso(published)
    if published and not strings["published"]:
        extra = extra | {"published": published}
        notes.append(("unknown-date", f"{published!r} is not an ISO date; it was kept as an extra field", ""))
    strings["doc_id"] = strings.get("doc_id") or strings.get("url") or digest(body)
    try:
        article = Article(text=body, extra=extra, **strings)
    except ValidationError as error:
        yield problem("bad-row", "; ".join(faults(error)), where)
        return
    for reason, detail, line in notes:
        yield problem(reason, detail, where, article, action="changed", text=line)
    yield article, where


def problem(
    reason: Reason,
    detail: str,
    where: str,
    article: Article | None = None,
    *,
    action: Action = "refused",
    text: str = "",
) -> Problem:
    """A problem with an article, or with something that is not one."""
    doc_id = article.doc_id if article else ""
    return Problem(reason=reason, action=action, detail=detail, where=where, doc_id=doc_id, text=text)


def _odd(name: str, value: Any) -> str:
    if not isinstance(value, float):
        return f"the {name} is {type_of(value)}, not text; it was kept as an extra field"
    if math.isinf(value):
        return f"the {name} is infinite, which is not a value"
    return f"the {name} is a number that is not exact ({value:g}); it was kept as an extra field"


def _iso(published: str) -> str:
    """An ISO 8601 or RFC 2822 date (and time) as ISO 8601; "" if it is neither."""
    for parse in (date.fromisoformat, datetime.fromisoformat, parsedate_to_datetime):
        try:
            return parse(published).isoformat()
        except (ValueError, TypeError, IndexError, OverflowError):
            continue
    return ""
