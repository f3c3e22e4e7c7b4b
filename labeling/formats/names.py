"""Labels as formats with a narrow alphabet spell them."""

import re
from collections.abc import Iterable

from labeling.core.problem import Problem


def safe_names(names: Iterable[str], illegal: re.Pattern[str]) -> dict[str, str]:
    """Each name with its spelling, in which every illegal stretch is `_`; no two are spelled alike.

    A name that is legal keeps its spelling, whatever the others are.

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


def renamed(where: str, spelled: dict[str, str]) -> list[Problem]:
    """One problem for each name that is spelled another way; `where` is the format's name."""
    return [
        Problem(
            reason="renamed-label",
            action="changed",
            detail=f"{where}: the label {name!r} is written as {spelling!r}",
            label=name,
        )
        for name, spelling in spelled.items()
        if name != spelling
    ]
