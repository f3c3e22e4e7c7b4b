"""A record → the fields of an article, by the names that they usually have."""

import math
from collections.abc import Iterable
from functools import cached_property
from itertools import chain
from types import NoneType
from typing import Any

from labeling.core.value import Value
from labeling.core.wording import listed
from labeling.inputs.broken import shown

# Article field → its usual names; the first one with a value counts.
NAMES = {
    "text": ("text", "body", "content"),
    "doc_id": ("doc_id", "id"),
    "title": ("title", "headline"),
    "published": ("published", "published_at", "date"),
    "source": ("source", "outlet", "publisher"),
    "url": ("url", "link"),
}
OPTIONS = {"text": "--text-field", "doc_id": "--id-field", "title": "--title-field"}
MOST_KEYS, LONGEST = 12, 40  # keys in a message, and characters of a key
EXACT = 2**53  # from here on, two integers may be the same float

Record = dict[str, Any]


class FieldNames(Value):
    """The names of fields as given by the user, each the only one for its field; "" for the usual names."""

    text: str = ""
    doc_id: str = ""
    title: str = ""

    @cached_property
    def given(self) -> dict[str, str]:
        """Field → the name that the user gave."""
        names = {"text": self.text, "doc_id": self.doc_id, "title": self.title}
        return {field: name for field, name in names.items() if name}

    @cached_property
    def names(self) -> dict[str, tuple[str, ...]]:
        """Field → the names that it may have."""
        return NAMES | {field: (_plain(name),) for field, name in self.given.items()}

    @cached_property
    def _all(self) -> frozenset[str]:
        return frozenset(chain.from_iterable(self.names.values()))

    def find(self, field: str, keys: Iterable[str]) -> list[str]:
        """The keys that may be the field, in the order of its names; of keys that differ only in case, the first."""
        keys = list(keys)
        own = self.given.get(field)
        if own is not None and own in keys:
            return [own]
        by_name = {_plain(key): key for key in reversed(keys)}
        return [by_name[name] for name in self.names[field] if name in by_name]

    def read(self, keys: Iterable[str]) -> list[str]:
        """The keys that may be a field of an article."""
        return [key for key in keys if _plain(key) in self._all]


def to_fields(record: Record, names: FieldNames) -> tuple[Record, Record]:
    """Article field → value, and the other fields of the record."""
    taken = {
        field: key
        for field in NAMES
        if (key := next((k for k in names.find(field, record) if not is_nothing(record[k])), None))
    }
    others = {str(key): value for key, value in record.items() if key not in taken.values()}
    return {field: record[key] for field, key in taken.items()}, others


def is_nothing(value: Any) -> bool:
    """Whether the value is null, an empty text, or NaN, which tables have in empty cells."""
    return value is None or value == "" or (isinstance(value, float) and math.isnan(value))


def has_text(record: Any, names: FieldNames) -> bool:
    """Whether the record is an object with a field for the text, even an empty one."""
    return isinstance(record, dict) and bool(names.find("text", record))


def no_text(keys: Iterable[str], names: FieldNames, what: str = "field") -> str:
    """Why there is no text under these keys: what is missing, what is there, and what to do."""
    keys = list(keys)
    if found := names.find("text", keys):
        return f"the {what} {' and '.join(shown(key) for key in found)} is empty"
    if not keys:
        return f"it has no {what}s at all"
    wanted = [names.text] if names.text else NAMES["text"]
    return f"no {what} {_one_of(wanted)}; there are: {named(keys)}. --text-field names another"


def named(keys: Iterable[str]) -> str:
    """The keys for a message: not too many, and none too long."""
    return listed((key if len(key) <= LONGEST else f"{key[:LONGEST]}…" for key in map(shown, keys)), MOST_KEYS)


def type_of(value: Any) -> str:
    """The type of a JSON value in plain English: "a number"."""
    types = {NoneType: "null", bool: "true or false", int: "a number", float: "a number", str: "text", list: "a list"}
    return types.get(type(value), "an object")


def as_text(value: Any) -> str | None:
    """A text or number as text; None for other values, and for numbers that may not be exactly those in the file."""
    if isinstance(value, float) and not abs(value) < EXACT:
        return None
    return str(value) if isinstance(value, str | int | float) and not isinstance(value, bool) else None


def _plain(key: str) -> str:
    return str(key).strip().casefold()


def _one_of(names: Iterable[str]) -> str:
    *others, last = [shown(name) for name in names]
    return f"{', '.join(others)} or {last}" if others else last
