"""The same pipeline, faster: it predicts what it predicted before.

What is changed of a pipeline that spaCy has loaded:

- Matrices are multiplied by NumPy's BLAS (OpenBLAS in its wheels), not by BLIS. It is an option of thinc's.
- The parser and the entity recogniser step through their states in Python, all documents of a batch at once. spaCy does
  so in C without the GIL, but its states take and release the GIL at every look.
- The attribute ruler looks up its patterns of one token, where spaCy tries all of them at every token.
- The lemmatizer remembers lemmas.

With en_core_web_sm each of the first two saves a third of the time, the others a tenth each. `benchmarks/annotate.py`
compares every tag, head, lemma and entity. Components of other classes, also of classes derived from these, stay.
"""

from collections.abc import Callable, Iterable, Iterator
from itertools import product
from typing import Any

from spacy.attrs import DEP, IS_SPACE, LEMMA, LOWER, MORPH, ORTH, POS, TAG
from spacy.lang.en.lemmatizer import EnglishLemmatizer
from spacy.language import Language
from spacy.matcher import Matcher
from spacy.pipeline import AttributeRuler, DependencyParser, EntityRecognizer
from spacy.tokens import Doc
from thinc.api import Model, NumpyOps, get_current_ops

REMEMBERED = 30_000  # lemmas, some 10 MB; then it starts afresh, so that memory stays flat
# What a pattern may ask a token for that can be looked up.
LOOKED_UP = {"TAG": TAG, "LOWER": LOWER, "DEP": DEP, "ORTH": ORTH, "TEXT": ORTH, "IS_SPACE": IS_SPACE}
PARSER_OPTIONS = ("update_with_oracle_cut_size", "beam_width", "beam_density", "beam_update_prob")


def optimize(nlp: Language) -> Language:
    """The pipeline itself, made faster."""
    for place, (name, pipe) in enumerate(nlp._components):
        if type(get_current_ops()) is NumpyOps and isinstance(model := getattr(pipe, "model", None), Model):
            for layer in model.walk():
                layer.ops = NumpyOps(use_blis=False)
        if change := CHANGES.get(type(pipe)):
            nlp._components[place] = (name, change(pipe))
    return nlp


class _InSteps:
    """A parser or entity recogniser that takes one step of all documents after the other."""

    def greedy_parse(self: Any, docs: list[Doc], drop: float = 0.0) -> list[Any]:
        """The documents' final states, as spaCy's own finds them."""
        if drop:
            return super().greedy_parse(docs, drop=drop)  # type: ignore[misc,no-any-return]
        states: list[Any] = self.moves.init_batch(docs)
        step = self.model.predict(docs)
        unfinished = [state for state in states if not state.is_final()]
        while unfinished:
            unfinished = self.transition_states(unfinished, step.predict(unfinished))
        step.clear_memory()
        return states


class QuickRecognizer(_InSteps, EntityRecognizer):  # type: ignore[misc]
    """`ner`, in steps."""

    @classmethod
    def of(cls, pipe: EntityRecognizer) -> EntityRecognizer:
        """The same recogniser."""
        return _with_weights_of(pipe, cls, (*PARSER_OPTIONS, "incorrect_spans_key"))


class QuickParser(_InSteps, DependencyParser):  # type: ignore[misc]
    """`parser`, in steps."""

    @classmethod
    def of(cls, pipe: DependencyParser) -> DependencyParser:
        """The same parser."""
        return _with_weights_of(pipe, cls, (*PARSER_OPTIONS, "learn_tokens", "min_action_freq"))


def _with_weights_of(pipe: Any, kind: type, options: tuple[str, ...]) -> Any:
    if pipe.cfg["multitasks"]:
        return pipe
    own = {key: pipe.cfg[key] for key in options}
    quick = kind(pipe.vocab, pipe.model, pipe.name, pipe.moves, scorer=pipe.scorer, **own)
    quick.cfg["moves"] = pipe.cfg["moves"]  # what is written to disk
    return quick


