"""The label schema: labels, relations, and the check of a document against them. It is data, written in TOML."""

import hashlib
import tomllib
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeVar, get_args

from pydantic import AfterValidator, Field, PrivateAttr, StringConstraints, ValidationError, model_validator

from labeling.core.examples import pieces
from labeling.core.faults import faults
from labeling.core.labels import LabeledDoc, Relation, Span
from labeling.core.parsing import parse_toml
from labeling.core.preannotate import Element, Preannotate, Role
from labeling.core.problem import Problem
from labeling.core.value import Value
from labeling.errors import SchemaError

NAME, COLOR, KEY = r"^\w[\w-]*$", r"^#[0-9a-fA-F]{6}$", r"^[a-z0-9]$"
VERSION, LANGUAGE = r"^\d+(\.\d+){0,2}$", r"^[a-z]{2,3}$"
# The patterns in words, continuing "it".
IN_WORDS = {
    NAME: "can have letters, digits, _ and -, and does not begin with -",
    COLOR: "is # and six hexadecimal digits, as in #1f77b4",
    KEY: "is one lower-case letter from a to z, or one digit",
    VERSION: "is one to three numbers separated by dots, as in 1.0.0",
    LANGUAGE: "is a code of two or three lower-case letters, as in en",
}
Identifier = Annotated[str, StringConstraints(pattern=NAME, max_length=50)]
LONGEST = 100  # characters of a label's name
JOINERS = "\u200c\u200d"  # invisible, and part of how Persian and emoji are written


def label_name(name: str) -> str:
    """The name, if it is valid for a label or relation.

    Anything that people can read is: `Other weapon`, `SHIP TO`, `人物`, `R&D/IT`.

    Raises:
        ValueError: It is not valid; the message says why.
    """
    if not name.strip():
        raise ValueError("a name cannot be empty")
    if name != name.strip():
        raise ValueError(f"{name!r} is not valid: it has white space at its edge")
    if len(name) > LONGEST:
        raise ValueError(f"{name!r} is not valid: it is longer than {LONGEST} characters")
    if odd := [c for c in name if not c.isprintable() and c not in JOINERS and unicodedata.category(c) != "Zs"]:
        shown = ", ".join(f"U+{ord(c):04X}" for c in dict.fromkeys(odd))
        raise ValueError(f"{name!r} is not valid: it has line breaks, control or invisible characters ({shown})")
    return name


LabelName = Annotated[str, AfterValidator(label_name)]
Score = Annotated[float, Field(ge=0, le=1)]
Prose = Annotated[str, StringConstraints(strip_whitespace=True)]


E = TypeVar("E")


class Pattern(Value):
    """A spaCy token pattern (a list for `Matcher.add`) whose longest matches are spans of a label."""

    pattern: Annotated[tuple[dict[str, Any], ...], Field(min_length=1)]
    score: Score = 0.5


class Label(Value):
    """A label of spans.

    Attributes:
        description: What it means, in one sentence.
        guidance: What an annotator marks and what not.
        examples: Texts with the spans in [square brackets]; `[NAME words]` is a span of the label NAME.
        color: CSS hex colour in the annotator's page.
        hotkey: The key that selects the label.
        entities: spaCy's entity labels that become this one, each with the score of such a span (0 to 1).
        patterns: Token patterns whose matches get this label.
        normal: The kind of a span's normal form: a "date" (ISO 8601) or a "place" (country, latitude, longitude).
    """

    description: Prose = ""
    guidance: Prose = ""
    examples: tuple[str, ...] = ()
    color: Annotated[str, StringConstraints(pattern=COLOR)] = "#6e7781"
    hotkey: Annotated[str, StringConstraints(pattern=KEY)] | None = None
    entities: dict[str, Score] = Field(default_factory=dict)
    patterns: tuple[Pattern, ...] = ()
    normal: Literal["date", "place"] | None = None


