"""Names of people → pseudonyms, the same in every report and file about the same people."""

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any, TypeVar

from pydantic import BaseModel

# What looks like an address of e-mail, also where it is cut off.
ADDRESS = re.compile(r"[\w.!#$%&*+=?^`{|}~-]+@[\w-]+(?:\.[\w-]+)*")
PROSE = {"detail", "note", "warnings"}  # fields of reports in which people write about people

M = TypeVar("M", bound=BaseModel)


def pseudonyms(annotators: Iterable[str], adjudicators: Iterable[str] = ()) -> dict[str, str]:
    """Name → pseudonym: annotators are numbered in order of their names; so are adjudicators who annotate nothing.

    >>> pseudonyms(["cid", "ann"], ["ann", "eva"])
    {'ann': 'annotator 1', 'cid': 'annotator 2', 'eva': 'adjudicator 1'}
    """
    known = sorted({*annotators} - {""})
    others = sorted({*adjudicators} - {*known, ""})
    return {name: f"annotator {number}" for number, name in enumerate(known, start=1)} | {
        name: f"adjudicator {number}" for number, name in enumerate(others, start=1)
    }


def without_addresses(text: str, names: Mapping[str, str]) -> str:
    """The text with a pseudonym for each e-mail address; those of nobody that is known become `(address)`.

    >>> without_addresses("Ann@x.org.json, see eva@x.org", {"ann@x.org": "annotator 1"})
    'annotator 1.json, see (address)'
    """
    if "@" not in text:
        return text
    return ADDRESS.sub("(address)", _replaced(text, names, frozenset(name for name in names if "@" in name)))


def without_names(text: str, names: Mapping[str, str]) -> str:
    """The text with a pseudonym for each e-mail address, and for each name as a whole word, in any case.

    >>> without_names("Ann Lee, not Ann", {"ann lee": "annotator 1"})
    'annotator 1, not Ann'
    """
    return without_addresses(_replaced(text, names, frozenset(names)), names)


def _replaced(text: str, names: Mapping[str, str], some: frozenset[str]) -> str:
    return _pattern(some).sub(lambda found: names.get(found[0].lower(), "(name)"), text) if some else text


@lru_cache
def _pattern(names: frozenset[str]) -> re.Pattern[str]:
    longest_first = sorted(names, key=lambda name: (-len(name), name))
    return re.compile(rf"(?<![\w.+-])(?:{'|'.join(map(re.escape, longest_first))})(?!\w)", re.IGNORECASE)


def anonymised(report: M, names: Mapping[str, str]) -> M:
    """The report without names in what people wrote, and without e-mail addresses anywhere."""

    def masked(value: Any, key: str) -> Any:
        if isinstance(value, str):
            return (without_names if key in PROSE else without_addresses)(value, names)
        if isinstance(value, dict):
            return {masked(name, ""): masked(inner, name) for name, inner in value.items()}
        return [masked(inner, key) for inner in value] if isinstance(value, list | tuple) else value

    return type(report).model_validate(masked(report.model_dump(), ""))
