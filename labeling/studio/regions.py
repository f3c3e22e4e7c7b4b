"""An annotation's `result` → spans, relations and attributes, each kept, changed or refused with a reason. Pure."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import Any

from pydantic import Field, TypeAdapter

from labeling.core.labels import Relation, Span
from labeling.core.offsets import context, trim
from labeling.core.problem import Action, Problem
from labeling.core.reasons import Fault, Reason
from labeling.core.schema import LabelSchema
from labeling.core.text import storable
from labeling.core.value import Value
from labeling.studio.counting import Claim, count, difference

Json = dict[str, Any]
Offsets = tuple[int, int]
Located = Callable[[Json], Offsets]

# Fields of a region's value that say where it is; the others are the answer.
PLACE = {"start", "end", "startOffset", "endOffset", "globalOffsets", "text", "labels", "x", "y", "width", "height"}
# Reasons for which a span is refused that leave no text unknown.
HARMLESS = {"duplicate", "only-space", "not-in-a-text", "bad-region"}
UNLABELLED = "relation"  # the label of a relation that has none, without a schema to tell what it could be
META = "meta"  # an annotator's note about a region
# As `Span(…)`, in two thirds of the time; there are dozens of spans in each task.
SPAN: Callable[[Json], Span] = TypeAdapter(Span).validator.validate_python
ANSWERS = {"textarea": "text"}  # other controls have their type as the key: {"choices": ["yes"]}


class Legend(Value):
    """Which labels and relations are legal, and what becomes of the others.

    Attributes:
        label_schema: What is legal; with None, everything is.
        mapping: Label or relation as annotated → its new name.
        drop: Labels and relations (as annotated) that are left out on purpose.
    """

    label_schema: LabelSchema | None = None
    mapping: dict[str, str] = Field(default_factory=dict)
    drop: frozenset[str] = frozenset()

    def plain(self, labels: Iterable[Any]) -> set[str]:
        """Those of the labels that are legal, and neither renamed nor dropped."""
        names = {label for label in labels if isinstance(label, str) and label.strip()}
        legal = names if self.label_schema is None else names & self.label_schema.labels.keys()
        return legal - self.drop - self.mapping.keys()


@dataclass
class ParsedResult:
    """An annotation's spans, relations and attributes, and what became of everything in its `result`.

    Attributes:
        spans, relations, attributes: What was kept.
        unknown: Where spans were refused, so that the right labels are unknown; the whole text if a span's place is.
        problems: Everything that was not taken exactly as it is; the problems lack document and place.
        span_counts: Every span, counted once: exact, trimmed, repaired, dropped, refused.
        relation_counts: Every relation, counted once: exact, changed, dropped, refused.
        attribute_counts: Every other answer, counted once: kept, refused.
        outcomes: What became of the kept spans that are not exact, by id.
        repairs: The number of repaired spans by how their offsets counted.
        renamed, dropped: The number of labels and relations by name.
    """

    spans: list[Span] = field(default_factory=list)
    relations: list[Relation] = field(default_factory=list)
    attributes: dict[str, Any] = field(default_factory=dict)
    unknown: list[Offsets] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    span_counts: Counter[str] = field(default_factory=Counter)
    relation_counts: Counter[str] = field(default_factory=Counter)
    attribute_counts: Counter[str] = field(default_factory=Counter)
    outcomes: dict[str, str] = field(default_factory=dict)
    repairs: Counter[str] = field(default_factory=Counter)
    renamed: Counter[str] = field(default_factory=Counter)
    dropped: Counter[str] = field(default_factory=Counter)


class RefusedError(Exception):
    """A span or relation cannot be taken: the code of the reason, and the reason in words."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(detail)
        self.reason, self.detail = reason, detail


def items_of(result: Any) -> list[Any]:
    """The items of a list; none if it is not a list."""
    return result if isinstance(result, list) else []


def is_relation(item: Any) -> bool:
    """Whether an item of a result is a relation between two regions."""
    return isinstance(item, dict) and item.get("type") == "relation"


