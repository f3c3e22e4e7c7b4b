"""Times as ISO 8601 writes them."""

from datetime import UTC, datetime


def utc(moment: str) -> datetime:
    """An ISO 8601 time in UTC; one without a zone is UTC.

    Raises:
        ValueError, OverflowError: It is not such a time, or too near to the year 1 or 9999.
    """
    time = datetime.fromisoformat(moment)
    return (time if time.tzinfo else time.replace(tzinfo=UTC)).astimezone(UTC)


def local_time(moment: str) -> str:
    """An ISO 8601 time in local time, to the second. One without a zone is UTC; other texts are returned unchanged.

    >>> local_time("yesterday")
    'yesterday'
    """
    try:
        return f"{utc(moment).astimezone():%Y-%m-%d %H:%M:%S}"
    except (ValueError, OverflowError):
        return moment
