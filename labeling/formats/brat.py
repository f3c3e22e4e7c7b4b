"""brat standoff: `brat/<part>/<name>.txt` and `.ann`, with brat's `annotation.conf`."""

import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import orjson

from labeling.core.article import digest
from labeling.core.labels import LabeledDoc, Span
from labeling.core.offsets import trim
from labeling.core.problem import Problem
from labeling.core.tokens import TokenizedDoc
from labeling.files import writing
from labeling.formats.format import Context, Format, Rendered, json_of, meta_of
from labeling.formats.names import renamed, safe_names

# Readers of .ann files split them into lines at any of these (`str.splitlines`), and lines into columns at tabs.
BREAK = re.compile("[\t\n\x0b\x0c\r\x1c\x1d\x1e\x85\u2028\u2029]")
NOT_IN_TYPE = re.compile(r"[^A-Za-z0-9_-]+|^-+")
NOT_IN_FILE = re.compile(r"[^A-Za-z0-9_-]+")
RESERVED = re.compile(r"con|prn|aux|nul|com\d|lpt\d", re.IGNORECASE)  # invalid as file names on Windows
MAX_NAME = 80


def render(docs: Sequence[TokenizedDoc], context: Context) -> Rendered:
    """The text and the annotations of each document; they have every span and relation, so there are no problems.

    Offsets are code points. A span across a line end or a tab is written as fragments, `0 5;6 10`, because a line of an
    .ann file cannot hold it; its text has a space there. Spans are numbered in order of text; their ids are not kept.
    """
    entities, relations = _types(context.labels), _types(context.relations)
    files = [
        {
            "name": file_name(doc.doc.doc_id),
            "text": doc.doc.text,
            "ann": "".join(_lines(doc, entities, relations)),
            "meta": _meta(doc.doc),
        }
        for doc in docs
    ]
    return Rendered(orjson.dumps(files))


def check(context: Context) -> tuple[Problem, ...]:
    """A `renamed-label` for each label that brat cannot spell: it allows ASCII letters, digits, `_` and `-`."""
    detail = "brat: the label {0!r} is written as {1!r}"
    return (*renamed(detail, _types(context.labels)), *renamed(detail, _types(context.relations)))


def file_name(doc_id: str) -> str:
    """A file name that is valid on every system, the same for the same id; those of two ids are equal only by accident.

    >>> file_name("a-17"), file_name("https://example.org/news?id=1")
    ('a-17', 'https-example-org-news-id-1-7d47f4fb')
    """
    slug = NOT_IN_FILE.sub("-", doc_id).strip("-")[:MAX_NAME]
    if slug == doc_id and not RESERVED.fullmatch(slug):
        return slug
    return f"{slug}-{digest(doc_id)[:8]}".lstrip("-")


def fragments(text: str, span: Span) -> list[tuple[int, int]]:
    r"""The start and end of each piece of the span that is on one line, without white space at the edges.

    >>> fragments("New\n York fell", Span(id="s", start=0, end=9, label="PLACE"))
    [(0, 3), (5, 9)]
    """
    if not BREAK.search(text, span.start, span.end):
        return [(span.start, span.end)]
    edges = [span.start]
    for match in BREAK.finditer(text, span.start, span.end):
        edges += [match.start(), match.end()]
    edges.append(span.end)
    stretches = (trim(text, start, end) for start, end in zip(edges[::2], edges[1::2], strict=True))
    return [(start, end) for start, end in stretches if start < end]


def annotation_conf(context: Context) -> str:
    """The labels in brat's configuration syntax; relations may be between any labels, and spans may overlap."""
    entities = _section(context.labels, "")
    relations = _section(context.relations, "\tArg1:<ENTITY>, Arg2:<ENTITY>")
    overlap = "<OVERLAP>\tArg1:<ENTITY>, Arg2:<ENTITY>, <OVL-TYPE>:<ANY>"
    lines = ["[entities]", *entities, "", "[relations]", overlap, *relations, "", "[events]", "", "[attributes]"]
    return "\n".join(lines) + "\n"


