"""Articles → documents with predicted labels: events, entities, and matches of patterns."""

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import cast, get_args

from spacy.language import Language
from spacy.matcher import Matcher
from spacy.tokens import Doc
from spacy.tokens import Span as Tokens

from labeling.core.article import Article
from labeling.core.labels import LabeledDoc, Relation, Span
from labeling.core.offsets import overlaps, trim, without_overlap
from labeling.core.preannotate import Element
from labeling.core.schema import LabelSchema, Pattern
from labeling.errors import ModelError, SchemaError
from labeling.nlp.bases import parser_for
from labeling.nlp.events.component import KEY, EventRelations, EventSpans, lexicon_of
from labeling.nlp.events.files import Files
from labeling.nlp.events.headlines import in_sentence_case
from labeling.nlp.events.lexicon import Lexicon
from labeling.nlp.events.sources import of_model
from labeling.nlp.gold import SPANS_KEY
from labeling.nlp.learn.component import SPANS, LearnedSpans
from labeling.nlp.lineage import NAME
from labeling.nlp.load import load
from labeling.nlp.normal import with_normal_forms
from labeling.nlp.pipelines import has_rules
from labeling.nlp.words import make_doc

# An entity that runs over a line end has swallowed a heading or the next paragraph.
LINE_END = "\n"
# The components of a pipeline in whose documents the rules can find events.
PARSED = frozenset({"tagger", "parser", "ner"})
META, SOURCE = "meta", "source"  # a span's attributes: {"meta": {"source": …}}


def annotate(nlp: Language, schema: LabelSchema, articles: Iterable[Article]) -> Iterator[LabeledDoc]:
    """Each article, in order, with its predicted spans and relations.

    If the schema has a `[preannotate]` and the pipeline parses, spans and relations are those of `labeling.nlp.events`.
    Text that they do not cover is filled by entities, with the labels that the schema maps them to, and then by matches
    of the labels' patterns. Spans do not overlap. Their ids depend only on the article and the span, so they are the
    same in every run. With a model that was trained on the schema's labels alone, the language's own pipeline parses,
    if it is installed.

    Raises:
        SchemaError: A pattern of the schema is not valid, or a file that it names does not exist.
        ModelError: A pattern needs something that the pipeline does not predict, such as parts of speech.
    """
    return annotator(nlp, schema)(articles)


def annotator(nlp: Language, schema: LabelSchema) -> Callable[[Iterable[Article]], Iterator[LabeledDoc]]:
    """`annotate` for this pipeline and schema, prepared once for many calls."""
    _check_labels(nlp, schema)
    matchers = pattern_matchers(nlp, schema)
    events = event_finder(nlp, schema)
    parse = events.nlp if events else nlp
    mapped = schema.label_of_entity.keys() - (events.entities if events else frozenset())

    def annotated(articles: Iterable[Article]) -> Iterator[LabeledDoc]:
        texts = ((events.readable(article.text) if events else article.text, article) for article in articles)
        docs = ((make_doc(parse, text), article) for text, article in texts)
        for doc, article in parse.pipe(docs, as_tuples=True):
            found = Predicted(article)
            if events:
                found.add_group(events(doc))
            found.add(_entities(doc, schema, mapped))
            found.add(_matches(doc, matchers))
            yield with_normal_forms(found.doc(), schema)

    return annotated


@dataclass(frozen=True)
class EventFinder:
    """Finds events in texts.

    Attributes:
        nlp: The pipeline that parses them; one of `labeling train` finds the events too.
        spans, relations: The rules that find the events in a parsed document; None if the pipeline has learned to.
        lexicon: The lexicon by which headlines get sentence case; None without rules.
        entities: The labels of entities that are left to it.
    """

    nlp: Language
    spans: EventSpans | None
    relations: EventRelations | None
    lexicon: Lexicon | None
    entities: frozenset[str]

    def readable(self, text: str) -> str:
        """The text in the form that parses best; offsets do not change."""
        return in_sentence_case(text, self.lexicon) if self.lexicon else text

    def __call__(self, doc: Doc) -> Doc:
        """The parsed document with its events, in `doc.spans["events"]`."""
        return self.relations(self.spans(doc)) if self.spans and self.relations else doc


