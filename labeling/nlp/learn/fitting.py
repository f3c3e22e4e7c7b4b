"""Prepared documents → the fitted experts of a span model, regressions and recogniser, and their weights."""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy
from numpy.typing import NDArray
from spacy.language import Language
from threadpoolctl import threadpool_limits

from labeling.core.effort import Mark, Marks, effort
from labeling.nlp.learn import mixture
from labeling.nlp.learn.knowledge import shown, surrounded
from labeling.nlp.learn.linear import Examples, Floats, Linear
from labeling.nlp.learn.linear import fit as fit_linear
from labeling.nlp.learn.mixture import Mixture, as_logs, calibrate
from labeling.nlp.learn.prepared import Prepared
from labeling.nlp.learn.recognizer import FACTORY
from labeling.nlp.learn.state import ENCODER, KNOWLEDGE, RECOGNIZER, SHIPPED, Learned, Settings, regressed
from labeling.nlp.learn.tags import ScoredSpan, Tags

STRENGTH = {KNOWLEDGE: 0.1, ENCODER: 0.001}  # scikit-learn's C
MAX_TOKENS = 60_000  # for a regression over dense vectors, which takes 8 kB of memory per token
Advance = Callable[[float], None]
Trainer = Callable[[Sequence[Prepared], Tags, int, Advance], Language]  # documents, tags, seed → a trained recogniser


@dataclass(frozen=True)
class CrossValidation:
    """Effort saved (`labeling.core.effort`) before and after learning, cross-validated, and the experts' weights."""

    before: float
    after: float
    weights: Mapping[str, float]


def fit(
    docs: Sequence[Prepared],
    folds: Sequence[Sequence[int]],
    tags: Tags,
    trainer: Trainer | None,
    encoded: bool,
    thresholds: Mapping[str, float],
    seed: int,
    advance: Advance,
) -> tuple[Learned, Language | None, list[list[ScoredSpan]], CrossValidation]:
    """The learned weights; the recogniser; the spans of each document by the other folds; and their evaluation.

    Each expert is fitted without each fold in turn, and predicts that fold. The weights, the calibration and the
    decision whether to use the learned experts at all are based on these predictions. Then each expert is fitted on all
    documents. `encoded` says whether to include a regression over the encoder's vectors: with many documents it adds
    nothing to a recogniser that reads them.
    """
    predicted: list[dict[str, Floats]] = [
        {SHIPPED: as_logs(shown(one.features, tags), len(one.gold.doc), tags)} if one.features.shown else {}
        for one in docs
    ]
    split = folds if len(folds) > 1 else ()
    kept = [[one for index, one in enumerate(docs) if index not in set(fold)] for fold in split]
    # imported before the limit is set, which then applies to SciPy's own BLAS too
    import scipy.linalg  # noqa: F401

    with threadpool_limits(1):  # the matrices are small: threads would wait for each other
        # the regressions over features run one after the other on a core that the rest leaves free
        background = ThreadPoolExecutor(1)
        knowledge = [background.submit(_knowledge, some, tags) for some in [*kept, docs]]
        try:
            for some, fold, regression in zip(kept, split, knowledge, strict=False):
                regressions = _encoded(some, tags, encoded, seed, advance)
                recognizer = trainer(some, tags, seed, advance) if trainer else None
                regressions[KNOWLEDGE] = regression.result()
                advance(1)
                for index in fold:
                    predicted[index] |= _predictions(docs[index], regressions, recognizer, tags)
            learned, found, validation = _weighed(docs, predicted, tags, thresholds)
            weights = learned.settings.weights
            regressions = _encoded(docs, tags, encoded, seed, advance)
            recognizer = trainer(docs, tags, seed, advance) if trainer and RECOGNIZER in weights else None
            regressions[KNOWLEDGE] = knowledge[-1].result()
            advance(1)
        finally:
            background.shutdown(cancel_futures=True)
    used = {name: one for name, one in regressions.items() if name in weights or not kept}
    return Learned(learned.settings, used), recognizer, found, validation


def _knowledge(docs: Sequence[Prepared], tags: Tags) -> Linear:
    """The regression over the features of the documents' tokens."""
    hashed = numpy.concatenate([one.features.hashed for one in docs], axis=1)
    numbers = numpy.concatenate([one.features.numbers for one in docs])
    return fit_linear(Examples(hashed, numbers, _tags(docs)), tags, STRENGTH[KNOWLEDGE])


