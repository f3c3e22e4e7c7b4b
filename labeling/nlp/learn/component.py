"""The components of a trained model: `frozen_encoder`, `transformer_vectors`, `learned_spans`, `learned_relations`."""

from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any

import numpy
from spacy.language import Language
from spacy.tokens import Doc, Span, SpanGroup
from thinc.api import to_numpy

from labeling.core.schema import LabelSchema
from labeling.errors import ModelError
from labeling.nlp.events.component import KEY
from labeling.nlp.events.files import Files
from labeling.nlp.events.spans import BREAK_EVEN, expected_savings
from labeling.nlp.gold import SPANS_KEY
from labeling.nlp.learn.encoder import Encoder
from labeling.nlp.learn.knowledge import Knowledge, shown
from labeling.nlp.learn.linear import Floats
from labeling.nlp.learn.mixture import Opinions, as_logs
from labeling.nlp.learn.recognizer import LOGS
from labeling.nlp.learn.relating import lexicon_for, rules_of
from labeling.nlp.learn.relations import RelationModel
from labeling.nlp.learn.state import RECOGNIZER, SETTINGS, SHIPPED, WEIGHTS, Learned, regressed
from labeling.nlp.learn.tags import ScoredSpan, Tags
from labeling.nlp.learn.token_features import TokenFeatures
from labeling.nlp.serialized import Serialized

FROZEN, VECTORS, SPANS, RELATIONS = "frozen_encoder", "transformer_vectors", "learned_spans", "learned_relations"
LABELS, MODEL = "schema.json", "relations.npz"  # files of the components


class FrozenEncoder(Serialized):
    """Sets `doc.tensor` to the contextual vectors of the tokens; shape (tokens, width)."""

    encoder: Encoder | None = None

    def to_files(self) -> dict[str, bytes]:
        """The encoder's files."""
        return self.encoder.files() if self.encoder else {}

    def load_files(self, files: dict[str, bytes]) -> None:
        """Restore the encoder from its files."""
        self.encoder = Encoder.of(files)

    def __call__(self, doc: Doc) -> Doc:
        """The document with its vectors."""
        return next(self.pipe([doc]))

    def pipe(self, stream: Iterable[Doc], *, batch_size: int = 16) -> Iterator[Doc]:
        """The documents with their vectors, batch by batch."""
        if not self.encoder:
            raise ModelError("This pipeline's frozen encoder is missing.", "Load the pipeline from its folder.")
        stream = iter(stream)
        while docs := list(islice(stream, batch_size)):
            for doc, vectors in zip(docs, self.encoder.vectors(docs), strict=True):
                doc.tensor = vectors  # type: ignore[assignment]  # spaCy's stubs only allow doubles
                yield doc


class TransformerVectors:
    """Sets `doc.tensor` to the token vectors of a transformer earlier in the pipeline; shape (tokens, width).

    A token's vector is the mean over its word pieces in the last layer, 0 if it has none.
    """

    def __call__(self, doc: Doc) -> Doc:
        """The document with its vectors."""
        doc.tensor = _token_vectors(doc._.trf_data)  # type: ignore[assignment]  # spaCy's stubs only allow doubles
        return doc


def _token_vectors(data: Any) -> Floats:
    """The mean vector of each token's pieces, from the output of spacy-transformers or spacy-curated-transformers.

    The former lists the rows of each token's pieces, the latter has the rows in token order.
    """
    ragged = data.align if hasattr(data, "align") else data.last_hidden_layer_state
    to_array: Callable[[Any], Any] = to_numpy
    rows = to_array(data.model_output.last_hidden_state if hasattr(data, "align") else ragged.dataXd)
    lengths = to_array(ragged.lengths)
    rows = rows.reshape(-1, rows.shape[-1])
    if hasattr(data, "align"):
        rows = rows[to_array(ragged.dataXd).reshape(-1)]
    found: Floats = numpy.zeros((len(lengths), rows.shape[1]), dtype=numpy.float32)
    numpy.add.at(found, numpy.repeat(numpy.arange(len(lengths)), lengths), rows)
    found /= numpy.maximum(lengths, 1)[:, None]
    return found


