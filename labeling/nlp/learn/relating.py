"""Reviewed documents and the spans that are found in them → the model of their relations."""

from collections import Counter
from collections.abc import Sequence

from spacy.language import Language
from spacy.tokens import Span

from labeling.core.schema import LabelSchema
from labeling.nlp.events.component import KEY, EventRelations, lexicon_of
from labeling.nlp.events.files import Files
from labeling.nlp.events.lexicon import Lexicon
from labeling.nlp.learn.mixture import cores
from labeling.nlp.learn.prepared import Gold
from labeling.nlp.learn.relation_features import Rules
from labeling.nlp.learn.relations import Example, RelationModel
from labeling.nlp.learn.tags import Likely


def relate(
    nlp: Language,
    golds: Sequence[Gold],
    found: Sequence[Sequence[Likely]],
    schema: LabelSchema,
    rules: Files | None,
    seed: int,
) -> RelationModel | None:
    """The model of the relations; None where the schema has none.

    It learns from the spans that were found in documents unseen, since those are what it will be given.
    """
    if not schema.relations:
        return None
    examples = [_example(gold, spans) for gold, spans in zip(golds, found, strict=True)]
    return RelationModel.fit(examples, schema, rules_of(nlp, rules), lexicon_for(rules), seed)


def rules_of(nlp: Language, rules: Files | None) -> Rules | None:
    """What the shipped rules say of spans; None where a schema has none."""
    return EventRelations(nlp, rules, KEY).between if rules else None


def lexicon_for(rules: Files | None) -> Lexicon | None:
    """What words name; None where nothing is known of the language."""
    return lexicon_of(rules) if rules else None


def _example(gold: Gold, found: Sequence[Likely]) -> Example:
    doc = gold.doc
    spans = [Span(doc, one.start, one.end, label=one.label) for one in found]
    number = {key: place for place, key in enumerate(cores(found, doc))}
    place = dict(zip(gold.spans, map(number.get, cores(gold.spans.values(), doc)), strict=True))
    relations, missed = [], Counter[str]()
    for relation in gold.labeled.relations:
        head, tail = place.get(relation.head), place.get(relation.tail)
        if head is None or tail is None:
            missed[relation.label] += 1
        else:
            relations.append((head, tail, relation.label))
    return Example(doc, spans, relations, [one.p for one in found], missed, gold.unknown)
