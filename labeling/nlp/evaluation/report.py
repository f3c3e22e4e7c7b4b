"""Runs of models → everything that `labeling evaluate` reports."""

from collections import Counter
from collections.abc import Sequence

from labeling.core.bootstrap import Interval, intervals
from labeling.core.value import Value
from labeling.nlp.evaluation.calibration import calibration_of
from labeling.nlp.evaluation.comparison import Comparison
from labeling.nlp.evaluation.confusion import confusion_of
from labeling.nlp.evaluation.counting import Counts, counts_of, effort_saved
from labeling.nlp.evaluation.errors import Error, errors_of
from labeling.nlp.evaluation.judged import Judged, aligned
from labeling.nlp.evaluation.running import Run, label_list
from labeling.nlp.evaluation.scores import Bootstrap, Layer, layer_of

FEW = 20  # documents; with fewer, intervals are mostly too narrow


class Preannotation(Value):
    """The effort saved by the whole pre-annotation: the model with the schema's rules, entities and patterns."""

    schema_key: str
    effort_saved: Interval


class Scores(Value):
    """A model's figures on a part, by layer: `events`, `ner`, `spancat`, or `ents` for other components.

    Attributes:
        model: Its language, name and version.
        documents: How many gold documents there are.
        groups: How many groups of near-duplicates they form; the bootstrap resamples these.
        layers: The layers, the model's main one first.
        bootstrap: The settings of the intervals.
        notes: Caveats about the figures.
        preannotation: The effort saved by the whole pre-annotation, if requested.
        against: The comparison with another model, if requested.
        errors: Every difference, if requested.
    """

    model: str
    documents: int
    groups: int
    layers: dict[str, Layer]
    bootstrap: Bootstrap
    notes: tuple[str, ...] = ()
    preannotation: Preannotation | None = None
    against: Comparison | None = None
    errors: tuple[Error, ...] | None = None


def scores_of(run: Run, bootstrap: Bootstrap | None = None) -> Scores:
    """The figures of a run."""
    bootstrap = bootstrap or Bootstrap()
    layers: dict[str, Layer] = {}
    notes: list[str] = []
    groups = 0
    for name, docs in run.layers.items():
        counts = counts_of(docs)
        groups = len(set(counts.groups))
        layers[name] = _layer(docs, counts, bootstrap)
        notes += _notes(name, run, layers[name])
    documents = len(run.references)
    if groups < documents:
        notes.append(f"Near-duplicates are drawn together: for the intervals, {documents} documents count as {groups}.")
    if groups == 1:
        notes.append("There are no intervals: they need two documents that are not near-duplicates.")
    elif groups < FEW:
        notes.append(f"With {groups} documents the intervals are rough, and mostly too narrow.")
    return Scores(
        model=run.model, documents=documents, groups=groups, layers=layers, bootstrap=bootstrap, notes=tuple(notes)
    )


def errors_in(run: Run, layer: str | None = None) -> list[Error]:
    """Every difference in one layer of a run, by default the main one, document by document."""
    layer = layer or run.main
    counts = counts_of(run.layers[layer])
    labels, relations = frozenset(counts.labels), frozenset(counts.relation_labels)
    return [error for doc in run.layers[layer] for error in errors_of(doc.within(labels, relations), layer)]


def preannotation_of(counts: Counts, schema_key: str, bootstrap: Bootstrap) -> Preannotation:
    """The effort saved by a pre-annotation with these counts."""
    saved = intervals(counts.work, {0: effort_saved}, groups=counts.groups, **bootstrap.model_dump())[0]
    return Preannotation(schema_key=schema_key, effort_saved=saved)


def _layer(docs: Sequence[Judged], counts: Counts, bootstrap: Bootstrap) -> Layer:
    labels, relations = frozenset(counts.labels), frozenset(counts.relation_labels)
    within = [doc.within(labels, relations) for doc in docs]
    pairs = [pair for doc in within for pair in aligned(doc.gold, doc.found)]
    right = [(mark.score, mark.key in {each.key for each in doc.gold}) for doc in within for mark in doc.found]
    scored = [(score, hit) for score, hit in right if score is not None]
    others = Counter(mark.label for doc in docs for mark in doc.found if mark.label not in labels)
    return layer_of(
        counts,
        others,
        confusion_of(counts.labels, pairs),
        calibration_of([score for score, _ in scored], [hit for _, hit in scored]),
        bootstrap,
    )


def _notes(name: str, run: Run, layer: Layer) -> list[str]:
    wanted = {label for label, score in layer.labels.items() if score.gold}
    notes = []
    if missing := wanted - run.known[name]:
        notes.append(f"{name} does not know {label_list(missing)}: all of their spans count as not found.")
    if extra := [label for label, score in layer.labels.items() if not score.gold]:
        notes.append(f"The gold has no {label_list(extra)}: what {name} found of them is not counted.")
    if not layer.relations and any(output.relations for output in run.outputs) and name == run.main:
        notes.append("The gold has no relations, so those that the model found are not judged.")
    return notes