def _check_labels(nlp: Language, schema: LabelSchema) -> None:
    """Check that a model of `labeling train` was trained on labels of the schema.

    A model trained by spaCy alone may know other labels too, but at least one has to be in the schema.

    Raises:
        ModelError: It was trained on labels that the schema does not have.
    """
    unknown: set[str] = set()
    if nlp.has_pipe(SPANS):
        unknown = set(cast(LearnedSpans, nlp.get_pipe(SPANS)).labels) - schema.labels.keys()
    elif nlp.meta["name"] == NAME and not _trained_labels(nlp) & schema.label_of_entity.keys():
        unknown = _trained_labels(nlp)
    if unknown:
        raise ModelError(
            f"The model was trained on labels that the schema {schema.key} does not have: "
            f"{', '.join(sorted(unknown))}.",
            "Name the schema that it was trained with, or train a model on what was reviewed with this one.",
        )


def event_finder(nlp: Language, schema: LabelSchema) -> EventFinder | None:
    """The finder of the events that a schema asks for; None if it asks for none, or nothing parses."""
    if nlp.has_pipe(SPANS):
        rules = cast(LearnedSpans, nlp.get_pipe(SPANS)).rules
        return EventFinder(nlp, None, None, lexicon_of(rules) if rules else None, frozenset(schema.label_of_entity))
    parser = _parser(nlp, schema)
    if parser is None:
        return None
    learned = nlp if _is_trained_on(nlp, schema) else None
    nlp = load(parser) if parser else nlp
    files = Files.of(schema)
    spans, relations = EventSpans(nlp, files, KEY), EventRelations(nlp, files, KEY)
    if learned:
        spans.sources = (*spans.sources, of_model(learned, schema))
    labels = {getattr(files.wanted, element) for element in get_args(Element)}
    taken = {entity for entity, (label, _) in schema.label_of_entity.items() if label in labels}
    return EventFinder(nlp, spans, relations, spans.finder.describe.lexicon, frozenset(taken))


def finds_no_events(nlp: Language, schema: LabelSchema) -> str:
    """Why a schema's rules predict nothing with this pipeline; "" if they do, or there are no rules."""
    if not has_rules(schema) or nlp.has_pipe(SPANS) or _parser(nlp, schema) is not None:
        return ""
    return (
        "[preannotate] needs a pipeline that tags, parses and recognizes entities (tagger, parser, ner); the "
        f"model has {', '.join(nlp.pipe_names) or 'no components'}: no events are predicted."
    )


def _parser(nlp: Language, schema: LabelSchema) -> str | None:
    """The name of the pipeline that parses instead of this one; "" if this one parses, None if nothing does."""
    if not has_rules(schema):
        return None
    if set(nlp.pipe_names) >= PARSED:
        return ""
    if not _is_trained_on(nlp, schema):
        return None
    return parser_for(nlp.lang or "", PARSED)


def _is_trained_on(nlp: Language, schema: LabelSchema) -> bool:
    """Whether all labels that the pipeline has learned are in the schema; spaCy's own pipelines have "DATE" too."""
    labels = _trained_labels(nlp)
    return bool(labels) and labels <= schema.labels.keys()


def _trained_labels(nlp: Language) -> set[str]:
    return {label for name in ("ner", "spancat") for label in nlp.pipe_labels.get(name, ())}