class QuickAttributeRuler(AttributeRuler):
    """`attribute_ruler`, which looks up patterns that ask one token for given values, such as a tag and a word."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._forget()

    @classmethod
    def of(cls, pipe: AttributeRuler) -> AttributeRuler:
        """The same ruler."""
        quick = cls(pipe.vocab, pipe.name, validate=pipe.validate, scorer=pipe.scorer)
        quick.add_patterns(pipe.patterns)
        return quick

    def clear(self) -> None:
        """Forget all patterns."""
        super().clear()
        self._forget()

    def _forget(self) -> None:
        self._others = Matcher(self.vocab, validate=self.validate)
        # attributes → their values → the rules (number, hash of the number) that a token with these values meets
        self._rules: dict[tuple[int, ...], dict[tuple[int, ...], list[tuple[int, int]]]] = {}

    def add(self, patterns: Iterable[list[dict[Any, Any]]], attrs: dict[Any, Any], index: int = 0) -> None:
        """Add a rule: what the token at `index` of each match gets."""
        patterns, number = list(patterns), len(self.attrs)
        super().add(patterns, attrs, index)
        key = self.vocab.strings[str(number)]
        for pattern in patterns:
            asked = self._asked(pattern)
            if asked is None:
                self._others.add(key, [pattern])
                continue
            rules = self._rules.setdefault(tuple(asked), {})
            for values in product(*asked.values()):
                rules.setdefault(values, []).append((number, key))

    def _asked(self, pattern: list[dict[Any, Any]]) -> dict[int, list[int]] | None:
        """Attribute → the values that it may have; None where a pattern asks for more than this."""
        if len(pattern) != 1 or not pattern[0]:
            return None
        asked: dict[int, list[int]] = {}
        for name, value in pattern[0].items():
            attribute = LOOKED_UP.get(str(name).upper())
            values = value["IN"] if isinstance(value, dict) and list(value) == ["IN"] else [value]
            kind = bool if attribute == IS_SPACE else str
            if attribute is None or attribute in asked or not all(isinstance(each, kind) for each in values):
                return None
            asked[attribute] = [int(each) if kind is bool else self.vocab.strings.add(each) for each in values]
        return dict(sorted(asked.items()))

    def match(self, doc: Doc) -> list[tuple[int, int, int, int]]:
        """(rule's number, hash of the number, start, end) of each match, sorted."""
        others = self._others(doc, allow_missing=True, as_spans=False) if len(self._others) else []
        found = {(int(self.vocab.strings[key]), key, start, end) for key, start, end in others}
        for attributes, rules in self._rules.items():
            for place, values in enumerate(_rows(doc, attributes)):
                if values in rules:
                    found.update((number, key, place, place + 1) for number, key in rules[values])
        return sorted(found)


class QuickLemmatizer(EnglishLemmatizer):
    """`lemmatizer`, which remembers the lemma of a word, its part of speech and its morphology."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._remembered: dict[tuple[int, ...], str] = {}

    @classmethod
    def of(cls, pipe: EnglishLemmatizer) -> EnglishLemmatizer:
        """The same lemmatizer; rules are followed by the word, its part of speech and morphology alone."""
        if pipe.mode != "rule":
            return pipe
        quick = cls(
            pipe.vocab, pipe.model, pipe.name, mode=pipe.mode, overwrite=pipe.overwrite, scorer=pipe.scorer
        )  # fmt: skip
        quick.lookups = pipe.lookups
        return quick

    def __call__(self, doc: Doc) -> Doc:
        """The document with its lemmas."""
        if len(self._remembered) > REMEMBERED:
            self._remembered.clear()
            self.cache.clear()
        remembered = self._remembered
        try:
            for place, (lemma, *word) in enumerate(_rows(doc, (LEMMA, ORTH, POS, MORPH))):
                if lemma and not self.overwrite:
                    continue
                key = tuple(word)
                if key not in remembered:
                    remembered[key] = self.lemmatize(doc[place])[0]
                doc[place].lemma_ = remembered[key]
        except Exception as error:  # as the lemmatizer itself does
            self.get_error_handler()(self.name, self, [doc], error)
        return doc


def _rows(doc: Doc, attributes: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
    """The values of the attributes, token by token."""
    values: Any = doc.to_array(list(attributes))
    return map(tuple, values.reshape(len(doc), len(attributes)).tolist())


CHANGES: dict[type, Callable[[Any], Any]] = {
    EntityRecognizer: QuickRecognizer.of,
    DependencyParser: QuickParser.of,
    AttributeRuler: QuickAttributeRuler.of,
    EnglishLemmatizer: QuickLemmatizer.of,
}
