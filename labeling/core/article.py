"""An article: the text that is labelled, and what is known about it."""

import hashlib
from functools import cached_property
from typing import Annotated, Any

from pydantic import AfterValidator, Field

from labeling.core.text import is_storable
from labeling.core.value import Value


def digest(text: str) -> str:
    """The first 16 hex digits of the text's SHA-256: a stable name for equal texts."""
    return hashlib.sha256(text.encode("utf-8")).hexdigest()[:16]


def _storable(text: str) -> str:
    if not is_storable(text):
        raise ValueError("has a carriage return, a NUL or a lone surrogate")
    return text


def _not_blank(text: str) -> str:
    if not text.strip():
        raise ValueError("is empty")
    return text


StorableText = Annotated[str, AfterValidator(_storable)]


class Article(Value):
    r"""An article as it was read. Its text never changes afterwards, since all offsets refer to it.

    Attributes:
        doc_id: The article's permanent id: its own id or URL, else the digest of its text.
        text: The text to label, without the title. No `\r`, NUL or lone surrogate.
        title: The headline, or "".
        published: An ISO 8601 date or date and time, or "".
        source: The outlet or file that it came from, or "".
        url: Where it was published, or "".
        extra: All other fields that it came with.
    """

    doc_id: Annotated[str, AfterValidator(_storable), AfterValidator(_not_blank)]
    text: Annotated[str, AfterValidator(_storable), AfterValidator(_not_blank)]
    title: StorableText = ""
    published: StorableText = ""
    source: StorableText = ""
    url: StorableText = ""
    extra: dict[str, Any] = Field(default_factory=dict)

    @cached_property
    def digest(self) -> str:
        """The digest of the text, which shows whether a pulled text is the one that was pushed."""
        return digest(self.text)
