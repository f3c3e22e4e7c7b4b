"""Sections: the pieces of a long article that are labelled in a task each, and joined again afterwards."""

import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import Self

from pydantic import Field, field_validator, model_validator

from labeling.core.labels import LabeledDoc, Provenance, Relation, Span
from labeling.core.offsets import trim
from labeling.core.value import Value

# Where a text may be divided, from the best border to the least good one: after a paragraph, a line, a sentence.
BORDERS = (re.compile(r"\n\s*\n"), re.compile(r"\n"), re.compile(r"[.!?]+[\"'”’»)\]]*\s+"))
STEPS = 12  # of a bisection: the sizes of sections differ by less than a thousandth then


class SectionLimits(Value):
    """How large a section may be, in code points and in spans; 0 is no limit."""

    characters: int = Field(default=0, ge=0)
    spans: int = Field(default=0, ge=0)


class Section(Value):
    """Which section of an article a task has.

    Attributes:
        number: Its number, from 1.
        starts: Where each of the article's sections starts in the article's text, in code points; the first at 0.
        digest: The digest of the article's text.
    """

    number: int = Field(ge=1, strict=True)
    starts: tuple[int, ...] = Field(min_length=2)
    digest: str = Field(min_length=1)

    @field_validator("starts")
    @classmethod
    def _ascending(cls, starts: tuple[int, ...]) -> tuple[int, ...]:
        if starts[0] != 0 or any(a >= b for a, b in pairwise(starts)):
            raise ValueError("do not start at 0 and ascend")
        return starts

    @model_validator(mode="after")
    def _exists(self) -> Self:
        if self.number > len(self.starts):
            raise ValueError(f"section {self.number} of {len(self.starts)}")
        return self

    @property
    def start(self) -> int:
        """Where it starts in the article's text."""
        return self.starts[self.number - 1]

    def __str__(self) -> str:
        return f"part {self.number} of {len(self.starts)}"


def section_starts(text: str, spans: Sequence[Span], limits: SectionLimits) -> tuple[int, ...]:
    r"""Where the sections of a text start; `(0,)` if it is within the limits.

    There are as few sections as paragraphs allow, of about the same size. No border lies within a span. A paragraph
    over a limit is divided between lines, and a line between sentences; a sentence is never divided.

    >>> section_starts("One.\n\nTwo.\n\nThree.\n\nFour.", (), SectionLimits(characters=15))
    (0, 12)
    """
    characters, most = limits.characters or len(text), limits.spans or len(spans)
    if len(text) <= characters and len(spans) <= most:
        return (0,)
    blocks = _blocks(text, sorted((span.start, span.end) for span in spans), characters, most)
    fewest = _filled(blocks, characters, most)
    small, large = 0.0, 1.0
    for _ in range(STEPS):
        middle = (small + large) / 2
        tried = _filled(blocks, characters * middle, most * middle)
        if len(tried) == len(fewest):
            fewest, large = tried, middle
        else:
            small = middle
    return tuple(fewest)


def around(text: str, start: int, end: int, least: int, most: int) -> tuple[int, int]:
    """The whole sentences around `[start, end)` that have at least `least` and at most `most` code points on each side.

    A sentence that is too long for that is cut between two words, and a word that is too long anywhere.

    >>> text = "It rained. Rebels attacked Tadmor. The army fled. Talks began."
    >>> first, last = around(text, 18, 26, 0, 100)
    >>> text[first:last]
    'Rebels attacked Tadmor.'
    """
    first, last = max(0, start - most), min(len(text), end + most)
    borders = {match.end() for border in BORDERS for match in border.finditer(text, first, last)}
    ends = {match.start() + len(match[0].rstrip()) for border in BORDERS for match in border.finditer(text, end, last)}
    words = [match.end() for match in re.finditer(r"\s+", text[first:start])]
    before = max((place for place in borders if place <= max(0, start - least)), default=0)
    if before < first or (before == 0 and first > 0):
        before = first + min(words, default=0)
    after = min((place for place in ends if place >= end + least), default=len(text))
    if after > last:
        spaces = [match.start() for match in re.finditer(r"\s+", text[end:last])]
        after = end + max(spaces) if spaces else last
    return trim(text, min(before, start), max(after, end))


