"""The components of a trained model: `frozen_encoder`, `transformer_vectors`, `learned_spans`, `learned_relations`."""

from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any, Self

import numpy
import srsly
from spacy.language import Language
from spacy.tokens import Doc, Span, SpanGroup
from thinc.api import to_numpy

from labeling.core.schema import LabelSchema
from labeling.errors import ModelError
from labeling.nlp.events.component import KEY
from labeling.nlp.events.files import Files
from labeling.nlp.gold import SPANS_KEY
from labeling.nlp.learn.encoder import Encoder
from labeling.nlp.learn.knowledge import Knowledge, shown, surrounded
from labeling.nlp.learn.linear import Floats
from labeling.nlp.learn.mixture import PAYS, Parts, as_logs
from labeling.nlp.learn.recognizer import LOGS
from labeling.nlp.learn.relating import lexicon_for, rules_of
from labeling.nlp.learn.relations import RelationModel
from labeling.nlp.learn.state import ENCODER, KNOWLEDGE, RECOGNIZER, SETTINGS, SHIPPED, WEIGHTS, Learned
from labeling.nlp.learn.symbols import Known
from labeling.nlp.learn.tags import Likely, Tags

FROZEN, VECTORS, SPANS, RELATIONS = "frozen_encoder", "transformer_vectors", "learned_spans", "learned_relations"
LABELS, MODEL = "schema.json", "relations.npz"  # files of the components


class Saved:
    """What the components have in common: they are saved as files by names, with the pipeline."""

    def __init__(self, nlp: Language) -> None:
        self.nlp = nlp

    def packed(self) -> dict[str, bytes]:
        """Everything by names, none before there is something."""
        raise NotImplementedError

    def take(self, files: dict[str, bytes]) -> None:
        """Work by what `packed` gave."""
        raise NotImplementedError

    def to_bytes(self, *, exclude: Iterable[str] = ()) -> bytes:
        """What it works with."""
        return bytes(srsly.msgpack_dumps(self.packed()))

    def from_bytes(self, data: bytes, *, exclude: Iterable[str] = ()) -> Self:
        """Work by what `to_bytes` gave."""
        if files := srsly.msgpack_loads(data):
            self.take(files)
        return self

    def to_disk(self, path: Path | str, *, exclude: Iterable[str] = ()) -> None:
        """Write what it works with into a folder."""
        for name, data in self.packed().items():
            file = Path(path) / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(data)

    def from_disk(self, path: Path | str, *, exclude: Iterable[str] = ()) -> Self:
        """Work by what `to_disk` wrote."""
        files = (file for file in sorted(Path(path).rglob("*")) if file.is_file())
        if found := {file.relative_to(path).as_posix(): file.read_bytes() for file in files}:
            self.take(found)
        return self


class FrozenEncoder(Saved):
    """Sets `doc.tensor` to the vectors of the tokens in their sentences; shape (tokens, width)."""

    encoder: Encoder | None = None

    def packed(self) -> dict[str, bytes]:
        """The encoder."""
        return self.encoder.files() if self.encoder else {}

    def take(self, files: dict[str, bytes]) -> None:
        """Work by an encoder that was saved."""
        self.encoder = Encoder.of(files)

    def __call__(self, doc: Doc) -> Doc:
        """The document with its vectors."""
        return next(self.pipe([doc]))

    def pipe(self, stream: Iterable[Doc], *, batch_size: int = 16) -> Iterator[Doc]:
        """The documents with their vectors, batch by batch."""
        if not self.encoder:
            raise ModelError("The frozen encoder of this pipeline is not there.", "Load the pipeline from its folder.")
        stream = iter(stream)
        while docs := list(islice(stream, batch_size)):
            for doc, vectors in zip(docs, self.encoder.vectors(docs), strict=True):
                doc.tensor = vectors  # type: ignore[assignment]  # spaCy's stubs know doubles alone
                yield doc


class TransformerVectors:
    """Sets `doc.tensor` to what a transformer before it says of the tokens; shape (tokens, width).

    A token's vector is the mean of those of its word pieces in the last layer; it is 0 where it has none.
    """

    def __call__(self, doc: Doc) -> Doc:
        """The document with its vectors."""
        doc.tensor = _of_tokens(doc._.trf_data)  # type: ignore[assignment]  # spaCy's stubs know doubles alone
        return doc


