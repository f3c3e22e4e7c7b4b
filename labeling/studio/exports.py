"""Exports of Label Studio: files, folders, archives and standard input → their records."""

import codecs
import json
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from types import TracebackType
from typing import Any, Self

import orjson

from labeling.core.problem import Problem
from labeling.inputs.broken import refused, unreadable
from labeling.inputs.files import BLOCK, File, Reader, find, spooled
from labeling.inputs.json_stream import LIMIT
from labeling.inputs.kinds import binary_kind
from labeling.inputs.records import STEPS as JSON_STEPS
from labeling.inputs.records import json_records
from labeling.inputs.streams import Advance, Stream, streams

BUTTON = "In Label Studio press Export and choose JSON, the first of the formats."
STEPS = JSON_STEPS | {"empty": BUTTON, "record-too-large": "No task is that long: is a quote or a bracket missing?"}

ENDINGS = (".json", ".jsonl", ".ndjson", ".gz", ".zst", ".zip")
# Label Studio's other formats: a file in a folder is reported, not ignored.
OTHER_ENDINGS = (".csv", ".tsv", ".conll")
UNSURE_ENDINGS = ("", ".txt")  # their content tells
HEAD = 2048  # bytes that tell what a file is


@dataclass(frozen=True, slots=True)
class Record:
    """The JSON of one task, exactly as in the file; it is not parsed, and may not be a task.

    `where` is the file, the entry of an archive, and the record's number from 1: `all.zip/folder/a.json#3`.
    """

    where: str
    data: bytes


class ExportFiles:
    """The records of files, folders and standard input (`-`): a context manager, whose records can be read repeatedly.

    A file is read whatever its ending; its content tells what it is. Folders are searched with their subfolders; files
    in them that are clearly something else are skipped, with a problem. Each file is read once.

    Args:
        paths: Files, folders, `-`. What cannot be read twice is copied into an anonymous temporary file.
        block: Bytes read at once.
        limit: Bytes of the longest record that is read.

    Attributes:
        size: Bytes on disk, known inside `with`.

    >>> _ = Path("project-1.json").write_text('[{"id": 1}, {"id": 2}]')
    >>> with ExportFiles(["project-1.json"]) as files:
    ...     for item in files.records():
    ...         print(item.where)
    project-1.json#1
    project-1.json#2
    """

    def __init__(self, paths: Sequence[str | Path], *, block: int = BLOCK, limit: int = LIMIT) -> None:
        self.size = 0
        self._paths = paths
        self._limit = limit
        self._reader = Reader(_not_an_export, _archive_kind, reason="not-an-export", hint=BUTTON, block=block)
        self._items: list[File | Problem] = []
        self._copies = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as copies:
            self._items = [_spooled(item, copies) for item in find(self._paths, self._reader)]
            self._copies = copies.pop_all()
        self.size = sum(item.size for item in self._items if isinstance(item, File))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._copies.close()

    def records(self, advance: Advance = lambda _: None) -> Iterator[Record | Problem]:
        """The records in the order of the paths, and a problem for everything that was not read.

        Args:
            advance: Called with the number of bytes on disk that were read since the last call; the sum is `size`.
        """
        for item in self._items:
            if isinstance(item, Problem):
                yield item
                continue
            for stream in streams(item, self._reader, advance):
                if isinstance(stream, Problem):
                    yield stream
                else:
                    yield from _of_stream(stream, self._limit)


def _spooled(item: File | Problem, copies: ExitStack) -> File | Problem:
    try:
        return spooled(item, copies) if isinstance(item, File) else item
    except (OSError, ValueError) as error:  # a ValueError if it was closed
        return unreadable(item.where, error)


def _of_stream(stream: Stream, limit: int) -> Iterator[Record | Problem]:
    if kind := other_kind(stream.head):
        yield refused("not-an-export", f"{kind} {BUTTON}", stream.where)
        return
    for item in json_records(stream, key="tasks", limit=limit, steps=STEPS):
        yield item if isinstance(item, Problem) else Record(*item)


def parse(data: bytes) -> Any:
    """The JSON value of a record. NaN, Infinity and lone surrogates are read, as Python reads them.

    A whole number of more than 64 bits becomes a float.

    Raises:
        ValueError: It is not JSON or cannot be held; the message says why, and at which byte or character from 0.
    """
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError as error:
        if "limit" in error.msg:
            raise ValueError("it is nested too deeply") from error
    try:
        return json.loads(data.decode("utf-8", "surrogatepass"))
    except UnicodeDecodeError as error:
        raise ValueError(f"byte {error.start:,} is not UTF-8") from error
    except json.JSONDecodeError as error:
        raise ValueError(f"{error.msg[:1].lower()}{error.msg[1:]} at character {error.pos:,}") from error
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
    except ValueError as error:  # Python counts the digits of a whole number before it reads them
        raise ValueError("a number has thousands of digits") from error


def _not_an_export(name: str, head: Callable[[], bytes]) -> str:
    """Why a file in a folder is not an export; "" if it may be. Its head is read only if its name does not tell."""
    ending = PurePosixPath(name).suffix.lower()
    if ending in ENDINGS + OTHER_ENDINGS:
        return ""
    if ending not in UNSURE_ENDINGS:
        return f"it does not end in {', '.join(ENDINGS)}."
    start = head().removeprefix(codecs.BOM_UTF8).lstrip()
    kind = other_kind(start)
    is_export = "CoNLL" in kind or (not kind and start.startswith((b"[", b"{")))
    return "" if is_export else kind or "there is nothing in it."


def _archive_kind(names: Sequence[str]) -> str:
    """What an archive is, if its names show that it is not a JSON export; "" otherwise."""
    paths = [PurePosixPath(name.lower()) for name in names]
    files = {path.name for path in paths}
    if any(path.suffix == ".xml" and path.parent.name == "annotations" for path in paths):
        return "it is a Pascal VOC export, which is for boxes in images."
    if "classes.txt" in files and any("labels" in path.parts for path in paths):
        return "it is a YOLO export, which is for boxes in images."
    if any(re.fullmatch(r"result(_coco)?\.json", name) for name in files) and any("images" in p.parts for p in paths):
        return "it is a COCO export, which is for boxes in images."
    return ""


# What a file is, by the first bytes after white space; the first pattern that matches counts.
KINDS = {
    rb"[\[{\s]*\{\s*'": "it is in Python's notation, not JSON; json.dumps() writes JSON.",
    rb"\[\s*(\Z|[\[{\"\]\d\-tfnNI])|\{\s*(\Z|[\"}])|\Z": "",  # JSON, as far as one sees
    rb".*[\x00-\x08\x0e-\x1a]": "it is a binary file.",
    rb"(?i:<!doctype html|<(html|head|body)\b)": "it is a web page, perhaps the login page of a server or proxy.",
    rb"<(.*<)?View\b": "it is a labeling config, which holds no annotations.",
    rb"<": "it is XML or HTML.",
    rb"-DOCSTART-|.* -X- ": "it is a CoNLL export, which lacks relations, nested spans and exact offsets.",
    rb"[^\n]*(\t|,[^\n]*,)": "it is a CSV or TSV export, which is made for spreadsheets.",
}


def other_kind(head: bytes) -> str:
    """What a file with these first bytes is, as a sentence, if it is not JSON; "" if it may be."""
    head = head[:HEAD].removeprefix(codecs.BOM_UTF8).lstrip()
    if kind := binary_kind(head):
        return kind
    for pattern, kind in KINDS.items():
        if re.match(pattern, head, re.DOTALL):
            return kind
    return f"it is not JSON: it begins with {head[:30].decode('utf-8', 'replace')!a}."