class LearnedSpans(Serialized):
    """Sets `doc.spans["events"]` and `doc.ents`; with overlapping labels also `doc.spans["sc"]`, which has all spans.

    The `attrs` of `doc.spans["events"]` are `scores`, the probability that each span is right; `sources`, the experts
    that found each; and `saved`, the share of the annotator's work that the spans are expected to save.
    """

    learned: Learned | None = None
    schema: LabelSchema | None = None
    rules: Files | None = None
    knowledge: Knowledge | None = None

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels that the component predicts."""
        return self.learned.tags.labels if self.learned else ()

    def build(self, learned: Learned, schema: LabelSchema, rules: Files | None) -> None:
        """Set the learned weights, the schema, and the files that it names."""
        self.learned, self.schema, self.rules = learned, schema, rules
        self.knowledge = Knowledge(self.nlp, rules)

    def to_files(self) -> dict[str, bytes]:
        """The learned weights, and the schema with its files."""
        if not self.learned or not self.schema:
            return {}
        return {**self.learned.files(), **_schema_files(self.schema, self.rules)}

    def load_files(self, files: dict[str, bytes]) -> None:
        """Restore the component from its files."""
        schema, rules = _schema_of({name: data for name, data in files.items() if name not in (SETTINGS, WEIGHTS)})
        self.build(Learned.of(files), schema, rules)

    def __call__(self, doc: Doc) -> Doc:
        """The document with its spans."""
        if not self.learned or not self.knowledge:
            raise ModelError("This pipeline's learned weights are missing.", "Load the pipeline from its folder.")
        features = self.knowledge(doc)
        logs = doc.user_data.pop(LOGS, None)
        opinions = opinions_of(self.learned, doc, features, logs)
        tags = self.learned.tags
        thresholds = self.learned.settings.thresholds
        if self.learned.settings.untrained:
            spans, opinions = self.learned.mixture.calibrated(shown(features, tags)), {}
        else:
            spans = self.learned.mixture.spans(opinions, tags, doc, thresholds)
            opinions = {name: opinions[name] for name in self.learned.settings.weights if name in opinions}
        group = [Span(doc, span.start, span.end, label=span.label) for span in spans]
        scores = [span.p for span in spans]
        saved = expected_savings(sum(scores) / max(self.learned.settings.coverage, BREAK_EVEN), scores)
        attrs = {"scores": scores, "sources": sources(spans, opinions, features, tags), "saved": saved}
        doc.spans[KEY] = SpanGroup(doc, name=KEY, spans=group, attrs=attrs)
        if len(tags.layers) > 1:
            doc.spans[SPANS_KEY] = SpanGroup(doc, name=SPANS_KEY, spans=group)
        doc.ents = _entities(spans, group)
        return doc


def opinions_of(learned: Learned, doc: Doc, features: TokenFeatures, recognized: Floats | None) -> Opinions:
    """The log-probabilities of a document's tags by each expert."""
    tags = learned.tags
    opinions = {SHIPPED: as_logs(shown(features, tags), len(doc), tags)} if features.shown else {}
    opinions |= regressed(learned.regressions, features, doc.tensor, tags)
    if recognized is not None:
        opinions[RECOGNIZER] = recognized
    return opinions


def sources(spans: Iterable[ScoredSpan], opinions: Opinions, features: TokenFeatures, tags: Tags) -> list[str]:
    """The source of each span: `encoder .95, actor noun .82, knowledge .71`, the highest probability first.

    Each expert is listed with the probability that it alone gives the span. The shipped pre-annotation is
    listed under the kind of its span, and only if it has the same span. Without opinions, there is only the kind.
    """
    kinds = {(one.candidate.start, one.candidate.end, one.label): one for one in features.shown}
    found = []
    for span in spans:
        begin = tags.begins[span.label]
        given = {name: _alone(logs, span, begin) for name, logs in opinions.items() if name != SHIPPED}
        if same := kinds.get((span.start, span.end, span.label)):
            given[same.candidate.kind] = same.score
        ranked = sorted(given.items(), key=lambda one: (-one[1], one[0]))
        texts = (f"{name} {p:.2f}".replace(" 0.", " .") if opinions else name for name, p in ranked)
        found.append(", ".join(texts) or SHIPPED)  # the shipped span had other edges
    return found