class RelationLabel(Value):
    """A label of relations, with the labels that head and tail may have.

    Attributes:
        description: What it is, in one sentence.
        head: Labels of the span that it starts from.
        tail: Labels of the span that it points to.
        drawn: Which of the two the annotators' arrow starts at.
    """

    description: Prose = ""
    head: Annotated[tuple[str, ...], Field(min_length=1)]
    tail: Annotated[tuple[str, ...], Field(min_length=1)]
    drawn: Literal["from head", "from tail"] = "from head"

    def allows(self, head: str, tail: str) -> bool:
        """Whether such a relation may go from one label to the other."""
        return head in self.head and tail in self.tail

    def in_order(self, first: E, second: E) -> tuple[E, E]:
        """Head and tail of an arrow from `first` to `second`; or the start and end of the arrow from head to tail."""
        return (first, second) if self.drawn == "from head" else (second, first)


class LabelSchema(Value):
    """The labels and relations of a project, with guidance for annotators and settings of the pre-annotation.

    `title` becomes the title of the Label Studio project, which has 3 to 50 characters.
    """

    name: Identifier
    version: Annotated[str, StringConstraints(pattern=VERSION)]
    title: Annotated[str, StringConstraints(min_length=3, max_length=50)]
    language: Annotated[str, StringConstraints(pattern=LANGUAGE)] = "en"
    description: Prose = ""
    instructions: Prose = ""
    labels: Annotated[dict[LabelName, Label], Field(min_length=1)]
    relations: dict[LabelName, RelationLabel] = Field(default_factory=dict)
    preannotate: Preannotate | None = None
    _folder: Path | None = PrivateAttr(None)

    @classmethod
    def from_toml(cls, toml: str, where: str = "schema", folder: Path | None = None) -> Self:
        """The schema in a TOML text; paths in it are relative to `folder`.

        Raises:
            SchemaError: It is not valid TOML, or it has problems; the message names all of them and `where`.
        """
        try:
            schema = cls.model_validate(parse_toml(toml))
        except tomllib.TOMLDecodeError as error:
            raise SchemaError(f"{where}: not valid TOML: {error}") from error
        except ValidationError as error:
            lines = [f"  {fault}" for fault in faults(error, IN_WORDS, whole="schema", shows=True)]
            raise SchemaError(
                f"{where}: {len(lines)} problem{'s' * (len(lines) > 1)}\n" + "\n".join(lines),
                hint="docs/schema.md explains every key. `labeling schema check FILE` checks again.",
            ) from error
        schema._folder = folder
        return schema

    @property
    def folder(self) -> Path | None:
        """The folder of the schema's file; None if it is not from a file."""
        return self._folder

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if faults := list(self._faults()):
            raise ValueError("\n".join(faults))
        return self

    def _faults(self) -> Iterator[str]:
        hotkeys = Counter(label.hotkey for label in self.labels.values() if label.hotkey)
        yield from (f"hotkey {key!r} selects {n} labels" for key, n in hotkeys.items() if n > 1)
        feeds = Counter(entity for label in self.labels.values() for entity in label.entities)
        yield from (
            f"entity {entity!r} feeds {n} labels; it can become only one" for entity, n in feeds.items() if n > 1
        )
        yield from (
            f"labels.{name}.normal: the name of a label with normal forms cannot have a comma"
            for name, label in self.labels.items()
            if label.normal and "," in name
        )
        yield from self._example_faults()
        yield from self._preannotate_faults()
        for name, relation in self.relations.items():
            for end, labels in (("head", relation.head), ("tail", relation.tail)):
                for label in labels:
                    if label not in self.labels:
                        yield f"relations.{name}.{end}: {label!r} is not a label; there are {', '.join(self.labels)}"

    def _example_faults(self) -> Iterator[str]:
        for name, label in self.labels.items():
            for example in label.examples:
                try:
                    pieces(example, name, self.labels)
                except ValueError as error:
                    yield f"labels.{name}.examples: {error}"

    def _preannotate_faults(self) -> Iterator[str]:
        wanted = self.preannotate
        if not wanted:
            return
        elements = {name: getattr(wanted, name) for name in get_args(Element) if name in wanted.model_fields_set}
        roles = {role: getattr(wanted, role) for role in get_args(Role) if role in wanted.model_fields_set}
        known: tuple[tuple[str, dict[str, str], Mapping[str, Any]], ...] = (
            ("label", elements, self.labels),
            ("relation", roles, self.relations),
            ("label", {f"extents.{name}": name for name in wanted.extents}, self.labels),
            ("label", {f"thresholds.{name}": name for name in wanted.thresholds}, self.labels),
        )
        for kind, names, those in known:
            for key, name in names.items():
                if name and name not in those:
                    there = ", ".join(those) or "none"
                    yield f'preannotate.{key}: {name!r} is not a {kind}; there are {there}. "" stands for none'

    @cached_property
    def predicted(self) -> Preannotate | None:
        """The `[preannotate]` table, with "" for default labels and relations that the schema does not have."""
        wanted = self.preannotate
        if not wanted:
            return None
        absent = {name: "" for name in get_args(Element) if getattr(wanted, name) not in self.labels}
        absent |= {role: "" for role in get_args(Role) if getattr(wanted, role) not in self.relations}
        return wanted.model_copy(update=absent)

    @property
    def key(self) -> str:
        """Name and version, `event-1.0.0`, which predictions and training files carry."""
        return f"{self.name}-{self.version}"

    @cached_property
    def sha256(self) -> str:
        """The SHA-256 of what the schema says of gold, in hex: everything but how arrows are drawn."""
        said = self.model_dump_json(exclude={"relations": {"__all__": {"drawn"}}})
        return hashlib.sha256(said.encode("utf-8")).hexdigest()

    @cached_property
    def label_of_entity(self) -> Mapping[str, tuple[str, float]]:
        """Entity label → (label, score); each label of the schema also feeds itself, for models trained on it."""
        own = {name: (name, 1.0) for name in self.labels}
        fed = {entity: (name, score) for name, label in self.labels.items() for entity, score in label.entities.items()}
        return own | fed

    def check(self, doc: LabeledDoc) -> tuple[Problem, ...]:
        """The document's violations of the schema: unknown labels, and relations with an illegal head or tail."""
        return tuple(self._violations(doc.doc_id, doc.spans, doc.relations, doc.by_id))

    def _violations(
        self, doc_id: str, spans: Iterable[Span], relations: Iterable[Relation], by_id: Mapping[str, Span]
    ) -> Iterator[Problem]:
        for span in spans:
            if span.label not in self.labels:
                detail = f"the schema {self.key} has no label {span.label!r}; it has {', '.join(self.labels)}"
                yield Problem(
                    reason="unknown-label",
                    action="refused",
                    detail=detail,
                    doc_id=doc_id,
                    label=span.label,
                    start=span.start,
                    end=span.end,
                )
        for relation in relations:
            if detail := self.objection(relation.label, by_id[relation.head].label, by_id[relation.tail].label):
                yield Problem(
                    reason="illegal-relation", action="refused", detail=detail, doc_id=doc_id, label=relation.label
                )

    def arrows(self, start: str, end: str) -> tuple[str, ...]:
        """The relations that an arrow from a span of the label `start` to one of the label `end` can stand for."""
        return self._arrows.get((start, end), ())

    @cached_property
    def _arrows(self) -> Mapping[tuple[str, str], tuple[str, ...]]:
        return {
            (start, end): tuple(n for n, kind in self.relations.items() if kind.allows(*kind.in_order(start, end)))
            for start in self.labels
            for end in self.labels
        }

    def objection(self, relation: str, head: str, tail: str) -> str:
        """Why such a relation may not go from the label `head` to the label `tail`; "" if it may."""
        if relation not in self.relations:
            known = ", ".join(self.relations) or "none"
            return f"the schema {self.key} has no relation {relation!r}; it has {known}"
        legal = self.relations[relation]
        if legal.allows(head, tail):
            return ""
        return f"{relation} cannot go from {head} to {tail}, only from {'/'.join(legal.head)} to {'/'.join(legal.tail)}"
