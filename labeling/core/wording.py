"""Lists in messages: the first few items, and how many more there are."""

from collections.abc import Iterable


def listed(items: Iterable[str], most: int, between: str = ", ") -> str:
    """The first items, at most so many, in one line.

    >>> listed(["a.json", "b.json", "c.json"], 2)
    'a.json, b.json and 1 more'
    """
    items = list(items)
    more = f" and {len(items) - most:,} more" if len(items) > most else ""
    return between.join(items[:most]) + more


def first_lines(items: Iterable[str], most: int, total: int | None = None, what: str = "") -> list[str]:
    """The first items, at most so many, and a line that counts the others: of these items, or of a larger `total`.

    >>> first_lines(["a.json", "b.json", "c.json"], 2, total=5000, what=" files")
    ['a.json', 'b.json', '… and 4,998 more files']
    """
    items = list(items)
    left = (len(items) if total is None else total) - len(items[:most])
    return [*items[:most], *([f"… and {left:,} more{what}"] if left > 0 else [])]
