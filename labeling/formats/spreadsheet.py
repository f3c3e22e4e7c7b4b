"""CSV whose cells a spreadsheet takes for text, not for formulas to compute.

Source: OWASP, "CSV Injection". Spreadsheets compute what begins with `=`, `+`, `-`, `@`, a tab, a carriage return, or a
full-width form of these signs. If a spreadsheet expects semicolons, as in much of Europe, a cell also begins after a
semicolon or a line end, since it recognises quotation marks only at the beginning of a cell.
"""

import csv
import re
from collections.abc import Iterable, Sequence
from typing import TextIO

# An apostrophe that is already there gets another one before it, so that the change can be undone.
BEGINNING = re.compile(r"(^|[;\t\r\n])(?=['\s]*[=+\-@\uff0b\uff0d\uff1d\uff20]|'*[\t\r])")


def as_text(cell: str) -> str:
    """The cell with an apostrophe before everything that a spreadsheet would compute.

    >>> as_text("=1+1"), as_text("+1 listed"), as_text("1 - 2")
    ("'=1+1", "'+1 listed", '1 - 2')
    """
    return BEGINNING.sub(r"\1'", cell)


def write_rows(file: TextIO, rows: Iterable[Sequence[str | int]], *, raw: bool) -> None:
    """Write the rows as CSV (RFC 4180); numbers stay numbers, and with `raw` texts are exact."""
    writer = csv.writer(file)
    for row in rows:
        writer.writerow(row if raw else [as_text(cell) if isinstance(cell, str) else cell for cell in row])
