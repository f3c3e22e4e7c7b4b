"""Parquet files → records; pyarrow is an optional extra, so only functions import it."""

import base64
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from datetime import date, time
from importlib.util import find_spec
from typing import Any

from labeling.core.problem import Problem
from labeling.distribution import install
from labeling.ingest.fields import FieldNames
from labeling.ingest.records import Record, header_problem
from labeling.inputs.broken import AGAIN, refused, shown
from labeling.inputs.encodings import is_utf8
from labeling.inputs.files import spool
from labeling.inputs.streams import Stream

ROWS = 256  # rows in memory at a time
BUFFER = 1 << 20  # bytes of a column that are read at once


def read_parquet(stream: Stream, names: FieldNames) -> Iterator[Record | Problem]:
    """The rows, each with its number from 1: `a.parquet#3`. The end of the file is read first, so it is copied.

    Dates and times become ISO 8601, decimals text, bytes UTF-8, or Base64 where they are not.

    Raises:
        BrokenInputError: The bytes end too early.
        OSError: The disk is full.
    """
    if find_spec("pyarrow") is None:
        detail = f"it is a Parquet file, which needs pyarrow: {install('parquet')}"
        yield refused("unknown-format", detail, stream.where)
        return
    import pyarrow as pa
    import pyarrow.parquet as pq

    number = 0
    with ExitStack() as copies:
        copy, _ = spool(stream.blocks, copies)
        copy.seek(0)
        try:
            file = pq.ParquetFile(copy, buffer_size=BUFFER)
            header = file.schema_arrow.names
            if problem := header_problem(header, names, stream.where):
                yield problem
                return
            for batch in file.iter_batches(ROWS, use_threads=False):
                for row in pa.Table.from_batches([batch]).cast(_in_microseconds(batch.schema), safe=False).to_pylist():
                    number += 1
                    yield _record(f"{stream.where}#{number}", row, names)
        except (pa.ArrowException, OSError, ValueError) as error:
            before = f"What stands before was read: {number:,} rows. " if number else ""
            detail = f"it is not a whole Parquet file ({_reason(error)}). {before}{AGAIN}"
            yield refused("unreadable", detail, stream.where)
            return
    if not number:
        yield refused("empty", "there is a header and no row below it", stream.where)


def _reason(error: BaseException) -> str:
    return str(error).partition("\n")[0].rstrip(".")[:120] or type(error).__name__


def _in_microseconds(schema: Any) -> Any:
    """The schema without nanoseconds, which Python's times do not have."""
    import pyarrow as pa

    fields = [
        pa.field(field.name, pa.timestamp("us", field.type.tz))
        if pa.types.is_timestamp(field.type) and field.type.unit == "ns"
        else field
        for field in schema
    ]
    return pa.schema(fields)


def _record(where: str, row: Mapping[str, Any], names: FieldNames) -> Record | Problem:
    for name in names.read(row):
        value = row[name]
        if isinstance(value, bytes) and not is_utf8(value):
            return refused("not-utf8", f"the column {shown(name)} is not UTF-8", where)
    return Record(where, {name: _plain(value) for name, value in row.items()})


def _plain(value: Any) -> Any:
    """The value as JSON has it."""
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    if isinstance(value, dict):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, bytes):
        return value.decode("utf-8") if is_utf8(value) else base64.b64encode(value).decode("ascii")
    return value.isoformat() if isinstance(value, date | time) else str(value)
