"""The weighted combination of a model's experts, and the calibration of its scores.

Each expert predicts the probability of each tag of each token. The mixture is a logarithmic opinion pool (Genest and
Zidek, 1986): the normalised weighted sum of the experts' log-probabilities. The weights are non-negative and maximize
the likelihood of the reviewed tags in documents that the experts had not seen (stacked generalization, Wolpert 1992).

Spans with the same core (see `labeling.core.effort`) count as one, and the most probable variant is shown: guidelines
and annotators are inconsistent about articles and prepositions, and none of three uncertain variants would pass the
threshold alone. Probabilities are calibrated on the same documents (Platt 1999), since neighbouring tokens are less
independent than the tags assume. A score is thus the probability that the span is right up to articles and
prepositions.
"""

import bisect
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy
from numpy.typing import NDArray
from spacy.tokens import Doc

from labeling.core.effort import core
from labeling.core.value import Value
from labeling.nlp.events.spans import BREAK_EVEN
from labeling.nlp.learn.knowledge import bounds
from labeling.nlp.learn.tags import MISSING, ScoredSpan, Tags, TokenSpan, normalised

Floats = NDArray[numpy.float32]
Opinions = Mapping[str, Floats]  # name of an expert → its log-probabilities of a document's tags, shape (tokens, width)

MIN_SPANS = 40  # of a label, for it to have its own calibration
REGULARIZATION = 1.0  # scikit-learn's C, for the calibration
SMOOTHING = 0.01  # the least probability of a tag by an expert that only gives spans


class Calibration(Value):
    """The calibrated probability of a span is 1 / (1 + exp(−(slope · log-odds + intercept of its label)))."""

    slope: float = 1.0
    intercepts: dict[str, float]


@dataclass(frozen=True)
class Mixture:
    """The weights of the experts by name, and the calibration of their mixture."""

    weights: Mapping[str, float]
    calibration: Calibration

    def logs(self, opinions: Opinions, tags: Tags) -> Floats:
        """The mixed log-probabilities; shape (tokens, width)."""
        weighted = [self.weights[name] * logs for name, logs in opinions.items() if self.weights.get(name)]
        return normalised(numpy.sum(weighted, axis=0), tags)

    def candidates(self, opinions: Opinions, tags: Tags, doc: Doc) -> list[ScoredSpan]:
        """The candidate spans of a document, one for each core, with uncalibrated probabilities."""
        return merged_by_core(tags.candidates(self.logs(opinions, tags), bounds(doc)), doc)

    def spans(self, opinions: Opinions, tags: Tags, doc: Doc, thresholds: Mapping[str, float]) -> list[ScoredSpan]:
        """The spans above their thresholds, calibrated and in text order; spans of one layer do not overlap."""
        return chosen(self.calibrated(self.candidates(opinions, tags, doc)), tags, thresholds)

    def calibrated(self, likely: Iterable[ScoredSpan]) -> list[ScoredSpan]:
        """The spans with calibrated probabilities."""
        return [span._replace(p=_probability(self.calibration, span)) for span in likely]


def merged_by_core(likely: Iterable[ScoredSpan], doc: Doc) -> list[ScoredSpan]:
    """The most probable of the spans with the same label and core, with the sum of their probabilities."""
    best: dict[tuple[int, int, str], ScoredSpan] = {}
    p: Counter[tuple[int, int, str]] = Counter()
    for span, key in zip(likely := list(likely), cores(likely, doc), strict=True):
        p[key] += span.p  # type: ignore[assignment]  # a Counter also sums floats
        if key not in best or span.p > best[key].p:
            best[key] = span
    return [span._replace(p=min(1.0, p[key])) for key, span in best.items()]


def cores(spans: Iterable[ScoredSpan | TokenSpan], doc: Doc) -> list[tuple[int, int, str]]:
    """The core of each span, in code points of the text, with its label."""
    text = doc.text
    return [(*core(text, doc[s.start].idx, doc[s.end - 1].idx + len(doc[s.end - 1])), s.label) for s in spans]


def chosen(likely: Iterable[ScoredSpan], tags: Tags, thresholds: Mapping[str, float]) -> list[ScoredSpan]:
    """The spans of each layer, without overlaps, with the greatest total excess over their thresholds."""
    layer_of = {label: number for number, layer in enumerate(tags.layers) for label in layer}
    layers: list[list[ScoredSpan]] = [[] for _ in tags.layers]
    for span in likely:
        if span.p > thresholds.get(span.label, BREAK_EVEN):
            layers[layer_of[span.label]].append(span)
    return sorted(span for layer in layers for span in _best_without_overlap(layer, thresholds))


