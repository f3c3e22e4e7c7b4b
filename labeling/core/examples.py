"""The examples of a label: a text with spans in square brackets → its pieces, each with its label.

A span is of the label whose example it is, or of the one that it names first.
"""

import re
from collections.abc import Collection

from labeling.core.value import Value

BRACKETS = re.compile(r"\[([^\[\]]*)\]")


class Piece(Value):
    """A stretch of an example; `label` is "" outside of the spans."""

    text: str
    label: str = ""


def pieces(example: str, own: str, labels: Collection[str]) -> tuple[Piece, ...]:
    """The pieces of an example of the label `own`, in order.

    >>> [(piece.text, piece.label) for piece in pieces("[Rebels] [ACTION attacked]", "ACTOR", ["ACTOR", "ACTION"])]
    [('Rebels', 'ACTOR'), (' ', ''), ('attacked', 'ACTION')]

    Raises:
        ValueError: Its brackets do not match, or one has no text.
    """
    found: list[Piece] = []
    for i, part in enumerate(BRACKETS.split(example)):
        if i % 2:
            named = max((name for name in labels if part.startswith((f"{name} ", f"{name}\t"))), key=len, default="")
            text = part[len(named) :].strip()
            if not text or part.strip() in labels:
                raise ValueError(f"[{part}] has no text: write [words], or [LABEL words]")
            found.append(Piece(text=text, label=named or own))
        elif part:
            if "[" in part or "]" in part:
                raise ValueError(f"the square brackets in {example!r} do not match")
            found.append(Piece(text=part))
    return tuple(found)
