"""Gold and predicted spaCy documents → comparable values, with offsets in characters instead of tokens."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Literal

from pydantic import ValidationError
from spacy.language import Language
from spacy.tokens import Doc, Span, SpanGroup

from labeling.core.faults import faults
from labeling.core.labels import LabeledDoc
from labeling.core.offsets import HasOffsets, overlaps
from labeling.errors import InputError
from labeling.nlp.evaluation.judged import Bounds, Judged, Mark, Relation, in_order, relations_in_order
from labeling.nlp.events.component import KEY
from labeling.nlp.gold import SENTENCIZER, SPANS_KEY, USER_DATA, from_doc
from labeling.nlp.windows import Window, windows
from labeling.nlp.words import make_doc

EVENTS, NER, SPANCAT, OTHER = "events", "ner", "spancat", "ents"
LAYERS = {"ner": NER, "beam_ner": NER, "spancat": SPANCAT, "spancat_singlelabel": SPANCAT}  # by spaCy factory
RULERS = {"entity_ruler", "span_ruler", "future_entity_ruler"}

Side = Literal["ents", "group"]  # which gold spans count: the non-overlapping ones of `doc.ents`, or all
SIDES: Mapping[str, Side] = {EVENTS: "group", SPANCAT: "group", NER: "ents", OTHER: "ents"}


@dataclass(frozen=True, slots=True)
class GoldSpans:
    """The spans of a gold document, and its unreviewed ranges (code points)."""

    marks: tuple[Mark, ...]
    unknown: tuple[Bounds, ...]


@dataclass(frozen=True, slots=True)
class Reference:
    """A gold document: its spans in `doc.ents` and in `doc.spans`, and the relations between the latter.

    `labeled` is the reviewed document stored in it, if there is one.
    """

    doc_id: str
    text: str
    labeled: LabeledDoc | None
    sides: Mapping[Side, GoldSpans]
    relations: tuple[Relation, ...]
    starts: tuple[int, ...]


@dataclass(slots=True)
class Output:
    """A model's predictions for a document: the spans of each layer, and the relations between those of events.

    `relations` is None if the model does not predict relations.
    """

    layers: dict[str, list[Mark]] = field(default_factory=dict)
    relations: list[Relation] | None = None


def judged(gold: Reference, output: Output, layer: str, side: Side | None = None) -> Judged:
    """One layer of a model's predictions with the gold, by default the side that matches the layer.

    Relations belong to the events layer, and count only if the model predicts them.
    """
    spans = gold.sides[side or SIDES[layer]]
    with_relations = layer == EVENTS and output.relations is not None
    return Judged(
        doc_id=gold.doc_id,
        text=gold.text,
        gold=spans.marks,
        found=in_order(output.layers.get(layer, ())),
        gold_relations=gold.relations if with_relations else (),
        found_relations=relations_in_order(output.relations or ()) if with_relations else (),
        unknown=spans.unknown,
        starts=gold.starts,
    )


# gold


def reference(doc: Doc) -> Reference:
    """The gold document as comparable values.

    Raises:
        InputError: The reviewed document stored in it is not valid.
    """
    labeled = _labeled(doc)
    ents = GoldSpans(in_order(map(_mark, doc.ents)), _missing(doc))
    marks = list(map(_mark, doc.spans[SPANS_KEY])) if SPANS_KEY in doc.spans else list(ents.marks)
    found = _marks_by_id(labeled, marks) if labeled else {}
    relations = labeled.relations if labeled else ()
    lost = [(s.start, s.end) for s in labeled.spans if s.id not in found] if labeled else []
    unknown = [*labeled.unknown, *lost] if labeled else () if SPANS_KEY in doc.spans else ents.unknown
    return Reference(
        doc_id=labeled.doc_id if labeled else "",
        text=doc.text,
        labeled=labeled,
        sides={"ents": ents, "group": GoldSpans(in_order(marks), tuple(_joined(unknown)))},
        relations=relations_in_order(
            Relation(found[relation.head], found[relation.tail], relation.label)
            for relation in relations
            if relation.head in found and relation.tail in found
        ),
        starts=_sentence_starts(doc),
    )


def _labeled(doc: Doc) -> LabeledDoc | None:
    if USER_DATA not in doc.user_data:
        return None
    try:
        return from_doc(doc)
    except ValidationError as error:
        raise InputError(
            f"The review stored in a gold document is not valid: {faults(error)[0]}", "Export again."
        ) from error


def _marks_by_id(labeled: LabeledDoc, marks: Iterable[Mark]) -> dict[str, Mark]:
    """The mark on tokens for each reviewed span, by span id; spans without tokens are left out.

    A span whose edge was inside a token may have been moved to the token's edge.
    """
    left = list(marks)
    found: dict[str, Mark] = {}
    for is_same in (_is_equal, overlaps):
        for span in labeled.spans:
            if span.id in found:
                continue
            if mark := next((m for m in left if m.label == span.label and is_same(span, m)), None):
                left.remove(mark)
                found[span.id] = mark
    return found


def _is_equal(one: HasOffsets, other: HasOffsets) -> bool:
    return (one.start, one.end) == (other.start, other.end)


def _missing(doc: Doc) -> tuple[Bounds, ...]:
    """The ranges whose entities are missing: tokens that are neither in an entity nor outside of all."""
    return tuple(_joined((token.idx, token.idx + len(token.text_with_ws)) for token in doc if token.ent_iob == 0))


def _joined(ranges: Iterable[Bounds]) -> Iterator[Bounds]:
    """The ranges in order, with adjacent and overlapping ones merged."""
    found: list[Bounds] = []
    for start, end in sorted(ranges):
        if found and start <= found[-1][1]:
            found[-1] = found[-1][0], max(end, found[-1][1])
        else:
            found.append((start, end))
    return iter(found)


def _sentence_starts(doc: Doc) -> tuple[int, ...]:
    """Where sentences start, by rules and line ends, so that they do not depend on the model."""
    copy = SENTENCIZER(Doc(doc.vocab, words=[token.text for token in doc], spaces=[bool(t.whitespace_) for t in doc]))
    starts = {token.idx for token in copy if token.is_sent_start}
    starts |= {after.idx for before, after in pairwise(copy) if "\n" in before.text}  # a heading has no full stop
    return tuple(sorted({0, *starts}))


# predictions


def outputs(nlp: Language, texts: Iterable[str]) -> Iterator[Output]:
    """The pipeline's predictions for each text, in order; long texts are split into windows, as in pre-annotation."""

    def pieces() -> Iterator[tuple[Doc, tuple[Window, bool]]]:
        for text in texts:
            for window in (cut := windows(text)):
                yield make_doc(nlp, window.text), (window, window is cut[-1])

    layers = filled_layers(nlp)
    output = Output()
    for doc, (window, is_last) in nlp.pipe(pieces(), as_tuples=True):
        _add(output, doc, window.start, layers)
        if is_last:
            yield output
            output = Output()