class BratSink:
    """A folder with two files for each document, `annotation.conf`, and `documents.jsonl`, which names them."""

    def __init__(self, folder: Path, context: Context) -> None:
        self.folder = folder
        self._names: list[str] = []
        self._taken: set[str] = set()  # case-folded, since some file systems ignore case
        with writing(folder):
            folder.mkdir(parents=True, exist_ok=True)
        self._add("annotation.conf", annotation_conf(context))
        self._index = self._add("documents.jsonl", "")

    def write(self, data: bytes) -> None:
        """Add the files of the documents; the later of two with the same name gets a number."""
        index = b""
        for file in orjson.loads(data):
            name = self._free(file["name"])
            self._add(f"{name}.txt", file["text"])
            self._add(f"{name}.ann", file["ann"])
            index += f'{{"file": {json.dumps(name)}, {file["meta"][1:]}\n'.encode()
        with writing(self._index), self._index.open("ab") as lines:
            lines.write(index)

    def close(self) -> list[Path]:
        """The files, in the order in which they were written."""
        return [self.folder / name for name in self._names]

    def _free(self, name: str) -> str:
        free, number = name, 1
        while free.casefold() in self._taken:
            number += 1
            free = f"{name}-{number}"
        self._taken.add(free.casefold())
        return free

    def _add(self, name: str, content: str) -> Path:
        path = self.folder / name
        with writing(path):
            path.write_bytes(content.encode("utf-8"))
        self._names.append(name)
        return path


def open_sink(folder: Path, stem: str, context: Context) -> BratSink:
    """The folder `brat/<stem>`."""
    return BratSink(folder / "brat" / stem, context)


FORMAT = Format(
    name="brat",
    description="brat standoff: a .txt and .ann files",
    render=render,
    open=open_sink,
    check=check,
)


def _types(labels: Sequence[str]) -> dict[str, str]:
    return safe_names(labels, NOT_IN_TYPE)


def _section(labels: Sequence[str], arguments: str) -> Iterator[str]:
    for label, spelling in _types(labels).items():
        if label != spelling:
            yield f"# {json.dumps(label, ensure_ascii=False)}:"
        yield spelling + arguments


def _lines(doc: TokenizedDoc, entities: dict[str, str], relations: dict[str, str]) -> Iterator[str]:
    text = doc.doc.text
    number = {span.id: i for i, span in enumerate(doc.doc.spans, 1)}
    for span in doc.doc.spans:
        stretches = fragments(text, span)
        extents = ";".join(f"{start} {end}" for start, end in stretches)
        words = " ".join(text[start:end] for start, end in stretches)
        yield f"T{number[span.id]}\t{entities[span.label]} {extents}\t{words}\n"
    for i, relation in enumerate(doc.doc.relations, 1):
        ends = f"Arg1:T{number[relation.head]} Arg2:T{number[relation.tail]}"
        yield f"R{i}\t{relations[relation.label]} {ends}\n"
    notes = ((span, *item) for span in doc.doc.spans for item in span.attributes.items())
    for i, (span, name, value) in enumerate(notes, 1):
        yield f"#{i}\tAnnotatorNotes T{number[span.id]}\t{_note(name, value)}\n"


def _note(name: str, value: Any) -> str:
    """`name: value` on one line, the value in JSON."""
    line = BREAK.sub(lambda match: f"\\u{ord(match[0]):04x}", json_of(value))
    return f"{BREAK.sub(' ', name)}: {line}"


def _meta(doc: LabeledDoc) -> str:
    """The document's other fields, as a JSON object on one line."""
    meta = meta_of(doc)
    if doc.attributes:
        meta["attributes"] = doc.attributes
    if doc.unknown:
        meta["unknown"] = doc.unknown
    return json_of(meta)