class Predicted:
    """Collects the spans and relations of one article; spans that overlap earlier ones are left out."""

    def __init__(self, article: Article) -> None:
        self.article = article
        self.spans: list[Span] = []
        self.relations: list[Relation] = []
        self.score: float | None = None

    def doc(self) -> LabeledDoc:
        """The article with its spans and relations."""
        return LabeledDoc.of(self.article, tuple(self.spans), tuple(self.relations), score=self.score)

    def add_group(self, doc: Doc) -> None:
        """Add the events of a document."""
        group = doc.spans[KEY]
        self.score = round(group.attrs["saved"], 4)
        ids: dict[int, str] = {}
        scored = zip(group, group.attrs["scores"], group.attrs["sources"], strict=True)
        for number, (tokens, score, source) in enumerate(scored):
            if span := self.span(tokens, tokens.label_, round(score, 4), source):
                ids[number] = span.id
                self.spans.append(span)
        for head, tail, label in group.attrs["relations"]:
            if head in ids and tail in ids:
                self.relations.append(Relation(head=ids[head], tail=ids[tail], label=label))

    def add(self, found: Iterable[tuple[Tokens, str, float, str]]) -> None:
        """Add spans that overlap no other one, each given as tokens, label, score and source."""
        spans, _ = without_overlap(span for one in found if (span := self.span(*one)))
        free = [span for span in spans if not any(overlaps(span, other) for other in self.spans)]
        self.spans += free

    def span(self, tokens: Tokens, label: str, score: float, source: str) -> Span | None:
        """The tokens as a span, trimmed and cut off at a line end; None if nothing is left."""
        text = self.article.text
        start, end = trim(text, tokens.start_char, tokens.end_char)
        cut = text.find(LINE_END, start, end)
        start, end = trim(text, start, cut if cut >= 0 else end)
        if start >= end:
            return None
        key = f"{self.article.doc_id}\n{start}\n{end}\n{label}"
        span_id = hashlib.sha256(key.encode("utf-8")).hexdigest()[:10]
        return Span(id=span_id, start=start, end=end, label=label, score=score, attributes={META: _found_by(source)})


@lru_cache(maxsize=1_000)
def _found_by(source: str) -> dict[str, str]:
    """The attribute of a source, one object for all of its spans, of which a long article has hundreds of thousands."""
    return {SOURCE: source}


def pattern_matchers(nlp: Language, schema: LabelSchema) -> list[tuple[str, float, Matcher]]:
    """(label, score, matcher) for each pattern of the schema, except those of labels that the pipeline itself predicts.

    Raises:
        SchemaError: A pattern is not valid; the message says which and why.
    """
    learned = {label for labels in nlp.pipe_labels.values() for label in labels}
    return [
        (name, pattern.score, _matcher(nlp, name, pattern))
        for name, label in schema.labels.items()
        if name not in learned
        for pattern in label.patterns
    ]


def _matcher(nlp: Language, label: str, pattern: Pattern) -> Matcher:
    matcher = Matcher(nlp.vocab, validate=True)
    try:
        matcher.add(label, [list(pattern.pattern)], greedy="LONGEST")
    except ValueError as error:
        raise SchemaError(f"labels.{label}.patterns: {error}") from error
    return matcher


def _entities(doc: Doc, schema: LabelSchema, wanted: Iterable[str]) -> Iterator[tuple[Tokens, str, float, str]]:
    wanted = set(wanted)
    for entity in (*doc.ents, *doc.spans.get(SPANS_KEY, ())):  # by an entity recogniser, by a span categoriser
        if entity.label_ in wanted:
            yield entity, *schema.label_of_entity[entity.label_], f"entity {entity.label_}"


def _matches(doc: Doc, matchers: list[tuple[str, float, Matcher]]) -> Iterator[tuple[Tokens, str, float, str]]:
    for label, score, matcher in matchers:
        try:
            found = matcher(doc)
        except ValueError as error:
            raise ModelError(
                f"The model cannot be used with the patterns of {label}: {error}",
                "Name another with --model, or take those patterns out of the schema.",
            ) from error
        for _, start, end in found:
            yield doc[start:end], label, score, "pattern"