def output_of(nlp: Language, doc: Doc) -> Output:
    """The predictions that the pipeline left in a document."""
    output = Output()
    _add(output, doc, 0, filled_layers(nlp))
    return output


def filled_layers(nlp: Language) -> dict[str, str]:
    """The layers that spaCy's components fill, each with its key in `doc.spans`, or "" for `doc.ents`."""
    layers: dict[str, str] = {}
    for pipe in nlp.pipe_names:
        layer = LAYERS.get(nlp.get_pipe_meta(pipe).factory)
        if layer == SPANCAT:
            layers[SPANCAT] = nlp.get_pipe(pipe).key  # type: ignore[attr-defined]
        elif layer == NER:
            layers[NER] = ""
    return layers or {OTHER: ""}


def known_labels(nlp: Language, layer: str) -> set[str]:
    """The labels that the components of a layer list; for `ents`, those of the rulers."""
    if layer == EVENTS:
        return set().union(*(_own_labels(nlp, pipe) for pipe in nlp.pipe_names))
    wanted = RULERS if layer == OTHER else {factory for factory, filled in LAYERS.items() if filled == layer}
    pipes = [pipe for pipe in nlp.pipe_names if nlp.get_pipe_meta(pipe).factory in wanted]
    return {label for pipe in pipes for label in nlp.pipe_labels.get(pipe, ())}


def _own_labels(nlp: Language, name: str) -> set[str]:
    """The labels of a component that is not spaCy's: those it lists and those of its schema."""
    pipe: Any = nlp.get_pipe(name)
    if type(pipe).__module__.startswith("spacy."):
        return set()
    files = getattr(pipe, "files", None)
    return {*nlp.pipe_labels.get(name, ()), *(files.schema.labels if files else ())}


def _add(output: Output, doc: Doc, offset: int, layers: Mapping[str, str]) -> None:
    for name, key in layers.items():
        marks = _marks(doc.spans.get(key, ()), offset) if key else [_mark(ent, offset) for ent in doc.ents]
        output.layers.setdefault(name, []).extend(marks)
    if KEY in doc.spans:
        marks = _marks(doc.spans[KEY], offset)
        output.layers.setdefault(EVENTS, []).extend(marks)
        if (relations := doc.spans[KEY].attrs.get("relations")) is not None:
            found = (Relation(marks[head], marks[tail], str(label)) for head, tail, label in relations)
            output.relations = [*(output.relations or ()), *found]


def _marks(group: SpanGroup | tuple[()], offset: int) -> list[Mark]:
    """The marks of a group, with the scores and sources in its `attrs` if there is one for each span."""
    marks = [_mark(span, offset) for span in group]
    attrs = group.attrs if group else {}
    if len(scores := attrs.get("scores", ())) == len(marks):
        marks = [mark._replace(score=float(score)) for mark, score in zip(marks, scores, strict=True)]
    if len(sources := attrs.get("sources", ())) == len(marks):
        marks = [mark._replace(source=str(source)) for mark, source in zip(marks, sources, strict=True)]
    return marks


def _mark(span: Span, offset: int = 0) -> Mark:
    return Mark(span.start_char + offset, span.end_char + offset, span.label_)
