"""How much to trust each part: log-probabilities are added by weights, and what comes out is made a probability.

Each part says how likely each tag of each token is. The mixture is a logarithmic opinion pool (Genest and Zidek, 1986):
the weighted sum of the parts' log-probabilities, normalised. The weights are those under which the reviewed tags are
likeliest, judged on documents that the parts had not seen (stacked generalization, Wolpert 1992), and not below 0.

Spans that have the same core (see `labeling.core.effort`) count as one, whose likeliest variant is shown: guidelines
and annotators waver over articles and prepositions, and none of three unsure variants would be likely enough by itself.
Their probability is calibrated on the same documents (Platt 1999), since neighbouring tokens are not as independent as
the tags take them to be. So a score is the probability that the span is right but for articles and prepositions.
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
from labeling.nlp.learn.knowledge import bounds
from labeling.nlp.learn.tags import MISSING, Likely, Tags, Tokens, normalised

Floats = NDArray[numpy.float32]
Parts = Mapping[str, Floats]  # name → log-probabilities of a document's tags, shape (tokens, width)

PAYS = 1 / 3  # a wrong span costs one gesture, a missing one two: from here on a span pays
ENOUGH = 40  # spans that a label needs for a calibration of its own
HELD_BACK = 1.0  # scikit-learn's C of the calibration
UNSURE = 0.01  # what a part that only shows spans is taken to be wrong by, where it shows none


class Calibration(Value):
    """The probability of a span: 1 / (1 + exp(−(slope · log-odds + intercept of its label)))."""

    slope: float = 1.0
    intercepts: dict[str, float]


@dataclass(frozen=True)
class Mixture:
    """Weights of the parts, by their names, and the calibration of what they say together."""

    weights: Mapping[str, float]
    calibration: Calibration

    def logs(self, parts: Parts, tags: Tags) -> Floats:
        """What the parts say together; shape (tokens, width)."""
        heard = [self.weights[name] * parts[name] for name in self._heard(parts)]
        return normalised(numpy.sum(heard, axis=0), tags)

    def _heard(self, parts: Parts) -> list[str]:
        """The parts that have a weight, all of them where none has."""
        return [name for name in parts if self.weights.get(name)]

    def likely(self, parts: Parts, tags: Tags, doc: Doc) -> list[Likely]:
        """The spans of a document that are worth a look, one of each core, with probabilities yet to be calibrated."""
        return one_a_core(tags.likely(self.logs(parts, tags), bounds(doc)), doc)

    def spans(self, parts: Parts, tags: Tags, doc: Doc, thresholds: Mapping[str, float]) -> list[Likely]:
        """The spans that pay, in order of text, with calibrated probabilities; those of a layer do not overlap."""
        return chosen(self.calibrated(self.likely(parts, tags, doc)), tags, thresholds)

    def calibrated(self, likely: Iterable[Likely]) -> list[Likely]:
        """The same spans with the probability that they are right."""
        return [span._replace(p=_probability(self.calibration, span)) for span in likely]


def one_a_core(likely: Iterable[Likely], doc: Doc) -> list[Likely]:
    """Of the spans of a label that share a core the likeliest, with the probability of all of them."""
    best: dict[tuple[int, int, str], Likely] = {}
    p: Counter[tuple[int, int, str]] = Counter()
    for span, key in zip(likely := list(likely), cores(likely, doc), strict=True):
        p[key] += span.p  # type: ignore[assignment]  # a Counter adds up fractions too
        if key not in best or span.p > best[key].p:
            best[key] = span
    return [span._replace(p=min(1.0, p[key])) for key, span in best.items()]


def cores(spans: Iterable[Likely | Tokens], doc: Doc) -> list[tuple[int, int, str]]:
    """The core of each span, in code points of the text, with its label."""
    text = doc.text
    return [(*core(text, doc[s.start].idx, doc[s.end - 1].idx + len(doc[s.end - 1])), s.label) for s in spans]


def chosen(likely: Iterable[Likely], tags: Tags, thresholds: Mapping[str, float]) -> list[Likely]:
    """Of each layer the spans, none overlapping, by which most is gained: what each is above its threshold."""
    layer_of = {label: number for number, layer in enumerate(tags.layers) for label in layer}
    layers: list[list[Likely]] = [[] for _ in tags.layers]
    for span in likely:
        if span.p > thresholds.get(span.label, PAYS):
            layers[layer_of[span.label]].append(span)
    return sorted(span for layer in layers for span in _side_by_side(layer, thresholds))


def _side_by_side(spans: list[Likely], thresholds: Mapping[str, float]) -> list[Likely]:
    """Weighted interval scheduling."""
    spans = sorted(spans, key=lambda span: (span.end, span.start))
    ends = [span.end for span in spans]
    gains, before = [0.0], []
    for number, span in enumerate(spans):
        free = bisect.bisect_right(ends, span.start, 0, number)
        gain = gains[free] + span.p - thresholds.get(span.label, PAYS)
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


def as_logs(shown: Iterable[Likely], tokens: int, tags: Tags) -> Floats:
    """The log-probabilities of a part that only shows spans, each with a score."""
    found = numpy.full((tokens, tags.width), UNSURE, dtype=numpy.float32)
    for columns in tags.columns:
        found[:, columns.start] = 1
    place = {
        label: columns.start + 2 * number + 1
        for layer, columns in zip(tags.layers, tags.columns, strict=True)
        for number, label in enumerate(layer)
    }
    outside = {
        label: columns.start for layer, columns in zip(tags.layers, tags.columns, strict=True) for label in layer
    }
    for start, end, label, p in shown:
        if label in place:
            sure = min(1 - UNSURE, max(UNSURE, p))
            found[start:end, outside[label]] = 1 - sure
            found[start, place[label]] = sure
            found[start + 1 : end, place[label] + 1] = sure
    return normalised(numpy.log(found), tags)


def fit(parts: Sequence[Parts], tagged: Sequence[NDArray[Any]], tags: Tags) -> dict[str, float]:
    """The weights under which the known tags of the documents are likeliest; parts that do not help have 0."""
    from scipy.optimize import minimize

    names = sorted({name for each in parts for name in each})
    stacked = numpy.stack([numpy.concatenate([each[name] for each in parts]) for name in names]).astype(numpy.float64)
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
    likely: Sequence[Sequence[Likely]], gold: Sequence[Iterable[Tokens]], docs: Sequence[Doc], labels: Sequence[str]
) -> Calibration:
    """The calibration by which the spans of the documents are as likely as their cores are right."""
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
    own = [label for label in labels if sum(span.label == label for span in spans) >= ENOUGH]
    grounds = numpy.array([[_odds(span.p), *(span.label == label for label in own)] for span in spans])
    model = LogisticRegression(C=HELD_BACK).fit(grounds, right)
    slope, *more = model.coef_[0].tolist()
    base = float(model.intercept_[0])
    given = {label: round(base + extra, 4) for label, extra in zip(own, more, strict=True)}
    return Calibration(
        slope=round(max(0.05, slope), 4), intercepts={label: given.get(label, round(base, 4)) for label in labels}
    )


def _odds(p: float) -> float:
    p = min(max(p, 1e-5), 1 - 1e-5)
    return float(numpy.log(p / (1 - p)))


def _probability(calibration: Calibration, span: Likely) -> float:
    odds = calibration.slope * _odds(span.p) + calibration.intercepts.get(span.label, 0.0)
    return float(1 / (1 + numpy.exp(-odds)))