def _of_tokens(data: Any) -> Floats:
    """Of both libraries: spacy-transformers says which pieces a token has, spacy-curated-transformers in what order."""
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


class LearnedSpans(Saved):
    """Sets `doc.spans["events"]` and `doc.ents`; where spans overlap, `doc.spans["sc"]` has all of them.

    `attrs` of the first has `scores`, the probability that each span is right; `sources`, what found it; and
    `saved`, the share of the work that they are expected to save.
    """

    learned: Learned | None = None
    schema: LabelSchema | None = None
    rules: Files | None = None
    knowledge: Knowledge | None = None

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels of spans."""
        return self.learned.tags.labels if self.learned else ()

    def build(self, learned: Learned, schema: LabelSchema, rules: Files | None) -> None:
        """Work by what was learned, for a schema and with the files that it names."""
        self.learned, self.schema, self.rules = learned, schema, rules
        self.knowledge = Knowledge(self.nlp, rules)

    def packed(self) -> dict[str, bytes]:
        """What was learned, and the schema with its files."""
        if not self.learned or not self.schema:
            return {}
        return {**self.learned.files(), **_packed(self.schema, self.rules)}

    def take(self, files: dict[str, bytes]) -> None:
        """Work by what was saved."""
        learned = Learned.of(files)
        packed = {name: data for name, data in files.items() if name not in (SETTINGS, WEIGHTS)}
        schema, rules = _unpacked(packed)
        self.build(learned, schema, rules)

    def __call__(self, doc: Doc) -> Doc:
        """The document with its spans."""
        if not self.learned or not self.knowledge:
            raise ModelError("What this pipeline has learned is not there.", "Load the pipeline from its folder.")
        known = self.knowledge(doc)
        logs = doc.user_data.pop(LOGS, None)
        parts = parts_of(self.learned, doc, known, logs)
        tags = self.learned.tags
        thresholds = self.learned.settings.thresholds
        if self.learned.settings.untrained:
            spans, parts = self.learned.mixture.calibrated(shown(known, tags)), {}
        else:
            spans = self.learned.mixture.spans(parts, tags, doc, thresholds)
            parts = {name: parts[name] for name in self.learned.settings.weights if name in parts}
        group = [Span(doc, span.start, span.end, label=span.label) for span in spans]
        saved = _saved(spans, self.learned.settings.coverage)
        attrs = {"scores": [span.p for span in spans], "sources": sources(spans, parts, known, tags), "saved": saved}
        doc.spans[KEY] = SpanGroup(doc, name=KEY, spans=group, attrs=attrs)
        if len(tags.layers) > 1:
            doc.spans[SPANS_KEY] = SpanGroup(doc, name=SPANS_KEY, spans=group)
        doc.ents = _entities(spans, group)
        return doc


def parts_of(learned: Learned, doc: Doc, known: Known, recognized: Floats | None) -> Parts:
    """What each part says of a document's tags."""
    tags = learned.tags
    parts: dict[str, Floats] = {SHIPPED: as_logs(shown(known, tags), len(doc), tags)} if known.shown else {}
    if knowledge := learned.regressions.get(KNOWLEDGE):
        parts[KNOWLEDGE] = knowledge.logs(known.symbols, known.numbers, tags)
    if encoder := learned.regressions.get(ENCODER):
        parts[ENCODER] = encoder.logs(None, surrounded(doc.tensor), tags)
    if recognized is not None:
        parts[RECOGNIZER] = recognized
    return parts


def sources(spans: Iterable[Likely], parts: Parts, known: Known, tags: Tags) -> list[str]:
    """What found each span: `encoder .95, actor noun .82, knowledge .71`, the surest first.

    Of each part that has a say it is the probability that the part by itself gives the span; the shipped
    pre-annotation, which gives none to what it does not show, is called by the kind of what it shows. Without parts
    it is the kind alone.
    """
    kinds = {(one.candidate.start, one.candidate.end, one.label): one for one in known.shown}
    begins = {
        label: columns.start + 2 * number + 1
        for layer, columns in zip(tags.layers, tags.columns, strict=True)
        for number, label in enumerate(layer)
    }
    found = []
    for span in spans:
        given = {name: _alone(logs, span, begins[span.label]) for name, logs in parts.items() if name != SHIPPED}
        if there := kinds.get((span.start, span.end, span.label)):
            given[there.candidate.kind] = there.score
        named = sorted(given.items(), key=lambda one: (-one[1], one[0]))
        said = (f"{name} {p:.2f}".replace(" 0.", " .") if parts else name for name, p in named)
        found.append(", ".join(said) or SHIPPED)  # of which another extent was made
    return found


