"""Labels on an article: spans, the relations between them, and the document that holds both."""

from collections import Counter
from collections.abc import Iterator, Mapping
from functools import cached_property
from operator import attrgetter
from typing import Annotated, Any, Literal, Self

from pydantic import Field, ValidationInfo, field_validator, model_validator

from labeling.core.article import Article
from labeling.core.value import Value

Name = Annotated[str, Field(min_length=1)]


class Span(Value):
    """A labelled span of text, `text[start:end]` in Unicode code points, `0 <= start < end`.

    `score` is the confidence (0 to 1) of a prediction; None for a reviewed span. `attributes` are answers
    about the span, by the name of the control: `{"certainty": {"choices": ["likely"]}}`.
    """

    id: Name
    start: Annotated[int, Field(ge=0, strict=True)]
    end: Annotated[int, Field(gt=0, strict=True)]
    label: Name
    score: Annotated[float, Field(ge=0, le=1)] | None = None
    attributes: dict[str, Any] = Field(default_factory=dict)

    # on the field, since a validator of the model would run again in every document that gets the span
    @field_validator("end")
    @classmethod
    def _not_empty(cls, end: int, info: ValidationInfo) -> int:
        if info.data.get("start", -1) >= end:
            raise ValueError(f"start {info.data['start']} is not before end {end}")
        return end


class Relation(Value):
    """A labelled relation from the span `head` to the span `tail`, which are span ids."""

    head: Name
    tail: Name
    label: Name


class Provenance(Value):
    """Where a span or a relation of a document that several people labelled comes from.

    Attributes:
        span: The id of the span it is about; "" if it is about a relation.
        relation: Head, tail and label of the relation that it is about.
        by: Who marked it; nobody if an adjudicator drew it.
        how: Whether all agreed on it, or somebody decided.
        decided_by, decided_at: Who decided, and when (ISO 8601).
        reason, note: Why people differed, and what was written about it.
    """

    span: str = ""
    relation: tuple[str, str, str] | None = None
    by: tuple[str, ...] = ()
    how: Literal["agreed", "adjudicated"] = "agreed"
    decided_by: str = ""
    decided_at: str = ""
    reason: str = ""
    note: str = ""

    def renamed(self, names: Mapping[str, str]) -> Self:
        """The same about spans that have other ids: old id → new."""
        if self.relation is None:
            return self.model_copy(update={"span": names[self.span]})
        head, tail, label = self.relation
        return self.model_copy(update={"relation": (names[head], names[tail], label)})


class LabeledDoc(Article):
    """An article with its labels.

    Spans may overlap. Each lies within the text, has no white space at its edges and has a unique id; each relation's
    head and tail are spans of the document. Spans are sorted by position, relations by their spans, so that equal
    labels make equal documents.

    `attributes` are answers about the whole article, by the name of the control. `unknown` are unreviewed stretches of
    the text (code points), where a missing label does not mean that there is none; they are sorted and disjoint. In a
    partly reviewed document the whole text is unknown. `score` is the share of an annotator's work that these labels
    are expected to save (0 to 1); None for a reviewed document. `provenance` says of each span and relation where it
    comes from, if several people labelled the document.
    """

    spans: tuple[Span, ...] = ()
    relations: tuple[Relation, ...] = ()
    attributes: dict[str, Any] = Field(default_factory=dict)
    unknown: tuple[tuple[int, int], ...] = ()
    score: Annotated[float, Field(ge=0, le=1)] | None = None
    provenance: tuple[Provenance, ...] = ()

    @field_validator("spans")
    @classmethod
    def _in_order_of_text(cls, spans: tuple[Span, ...]) -> tuple[Span, ...]:
        return tuple(sorted(spans, key=attrgetter("start", "end", "label", "id")))

    @field_validator("relations")
    @classmethod
    def _in_order_of_spans(cls, relations: tuple[Relation, ...], info: ValidationInfo) -> tuple[Relation, ...]:
        place = {span.id: i for i, span in enumerate(info.data.get("spans", ()))}
        return tuple(sorted(relations, key=lambda r: (place.get(r.head, -1), place.get(r.tail, -1), r.label)))

    @field_validator("unknown")
    @classmethod
    def _joined(cls, unknown: tuple[tuple[int, int], ...]) -> tuple[tuple[int, int], ...]:
        joined: list[tuple[int, int]] = []
        for start, end in sorted(unknown):
            if joined and start <= joined[-1][1]:
                joined[-1] = joined[-1][0], max(end, joined[-1][1])
            else:
                joined.append((start, end))
        return tuple(joined)

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if faults := [*self._span_faults(), *self._relation_faults(), *self._unknown_faults()]:
            raise ValueError("; ".join(faults))
        return self

    def _span_faults(self) -> Iterator[str]:
        ids = [span.id for span in self.spans]
        if len(set(ids)) < len(ids):
            for span_id, count in Counter(ids).items():
                if count > 1:
                    yield f"span id {span_id!r} occurs {count} times"
        text, length = self.text, len(self.text)
        for span in self.spans:
            if span.end > length:
                yield f"span {span.id!r} ends at {span.end}, after the text's end at {len(text)}"
            elif text[span.start].isspace() or text[span.end - 1].isspace():
                yield f"span {span.id!r} has white space at its edge: {self.slice(span)!r}"

    def _relation_faults(self) -> Iterator[str]:
        if not self.relations:
            return
        known = {span.id for span in self.spans}
        for (head, tail, label), count in Counter([(r.head, r.tail, r.label) for r in self.relations]).items():
            if count > 1:
                yield f"relation {label!r} occurs {count} times between the same spans"
            for end in {head, tail} - known:
                yield f"relation {label!r} refers to {end!r}, which is not a span"

    def _unknown_faults(self) -> Iterator[str]:
        for start, end in self.unknown:
            if not 0 <= start < end <= len(self.text):
                yield f"[{start}, {end}) does not lie in the text"

    def slice(self, span: Span) -> str:
        """The text of one of the document's spans."""
        return self.text[span.start : span.end]

    @cached_property
    def by_id(self) -> dict[str, Span]:
        """The spans by their ids."""
        return {span.id: span for span in self.spans}

    @classmethod
    def of(
        cls, article: Article, spans: tuple[Span, ...] = (), relations: tuple[Relation, ...] = (), **fields: Any
    ) -> Self:
        """The article with these labels; `fields` replace those of the article."""
        own = {name: getattr(article, name) for name in Article.model_fields}
        return cls(**(own | fields), spans=spans, relations=relations)
