"""Paths → articles and problems: what a file is, what it says, and what became of each thing in it."""

import stat
import sys
from collections.abc import Iterable, Iterator
from datetime import date, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from labeling.core.article import Article, digest
from labeling.core.problem import Action, Problem
from labeling.core.text import BOM, UNSTORABLE, normalize, storable
from labeling.ingest.clean import paragraphs, split_headline, without_breadcrumb, without_rubbish
from labeling.ingest.html import read_html
from labeling.ingest.records import Record, read_json, read_json_lines, read_table, to_fields

KINDS = {
    ".txt": "text",
    ".text": "text",
    ".html": "html",
    ".htm": "html",
    ".json": "json",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".csv": "csv",
    ".tsv": "tsv",
}
# Files that lie beside articles and are none; a file named by hand is always read.
BESIDE = ("README*", "LICENSE*", "gold.jsonl")
UTF16 = (b"\xff\xfe", b"\xfe\xff")
HEAD = 1 << 16  # bytes
MAX_NULS = 0.1  # share of the characters; a file with more is binary, or UTF-16 without a byte order mark


def read_articles(
    paths: Iterable[str | Path], *, keep_all: bool = False, max_characters: int | None = None
) -> Iterator[Article | Problem]:
    """The articles of files, folders and standard input (`-`), as they are read, and every problem with them.

    A problem with the action "changed" belongs to an article that was taken, one that was "refused" to something that
    was not; it says where: the file, and the line or the number in it. Nothing stops at a fault.

    Args:
        paths: Files, folders (searched through), or `-`.
        keep_all: Leave scraped rubbish in the texts.
        max_characters: Refuse texts of more (code points).
    """
    seen: dict[str, tuple[str, str]] = {}  # doc_id → digest, where
    places: dict[str, str] = {}  # digest → where
    for path in paths:
        for item in _of_path(path, keep_all=keep_all):
            if isinstance(item, Problem):
                yield item
                continue
            article, where = item
            if max_characters and len(article.text) > max_characters:
                yield _problem("too-long", _too_long(len(article.text), max_characters), where, article)
            elif article.doc_id in seen:
                other, first = seen[article.doc_id]
                reason = "duplicate" if other == article.digest else "duplicate-id"
                text = "the same text" if other == article.digest else "another text"
                yield _problem(reason, f"{article.doc_id!r} was read from {first} already, with {text}", where, article)
            elif article.digest in places:
                yield _problem("duplicate-text", f"the same text as {places[article.digest]}", where, article)
            else:
                seen[article.doc_id] = (article.digest, where)
                places[article.digest] = where
                yield article


def _too_long(size: int, most: int) -> str:
    return (
        f"the text has {size:,} characters; is this a whole corpus in one file? An article has {most:,} at most "
        "(max_characters under [articles] in labeling.toml)"
    )


def _of_path(path: str | Path, *, keep_all: bool) -> Iterator[tuple[Article, str] | Problem]:
    if str(path) == "-":
        data = sys.stdin.buffer.read()
        yield from _of_bytes(data, _sniff(data), "stdin", keep_all=keep_all)
        return
    path = Path(path)
    where = storable(str(path))  # a file's name may be no UTF-8
    try:
        is_folder = stat.S_ISDIR(path.stat().st_mode)
    except (OSError, ValueError) as error:  # a ValueError where the name holds a NUL
        yield _problem("unreadable", getattr(error, "strerror", None) or str(error), where)
        return
    if is_folder:
        for file in sorted(path.rglob("*")):
            hidden = any(part.startswith(".") for part in file.relative_to(path).parts)
            # A link to nowhere is named; only folders, which the search enters, and devices are passed over.
            is_document = file.is_file() or (file.is_symlink() and not file.exists())
            if is_document and not hidden and not any(file.match(pattern) for pattern in BESIDE):
                yield from _of_path(file, keep_all=keep_all)
        return
    kind = KINDS.get(path.suffix.lower())
    if kind is None:
        yield _problem("unknown-format", f"not one of {', '.join(KINDS)}", where)
        return
    try:
        with path.open("rb") as opened:
            # lines are read one by one, so that memory stays flat
            data = opened.read(HEAD if kind == "jsonl" else -1)
            if kind == "jsonl" and _is_utf8(data):
                opened.seek(0)
                yield from _of_records(read_json_lines(_lines(opened), where), keep_all=keep_all)
                return
            data += opened.read()
    except OSError as error:
        yield _problem("unreadable", error.strerror or str(error), where)
        return
    yield from _of_bytes(data, kind, where, keep_all=keep_all)


def _is_utf8(head: bytes) -> bool:
    """Whether a file that begins like this may be text in UTF-8."""
    return not head.startswith(UTF16) and head.count(b"\0") <= MAX_NULS * len(head)


def _lines(file: Iterable[bytes]) -> Iterator[bytes]:
    lines = iter(file)
    yield next(lines, b"").removeprefix(BOM.encode())
    yield from lines


def _sniff(data: bytes) -> str:
    head = data.lstrip(b"\xef\xbb\xbf \t\r\n")[:200].lower()
    if head.startswith((b"<!doctype", b"<html")):
        return "html"
    if head.startswith(b"["):
        return "json"
    return "jsonl" if head.startswith(b"{") else "text"


