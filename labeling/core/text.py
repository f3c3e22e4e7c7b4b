"""Text and JSON in the form that Label Studio and spaCy can store."""

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
    r"""The text in the form that articles have: `\n` line ends, no BOM, NUL or lone surrogate, Unicode NFC.

    A BOM at the start is dropped; NUL and lone surrogates, which Label Studio cannot store, become U+FFFD.

    >>> normalize("Cafe\u0301\r\nopens")
    'Café\nopens'
    """
    text = LINE_END.sub("\n", text.removeprefix(BOM))
    return unicodedata.normalize("NFC", UNSTORABLE.sub(REPLACEMENT, text))


def is_storable(text: str) -> bool:
    r"""Whether the text has no `\r`, NUL or lone surrogate, which Label Studio or spaCy cannot handle."""
    if "\r" in text or "\x00" in text:
        return False
    try:
        text.encode()  # takes a tenth of the time of a search for surrogates
    except UnicodeEncodeError:
        return False
    return True


def storable(value: Any, depth: int = MAX_DEPTH) -> Any:
    r"""The JSON value as it can be stored: NUL and lone surrogates become U+FFFD, NaN and infinity null.

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
    r"""A storable copy of a text, and a function from offsets in the text (code points) to those in the copy.

    Unlike `normalize` it does not compose characters or drop a BOM, so that existing labels still fit.

    >>> text, moved = with_storable("a\r\nb\rc")
    >>> text, moved(3), moved(4)
    ('a\nb\nc', 2, 3)
    """
    dropped = [match.start() for match in re.finditer(r"\r\n", text)]
    copy = UNSTORABLE.sub(REPLACEMENT, LINE_END.sub("\n", text))
    return copy, lambda offset: offset - bisect_left(dropped, offset)
