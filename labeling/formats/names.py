"""The spellings of labels in formats that do not allow every character."""

import re
from collections.abc import Iterable, Mapping

from labeling.core.problem import Problem


def safe_names(names: Iterable[str], illegal: re.Pattern[str]) -> dict[str, str]:
    """Name → spelling, with `_` for each run of illegal characters; no two spellings are equal.

    A legal name is its own spelling, whatever the other names are.

    >>> safe_names(["New Event", "New_Event", "DATE"], re.compile(r"\\s+"))
    {'New Event': 'New_Event_2', 'New_Event': 'New_Event', 'DATE': 'DATE'}
    """
    names = tuple(names)
    spelled = {name: illegal.sub("_", name) for name in names}
    taken = {name for name in names if spelled[name] == name}
    for name in names:
        if name in taken:
            continue
        base = spelled[name].strip("_") or "label"
        spelling, number = base, 1
        while spelling in taken:
            number += 1
            spelling = f"{base}_{number}"
        taken.add(spelling)
        spelled[name] = spelling
    return spelled


def renamed(detail: str, spelled: Mapping[str, str]) -> tuple[Problem, ...]:
    """A problem for each name with another spelling; `{0}` and `{1}` in `detail` stand for name and spelling."""
    return tuple(
        Problem(reason="renamed-label", action="changed", detail=detail.format(name, spelling), label=name)
        for name, spelling in spelled.items()
        if name != spelling
    )
