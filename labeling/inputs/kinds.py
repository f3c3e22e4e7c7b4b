"""The kinds of files that are neither text nor JSON, recognised by their first bytes or by the names in an archive."""

import re
import zlib
from collections.abc import Sequence
from pathlib import PurePosixPath

KINDS = {
    rb"\x89PNG|\xff\xd8\xff|GIF8[79]a": "it is an image.",
    rb"%PDF-": "it is a PDF.",
    rb"\{\\rtf": "it is a Rich Text document.",
    rb"SQLite format 3": "it is a database, perhaps Label Studio's own.",
    rb"PAR1[\x00-\x1f\x80-\xff]": "it is a Parquet file.",
    rb"BZh\d1AY|\xfd7zXZ|7z\xbc\xaf|Rar!\x1a|.{257}ustar": ("it is an archive of another kind; unpack it."),
}


def binary_kind(head: bytes) -> str:
    """What a file with these first bytes is, as a sentence; "" if it may be text."""
    if _is_docbin(head):
        return "it is a spaCy DocBin, which spaCy reads as it is."
    return next((kind for pattern, kind in KINDS.items() if re.match(pattern, head, re.DOTALL)), "")


def document_kind(names: Sequence[str]) -> str:
    """What kind of document a zip archive with these names in it is, as a sentence; "" if it is not a document."""
    files = {PurePosixPath(name).name.lower() for name in names}
    if "[content_types].xml" in files:
        return "it is an Office document."
    if "mimetype" in files and "content.xml" in files:
        return "it is an OpenDocument file."
    return "it is an e-book." if "mimetype" in files and "container.xml" in files else ""


def _is_docbin(head: bytes) -> bool:
    try:
        return b"attrs" in zlib.decompressobj().decompress(head, 200)
    except zlib.error:
        return False
