"""Problems: whatever was changed, left out, or is worth knowing."""

from typing import Literal

from labeling.core.reasons import Reason
from labeling.core.value import Value

Action = Literal["kept", "changed", "unused", "skipped", "refused"]


class Problem(Value):
    """Something that was not taken exactly as it came: what, where, why, and what was done.

    It was kept as it is, changed, left unused because something else was used instead, skipped as a file that nobody
    named, or refused. Only what was refused is lost.

    `start` and `end` are code points in the article's text, `text` is the text between them, and `said` the text
    according to the region. `where` names the file and the position in it, `url` the task in Label Studio, `annotator`
    whose annotation it is about.

    >>> Problem(reason="trimmed", action="changed", detail="white space at the edge", doc_id="a1", start=3, end=9)
    Problem(changed, trimmed: white space at the edge)
    """

    reason: Reason
    action: Action
    detail: str
    where: str = ""
    doc_id: str = ""
    label: str = ""
    start: int | None = None
    end: int | None = None
    text: str = ""
    said: str = ""
    url: str = ""
    annotator: str = ""

    def __repr__(self) -> str:
        return f"Problem({self.action}, {self.reason}: {self.detail})"
