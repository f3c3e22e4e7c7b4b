"""Faster components for a loaded pipeline, with the same predictions.

- Matrices are multiplied by NumPy's BLAS (OpenBLAS in its wheels) instead of BLIS, an option of thinc.
- The parser and the entity recogniser step through their states in Python, for all documents of a batch at once. spaCy
  does it in C without the GIL, but its states acquire and release the GIL at every access.
- The attribute ruler looks up where a pattern may match; spaCy tries all of them at every token.
- The lemmatizer caches lemmas, and finds a word among those it knows by its hash; spaCy compares it with each.

With en_core_web_sm each of the first two saves a third of the time, the others a tenth each. `benchmarks/annotate.py`
compares every tag, head, lemma and entity. Components of other classes, subclasses included, stay as they are.
"""

from collections.abc import Callable, Iterable, Iterator
from itertools import product
from typing import Any, NamedTuple

from spacy.attrs import DEP, IS_SPACE, LEMMA, LOWER, MORPH, ORTH, POS, TAG
from spacy.lang.en.lemmatizer import EnglishLemmatizer
from spacy.language import Language
from spacy.matcher import Matcher
from spacy.pipeline import AttributeRuler, DependencyParser, EntityRecognizer
from spacy.tokens import Doc
from thinc.api import Model, NumpyOps, get_current_ops

MAX_LEMMAS = 30_000  # in the cache, about 10 MB; then it is cleared
# The attributes of patterns that can be looked up.
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
    """A parser or entity recogniser that advances all documents of a batch step by step."""

    def greedy_parse(self: Any, docs: list[Doc], drop: float = 0.0) -> list[Any]:
        """The final states of the documents, the same as spaCy's."""
        if drop:
            return super().greedy_parse(docs, drop=drop)  # type: ignore[misc,no-any-return]
        states: list[Any] = self.moves.init_batch(docs)
        step = self.model.predict(docs)
        scores = _scorer(step)
        unfinished = [state for state in states if not state.is_final()]
        while unfinished:
            unfinished = self.transition_states(unfinished, scores(unfinished))
        step.clear_memory()
        return states


def _scorer(step: Any) -> Callable[[list[Any]], Any]:
    """`step.predict`, called for every token, without what it prepares for training."""
    upper = step.vec2scores
    if upper is None or upper.name != "linear" or not step._class_mask.all():
        return step.predict  # type: ignore[no-any-return]
    gemm, weights, bias = upper.ops.gemm, upper.get_param("W"), upper.get_param("b")

    def scores(states: list[Any]) -> Any:
        made = gemm(step.state2vec.predict(step.get_token_ids(states)), weights, trans2=True)
        made += bias
        return made

    return scores


class QuickRecognizer(_InSteps, EntityRecognizer):  # type: ignore[misc]
    """A faster `ner`."""

    @classmethod
    def of(cls, pipe: EntityRecognizer) -> EntityRecognizer:
        """The recogniser, made faster."""
        return _with_weights_of(pipe, cls, (*PARSER_OPTIONS, "incorrect_spans_key"))


class QuickParser(_InSteps, DependencyParser):  # type: ignore[misc]
    """A faster `parser`."""

    @classmethod
    def of(cls, pipe: DependencyParser) -> DependencyParser:
        """The parser, made faster."""
        return _with_weights_of(pipe, cls, (*PARSER_OPTIONS, "learn_tokens", "min_action_freq"))


def _with_weights_of(pipe: Any, kind: type, options: tuple[str, ...]) -> Any:
    if pipe.cfg["multitasks"]:
        return pipe
    own = {key: pipe.cfg[key] for key in options}
    quick = kind(pipe.vocab, pipe.model, pipe.name, pipe.moves, scorer=pipe.scorer, **own)
    quick.cfg["moves"] = pipe.cfg["moves"]  # what is written to disk
    return quick


class _Rule(NamedTuple):
    """A pattern that is looked up by one of its tokens.

    Attributes:
        number, key: The number of the rule, and its hash.
        before, length: How many of the pattern's tokens are before that one, and how many there are.
        check: Whether the tokens match, where the look-up does not tell.
    """

    number: int
    key: int
    before: int
    length: int
    check: Matcher | None


