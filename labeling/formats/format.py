"""What a format is: a pure half that runs in any process, and a half that appends to files in one."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

from labeling.core.labels import LabeledDoc, Span
from labeling.core.problem import Problem
from labeling.core.text import storable
from labeling.core.tokens import TokenizedDoc
from labeling.files import writing


@dataclass(frozen=True, slots=True)
class Context:
    """What a format must know of the whole corpus before its first document.

    Attributes:
        labels: Every label of a span, in the schema's order.
        relations: Every label of a relation, in the schema's order.
        normal: Those relations whose targets can have normal forms.
        overlaps: What a format with one layer of spans does with a document whose spans overlap: `refuse` leaves the
            document out and says so; `longest` writes the layer that the document's tags hold.
        csv_raw: Whether the cells of a CSV are exact, for machines; or safe in a spreadsheet, which is the default.
    """

    labels: tuple[str, ...]
    relations: tuple[str, ...] = ()
    normal: tuple[str, ...] = ()
    overlaps: Literal["refuse", "longest"] = "refuse"
    csv_raw: bool = False


@dataclass(frozen=True, slots=True)
class Rendered:
    """Documents as a format's sink takes them, and everything that the format could not say of them."""

    data: bytes
    problems: tuple[Problem, ...] = ()


class Sink(Protocol):
    """The open files of one part. Whoever opened it closes it, after an error too."""

    def write(self, data: bytes) -> None:
        """Append what `render` made.

        Raises:
            InputError: The file cannot be written.
        """

    def close(self) -> list[Path]:
        """The files that were written, now complete; a second call changes nothing."""


def no_changes(context: Context) -> tuple[Problem, ...]:
    """No problems: the format takes every label as it is."""
    return ()


@dataclass(frozen=True)
class Format:
    """A kind of training file.

    Attributes:
        name: Its name on the command line, and of its folder.
        description: One line for `--help`.
        render: The documents as bytes, in a worker; they belong to one part, or to any where `per_part` is false.
        open: A sink for `(folder, stem, context)`, in the parent. The folder is that of the whole export; the stem is
            the part's name, or the format's where `per_part` is false. Raises `InputError` where a package is missing.
        per_part: Whether each part has files of its own.
        check: What becomes of labels that the format cannot spell; call it once, before the first document.
    """

    name: str
    description: str
    render: Callable[[Sequence[TokenizedDoc], Context], Rendered]
    open: Callable[[Path, str, Context], Sink]
    per_part: bool = True
    check: Callable[[Context], tuple[Problem, ...]] = no_changes


class FileSink:
    """A sink whose one file is the bytes that it was given, behind a header; or `if_empty`, where there were none."""

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


def json_of(value: Any) -> str:
    """The value as JSON on one line. Numbers of any size stay as they are, which is more than orjson does."""
    return json.dumps(storable(value), ensure_ascii=False)


def attributes_of(labeled: LabeledDoc | Span) -> str:
    """The attributes as JSON on one line; "" where there are none."""
    return json_of(labeled.attributes) if labeled.attributes else ""
