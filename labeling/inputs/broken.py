"""Input that cannot be read: an error while it is read, a problem in the report."""

import re

from labeling.core.problem import Problem
from labeling.core.reasons import Reason
from labeling.core.text import storable
from labeling.storage import is_address

AGAIN = "It looks truncated: export or download it again."


class BrokenInputError(Exception):
    """The bytes of an input cannot be read further; `reason` and `detail` are those of the problem."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


def refused(reason: Reason, detail: str, where: str) -> Problem:
    """The problem that an input was not read."""
    return Problem(reason=reason, action="refused", detail=detail, where=where)


def skipped(reason: Reason, detail: str, where: str) -> Problem:
    """The note that a file which nobody named was passed over."""
    return Problem(reason=reason, action="skipped", detail=detail, where=where)


def unreadable(where: str, error: OSError | ValueError) -> Problem:
    """The problem that the system could not read an input."""
    return refused("unreadable", why_unreadable(error), where)


def why_unreadable(error: OSError | ValueError) -> str:
    """The system's error as a sentence."""
    return f"it cannot be read: {getattr(error, 'strerror', None) or error}."


def shown(path: object) -> str:
    """The path with U+FFFD for what cannot be printed: bytes that are not UTF-8, control characters.

    Of an address, what may be secret is left out: the user, the password, and the query, in which signatures stand.
    """
    if is_address(path):
        scheme, _, rest = str(path).partition("://")
        host, slash, place = re.split("[?#]", rest, maxsplit=1)[0].partition("/")
        path = f"{scheme}://{host.rpartition('@')[2]}{slash}{place}"
    return "".join(c if c.isprintable() else "\ufffd" for c in str(storable(str(path))))
