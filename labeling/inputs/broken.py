"""What cannot be read, as an error on the way and as a problem at the end."""

from labeling.core.problem import Problem
from labeling.core.reasons import Reason
from labeling.core.text import storable

AGAIN = "It looks truncated: export or download it again."


class BrokenInputError(Exception):
    """The bytes of an input end here, though they should not: a reason code, and the detail of a problem."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


def refused(reason: Reason, detail: str, where: str) -> Problem:
    """The problem with something that was not read."""
    return Problem(reason=reason, action="refused", detail=detail, where=where)


def skipped(reason: Reason, detail: str, where: str) -> Problem:
    """The note that something was passed over, as it should be."""
    return Problem(reason=reason, action="skipped", detail=detail, where=where)


def unreadable(where: str, error: OSError | ValueError) -> Problem:
    """The problem with what the system would not read."""
    return refused("unreadable", why_unreadable(error), where)


def why_unreadable(error: OSError | ValueError) -> str:
    """What the system said, as a sentence."""
    return f"it cannot be read: {getattr(error, 'strerror', None) or error}."


def shown(path: object) -> str:
    """The path as it can be printed: a name may not be UTF-8, or hold what moves a terminal's cursor."""
    return "".join(c if c.isprintable() else "\ufffd" for c in str(storable(str(path))))
