"""UTF-16, with or without a byte order mark → UTF-8; and whether bytes are UTF-8."""

import codecs
import re
from collections.abc import Iterable, Iterator
from itertools import chain

from labeling.inputs.broken import BrokenInputError

BOMS = {codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}
CONTROL = re.compile(r"[\x00-\x08\x0e-\x1a\x1c-\x1f]")
# The share of byte pairs of UTF-16 with a NUL in the same place: all in English, one per word in Russian.
MIN_NULS = 0.05


def utf16(head: bytes) -> str:
    """The name of the UTF-16 encoding of bytes that begin like this; "" if it is another encoding.

    Without a byte order mark it is recognised by its NULs, which no other text has; Chinese or Japanese text without
    any Latin script has too few of them. If the decoded text has control characters, the bytes are not text.
    """
    if encoding := BOMS.get(head[:2]):
        return encoding
    pairs = len(head) // 2
    first, second = head[0 : 2 * pairs : 2].count(0), head[1 : 2 * pairs : 2].count(0)
    for nuls, others, encoding in ((second, first, "utf-16-le"), (first, second, "utf-16-be")):
        if pairs and nuls >= MIN_NULS * pairs and nuls > 4 * others:
            text = head[: 2 * pairs].decode(encoding, "replace")
            return "" if CONTROL.search(text) else encoding
    return ""


def recoded(blocks: Iterator[bytes], encoding: str) -> Iterator[bytes]:
    """UTF-16 as UTF-8. Invalid UTF-16 becomes invalid UTF-8, so that the error is raised when it is decoded."""
    decoder = codecs.getincrementaldecoder(encoding)("surrogatepass")
    for data in blocks:
        yield decoder.decode(data).encode("utf-8", "surrogatepass")
    if decoder.getstate()[0]:  # half a character
        yield b"\xff"


def checked(blocks: Iterable[bytes]) -> Iterator[bytes]:
    """The blocks, checked to be UTF-8.

    Raises:
        BrokenInputError: They are not UTF-8; the message names the byte.
    """
    decoder = codecs.getincrementaldecoder("utf-8")()
    before = 0
    for block in chain(blocks, [b""]):
        left = len(decoder.getstate()[0])  # bytes of a character that began in the block before
        try:
            decoder.decode(block, final=not block)
        except UnicodeDecodeError as error:
            raise not_utf8(before - left + error.start) from error
        before += len(block)
        yield block


def is_utf8(data: bytes) -> bool:
    """Whether the bytes are UTF-8."""
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def not_utf8(byte: int) -> BrokenInputError:
    """The error about text in another encoding."""
    detail = f"byte {byte:,} is not UTF-8; convert it, for example: iconv -f WINDOWS-1252 -t UTF-8"
    return BrokenInputError("not-utf8", detail)
