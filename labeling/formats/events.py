"""A table of the events of all parts: `events.csv` and `events.parquet`, a row for each event."""

import io
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from labeling.core.labels import LabeledDoc, Relation, Span
from labeling.core.normal import normal_form
from labeling.core.problem import Problem
from labeling.core.tokens import TokenizedDoc
from labeling.formats.format import Context, FileSink, Format, Rendered, attributes_of
from labeling.formats.names import renamed
from labeling.formats.parquet import ParquetSink, require_pyarrow, to_bytes
from labeling.formats.spreadsheet import write_rows

COLUMNS = ("doc_id", "part", "title", "source", "published", "url")
EVENT = ("event", "label", "text", "start", "end", "attributes")
PROVENANCE = ("how", "marked_by", "decided_by")  # of the event's span, where several people labelled the documents
NUMBERS = ("start", "end", "marked_by")
NOT_COMPARED = "not compared"
BETWEEN = " | "
LENGTH = 8  # bytes of the number that says how long the CSV before the Arrow stream is

Target = tuple[Relation, Span]
Targets = dict[str, list[Target]]


def render(docs: Sequence[TokenizedDoc], context: Context) -> Rendered:
    """The rows of the documents, as CSV and as an Arrow IPC stream; nothing is changed, so there are no problems.

    An event is a span that is the head of a relation, whether or not it is also a tail. The columns of relations have
    the tails, in order of text, with their normal forms if they can have some. Offsets are code points; `attributes` is
    JSON, or "". In the CSV, a text that a spreadsheet would compute has an apostrophe before it, unless `csv_raw`.
    With `provenance`, it is said how each event and each target was decided.

    Raises:
        InputError: pyarrow is not installed.
    """
    require_pyarrow("events")
    import pyarrow as pa

    columns, schema = column_names(context), _schema(context)
    lines = io.StringIO(newline="")
    rows: list[dict[str, Any]] = []
    for doc in docs:
        for span, targets in _events(doc, columns):
            row = {name: doc.part if name == "part" else getattr(doc.doc, name) for name in COLUMNS}
            event = (span.id, span.label, doc.doc.slice(span), span.start, span.end, attributes_of(span))
            row |= zip(EVENT, event, strict=True)
            known = _Provenance(doc.doc) if context.provenance else None
            if known:
                row |= zip(PROVENANCE, known.of_event(span), strict=True)
            write_rows(lines, [[*row.values(), *_cells(doc, targets, columns, context, known)]], raw=context.csv_raw)
            rows.append(row | {name: [_target(doc, *one, known) for one in some] for name, some in targets.items()})
    table = lines.getvalue().encode("utf-8")
    batch = pa.RecordBatch.from_pylist(rows, schema=schema)
    return Rendered(len(table).to_bytes(LENGTH) + table + to_bytes(batch, schema))


def column_names(context: Context) -> dict[str, str]:
    """Relation → the name of its column: its own, with `_` appended while the table has such a column.

    >>> column_names(Context(labels=(), relations=("agent", "source")))
    {'agent': 'agent', 'source': 'source_'}
    """
    taken = {*COLUMNS, *EVENT, *(PROVENANCE if context.provenance else ())}
    ends = ("", "_offsets", "_normal", *(("_how",) if context.provenance else ()))
    columns = {}
    for relation in context.relations:
        name = relation
        while not taken.isdisjoint(names := {f"{name}{end}".casefold() for end in ends}):
            name += "_"
        taken |= names
        columns[relation] = name
    return columns


def escape(text: str) -> str:
    r"""The text with `\\` before each backslash and bar, so that ` | ` can stand between texts.

    >>> escape("either | or")
    'either \\| or'
    """
    return text.replace("\\", "\\\\").replace("|", "\\|")


def check(context: Context) -> tuple[Problem, ...]:
    """A `renamed-label` for each relation whose column has another name."""
    detail = "events: the columns of the relation {0!r} are {1!r} and '{1}_offsets'"
    return renamed(detail, column_names(context))


