"""The pipeline components `event_spans` and `event_relations`, for pipelines that tag, parse and find entities.

>>> from labeling.nlp.load import load
>>> nlp = load("en_core_web_sm")  # or any pipeline of `spacy.load`
>>> _ = nlp.add_pipe("event_spans", config={"schema": "event"})
>>> _ = nlp.add_pipe("event_relations", config={"schema": "event"})
>>> doc = nlp("Rebels attacked the army on Friday.")
>>> [(span.text, span.label_) for span in doc.spans["events"]]
[('Rebels', 'ACTOR'), ('attacked', 'ACTION'), ('army', 'ACTOR'), ('Friday', 'DATE')]
>>> doc.spans["events"].attrs["relations"]
[[1, 0, 'agent'], [1, 2, 'target'], [1, 3, 'time']]
"""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Self

import srsly
from spacy.language import Language
from spacy.tokens import Doc, Span

from labeling.core.schema import LabelSchema
from labeling.errors import InputError
from labeling.nlp.events.files import Files, read_schema
from labeling.nlp.events.lexicon import Lexicon, to_lexicon
from labeling.nlp.events.relations import RelationFinder, read_rules
from labeling.nlp.events.scores import read_weights
from labeling.nlp.events.sources import Source, read_sources
from labeling.nlp.events.spans import SpanFinder, to_group

KEY = "events"  # of doc.spans
TIMES = "rules/times.tsv"


class Component:
    """What both components have in common: a schema with the files that it names, which are saved with the pipeline."""

    def __init__(self, nlp: Language, files: Files | None, key: str) -> None:
        self.nlp, self.key = nlp, key
        self.files = files
        if files:
            self.build(files)

    def build(self, files: Files) -> None:
        """Make ready what the component works with."""
        raise NotImplementedError

    def ready(self) -> None:
        """Nothing, where there is a schema.

        Raises:
            InputError: The schema that the pipeline's config names is not there, and was not saved with it.
        """
        if not self.files:
            raise InputError("The schema of this pipeline is not there.", "Load the pipeline from where it was saved.")

    def to_bytes(self, *, exclude: Iterable[str] = ()) -> bytes:
        """The schema and its files."""
        return bytes(srsly.msgpack_dumps(self.files.packed() if self.files else {}))

    def from_bytes(self, data: bytes, *, exclude: Iterable[str] = ()) -> Self:
        """Work by what `to_bytes` gave."""
        return self._take(srsly.msgpack_loads(data))

    def to_disk(self, path: Path | str, *, exclude: Iterable[str] = ()) -> None:
        """Write the schema and its files into a folder."""
        for name, data in (self.files.packed() if self.files else {}).items():
            file = Path(path) / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(data)

    def from_disk(self, path: Path | str, *, exclude: Iterable[str] = ()) -> Self:
        """Work by what `to_disk` wrote."""
        files = (file for file in sorted(Path(path).rglob("*")) if file.is_file())
        return self._take({file.relative_to(path).as_posix(): file.read_bytes() for file in files})

    def _take(self, packed: dict[str, bytes]) -> Self:
        if packed:
            self.files = Files.unpacked(packed)
            self.build(self.files)
        return self


class EventSpans(Component):
    """Sets `doc.spans["events"]`: spans with labels, and `attrs`.

    `scores` (0 to 1) and `sources` are lists, one a span; `saved` is how much of the work they are expected to save.
    """

    finder: SpanFinder
    sources: tuple[Source, ...] = ()

    def build(self, files: Files) -> None:
        """Make ready what the component works with."""
        self.sources = read_sources(self.nlp, files)
        self.finder = finder_of(files)

    def __call__(self, doc: Doc) -> Doc:
        """The document with its spans."""
        self.ready()
        given = [found for source in self.sources for found in source(doc)]
        doc.spans[self.key] = to_group(doc, self.key, *self.finder(doc, given))
        return doc


class EventRelations(Component):
    """Adds to the `attrs` of `doc.spans["events"]` its `relations`: [number of the action, of the argument, label]."""

    finder: RelationFinder
    schema: LabelSchema

    def build(self, files: Files) -> None:
        """Make ready what the component works with."""
        wanted = files.wanted
        self.labels = {role: getattr(wanted, role) for role in ("agent", "target", "place", "time")}
        parts = {getattr(wanted, part): part for part in ("actor", "action", "location", "date")}
        rules = read_rules(files.text("rules/relations.tsv"))
        self.schema = files.schema
        lexicon = lexicon_of(files)
        light, needy = lexicon.named("light_verbs"), lexicon.named("object_verbs")
        self.finder = RelationFinder(rules, {label: part for label, part in parts.items() if label}, light, needy)

    def __call__(self, doc: Doc) -> Doc:
        """The document with its relations."""
        self.ready()
        group = doc.spans.get(self.key)
        if group is not None:
            group.attrs["relations"] = [list(arrow) for arrow in self.between(list(group))]
        return doc

    def between(self, spans: Sequence[Span]) -> list[tuple[int, int, str]]:
        """The relations between spans of a document: number of the action, of the argument, label."""
        return [
            (arrow.head, arrow.tail, label)
            for arrow in self.finder(spans)
            if (label := self.labels[arrow.role])
            and not self.schema.objection(label, spans[arrow.head].label_, spans[arrow.tail].label_)
        ]


def finder_of(files: Files) -> SpanFinder:
    """What finds spans by the rules of a schema."""
    return SpanFinder(files.wanted, lexicon_of(files), read_weights(files.text("rules/scores.json")))


def lexicon_of(files: Files) -> Lexicon:
    """The word lists of the rules, with those that the schema adds."""
    lists = {name: [text] for name, text in files.named("rules", ".txt").items()}
    for name, text in files.named("lists", ".txt").items():
        lists.setdefault(name.rpartition(".")[0], []).append(text)
    own = tuple((name, "\n".join(texts)) for name, texts in lists.items())
    times = files.text(TIMES) if TIMES in files.content else ""  # a copy of the rules may be older than that file
    return to_lexicon(files.text("rules/nouns.tsv"), files.text("rules/verbs.tsv"), own, times)


def _made(kind: type[Component], nlp: Language, schema: str, key: str) -> Component:
    try:
        found = read_schema(schema)
    except InputError:
        if not schema.endswith(".toml"):
            raise
        return kind(nlp, None, key)  # a saved pipeline on another machine brings its schema along
    return kind(nlp, Files.of(found), key)


CONFIG: dict[str, Any] = {"schema": "event", "key": KEY}
NEEDS = ["token.tag", "token.pos", "token.dep", "token.lemma", "doc.ents"]


@Language.factory("event_spans", default_config=CONFIG, requires=NEEDS, assigns=["doc.spans"])
def make_event_spans(nlp: Language, name: str, schema: str, key: str) -> Component:
    """The component `event_spans`; `schema` is a path that ends in .toml, or the name of a shipped schema."""
    return _made(EventSpans, nlp, schema, key)


@Language.factory("event_relations", default_config=CONFIG, requires=["token.dep", "doc.spans"])
def make_event_relations(nlp: Language, name: str, schema: str, key: str) -> Component:
    """The component `event_relations`, which stands behind `event_spans`."""
    return _made(EventRelations, nlp, schema, key)