def is_span(item: Any) -> bool:
    """Whether an item of a result counts as a span: a labelled region, or something that is not an object."""
    if not isinstance(item, dict):
        return True
    kind = item.get("type")
    return kind != "relation" and (str(kind).endswith("labels") or "labels" in _value(item))


def labels_of(item: Json) -> list[Any]:
    """The labels of a region or relation, each of which makes a span or relation; [None] if it has none."""
    kind = item.get("type")
    value = item if kind == "relation" else _value(item)
    labels = value.get(str(kind), value.get("labels"))
    if labels is None and value is not item:  # before 1.0, a region of type "labels" could have "htmllabels"
        labels = next((value[key] for key in value if key.endswith("labels")), None)
    return labels if isinstance(labels, list) and labels else [None]


def claims_of(regions: Iterable[Json], located: Located) -> Iterator[Claim]:
    """The claims of those regions that say where they are."""
    for region in regions:
        place = _place(region, located)
        if isinstance(place, Claim):
            yield place


def _place(region: Json, located: Located) -> Claim | RefusedError:
    value = _value(region)
    said = value.get("text")
    try:
        start, end = located(value)
    except RefusedError as refused:
        return refused
    return Claim(start, end, said if isinstance(said, str) else "")


def in_text(value: Json) -> tuple[int, int]:
    """The offsets of a region in a plain text, however it counts.

    Raises:
        RefusedError: It has none.
    """
    start, end = value.get("start"), value.get("end")
    if type(start) is int and type(end) is int:
        return start, end
    if "x" in value or "points" in value or "rle" in value or "keypoints" in value:
        raise RefusedError("not-in-a-text", "the region lies on an image")
    if "paragraphlabels" in value or ("startOffset" in value and not isinstance(value.get("globalOffsets"), dict)):
        raise RefusedError("not-in-a-text", "the region lies in a dialogue or a page, not in a plain text")
    raise RefusedError("bad-offsets", f"start {_short(start)} and end {_short(end)} are not both whole numbers")


def parse_result(
    result: Any,
    raw: str,
    text: str,
    legend: Legend | None = None,
    *,
    moved: Callable[[int], int] = int,
    located: Located = in_text,
    veto: Fault | None = None,
) -> ParsedResult:
    """The spans, relations and attributes of a `result`.

    Args:
        result: The JSON of an annotation's result, which may be anything.
        raw: The text that the annotator saw.
        text: The article's text.
        legend: Which labels and relations are legal; by default all are.
        moved: The map of offsets in `raw` (code points) to those in `text`.
        located: The function that finds a region's offsets in its value.
        veto: The reason for which every span is refused, if the text is known to be the wrong one.
    """
    return _Parser(raw, text, legend or Legend(), moved, located, veto).parse(result)


