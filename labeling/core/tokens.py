"""A tokenized document, for the writers of token-based formats."""

from dataclasses import dataclass

from labeling.core.labels import LabeledDoc
from labeling.core.split import Part


@dataclass(frozen=True, slots=True)
class TokenizedDoc:
    """A document with its tokens, in plain values.

    Attributes:
        doc: The document.
        part: The part of the training data that it belongs to.
        tokens: Each token's start and end in code points, including tokens of white space.
        tags: Each token's tag: `O`, `B-LABEL` or `I-LABEL` for spans without overlap; "" if it is unknown, because a
            span there could not be aligned, or because the document was only partly reviewed.
        places: Span id → (first token, token after the last), including overlapping spans, but not those that could
            not be aligned.
        sentences: The first token of each sentence, in order; the first one is 0.
    """

    doc: LabeledDoc
    part: Part
    tokens: tuple[tuple[int, int], ...]
    tags: tuple[str, ...]
    places: dict[str, tuple[int, int]]
    sentences: tuple[int, ...] = (0,)