Block = tuple[int, int, int]  # start, end, and how many spans start in it


def _blocks(text: str, spans: Sequence[tuple[int, int]], characters: int, most: int) -> list[Block]:
    """The text in paragraphs; those over a limit in lines, and such lines in sentences. The spans are sorted."""
    firsts = [first for first, _ in spans]
    covered = {place for first, last in spans for place in range(first + 1, last)}
    found: list[Block] = []

    def divide(start: int, end: int, level: int) -> None:
        count = bisect_left(firsts, end) - bisect_left(firsts, start)
        if level == len(BORDERS) or (level and end - start <= characters and count <= most):
            found.append((start, end, count))
            return
        borders = [match.end() for match in BORDERS[level].finditer(text, start, end)]
        inner = [place for place in borders if start < place < end and place not in covered]
        for first, last in pairwise([start, *inner, end]):
            if found and text[first:last].isspace():  # it belongs to what is before it
                before = found.pop()
                found.append((before[0], last, before[2]))
            else:
                divide(first, last, level + 1)

    divide(0, len(text), 0)
    return found


def _filled(blocks: Iterable[Block], characters: float, most: float) -> list[int]:
    """Where sections start if each takes as many blocks as fit; one block at least."""
    starts: list[int] = []
    size = spans = 0
    for start, end, count in blocks:
        if not starts or size + end - start > characters or spans + count > most:
            starts.append(start)
            size = spans = 0
        size, spans = size + end - start, spans + count
    return starts


def divided(doc: LabeledDoc, starts: Sequence[int]) -> Iterator[LabeledDoc]:
    """The document's spans and relations in sections, with offsets of their own.

    Relations between two sections are left out.
    """
    for first, last in pairwise([*starts, len(doc.text)]):
        spans = tuple(
            span.model_copy(update={"start": span.start - first, "end": span.end - first})
            for span in doc.spans
            if first <= span.start < last
        )
        known = {span.id for span in spans}
        relations = tuple(r for r in doc.relations if r.head in known and r.tail in known)
        yield LabeledDoc.of(doc, spans, relations, text=doc.text[first:last], score=doc.score)


def joined(sections: Sequence[tuple[str, LabeledDoc | None]]) -> tuple[LabeledDoc, list[dict[str, str]]]:
    """The document of which these are the sections: each section's text, and its labels if it was reviewed.

    What was not reviewed is unknown. Span ids that occur in two sections are told apart; so are the answers about
    whole sections that differ.

    Returns:
        The document, and for each section the ids of its spans in the document, by their own.

    Raises:
        ValueError: None was reviewed.
    """
    reviewed = next((doc for _, doc in sections if doc), None)
    if reviewed is None:
        raise ValueError("no section was reviewed")
    spans: list[Span] = []
    relations: list[Relation] = []
    unknown: list[tuple[int, int]] = []
    attributes: dict[str, object] = {}
    provenance: list[Provenance] = []
    taken: set[str] = set()
    ids: list[dict[str, str]] = []
    start = 0
    for number, (text, doc) in enumerate(sections, start=1):
        names = (
            {span.id: span.id if span.id not in taken else f"{span.id}-{number}" for span in doc.spans} if doc else {}
        )
        ids.append(names)
        taken.update(names.values())
        if doc:
            spans += (
                span.model_copy(update={"id": names[span.id], "start": span.start + start, "end": span.end + start})
                for span in doc.spans
            )
            relations += (r.model_copy(update={"head": names[r.head], "tail": names[r.tail]}) for r in doc.relations)
            provenance += (each.renamed(names) for each in doc.provenance)
            unknown += ((first + start, last + start) for first, last in doc.unknown)
            for name, said in doc.attributes.items():
                attributes[name if attributes.get(name, said) == said else f"{name} (part {number})"] = said
        else:
            unknown.append((start, start + len(text)))
        start += len(text)
    document = LabeledDoc.of(
        reviewed,
        tuple(spans),
        tuple(relations),
        text="".join(text for text, _ in sections),
        attributes=attributes,
        unknown=tuple(unknown),
        provenance=tuple(provenance),
    )
    return document, ids