def _alone(logs: Floats, span: ScoredSpan, begin: int) -> float:
    """The probability of a span by one expert alone; `begin` is the column of the label's B tag."""
    log = logs[span.start, begin] + logs[span.start + 1 : span.end, begin + 1].sum()
    ends = 1 - numpy.exp(logs[span.end, begin + 1]) if span.end < len(logs) else 1.0
    return float(numpy.exp(log) * ends)


def _entities(spans: list[ScoredSpan], group: list[Span]) -> list[Span]:
    """The spans without overlaps, preferring the most probable, in text order."""
    taken: set[int] = set()
    found = []
    for span, tokens in sorted(zip(spans, group, strict=True), key=lambda pair: (-pair[0].p, pair[0].start)):
        if taken.isdisjoint(range(span.start, span.end)):
            taken.update(range(span.start, span.end))
            found.append(tokens)
    return sorted(found, key=lambda tokens: tokens.start)


class LearnedRelations(Serialized):
    """Adds `relations` to the `attrs` of `doc.spans["events"]`: [index of the head, index of the tail, label]."""

    model: RelationModel | None = None
    schema: LabelSchema | None = None
    rules: Files | None = None

    def build(self, model: RelationModel | None, schema: LabelSchema, rules: Files | None) -> None:
        """Set the relation model, the schema, and the files that it names."""
        self.model, self.schema, self.rules = model, schema, rules

    def to_files(self) -> dict[str, bytes]:
        """The relation model, and the schema with its files."""
        if not self.schema:
            return {}
        learned = {MODEL: self.model.to_bytes()} if self.model else {}
        return {**learned, **_schema_files(self.schema, self.rules)}

    def load_files(self, files: dict[str, bytes]) -> None:
        """Restore the component from its files."""
        schema, rules = _schema_of({name: data for name, data in files.items() if name != MODEL})
        model = None
        if MODEL in files:
            model = RelationModel.from_bytes(files[MODEL], schema, rules_of(self.nlp, rules), lexicon_for(rules))
        self.build(model, schema, rules)

    def __call__(self, doc: Doc) -> Doc:
        """The document with its relations."""
        if (group := doc.spans.get(KEY)) is not None:
            found = self.model(doc, list(group), group.attrs["scores"]) if self.model else []
            group.attrs["relations"] = [[head, tail, label] for head, tail, label, _ in found]
            group.attrs["relation_scores"] = [p for *_, p in found]
        return doc


def _schema_files(schema: LabelSchema, rules: Files | None) -> dict[str, bytes]:
    return rules.packed() if rules else {LABELS: schema.model_dump_json(indent=1).encode()}


def _schema_of(files: dict[str, bytes]) -> tuple[LabelSchema, Files | None]:
    if any(name.startswith("rules/") for name in files):
        rules = Files.unpacked(files)
        return rules.schema, rules
    return LabelSchema.model_validate_json(files[LABELS]), None


@Language.factory(FROZEN, assigns=["doc.tensor"])
def make_frozen_encoder(nlp: Language, name: str) -> FrozenEncoder:
    """The component `frozen_encoder`, whose encoder is saved with the pipeline."""
    return FrozenEncoder(nlp)


@Language.factory(VECTORS, requires=["doc._.trf_data"], assigns=["doc.tensor"])
def make_transformer_vectors(nlp: Language, name: str) -> TransformerVectors:
    """The component `transformer_vectors`; it comes after a transformer."""
    return TransformerVectors()


@Language.factory(SPANS, assigns=["doc.spans", "doc.ents"])
def make_learned_spans(nlp: Language, name: str) -> LearnedSpans:
    """The component `learned_spans`; it comes after the parser, the encoder and the recogniser."""
    return LearnedSpans(nlp)


@Language.factory(RELATIONS, assigns=["doc.spans"])
def make_learned_relations(nlp: Language, name: str) -> LearnedRelations:
    """The component `learned_relations`; it comes after `learned_spans`."""
    return LearnedRelations(nlp)
