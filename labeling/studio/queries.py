"""Questions to the Data Manager's list of tasks: conditions, and long lists of ids in parts that can be answered."""

import json
from collections.abc import Callable, Iterable, Iterator
from typing import Any
from urllib.parse import quote_plus

from labeling.studio.failures import TooLargeError

Json = dict[str, Any]

LOOK_UP = 300  # ids in one question: 0.4 s on 10,000 tasks
LOOK_UP_BYTES = 2800  # of them in a URL: some servers and proxies take no line of more than 4,094 bytes


def condition(field: str, operator: str, kind: str, value: Any) -> Json:
    """A condition on a field of the tasks; `kind` is the type of its value."""
    return {"filter": f"filter:tasks:{field}", "operator": operator, "type": kind, "value": value}


def query(*conditions: Json) -> str:
    """The query for the tasks that meet all the conditions."""
    return json.dumps({"filters": {"conjunction": "and", "items": conditions}})


def look_ups(ids: Iterable[str]) -> Iterator[list[str]]:
    """The ids in lists that fit into the URL of one question each."""
    some: list[str] = []
    size = 0
    for each in ids:
        length = len(quote_plus(json.dumps([each]))) + 3
        if some and (len(some) >= LOOK_UP or size + length > LOOK_UP_BYTES):
            yield some
            some, size = [], 0
        some.append(each)
        size += length
    if some:
        yield some


def in_halves(ids: list[str], ask: Callable[[list[str]], list[Json]]) -> list[Json]:
    """What `ask` answers for the ids; where the answer would be too large, it is asked for each half."""
    try:
        return ask(ids)
    except TooLargeError:
        if len(ids) == 1:
            raise
        middle = len(ids) // 2
        return in_halves(ids[:middle], ask) + in_halves(ids[middle:], ask)
