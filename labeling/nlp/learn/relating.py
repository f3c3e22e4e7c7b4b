"""Reviewed documents and the spans predicted for them → the model of their relations."""

from collections import Counter
from collections.abc import Sequence

from spacy.language import Language
from spacy.tokens import Span

from labeling.core.schema import LabelSchema
from labeling.nlp.events.component import KEY, EventRelations, lexicon_of
from labeling.nlp.events.files import Files
from labeling.nlp.events.lexicon import Lexicon
from labeling.nlp.learn.mixture import cores
from labeling.nlp.learn.prepared import GoldDoc
from labeling.nlp.learn.relation_features import Rules
from labeling.nlp.learn.relation_training import fit
from labeling.nlp.learn.relations import Example, RelationModel
from labeling.nlp.learn.tags import ScoredSpan


def fit_relations(
    nlp: Language,
    golds: Sequence[GoldDoc],
    found: Sequence[Sequence[ScoredSpan]],
    schema: LabelSchema,
    rules: Files | None,
    seed: int,
) -> RelationModel | None:
    """The relation model; None if the schema has no relations.

    It is trained on spans that were predicted for unseen documents, since those are what it will be given.
    """
    if not schema.relations:
        return None
    examples = [_example(gold, spans) for gold, spans in zip(golds, found, strict=True)]
    return fit(examples, schema, rules_of(nlp, rules), lexicon_for(rules), seed)


def rules_of(nlp: Language, rules: Files | None) -> Rules | None:
    """The shipped rules as a function of spans; None if the schema has none."""
    return EventRelations(nlp, rules, KEY).between if rules else None


def lexicon_for(rules: Files | None) -> Lexicon | None:
    """The lexicon of the rules; None if there are no rules."""
    return lexicon_of(rules) if rules else None


def _example(gold: GoldDoc, found: Sequence[ScoredSpan]) -> Example:
    doc = gold.doc
    spans = [Span(doc, one.start, one.end, label=one.label) for one in found]
    by_core = {key: index for index, key in enumerate(cores(found, doc))}
    index = dict(zip(gold.spans, map(by_core.get, cores(gold.spans.values(), doc)), strict=True))
    relations, missed = [], Counter[str]()
    for relation in gold.labeled.relations:
        head, tail = index.get(relation.head), index.get(relation.tail)
        if head is None or tail is None:
            missed[relation.label] += 1
        else:
            relations.append((head, tail, relation.label))
    return Example(doc, spans, relations, [one.p for one in found], missed, gold.unknown)
