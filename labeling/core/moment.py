"""Moments, as people read them."""

from datetime import UTC, datetime


def told(moment: str) -> str:
    """An ISO 8601 time as the local one, to the second; UTC where it names no zone; the text itself where it is none.

    >>> told("yesterday")
    'yesterday'
    """
    try:
        time = datetime.fromisoformat(moment)
    except ValueError:
        return moment
    time = time if time.tzinfo else time.replace(tzinfo=UTC)
    return f"{time.astimezone():%Y-%m-%d %H:%M:%S}"
