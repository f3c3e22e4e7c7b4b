"""spaCy documents, gold and predicted → values that can be compared: characters instead of tokens."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Literal

from pydantic import ValidationError
from spacy.language import Language
from spacy.tokens import Doc, Span, SpanGroup

from labeling.core.faults import faults
from labeling.core.labels import LabeledDoc
from labeling.errors import InputError
from labeling.nlp.evaluation.judged import Arrow, Bounds, Judged, Mark, arrows_in_order, in_order
from labeling.nlp.events.component import KEY
from labeling.nlp.gold import SENTENCIZER, SPANS_KEY, USER_DATA, from_doc
from labeling.nlp.windows import Window, windows
from labeling.nlp.words import make_doc

EVENTS, NER, SPANCAT, OTHER = "events", "ner", "spancat", "ents"
LAYERS = {"ner": NER, "beam_ner": NER, "spancat": SPANCAT, "spancat_singlelabel": SPANCAT}  # of spaCy's factories
RULERS = {"entity_ruler", "span_ruler", "future_entity_ruler"}

Side = Literal["ents", "group"]  # of a gold document: spans that stand side by side, or all of them
SIDES: Mapping[str, Side] = {EVENTS: "group", SPANCAT: "group", NER: "ents", OTHER: "ents"}


@dataclass(frozen=True, slots=True)
class Known:
    """The spans of a gold document, and the stretches (code points) that nobody knows about."""

    marks: tuple[Mark, ...]
    unknown: tuple[Bounds, ...]


@dataclass(frozen=True, slots=True)
class Reference:
    """A gold document: its spans as `doc.ents` and as `doc.spans` have them, and relations between the latter.

    `labeled` is the reviewed document that it carries, where it carries one.
    """

    doc_id: str
    text: str
    labeled: LabeledDoc | None
    sides: Mapping[Side, Known]
    arrows: tuple[Arrow, ...]
    starts: tuple[int, ...]


@dataclass(slots=True)
class Output:
    """What a model marked in a document: spans for each layer, and relations between those of the events.

    `arrows` is None where the model gives none in any document.
    """

    layers: dict[str, list[Mark]] = field(default_factory=dict)
    arrows: list[Arrow] | None = None


def judged(gold: Reference, output: Output, layer: str, side: Side | None = None) -> Judged:
    """A layer of what a model found, against the side of the gold that it is to be held against.

    Relations belong to the events, and count only where the model gives some.
    """
    known = gold.sides[side or SIDES[layer]]
    with_arrows = layer == EVENTS and output.arrows is not None
    return Judged(
        doc_id=gold.doc_id,
        text=gold.text,
        gold=known.marks,
        found=in_order(output.layers.get(layer, ())),
        gold_arrows=gold.arrows if with_arrows else (),
        found_arrows=arrows_in_order(output.arrows or ()) if with_arrows else (),
        unknown=known.unknown,
        starts=gold.starts,
    )


# gold


def reference(doc: Doc) -> Reference:
    """The gold document.

    Raises:
        InputError: What it carries of the reviewed document cannot be read.
    """
    labeled = _labeled(doc)
    ents = Known(in_order(map(_mark, doc.ents)), _missing(doc))
    marks = list(map(_mark, doc.spans[SPANS_KEY])) if SPANS_KEY in doc.spans else list(ents.marks)
    places = _places(labeled, marks) if labeled else {}
    arrows = labeled.relations if labeled else ()
    lost = [(s.start, s.end) for s in labeled.spans if s.id not in places] if labeled else []
    unknown = [*labeled.unknown, *lost] if labeled else () if SPANS_KEY in doc.spans else ents.unknown
    return Reference(
        doc_id=labeled.doc_id if labeled else "",
        text=doc.text,
        labeled=labeled,
        sides={
            "ents": ents,
            "group": Known(in_order(marks), tuple(_joined(unknown))),
        },
        arrows=arrows_in_order(
            Arrow(places[arrow.head], places[arrow.tail], arrow.label)
            for arrow in arrows
            if arrow.head in places and arrow.tail in places
        ),
        starts=_sentence_starts(doc),
    )


def _labeled(doc: Doc) -> LabeledDoc | None:
    if USER_DATA not in doc.user_data:
        return None
    try:
        return from_doc(doc)
    except ValidationError as error:
        said = faults(error)[0]
        raise InputError(
            f"A gold document carries something else than a reviewed one: {said}", "Export again."
        ) from error


def _places(labeled: LabeledDoc, marks: Iterable[Mark]) -> dict[str, Mark]:
    """Where each span of the reviewed document stands among the spans on tokens, by its id; some stand nowhere.

    A span whose edge was inside of a token may have been moved to the token's edge.
    """
    left = list(marks)
    places: dict[str, Mark] = {}
    for is_same in (_is_equal, _overlap):
        for span in labeled.spans:
            if span.id in places:
                continue
            if mark := next(
                (m for m in left if m.label == span.label and is_same((span.start, span.end), m[:2])), None
            ):
                left.remove(mark)
                places[span.id] = mark
    return places


def _is_equal(one: Bounds, other: Bounds) -> bool:
    return one == other


def _overlap(one: Bounds, other: Bounds) -> bool:
    return one[0] < other[1] and other[0] < one[1]


def _missing(doc: Doc) -> tuple[Bounds, ...]:
    """The stretches whose entities nobody knows: tokens that are neither in one nor outside."""
    return tuple(_joined((token.idx, token.idx + len(token.text_with_ws)) for token in doc if token.ent_iob == 0))


def _joined(stretches: Iterable[Bounds]) -> Iterator[Bounds]:
    """The stretches in order, where those that touch are one."""
    found: list[Bounds] = []
    for start, end in sorted(stretches):
        if found and start <= found[-1][1]:
            found[-1] = found[-1][0], max(end, found[-1][1])
        else:
            found.append((start, end))
    return iter(found)


def _sentence_starts(doc: Doc) -> tuple[int, ...]:
    """Where sentences start, by rules and line ends: of every model the same, whether it parses or not."""
    copy = SENTENCIZER(Doc(doc.vocab, words=[token.text for token in doc], spaces=[bool(t.whitespace_) for t in doc]))
    starts = {token.idx for token in copy if token.is_sent_start}
    starts |= {after.idx for before, after in pairwise(copy) if "\n" in before.text}  # a heading has no full stop
    return tuple(sorted({0, *starts}))


# predictions


def outputs(nlp: Language, texts: Iterable[str]) -> Iterator[Output]:
    """What the pipeline marks in each text, in order; a long one is taken in windows, as it is pre-annotated."""

    def pieces() -> Iterator[tuple[Doc, tuple[Window, bool]]]:
        for text in texts:
            for window in (cut := windows(text)):
                yield make_doc(nlp, window.text), (window, window is cut[-1])

    layers = filled_layers(nlp)
    made = Output()
    for doc, (window, is_last) in nlp.pipe(pieces(), as_tuples=True):
        _add(made, doc, window.start, layers)
        if is_last:
            yield made
            made = Output()


def output_of(nlp: Language, doc: Doc) -> Output:
    """What the pipeline marked in a document."""
    made = Output()
    _add(made, doc, 0, filled_layers(nlp))
    return made


def filled_layers(nlp: Language) -> dict[str, str]:
    """The layers that spaCy's components fill, and for those in `doc.spans` the key."""
    layers: dict[str, str] = {}
    for pipe in nlp.pipe_names:
        layer = LAYERS.get(nlp.get_pipe_meta(pipe).factory)
        if layer == SPANCAT:
            layers[SPANCAT] = nlp.get_pipe(pipe).key  # type: ignore[attr-defined]
        elif layer == NER:
            layers[NER] = ""
    return layers or {OTHER: ""}


