"""What a model found, held against the gold: precision, recall and F, for each layer and label."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from spacy.language import Language
from spacy.scorer import Scorer, get_ner_prf
from spacy.tokens import Doc, Span
from spacy.training import Example

from labeling.core.value import Value
from labeling.errors import InputError
from labeling.nlp.gold import SPANS_KEY, USER_DATA, from_doc
from labeling.nlp.load import model_name

NER, SPANCAT, OTHER = "ner", "spancat", "ents"
LAYERS = {"ner": NER, "beam_ner": NER, "spancat": SPANCAT, "spancat_singlelabel": SPANCAT}  # of spaCy's factories
RULERS = {"entity_ruler", "span_ruler", "future_entity_ruler"}


class Score(Value):
    """Precision, recall and F (0 to 1) of exact spans, and how many gold spans there were; None where there were none.

    `found` is how many spans the model found.
    """

    precision: float | None
    recall: float | None
    f: float | None
    gold: int
    found: int


class Layer(Value):
    """How well a layer of spans is found: over all labels that the gold has, and per label.

    A label that the gold does not have is listed, with None for its rates, and counts for nothing.
    """

    overall: Score
    labels: dict[str, Score]


class Scores(Value):
    """What a model finds of the gold spans in a part, for each of its layers: `ner`, `spancat`, or `ents` of others.

    `notes` say what the figures do not.
    """

    model: str
    documents: int
    layers: dict[str, Layer]
    notes: tuple[str, ...] = ()


def measured(nlp: Language, found: Sequence[Doc], gold: Sequence[Doc], where: str) -> Scores:
    """The scores of what a pipeline found in the documents, against what is gold in them; `where` they are from.

    Raises:
        InputError: The gold has no spans, or the model knows none of its labels.
    """
    layers = _layers(nlp)
    labels = {label for name in layers for doc in gold for label in _labels(_gold(name)(doc))}
    if not labels:
        raise InputError(f"There are no spans in {where}, so nothing can be measured.", "Review more articles.")
    known = {
        name: _known(nlp, name) | {label for doc in found for label in _labels(pick(doc))}
        for name, pick in layers.items()
    }
    if not labels & set().union(*known.values()):
        raise InputError(
            f"The model knows none of the labels that {where} has, so nothing can be measured.\n"
            f"the model: {_list(*known.values())}\nthe gold: {_list(labels)}",
            "Evaluate a model that was trained on these labels, or rename the gold's: `labeling export --map OLD=NEW`.",
        )
    made, notes = {}, []
    for name, pick in layers.items():
        wanted = {label for doc in gold for label in _labels(_gold(name)(doc))}
        made[name] = _layer(name, pick, found, gold, wanted)
        if missing := wanted - known[name]:
            notes.append(f"{name} does not know {_list(missing)}: all of their spans count as not found.")
        if extra := [label for label, score in made[name].labels.items() if not score.gold]:
            notes.append(f"The gold has no {_list(extra)}: what {name} found of them is not counted.")
    return Scores(model=model_name(nlp), documents=len(gold), layers=made, notes=tuple(notes))


Pick = Callable[[Doc], Sequence[Span]]


def _layers(nlp: Language) -> dict[str, Pick]:
    """The layers that the pipeline fills, and how its spans are read from a document."""
    layers: dict[str, Pick] = {}
    for pipe in nlp.pipe_names:
        layer = LAYERS.get(nlp.get_pipe_meta(pipe).factory)
        if layer == NER:
            layers[NER] = _entities
        elif layer == SPANCAT:
            layers[SPANCAT] = _in_group(nlp.get_pipe(pipe).key)  # type: ignore[attr-defined]
    return layers or {OTHER: _entities}


def _known(nlp: Language, layer: str) -> set[str]:
    """The labels of the components that fill a layer; of another layer than spaCy's, those of rulers."""
    wanted = RULERS if layer == OTHER else {factory for factory, filled in LAYERS.items() if filled == layer}
    pipes = [pipe for pipe in nlp.pipe_names if nlp.get_pipe_meta(pipe).factory in wanted]
    return {label for pipe in pipes for label in nlp.pipe_labels.get(pipe, ())}


def _entities(doc: Doc) -> Sequence[Span]:
    return doc.ents


def _in_group(key: str) -> Pick:
    return lambda doc: list(doc.spans.get(key, ()))


def _gold(layer: str) -> Pick:
    return _in_group(SPANS_KEY) if layer == SPANCAT else _entities


def _layer(name: str, pick: Pick, found: Sequence[Doc], gold: Sequence[Doc], labels: set[str]) -> Layer:
    """The scores of one layer, by spaCy's own scorers."""
    counts = {
        "gold": Counter(label for doc in gold for label in _labels(_gold(name)(doc))),
        "found": Counter(label for doc in found for label in _labels(pick(doc))),
    }
    examples = []
    for predicted, reference in zip(found, gold, strict=True):
        spans = [span for span in pick(predicted) if span.label_ in labels]
        if name == SPANCAT:
            predicted.spans[SPANS_KEY] = _judged(spans, reference)
        else:
            predicted.ents = spans
        examples.append(Example(predicted, reference))
    if name == SPANCAT:
        scores = Scorer.score_spans(examples, SPANS_KEY, getter=_group, allow_overlap=True)
        prefix = SPANS_KEY
    else:
        scores, prefix = get_ner_prf(examples), "ents"
    per_type = scores[f"{prefix}_per_type"] or {}

    def score(rates: dict[str, float], prefix: str, which: Iterable[str]) -> Score:
        gold_spans, found_spans = (sum(counts[of][label] for label in which) for of in ("gold", "found"))
        numbers = [float(rates.get(f"{prefix}{key}") or 0.0) if gold_spans else None for key in "prf"]
        return Score(precision=numbers[0], recall=numbers[1], f=numbers[2], gold=gold_spans, found=found_spans)

    return Layer(
        overall=score(scores, f"{prefix}_", labels),
        labels={label: score(per_type.get(label, {}), "", [label]) for label in sorted({*labels, *counts["found"]})},
    )


def _judged(spans: Sequence[Span], reference: Doc) -> list[Span]:
    """The spans that the gold says something about: not those where nobody knows, unless they are right."""
    if USER_DATA not in reference.user_data or not (unknown := from_doc(reference).unknown):
        return list(spans)
    right = {(span.start_char, span.end_char, span.label_) for span in reference.spans[SPANS_KEY]}
    return [
        span
        for span in spans
        if (span.start_char, span.end_char, span.label_) in right
        or not any(span.start_char < end and start < span.end_char for start, end in unknown)
    ]


def _group(doc: Doc, key: str) -> Sequence[Span]:
    return list(doc.spans.get(key, ()))


def _labels(spans: Iterable[Any]) -> Iterable[str]:
    return (span.label_ for span in spans)


def _list(*labels: Iterable[str]) -> str:
    return ", ".join(sorted({label for group in labels for label in group})) or "none"