class QuickAttributeRuler(AttributeRuler):
    """An `attribute_ruler` that tries a pattern only where one of its tokens has given values, such as a tag."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._forget()

    @classmethod
    def of(cls, pipe: AttributeRuler) -> AttributeRuler:
        """The ruler, made faster."""
        quick = cls(pipe.vocab, pipe.name, validate=pipe.validate, scorer=pipe.scorer)
        quick.add_patterns(pipe.patterns)
        return quick

    def clear(self) -> None:
        """Remove all patterns."""
        super().clear()
        self._forget()

    def _forget(self) -> None:
        self._others = Matcher(self.vocab, validate=self.validate)  # patterns that cannot be looked up
        # attributes → their values → the rules for tokens with these values
        self._rules: dict[tuple[int, ...], dict[tuple[int, ...], list[_Rule]]] = {}

    def add(self, patterns: Iterable[list[dict[Any, Any]]], attrs: dict[Any, Any], index: int = 0) -> None:
        """Add a rule that sets attributes of the token at `index` of each match."""
        patterns, number = list(patterns), len(self.attrs)
        super().add(patterns, attrs, index)
        key = self.vocab.strings[str(number)]
        for pattern in patterns:
            asked = [self._asked(token) for token in pattern]
            before = next((place for place, values in enumerate(asked) if values), None)
            if before is None or any("OP" in map(str.upper, token) for token in pattern):
                self._others.add(key, [pattern])
                continue
            anchor, check = asked[before], None
            if len(pattern) > 1 or len(anchor) < len(pattern[0]):
                check = Matcher(self.vocab, validate=self.validate)
                check.add(key, [pattern])
            rules = self._rules.setdefault(tuple(anchor), {})
            for values in product(*anchor.values()):
                rules.setdefault(values, []).append(_Rule(number, key, before, len(pattern), check))

    def _asked(self, token: dict[Any, Any]) -> dict[int, list[int]]:
        """Attribute → the values that a pattern's token allows, for those attributes that can be looked up."""
        asked: dict[int, list[int]] = {}
        for name, value in token.items():
            attribute = LOOKED_UP.get(str(name).upper())
            values = value["IN"] if isinstance(value, dict) and list(value) == ["IN"] else [value]
            kind = bool if attribute == IS_SPACE else str
            if attribute and attribute not in asked and all(isinstance(each, kind) for each in values):
                asked[attribute] = [int(each) if kind is bool else self.vocab.strings.add(each) for each in values]
        return dict(sorted(asked.items()))

    def match(self, doc: Doc) -> list[tuple[int, int, int, int]]:
        """(number of the rule, hash of the number, start, end) of each match, sorted."""
        others = self._others(doc, allow_missing=True, as_spans=False) if len(self._others) else []
        found = {(int(self.vocab.strings[key]), key, start, end) for key, start, end in others}
        for attributes, rules in self._rules.items():
            for place, values in enumerate(_rows(doc, attributes)):
                for number, key, before, length, check in rules.get(values, ()):
                    start, end = place - before, place - before + length
                    if check is None or (start >= 0 and end <= len(doc) and check(doc[start:end], allow_missing=True)):
                        found.add((number, key, start, end))
        return sorted(found)


class _Words(list[str]):
    """A list of words, as spaCy reads and writes it, in which a word is found by its hash."""

    def __init__(self, words: Iterable[str]) -> None:
        super().__init__(words)
        self._found = frozenset(self)

    def __contains__(self, word: object) -> bool:
        return word in self._found


class QuickLemmatizer(EnglishLemmatizer):
    """A `lemmatizer` that caches lemmas by word, part of speech and morphology."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._lemmas: dict[tuple[int, ...], str] = {}

    @classmethod
    def of(cls, pipe: EnglishLemmatizer) -> EnglishLemmatizer:
        """The lemmatizer, made faster if it uses rules: only these depend on nothing else."""
        if pipe.mode != "rule":
            return pipe
        quick = cls(pipe.vocab, pipe.model, pipe.name, mode="rule", overwrite=pipe.overwrite, scorer=pipe.scorer)
        quick.lookups = pipe.lookups
        known = quick.lookups.get_table("lemma_index", {})
        for part_of_speech, words in known.items():
            known[part_of_speech] = _Words(words)
        return quick

    def __call__(self, doc: Doc) -> Doc:
        """The document with its lemmas."""
        if len(self._lemmas) > MAX_LEMMAS:
            self._lemmas.clear()
            self.cache.clear()
        try:
            for place, (lemma, *word) in enumerate(_rows(doc, (LEMMA, ORTH, POS, MORPH))):
                if lemma and not self.overwrite:
                    continue
                key = tuple(word)
                if key not in self._lemmas:
                    self._lemmas[key] = self.lemmatize(doc[place])[0]
                doc[place].lemma_ = self._lemmas[key]
        except Exception as error:  # as in the lemmatizer itself
            self.get_error_handler()(self.name, self, [doc], error)
        return doc


def _rows(doc: Doc, attributes: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
    """The values of the attributes of each token."""
    values: Any = doc.to_array(list(attributes))
    return map(tuple, values.reshape(len(doc), len(attributes)).tolist())


CHANGES: dict[type, Callable[[Any], Any]] = {
    EntityRecognizer: QuickRecognizer.of,
    DependencyParser: QuickParser.of,
    AttributeRuler: QuickAttributeRuler.of,
    EnglishLemmatizer: QuickLemmatizer.of,
}
