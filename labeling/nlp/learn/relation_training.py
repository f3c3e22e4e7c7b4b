"""Reviewed documents → a relation model; each relation is left to the rules unless the learned weights are better."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy
from numpy.typing import NDArray

from labeling.core.schema import LabelSchema
from labeling.nlp.events.lexicon import Lexicon
from labeling.nlp.hashes import places_in
from labeling.nlp.learn.relation_features import Rules
from labeling.nlp.learn.relation_pairs import PairFinder, Pairs, sentences_of
from labeling.nlp.learn.relation_vectors import Projection
from labeling.nlp.learn.relations import (
    NUMBERS,
    PRIOR_PRECISION,
    Example,
    Floats,
    RelationModel,
    RelationReport,
    Weights,
    rivalry,
)

Bools = NDArray[numpy.bool_]
FOLDS = 5
STRENGTHS = (0.03, 0.1, 0.3, 1.0)  # scikit-learn's C
VECTOR_STRENGTH = 0.01  # the same for the regression over vectors
RULE_SCALE = 3.0  # what the rules say counts from the beginning: a weight on it is held back 9 times less than another
MIN_COUNT = 2  # pairs with a feature, for it to get a weight
BEYOND_WINDOW = 0.02  # the share of the gold relations that may lie beyond the window
MAX_WINDOW = 3  # sentences
MIN_THRESHOLD = 0.05
PRIOR_COUNT = 4  # pseudo-count that smooths the precision of the rules towards PRIOR_PRECISION
CONFIDENCE = 0.75  # the share of bootstrap resamples in which learned weights must beat the rules
RESAMPLES = 1000
TOLERANCE, ITERATIONS = 1e-3, 300


@dataclass
class Table:
    """The pairs of all documents in one table, the input of the regressions.

    Attributes:
        pairs: The pairs of each document.
        features: Which pair has which feature, as a sparse matrix; shape (pairs, features).
        values: The hashes of the features, ascending.
        pooled: The pooled vectors of each pair; shape (pairs, 0) without vectors.
        document: The index of each pair's document.
        known: Whether each pair was reviewed.
        right: Relation label → whether the gold has it for each pair.
        missed: Relation label → the number of gold relations of each document that are not among the pairs.
        legal: Relation label → whether each pair was reviewed and the schema allows the relation for it.
        by_rules: Relation label → whether the rules give it for each pair.
    """

    pairs: list[Pairs]
    features: Any
    values: NDArray[numpy.uint64]
    pooled: Floats
    document: NDArray[numpy.int64]
    known: Bools
    right: Mapping[str, Bools]
    missed: Mapping[str, NDArray[numpy.int64]]
    legal: Mapping[str, Bools] = field(init=False)
    by_rules: Mapping[str, Bools] = field(init=False)

    def __post_init__(self) -> None:
        names = self.right.keys()
        self.legal = {name: _joined([p.legal[name] for p in self.pairs]) & self.known for name in names}
        self.by_rules = {name: _joined([p.by_rules[name] for p in self.pairs]) for name in names}


def fit(
    examples: Sequence[Example],
    schema: LabelSchema,
    rules: Rules | None = None,
    lexicon: Lexicon | None = None,
    seed: int = 0,
) -> RelationModel:
    """The model fitted to reviewed documents; the same seed gives the same model. Needs scikit-learn.

    Args:
        examples: The documents. With few of them, or none, more relations are left to the rules.
        schema: The relations, and the labels that they may join.
        rules: The shipped rules (`EventRelations.between`); None if there are none.
        lexicon: The lexicon of the rules; None if there is none.
        seed: The seed of the folds and the bootstrap.
    """
    projection = Projection.fit([example.doc for example in examples])
    finder = PairFinder(schema, rules, lexicon, projection)
    window = _window(examples)
    table = _table(examples, finder, window)
    folds = _folds(len(examples), seed)
    weights = {name: _by_rules(table, name, rules is not None) for name in schema.relations}
    learnable = [name for name in schema.relations if _is_learnable(table, name, folds)]
    odds = {}
    for name in learnable:
        odds[name], weights[name] = _fit_first(table, name, folds, weights[name], seed)
    numbers = _rivalries(table, odds)
    report = []
    for name in schema.relations:
        rule_counts = _counts(table, name, table.by_rules[name])
        best, f = weights[name], None
        if name in odds:
            judged = _cross_validated(table, name, numbers[name], folds)
            f = _f(judged.sum(axis=0))
            if rules is None or _is_better(judged, rule_counts, seed):
                best = replace(_fit_second(table, name, numbers[name], table.legal[name], best), source="learned")
        weights[name] = best
        gold = int(rule_counts[:, 2].sum())
        report.append(
            RelationReport(name, gold, round(_f(rule_counts.sum(axis=0)), 4), f, round(best.threshold, 4), best.source)
        )
    return RelationModel(schema, weights, window, report, projection=projection, rules=rules, lexicon=lexicon)


def _window(examples: Sequence[Example]) -> int:
    """The window in sentences that covers nearly all gold relations."""
    far = []
    for example in examples:
        numbers = sentences_of(example.doc)
        far += [
            abs(int(numbers[example.spans[h].start] - numbers[example.spans[t].start])) for h, t, _ in example.relations
        ]
    return min(MAX_WINDOW, int(numpy.quantile(far, 1 - BEYOND_WINDOW, method="lower"))) if far else 0


def _table(examples: Sequence[Example], finder: PairFinder, window: int) -> Table:
    from scipy.sparse import csr_matrix

    names = finder.schema.relations
    pairs = [finder(e.doc, e.spans, e.scores, window) for e in examples]
    right: dict[str, list[Bools]] = {name: [] for name in names}
    missed = {name: numpy.zeros(len(examples), dtype=numpy.int64) for name in names}
    known: list[Bools] = []
    for number, (example, some) in enumerate(zip(examples, pairs, strict=True)):
        gold = set(example.relations)
        ends = list(zip(some.heads.tolist(), some.tails.tolist(), strict=True))
        is_unknown = [
            any(span.start < end and start < span.end for start, end in example.unknown) for span in example.spans
        ]
        known.append(numpy.array([not (is_unknown[h] or is_unknown[t]) for h, t in ends], dtype=bool))
        for name in names:
            hit = numpy.array([(h, t, name) in gold for h, t in ends], dtype=bool) & some.legal[name]
            right[name].append(hit)
            total = sum(label == name for _, _, label in gold)
            missed[name][number] = total - hit.sum() + example.missed.get(name, 0)
    width = max((p.hashed.shape[1] for p in pairs), default=0)
    hashed = _joined([p.hashed for p in pairs if len(p.heads)], numpy.zeros((0, width), numpy.uint64))
    seen, counts = numpy.unique(hashed, return_counts=True)
    values = seen[(counts >= MIN_COUNT) & (seen > 0)]
    places, hit = places_in(values, hashed)
    rows, _ = numpy.nonzero(hit)
    shape = (len(hashed), len(values))
    features = csr_matrix((numpy.ones(len(rows), dtype=numpy.float32), (rows, places[hit])), shape=shape)
    document = numpy.repeat(numpy.arange(len(examples)), [len(p.heads) for p in pairs])
    pooled = _joined([p.pooled for p in pairs], numpy.zeros((0, 0), numpy.float32))
    return Table(
        pairs, features, values, pooled, document, _joined(known), {n: _joined(r) for n, r in right.items()}, missed
    )


def _joined(arrays: Sequence[Any], empty: Any = None) -> Any:
    return numpy.concatenate(arrays) if arrays else numpy.zeros(0, dtype=bool) if empty is None else empty


def _folds(documents: int, seed: int) -> NDArray[numpy.int64]:
    """The fold of each document."""
    found: NDArray[numpy.int64] = numpy.random.default_rng(seed).permutation(numpy.arange(documents) % FOLDS)
    return found


def _is_learnable(table: Table, name: str, folds: NDArray[numpy.int64]) -> bool:
    """Whether the training set of every fold has both right and wrong pairs."""
    rows = table.legal[name]
    fold = folds[table.document]
    return len(set(folds.tolist())) > 1 and all(
        len(set(table.right[name][rows & (fold != one)].tolist())) == 2 for one in set(folds.tolist())
    )


def _by_rules(table: Table, name: str, are_there: bool) -> Weights:
    if not are_there:
        return Weights()
    shown = table.by_rules[name] & table.legal[name]
    precision = ((shown & table.right[name]).sum() + PRIOR_COUNT * PRIOR_PRECISION) / (shown.sum() + PRIOR_COUNT)
    return Weights(source="rules", precision=round(float(precision), 6), threshold=0.0)


def _fit_first(
    table: Table, name: str, folds: NDArray[numpy.int64], weights: Weights, seed: int
) -> tuple[Floats, Weights]:
    """The log-odds of each pair by the other folds, and the weights fitted to all of them.

    The vectors have a regression of their own, since together with their many numbers the hashed features would count
    less. A third regression weighs both. If it does not raise the likelihood of held-out documents, the vectors are
    left out.
    """
    from scipy.sparse import csr_matrix, hstack

    rows, right, fold = table.legal[name], table.right[name], folds[table.document]
    features = hstack(
        [table.features, csr_matrix(RULE_SCALE * table.by_rules[name][:, None].astype(numpy.float32))], format="csr"
    )
    tried = [(strength, _held_out_odds(features, right, rows, fold, strength, seed)) for strength in STRENGTHS]
    strength, odds = min(tried, key=lambda one: _loss(one[1], right, rows))
    model = _regression(features[numpy.flatnonzero(rows)], right[rows], strength, seed)
    coefficients, intercept = model.coef_[0], model.intercept_[0]
    if table.pooled.shape[1]:
        both = numpy.column_stack((odds, _held_out_odds(table.pooled, right, rows, fold, VECTOR_STRENGTH, seed)))
        mixed = _held_out_odds(both, right, rows, fold, 1.0, seed)
        if _loss(mixed, right, rows) < _loss(odds, right, rows):
            by_vectors = _regression(table.pooled[rows], right[rows], VECTOR_STRENGTH, seed)
            mix = _regression(both[rows], right[rows], 1.0, seed)
            of_symbols, of_vectors = mix.coef_[0]
            coefficients = of_symbols * coefficients
            intercept = of_symbols * intercept + of_vectors * by_vectors.intercept_[0] + mix.intercept_[0]
            weights = replace(weights, pooled=(of_vectors * by_vectors.coef_[0]).astype(numpy.float32))
            odds = mixed
    used = coefficients[:-1] != 0
    return odds, replace(
        weights,
        values=table.values[used],
        weights=coefficients[:-1][used].astype(numpy.float32),
        said=float(RULE_SCALE * coefficients[-1]),
        intercept=float(intercept),
    )


def _held_out_odds(
    features: Any, right: Bools, rows: Bools, fold: NDArray[numpy.int64], strength: float, seed: int
) -> Floats:
    """The log-odds of each pair by a regression fitted to the `rows` of the other folds."""
    odds = numpy.zeros(len(rows), dtype=numpy.float32)
    for one in range(int(fold.max()) + 1):
        learn, judge = numpy.flatnonzero(rows & (fold != one)), numpy.flatnonzero(fold == one)
        if len(judge):
            model = _regression(features[learn], right[learn], strength, seed)
            odds[judge] = model.decision_function(features[judge])
    return odds


def _loss(odds: Floats, right: Bools, rows: Bools) -> float:
    """The mean negative log-likelihood of the rows."""
    return float(numpy.logaddexp(0, numpy.where(right, -odds, odds))[rows].mean())


def _regression(features: Any, right: Bools, strength: float, seed: int) -> Any:
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(C=strength, max_iter=ITERATIONS, tol=TOLERANCE, random_state=seed).fit(features, right)


def _rivalries(table: Table, odds: Mapping[str, Floats]) -> dict[str, Floats]:
    """The inputs of the second regression for all pairs, by relation."""
    ends = numpy.cumsum([0, *(len(p.heads) for p in table.pairs)])
    found: dict[str, Floats] = {}
    for name in odds:
        arrays = [
            rivalry({n: o[first:last] for n, o in odds.items()}, name, pairs)
            for pairs, first, last in zip(table.pairs, ends[:-1], ends[1:], strict=True)
            if last > first
        ]
        found[name] = _joined(arrays, numpy.zeros((0, NUMBERS), numpy.float32))
    return found


def _fit_second(table: Table, name: str, numbers: Floats, rows: Bools, weights: Weights) -> Weights:
    """The weights completed by those of the second regression, and by the threshold with the best F."""
    model = _regression(numbers[rows], table.right[name][rows], 1.0, 0)
    decision = numpy.append(model.coef_[0], model.intercept_).astype(numpy.float32)
    found = replace(weights, decision=decision)
    missed = table.missed[name][numpy.unique(table.document[rows])].sum()
    threshold = _best_threshold(found.probabilities(numbers[rows]), table.right[name][rows], int(missed))
    return replace(found, threshold=threshold)


def _best_threshold(p: Floats, right: Bools, missed: int) -> float:
    """The threshold with the best F, counting `missed` relations as not found.

    With few pairs the empirical optimum is noisy. For true probabilities it is half of the best F (Lipton, Elkan and
    Naryanaswamy, Optimal Thresholding of Classifiers to Maximize F1 Measure, 2014), so the mean of both is taken.
    """
    order = numpy.argsort(-p, kind="stable")
    hits = numpy.cumsum(right[order])
    f = 2 * hits / (numpy.arange(1, len(order) + 1) + right.sum() + missed)
    best = int(numpy.argmax(f))
    below = float(p[order][best + 1]) if best + 1 < len(order) else 0.0
    found = (float(p[order][best]) + below) / 2
    return max(MIN_THRESHOLD, (found + float(f[best]) / 2) / 2)


def _cross_validated(table: Table, name: str, numbers: Floats, folds: NDArray[numpy.int64]) -> NDArray[numpy.int64]:
    """The counts of each document, with a second regression and a threshold fitted to the other folds."""
    fold = folds[table.document]
    shown = numpy.zeros(len(fold), dtype=bool)
    for one in range(int(folds.max()) + 1):
        judge = fold == one
        decided = _fit_second(table, name, numbers, table.legal[name] & ~judge, Weights())
        shown[judge] = decided.probabilities(numbers[judge]) >= decided.threshold
    return _counts(table, name, shown)


def _counts(table: Table, name: str, shown: Bools) -> NDArray[numpy.int64]:
    """The numbers of right, shown and gold relations of each document; shape (documents, 3)."""
    rows, size = table.legal[name], len(table.pairs)
    right = table.right[name]
    counts = [numpy.bincount(table.document[rows & some], minlength=size) for some in (shown & right, shown, right)]
    counts[2] = counts[2] + table.missed[name]
    found: NDArray[numpy.int64] = numpy.stack(counts, axis=1)
    return found


def _f(counts: NDArray[numpy.int64]) -> float:
    hits, shown, gold = counts.tolist()
    return 2 * hits / (shown + gold) if shown + gold else 0.0


def _is_better(one: NDArray[numpy.int64], other: NDArray[numpy.int64], seed: int) -> bool:
    """Whether the first counts have a better F in enough resamples of the documents (paired bootstrap)."""
    chosen = numpy.random.default_rng(seed).integers(0, len(one), (RESAMPLES, len(one)))
    a, b = one[chosen].sum(axis=1), other[chosen].sum(axis=1)
    f = [2 * c[:, 0] / numpy.maximum(1, c[:, 1] + c[:, 2]) for c in (a, b)]
    return float((f[0] > f[1]).mean()) >= CONFIDENCE