class EventsSink:
    """The CSV and the Parquet file."""

    def __init__(self, folder: Path, stem: str, context: Context) -> None:
        header = io.StringIO(newline="")
        targets = [
            f"{name}{end}"
            for relation, name in column_names(context).items()
            for end in ("", "_offsets", *_more(relation, context))
        ]
        write_rows(header, [[*_fixed(context), *targets]], raw=context.csv_raw)
        self._csv = FileSink(folder / f"{stem}.csv", header.getvalue().encode("utf-8"))
        self._parquet = ParquetSink(folder / f"{stem}.parquet", _schema(context))

    def write(self, data: bytes) -> None:
        """Append the rows."""
        start = LENGTH + int.from_bytes(data[:LENGTH])
        self._csv.write(data[LENGTH:start])
        self._parquet.write(data[start:])

    def close(self) -> list[Path]:
        """Both files."""
        return [*self._csv.close(), *self._parquet.close()]


def open_sink(folder: Path, stem: str, context: Context) -> EventsSink:
    """`<stem>.csv` and `<stem>.parquet`.

    Raises:
        InputError: pyarrow is not installed.
    """
    require_pyarrow("events")
    return EventsSink(folder, stem, context)


FORMAT = Format(
    name="events",
    description="a table of events and their targets, CSV and Parquet",
    render=render,
    open=open_sink,
    per_part=False,
    check=check,
)


class _Provenance:
    """How the spans and relations of a document were decided."""

    def __init__(self, doc: LabeledDoc) -> None:
        self.spans = {each.span: each for each in doc.provenance if each.span}
        self.relations = {each.relation: each for each in doc.provenance if each.relation}

    def of_event(self, span: Span) -> tuple[str, int, str]:
        found = self.spans.get(span.id)
        return (found.how, len(found.by), found.decided_by) if found else (NOT_COMPARED, 0, "")

    def of_target(self, relation: Relation) -> str:
        found = self.relations.get((relation.head, relation.tail, relation.label))
        return found.how if found else NOT_COMPARED


def _fixed(context: Context) -> tuple[str, ...]:
    return (*COLUMNS, *EVENT, *(PROVENANCE if context.provenance else ()))


def _more(relation: str, context: Context) -> Iterator[str]:
    """The ends of the names of further columns that a relation has in the CSV."""
    if relation in context.normal:
        yield "_normal"
    if context.provenance:
        yield "_how"


def _events(doc: TokenizedDoc, columns: dict[str, str]) -> Iterator[tuple[Span, Targets]]:
    """Each event with its relations and their tails by column, in order of text."""
    by_head: dict[str, Targets] = {}
    for relation in doc.doc.relations:
        targets = by_head.setdefault(relation.head, {name: [] for name in columns.values()})
        targets[columns[relation.label]].append((relation, doc.doc.by_id[relation.tail]))
    return ((span, by_head[span.id]) for span in doc.doc.spans if span.id in by_head)


def _target(doc: TokenizedDoc, relation: Relation, span: Span, known: _Provenance | None) -> dict[str, Any]:
    place = {"text": doc.doc.slice(span), "start": span.start, "end": span.end, "label": span.label, "id": span.id}
    how = {"how": known.of_target(relation)} if known else {}
    return place | {"normal": normal_form(span)} | how


def _cells(
    doc: TokenizedDoc, targets: Targets, columns: dict[str, str], context: Context, known: _Provenance | None
) -> Iterator[str]:
    for relation, name in columns.items():
        some = targets[name]
        yield BETWEEN.join(escape(doc.doc.slice(tail)) for _, tail in some)
        yield BETWEEN.join(f"{tail.start}-{tail.end}" for _, tail in some)
        if relation in context.normal:
            yield BETWEEN.join(escape(normal_form(tail)) for _, tail in some)
        if known:
            yield BETWEEN.join(known.of_target(arrow) for arrow, _ in some)


def _schema(context: Context) -> Any:
    import pyarrow as pa

    text, count = pa.string(), pa.int32()
    target = {"text": text, "start": count, "end": count, "label": text, "id": text, "normal": text}
    targets = pa.list_(pa.struct(target | ({"how": text} if context.provenance else {})))
    fixed = {name: count if name in NUMBERS else text for name in _fixed(context)}
    return pa.schema(fixed | dict.fromkeys(column_names(context).values(), targets))