def _best_without_overlap(spans: list[ScoredSpan], thresholds: Mapping[str, float]) -> list[ScoredSpan]:
    """The non-overlapping spans with the greatest gain (weighted interval scheduling)."""
    spans = sorted(spans, key=lambda span: (span.end, span.start))
    ends = [span.end for span in spans]
    gains, before = [0.0], []
    for number, span in enumerate(spans):
        free = bisect.bisect_right(ends, span.start, 0, number)
        gain = gains[free] + span.p - thresholds.get(span.label, BREAK_EVEN)
        before.append(free if gain > gains[-1] else -1)
        gains.append(max(gain, gains[-1]))
    found, at = [], len(spans)
    while at:
        if before[at - 1] < 0:
            at -= 1
        else:
            found.append(spans[at - 1])
            at = before[at - 1]
    return found


def as_logs(shown: Iterable[ScoredSpan], tokens: int, tags: Tags) -> Floats:
    """The log-probabilities of tags for an expert that only gives scored spans."""
    found = numpy.full((tokens, tags.width), SMOOTHING, dtype=numpy.float32)
    for columns in tags.columns:
        found[:, columns.start] = 1
    outside = {
        label: columns.start for layer, columns in zip(tags.layers, tags.columns, strict=True) for label in layer
    }
    for start, end, label, p in shown:
        if begin := tags.begins.get(label):
            sure = min(1 - SMOOTHING, max(SMOOTHING, p))
            found[start:end, outside[label]] = 1 - sure
            found[start, begin] = sure
            found[start + 1 : end, begin + 1] = sure
    return normalised(numpy.log(found), tags)


def fit(predicted: Sequence[Opinions], tagged: Sequence[NDArray[Any]], tags: Tags) -> dict[str, float]:
    """The weights that maximize the likelihood of the documents' known tags, without those near 0."""
    from scipy.optimize import minimize

    names = sorted({name for each in predicted for name in each})
    joined = [numpy.concatenate([each[name] for each in predicted]) for name in names]
    stacked = numpy.stack(joined).astype(numpy.float64)
    wanted = numpy.concatenate(list(tagged))
    layers = [
        (stacked[:, known, columns], wanted[known, layer])
        for layer, columns in enumerate(tags.columns)
        if (known := wanted[:, layer] != MISSING).any()
    ]
    number = max(1, sum(len(right) for _, right in layers))

    def loss(weights: NDArray[numpy.float64]) -> tuple[float, NDArray[numpy.float64]]:
        total, slope = 0.0, numpy.zeros(len(names))
        for logs, right in layers:
            summed = numpy.tensordot(weights, logs, axes=1)
            summed -= summed.max(axis=1, keepdims=True)
            p = numpy.exp(summed)
            norm = p.sum(axis=1, keepdims=True)
            rows = numpy.arange(len(right))
            total -= float((summed[rows, right] - numpy.log(norm[:, 0])).sum())
            slope += (logs * (p / norm)).sum(axis=(1, 2)) - logs[:, rows, right].sum(axis=1)
        return total / number, slope / number

    start = numpy.full(len(names), 1 / len(names))
    done = minimize(loss, start, jac=True, bounds=[(0, 2)] * len(names), method="L-BFGS-B")
    return {name: round(float(weight), 4) for name, weight in zip(names, done.x, strict=True) if weight > 0.005}


def calibrate(
    likely: Sequence[Sequence[ScoredSpan]],
    gold: Sequence[Iterable[TokenSpan]],
    docs: Sequence[Doc],
    labels: Sequence[str],
) -> Calibration:
    """The calibration that fits the candidates' probabilities to how often their cores are right."""
    from sklearn.linear_model import LogisticRegression

    spans = [span for each in likely for span in each]
    right = [
        key in wanted
        for each, known, doc in zip(likely, gold, docs, strict=True)
        for wanted in [set(cores(known, doc))]
        for key in cores(each, doc)
    ]
    if len(set(right)) < 2:
        return Calibration(intercepts={})
    own = [label for label in labels if sum(span.label == label for span in spans) >= MIN_SPANS]
    inputs = numpy.array([[_odds(span.p), *(span.label == label for label in own)] for span in spans])
    model = LogisticRegression(C=REGULARIZATION).fit(inputs, right)
    slope, *more = model.coef_[0].tolist()
    base = float(model.intercept_[0])
    given = {label: round(base + extra, 4) for label, extra in zip(own, more, strict=True)}
    return Calibration(
        slope=round(max(0.05, slope), 4), intercepts={label: given.get(label, round(base, 4)) for label in labels}
    )


def _odds(p: float) -> float:
    p = min(max(p, 1e-5), 1 - 1e-5)
    return float(numpy.log(p / (1 - p)))


def _probability(calibration: Calibration, span: ScoredSpan) -> float:
    odds = calibration.slope * _odds(span.p) + calibration.intercepts.get(span.label, 0.0)
    return float(1 / (1 + numpy.exp(-odds)))