def known_labels(nlp: Language, layer: str) -> set[str]:
    """The labels of the components that fill a layer, as far as they say; of another layer than spaCy's, of rulers."""
    if layer == EVENTS:
        return set().union(*(_own_labels(nlp, pipe) for pipe in nlp.pipe_names))
    wanted = RULERS if layer == OTHER else {factory for factory, filled in LAYERS.items() if filled == layer}
    pipes = [pipe for pipe in nlp.pipe_names if nlp.get_pipe_meta(pipe).factory in wanted]
    return {label for pipe in pipes for label in nlp.pipe_labels.get(pipe, ())}


def _own_labels(nlp: Language, name: str) -> set[str]:
    """The labels of a component that is not spaCy's: those that it lists, or those of its schema."""
    pipe: Any = nlp.get_pipe(name)
    if type(pipe).__module__.startswith("spacy."):
        return set()
    files = getattr(pipe, "files", None)
    return {*nlp.pipe_labels.get(name, ()), *(files.schema.labels if files else ())}


def _add(output: Output, doc: Doc, by: int, layers: Mapping[str, str]) -> None:
    for name, key in layers.items():
        group = doc.spans.get(key) if key else None
        spans = list(group) if group is not None else [] if key else list(doc.ents)
        output.layers.setdefault(name, []).extend(_moved(spans, _scores(group, spans), [""] * len(spans), by))
    if KEY in doc.spans:
        _add_events(output, doc.spans[KEY], by)


def _add_events(output: Output, group: SpanGroup, by: int) -> None:
    spans = list(group)
    sources = [str(source) for source in group.attrs.get("sources", ())]
    sources = sources if len(sources) == len(spans) else [""] * len(spans)
    marks = list(_moved(spans, _scores(group, spans), sources, by))
    output.layers.setdefault(EVENTS, []).extend(marks)
    if "relations" in group.attrs:
        output.arrows = [
            *(output.arrows or ()),
            *(Arrow(marks[head], marks[tail], str(label)) for head, tail, label in group.attrs["relations"]),
        ]


def _scores(group: SpanGroup | None, spans: list[Span]) -> list[float | None]:
    """The score of each span, where the group has one for each."""
    found = group.attrs.get("scores") if group is not None else None
    if found is None or len(found) != len(spans):
        return [None] * len(spans)
    return [float(score) for score in found]


def _moved(spans: list[Span], scores: list[float | None], sources: list[str], by: int) -> Iterator[Mark]:
    for span, score, source in zip(spans, scores, sources, strict=True):
        yield Mark(span.start_char + by, span.end_char + by, span.label_, score, source)


def _mark(span: Span) -> Mark:
    return Mark(span.start_char, span.end_char, span.label_)
