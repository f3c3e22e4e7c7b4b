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

from collections.abc import Sequence
from typing import Any, get_args

from spacy.language import Language
from spacy.tokens import Doc, Span

from labeling.core.preannotate import Element, Role
from labeling.core.schema import LabelSchema
from labeling.errors import InputError
from labeling.nlp.events.files import Files, read_schema
from labeling.nlp.events.lexicon import Lexicon, to_lexicon
from labeling.nlp.events.relations import RelationFinder, read_rules
from labeling.nlp.events.scores import read_weights
from labeling.nlp.events.sources import Source, read_sources
from labeling.nlp.events.spans import SpanFinder, to_group
from labeling.nlp.serialized import Serialized

KEY = "events"  # of doc.spans
TIMES = "rules/times.tsv"


class Component(Serialized):
    """The base of both components: they have a schema with its files, which are saved with the pipeline."""

    def __init__(self, nlp: Language, files: Files | None, key: str) -> None:
        super().__init__(nlp)
        self.key, self.files = key, files
        if files:
            self.build(files)

    def build(self, files: Files) -> None:
        """Set the component up from a schema and its files."""
        raise NotImplementedError

    def check(self) -> None:
        """Raise InputError if the component has no schema, neither saved with it nor where its config says."""
        if not self.files:
            raise InputError("This pipeline's schema is missing.", "Load the pipeline from where it was saved.")

    def to_files(self) -> dict[str, bytes]:
        """The schema and its files."""
        return self.files.packed() if self.files else {}

    def load_files(self, files: dict[str, bytes]) -> None:
        """Restore the component from its files."""
        self.files = Files.unpacked(files)
        self.build(self.files)


class EventSpans(Component):
    """Sets `doc.spans["events"]` to labelled spans.

    Its `attrs` are `scores` (0 to 1) and `sources`, a list with one value per span; and `saved`, the share of the
    annotator's work that the spans are expected to save.
    """

    finder: SpanFinder
    sources: tuple[Source, ...] = ()

    def build(self, files: Files) -> None:
        """Set the component up from a schema and its files."""
        self.sources = read_sources(self.nlp, files)
        self.finder = finder_of(files)

    def __call__(self, doc: Doc) -> Doc:
        """The document with its spans."""
        self.check()
        given = [found for source in self.sources for found in source(doc)]
        doc.spans[self.key] = to_group(doc, self.key, *self.finder(doc, given))
        return doc


class EventRelations(Component):
    """Adds `relations` to the `attrs` of `doc.spans["events"]`: [index of the action, of the argument, label]."""

    finder: RelationFinder
    schema: LabelSchema

    def build(self, files: Files) -> None:
        """Set the component up from a schema and its files."""
        wanted = files.wanted
        self.labels = {role: getattr(wanted, role) for role in get_args(Role)}
        elements = {label: element for element in get_args(Element) if (label := getattr(wanted, element))}
        rules = read_rules(files.text("rules/relations.tsv"))
        self.schema = files.schema
        lexicon = lexicon_of(files)
        light, transitive = lexicon.named("light_verbs"), lexicon.named("object_verbs")
        self.finder = RelationFinder(rules, elements, light, transitive)

    def __call__(self, doc: Doc) -> Doc:
        """The document with its relations."""
        self.check()
        group = doc.spans.get(self.key)
        if group is not None:
            group.attrs["relations"] = [list(relation) for relation in self.between(list(group))]
        return doc

    def between(self, spans: Sequence[Span]) -> list[tuple[int, int, str]]:
        """The relations between spans of a document: index of the action, index of the argument, label."""
        return [
            (argument.head, argument.tail, label)
            for argument in self.finder(spans)
            if (label := self.labels[argument.role])
            and not self.schema.objection(label, spans[argument.head].label_, spans[argument.tail].label_)
        ]


def finder_of(files: Files) -> SpanFinder:
    """The span finder with the rules of a schema."""
    return SpanFinder(files.wanted, lexicon_of(files), read_weights(files.text("rules/scores.json")))


def lexicon_of(files: Files) -> Lexicon:
    """The lexicon of the rules, with the word lists that the schema adds."""
    lists = {name: [text] for name, text in files.named("rules", ".txt").items()}
    for name, text in files.named("lists", ".txt").items():
        lists.setdefault(name.rpartition(".")[0], []).append(text)
    own = tuple((name, "\n".join(texts)) for name, texts in lists.items())
    times = files.text(TIMES) if TIMES in files.content else ""  # an older copy of the rules may not have that file
    return to_lexicon(files.text("rules/nouns.tsv"), files.text("rules/verbs.tsv"), own, times)


def _made(kind: type[Component], nlp: Language, schema: str, key: str) -> Component:
    try:
        found = read_schema(schema)
    except InputError:
        if not schema.endswith(".toml"):
            raise
        return kind(nlp, None, key)  # a pipeline saved elsewhere has the schema among its files
    return kind(nlp, Files.of(found), key)


CONFIG: dict[str, Any] = {"schema": "event", "key": KEY}
NEEDS = ["token.tag", "token.pos", "token.dep", "token.lemma", "doc.ents"]


@Language.factory("event_spans", default_config=CONFIG, requires=NEEDS, assigns=["doc.spans"])
def make_event_spans(nlp: Language, name: str, schema: str, key: str) -> Component:
    """The component `event_spans`; `schema` is a path ending in .toml, or the name of a shipped schema."""
    return _made(EventSpans, nlp, schema, key)


@Language.factory("event_relations", default_config=CONFIG, requires=["token.dep", "doc.spans"])
def make_event_relations(nlp: Language, name: str, schema: str, key: str) -> Component:
    """The component `event_relations`; it comes after `event_spans`."""
    return _made(EventRelations, nlp, schema, key)
