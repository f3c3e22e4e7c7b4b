"""Text as everything behind the ingest may trust it to be."""

import math
import re
import unicodedata
from bisect import bisect_left
from collections.abc import Callable
from typing import Any

BOM = "\ufeff"
REPLACEMENT = "\ufffd"
LINE_END = re.compile(r"\r\n?")
UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
MAX_DEPTH = 100  # of JSON; pydantic writes no more than 255


def normalize(text: str) -> str:
    r"""The text as an article keeps it: `\n` line ends, no BOM, NUL or lone surrogate, Unicode NFC.

    A BOM at the start is dropped; NUL and lone surrogates, which Label Studio cannot store, become U+FFFD.

    >>> normalize("Cafe\u0301\r\nopens")
    'Café\nopens'
    """
    text = LINE_END.sub("\n", text.removeprefix(BOM))
    return unicodedata.normalize("NFC", UNSTORABLE.sub(REPLACEMENT, text))


def is_storable(text: str) -> bool:
    r"""Whether the text has no `\r`, NUL or lone surrogate: the ones that Label Studio or spaCy would trip over."""
    if "\r" in text or "\x00" in text:
        return False
    try:
        text.encode()  # in a tenth of the time that looking for surrogates takes
    except UnicodeEncodeError:
        return False
    return True


def storable(value: Any, depth: int = MAX_DEPTH) -> Any:
    r"""The JSON value as it can be written and sent: NUL and lone surrogates become U+FFFD, NaN and infinity null.

    Raises:
        RecursionError: It is nested deeper than `depth`.

    >>> storable({"half": ["\ud83d"], "rate": float("nan")})
    {'half': ['�'], 'rate': None}
    """
    if isinstance(value, str):
        return UNSTORABLE.sub(REPLACEMENT, value)
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, list | dict) and not depth:
        raise RecursionError("nested too deeply")
    if isinstance(value, list):
        return [storable(item, depth - 1) for item in value]
    if isinstance(value, dict):
        return {storable(key): storable(item, depth - 1) for key, item in value.items()}
    return value


def with_storable(text: str) -> tuple[str, Callable[[int], int]]:
    r"""A storable copy of somebody else's text, and the map of its offsets (code points) to the copy's.

    Unlike `normalize` it leaves composed characters and a BOM as they are, so that labels made on the text still fit.

    >>> text, moved = with_storable("a\r\nb\rc")
    >>> text, moved(3), moved(4)
    ('a\nb\nc', 2, 3)
    """
    dropped = [match.start() for match in re.finditer(r"\r\n", text)]
    copy = UNSTORABLE.sub(REPLACEMENT, LINE_END.sub("\n", text))
    return copy, lambda offset: offset - bisect_left(dropped, offset)
