"""Texts that differ only by white space, and labels of one of them moved to the other."""

from itertools import accumulate

from labeling.core.labels import LabeledDoc

Offsets = tuple[int, int]


def unspaced(text: str) -> str:
    r"""The text without white space; equal for texts that differ only by it.

    >>> unspaced("He said\n no.") == unspaced("He  said no.\n")
    True
    """
    return "".join(text.split())


def respaced(doc: LabeledDoc, text: str) -> LabeledDoc:
    """The document with another text that differs only by white space; its spans cover the same other characters.

    Raises:
        ValueError: The texts differ in more than white space.
    """
    if unspaced(doc.text) != unspaced(text):
        raise ValueError("the texts differ in more than white space")
    if doc.text == text:
        return doc
    before = [0, *accumulate(not character.isspace() for character in doc.text)]  # characters before an offset
    there = [place for place, character in enumerate(text) if not character.isspace()]

    def moved(start: int, end: int) -> Offsets | None:
        first, last = before[start], before[end]
        return (there[first], there[last - 1] + 1) if first < last else None

    spans = [(span, moved(span.start, span.end)) for span in doc.spans]
    unknown = [(0, len(text)) if stretch == (0, len(doc.text)) else moved(*stretch) for stretch in doc.unknown]
    return LabeledDoc.of(
        doc,
        tuple(span.model_copy(update={"start": to[0], "end": to[1]}) for span, to in spans if to),
        doc.relations,
        text=text,
        attributes=doc.attributes,
        unknown=tuple(stretch for stretch in unknown if stretch),
        score=doc.score,
        provenance=doc.provenance,
    )
