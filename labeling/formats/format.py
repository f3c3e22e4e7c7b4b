"""What a format is: a pure function that runs in any process, and a sink that appends to files in one."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

from labeling.core.labels import LabeledDoc, Span
from labeling.core.problem import Action, Problem
from labeling.core.reasons import Reason
from labeling.core.text import storable
from labeling.core.tokens import TokenizedDoc
from labeling.files import writing

META = ("doc_id", "title", "source", "published", "url")


@dataclass(frozen=True, slots=True)
class Context:
    """What a format has to know about all documents before the first one.

    Attributes:
        labels: Every label of a span, in the schema's order.
        relations: Every label of a relation, in the schema's order.
        normal: The relations whose tails can have normal forms.
        overlaps: What a format without overlapping spans does with a document that has some: `refuse` leaves the
            document out, with a problem; `longest` writes the spans in the document's tags.
        provenance: Whether several people labelled each document, and it says who marked what.
        csv_raw: Whether the cells of a CSV are exact, for programs, instead of safe in a spreadsheet.
    """

    labels: tuple[str, ...]
    relations: tuple[str, ...] = ()
    normal: tuple[str, ...] = ()
    overlaps: Literal["refuse", "longest"] = "refuse"
    csv_raw: bool = False
    provenance: bool = False


@dataclass(frozen=True, slots=True)
class Rendered:
    """Documents as bytes for the format's sink, and a problem for everything that the format cannot express."""

    data: bytes
    problems: tuple[Problem, ...] = ()


class Sink(Protocol):
    """The open files of one part. The code that opened it closes it, also after an error."""

    def write(self, data: bytes) -> None:
        """Append the bytes that `render` returned.

        Raises:
            InputError: The file cannot be written.
        """

    def close(self) -> list[Path]:
        """Complete the files, and return their paths; a second call changes nothing."""


@dataclass(frozen=True)
class Format:
    """A kind of training file.

    Attributes:
        name: The name of the format on the command line, and of its folder.
        description: One line about it.
        render: The documents as bytes, in any process; all are of one part if `per_part`.
        open: The sink for `(folder, stem, context)`, in the main process. The folder is that of the whole export; the
            stem is the part's name, or if not `per_part` the format's. Raises `InputError` if a package is missing.
        per_part: Whether each part has files of its own.
        check: A problem for each label that the format cannot spell; called once, before the first document.
    """

    name: str
    description: str
    render: Callable[[Sequence[TokenizedDoc], Context], Rendered]
    open: Callable[[Path, str, Context], Sink]
    per_part: bool = True
    check: Callable[[Context], tuple[Problem, ...]] = lambda _: ()


class FileSink:
    """A sink with one file: the header and the bytes that were written; `if_empty` if that is nothing."""

    def __init__(self, path: Path, header: bytes = b"", if_empty: bytes = b"") -> None:
        self.path = path
        self.if_empty = if_empty
        with writing(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = path.open("wb")
        self.write(header)

    def write(self, data: bytes) -> None:
        """Append the bytes."""
        with writing(self.path):
            self._file.write(data)

    def close(self) -> list[Path]:
        """The file."""
        if not self._file.closed:
            with writing(self.path), self._file as file:
                file.write(self.if_empty if file.tell() == 0 else b"")
        return [self.path]


def words_of(doc: TokenizedDoc) -> list[str]:
    """The text of each token."""
    return [doc.doc.text[start:end] for start, end in doc.tokens]


def meta_of(doc: LabeledDoc) -> dict[str, Any]:
    """The document's fields other than the text, without empty ones."""
    return {name: value for name in META if (value := getattr(doc, name))}


def problem(
    doc: TokenizedDoc, reason: Reason, action: Action, detail: str, at: Span | None = None, **fields: Any
) -> Problem:
    """A problem with a document, or with one of its spans; `fields` replace those of the span."""
    place: dict[str, Any] = (
        {"label": at.label, "start": at.start, "end": at.end, "text": doc.doc.slice(at)} if at else {}
    )
    return Problem(reason=reason, action=action, detail=detail, doc_id=doc.doc.doc_id, **(place | fields))


def json_of(value: Any) -> str:
    """The value as JSON on one line. Integers of any size are kept, unlike by orjson."""
    return json.dumps(storable(value), ensure_ascii=False)


def attributes_of(labeled: LabeledDoc | Span) -> str:
    """The attributes as JSON on one line; "" if there are none."""
    return json_of(labeled.attributes) if labeled.attributes else ""
