"""An annotation's `result` → spans and relations, each kept, changed or refused with the reason. Pure."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from labeling.core.labels import Relation, Span
from labeling.core.offsets import context, trim
from labeling.core.problem import Action, Problem
from labeling.core.schema import LabelSchema

Json = dict[str, Any]


@dataclass
class Reading:
    """What an annotation holds.

    Every span in it is counted once in `span_counts` (exact, trimmed, refused), every relation in `relation_counts`
    (exact, changed, refused). The problems still lack their document and place.
    """

    spans: list[Span] = field(default_factory=list)
    relations: list[Relation] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    span_counts: Counter[str] = field(default_factory=Counter)
    relation_counts: Counter[str] = field(default_factory=Counter)


class _RefusedError(Exception):
    def __init__(self, reason: str, detail: str, text: str = "") -> None:
        super().__init__(detail)
        self.reason, self.detail, self.text = reason, detail, text


def read_result(
    result: Any,
    text: str,
    schema: LabelSchema | None,
    moved: Callable[[int], int] = int,
    veto: tuple[str, str] | None = None,
) -> Reading:
    """The spans and relations of a `result` on a text.

    Args:
        result: The JSON of an annotation's result, whatever it is.
        text: The article's text.
        schema: Which labels and relations are legal; None takes them as they come.
        moved: The map of the result's offsets (code points) to the text's.
        veto: Reason and detail for which every span is refused, where the text is known to be the wrong one.
    """
    return _Reader(text, schema, moved, veto).read(result)


class _Reader:
    def __init__(
        self, text: str, schema: LabelSchema | None, moved: Callable[[int], int], veto: tuple[str, str] | None
    ) -> None:
        self.text, self.schema, self.moved, self.veto = text, schema, moved, veto
        self.out = Reading()
        self.span_of_region: dict[str, Span] = {}

    def read(self, result: Any) -> Reading:
        items = result if isinstance(result, list) else []
        if result is not None and not isinstance(result, list):
            self.note("bad-result", "refused", f"the annotation's result is no list but {_short(result)}")
        for item in items:
            if not isinstance(item, dict):
                self.out.span_counts["refused"] += 1
                self.note("bad-region", "refused", f"a region is no object but {_short(item)}")
            elif item.get("type") != "relation":
                self.read_region(item)
        for item in items:
            if isinstance(item, dict) and item.get("type") == "relation":
                self.read_relations(item)
        return self.out

    def note(self, reason: str, action: Action, detail: str, **where: Any) -> None:
        self.out.problems.append(Problem(reason=reason, action=action, detail=detail, **where))

    # spans

    def read_region(self, region: Json) -> None:
        kind = str(region.get("type"))
        value = region.get("value")
        fields = value if isinstance(value, dict) else {}
        if not kind.endswith("labels") and "labels" not in fields:
            # choices, text areas, ratings: they say something of the article or of a region, and are no spans
            self.note("not-a-span", "refused", f"{kind} {_short(region.get('from_name'))} has no place in a document")
            return
        labels = fields.get(kind, fields.get("labels"))
        if not isinstance(labels, list) or not labels:
            labels = [None]
        for label in labels:
            self.out.span_counts[self.read_span(region, fields, label)] += 1

    def read_span(self, region: Json, value: Json, label: Any) -> str:
        """What became of one label of one region: exact, trimmed or refused."""
        start, end = value.get("start"), value.get("end")
        shown = {key: n for key, n in (("start", start), ("end", end)) if type(n) is int}
        try:
            self.check_label(label)
            start, end = self.extent(start, end)
            shown = {"start": start, "end": end}
            trimmed = self.trimmed(start, end)
            span = self.distinct(str(region.get("id") or ""), trimmed, label)
        except _RefusedError as refused:
            text = refused.text or str(value.get("text") or "")
            label_shown = label if isinstance(label, str) else ""
            self.note(refused.reason, "refused", refused.detail, label=label_shown, text=text, **shown)
            return "refused"
        self.out.spans.append(span)
        self.compare(value.get("text"), self.text[start:end], span)
        if trimmed == (start, end):
            return "exact"
        detail = f"white space cut off the edges of {self.text[start:end]!r}"
        text = self.text[span.start : span.end]
        self.note("trimmed", "changed", detail, label=label, start=span.start, end=span.end, text=text)
        return "trimmed"

    def check_label(self, label: Any) -> None:
        if self.veto:
            raise _RefusedError(*self.veto)
        if not isinstance(label, str) or not label.strip():
            raise _RefusedError("no-label", "the region has no label")
        if self.schema and label not in self.schema.labels:
            known = ", ".join(self.schema.labels)
            raise _RefusedError("unknown-label", f"the schema {self.schema.key} has no label {label!r}; it has {known}")

    def extent(self, start: Any, end: Any) -> tuple[int, int]:
        if type(start) is not int or type(end) is not int:
            raise _RefusedError(
                "bad-offsets", f"start {_short(start)} and end {_short(end)} are not both whole numbers"
            )
        start, end = (self.moved(start), self.moved(end)) if 0 <= start < end else (start, end)
        if not 0 <= start < end <= len(self.text):
            raise _RefusedError(
                "out-of-range", f"[{start}, {end}) is no stretch of a text of {len(self.text)} characters"
            )
        return start, end

    def trimmed(self, start: int, end: int) -> tuple[int, int]:
        start, end = trim(self.text, start, end)
        if start == end:
            raise _RefusedError("only-space", "there is nothing but white space in the span")
        return start, end

    def distinct(self, region_id: str, extent: tuple[int, int], label: str) -> Span:
        """The span, under an id of its own; a second one with the same extent and label is refused."""
        start, end = extent
        for other in self.out.spans:
            if (other.start, other.end, other.label) == (start, end, label):
                # whoever drew a relation to the copy meant the span
                self.span_of_region.setdefault(region_id, other)
                raise _RefusedError("duplicate", f"the same span stands twice as {label}", self.text[start:end])
        taken = {span.id for span in self.out.spans}
        unique = region_id or f"{label}-{start}-{end}"
        while unique in taken:
            unique += "+"
        span = Span(id=unique, start=start, end=end, label=label)
        self.span_of_region.setdefault(region_id, span)
        return span

    def compare(self, said: Any, text: str, span: Span) -> None:
        """Note where the region's own copy of its text is another one. The offsets count all the same."""
        if isinstance(said, str) and _whole(said) != _whole(text):
            shown = context(self.text, span.start, span.end)
            detail = f"the region says {_short(said)}, its offsets say {shown}; the offsets count"
            where = {"label": span.label, "start": span.start, "end": span.end, "text": text}
            self.note("other-text", "kept", detail, **where)

    # relations

    def read_relations(self, arrow: Json) -> None:
        labels = arrow.get("labels")
        for label in labels if isinstance(labels, list) and labels else [None]:
            try:
                relation, changes = self.relation(arrow, label)
                if relation in self.out.relations:
                    raise _RefusedError("duplicate-relation", f"{relation.label} stands twice between the same spans")
            except _RefusedError as refused:
                shown = label if isinstance(label, str) else ""
                self.note(refused.reason, "refused", refused.detail, label=shown, text=self.ends_text(arrow))
                self.out.relation_counts["refused"] += 1
                continue
            self.out.relations.append(relation)
            self.out.relation_counts["changed" if changes else "exact"] += 1
            for reason, detail in changes:
                self.note(reason, "changed", detail, label=relation.label, text=self.ends_text(arrow))

    def relation(self, arrow: Json, label: Any) -> tuple[Relation, list[tuple[str, str]]]:
        """The relation that an arrow means, and what had to be understood to see it."""
        ends = [self.span_of_region.get(str(arrow.get(end) or "")) for end in ("from_id", "to_id")]
        head, tail = ends
        if head is None or tail is None:
            raise _RefusedError("no-such-span", "an end of the relation is no span, or was refused")
        changes = []
        if arrow.get("direction") == "left":
            head, tail = tail, head
        elif arrow.get("direction") == "bi":
            changes.append(("one-way", "a two-way arrow was taken as one from its first to its second end"))
        if label is None:
            head, tail, label = self.only_legal(head, tail)
            changes.append(("label-inferred", f"no label was picked; {label} is the only one that fits"))
        elif not isinstance(label, str) or not label.strip():
            raise _RefusedError("no-label", f"the relation's label is {_short(label)}")
        elif self.schema and (objection := self.schema.objection(label, head.label, tail.label)):
            if self.schema.objection(label, tail.label, head.label):
                raise _RefusedError("illegal-relation", objection)
            head, tail = tail, head
            changes.append(("turned", f"drawn from {tail.label} to {head.label}, but {label} goes the other way"))
        return Relation(head=head.id, tail=tail.id, label=label), changes

    def only_legal(self, head: Span, tail: Span) -> tuple[Span, Span, str]:
        """The one relation that the schema allows between two spans, whichever way it goes."""
        options = [
            (a, b, name)
            for a, b in ((head, tail), (tail, head))
            for name, relation in (self.schema.relations if self.schema else {}).items()
            if relation.allows(a.label, b.label)
        ]
        if len(options) == 1:
            return options[0]
        names = " or ".join(name for *_, name in options) or "none that the schema allows"
        raise _RefusedError(
            "no-label", f"the relation between {head.label} and {tail.label} has no label; it could be {names}"
        )

    def ends_text(self, arrow: Json) -> str:
        spans = (self.span_of_region.get(str(arrow.get(end) or "")) for end in ("from_id", "to_id"))
        return " → ".join(self.text[s.start : s.end] if s else "?" for s in spans)


def _whole(text: str) -> str:
    """A text for comparison: Label Studio writes a line end as a backslash and an n."""
    return " ".join(text.replace("\\n", " ").split())


def _short(value: Any) -> str:
    shown = repr(value)
    return shown if len(shown) <= 60 else shown[:57] + "…"
