"""A document cut into tokens: what the writers of token-based formats read."""

from dataclasses import dataclass

from labeling.core.labels import LabeledDoc
from labeling.core.split import Part


@dataclass(frozen=True, slots=True)
class TokenizedDoc:
    """A document with its tokens, in plain values.

    Attributes:
        doc: The document.
        part: The part of the training data that it belongs to.
        tokens: Each token's extent, `text[start:end]` in code points; tokens of white space are among them.
        tags: One a token: `O`, `B-LABEL` or `I-LABEL` for the spans that stand side by side; "" where nobody knows,
            because a span there has no place, or because the document was reviewed only partly.
        places: Span id → (first token, token after the last). Overlapping spans are among them; a span whose edges are
            no edges of tokens is not.
        sentences: The first token of each sentence, in order; the first one is 0.
    """

    doc: LabeledDoc
    part: Part
    tokens: tuple[tuple[int, int], ...]
    tags: tuple[str, ...]
    places: dict[str, tuple[int, int]]
    sentences: tuple[int, ...] = (0,)
