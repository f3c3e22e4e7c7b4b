"""Every error that a user may meet.

    LabelingError
    ├── InputError       a file, an option or a setting that cannot be used
    ├── SchemaError      a label schema with problems
    ├── ModelError       a spaCy pipeline that is missing or does not fit
    └── StudioError      Label Studio: not there, not reachable, or it refused
        ├── BusyError    it may pass: asked again, it may work, and what was asked for may have been done
        └── AccessError  the token or the permission

Code raises them with a message that says what happened and where, and a hint that says what to do next.
`labeling.ending` turns them into one message and exit code 2; nothing else catches them on the way.
"""


class LabelingError(Exception):
    """What went wrong and where (`message`), and what to do next (`hint`)."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class InputError(LabelingError):
    """A file, an option or a setting that cannot be used."""


class SchemaError(LabelingError):
    """A label schema with problems; the message names every one of them."""


class ModelError(LabelingError):
    """A spaCy pipeline that is missing or does not fit."""


class StudioError(LabelingError):
    """Label Studio is not there, cannot be reached, or refused a request."""


class BusyError(StudioError):
    """Label Studio could not answer now, or its answer got lost: what was asked for may have been done all the same.

    Attributes:
        after: In how many seconds it asks to be asked again; None where it does not say.
        was_repeated: Whether it was asked again already, as often as is worth it.
    """

    def __init__(self, message: str, hint: str = "", *, after: float | None = None) -> None:
        super().__init__(message, hint)
        self.after = after
        self.was_repeated = False


class AccessError(StudioError):
    """Label Studio refused the token, or its owner lacks a permission."""