def _encoded(docs: Sequence[Prepared], tags: Tags, encoded: bool, seed: int, advance: Advance) -> dict[str, Linear]:
    """The regression over the encoder's vectors, if it is wanted and all documents have vectors."""
    if not encoded or not all(one.gold.doc.tensor.ndim == 2 and len(one.gold.doc.tensor) for one in docs):
        return {}
    some = _sample(docs, seed)
    fitted = fit_linear(Examples(None, _dense(some), _tags(some)), tags, STRENGTH[ENCODER])
    advance(1)
    return {ENCODER: fitted}


def _tags(docs: Sequence[Prepared]) -> NDArray[Any]:
    return numpy.concatenate([one.tags for one in docs])


def _dense(docs: Sequence[Prepared]) -> Floats:
    """The encoder's vectors in one array, filled document by document."""
    tokens = sum(len(one.gold.doc) for one in docs)
    numbers: Floats = numpy.empty((tokens, surrounded(docs[0].gold.doc.tensor).shape[1]), dtype=numpy.float32)
    at = 0
    for one in docs:
        numbers[at : at + len(one.gold.doc)] = surrounded(one.gold.doc.tensor)
        at += len(one.gold.doc)
    return numbers


def _predictions(
    one: Prepared, regressions: Mapping[str, Linear], recognizer: Language | None, tags: Tags
) -> dict[str, Floats]:
    """The log-probabilities of a document's tags by each learned expert."""
    found = regressed(regressions, one.features, one.gold.doc.tensor, tags)
    if recognizer is not None:
        tagger: Any = recognizer.get_pipe(FACTORY)
        found[RECOGNIZER] = tagger.predict([one.gold.doc])[0]
    return found


def _sample(docs: Sequence[Prepared], seed: int) -> list[Prepared]:
    """A random sample of the documents, of at most `MAX_TOKENS` tokens."""
    found: list[Prepared] = []
    tokens = 0
    for index in numpy.random.default_rng(seed).permutation(len(docs)):
        if found and tokens + len(docs[index].gold.doc) > MAX_TOKENS:
            continue
        found.append(docs[index])
        tokens += len(docs[index].gold.doc)
    return found


def _weighed(
    docs: Sequence[Prepared], predicted: Sequence[dict[str, Floats]], tags: Tags, thresholds: Mapping[str, float]
) -> tuple[Learned, list[list[ScoredSpan]], CrossValidation]:
    """The settings fitted to the experts' predictions of unseen documents; the spans of each; and their evaluation."""
    weights = mixture.fit(predicted, [one.tags for one in docs], tags)
    mixed = Mixture(weights, mixture.Calibration(intercepts={}))
    candidates = [mixed.candidates(opinions, tags, one.gold.doc) for one, opinions in zip(docs, predicted, strict=True)]
    gold = [one.gold.spans.values() for one in docs]
    calibration = calibrate(candidates, gold, [one.gold.doc for one in docs], tags.labels)
    mixed = Mixture(weights, calibration)
    found = [mixture.chosen(mixed.calibrated(some), tags, thresholds) for some in candidates]
    unlearned = [shown(one.features, tags) for one in docs]
    before, after = _effort_saved(docs, unlearned), _effort_saved(docs, found)
    untrained = before > after
    if untrained:
        calibration = calibrate(unlearned, gold, [one.gold.doc for one in docs], tags.labels)
        found = [Mixture(weights, calibration).calibrated(some) for some in unlearned]
    settings = Settings(
        layers=tags.layers,
        longest=tags.longest,
        weights=weights,
        calibration=calibration,
        thresholds=dict(thresholds),
        coverage=round(min(1.0, sum(span.p for some in found for span in some) / max(1, sum(map(len, gold)))), 4),
        untrained=untrained,
    )
    return Learned(settings, {}), found, CrossValidation(before, after, weights)


def _effort_saved(docs: Sequence[Prepared], found: Sequence[Sequence[ScoredSpan]]) -> float:
    gold = [
        Marks(
            text=one.gold.labeled.text,
            spans=tuple(Mark(start=s.start, end=s.end, label=s.label) for s in one.gold.labeled.spans),
            unknown=one.gold.labeled.unknown,
        )
        for one in docs
    ]
    predicted = {
        one.text: _marks(one.text, doc.gold.doc, some) for one, doc, some in zip(gold, docs, found, strict=True)
    }
    return effort(gold, predicted).effort_saved


def _marks(text: str, doc: Any, found: Sequence[ScoredSpan]) -> Marks:
    spans = [doc[span.start : span.end] for span in found]
    return Marks(
        text=text,
        spans=tuple(
            Mark(start=tokens.start_char, end=tokens.end_char, label=span.label)
            for span, tokens in zip(found, spans, strict=True)
        ),
    )