def _of_bytes(data: bytes, kind: str, where: str, *, keep_all: bool) -> Iterator[tuple[Article, str] | Problem]:
    if kind == "html":
        yield from _article(read_html(data, keep_all=keep_all), {}, where, keep_all=keep_all)
        return
    try:
        text = data.decode("utf-16" if data.startswith(UTF16) else "utf-8")
    except UnicodeDecodeError as error:
        hint = "convert it, for example: iconv -f WINDOWS-1252 -t UTF-8"
        yield _problem("not-utf8", f"byte {error.start} is not {error.encoding.upper()}; {hint}", where)
        return
    if text.count("\0") > MAX_NULS * len(text):
        hint = "save it as text in UTF-8, for example: iconv -f UTF-16 -t UTF-8"
        yield _problem("not-utf8", f"it is binary, or UTF-16 without a byte order mark; {hint}", where)
        return
    if kind == "text":
        yield from _plain(text, where, keep_all=keep_all)
        return
    # Line ends outside of values differ by system; inside of CSV values they are the text's own.
    text = text.removeprefix(BOM)
    records = {
        "json": lambda: read_json(text, where),
        "jsonl": lambda: read_json_lines(text.encode().split(b"\n"), where),
        "csv": lambda: read_table(text, where, ","),
        "tsv": lambda: read_table(text, where, "\t"),
    }[kind]()
    yield from _of_records(records, keep_all=keep_all)


def _of_records(records: Iterable[Record | Problem], *, keep_all: bool) -> Iterator[tuple[Article, str] | Problem]:
    for item in records:
        if isinstance(item, Problem):
            yield item
        else:
            place, record = item
            fields, extra = to_fields(record)
            yield from _article(fields, extra, place, keep_all=keep_all)


def _plain(text: str, where: str, *, keep_all: bool) -> Iterator[tuple[Article, str] | Problem]:
    whole = paragraphs(normalize(text))
    if keep_all:
        title, _ = split_headline(whole)
        yield from _article({"text": text, "title": title}, {}, where, keep_all=True)
        return
    rest, removed = without_breadcrumb(whole)
    title, body = split_headline(rest)
    yield from _article({"text": body, "title": title}, {}, where, keep_all=False, removed=removed, raw=text)


def _article(
    fields: dict[str, Any],
    extra: dict[str, Any],
    where: str,
    *,
    keep_all: bool,
    removed: Iterable[tuple[str, str]] = (),
    raw: str | None = None,
) -> Iterator[tuple[Article, str] | Problem]:
    """The article of these fields, after the notes on what was changed in it."""
    text = fields.get("text", "")
    if not isinstance(text, str):
        yield _problem("bad-row", f"the text is no text but {type(text).__name__}", where)
        return
    notes: list[tuple[str, str, str]] = []
    strings: dict[str, str] = {}
    for name, value in fields.items():
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            extra = extra | {name: value}
            detail = f"the {name} is no text but {type(value).__name__}; it was kept as an extra field"
            notes.append(("odd-field", detail, ""))
        elif name != "text":
            strings[name] = normalize(str(value)).strip()
    try:
        extra = storable(extra)
    except RecursionError as error:
        yield _problem("bad-row", f"a field is {error}", where)
        return
    if unstorable := len(UNSTORABLE.findall(text if raw is None else raw)):
        detail = f"{unstorable} NUL or lone surrogate characters became U+FFFD"
        notes.append(("unstorable-characters", detail, ""))
    body = normalize(text)
    taken: list[tuple[str, str]] = []
    if not keep_all:
        body, more = without_rubbish(paragraphs(body), strings.get("title", ""))
        taken = [*removed, *more]
        notes += [(reason, f"taken out as {reason.replace('-', ' ')}", line) for reason, line in taken]
    if not body.strip():
        reasons = ", ".join(dict.fromkeys(reason.replace("-", " ") for reason, _ in taken))
        left = f"cleaning took out all of its text ({reasons}); --keep-all leaves it in"
        yield _problem("empty", left if taken else "there is no text in it", where)
        return
    published = strings.pop("published", "")
    strings["published"] = _iso(published)
    if published and not strings["published"]:
        extra = extra | {"published": published}
        notes.append(("unknown-date", f"{published!r} is no ISO date; it was kept as an extra field", ""))
    strings["doc_id"] = strings.get("doc_id") or strings.get("url") or digest(body)
    try:
        article = Article(text=body, extra=extra, **strings)
    except ValidationError as error:
        faults = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
        yield _problem("bad-row", faults, where)
        return
    for reason, detail, line in notes:
        yield _problem(reason, detail, where, article, action="changed", text=line)
    yield article, where


def _iso(published: str) -> str:
    """An ISO 8601 or RFC 2822 date (and time) in ISO form; "" for any other."""
    for parse in (date.fromisoformat, datetime.fromisoformat, parsedate_to_datetime):
        try:
            return parse(published).isoformat()
        except (ValueError, TypeError, IndexError, OverflowError):
            continue
    return ""


def _problem(
    reason: str,
    detail: str,
    where: str,
    article: Article | None = None,
    *,
    action: Action = "refused",
    text: str = "",
) -> Problem:
    doc_id = article.doc_id if article else ""
    return Problem(reason=reason, action=action, detail=detail, where=where, doc_id=doc_id, text=text)