def _alone(logs: Floats, span: Likely, begin: int) -> float:
    """How likely the tags of a span are by one part, and that it ends there; `begin` is the column of its first tag."""
    log = logs[span.start, begin] + logs[span.start + 1 : span.end, begin + 1].sum()
    ends = 1 - numpy.exp(logs[span.end, begin + 1]) if span.end < len(logs) else 1.0
    return float(numpy.exp(log) * ends)


def _entities(spans: list[Likely], group: list[Span]) -> list[Span]:
    """Those that can stand side by side, the likeliest first."""
    taken: set[int] = set()
    found = []
    for span, tokens in sorted(zip(spans, group, strict=True), key=lambda pair: (-pair[0].p, pair[0].start)):
        if taken.isdisjoint(range(span.start, span.end)):
            taken.update(range(span.start, span.end))
            found.append(tokens)
    return sorted(found, key=lambda tokens: tokens.start)


def _saved(spans: list[Likely], coverage: float) -> float:
    """The share of the work that is expected to be done, as `labeling.core.effort` counts it."""
    right = sum(span.p for span in spans)
    if not spans:
        return 1.0
    gold = max(right, right / max(coverage, PAYS))
    return max(0.0, 1 - (2 * (gold - right) + (len(spans) - right)) / (2 * gold))


class LearnedRelations(Saved):
    """Adds to the `attrs` of `doc.spans["events"]` its `relations`: [number of the head, of the tail, label]."""

    model: RelationModel | None = None
    schema: LabelSchema | None = None
    rules: Files | None = None

    def build(self, model: RelationModel | None, schema: LabelSchema, rules: Files | None) -> None:
        """Work by what was learned, for a schema and with the files that it names."""
        self.model, self.schema, self.rules = model, schema, rules

    def packed(self) -> dict[str, bytes]:
        """What was learned, and the schema with its files."""
        if not self.schema:
            return {}
        learned = {MODEL: self.model.to_bytes()} if self.model else {}
        return {**learned, **_packed(self.schema, self.rules)}

    def take(self, files: dict[str, bytes]) -> None:
        """Work by what was saved."""
        schema, rules = _unpacked({name: data for name, data in files.items() if name != MODEL})
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


def _packed(schema: LabelSchema, rules: Files | None) -> dict[str, bytes]:
    return rules.packed() if rules else {LABELS: schema.model_dump_json(indent=1).encode()}


def _unpacked(packed: dict[str, bytes]) -> tuple[LabelSchema, Files | None]:
    if any(name.startswith("rules/") for name in packed):
        rules = Files.unpacked(packed)
        return rules.schema, rules
    return LabelSchema.model_validate_json(packed[LABELS]), None


@Language.factory(FROZEN, assigns=["doc.tensor"])
def make_frozen_encoder(nlp: Language, name: str) -> FrozenEncoder:
    """The component `frozen_encoder`, whose encoder is saved with the pipeline."""
    return FrozenEncoder(nlp)


@Language.factory(VECTORS, requires=["doc._.trf_data"], assigns=["doc.tensor"])
def make_transformer_vectors(nlp: Language, name: str) -> TransformerVectors:
    """The component `transformer_vectors`, which stands behind a transformer."""
    return TransformerVectors()


@Language.factory(SPANS, assigns=["doc.spans", "doc.ents"])
def make_learned_spans(nlp: Language, name: str) -> LearnedSpans:
    """The component `learned_spans`, which stands behind the encoder, the recogniser and what parses."""
    return LearnedSpans(nlp)


@Language.factory(RELATIONS, assigns=["doc.spans"])
def make_learned_relations(nlp: Language, name: str) -> LearnedRelations:
    """The component `learned_relations`, which stands behind `learned_spans`."""
    return LearnedRelations(nlp)
