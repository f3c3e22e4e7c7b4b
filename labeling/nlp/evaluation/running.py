"""A pipeline and gold documents → its predictions in each layer, paired with the gold."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol, TypeVar

from spacy.language import Language
from spacy.tokens import Doc

from labeling.errors import InputError
from labeling.nlp.evaluation.extraction import (
    EVENTS,
    NER,
    OTHER,
    SPANCAT,
    Output,
    Reference,
    Side,
    filled_layers,
    judged,
    known_labels,
    outputs,
    reference,
)
from labeling.nlp.evaluation.judged import Judged
from labeling.nlp.load import model_name

ORDER = (EVENTS, NER, SPANCAT, OTHER)
T = TypeVar("T")


class Track(Protocol):
    """Shows progress through items."""

    def __call__(self, items: Iterable[T], what: str, total: int | None = None) -> Iterable[T]:
        """The items, unchanged."""


def untracked(items: Iterable[T], what: str, total: int | None = None) -> Iterable[T]:
    """The items, with no progress shown."""
    return items


@dataclass(frozen=True, slots=True)
class Run:
    """A model's predictions for the documents of a test.

    Attributes:
        model: Its language, name and version.
        layers: Layer (`events`, `ner`, `spancat`, or `ents` for other components) → its judged documents; the model's
            main layer comes first.
        known: Layer → the labels that the model knows there, as far as it lists them.
        references, outputs: The gold and the predictions that these were made of, in the same order.
    """

    model: str
    layers: Mapping[str, tuple[Judged, ...]]
    known: Mapping[str, frozenset[str]]
    references: tuple[Reference, ...]
    outputs: tuple[Output, ...]

    @property
    def main(self) -> str:
        """The model's main layer: its events, else its entities, else its spans."""
        return next(iter(self.layers))

    def against(self, side: Side) -> tuple[Judged, ...]:
        """The main layer judged against this side of the gold, with all gold relations even if the model has none.

        The gold is thus the same for every model.
        """
        return tuple(
            replace(judged(gold, output, self.main, side), gold_relations=gold.relations)
            for gold, output in zip(self.references, self.outputs, strict=True)
        )


def run(nlp: Language, gold: Iterable[Doc], where: str, track: Track = untracked) -> Run:
    """A pipeline's predictions for the texts of gold documents; `where` says where these are from, for messages.

    Raises:
        InputError: There are no documents, the gold has no spans, or the model knows none of its labels.
    """
    references = [reference(doc) for doc in gold]
    texts = [each.text for each in references]
    found = track(outputs(nlp, texts), "Evaluating", len(texts))
    return run_of(nlp, references, list(found), where)


def run_of(nlp: Language, references: Sequence[Reference], found: Sequence[Output], where: str) -> Run:
    """The run of a pipeline, given its predictions for the gold documents.

    Raises:
        InputError: As for `run`.
    """
    layers = {name: _layer(name, references, found) for name in ORDER if _is_filled(nlp, name, found)}
    labels = {mark.label for docs in layers.values() for doc in docs for mark in doc.gold}
    if not labels:
        raise InputError(f"There are no spans in {where}, so nothing can be measured.", "Review more articles.")
    known = {name: known_labels(nlp, name) | _labels(docs) for name, docs in layers.items()}
    if not labels & set().union(*known.values()):
        raise InputError(
            f"The model {model_name(nlp)} knows none of the labels that {where} has, so nothing can be measured.\n"
            f"the model: {label_list(*known.values())}\nthe gold: {label_list(labels)}",
            "Evaluate a model that was trained on these labels, or rename the gold's: `labeling export --map OLD=NEW`.",
        )
    kept = _informative(layers, labels, known)
    return Run(
        model=model_name(nlp),
        layers={name: layers[name] for name in kept},
        known={name: frozenset(known[name]) for name in kept},
        references=tuple(references),
        outputs=tuple(found),
    )


def label_list(*labels: Iterable[str]) -> str:
    """The labels in one line."""
    return ", ".join(sorted({label for group in labels for label in group})) or "none"


def _layer(name: str, references: Sequence[Reference], found: Sequence[Output]) -> tuple[Judged, ...]:
    return tuple(judged(gold, output, name) for gold, output in zip(references, found, strict=True))


def _is_filled(nlp: Language, name: str, found: Sequence[Output]) -> bool:
    if name == EVENTS:
        return any(EVENTS in output.layers for output in found)
    return name in filled_layers(nlp)


def _labels(docs: Iterable[Judged]) -> set[str]:
    return {mark.label for doc in docs for mark in doc.found}


def _informative(
    layers: Mapping[str, tuple[Judged, ...]], labels: set[str], known: Mapping[str, set[str]]
) -> Sequence[str]:
    """The layers worth reporting: with events, neither those that only repeat them nor the parsing pipeline's entities.

    The latter are recognized by knowing at most half of the labels.
    """
    if EVENTS not in layers or not known[EVENTS] & labels:
        return [name for name in layers if known[name] & labels]
    events = layers[EVENTS]

    def is_own(name: str) -> bool:
        docs = layers[name]
        return 2 * len(known[name] & labels) > len(labels) and not all(
            {mark.key for mark in doc.found} <= {mark.key for mark in other.found}
            for doc, other in zip(docs, events, strict=True)
        )

    return [EVENTS, *(name for name in layers if name != EVENTS and is_own(name))]
