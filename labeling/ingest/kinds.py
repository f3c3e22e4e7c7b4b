"""The format of a stream of articles, by its name, or else by its first bytes."""

import re
from collections.abc import Callable
from fnmatch import fnmatch
from pathlib import PurePosixPath
from typing import Literal

from labeling.ingest.fields import FieldNames
from labeling.ingest.records import columns_of, delimiter_of
from labeling.inputs import archives
from labeling.inputs.files import Reader
from labeling.inputs.streams import Stream

Kind = Literal["text", "html", "json", "json lines", "csv", "tsv", "parquet"]

KINDS: dict[str, Kind] = {
    ".txt": "text",
    ".text": "text",
    ".html": "html",
    ".htm": "html",
    ".json": "json",
    ".jsonl": "json lines",
    ".ndjson": "json lines",
    ".csv": "csv",
    ".tsv": "tsv",
    ".parquet": "parquet",
}
ENDINGS = ", ".join(KINDS)
# Files beside articles that are not articles.
BESIDE = ("README*", "LICENSE*", "gold.jsonl")
MAX_NULS = 0.1  # share of the bytes; a file with more is binary
LONGEST_COLUMN = 40  # characters of a column's name
PARQUET = b"PAR1"
HTML = re.compile(rb"<!doctype html|<(html|head|body)\b|<\?xml[^>]*>\s*(<!doctype html|<html)", re.IGNORECASE)
JSON = re.compile(rb'\{\s*(["}]|\Z)|\[\s*([\[{"\]]|\Z)')


def _beside(name: str, _: Callable[[], bytes]) -> str:
    if any(fnmatch(PurePosixPath(name).name, pattern) for pattern in BESIDE):
        return "by its name it is not an article; to read it, name it."
    return ""


READER = Reader(_beside, hint=f"Articles are files in {ENDINGS}, also packed (.gz, .zst, .zip).")


def kind_of(stream: Stream, names: FieldNames) -> Kind | None:
    """The format of the stream; None if neither its name nor its content tells."""
    ending = PurePosixPath(stream.name).suffix.lower()
    start = stream.head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if ending in KINDS:
        kind = KINDS[ending]
        return "json" if kind == "json lines" and _is_laid_out(start) else kind
    # A pipe, a file or a web address without an ending that the user named, or `articles.gz`.
    is_sniffed = stream.is_named if not ending else ending in archives.ENDINGS
    return _sniffed(start, names) if is_sniffed else None


def is_binary(head: bytes) -> bool:
    """Whether there are too many NUL bytes for a text."""
    return head.count(0) > MAX_NULS * len(head)


def _is_laid_out(start: bytes) -> bool:
    """Whether JSON that begins like this is not one object per line."""
    first, line_end, _ = start.partition(b"\n")
    return start.startswith(b"[") or (start.startswith(b"{") and bool(line_end) and not first.rstrip().endswith(b"}"))


def _sniffed(start: bytes, names: FieldNames) -> Kind | None:
    if start.startswith(PARQUET):
        return "parquet"
    if HTML.match(start):
        return "html"
    if JSON.match(start):
        return "json lines" if not _is_laid_out(start) and b"\n" in start else "json"
    if start.startswith(b"<?xml"):
        return None
    header = start.partition(b"\n")[0].decode("utf-8", "replace").strip()
    columns = columns_of(header, delimiter_of(header, names, ","))
    is_table = names.find("text", columns) and max(map(len, columns)) <= LONGEST_COLUMN
    return "csv" if is_table else "text"
