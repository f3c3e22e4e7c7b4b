"""Prepared documents → what is learned of spans: the regressions, the recogniser, and how much to trust each."""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy
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
from labeling.nlp.learn.state import ENCODER, KNOWLEDGE, RECOGNIZER, SHIPPED, Learned, Settings
from labeling.nlp.learn.tags import Likely, Tags

STRENGTH = {KNOWLEDGE: 0.1, ENCODER: 0.001}  # scikit-learn's C
MOST_TOKENS = 60_000  # that a regression over dense vectors is fitted to; it takes 8 kB of memory a token
Advance = Callable[[float], None]
Trainer = Callable[[Sequence[Prepared], Tags, int, Advance], Language]  # documents, tags, seed → a trained recogniser


@dataclass(frozen=True)
class Judged:
    """What cross-validation says: the effort saved (see `labeling.core.effort`) without and with what was learned."""

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
) -> tuple[Learned, Language | None, list[list[Likely]], Judged]:
    """What is learned of spans; the recogniser; the spans found in each document unseen; and what it is worth.

    Each part is fitted without each fold in turn, and says what it thinks of that fold. On what they say so, the
    weights, the calibration and the choice whether to use any of it are made. Then each part is fitted on everything.
    `encoded` says whether a regression over the encoder's vectors is one of them: where a recogniser read those in many
    documents, it has nothing to add.
    """
    seen: list[dict[str, Floats]] = [
        {SHIPPED: as_logs(shown(one.known, tags), len(one.gold.doc), tags)} if one.known.shown else {} for one in docs
    ]
    # Small matrices: threads would wait for each other. SciPy has a BLAS of its own, which is limited if it is there.
    import scipy.linalg  # noqa: F401

    with threadpool_limits(1):
        return _fit(docs, folds, tags, trainer, encoded, thresholds, seed, advance, seen)


def _fit(
    docs: Sequence[Prepared],
    folds: Sequence[Sequence[int]],
    tags: Tags,
    trainer: Trainer | None,
    encoded: bool,
    thresholds: Mapping[str, float],
    seed: int,
    advance: Advance,
    seen: list[dict[str, Floats]],
) -> tuple[Learned, Language | None, list[list[Likely]], Judged]:
    split = folds if len(folds) > 1 else ()
    kept = [[one for place, one in enumerate(docs) if place not in set(fold)] for fold in split]
    # the regressions of symbols, one after the other, on a core that the rest leaves free
    beside = ThreadPoolExecutor(1)
    knowledge = [beside.submit(_known, some, tags) for some in [*kept, docs]]
    try:
        for some, fold, known in zip(kept, split, knowledge, strict=False):
            regressions = _encoded(some, tags, encoded, seed, advance)
            recognizer = trainer(some, tags, seed, advance) if trainer else None
            regressions[KNOWLEDGE] = known.result()
            advance(1)
            for number in fold:
                seen[number] |= said(docs[number], regressions, recognizer, tags)
        learned, found, judged = _trust(docs, seen, tags, thresholds)
        weights = learned.settings.weights
        regressions = _encoded(docs, tags, encoded, seed, advance)
        recognizer = trainer(docs, tags, seed, advance) if trainer and RECOGNIZER in weights else None
        regressions[KNOWLEDGE] = knowledge[-1].result()
        advance(1)
    finally:
        beside.shutdown(cancel_futures=True)
    used = {name: one for name, one in regressions.items() if name in weights or not kept}
    return Learned(learned.settings, used), recognizer, found, judged


def _known(docs: Sequence[Prepared], tags: Tags) -> Linear:
    """The regression over what is known of the documents' tokens."""
    known = Examples.joined([Examples(one.known.symbols, one.known.numbers, one.tags) for one in docs])
    return fit_linear(known, tags, STRENGTH[KNOWLEDGE])


def _encoded(docs: Sequence[Prepared], tags: Tags, encoded: bool, seed: int, advance: Advance) -> dict[str, Linear]:
    """The regression over the encoder's vectors, where there is to be one and all documents have them."""
    if not encoded or not all(one.gold.doc.tensor.ndim == 2 and len(one.gold.doc.tensor) for one in docs):
        return {}
    fitted = fit_linear(_dense(_some(docs, seed)), tags, STRENGTH[ENCODER])
    advance(1)
    return {ENCODER: fitted}


def _dense(docs: Sequence[Prepared]) -> Examples:
    """The encoder's vectors in one array, filled document by document."""
    tokens = sum(len(one.gold.doc) for one in docs)
    numbers: Floats = numpy.empty((tokens, surrounded(docs[0].gold.doc.tensor).shape[1]), dtype=numpy.float32)
    at = 0
    for one in docs:
        numbers[at : at + len(one.gold.doc)] = surrounded(one.gold.doc.tensor)
        at += len(one.gold.doc)
    return Examples(None, numbers, numpy.concatenate([one.tags for one in docs]))


def said(
    one: Prepared, regressions: Mapping[str, Linear], recognizer: Language | None, tags: Tags
) -> dict[str, Floats]:
    """What each part says of a document's tags."""
    found = {}
    if KNOWLEDGE in regressions:
        found[KNOWLEDGE] = regressions[KNOWLEDGE].logs(one.known.symbols, one.known.numbers, tags)
    if ENCODER in regressions:
        found[ENCODER] = regressions[ENCODER].logs(None, surrounded(one.gold.doc.tensor), tags)
    if recognizer is not None:
        tagger: Any = recognizer.get_pipe(FACTORY)
        found[RECOGNIZER] = tagger.predict([one.gold.doc])[0]
    return found


def _some(docs: Sequence[Prepared], seed: int) -> list[Prepared]:
    order = numpy.random.default_rng(seed).permutation(len(docs))
    found: list[Prepared] = []
    tokens = 0
    for place in order:
        if found and tokens + len(docs[place].gold.doc) > MOST_TOKENS:
            continue
        found.append(docs[place])
        tokens += len(docs[place].gold.doc)
    return found


def _trust(
    docs: Sequence[Prepared], seen: Sequence[dict[str, Floats]], tags: Tags, thresholds: Mapping[str, float]
) -> tuple[Learned, list[list[Likely]], Judged]:
    weights = mixture.fit(seen, [one.tags for one in docs], tags)
    mixed = Mixture(weights, mixture.Calibration(intercepts={}))
    likely = [mixed.likely(parts, tags, one.gold.doc) for one, parts in zip(docs, seen, strict=True)]
    gold = [one.gold.spans.values() for one in docs]
    calibration = calibrate(likely, gold, [one.gold.doc for one in docs], tags.labels)
    mixed = Mixture(weights, calibration)
    found = [mixture.chosen(mixed.calibrated(some), tags, thresholds) for some in likely]
    before = _saved(docs, [shown(one.known, tags) for one in docs])
    after = _saved(docs, found)
    untrained = before > after
    if untrained:
        unlearned = [shown(one.known, tags) for one in docs]
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
    return Learned(settings, {}), found, Judged(before, after, weights)


def _saved(docs: Sequence[Prepared], found: Sequence[Sequence[Likely]]) -> float:
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


def _marks(text: str, doc: Any, found: Sequence[Likely]) -> Marks:
    spans = [doc[span.start : span.end] for span in found]
    return Marks(
        text=text,
        spans=tuple(
            Mark(start=tokens.start_char, end=tokens.end_char, label=span.label)
            for span, tokens in zip(found, spans, strict=True)
        ),
    )