@dataclass
class _Parser:
    raw: str
    text: str
    legend: Legend
    moved: Callable[[int], int]
    located: Located
    veto: Fault | None
    out: ParsedResult = field(default_factory=ParsedResult)
    spans_of_region: dict[str, list[Span]] = field(default_factory=dict)
    taken: dict[tuple[int, int, str], Span] = field(default_factory=dict)
    ids: set[str] = field(default_factory=set)
    known_relations: set[tuple[str, str, str]] = field(default_factory=set)
    plain_labels: set[str] = field(default_factory=set)
    left_out: set[str] = field(default_factory=set)  # regions whose labels were dropped on purpose
    mismatches: dict[int, str] = field(default_factory=dict)  # by id() of a claim: why its text and offsets differ
    way: str = ""  # how the offsets count, if not in code points

    def __post_init__(self) -> None:
        self.schema = self.legend.label_schema

    def parse(self, result: Any) -> ParsedResult:
        if result is not None and not isinstance(result, list):
            self.note("bad-result", "refused", f"the annotation's result is not a list but {_short(result)}")
        regions: list[Json] = []
        places: list[Claim | RefusedError] = []
        labels: list[list[Any]] = []
        answers: list[Json] = []
        arrows: list[Json] = []
        is_text = self.located is in_text
        for item in items_of(result):
            if not isinstance(item, dict):
                self.out.span_counts["refused"] += 1
                self.note("bad-region", "refused", f"a region is not an object but {_short(item)}")
                continue
            value = item.get("value")
            if is_text and item.get("type") == "labels" and type(value) is dict:  # as most are: a fast path
                said, start, end, names = value.get("text"), value.get("start"), value.get("end"), value.get("labels")
                if type(said) is str and type(start) is int and type(end) is int and type(names) is list and names:
                    regions.append(item)
                    places.append(Claim(start, end, said))
                    labels.append(names)
                    continue
            if is_span(item):
                regions.append(item)
                places.append(_place(item, self.located))
                labels.append(labels_of(item))
            else:
                (arrows if is_relation(item) else answers).append(item)
        if not self.veto:
            places = self.counted(places)
            if self.raw is self.text and not self.way:
                self.plain_labels = self.legend.plain({name for names in labels if type(name := names[0]) is str})
        self.read_spans(regions, places, labels)
        self.read_answers(answers)
        for arrow in arrows:
            self.read_arrow(arrow)
        return self.out

    def note(self, reason: Reason, action: Action, detail: str, **where: Any) -> None:
        self.out.problems.append(Problem(reason=reason, action=action, detail=detail, **where))

    # spans

    def counted(self, places: list[Claim | RefusedError]) -> list[Claim | RefusedError]:
        """The regions' places in code points, after finding out how they count; `mismatches` has those that differ."""
        claims = [place for place in places if isinstance(place, Claim)]
        counted = count(self.raw, claims)
        self.way = counted.way
        if not self.way and not counted.unfit:
            return places
        found: list[Claim | RefusedError] = []
        for number, (claim, (start, end)) in enumerate(zip(claims, counted.offsets, strict=True)):
            if number in counted.unfit and 0 <= start < end <= len(self.raw):
                self.mismatches[id(claim)] = self.diagnosis(claim, counted.ambiguous)
            found.append(Claim(start, end, claim.text) if self.way else claim)
        fitted = iter(found)
        return [next(fitted) if isinstance(place, Claim) else place for place in places]

    def read_spans(
        self, regions: Sequence[Json], places: Sequence[Claim | RefusedError], labels: Sequence[Sequence[Any]]
    ) -> None:
        """Take each label of each region. Most are exact, and take a fast path."""
        text, size, plain, taken, ids = self.text, len(self.text), self.plain_labels, self.taken, self.ids
        exact = 0
        for region, place, names in zip(regions, places, labels, strict=True):
            for label in names:
                if type(label) is str and label in plain and type(place) is Claim:
                    start, end, said = place
                    region_id: Any = region.get("id")
                    key = (start, end, label)
                    held = text[start:end] if 0 <= start < end <= size else ""
                    is_new = type(region_id) is str and region_id and region_id not in ids and key not in taken
                    is_exact = held and said in ("", held) and not (held[0].isspace() or held[-1].isspace())
                    if is_new and is_exact and META not in region:
                        taken[key] = span = SPAN({"id": region_id, "start": start, "end": end, "label": label})
                        ids.add(region_id)
                        self.spans_of_region[region_id] = [span]
                        self.out.spans.append(span)
                        exact += 1
                        continue
                self.out.span_counts[self.read_span(region, place, label)] += 1
        if exact:
            self.out.span_counts["exact"] += exact

    def read_span(self, region: Json, place: Claim | RefusedError, label: Any) -> str:
        """What became of one label of one region: exact, trimmed, repaired, dropped or refused."""
        if isinstance(label, str) and label in self.legend.drop:
            self.out.dropped[label] += 1
            self.left_out.add(str(region.get("id")))
            return "dropped"
        known: Offsets | None = None
        try:
            if self.veto:
                raise RefusedError(*self.veto)
            if isinstance(place, RefusedError):
                raise place
            known = start, end = self.offsets(place)
            if mismatch := self.mismatches.get(id(place)):
                raise RefusedError("other-text", mismatch)
            name = self.label(label)
            span = self.span(region, name, *trim(self.text, start, end))
        except RefusedError as refused:
            self.refuse(refused, region, known, label)
            return "refused"
        self.out.spans.append(span)
        if name != label:
            self.out.renamed[f"{label}={name}"] += 1
        if not self.way and span.start == start and span.end == end and place.text in ("", self.text[start:end]):
            return "exact"
        return self.outcome(span, start, end, place.text)

    def refuse(self, refused: RefusedError, region: Json, known: Offsets | None, label: Any) -> None:
        """Add the problem of a refused span, and the text that is unknown because of it."""
        value = _value(region)
        shown: Json = {key: value[key] for key in ("start", "end") if type(value.get(key)) is int}
        if known:
            shown |= {"start": known[0], "end": known[1], "text": self.text[known[0] : known[1]]}
        shown["said"] = value["text"] if isinstance(value.get("text"), str) else ""
        shown["label"] = label if isinstance(label, str) else ""
        self.note(refused.reason, "refused", refused.detail, **shown)
        if refused.reason not in HARMLESS and self.text:
            is_placed = known and refused.reason != "other-text"
            self.out.unknown.append(known if known and is_placed else (0, len(self.text)))

    def label(self, label: Any) -> str:
        if not isinstance(label, str) or not label.strip():
            raise RefusedError("no-label", "the region has no label")
        name = self.legend.mapping.get(label, label)
        if self.schema and name not in self.schema.labels:
            known = ", ".join(self.schema.labels)
            raise RefusedError("unknown-label", f"the schema {self.schema.key} has no label {name!r}; it has {known}")
        return name

    def offsets(self, place: Claim) -> Offsets:
        """The offsets in the article's text of a place in the raw text, in code points."""
        if not 0 <= place.start < place.end <= len(self.raw):
            detail = f"[{place.start}, {place.end}) does not lie in a text of {len(self.raw)} characters"
            raise RefusedError("out-of-range", detail)
        return self.moved(place.start), self.moved(place.end)

    def diagnosis(self, claim: Claim, is_ambiguous: bool) -> str:
        """Why a region's copy of its text differs from the text at its offsets."""
        said = claim.text
        seen = f"the region says {_short(said)}, its offsets say {context(self.raw, claim.start, claim.end)}"
        if is_ambiguous:
            return f"{seen}; several ways of counting would make all regions of the task fit, so none is certain"
        places = self.raw.count(said) if said.strip() else 0
        if places == 1:
            return f"{seen}; its text is at {self.raw.index(said)} now: the text was edited after labelling"
        if places:
            return f"{seen}; its text is in {places} other places: the text was edited after labelling"
        return f"{seen}; its text is nowhere: the text was edited after labelling, or is another one"

    def span(self, region: Json, label: str, start: int, end: int) -> Span:
        """The span, with a unique id.

        Raises:
            RefusedError: It is empty, or a second one with the same offsets and label.
        """
        if start == end:
            raise RefusedError("only-space", "there is nothing but white space in the span")
        region_id = str(region.get("id") or "")
        mine = self.spans_of_region.setdefault(region_id, []) if region_id else []
        if copy := self.taken.get((start, end, label)):
            mine.append(copy)  # a relation to the copy means the span
            raise RefusedError("duplicate", f"the same span is there twice as {label}")
        unique = region_id or f"{label}-{start}-{end}"
        while unique in self.ids:
            unique += "+"
        attributes = {META: storable(region[META])} if isinstance(region.get(META), dict | str) and region[META] else {}
        span = Span(id=unique, start=start, end=end, label=label, attributes=attributes)
        self.ids.add(unique)
        self.taken[start, end, label] = span
        mine.append(span)
        return span

    def outcome(self, span: Span, start: int, end: int, said: str) -> str:
        """Exact, trimmed or repaired; with a problem unless the span and its copy of the text are exact."""
        text = self.text[start:end]
        shown = {"label": span.label, "start": span.start, "end": span.end, "said": said}
        shown["text"] = self.text[span.start : span.end]
        if self.way:
            self.out.repairs[self.way] += 1
            self.out.outcomes[span.id] = "repaired"
            self.note("offsets-repaired", "changed", f"{self.way}; with that, all regions of the task fit", **shown)
            return "repaired"
        if said and said != text and (detail := difference(said, text)):
            self.note("text-copy", "kept", f"of the region's copy of its text: {detail}", **shown)
        if (span.start, span.end) == (start, end):
            return "exact"
        self.out.outcomes[span.id] = "trimmed"
        self.note("trimmed", "changed", f"white space cut off the edges of {_short(text)}", **shown)
        return "trimmed"

    # other answers (choices, text areas, numbers) about a region or the whole article

    def read_answers(self, answers: Sequence[Json]) -> None:
        of_span: dict[str, dict[str, Any]] = {}
        for answer in answers:
            name = str(answer.get("from_name") or answer.get("type") or "")
            said, value = _answer(answer), _value(answer)
            spans = self.spans_of_region.get(str(answer.get("id") or ""), [])
            if not name or not said:
                self.out.attribute_counts["refused"] += 1
                self.note("bad-answer", "refused", f"{_short(answer.get('type'))} has no name or no value")
            elif spans:
                self.out.attribute_counts["kept"] += 1
                for span in spans:
                    _merge(of_span.setdefault(span.id, dict(span.attributes)), name, said)
            elif PLACE & {"start", "end", "x", "globalOffsets"} & set(value):
                self.out.attribute_counts["refused"] += 1
                shown = {key: value[key] for key in ("start", "end") if type(value.get(key)) is int}
                detail = f"{name} {_short(said)} is about a region that has no label, or was refused"
                self.note("no-such-span", "refused", detail, **shown)
            else:
                self.out.attribute_counts["kept"] += 1
                _merge(self.out.attributes, name, said)
        if of_span:
            self.out.spans = [
                span.model_copy(update={"attributes": of_span[span.id]}) if span.id in of_span else span
                for span in self.out.spans
            ]

    # relations

    def read_arrow(self, arrow: Json) -> None:
        ends = str(arrow.get("from_id") or ""), str(arrow.get("to_id") or "")
        is_left_out = bool(self.left_out) and any(
            end in self.left_out and end not in self.spans_of_region for end in ends
        )
        labels = labels_of(arrow)
        for label in labels:
            if is_left_out or (isinstance(label, str) and label in self.legend.drop):
                self.out.dropped[str(label)] += 1
                self.out.relation_counts["dropped"] += 1
                continue
            try:
                relation, changes = self.relation(arrow, ends, label, is_only=len(labels) == 1)
                known = relation.head, relation.tail, relation.label
                if known in self.known_relations:
                    raise RefusedError("duplicate-relation", f"{relation.label} is there twice between the same spans")
            except RefusedError as refused:
                shown = label if isinstance(label, str) else ""
                self.note(refused.reason, "refused", refused.detail, label=shown, text=self.shown(ends))
                self.out.relation_counts["refused"] += 1
                continue
            self.out.relations.append(relation)
            self.known_relations.add(known)
            self.out.relation_counts["changed" if changes else "exact"] += 1
            for reason, detail in changes:
                self.note(reason, "changed", detail, label=relation.label, text=self.shown(ends))

    def relation(
        self, arrow: Json, ends: tuple[str, str], label: Any, *, is_only: bool
    ) -> tuple[Relation, list[Fault]]:
        """The relation that an arrow means, and what had to be understood to see it."""
        starts, stops = self.spans_of_region.get(ends[0]), self.spans_of_region.get(ends[1])
        if not starts or not stops:
            raise RefusedError("no-such-span", "an end of the relation is not a span, or was refused")
        changes: list[Fault] = []
        if arrow.get("direction") == "left":
            starts, stops = stops, starts
        elif arrow.get("direction") == "bi":
            changes.append(("one-way", "a two-way arrow was taken as one from its first to its second end"))
        if isinstance(label, str) and label in self.legend.mapping:
            name = self.legend.mapping[label]
            self.out.renamed[f"{label}={name}"] += 1
            label = name
        start, stop = self.likeliest(starts, stops, label)
        if label is None and not self.schema:
            label = UNLABELLED
            changes.append(("unlabelled-relation", f"no label was picked; it is called {label!r}"))
        elif label is not None and (not isinstance(label, str) or not label.strip()):
            raise RefusedError("no-label", f"the relation's label is {_short(label)}")
        elif self.schema:
            relation, more = self.legal(self.schema, start, stop, label, is_only=is_only)
            return relation, changes + more
        return Relation(head=start.id, tail=stop.id, label=label), changes

    def legal(
        self, schema: LabelSchema, start: Span, stop: Span, label: str | None, *, is_only: bool
    ) -> tuple[Relation, list[Fault]]:
        """The relation of the schema that an arrow from `start` to `stop` stands for, and how it had to be changed.

        Its label says which, however it is drawn. Without a label, or with a single one that cannot be between these
        spans, its ends and its direction do, where they leave one.
        """
        if label in schema.arrows(start.label, stop.label):  # as nearly all are
            head, tail = schema.relations[label].in_order(start, stop)
            return Relation(head=head.id, tail=tail.id, label=label), []
        ways = [(a, b, schema.arrows(a.label, b.label)) for a, b in ((start, stop), (stop, start))]
        named = [(a, b, names) for a, b, names in ways if label in names]
        first, second, names = (named or [way for way in ways if way[2]] or ways)[0]
        names = (label,) if named and label else names
        kind = schema.relations.get(label or "")
        if len(names) != 1 or not (named or label is None or (kind and is_only)):
            if label is not None:
                head, tail = kind.in_order(start, stop) if kind else (start, stop)
                raise RefusedError("illegal-relation", schema.objection(label, head.label, tail.label))
            known = f"it could be {' or '.join(names)}" if names else "the schema allows none between them"
            raise RefusedError("no-label", f"the relation from {start.label} to {stop.label} has no label; {known}")
        (name,) = names
        changes: list[Fault] = []
        # the head is where an arrow starts that somebody drew before the schema said otherwise
        if first is not start and not (named and schema.relations[name].drawn == "from tail"):
            changes.append(("turned", f"drawn from {start.label} to {stop.label}, but {name} goes the other way"))
        if label not in (None, name):
            changes.append(("relabelled", f"{label} cannot be between {start.label} and {stop.label}; {name} can"))
        head, tail = schema.relations[name].in_order(first, second)
        return Relation(head=head.id, tail=tail.id, label=name), changes

    def likeliest(self, starts: Sequence[Span], stops: Sequence[Span], label: Any) -> tuple[Span, Span]:
        """The ends of an arrow; where a region has several labels, those between which the schema allows it."""
        pairs = list(product(starts, stops))
        if not self.schema or len(pairs) == 1:
            return pairs[0]
        for start, stop in pairs:
            arrows = self.schema.arrows(start.label, stop.label) + self.schema.arrows(stop.label, start.label)
            if label in arrows or (label is None and arrows):
                return start, stop
        return pairs[0]

    def shown(self, ends: Iterable[str]) -> str:
        spans = (self.spans_of_region.get(end) for end in ends)
        return " → ".join(self.text[s[0].start : s[0].end] if s else "?" for s in spans)


def _value(item: Mapping[str, Any]) -> Json:
    value = item.get("value")
    return value if isinstance(value, dict) else {}


def _answer(item: Json) -> Json:
    """The answer without its place: `{"choices": ["yes"]}`; {} if it is nested too deeply."""
    try:
        value = storable(_value(item))
    except RecursionError:
        return {}
    kind = str(item.get("type"))
    key = ANSWERS.get(kind, kind)
    if key in value:
        return {key: value[key]}
    return {key: said for key, said in value.items() if key not in PLACE}


def _merge(attributes: dict[str, Any], name: str, said: Json) -> None:
    """Add an answer. Lists of the same control are joined, as of a text area that somebody filled in twice."""
    before = attributes.get(name)
    if isinstance(before, dict) and before.keys() == said.keys():
        said = {
            key: [*before[key], *value] if isinstance(value, list) and isinstance(before[key], list) else value
            for key, value in said.items()
        }
    attributes[name] = said


def _short(value: Any) -> str:
    shown = repr(value)
    return shown if len(shown) <= 60 else shown[:57] + "…"
