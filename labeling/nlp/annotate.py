"""Articles → documents with the labels that a pipeline and the schema's patterns give them."""

import hashlib
from collections.abc import Iterable, Iterator

from spacy.language import Language
from spacy.matcher import Matcher
from spacy.tokens import Doc
from spacy.tokens import Span as Tokens

from labeling.core.article import Article
from labeling.core.labels import LabeledDoc, Span
from labeling.core.offsets import overlaps, trim, without_overlap
from labeling.core.problem import Problem
from labeling.core.schema import LabelSchema, Pattern
from labeling.errors import ModelError, SchemaError
from labeling.nlp.gold import SPANS_KEY

# An entity that runs over a line end has swallowed a heading or the next paragraph.
LINE_END = "\n"


def annotate(nlp: Language, schema: LabelSchema, articles: Iterable[Article]) -> Iterator[LabeledDoc]:
    """Each article, in order, with its predicted spans.

    Entities become the label that they feed; matches of the labels' patterns fill what entities left free. Spans do not
    overlap, and their ids follow from the article and the span alone, so they are the same at every run.

    Raises:
        SchemaError: A pattern of the schema is not one that spaCy understands.
        ModelError: A pattern asks for something that the pipeline does not say, such as parts of speech.
    """
    matchers = pattern_matchers(nlp, schema)
    for doc, article in nlp.pipe(((article.text, article) for article in articles), as_tuples=True):
        entities, _ = without_overlap(_entities(doc, article, schema))
        matches, _ = without_overlap(_matches(doc, article, matchers))
        free = (m for m in matches if not any(overlaps(m, e) for e in entities))
        yield LabeledDoc.of(article, (*entities, *free))


def refusal(nlp: Language, article: Article) -> Problem | None:
    """Why the pipeline cannot take the article, or None."""
    if len(article.text) <= nlp.max_length:
        return None
    detail = (
        f"{len(article.text):,} characters are more than the pipeline takes ({nlp.max_length:,}); split the article"
    )
    return Problem(reason="too-long", action="refused", detail=detail, doc_id=article.doc_id)


def pattern_matchers(nlp: Language, schema: LabelSchema) -> list[tuple[str, float, Matcher]]:
    """(label, score, matcher) for each pattern of the schema.

    A label that the pipeline itself predicts, because it was trained on the schema, has none.

    Raises:
        SchemaError: spaCy does not understand a pattern; the message says which and why.
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


def _entities(doc: Doc, article: Article, schema: LabelSchema) -> Iterator[Span]:
    for entity in (*doc.ents, *doc.spans.get(SPANS_KEY, ())):  # of an entity recogniser, of a span categoriser
        if entity.label_ in schema.label_of_entity:
            label, score = schema.label_of_entity[entity.label_]
            yield from _span(article, entity, label, score)


def _matches(doc: Doc, article: Article, matchers: list[tuple[str, float, Matcher]]) -> Iterator[Span]:
    for label, score, matcher in matchers:
        try:
            found = matcher(doc)
        except ValueError as error:
            raise ModelError(
                f"The model cannot be used with the patterns of {label}: {error}",
                "Name another with --model, or take those patterns out of the schema.",
            ) from error
        for _, start, end in found:
            yield from _span(article, doc[start:end], label, score)


def _span(article: Article, tokens: Tokens, label: str, score: float) -> Iterator[Span]:
    """The tokens as a span, cut at a line end and trimmed; nothing where nothing is left."""
    start, end = trim(article.text, tokens.start_char, tokens.end_char)
    cut = article.text.find(LINE_END, start, end)
    start, end = trim(article.text, start, cut if cut >= 0 else end)
    if start < end:
        yield Span(id=_span_id(article, start, end, label), start=start, end=end, label=label, score=score)


def _span_id(article: Article, start: int, end: int, label: str) -> str:
    key = f"{article.doc_id}\n{start}\n{end}\n{label}"
    return hashlib.sha256(key.encode("utf-8")).hexdigest()[:10]
