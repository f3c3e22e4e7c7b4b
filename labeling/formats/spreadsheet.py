"""Cells of a CSV that a spreadsheet takes for text, as they are, and not for a formula that it computes.

Source: OWASP, "CSV Injection". Spreadsheets compute what begins with `=`, `+`, `-`, `@`, a tab or a carriage return, or
with a wide form of the signs. Where a spreadsheet expects semicolons, as in much of Europe, a cell begins behind one
of them too, and behind a line end, since quotation marks count for it only at the beginning of a cell.
"""

import csv
import re
from collections.abc import Iterable, Sequence
from typing import TextIO

# An apostrophe that stands there already gets another one before it, so that what was put in can be taken out.
BEGINNING = re.compile(r"(^|[;\t\r\n])(?=['\s]*[=+\-@\uff0b\uff0d\uff1d\uff20]|'*[\t\r])")


def as_text(cell: str) -> str:
    """The cell with an apostrophe wherever a spreadsheet would begin to compute.

    >>> as_text("=1+1"), as_text("+1 listed"), as_text("1 - 2")
    ("'=1+1", "'+1 listed", '1 - 2')
    """
    return BEGINNING.sub(r"\1'", cell)


def write_rows(file: TextIO, rows: Iterable[Sequence[str | int]], *, raw: bool) -> None:
    """Write the rows as CSV (RFC 4180); numbers stay numbers, and texts are exact where `raw`."""
    writer = csv.writer(file)
    for row in rows:
        writer.writerow(row if raw else [as_text(cell) if isinstance(cell, str) else cell for cell in row])
