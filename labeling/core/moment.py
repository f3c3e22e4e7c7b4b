"""Times for people."""

from datetime import UTC, datetime


def local_time(moment: str) -> str:
    """An ISO 8601 time in local time, to the second. One without a zone is UTC; other texts are returned unchanged.

    >>> local_time("yesterday")
    'yesterday'
    """
    try:
        time = datetime.fromisoformat(moment)
    except ValueError:
        return moment
    time = time if time.tzinfo else time.replace(tzinfo=UTC)
    return f"{time.astimezone():%Y-%m-%d %H:%M:%S}"
